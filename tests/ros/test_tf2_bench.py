"""The transform benchmark, short: its numbers are there, right, and within the budget where the code is ours."""

from __future__ import annotations

import importlib.util

import pytest

from cablecell.evaluation import bench_tf2

BUDGET = 0.10


def test_lookups_are_timed_and_right():
    rows = bench_tf2.measure_lookups(n=200, seed=3)
    assert len(rows) == 200
    assert max(row["error_m"] for row in rows) < 1e-9
    assert max(row["error_rad"] for row in rows) < 1e-9
    assert all(0.0 < row["lookup_s"] < 1.0 for row in rows)


def test_a_listener_at_500_hz_costs_at_most_a_tenth_of_a_core():
    is_ours = importlib.util.find_spec("tf2_ros.tf_message_wire") is not None
    measured = []
    for _ in range(3):  # busy neighbours share caches and cores and only ever add to the cost: the best of three counts
        cpu_fraction, message_hz = bench_tf2.measure_listener(listen_s=3.0)
        assert cpu_fraction > 0.005  # it did something
        if message_hz > 450.0 and (cpu_fraction <= BUDGET or not is_ours):
            return
        measured.append(f"{cpu_fraction:.1%} of a core at {message_hz:.0f} Hz")
    pytest.fail(f"the budget is {BUDGET:.0%} of a core at 500 Hz, measured: {', '.join(measured)}")


def test_no_queries_is_an_error():
    with pytest.raises(ValueError, match="n is 0; the number of queries must be at least 1"):
        bench_tf2.run(n=0, seed=1, workers=1)
