"""Benchmarks of the arm's motion: collision checks and timing, and what the others of its benchmarks share.

Every query is drawn from its own seed, so the rows do not depend on the number of workers; the times do, because
workers share the machine. Each benchmark judges its results by something the code under test did not compute.
"""

from __future__ import annotations

import itertools
import math
import multiprocessing
import os
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from typing import Any

import numpy as np
import pinocchio as pin  # type: ignore[import-untyped]
from numpy.typing import NDArray

from cablecell.composition.robot_description import load_robot_description, load_task_board_description
from cablecell.core.geometry import exp_so3, invert_pose, make_pose, pose_from_xyz_rpy
from cablecell.core.motion.collision import CollisionChecker, RobotGeometry
from cablecell.core.motion.compiled import CompiledChecker
from cablecell.core.motion.errors import NoIkSolutionError, SingularityError
from cablecell.core.motion.ik import InverseKinematics
from cablecell.core.motion.model import RobotModel
from cablecell.core.motion.scene import AttachedBody, Box, Scene, obstacles_from_urdf
from cablecell.core.motion.timing import LineLimits, time_joint_path, time_line
from cablecell.core.motion.trajectory import MotionLimits, Trajectory, is_at_rest, measure_limit_use
from cablecell.core.statistics import percentile, wilson_interval
from cablecell.evaluation.motion_figures import draw as figures

__all__ = ["figures", "run_collision", "run_timing"]

Array = NDArray[np.float64]
Row = dict[str, Any]
Summary = dict[str, float]

HOME = np.array([-0.1597, -1.3542, -1.6648, -1.6933, 1.5710, 1.4110])
MARGIN_M = 0.003
LINE = LineLimits(velocity=0.25, acceleration=1.0, jerk=10.0)
JERK_TOLERANCE = 1.05
SPEED_TOLERANCE = 1.02
RECHECK_RAD = 0.001
RECHECK_PERIOD_S = 0.002
TIP_BELOW_TCP_M = 0.0579
PLUG_SIZE_M = (0.01375, 0.00845, 0.0473)
BOARD_COUNT = 8
"""Boards that the queries of one run are spread over."""


def run_collision(*, n: int, seed: int, workers: int) -> tuple[list[Row], Summary]:
    """Check n configurations on random boards, half of them near home, with a plug in the gripper.

    Returns:
        Rows, and a summary with the times of one full-scene check by coal, by the compiled checker (`compiled_…`) and,
        for a peer, by pinocchio's loop over all pairs as it comes (`peer_…`), `pairs_median`, and `violations`: answers
        of the first two that differ from the smallest distance of all pairs, which another algorithm computes;
        `peer_wrong` counts the peer's.
    """
    rows = spread_queries(_collision_row, n, seed, workers)
    extra = {
        "pairs_median": float(np.median([row["pairs"] for row in rows])) if rows else 0.0,
        "colliding_rate": float(np.mean([not row["free"] for row in rows])) if rows else 0.0,
        "peer_wrong": float(sum(row["peer_wrong"] for row in rows)),
    }
    summary = times(rows, "check_s")
    for name in ("compiled", "peer"):
        summary |= {f"{name}_{key}": value for key, value in times(rows, f"{name}_s").items()}
    for prefix, ratio in (("", "ratio_to_peer"), ("compiled_", "compiled_ratio_to_peer")):
        summary[ratio] = summary[f"{prefix}median_s"] / summary["peer_median_s"]
    return rows, summary | rates(rows) | extra


