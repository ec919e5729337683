"""State of the board estimator: where the board and its modules are, how the cameras really sit, and how sure all is.

The error state stacks right perturbations (v, w): six numbers of X_base_board, then six of every camera's mount
X_tcp_optical, then six of every module's X_board_module. The mounts are states because a hand-eye error moves every
look in the same way: left out, more looks would make the estimate confident and wrong; with them, looks from different
poses find the error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.estimator import EstimatorSettings
from cablecell.core.geometry import adjoint, exp_se3, invert_pose, log_se3
from cablecell.core.perception.detection import Corners

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

AROUND_BOARD_M = 0.2
"""How far poses of the tool all around a board are from each other."""


@dataclass(frozen=True)
class Look:
    """Everything the cameras saw of the board from one pose of the arm.

    Attributes:
        stamp_s: Time of the images, s.
        X_base_tcp: Pose of `tcp` in `base_link` from forward kinematics at that time, shape (4, 4).
        corners: Corners by camera name.
    """

    stamp_s: float
    X_base_tcp: Matrix
    corners: Mapping[str, Corners]


@dataclass(frozen=True)
class CameraRig:
    """How the cameras sit on the tool, as far as calibration knows.

    Attributes:
        mounts: Nominal X_tcp_optical by camera name, shape (4, 4).
        covariance: Of the stacked right perturbations of the mounts in the order of `names`, shape (6 n, 6 n).
    """

    mounts: Mapping[str, Matrix]
    covariance: Matrix

    @property
    def names(self) -> tuple[str, ...]:
        """Camera names in the order of the state."""
        return tuple(self.mounts)

    @staticmethod
    def calibrated(mounts: Mapping[str, Matrix], settings: EstimatorSettings) -> CameraRig:
        """Return a rig whose uncertainty is the common and the individual hand-eye error of the settings."""
        common = _diagonal(settings.mount_common_sigma_m, settings.mount_common_sigma_rad)
        own = _diagonal(settings.mount_own_sigma_m, settings.mount_own_sigma_rad)
        G = np.vstack([adjoint(invert_pose(X)) for X in mounts.values()])
        return CameraRig(dict(mounts), G @ common @ G.T + np.kron(np.eye(len(mounts)), own))


@dataclass(frozen=True)
class BoardState:
    """Mean and covariance of the estimate.

    Attributes:
        stamp_s: Time the estimate is valid for, s.
        X_base_board: Pose of `task_board` in `base_link`, shape (4, 4).
        mounts: Estimated X_tcp_optical by camera name.
        covariance: Of the stacked right perturbations (board, mounts…, modules…), shape (6 + 6 n, 6 + 6 n).
        looks: Number of looks in it.
        seen_s: Time of the newest look in it, s.
        modules: Estimated X_board_module by name of the module.
    """

    stamp_s: float
    X_base_board: Matrix
    mounts: Mapping[str, Matrix] = field(default_factory=dict)
    covariance: Matrix = field(default_factory=lambda: np.eye(6))
    looks: int = 0
    seen_s: float = 0.0
    modules: Mapping[str, Matrix] = field(default_factory=dict)

    @property
    def board_covariance(self) -> Matrix:
        """Covariance of the right perturbation of X_base_board, shape (6, 6)."""
        return self.covariance[:6, :6]

    def mount_block(self, camera: str) -> slice:
        """Return where the perturbation of a camera's mount is in the error state."""
        begin = 6 + 6 * list(self.mounts).index(camera)
        return slice(begin, begin + 6)

    def module_block(self, module: str) -> slice:
        """Return where the perturbation of a module is in the error state."""
        begin = 6 + 6 * len(self.mounts) + 6 * list(self.modules).index(module)
        return slice(begin, begin + 6)

    def moved(self, step: Vector) -> BoardState:
        """Return the state with its mean moved by an error-state step; the covariance is kept."""
        mounts = {name: X @ exp_se3(step[self.mount_block(name)]) for name, X in self.mounts.items()}
        modules = {name: X @ exp_se3(step[self.module_block(name)]) for name, X in self.modules.items()}
        return replace(self, X_base_board=self.X_base_board @ exp_se3(step[:6]), mounts=mounts, modules=modules)

    def difference(self, other: BoardState) -> Vector:
        """Return the error-state step that leads from `other` to this state."""
        parts = [log_se3(invert_pose(other.X_base_board) @ self.X_base_board)]
        parts += [log_se3(invert_pose(other.mounts[name]) @ X) for name, X in self.mounts.items()]
        parts += [log_se3(invert_pose(other.modules[name]) @ X) for name, X in self.modules.items()]
        return np.concatenate(parts)

    def with_module(self, name: str, X_board_module: Matrix, covariance: Matrix) -> BoardState:
        """Return the state with one module more, of which only its design is known."""
        n = len(self.covariance)
        P = np.zeros((n + 6, n + 6))
        P[:n, :n], P[n:, n:] = self.covariance, covariance
        return replace(self, modules={**self.modules, name: X_board_module}, covariance=P)

    def without_module(self, name: str) -> BoardState:
        """Return the state without a module; what it has taught about the rest stays."""
        keep = np.ones(len(self.covariance), dtype=bool)
        keep[self.module_block(name)] = False
        modules = {other: X for other, X in self.modules.items() if other != name}
        return replace(self, modules=modules, covariance=self.covariance[np.ix_(keep, keep)])


