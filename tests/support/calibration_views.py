"""Synthetic views of a calibration target by three cameras on a tool: everything known, every error chosen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cablecell.core.calibration.camera_model import LensModel
from cablecell.core.calibration.views import CalibrationView
from cablecell.core.config.camera import CameraIntrinsics
from cablecell.core.geometry import exp_se3, invert_pose, log_se3, pose_from_xyz_rpy, transform_point
from cablecell.core.perception.detection import Corners

NOMINAL_LENSES = {name: LensModel.of(CameraIntrinsics()) for name in ("left", "center", "right")}
TRUE_LENS = (1237.0, 1236.0, 575.6, 512.3, 1e-3, 2e-5, -3e-5)


def nominal_mounts():
    """Return X_tcp_optical of cameras around a wrist, by name."""
    lean = pose_from_xyz_rpy((0.0, -0.11608, -0.20544), (-0.2618, 0.0, 0.0))
    angles = {"left": -np.pi / 3.0, "center": 0.0, "right": np.pi / 3.0}
    return {name: pose_from_xyz_rpy((0, 0, 0), (0, 0, angle)) @ lean for name, angle in angles.items()}


@dataclass
class Views:
    """Views and the truth behind them."""

    mounts: dict
    lenses: dict
    X_base_target: np.ndarray
    views: list

    def errors(self, result):
        """Return the errors of a result in the order of its covariance."""
        parts = [log_se3(invert_pose(result.state.X_base_target) @ self.X_base_target)]
        for name, X in self.mounts.items():
            parts.append(log_se3(invert_pose(result.state.mounts[name]) @ X))
            parts.append(self.lenses[name].values - result.state.lenses[name].values)
        return np.concatenate(parts)


def make_views(count, seed, *, corner_px=0.0, tool_m=0.0, tool_rad=0.0, tilt_rad=0.3, turn_rad=0.8, lens=TRUE_LENS):
    """Return views from random poses above a flat target of 88 corners."""
    rng = np.random.default_rng(seed)
    mounts = {name: X @ exp_se3(rng.normal(size=6) * ([5e-4] * 3 + [3e-3] * 3)) for name, X in nominal_mounts().items()}
    lenses = {name: LensModel(1152, 1024, np.array(lens)) for name in mounts}
    u, v = np.meshgrid(np.arange(1, 12) * 0.02, np.arange(1, 9) * 0.02)
    points = np.stack([u.ravel() - 0.12, v.ravel() - 0.09, np.zeros(u.size)], axis=1)
    X_base_target = pose_from_xyz_rpy((0.4, 0.1, 0.0), (np.pi, 0.0, 0.3))
    views = []
    for _ in range(count):
        place = (*rng.uniform(-0.03, 0.03, 2), -rng.uniform(0.12, 0.25))
        turn = (*rng.uniform(-tilt_rad, tilt_rad, 2), rng.uniform(-turn_rad, turn_rad))
        X = X_base_target @ pose_from_xyz_rpy(place, turn)
        true = X @ exp_se3(rng.normal(size=6) * ([tool_m] * 3 + [tool_rad] * 3))
        corners = {}
        for name, X_tcp_optical in mounts.items():
            X_optical_target = invert_pose(true @ X_tcp_optical) @ X_base_target
            pixels = lenses[name].project(transform_point(X_optical_target, points))
            seen = np.all((pixels > 5.0) & (pixels < (1146.0, 1018.0)), axis=1)
            if seen.sum() >= 20:
                noisy = pixels[seen] + rng.normal(size=(int(seen.sum()), 2)) * corner_px
                K = NOMINAL_LENSES[name].pinhole().matrix()
                corners[name] = Corners(0.0, name, K, noisy, points[seen], np.zeros(int(seen.sum()), dtype=np.intp))
        views.append(CalibrationView(X, corners))
    return Views(mounts, lenses, X_base_target, views)
