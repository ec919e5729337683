"""A synthetic board as the wrist cameras would see it: ideal corners plus errors of known size. No rendering."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import yaml

from cablecell.core.config.camera import CameraIntrinsics
from cablecell.core.config.estimator import EstimatorSettings, LookSettings
from cablecell.core.fusion.board_looks import Viewer
from cablecell.core.fusion.board_state import CameraRig, Look, kinematics_covariance
from cablecell.core.geometry import exp_se3, invert_pose, make_pose, pose_from_xyz_rpy
from cablecell.core.perception.detection import Corners
from cablecell.core.perception.fiducials import build_patches, parse

ROOT = Path(__file__).resolve().parents[2]
FIDUCIALS = parse(yaml.safe_load((ROOT / "config/perception/fiducials.yaml").read_text()), "fiducials.yaml")
PATCHES = build_patches(FIDUCIALS)

# AIC sheet: optical frames in gripper/tcp, tool straight down at home, the board of sample trial 1.
MOUNTS = {
    "center": pose_from_xyz_rpy((0.0, -0.11608, -0.20544), (-0.2618, 0.0, 0.0)),
    "left": pose_from_xyz_rpy((-0.10052, -0.05803, -0.20544), (-0.2618, 0.0, -1.0472)),
    "right": pose_from_xyz_rpy((0.10052, -0.05803, -0.20544), (-0.2618, 0.0, 1.0472)),
}
X_BASE_WORLD = np.linalg.inv(pose_from_xyz_rpy((-0.2, 0.2, 1.14), (0.0, 0.0, -3.141)))
X_BASE_HOME = pose_from_xyz_rpy((-0.3714, 0.1948, 0.3294), (3.1414, 0.0, 0.0))
BOARDS = {
    1: X_BASE_WORLD @ pose_from_xyz_rpy((0.15, -0.2, 1.14), (0.0, 0.0, 3.1415)),
    2: X_BASE_WORLD @ pose_from_xyz_rpy((0.15, -0.2, 1.14), (0.0, 0.0, 3.1415)),
    3: X_BASE_WORLD @ pose_from_xyz_rpy((0.17, 0.0, 1.14), (0.0, 0.0, 3.0)),
}
# Mouths of the target ports of the three sample trials in task_board.
PORTS = {
    1: make_pose(np.diag([1.0, -1.0, -1.0]), (-0.03447, -0.18679, 0.17927)),
    2: make_pose(np.diag([1.0, -1.0, -1.0]), (-0.03447, -0.14679, 0.17927)),
    3: make_pose(np.diag([1.0, -1.0, -1.0]), (-0.13001, 0.0705, 0.03014)),
}


def tool_outline(radius_m=0.04):
    """Rims of the palm, in tcp."""
    angle = np.linspace(0.0, 2.0 * np.pi, 16, endpoint=False)
    ring = np.stack([radius_m * np.cos(angle), radius_m * np.sin(angle)], axis=1)
    return np.vstack([np.column_stack([ring, np.full(16, z)]) for z in (-0.16, -0.047)])


def rig(settings: EstimatorSettings) -> CameraRig:
    return CameraRig.calibrated(MOUNTS, settings)


def viewer(the_rig: CameraRig) -> Viewer:
    return Viewer(the_rig, {name: CameraIntrinsics() for name in MOUNTS}, tool_outline())


@dataclass
class SyntheticCell:
    """A cell with hand-eye errors drawn from the estimator's own assumptions.

    Attributes:
        settings: The assumptions.
        X_base_board: True board in the coordinates of the arm, which errs a little otherwise wherever it goes.
        rng: Source of all errors.
        image_sigma_px: True independent corner noise.
        with_errors: False makes every measurement exact.
    """

    settings: EstimatorSettings
    X_base_board: np.ndarray
    rng: np.random.Generator
    image_sigma_px: float | None = None
    with_errors: bool = True
    X_base_tcp_before: np.ndarray | None = None

    def __post_init__(self) -> None:
        nominal = rig(self.settings)
        step = self.rng.multivariate_normal(np.zeros(18), nominal.covariance) if self.with_errors else np.zeros(18)
        mounts = {name: X @ exp_se3(step[6 * i : 6 * i + 6]) for i, (name, X) in enumerate(MOUNTS.items())}
        self.true_viewer = viewer(CameraRig(mounts, nominal.covariance))

    def look(self, stamp_s, X_base_tcp, cameras=tuple(MOUNTS)) -> Look:
        """Return what the cameras report; `X_base_tcp` is what kinematics says."""
        settings = self.settings
        X_true = X_base_tcp
        if self.with_errors:
            if self.X_base_tcp_before is not None:
                way = np.linalg.norm((X_base_tcp - self.X_base_tcp_before)[:3, 3])
                sigma = [settings.kinematics_m_per_m * way] * 3 + [settings.kinematics_rad_per_m * way] * 3
                step = exp_se3(self.rng.normal(0.0, sigma))
                self.X_base_board = X_base_tcp @ step @ invert_pose(X_base_tcp) @ self.X_base_board
            self.X_base_tcp_before = X_base_tcp
            slip = self.rng.multivariate_normal(np.zeros(6), kinematics_covariance(settings))
            X_true = X_base_tcp @ exp_se3(slip)
        seen = {}
        for name in cameras:
            corners = self.true_viewer.visible(name, X_true, self.X_base_board, PATCHES, LookSettings())
            if len(corners.pixels) >= 6:
                seen[name] = self._measured(replace(corners, stamp_s=stamp_s))
        return Look(stamp_s, X_base_tcp, seen)

    def _measured(self, corners: Corners) -> Corners:
        if not self.with_errors:
            return corners
        sigma = self.settings.corner_sigma_px if self.image_sigma_px is None else self.image_sigma_px
        noise = self.rng.normal(0.0, sigma, corners.pixels.shape)
        for group in np.unique(corners.groups):
            noise[corners.groups == group] += self.rng.normal(0.0, self.settings.shared_sigma_px, 2)
        return replace(corners, pixels=corners.pixels + noise)


def look_poses(rng, count, spread_m=0.02, spread_rad=0.08):
    """Return poses of the tool around home, the first one home itself."""
    poses = [X_BASE_HOME]
    for _ in range(count - 1):
        step = np.concatenate([rng.normal(0.0, spread_m, 3), rng.normal(0.0, spread_rad, 3)])
        poses.append(X_BASE_HOME @ exp_se3(step))
    return poses
