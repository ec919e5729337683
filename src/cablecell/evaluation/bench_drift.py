"""Benchmark of the drift watch: a simulated cell is looked at again and again; boards are bumped, cameras knocked.

Images are rendered with every error of arm and cameras. The watch begins with the description's mounts; nobody tells it
what happened. A cell without a change shows the rate of false alarms.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cablecell.configuration import load_fiducials
from cablecell.core.calibration.next_views import candidate_tools
from cablecell.core.config.estimator import EstimatorSettings
from cablecell.core.errors import WorkcellError
from cablecell.core.fusion.board_state import AROUND_BOARD_M, CameraRig, kinematics_covariance
from cablecell.core.fusion.drift import BOARD, MOUNT, DriftAlarm, DriftWatch, WatchedLook
from cablecell.core.fusion.drift_look import seen_boards
from cablecell.core.geometry import exp_se3
from cablecell.core.perception.fiducials import build_patches
from cablecell.evaluation.bench import percentile, wilson_interval
from cablecell.evaluation.bench_calibration import random_step
from cablecell.evaluation.calibration_cell import CAMERAS, CalibrationCell, corners_of

Matrix = NDArray[np.float64]
Row = dict[str, Any]
Summary = dict[str, float]

_SIZES = ((0.0005, 0.002), (0.002, 0.01), (0.005, 0.02))
"""Changes: m and rad."""
_BEFORE, _AFTER = 6, 6
_SIX_SIGMAS = 2.631


def run(*, n: int, seed: int, workers: int) -> tuple[list[Row], Summary]:
    """Run the benchmark.

    Args:
        n: Number of cells.
        seed: Seed of the first; the others follow.
        workers: One process runs all, whatever is said here.

    Returns:
        One row a cell, and the summary.
    """
    rows = [run_cell(seed + index, index) for index in range(n)]
    return rows, summarise(rows)


def run_cell(seed: int, index: int) -> Row:
    """Return the row of one cell: looks, a change, looks."""
    rng = np.random.default_rng([seed, 13])
    parts = (BOARD, MOUNT, *CAMERAS, "nothing")
    part, (size_m, size_rad) = parts[index % len(parts)], _SIZES[(index // len(parts)) % len(_SIZES)]
    cell, settings = CalibrationCell(seed), EstimatorSettings()
    rig, patches = CameraRig.calibrated(cell.mounts, settings), build_patches(load_fiducials())
    X_start = cell.X_base_board @ exp_se3(rng.normal(size=6) * ([0.003] * 3 + [0.01] * 3))
    watch = DriftWatch(rig, X_start, kinematics_covariance(settings, AROUND_BOARD_M))
    step = random_step(rng, size_m, size_rad)
    row: Row = {"seed": seed, "part": part, "size_m": size_m, "size_rad": size_rad, "false_alarms": 0, "looks": 0}
    poses = candidate_tools(cell.X_base_board, count=60, seed=seed, height_m=(0.1, 0.2), tilt_rad=0.25, turn_rad=0.5)
    found: list[DriftAlarm | None] = []
    for X in (X for X in poses if cell.reachable(X)):
        if row["looks"] == _BEFORE and not found:
            _change(cell, part, step)
        if len(found) == _AFTER:
            break
        try:
            frames = cell.frames(X)
        except WorkcellError:
            continue
        seen = seen_boards(corners_of(frames, patches), rig.mounts, X, X_start, settings)
        row["looks"] += 1
        watch.add(WatchedLook(float(row["looks"]), X, seen))
        if row["looks"] <= _BEFORE or part == "nothing":
            row["false_alarms"] += watch.alarm is not None
        if row["looks"] > _BEFORE:
            found.append(watch.alarm)
    first = next((number for number, alarm in enumerate(found, 1) if alarm is not None), 0)
    last = found[-1] if found else None
    row |= {"looks_to_alarm": first, "named": "" if last is None else last.part}
    row["is_named_alone"] = last is not None and last.part == part and not last.alternatives
    if last is not None and last.part == part:
        error = last.change - step
        row["change_error_m"], row["change_error_rad"] = (float(np.linalg.norm(e)) for e in (error[:3], error[3:]))
        row["worst_sigmas"] = float(np.abs(error / last.sigma).max())
        row["mean_square_sigmas"] = float(np.mean((error / last.sigma) ** 2))
    return row


def summarise(rows: list[Row]) -> Summary:
    """Return the summary: by size of the change how many were found at once, and named in the end."""
    summary: Summary = {"cells": float(len(rows))}
    quiet = [row for row in rows if row["part"] == "nothing"]
    summary["false_alarms"] = float(sum(row["false_alarms"] > 0 for row in rows))
    summary["quiet_looks"] = float(sum(row["looks"] if row in quiet else _BEFORE for row in rows))
    for size_m, _ in _SIZES:
        some = [row for row in rows if row["part"] != "nothing" and row["size_m"] == size_m]
        if not some:
            continue
        key = f"{round(1e6 * size_m)}um"
        named = sum(row["named"] == row["part"] for row in some)
        summary[f"found_in_first_look_rate_{key}"] = sum(row["looks_to_alarm"] == 1 for row in some) / len(some)
        summary[f"found_rate_{key}"] = sum(row["looks_to_alarm"] > 0 for row in some) / len(some)
        summary[f"named_rate_{key}"] = named / len(some)
        summary[f"named_wilson_low_{key}"] = wilson_interval(named, len(some))[0]
    measured = [row for row in rows if "change_error_m" in row]
    if measured:
        summary["change_error_median_m"] = percentile([row["change_error_m"] for row in measured], 0.5)
        summary["change_error_median_rad"] = percentile([row["change_error_rad"] for row in measured], 0.5)
        summary["measured"] = float(len(measured))
        summary["change_within_3_5_sigma_rate"] = float(np.mean([row["worst_sigmas"] < 3.5 for row in measured]))
        # Of six independent normal values all are within 2.63 in 95 % of cases.
        covered = sum(row["worst_sigmas"] < _SIX_SIGMAS for row in measured)
        summary["change_covered_rate"] = covered / len(measured)
        summary["change_covered_wilson_low"], summary["change_covered_wilson_high"] = wilson_interval(
            covered, len(measured)
        )
        summary["z_rms"] = float(np.sqrt(np.mean([row["mean_square_sigmas"] for row in measured])))
    return summary


def _change(cell: CalibrationCell, part: str, step: Matrix) -> None:
    if part == BOARD:
        cell.bump_board(step)
    elif part == MOUNT:
        cell.knock("mount", step)
    elif part != "nothing":
        cell.knock(part, step)
