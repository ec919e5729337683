"""Statistics of repeated trials: the percentile and the interval of a rate that every benchmark states."""

from __future__ import annotations

import math
from collections.abc import Iterable


def percentile(values: Iterable[float], fraction: float) -> float:
    """Return the nearest-rank percentile; NaN for no values."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(fraction * len(ordered)) - 1)] if ordered else math.nan


def wilson_interval(successes: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Return the Wilson score interval of a success rate.

    Args:
        successes: Number of successes.
        n: Number of trials, > 0.
        z: Normal quantile; the default gives 95 %.

    Raises:
        ValueError: n is not positive, or successes is not within 0 to n.

    Source:
        E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
    """
    if n <= 0 or not 0 <= successes <= n:
        raise ValueError(f"successes {successes} of n {n}: need n > 0 and 0 <= successes <= n")
    rate = successes / n
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)
