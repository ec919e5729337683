"""Benchmark of calibration: a knocked simulated cell calibrates itself, and is judged against what really is.

Every cell has its own arm, lenses and mounts, and on top of these a hand-eye error of 0.5 mm and 0.2 degrees of the
whole mount in a random direction. A calibration that fails counts as a failure, with its code.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2  # type: ignore[import-untyped]

from cablecell.configuration import load_fiducials
from cablecell.core.calibration.applied import apply_record
from cablecell.core.calibration.camera_model import LensModel
from cablecell.core.calibration.record import CalibrationRecord
from cablecell.core.config.estimator import EstimatorSettings
from cablecell.core.errors import WorkcellError
from cablecell.core.fusion.board import solve_look
from cablecell.core.fusion.board_state import CameraRig, Look
from cablecell.core.geometry import invert_pose, log_se3, transform_point
from cablecell.core.perception.fiducials import build_patches
from cablecell.core.perception.outcome import NoEstimate
from cablecell.evaluation.bench import percentile, wilson_interval
from cablecell.evaluation.calibration_cell import CAMERAS, CalibrationCell, CalibrationTruth, corners_of
from cablecell.evaluation.calibration_runs import (
    handeye_record,
    lens_calibrations,
    rig_calibration,
    take_views,
    touch_point,
)
from cablecell.evaluation.workers import work_off

Matrix = NDArray[np.float64]
Row = dict[str, Any]
Summary = dict[str, float]

_VIEWS, _TOUCHES = 20, 12
_KNOCK_M, _KNOCK_RAD = 5e-4, float(np.radians(0.2))
_WORK_DISTANCE_M = 0.3
_TRUTH_POSES = 60
_TIME_LIMIT_S = 300.0
_PORT_M = np.array([-0.08, -0.13, 0.1])
"""A place of a port in `task_board`."""


def run(*, n: int, seed: int, workers: int) -> tuple[list[Row], Summary]:
    """Run the benchmark.

    Args:
        n: Number of cells.
        seed: Seed of the first; the others follow.
        workers: Processes.

    Returns:
        One row a cell, and the summary.
    """
    jobs = [seed + index for index in range(n)]
    if workers == 1:
        rows = [run_cell(job) for job in jobs]
    else:
        answers = sorted(work_off(_work, None, jobs, workers, time_limit_s=_TIME_LIMIT_S), key=lambda a: a.index)
        rows = [answer.value or {"seed": jobs[answer.index], "fault": answer.fault} for answer in answers]
    return rows, summarise(rows)


def _work(_: None, seed: int) -> Row:
    return run_cell(seed)


def run_cell(seed: int) -> Row:
    """Return the row of one cell."""
    rng = np.random.default_rng([seed, 11])
    knock = random_step(rng, _KNOCK_M, _KNOCK_RAD)
    begun_s = time.perf_counter()
    row: Row = {"seed": seed, "fault": ""}
    try:
        cell = CalibrationCell(seed, knocked={"mount": knock})
        taken = take_views(cell, _VIEWS, seed)
        solve_s = time.perf_counter()
        found = rig_calibration(cell, taken)
        row["solve_s"] = time.perf_counter() - solve_s
        lenses = lens_calibrations(cell, taken)
        row |= _board_errors(cell, handeye_record(found, "bench", "bench"))
        pivot = touch_point(cell, _TOUCHES, seed)  # last: it ends nearer to things than views may begin
    except WorkcellError as error:
        return row | {"fault": f"code {error.code}: {error}"}
    truth = cell.truth(taken.reachable[:_TRUTH_POSES])
    errors = []
    for name in CAMERAS:
        before = log_se3(invert_pose(cell.mounts[name]) @ truth.effective_mounts[name])
        after = log_se3(invert_pose(found.state.mounts[name]) @ truth.effective_mounts[name])
        errors.append(after)
        sight = prediction_px(found.state.mounts[name], found.state.lenses[name], truth, name)
        row |= {
            f"{name}_before_m": float(np.linalg.norm(before[:3])),
            f"{name}_before_rad": float(np.linalg.norm(before[3:])),
            f"{name}_error_m": float(np.linalg.norm(after[:3])),
            f"{name}_error_rad": float(np.linalg.norm(after[3:])),
            f"{name}_prediction_before_px": prediction_px(cell.mounts[name], cell.lenses[name], truth, name),
            f"{name}_prediction_px": sight,
            f"{name}_rms_px": found.rms_px(name),
            f"{name}_focal_error_px": float(lenses[name].lens.values[0] - _true_focal(truth, name)),
            f"{name}_focal_sigma_px": float(lenses[name].sigma[0]),
        }
    stacked = np.concatenate(errors)
    tip = pivot.p_tcp_tip - truth.effective_tip[:3, 3]
    return row | {
        "views": len(taken.views),
        "skipped": len(taken.skipped),
        "left_out": len(found.rejected_views),
        "mount_nees": float(stacked @ np.linalg.solve(found.mount_covariance(), stacked)),
        "tool_scatter_m": float(found.noise.tool[0]),
        "true_tool_scatter_m": truth.tool_scatter[0],
        "tip_error_m": float(np.linalg.norm(tip)),
        "tip_before_m": float(np.linalg.norm(cell.X_tcp_tip_nominal[:3, 3] - truth.effective_tip[:3, 3])),
        "tip_nees": float(tip @ np.linalg.solve(pivot.covariance[:3, :3], tip)),
        "duration_s": time.perf_counter() - begun_s,
    }


def _board_errors(cell: CalibrationCell, record: CalibrationRecord) -> Row:
    """Return how far off a port's place on the task board is after one look from home: as described, as calibrated."""
    settings, X = EstimatorSettings(), cell.X_base_home
    seen = corners_of(cell.frames(X), build_patches(load_fiducials()))
    applied = apply_record(record, now_s=record.created_s, cell="bench", cameras=CAMERAS)
    models = {name: applied.intrinsics[name].matrix() for name in CAMERAS}
    looks = {
        "before": (CameraRig.calibrated(cell.mounts, settings), seen),
        "after": (applied.rig, {name: replace(corners, K=models[name]) for name, corners in seen.items()}),
    }
    X_true, row = cell.board_for_arm(X), Row()
    for when, (rig, corners) in looks.items():
        solution = solve_look(Look(0.0, X, corners), rig, settings, [cell.X_base_board])
        if isinstance(solution, NoEstimate):
            row[f"board_{when}_fault"] = solution.message
            continue
        error = log_se3(invert_pose(solution.state.X_base_board) @ X_true)
        port = transform_point(X_true, _PORT_M) - transform_point(solution.state.X_base_board, _PORT_M)
        row[f"port_{when}_m"] = float(np.linalg.norm(port))
        row[f"board_{when}_nees"] = float(error @ np.linalg.solve(solution.state.board_covariance, error))
    return row


