"""Rotations SO(3): matrices, quaternions, rotation vectors and roll-pitch-yaw."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

_SMALL_ANGLE = 1e-4
"""Below this angle, rad, series replace quotients; the first term left out is then under 1e-17."""


def skew(v: ArrayLike) -> Array:
    """Return the matrix [v]× with [v]× u = v × u, shape (3, 3)."""
    x, y, z = np.asarray(v, dtype=float)
    return np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])


def exp_so3(rotvec: Sequence[float] | Array) -> Array:
    """Return the rotation about a vector by its length (Rodrigues, with its series near zero), shape (3, 3).

    Args:
        rotvec: Axis times angle, shape (3,), rad.
    """
    x, y, z = float(rotvec[0]), float(rotvec[1]), float(rotvec[2])
    t2 = x * x + y * y + z * z
    if t2 < _SMALL_ANGLE**2:
        a, b = 1.0 - t2 / 6.0, 0.5 - t2 / 24.0
    else:
        t = math.sqrt(t2)
        a, b = math.sin(t) / t, (1.0 - math.cos(t)) / t2
    return np.array(
        [
            [1.0 - b * (y * y + z * z), b * x * y - a * z, b * x * z + a * y],
            [b * x * y + a * z, 1.0 - b * (x * x + z * z), b * y * z - a * x],
            [b * x * z - a * y, b * y * z + a * x, 1.0 - b * (x * x + y * y)],
        ]
    )


def log_so3(R: ArrayLike) -> Array:
    """Return the rotation vector of a rotation, shape (3,), rad, of length at most π; exact near 0 and near π.

    At π the axis has either sign.
    """
    matrix = np.asarray(R, dtype=float)
    (r00, r01, r02), (r10, r11, r12), (r20, r21, r22) = matrix.tolist()
    vx, vy, vz = r21 - r12, r02 - r20, r10 - r01
    sine2 = math.sqrt(vx * vx + vy * vy + vz * vz)
    angle = math.atan2(sine2, r00 + r11 + r22 - 1.0)
    if angle < 3.0:
        k = 0.5 + angle * angle / 12.0 if sine2 < 1e-6 else angle / sine2
        return np.array([k * vx, k * vy, k * vz])
    # Near π the antisymmetric part vanishes: (R + Rᵀ)/2 = cos·I + (1 - cos)·a·aᵀ gives the axis up to its sign.
    cosine = math.cos(angle)
    outer = (0.5 * (matrix + matrix.T) - cosine * np.eye(3)) / (1.0 - cosine)
    i = int(np.argmax(np.diag(outer)))
    axis: Array = outer[:, i] / math.sqrt(outer[i, i])
    sign = 1.0 if axis[0] * vx + axis[1] * vy + axis[2] * vz >= 0.0 else -1.0
    return sign * angle * axis


def angle_between(R_A: ArrayLike, R_B: ArrayLike) -> float:
    """Return the angle, rad in [0, π], of the rotation from one orientation to another."""
    return float(np.linalg.norm(log_so3(np.asarray(R_A, dtype=float).T @ np.asarray(R_B, dtype=float))))


def quat_from_rotation(R: ArrayLike) -> Array:
    """Return the unit quaternion (x, y, z, w) of a rotation, shape (4,); w may have either sign.

    The largest of the four components is found from the diagonal and the others are divided by it, so nothing is lost
    at any angle.

    Source:
        Sarabandi, Thomas 2019, "A survey on the computation of quaternions from rotation matrices", section 3.
    """
    (m00, m01, m02), (m10, m11, m12), (m20, m21, m22) = np.asarray(R, dtype=float).tolist()
    trace = m00 + m11 + m22
    largest = max(trace, m00, m11, m22)
    if largest == trace:
        q = (m21 - m12, m02 - m20, m10 - m01, 1.0 + trace)
    elif largest == m00:
        q = (1.0 + m00 - m11 - m22, m01 + m10, m02 + m20, m21 - m12)
    elif largest == m11:
        q = (m01 + m10, 1.0 + m11 - m00 - m22, m12 + m21, m02 - m20)
    else:
        q = (m02 + m20, m12 + m21, 1.0 + m22 - m00 - m11, m10 - m01)
    norm = math.sqrt(sum(c * c for c in q))
    return np.array([c / norm for c in q])


def rotation_from_quat(quat_xyzw: ArrayLike) -> Array:
    """Return the rotation of a quaternion (x, y, z, w), shape (3, 3); the quaternion is normalised first.

    Raises:
        ValueError: The quaternion is not finite or shorter than 1e-9, so that it has no direction.
    """
    x, y, z, w = np.asarray(quat_xyzw, dtype=float).tolist()
    norm = math.sqrt(x * x + y * y + z * z + w * w)
    if not norm > 1e-9 or not math.isfinite(norm):
        raise ValueError(
            f"quaternion (x, y, z, w) = ({x}, {y}, {z}, {w}) has norm {norm}; it must be a unit quaternion"
        )
    x, y, z, w = x / norm, y / norm, z / norm, w / norm
    return np.array(
        [
            [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - z * w), 2.0 * (x * z + y * w)],
            [2.0 * (x * y + z * w), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - x * w)],
            [2.0 * (x * z - y * w), 2.0 * (y * z + x * w), 1.0 - 2.0 * (x * x + y * y)],
        ]
    )


def rotation_from_rpy(roll: float, pitch: float, yaw: float) -> Array:
    """Return Rz(yaw)·Ry(pitch)·Rx(roll), the fixed-axis angles of URDF and tf, rad."""
    cr, sr, cp, sp, cy, sy = (f(a) for a in (roll, pitch, yaw) for f in (math.cos, math.sin))
    return np.array(
        [
            [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
            [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
            [-sp, cp * sr, cp * cr],
        ]
    )


def rpy_from_rotation(R: ArrayLike) -> tuple[float, float, float]:
    """Return (roll, pitch, yaw), rad, with pitch in [-π/2, π/2]; at pitch ±π/2 the roll is set to 0."""
    m = np.asarray(R, dtype=float)
    cosine = math.hypot(float(m[0, 0]), float(m[1, 0]))
    pitch = math.atan2(-float(m[2, 0]), cosine)
    if cosine < 1e-9:
        return 0.0, pitch, math.atan2(-float(m[0, 1]), float(m[1, 1]))
    return math.atan2(float(m[2, 1]), float(m[2, 2])), pitch, math.atan2(float(m[1, 0]), float(m[0, 0]))
