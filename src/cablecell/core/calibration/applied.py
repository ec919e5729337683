"""A calibration as an estimator takes it: pinholes and mounts that explain rectified images, and how surely."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cablecell.core.calibration.camera_model import LensModel
from cablecell.core.calibration.record import CalibrationRecord, require_usable
from cablecell.core.config.camera import CameraIntrinsics
from cablecell.core.fusion.board_state import CameraRig
from cablecell.core.geometry import adjoint, exp_so3, invert_pose, make_pose

Matrix = NDArray[np.float64]

_GRID = 15
_STEPS = 12


@dataclass(frozen=True)
class AppliedCalibration:
    """What of a hand-eye record an estimator of pinhole cameras uses.

    Attributes:
        rig: Mounts and their covariance.
        intrinsics: Pinholes by camera.
        rest_px: Largest error, rms over the image, that a pinhole leaves of a lens.
    """

    rig: CameraRig
    intrinsics: dict[str, CameraIntrinsics]
    rest_px: float


def apply_record(record: CalibrationRecord, *, now_s: float, cell: str, cameras: Sequence[str]) -> AppliedCalibration:
    """Return what an estimator uses of a hand-eye record.

    The scatter of the arm's poses in the record is part of the covariance, common to all mounts: where the cell works,
    the arm may err otherwise than where it was calibrated.

    Args:
        record: Of kind `handeye`.
        now_s: The time, s since 1970.
        cell: The cell that uses it.
        cameras: Which cameras, in the order of the covariance that is returned.

    Raises:
        RecordError: It may not be used (codes 952, 953, 955).
    """
    require_usable(record, now_s=now_s, cell=cell, cameras=cameras)
    matrices, mounts, intrinsics, rests = record.mount_matrices(), {}, {}, []
    for name in cameras:
        turn, pinhole, rest = equivalent_pinhole(record.lenses[name].model())
        mounts[name], intrinsics[name] = matrices[name] @ make_pose(turn, np.zeros(3)), pinhole
        rests.append(rest)
    index = np.concatenate([6 * record.cameras.index(name) + np.arange(6) for name in cameras])
    P = np.array(record.mount_covariance)[np.ix_(index, index)]
    scatter = [record.figures.get("tool_scatter_m", 0.0)] * 3 + [record.figures.get("tool_scatter_rad", 0.0)] * 3
    G = np.vstack([adjoint(invert_pose(X)) for X in mounts.values()])
    return AppliedCalibration(CameraRig(mounts, P + G @ np.diag(np.square(scatter)) @ G.T), intrinsics, max(rests))


def equivalent_pinhole(lens: LensModel) -> tuple[Matrix, CameraIntrinsics, float]:
    """Return the turned pinhole that sees almost what a lens with a little distortion sees.

    Decentring is to first order a turn of the camera and a shift of the principal point, so a pinhole can stand for it;
    what it cannot stand for is returned, too.

    Returns:
        R_optical_pinhole, shape (3, 3), the pinhole, and the rms of what differs over the image, px per axis.
    """
    u, v = np.meshgrid(np.linspace(0.0, lens.width - 1.0, _GRID), np.linspace(0.0, lens.height - 1.0, _GRID))
    fx, fy, cx, cy = lens.values[:4]
    rays = np.column_stack([(u.ravel() - cx) / fx, (v.ravel() - cy) / fy, np.ones(u.size)])
    seen = lens.project(rays)
    R, values = np.eye(3), np.array([*lens.values[:4], 0.0, 0.0, 0.0])
    for _ in range(_STEPS):
        points = rays @ R  # R_optical_pinhole transposed
        model = LensModel(lens.width, lens.height, values)
        by_point, by_values = model.derivatives(points)
        # p' = Exp(-w) p = p + [p]x w
        by_turn = np.cross(by_point, points[:, None, :])
        J = np.concatenate([by_turn, by_values[:, :, :4]], axis=2).reshape(-1, 7)
        step = np.linalg.lstsq(J, (seen - model.project(points)).ravel(), rcond=None)[0]
        R, values = R @ exp_so3(step[:3]), values + np.array([*step[3:], 0.0, 0.0, 0.0])
    model = LensModel(lens.width, lens.height, values)
    rest = float(np.sqrt(np.mean((seen - model.project(rays @ R)) ** 2)))
    return R, model.pinhole(), rest
