"""Rotations and homogeneous transforms in scalar code, fast enough for a 500 Hz loop.

Poses are 4x4 float64 arrays named `X_AB` (pose of B in A, ADR 0001); rotations are their upper left 3x3 block.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_IDENTITY: Array = np.eye(4)


def rotation_from_rotvec(rotvec: Sequence[float] | Array) -> Array:
    """Return exp([rotvec]), shape (3, 3): Rodrigues' formula with its series near zero."""
    x, y, z = rotvec.tolist() if isinstance(rotvec, np.ndarray) else rotvec
    t2 = x * x + y * y + z * z
    if t2 < 1e-12:
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


def rotvec_from_rotation(R: Array) -> Array:
    """Return log(R) as a rotation vector, shape (3,), rad, of norm at most pi; exact near zero and near pi."""
    (r00, r01, r02), (r10, r11, r12), (r20, r21, r22) = R.tolist()
    vx, vy, vz = r21 - r12, r02 - r20, r10 - r01
    sine2 = math.sqrt(vx * vx + vy * vy + vz * vz)
    cosine2 = r00 + r11 + r22 - 1.0
    angle = math.atan2(sine2, cosine2)
    if angle < 3.0:
        k = 0.5 + angle * angle / 12.0 if sine2 < 1e-6 else angle / sine2
        return np.array([k * vx, k * vy, k * vz])
    # Near pi the antisymmetric part vanishes: (R + R^T)/2 = cos I + (1 - cos) a a^T gives the axis up to its sign.
    cosine = math.cos(angle)
    outer = (0.5 * (R + R.T) - cosine * np.eye(3)) / (1.0 - cosine)
    i = int(np.argmax(np.diag(outer)))
    axis: Array = outer[:, i] / math.sqrt(outer[i, i])
    sign = 1.0 if axis[0] * vx + axis[1] * vy + axis[2] * vz >= 0.0 else -1.0
    return sign * angle * axis


def rotation_from_quat_xyzw(quat_xyzw: Sequence[float] | Array) -> Array:
    """Return the rotation of a unit quaternion (x, y, z, w), shape (3, 3)."""
    x, y, z, w = (float(v) for v in quat_xyzw)
    return np.array(
        [
            [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - z * w), 2.0 * (x * z + y * w)],
            [2.0 * (x * y + z * w), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - x * w)],
            [2.0 * (x * z - y * w), 2.0 * (y * z + x * w), 1.0 - 2.0 * (x * x + y * y)],
        ]
    )


def transform(R: Array, p: Sequence[float] | Array) -> Array:
    """Return the homogeneous transform of a rotation and a translation, shape (4, 4)."""
    X = _IDENTITY.copy()
    X[:3, :3] = R
    X[:3, 3] = p
    return X


def inverse(X_AB: Array) -> Array:
    """Return X_BA."""
    R_BA = X_AB[:3, :3].T
    X_BA = _IDENTITY.copy()
    X_BA[:3, :3] = R_BA
    X_BA[:3, 3] = -(R_BA @ X_AB[:3, 3])
    return X_BA


def cross(a: Sequence[float] | Array, b: Sequence[float] | Array) -> Array:
    """Return a x b, shape (3,); ten times faster than the general routine for two 3-vectors."""
    ax, ay, az = a.tolist() if isinstance(a, np.ndarray) else a
    bx, by, bz = b.tolist() if isinstance(b, np.ndarray) else b
    return np.array([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx])


def shift_wrench(force: Array, moment: Array, p_from_to: Array) -> Array:
    """Return the wrench (force, moment), shape (6,), about a point `p_from_to` away, in the same axes."""
    out = np.empty(6)
    out[:3] = force
    out[3:] = moment - cross(p_from_to, force)
    return out


def rotate6(R: Array, v: Array) -> Array:
    """Return a twist or wrench with both halves rotated by R, shape (6,)."""
    out: Array = (v.reshape(2, 3) @ R.T).reshape(6)
    return out