def prediction_px(X_tcp_optical: Matrix, lens: LensModel, truth: CalibrationTruth, camera: str) -> float:
    """Return how far from where they are seen points are expected, rms over the image at working distance, px."""
    u, v = np.meshgrid(np.linspace(40.0, lens.width - 40.0, 9), np.linspace(40.0, lens.height - 40.0, 9))
    fx, fy, cx, cy = lens.values[:4]
    rays = np.column_stack([(u.ravel() - cx) / fx, (v.ravel() - cy) / fy, np.ones(u.size)]) * _WORK_DISTANCE_M
    X_true = truth.effective_mounts[camera]
    seen = truth.lenses[camera].project(rays)
    expected = lens.project(transform_point(invert_pose(X_tcp_optical) @ X_true, rays))
    return float(np.sqrt(np.mean(np.sum((seen - expected) ** 2, axis=1))))


def summarise(rows: list[Row]) -> Summary:
    """Return the summary."""
    good = [row for row in rows if not row["fault"]]
    low, high = wilson_interval(len(good), len(rows))
    summary = {"cells": float(len(rows)), "success_rate": len(good) / len(rows), "wilson_low": low, "wilson_high": high}
    if not good:
        return summary
    for key, unit in (("before", "m"), ("before", "rad"), ("error", "m"), ("error", "rad")):
        values = [row[f"{name}_{key}_{unit}"] for row in good for name in CAMERAS]
        summary[f"mount_{key}_median_{unit}"] = percentile(values, 0.5)
        summary[f"mount_{key}_p95_{unit}"] = percentile(values, 0.95)
    for key in ("prediction_before", "prediction", "rms"):
        values = [row[f"{name}_{key}_px"] for row in good for name in CAMERAS]
        summary[f"{key}_median_px"], summary[f"{key}_p95_px"] = percentile(values, 0.5), percentile(values, 0.95)
    focal = [row[f"{name}_focal_error_px"] for row in good for name in CAMERAS]
    summary["lens_alone_focal_rms_px"] = float(np.sqrt(np.mean(np.square(focal))))
    for key, freedom in (("mount_nees", 6 * len(CAMERAS)), ("tip_nees", 3)):
        values = [row[key] for row in good]
        summary[f"{key}_mean_over_dimension"] = float(np.mean(values)) / freedom
        summary[f"{key}_in_95_band"] = float(np.mean([value <= chi2.ppf(0.95, freedom) for value in values]))
    for when in ("before", "after"):
        values = [row.get(f"board_{when}_nees", math.inf) for row in good]
        summary[f"board_{when}_nees_in_95_band"] = float(np.mean([value <= chi2.ppf(0.95, 6) for value in values]))
        summary[f"board_{when}_nees_median"] = percentile(values, 0.5)
    for key in ("port_before_m", "port_after_m", "tip_before_m", "tip_error_m"):
        values = [row.get(key, math.inf) for row in good]
        stem = key.removesuffix("_m")
        summary[f"{stem}_median_m"], summary[f"{stem}_p95_m"] = percentile(values, 0.5), percentile(values, 0.95)
    summary["solve_median_s"] = percentile([row["solve_s"] for row in good], 0.5)
    return summary


def _true_focal(truth: CalibrationTruth, camera: str) -> float:
    """Return the slope of the true camera's image along a row at its middle, px."""
    lens = truth.lenses[camera]
    rays = np.array([[-1e-3, 0.0, 1.0], [1e-3, 0.0, 1.0]])
    ends = lens.project(rays)
    return float((ends[1, 0] - ends[0, 0]) / 2e-3)


def random_step(rng: np.random.Generator, size_m: float, size_rad: float) -> Matrix:
    """Return a motion of that size in a random direction, shape (6,), m and rad."""
    v, w = rng.normal(size=3), rng.normal(size=3)
    return np.concatenate([size_m * v / np.linalg.norm(v), size_rad * w / np.linalg.norm(w)])
