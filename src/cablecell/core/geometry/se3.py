"""Rigid motions SE(3) as 4×4 matrices: building, group operations, exponential, interpolation."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cablecell.core.geometry.rotation import exp_so3, log_so3, rotation_from_quat, rotation_from_rpy, skew

Array = NDArray[np.float64]


def make_pose(R_AB: ArrayLike, p_AB: ArrayLike) -> Array:
    """Return the pose `X_AB` with a rotation, shape (3, 3), and a position, shape (3,), m."""
    X = np.zeros((4, 4))  # `eye` takes three times as long, and this is done several times in every control period
    X[3, 3] = 1.0
    X[:3, :3] = R_AB
    X[:3, 3] = p_AB
    return X


def pose_from_quat(xyz: ArrayLike, quat_xyzw: ArrayLike) -> Array:
    """Return the pose with a position, m, and a quaternion (x, y, z, w), which is normalised.

    Raises:
        ValueError: The quaternion has no direction.
    """
    return make_pose(rotation_from_quat(quat_xyzw), xyz)


def pose_from_xyz_rpy(xyz: ArrayLike, rpy: ArrayLike) -> Array:
    """Return the pose of a URDF origin: position, m, and fixed-axis roll, pitch, yaw, rad."""
    roll, pitch, yaw = np.asarray(rpy, dtype=float).tolist()
    return make_pose(rotation_from_rpy(roll, pitch, yaw), xyz)


def invert_pose(X_AB: ArrayLike) -> Array:
    """Return `X_BA`, by transposing the rotation: exact for a rigid motion, unlike a general inverse."""
    X = np.asarray(X_AB, dtype=float)
    R_BA = X[:3, :3].T
    return make_pose(R_BA, -(R_BA @ X[:3, 3]))


def compose(*poses: ArrayLike) -> Array:
    """Return the product of poses, left to right: `compose(X_AB, X_BC)` is `X_AC`; the identity for none."""
    X: Array = np.eye(4)
    for pose in poses:
        X = X @ np.asarray(pose, dtype=float)
    return X


def transform_point(X_AB: ArrayLike, p_B: ArrayLike) -> Array:
    """Return points given in B, shape (3,) or (n, 3), in A."""
    X = np.asarray(X_AB, dtype=float)
    points: Array = np.asarray(p_B, dtype=float) @ X[:3, :3].T + X[:3, 3]
    return points


def is_pose(X: ArrayLike, tolerance: float = 1e-6) -> bool:
    """Return whether a matrix is a rigid motion: finite, 4×4, orthonormal, right-handed, last row (0, 0, 0, 1)."""
    matrix = np.asarray(X, dtype=float)
    if matrix.shape != (4, 4) or not np.all(np.isfinite(matrix)):
        return False
    R = matrix[:3, :3]
    return bool(
        np.allclose(R @ R.T, np.eye(3), atol=tolerance)
        and np.linalg.det(R) > 0.0
        and np.allclose(matrix[3], (0.0, 0.0, 0.0, 1.0), atol=tolerance)
    )


def _left_jacobian(rotvec: Array) -> Array:
    """Return V of the exponential: the position of exp((v, ω)) is V(ω) v."""
    angle = float(np.linalg.norm(rotvec))
    W = skew(rotvec)
    if angle < 1e-3:
        b, c = 0.5 - angle**2 / 24.0, 1.0 / 6.0 - angle**2 / 120.0
    else:
        b = (1.0 - math.cos(angle)) / angle**2
        c = (angle - math.sin(angle)) / angle**3
    V: Array = np.eye(3) + b * W + c * (W @ W)
    return V


def exp_se3(xi: ArrayLike) -> Array:
    """Return the motion reached by following a constant body twist for one unit of time.

    Args:
        xi: (v, ω), shape (6,): m and rad.

    Source:
        Murray, Li, Sastry 1994, "A Mathematical Introduction to Robotic Manipulation", section 2.4.
    """
    x = np.asarray(xi, dtype=float)
    return make_pose(exp_so3(x[3:]), _left_jacobian(x[3:]) @ x[:3])


def log_se3(X: ArrayLike) -> Array:
    """Return (v, ω), shape (6,), with `exp_se3` of it equal to the motion; |ω| ≤ π."""
    M = np.asarray(X, dtype=float)
    w = log_so3(M[:3, :3])
    return np.concatenate([np.linalg.solve(_left_jacobian(w), M[:3, 3]), w])


def pose_difference(X_AB: ArrayLike, X_AC: ArrayLike) -> Array:
    """Return what moves B onto C, expressed in A: (p_C - p_B, rotation vector of R_C·R_Bᵀ), shape (6,), m and rad.

    Position and rotation are separate, as a Cartesian impedance and a tracking error need them.
    """
    B, C = np.asarray(X_AB, dtype=float), np.asarray(X_AC, dtype=float)
    return np.concatenate([C[:3, 3] - B[:3, 3], log_so3(C[:3, :3] @ B[:3, :3].T)])


class PoseLine:
    """The way from one pose to another: straight in position, shortest turn at constant rate in rotation.

    Attributes:
        difference: `pose_difference` of the ends, shape (6,): what is travelled, m and rad.
    """

    def __init__(self, X_A0: ArrayLike, X_A1: ArrayLike) -> None:
        """Lay the line from fraction 0 to fraction 1."""
        self._start = np.array(X_A0, dtype=float)
        self.difference = pose_difference(self._start, X_A1)
        self._is_turning = bool(np.any(self.difference[3:]))

    def at(self, fraction: float) -> Array:
        """Return the pose at a fraction of the way; outside [0, 1] the line goes on."""
        X = self._start.copy()
        X[:3, 3] += fraction * self.difference[:3]
        if self._is_turning:
            X[:3, :3] = exp_so3(fraction * self.difference[3:]) @ self._start[:3, :3]
        return X


def interpolate_pose(X_A0: ArrayLike, X_A1: ArrayLike, fraction: float) -> Array:
    """Return the pose at a fraction of the line between two poses; for many fractions of one line keep a `PoseLine`."""
    return PoseLine(X_A0, X_A1).at(fraction)
