"""Benchmark of planning, end to end, on the committed problems of the cell: both backends, and OMPL as it comes.

A row is one problem. Times are given twice: on the wall, and of the processor, which is what counts where the machine
is shared. Every trajectory is judged by coal alone, every 2 ms and 5 mrad, without margin.
"""

from __future__ import annotations

import math
import time
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cablecell.core.errors import WorkcellError
from cablecell.core.motion.collision import CollisionChecker, RobotGeometry
from cablecell.core.motion.moves import MovePlanner
from cablecell.core.motion.planner import Backend, PlannerSettings
from cablecell.core.motion.scene import Scene
from cablecell.core.motion.timing import path_length
from cablecell.core.motion.trajectory import Trajectory, is_at_rest, measure_limit_use
from cablecell.core.statistics import percentile
from cablecell.evaluation import bench_motion as common
from cablecell.evaluation.motion_figures import draw as figures
from cablecell.evaluation.planning_problems import MARGIN_M, Problem, ProblemSet, held_scene, load_problems

__all__ = ["figures", "run_planning"]

Array = NDArray[np.float64]
Row = dict[str, Any]
Summary = dict[str, float]

BACKENDS: tuple[Backend, ...] = ("ompl", "compiled")
RECHECK_RAD = 0.005
RECHECK_PERIOD_S = 0.002
PEER_BUDGET_S = 2.0


def run_planning(*, n: int, seed: int, workers: int) -> tuple[list[Row], Summary]:
    """Plan n of the committed problems, in an order that the seed shuffles, with both backends and with bare OMPL.

    Returns:
        Rows, and a summary with, for the default backend, wall times (`median_s` …) and processor times (`cpu_…`) of
        the whole from pose to a timed and checked trajectory; the same of the compiled backend (`compiled_…`);
        `peer_…`, OMPL's RRTConnect and simplifier on coal, path only; `ratio_to_peer`, the default backend's whole to
        that; `success_rate`, per kind too; `violations`: trajectories over a limit or in collision.
    """
    problems = load_problems().problems
    if not 1 <= n <= len(problems):
        raise ValueError(f"n is {n}; the set has 1..{len(problems)} problems")
    order = np.random.default_rng(seed).permutation(len(problems))[:n]
    _prepare()
    rows = common.spread(_row, [int(k) for k in order], workers)
    summary: Summary = {"n": float(n)}
    for backend, prefix in zip(BACKENDS, ("", "compiled_"), strict=True):
        solved = [row for row in rows if row[f"{backend}_success"]]
        for clock in ("s", "cpu_s"):
            kind = "cpu_" if clock == "cpu_s" else ""
            times = common.times(solved, f"{backend}_{clock}")
            summary |= {f"{prefix}{kind}{key}": value for key, value in times.items()}
        summary[f"{prefix}success_rate"] = len(solved) / n
        summary[f"{prefix}violations"] = float(sum(row[f"{backend}_violation"] for row in rows))
        for name in sorted({row["kind"] for row in rows}):
            of_kind = [row for row in rows if row["kind"] == name]
            summary[f"{prefix}success_rate_{name}"] = float(np.mean([row[f"{backend}_success"] for row in of_kind]))
    summary["wilson_low"] = common.wilson_interval(sum(row["ompl_success"] for row in rows), n)[0]
    peers = [row for row in rows if row["peer_success"]]
    summary |= {f"peer_{key}": value for key, value in common.times(peers, "peer_cpu_s").items()}
    summary["peer_success_rate"] = len(peers) / n
    for prefix, name in (("", "ratio_to_peer"), ("compiled_", "compiled_ratio_to_peer")):
        if peers and f"{prefix}cpu_median_s" in summary:
            summary[name] = summary[f"{prefix}cpu_median_s"] / summary["peer_median_s"]
    stretches = [row["compiled_stretch"] for row in rows if row["compiled_success"]]
    if stretches:
        summary["compiled_stretch_p95"] = percentile(stretches, 0.95)
    return rows, summary


@cache
def _problems() -> ProblemSet:
    return load_problems()


@cache
def _geometry() -> RobotGeometry:
    return RobotGeometry(common.model())


@cache
def _moves(backend: Backend) -> MovePlanner:
    settings = PlannerSettings(backend=backend)
    return MovePlanner(common.model(), common.limits(), geometry=_geometry(), settings=settings)


