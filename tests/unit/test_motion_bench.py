"""The motion benchmarks: what they promise in their summaries, and that rows depend on the seed alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cablecell.evaluation import bench, bench_ik, bench_motion, bench_planning
from cablecell.evaluation.motion_figures import draw as figures
from cablecell.evaluation.planning_problems import KINDS, generate, load_problems
from tests.support import motion


def without_times(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if not key.endswith("_s") or key == "duration_s"} for row in rows]


@pytest.mark.parametrize(
    ("run", "n", "keys"),
    [
        (bench_ik.run_ik, 20, {"closed_form_median_s", "residual_max", "cpu_median_s_random"}),
        (bench_motion.run_collision, 8, {"pairs_median", "colliding_rate", "compiled_median_s", "ratio_to_peer"}),
        (
            bench_motion.run_timing,
            2,
            {"joint_median_s", "line_median_s", "line_error_max_m", "jerk_use_max", "peer_median_s"},
        ),
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


def test_the_committed_problems_are_what_their_generator_draws() -> None:
    """The first ones: starts and goals are free with the margin, and there are enough of each kind."""
    problems = load_problems().problems
    kinds = [problem.kind for problem in problems]
    assert set(kinds) == set(KINDS)
    assert len(problems) >= 300
    assert kinds.count("narrow") >= 50
    drawn = generate(20261122, {"home": 2}, 20, motion.geometry())
    for item, problem in zip(drawn["problems"], problems, strict=False):
        assert item["q_start_rad"] == problem.q_start.tolist()
        assert item["goal_position_m"] == pytest.approx(problem.X_base_tcp[:3, 3].tolist(), abs=1e-12)


def test_a_small_planning_run_is_clean_and_repeatable(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, summary = bench_planning.run_planning(n=2, seed=3, workers=1)
    again, _ = bench_planning.run_planning(n=2, seed=3, workers=1)
    keys = ("index", "ompl_duration_s", "compiled_duration_s")
    assert [[row[key] for key in keys] for row in rows] == [[row[key] for key in keys] for row in again]
    for prefix in ("", "compiled_"):
        assert summary[f"{prefix}success_rate"] == 1.0
        assert summary[f"{prefix}violations"] == 0.0
        assert 0.0 < summary[f"{prefix}median_s"] <= summary[f"{prefix}p95_s"]
    assert summary["peer_median_s"] > 0.0
    monkeypatch.setattr(bench_planning.CollisionChecker, "is_free", lambda *_: False)
    _, summary = bench_planning.run_planning(n=1, seed=3, workers=1)
    assert summary["success_rate"] == 0.0, "a start that is in collision must fail the query"
    with pytest.raises(ValueError, match=r"n is 0; the set has 1\.\.340 problems"):
        bench_planning.run_planning(n=0, seed=3, workers=1)


def test_rows_do_not_depend_on_the_workers() -> None:
    alone, _ = bench_ik.run_ik(n=6, seed=3, workers=1)
    shared, _ = bench_ik.run_ik(n=6, seed=3, workers=2)
    assert without_times(alone) == without_times(shared)


@pytest.mark.parametrize(("n", "workers"), [(0, 1), (1, 0)])
def test_a_run_of_nothing_is_refused(n: int, workers: int) -> None:
    with pytest.raises(ValueError, match=f"n is {n} and workers is {workers}"):
        bench_ik.run_ik(n=n, seed=1, workers=workers)


def test_a_wrong_answer_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A benchmark that cannot fail proves nothing."""
    monkeypatch.setattr(bench_ik, "RESIDUAL_LIMIT", -1.0)
    _, summary = bench_ik.run_ik(n=5, seed=1, workers=1)
    assert summary["violations"] == 5
    monkeypatch.setattr(bench_motion.CollisionChecker, "is_free", lambda *_: True)
    _, summary = bench_motion.run_collision(n=8, seed=1, workers=1)
    assert summary["violations"] > 0
    assert summary["success_rate"] < 1.0


@pytest.mark.parametrize(
    ("name", "n", "words"),
    [
        ("ik", 10, ["20", "solutions"]),
        ("collision", 6, ["in collision"]),
        ("timing", 2, ["jerk (2)", "joint motions (1)"]),
    ],
)
def test_a_page_of_figures_stands_beside_the_results(tmp_path: Path, name: str, n: int, words: list[str]) -> None:
    file = tmp_path / "out.json"
    assert bench.run_from_cli(name, n=n, seed=1, workers=1, json_file=str(file)) == 0
    page = (tmp_path / "out.html").read_text(encoding="utf-8")
    assert f"bench {name}" in page
    assert page.count("<svg") >= 1
    assert "success_rate" in page
    assert "<script" not in page
    assert "<img" not in page
    assert all(word in page for word in words), page[:500]


def test_what_failed_stays_in_the_figures() -> None:
    row = {"kind": "narrow", "ompl_cpu_s": 0.01, "ompl_success": True, "ompl_stretch": 1.1}
    row |= {
        f"{stack}_{key}": value for stack in ("compiled", "peer") for key, value in (("cpu_s", 0.02), ("success", True))
    }
    row["compiled_stretch"] = 1.2
    lost = row | {"ompl_success": False}
    drawn = figures("planning", [row, lost])
    assert "OMPL, whole (2)" in drawn[0].svg
    assert "1 of 2" in drawn[1].svg
    assert figures("planning", []) == []
