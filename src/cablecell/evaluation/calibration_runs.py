"""Calibrations that the simulated cell takes by itself: views and touches, then records of what was found."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from cablecell.core.calibration.errors import TooFewViewsError
from cablecell.core.calibration.lens_fit import LensCalibration, calibrate_lens
from cablecell.core.calibration.next_views import candidate_tools, choose_views
from cablecell.core.calibration.pivot import PivotCalibration, calibrate_pivot
from cablecell.core.calibration.record import CalibrationRecord, Lens, rows_of
from cablecell.core.calibration.rig import RigCalibration, calibrate_rig
from cablecell.core.calibration.views import CalibrationView
from cablecell.core.config.calibration import CalibrationSettings
from cablecell.core.errors import WorkcellError
from cablecell.core.fusion.wrench import PayloadEstimate
from cablecell.core.geometry import make_pose
from cablecell.evaluation.calibration_cell import CAMERAS, CalibrationCell
from cablecell.evaluation.control_rig import ControlRig
from cablecell.ports import CommandMode

Matrix = NDArray[np.float64]
Progress = Callable[[int, int, str], None]

SETTINGS = CalibrationSettings()
_ARM = "ur5e"
_CANDIDATES = 120
_MAX_WRENCH_RESIDUAL_N, _MAX_MASS_SIGMA_KG = 0.5, 0.02


def no_progress(done: int, total: int, what: str) -> None:
    """Take no notice."""


@dataclass(frozen=True)
class Taken:
    """Views of a target and what happened on the way.

    Attributes:
        views: In the order they were taken.
        reachable: X_base_tcp of every candidate that could have been looked from.
        skipped: Why views could not be taken.
    """

    views: tuple[CalibrationView, ...]
    reachable: tuple[Matrix, ...]
    skipped: tuple[WorkcellError, ...]


def take_views(cell: CalibrationCell, count: int, seed: int, progress: Progress = no_progress) -> Taken:
    """Look at the target from the poses that tell most, each reached along a path that is free of collision.

    A pose to which no path is found is left out, and the next best takes its place.

    Raises:
        TooFewViewsError: Fewer than the minimum could be taken (code 571).
    """
    candidates = candidate_tools(cell.X_base_target, count=_CANDIDATES, seed=seed)
    reachable = [X for X in candidates if cell.reachable(X)]
    order = choose_views(cell.expected(), reachable, min(2 * count, len(reachable)))
    views: list[CalibrationView] = []
    skipped: list[WorkcellError] = []
    for number in order:
        if len(views) == count:
            break
        progress(len(views), count, "looking at the target")
        try:
            views.append(cell.look(reachable[number]))
        except WorkcellError as error:
            skipped.append(error)
    progress(len(views), count, "looking at the target")
    if len(views) < SETTINGS.min_views:
        raise TooFewViewsError(
            f"{len(views)} of {count} views could be taken, at least {SETTINGS.min_views} are needed; "
            f"{len(skipped)} poses had no free path",
            quantity="views",
            value=len(views),
            limit=SETTINGS.min_views,
        )
    return Taken(tuple(views), tuple(reachable), tuple(skipped))


def lens_calibrations(cell: CalibrationCell, taken: Taken) -> dict[str, LensCalibration]:
    """Return the intrinsics of every camera from the views alone."""
    return {name: calibrate_lens(taken.views, name, cell.lenses[name], SETTINGS) for name in CAMERAS}


def rig_calibration(cell: CalibrationCell, taken: Taken) -> RigCalibration:
    """Return mounts and lenses from the views and the reported poses of the tool."""
    return calibrate_rig(taken.views, cell.lenses, SETTINGS)


def touch_point(cell: CalibrationCell, count: int, seed: int, progress: Progress = no_progress) -> PivotCalibration:
    """Bring the tip of the plug into a fixed cone in several orientations, and find the tip from it."""
    rng = np.random.default_rng([seed, 5])
    poses = [X for X in candidate_tools(cell.X_base_target, count=4 * count, seed=seed + 1) if cell.reachable(X)]
    touches: list[Matrix] = []
    point = cell.X_base_target[:3, 3] + np.array([0.0, 0.0, 0.12])
    for X in poses:
        if len(touches) == count:
            break
        progress(len(touches), count, "touching the point")
        try:
            touches.append(cell.touch(X, point, rng))
        except WorkcellError:
            continue
    progress(len(touches), count, "touching the point")
    return calibrate_pivot(touches)


def weigh_tool(seed: int) -> PayloadEstimate:
    """Return what hangs on the force sensor, and its bias, from a short motion of the simulated machine."""
    rig = ControlRig(CommandMode.EFFORT, seed, has_cable=False)
    try:
        rig.run(0.4)
        return rig.identify_sensed()
    finally:
        rig.close()


def camera_record(found: dict[str, LensCalibration], cell: str, method: str) -> CalibrationRecord:
    """Return the record of intrinsics."""
    figures = {f"{name}_rms_px": result.rms_px for name, result in found.items()}
    limits = dict.fromkeys(figures, SETTINGS.max_rms_px)
    figures |= {f"{name}_focal_sigma_px": float(result.sigma[:2].max()) for name, result in found.items()}
    lenses = {
        name: Lens(
            width=result.lens.width,
            height=result.lens.height,
            values=[float(value) for value in result.lens.values],
            covariance=rows_of(np.diag(result.sigma**2)),
        )
        for name, result in found.items()
    }
    return _record("camera", cell, method, figures, limits, cameras=list(found), lenses=lenses)


def handeye_record(found: RigCalibration, cell: str, method: str) -> CalibrationRecord:
    """Return the record of mounts and lenses."""
    figures, limits = {}, {}
    for name in found.state.mounts:
        at = found.state.column(name)
        sigma = np.sqrt(np.diag(found.covariance)[at : at + 6])
        rows = (
            (f"{name}_rms_px", found.rms_px(name), SETTINGS.max_rms_px),
            (f"{name}_mount_sigma_m", float(sigma[:3].max()), SETTINGS.max_mount_sigma_m),
            (f"{name}_mount_sigma_rad", float(sigma[3:].max()), SETTINGS.max_mount_sigma_rad),
        )
        for key, value, limit in rows:
            figures[key], limits[key] = value, limit
    figures |= {
        "tool_scatter_m": float(found.noise.tool[0]),
        "tool_scatter_rad": float(found.noise.tool[3]),
        "views": float(len(found.used_views)),
        "views_left_out": float(len(found.rejected_views)),
        "rotation_spread_rad": found.rotation_spread_rad,
    }
    limits["tool_scatter_m"] = SETTINGS.max_kinematics_m
    lenses = {
        name: Lens(
            width=lens.width,
            height=lens.height,
            values=[float(value) for value in lens.values],
            covariance=rows_of(_symmetric(found.lens_covariance(name))),
        )
        for name, lens in found.state.lenses.items()
    }
    return _record(
        "handeye",
        cell,
        method,
        figures,
        limits,
        cameras=list(found.state.mounts),
        lenses=lenses,
        mounts={name: rows_of(X) for name, X in found.state.mounts.items()},
        mount_covariance=rows_of(_symmetric(found.mount_covariance())),
    )


def plug_record(
    found: PivotCalibration, R_tcp_tip: Matrix, connector: str, cell: str, method: str
) -> CalibrationRecord:
    """Return the record of a tip; touches of a point leave its orientation open, which is that of the design."""
    X = make_pose(R_tcp_tip, found.p_tcp_tip)
    covariance = np.zeros((6, 6))
    covariance[:3, :3] = R_tcp_tip.T @ found.covariance[:3, :3] @ R_tcp_tip
    covariance[3:, 3:] = np.eye(3) * (0.04 / np.sqrt(3.0)) ** 2
    figures = {
        "touch_scatter_m": found.sigma_m,
        "tip_sigma_m": float(np.sqrt(np.linalg.eigvalsh(found.covariance[:3, :3])[-1])),
        "touches": float(len(found.residuals_m)),
    }
    limits = {"touch_scatter_m": 0.0005, "tip_sigma_m": 0.0005}
    return _record(
        "plug", cell, method, figures, limits, X_tcp_tip=rows_of(X), tip_covariance=rows_of(_symmetric(covariance)),
        connector=connector,
    )  # fmt: skip


def wrench_record(found: PayloadEstimate, cell: str, method: str) -> CalibrationRecord:
    """Return the record of a force sensor and what hangs on it."""
    figures = {
        "force_residual_n": found.force_residual_n,
        "mass_sigma_kg": found.mass_sigma_kg,
        "moment_sigma_kg_m": found.moment_sigma_kg_m,
    }
    limits = {"force_residual_n": _MAX_WRENCH_RESIDUAL_N, "mass_sigma_kg": _MAX_MASS_SIGMA_KG}
    return _record(
        "wrench",
        cell,
        method,
        figures,
        limits,
        mass_kg=float(found.payload.mass_kg),
        centre_m=[float(value) for value in found.payload.centre],
        bias=[float(value) for value in found.bias],
    )


def _record(
    kind: str, cell: str, method: str, figures: dict[str, float], limits: dict[str, float], **values: object
) -> CalibrationRecord:
    now_s = time.time()
    return CalibrationRecord.model_validate(
        {
            "version": 1,
            "kind": kind,
            "cell": cell,
            "arm": _ARM,
            "created_s": now_s,
            "expires_s": now_s + SETTINGS.expiry_s,
            "software": version("cablecell"),
            "method": method,
            "passed": all(figures[key] <= limit for key, limit in limits.items()),
            "figures": figures,
            "limits": limits,
            **values,
        }
    )


def _symmetric(P: Matrix) -> Matrix:
    return np.asarray(0.5 * (P + P.T))


def residual_rows(found: RigCalibration) -> Sequence[tuple[str, Matrix]]:
    """Return the residuals of every camera, shape (n, 2), px."""
    return [
        (name, np.vstack([image.residuals for image in found.images if image.camera == name]))
        for name in found.state.mounts
    ]