@cache
def _scene(board: int, connector: str) -> Scene:
    return held_scene(_problems().boards[board], connector, common.model().X_world_base)


def _prepare() -> None:
    """Compile, or load what was compiled, before anything is timed."""
    for backend in BACKENDS:
        _moves(backend).warm_up()


def _row(number: int) -> Row:
    problem = _problems().problems[number]
    scene = _scene(problem.board, problem.connector)
    row: Row = {"index": number, "kind": problem.kind}
    for backend in BACKENDS:
        moves = _moves(backend)
        moves.planner.checker(scene, MARGIN_M)  # a scene is built once, not for every plan
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            trajectory = moves.move_to_pose(problem.q_start, problem.X_base_tcp, scene, MARGIN_M)
        except WorkcellError as error:
            row |= {f"{backend}_success": False, f"{backend}_violation": False, f"{backend}_error": str(error)}
            continue
        finally:
            row[f"{backend}_s"] = time.perf_counter() - wall
            row[f"{backend}_cpu_s"] = time.process_time() - cpu
        row |= {
            f"{backend}_success": True,
            f"{backend}_violation": _is_violation(trajectory, scene),
            f"{backend}_duration_s": trajectory.duration_s,
            f"{backend}_stretch": _stretch(trajectory),
        }
    return row | _peer(problem, scene)


def _is_violation(trajectory: Trajectory, scene: Scene) -> bool:
    use = measure_limit_use(trajectory, common.limits())
    over = max(use.velocity, use.acceleration) > common.SPEED_TOLERANCE or use.jerk > common.JERK_TOLERANCE
    return over or not is_at_rest(trajectory) or _touches(trajectory, CollisionChecker(_geometry(), scene, 0.0))


def _touches(trajectory: Trajectory, checker: CollisionChecker) -> bool:
    samples = trajectory.sample_every(RECHECK_PERIOD_S)[1]
    last: Array | None = None
    for k, q in enumerate(samples):
        ahead = samples[min(k + 1, len(samples) - 1)]
        if last is not None and k < len(samples) - 1 and float(np.abs(ahead - last).max()) <= RECHECK_RAD:
            continue
        if not checker.is_free(q):
            return True
        last = q
    return False


def _stretch(trajectory: Trajectory) -> float:
    """Return how much longer the way is than the straight joint line."""
    straight = float(np.linalg.norm(trajectory.goal - trajectory.start))
    return path_length(trajectory.q) / straight if straight > 0.0 else 1.0


def _peer(problem: Problem, scene: Scene) -> Row:
    """Let OMPL plan by itself: RRTConnect and its own simplifier, coal deciding every state, to the nearest goal."""
    from ompl import base, geometric, util  # type: ignore[import-untyped]

    util.setLogLevel(util.LogLevel.LOG_NONE)
    checker = CollisionChecker(_geometry(), scene, MARGIN_M)
    goals = [q for q in common.ik().solve_all(problem.X_base_tcp, problem.q_start) if checker.is_free(q)]
    if not goals:
        return {"peer_success": False, "peer_s": math.nan, "peer_cpu_s": math.nan}
    wall, cpu = time.perf_counter(), time.process_time()
    space = base.RealVectorStateSpace(6)
    bounds = base.RealVectorBounds(6)
    for i in range(6):
        bounds.setLow(i, float(common.model().limits.lower[i]))
        bounds.setHigh(i, float(common.model().limits.upper[i]))
    space.setBounds(bounds)
    setup = geometric.SimpleSetup(space)
    setup.setStateValidityChecker(lambda state: checker.is_free(state[0:6]))
    space.setLongestValidSegmentFraction(0.02 / space.getMaximumExtent())
    start, goal = space.allocState(), space.allocState()
    start[0:6], goal[0:6] = problem.q_start.tolist(), goals[0].tolist()
    setup.setStartAndGoalStates(start, goal)
    planner = geometric.RRTConnect(setup.getSpaceInformation())
    planner.setRange(0.6)
    setup.setPlanner(planner)
    util.RNG.setSeed(1)
    solved = setup.solve(PEER_BUDGET_S).getStatus() == base.PlannerStatus.EXACT_SOLUTION
    if solved:
        setup.simplifySolution(0.02)
    return {
        "peer_success": solved,
        "peer_s": time.perf_counter() - wall if solved else math.nan,
        "peer_cpu_s": time.process_time() - cpu if solved else math.nan,
    }
