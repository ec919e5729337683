"""Benchmark of inverse kinematics: all branches, also beside singular shells and of a calibrated arm."""

from __future__ import annotations

import math
import time
import xml.etree.ElementTree as ElementTree
from functools import cache

import numpy as np
from numpy.typing import NDArray

from cablecell.composition.robot_description import load_robot_description
from cablecell.core.geometry import pose_difference
from cablecell.core.motion.ik import InverseKinematics
from cablecell.core.motion.model import RobotModel
from cablecell.evaluation import bench_motion as common
from cablecell.evaluation.bench_motion import Row, Summary
from cablecell.evaluation.motion_figures import draw as figures

__all__ = ["figures", "run_ik"]

Array = NDArray[np.float64]

RESIDUAL_LIMIT = 2e-9
IK_KINDS = ("wrist_shell", "elbow_shell", "calibrated", "shoulder_shell", "calibrated_shell")
SHELLS = ("wrist", "elbow", "shoulder")


def run_ik(*, n: int, seed: int, workers: int) -> tuple[list[Row], Summary]:
    """Solve n reachable poses of the tool for all branches; success means the original configuration is among them.

    Of ten poses three are next to a singular shell, 1e-8 to 0.1 rad off: aligned wrist, straight elbow, and wrist
    centre above the shoulder; two are of an arm with a calibrated description, one of them next to any of the shells.
    Solutions are ordered by a reference that has nothing to do with the pose.

    Returns:
        Rows, and a summary with `median_s`, `p95_s`, `p99_s` of all branches within limits, wrapped, checked and
        sorted, the same of the bare closed form, and of processor time of each kind of pose (`cpu_median_s_…`),
        `success_rate`, and `violations`: solutions that miss the pose by more than 2e-9 m or rad or break a limit.
    """
    rows = common.spread_queries(_ik_row, n, seed, workers)
    summary = common.times(rows, "solve_s") | {
        f"closed_form_{k}": v for k, v in common.times(rows, "closed_form_s").items()
    }
    summary |= {f"cpu_{k}": v for k, v in common.times(rows, "cpu_s").items()}
    for kind in sorted({row["kind"] for row in rows}):
        of_kind = [row for row in rows if row["kind"] == kind]
        summary[f"cpu_median_s_{kind}"] = common.times(of_kind, "cpu_s")["median_s"]
        summary[f"success_rate_{kind}"] = float(np.mean([row["success"] for row in of_kind]))
    return rows, summary | common.rates(rows) | {"residual_max": max((row["residual"] for row in rows), default=0.0)}


def beside_shell(shell: str, q: Array, offset: float) -> Array:
    """Return a configuration with one joint moved to be an offset, rad, beside a singular shell of the nominal arm."""
    moved = q.copy()
    if shell != "shoulder":
        moved[4 if shell == "wrist" else 2] = offset
        return moved
    # Joint 2 turns the wrist centre about the shoulder; it is above or below it where its forward part is 0.
    g = common.ik().geometry
    forward = g.a2 + g.a3 * np.exp(1j * q[2]) - 1j * g.d5 * np.exp(1j * (q[2] + q[3]))
    moved[1] = 0.5 * math.pi - float(np.angle(forward)) + offset
    return moved


@cache
def calibrated_ik() -> InverseKinematics:
    """Return the arm with joint origins off by tenths of a millimetre and milliradian, as a calibration finds them."""
    root = ElementTree.fromstring(load_robot_description())
    rng = np.random.default_rng(0)
    for joint in root.iter("joint"):
        origin = joint.find("origin")
        if joint.attrib["name"] in common.model().joint_names and origin is not None:
            for key, spread_by in (("xyz", 3e-4), ("rpy", 5e-4)):
                values = np.array([float(v) for v in origin.attrib[key].split()]) + rng.normal(0.0, spread_by, 3)
                origin.attrib[key] = " ".join(repr(float(v)) for v in values)
    return InverseKinematics(RobotModel(ElementTree.tostring(root, encoding="unicode")))


def draw_ik_query(rng: np.random.Generator, index: int) -> tuple[str, Array, Array]:
    """Return the kind of a query, the configuration whose pose is asked for, and the reference."""
    kind = IK_KINDS[index % 10] if index % 10 < len(IK_KINDS) else "random"
    q = rng.uniform(-math.pi, math.pi, 6)
    if kind.endswith("shell"):
        shell = SHELLS[int(rng.integers(3))] if kind == "calibrated_shell" else kind.removesuffix("_shell")
        q = beside_shell(shell, q, 10.0 ** rng.uniform(-8.0, -1.0))
    return kind, q, rng.uniform(-math.pi, math.pi, 6)


def _ik_row(seed: int, index: int) -> Row:
    kind, q, reference = draw_ik_query(common.query_rng(seed, index), index)
    solver = calibrated_ik() if kind.startswith("calibrated") else common.ik()
    arm = solver.model
    X = arm.fk(q)
    started = time.perf_counter()
    solver.branches(X, reference)
    closed_form = time.perf_counter() - started
    started, cpu = time.perf_counter(), time.process_time()
    solutions = solver.solve_all(X, reference)
    elapsed, cpu = time.perf_counter() - started, time.process_time() - cpu
    residual = max((float(np.abs(pose_difference(arm.fk(s), X)).max()) for s in solutions), default=0.0)
    outside = any(np.any(s < arm.limits.lower) or np.any(s > arm.limits.upper) for s in solutions)
    # A joint is known as well as the pose, divided by how far the next singular shell is.
    smallest = float(np.linalg.svd(arm.jacobian(q), compute_uv=False)[-1])
    misses = [float(np.abs(np.angle(np.exp(1j * (s - q)))).max()) for s in solutions]
    return {
        "index": index,
        "kind": kind,
        "closed_form_s": closed_form,
        "solve_s": elapsed,
        "cpu_s": cpu,
        "solutions": len(solutions),
        "residual": residual,
        "success": min(misses, default=math.inf) < max(1e-6, 1e-13 / smallest**2, RESIDUAL_LIMIT / smallest),
        "violation": residual > RESIDUAL_LIMIT or outside,
    }
