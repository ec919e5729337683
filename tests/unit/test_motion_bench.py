"""The motion benchmarks: what they promise in their summaries, and that rows depend on the seed alone."""

from __future__ import annotations

from typing import Any

import pytest

from cablecell.evaluation import bench_motion


def without_times(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if not key.endswith("_s") or key == "duration_s"} for row in rows]


@pytest.mark.parametrize(
    ("run", "n", "keys"),
    [
        (bench_motion.run_ik, 20, {"closed_form_median_s", "residual_max"}),
        (bench_motion.run_collision, 8, {"pairs_median", "colliding_rate"}),
        (bench_motion.run_planning, 3, {"plan_median_s", "plan_p99_s", "direct_rate"}),
        (bench_motion.run_timing, 2, {"joint_median_s", "line_median_s", "line_error_max_m", "jerk_use_max"}),
    ],
)
def test_a_small_run_is_clean_and_repeatable(run: Any, n: int, keys: set[str]) -> None:
    rows, summary = run(n=n, seed=3, workers=1)
    again, _ = run(n=n, seed=3, workers=1)
    assert without_times(rows) == without_times(again)
    other, _ = run(n=n, seed=4, workers=1)
    assert without_times(rows) != without_times(other)
    assert len(rows) == n
    assert keys | {"n", "median_s", "p95_s", "p99_s", "success_rate", "wilson_low", "violations"} <= summary.keys()
    assert summary["violations"] == 0
    assert summary["success_rate"] == 1.0
    assert 0.0 < summary["median_s"] <= summary["p95_s"] <= summary["p99_s"]


def test_rows_do_not_depend_on_the_workers() -> None:
    alone, _ = bench_motion.run_ik(n=6, seed=3, workers=1)
    shared, _ = bench_motion.run_ik(n=6, seed=3, workers=2)
    assert without_times(alone) == without_times(shared)


@pytest.mark.parametrize(("n", "workers"), [(0, 1), (1, 0)])
def test_a_run_of_nothing_is_refused(n: int, workers: int) -> None:
    with pytest.raises(ValueError, match=f"n is {n} and workers is {workers}"):
        bench_motion.run_ik(n=n, seed=1, workers=workers)


def test_a_wrong_answer_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A benchmark that cannot fail proves nothing."""
    monkeypatch.setattr(bench_motion, "RESIDUAL_LIMIT", -1.0)
    _, summary = bench_motion.run_ik(n=5, seed=1, workers=1)
    assert summary["violations"] == 5
    monkeypatch.setattr(bench_motion.CollisionChecker, "is_free", lambda *_: True)
    _, summary = bench_motion.run_collision(n=8, seed=1, workers=1)
    assert summary["violations"] > 0
    assert summary["success_rate"] < 1.0