def run_timing(*, n: int, seed: int, workers: int) -> tuple[list[Row], Summary]:
    """Time n motions, in turn a joint path of three lines and a straight line of the tool.

    A straight line that runs out of reach or into a singularity is drawn again: that is no matter of timing.

    Returns:
        Rows, and a summary with times of both kinds (`joint_…`, `line_…`), of ruckig for the same joint paths
        (`peer_…`, without samples) and how much longer than its motions ours are at most (`longer_than_peer_max`), the
        largest use of each limit, `line_error_max_m` between the knots, and `violations`: motions over a limit, off
        their path, or not at rest.
    """
    rows = spread_queries(_timing_row, n, seed, workers)
    summary: Summary = times(rows, "time_s")
    for kind in ("joint", "line"):
        summary |= {f"{kind}_{k}": v for k, v in times([r for r in rows if r["kind"] == kind], "time_s").items()}
    joint_rows = [row for row in rows if row["kind"] == "joint"]
    summary |= {f"peer_{k}": v for k, v in times(joint_rows, "peer_s").items()}
    summary["longer_than_peer_max"] = max(row["duration_s"] / row["peer_duration"] - 1.0 for row in joint_rows)
    for name in ("velocity", "acceleration", "jerk"):
        summary[f"{name}_use_max"] = max((row[name] for row in rows), default=0.0)
    summary["line_error_max_m"] = max((row["error_m"] for row in rows if row["kind"] == "line"), default=0.0)
    return rows, summary | rates(rows)


