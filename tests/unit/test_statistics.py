"""The interval of a rate and the percentile that every benchmark states."""

import math
import random

import pytest

from cablecell.core import statistics


@pytest.mark.parametrize(("successes", "n"), [(0, 30), (15, 30), (27, 30), (30, 30), (40, 40), (1, 1), (999, 1000)])
def test_wilson_interval_holds_the_score_equation(successes, n):
    """Its ends are the rates p at which |successes/n - p| is z standard errors of p, or the ends of 0..1."""
    z = 1.959964
    for end in statistics.wilson_interval(successes, n):
        distance = abs(successes / n - end)
        assert math.isclose(distance, z * math.sqrt(end * (1 - end) / n), abs_tol=1e-9) or end in (0.0, 1.0)


def test_wilson_interval_known_value():
    low, high = statistics.wilson_interval(27, 30)
    assert (round(low, 2), round(high, 2)) == (0.74, 0.97)


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (3, 2), (-1, 5)])
def test_impossible_counts_are_refused(successes, n):
    with pytest.raises(ValueError, match="need n > 0"):
        statistics.wilson_interval(successes, n)


def test_percentile_is_a_member_and_covers_its_fraction():
    rng = random.Random(3)
    for _ in range(200):
        values = [rng.random() for _ in range(rng.randint(1, 60))]
        fraction = rng.uniform(0.01, 1.0)
        value = statistics.percentile(values, fraction)
        assert value in values
        assert sum(v <= value for v in values) >= fraction * len(values) - 1e-9
    assert math.isnan(statistics.percentile([], 0.5))


def test_percentiles_of_known_values():
    values = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert statistics.percentile(values, 0.5) == 3.0
    assert statistics.percentile(values, 0.05) == 1.0
    assert statistics.percentile(values, 0.99) == 5.0