def wide_prior(X_base_board: Matrix, rig: CameraRig, stamp_s: float) -> BoardState:
    """Return a state that knows the cameras as calibrated and nothing of the board: 10 m, 10 rad."""
    n = 6 + 6 * len(rig.mounts)
    P = np.zeros((n, n))
    P[:6, :6] = 100.0 * np.eye(6)
    P[6:, 6:] = rig.covariance
    return BoardState(stamp_s, X_base_board, dict(rig.mounts), P, 0, stamp_s)


def drifted(state: BoardState, stamp_s: float, settings: EstimatorSettings) -> BoardState:
    """Return the state at a later time: same mean, the board's covariance grown by its random walk."""
    dt = max(0.0, stamp_s - state.stamp_s)
    P = state.covariance.copy()
    P[:6, :6] += _diagonal(settings.drift_m_per_sqrt_s, settings.drift_rad_per_sqrt_s) * dt
    return replace(state, stamp_s=max(stamp_s, state.stamp_s), covariance=P)


def _diagonal(sigma_m: float, sigma_rad: float) -> Matrix:
    return np.diag([sigma_m**2] * 3 + [sigma_rad**2] * 3)


def kinematics_covariance(settings: EstimatorSettings, way_m: float = 0.0) -> Matrix:
    """Return the covariance of a right perturbation of X_base_tcp at one look, shape (6, 6).

    Args:
        settings: Sizes of the errors.
        way_m: How far the tool has moved: an arm errs alike where it stands alike.
    """
    sigma_m = float(np.hypot(settings.kinematics_sigma_m, settings.kinematics_m_per_m * way_m))
    sigma_rad = float(np.hypot(settings.kinematics_sigma_rad, settings.kinematics_rad_per_m * way_m))
    return _diagonal(sigma_m, sigma_rad)


def carried(
    state: BoardState, X_base_tcp_before: Matrix, X_base_tcp: Matrix, settings: EstimatorSettings
) -> BoardState:
    """Return the state for an arm that looks from elsewhere: the board is a little elsewhere in its coordinates.

    Args:
        state: As seen from before.
        X_base_tcp_before: Pose of the tool at that look, shape (4, 4).
        X_base_tcp: Pose of the tool now, shape (4, 4).
        settings: Sizes of the errors.
    """
    way_m = float(np.linalg.norm(X_base_tcp[:3, 3] - X_base_tcp_before[:3, 3]))
    Q = _diagonal(settings.kinematics_m_per_m * way_m, settings.kinematics_rad_per_m * way_m)
    T = adjoint(invert_pose(state.X_base_board) @ X_base_tcp)
    P = state.covariance.copy()
    P[:6, :6] += T @ Q @ T.T
    return replace(state, covariance=P)