def spread(job: Callable[[Any], Row], items: Sequence[Any], workers: int) -> list[Row]:
    """Return the rows of all items, in order, made by as many processes as are asked for."""
    if workers == 1:
        return [job(item) for item in items]
    # A forked child would share the native libraries' threads and locks.
    context = multiprocessing.get_context("spawn")
    n = len(items)
    with ProcessPoolExecutor(min(workers, n, os.cpu_count() or 1), mp_context=context) as pool:
        return list(pool.map(job, items, chunksize=max(1, n // (8 * workers))))


def spread_queries(job: Callable[[int, int], Row], n: int, seed: int, workers: int) -> list[Row]:
    """Return the rows of n queries, each made from a seed and its number."""
    if n < 1 or workers < 1:
        raise ValueError(f"n is {n} and workers is {workers}; both must be at least 1")
    return spread(partial(job, seed), range(n), workers)


def times(rows: list[Row], key: str) -> Summary:
    """Return median, 95th and 99th percentile of a time; nothing where there are no rows."""
    values = [row[key] for row in rows]
    if not values:
        return {}
    return {
        "median_s": float(np.median(values)),
        "p95_s": percentile(values, 0.95),
        "p99_s": percentile(values, 0.99),
    }


def rates(rows: list[Row]) -> Summary:
    """Return how many rows succeeded, with what confidence, and how many break a promise."""
    successes = sum(bool(row["success"]) for row in rows)
    return {
        "n": float(len(rows)),
        "success_rate": successes / len(rows),
        "wilson_low": wilson_interval(successes, len(rows))[0],
        "violations": float(sum(bool(row["violation"]) for row in rows)),
    }


@cache
def model() -> RobotModel:
    """Return the arm of the cell."""
    return RobotModel(load_robot_description())


@cache
def ik() -> InverseKinematics:
    """Return the inverse kinematics of its tool."""
    return InverseKinematics(model())


@cache
def limits() -> MotionLimits:
    """Return what its motions may use."""
    return MotionLimits.uniform(6, velocity=2.0, acceleration=6.0, jerk=60.0)


@cache
def _geometry() -> RobotGeometry:
    return RobotGeometry(model())


@cache
def _board(seed: int, number: int) -> tuple[Scene, tuple[Array, ...]]:
    """Return the scene of a random board, and the poses of its port entrances in base_link."""
    rng = np.random.default_rng((seed, 1, number))
    args: dict[str, bool | float] = {}
    ports = []
    for slot in rng.choice(5, 2, replace=False).tolist():
        args[f"nic_card_mount_{slot}_present"] = True
        args[f"nic_card_mount_{slot}_translation"] = float(rng.uniform(-0.0215, 0.036))
        args[f"nic_card_mount_{slot}_yaw"] = float(rng.uniform(-0.17, 0.17))
        ports += [f"nic_card_mount_{slot}/sfp_port_{k}_entrance" for k in range(2)]
    for slot in range(2):
        args[f"sc_port_{slot}_present"] = True
        args[f"sc_port_{slot}_translation"] = float(rng.uniform(-0.055, 0.055))
        ports.append(f"sc_port_{slot}/sc_port_base_entrance")
    for kind in ("lc", "sfp", "sc"):
        slot = int(rng.integers(2))
        args[f"{kind}_mount_rail_{slot}_present"] = True
        args[f"{kind}_mount_rail_{slot}_translation"] = float(rng.uniform(-0.09, 0.09))
    text = load_task_board_description(**args)
    xyz = (float(rng.uniform(0.12, 0.18)), float(rng.uniform(-0.2, 0.0)), 1.14)
    X_base_board = invert_pose(model().X_world_base) @ pose_from_xyz_rpy(xyz, (0, 0, rng.uniform(2.9, 3.3)))
    plug = AttachedBody(
        "plug", Box(PLUG_SIZE_M), "tcp", pose_from_xyz_rpy((0, 0, TIP_BELOW_TCP_M - PLUG_SIZE_M[2] / 2), (0, 0, 0))
    )
    scene = Scene(obstacles_from_urdf(text, X_base_board), (plug,))
    return scene, tuple(X_base_board @ X for X in _frames(text, ports))


def _frames(text: str, names: list[str]) -> list[Array]:
    """Return poses of frames of a board in its root frame, by walking its fixed joints."""
    parents: dict[str, tuple[str, Array]] = {}
    for joint in ElementTree.fromstring(text).iter("joint"):
        origin, parent, child = joint.find("origin"), joint.find("parent"), joint.find("child")
        if origin is None or parent is None or child is None:
            continue
        xyz, rpy = ([float(v) for v in origin.attrib[key].split()] for key in ("xyz", "rpy"))
        parents[child.attrib["link"]] = (parent.attrib["link"], pose_from_xyz_rpy(xyz, rpy))
    poses = []
    for name in names:
        X, link = np.eye(4), name
        while link in parents:
            link, step = parents[link]
            X = step @ X
        poses.append(X)
    return poses


def query_rng(seed: int, index: int) -> np.random.Generator:
    """Return the random numbers of one query."""
    return np.random.default_rng((seed, 0, index))


@cache
def _checkers(seed: int, number: int) -> tuple[CollisionChecker, CompiledChecker, Callable[[Array], bool]]:
    """Return coal's checker of a board, its compiled twin, and the loop over its pairs."""
    checker = CollisionChecker(_geometry(), _board(seed, number)[0], 0.0)
    pin_model, geometry = model().pin_model, checker.geometry
    data, geometry_data = pin_model.createData(), geometry.createData()
    return (
        checker,
        CompiledChecker(checker),
        lambda q: not pin.computeCollisions(pin_model, data, geometry, geometry_data, q, True),
    )


def _collision_row(seed: int, index: int) -> Row:
    rng = query_rng(seed, index)
    checker, compiled, is_free_by_pairs = _checkers(seed, index % BOARD_COUNT)
    q = HOME + rng.uniform(-0.4, 0.4, 6) if index % 2 else rng.uniform(-math.pi, math.pi, 6)
    answers, elapsed = [], []
    for is_free in (checker.is_free, compiled.is_free, is_free_by_pairs):
        is_free(q + 0.01)  # a check never follows one of the same configuration
        started = time.perf_counter()
        answers.append(is_free(q))
        elapsed.append(time.perf_counter() - started)
    distance = checker.nearest(q).distance_m
    agrees = [answer == (distance > 0.0) or abs(distance) < 1e-6 for answer in answers]
    return {
        "index": index,
        "check_s": elapsed[0],
        "compiled_s": elapsed[1],
        "peer_s": elapsed[2],
        "free": answers[0],
        "distance_m": round(distance, 5),  # the search starts at the last answer, which changes the 8th digit
        "pairs": checker.pair_count,
        "peer_wrong": not agrees[2],
        "success": agrees[0] and agrees[1],
        "violation": not (agrees[0] and agrees[1]),
    }


def _timing_row(seed: int, index: int) -> Row:
    rng = query_rng(seed, index)
    peer: Row = {}
    if index % 2 == 0:
        points = HOME + np.vstack([np.zeros(6), np.cumsum(rng.uniform(-0.8, 0.8, (3, 6)), axis=0)])
        started = time.perf_counter()
        trajectory = time_joint_path(points, limits(), model().joint_names)
        elapsed = time.perf_counter() - started
        error = max(float(np.abs(trajectory.q - point).max(axis=1).min()) for point in points)
        peer = _ruckig(points)
    else:
        trajectory, X_goal, elapsed = _draw_line(rng)
        samples = trajectory.sample_at(rng.uniform(0.0, trajectory.duration_s, 200))[0]
        error = _line_error(samples, model().fk(HOME), X_goal)
    use = measure_limit_use(trajectory, limits())
    over = max(use.velocity, use.acceleration) > SPEED_TOLERANCE or use.jerk > JERK_TOLERANCE
    violation = over or error > 1e-6 or not is_at_rest(trajectory)
    return {
        "index": index,
        "kind": "line" if index % 2 else "joint",
        "time_s": elapsed,
        "duration_s": trajectory.duration_s,
        "velocity": use.velocity,
        "acceleration": use.acceleration,
        "jerk": use.jerk,
        "error_m": error,
        "success": not violation,
        "violation": violation,
    } | peer


def _ruckig(points: Array) -> Row:
    """Return how long ruckig takes to time the joint lines with a stop at each point, and how long they take."""
    import ruckig  # type: ignore[import-not-found]

    planner, wanted = ruckig.Ruckig(points.shape[1]), ruckig.InputParameter(points.shape[1])
    wanted.max_velocity, wanted.max_acceleration = limits().velocity.tolist(), limits().acceleration.tolist()
    wanted.max_jerk, wanted.synchronization = limits().jerk.tolist(), ruckig.Synchronization.Phase
    lines = [(before.tolist(), after.tolist()) for before, after in itertools.pairwise(points)]
    found = [ruckig.Trajectory(points.shape[1]) for _ in lines]
    started = time.perf_counter()
    for (before, after), trajectory in zip(lines, found, strict=True):
        wanted.current_position, wanted.target_position = before, after
        planner.calculate(wanted, trajectory)
    return {
        "peer_s": time.perf_counter() - started,
        "peer_duration": sum(trajectory.duration for trajectory in found),
    }


def _draw_line(rng: np.random.Generator) -> tuple[Trajectory, Array, float]:
    """Return a timed straight line from home, its goal, and how long timing took, s."""
    X_start = model().fk(HOME)
    while True:
        way = rng.uniform((-0.15, -0.15, -0.2), (0.15, 0.15, 0.1))
        X_goal = make_pose(exp_so3(rng.uniform(-0.3, 0.3, 3)) @ X_start[:3, :3], X_start[:3, 3] + way)
        started = time.perf_counter()
        try:
            trajectory = time_line(ik(), HOME, X_goal, LINE, limits())
        except (NoIkSolutionError, SingularityError):
            continue
        return trajectory, X_goal, time.perf_counter() - started


def _line_error(samples: Array, X_start: Array, X_goal: Array) -> float:
    """Return the largest distance of the tool from the straight line, m."""
    direction = X_goal[:3, 3] - X_start[:3, 3]
    direction = direction / np.linalg.norm(direction)
    offsets = np.array([model().fk(q)[:3, 3] for q in samples]) - X_start[:3, 3]
    return float(np.linalg.norm(np.cross(offsets, direction), axis=1).max())
