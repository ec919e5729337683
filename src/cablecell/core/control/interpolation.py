"""Interpolation of pose targets: what the arm follows never exceeds its speed and acceleration limits."""

from __future__ import annotations

import math

import numpy as np

from cablecell.core.config.control import ControlSettings
from cablecell.core.control.frames import Array, rotation_from_rotvec, rotvec_from_rotation, transform

_APPROACH = 0.8
"""Share of the acceleration limit planned for braking; the rest absorbs the discrete step."""


def _pursue(
    distance: Array, velocity: Array, target_velocity: Array, speed: float, acceleration: float, dt_s: float
) -> Array:
    """Return the next velocity of a point that closes `distance` and then moves with `target_velocity`."""
    dx, dy, dz = distance.tolist()
    vx, vy, vz = velocity.tolist()
    wx, wy, wz = target_velocity.tolist()
    length = math.sqrt(dx * dx + dy * dy + dz * dz)
    if length > 1e-12:
        brake = _APPROACH * acceleration
        # Speed from which one can still stop at the target, exact for the discrete braking ramp.
        closing = math.sqrt(2.0 * brake * length + (0.5 * brake * dt_s) ** 2) - 0.5 * brake * dt_s
        gain = min(closing, length / dt_s) / length
        wx, wy, wz = wx + dx * gain, wy + dy * gain, wz + dz * gain
    norm = math.sqrt(wx * wx + wy * wy + wz * wz)
    if norm > speed:
        gain = speed / norm
        wx, wy, wz = wx * gain, wy * gain, wz * gain
    cx, cy, cz = wx - vx, wy - vy, wz - vz
    size, step = math.sqrt(cx * cx + cy * cy + cz * cz), acceleration * dt_s
    gain = step / size if size > step else 1.0
    return np.array([vx + cx * gain, vy + cy * gain, vz + cz * gain])


class PoseInterpolator:
    """Moves a reference pose towards a target that may jump, or move, at any tick."""

    def __init__(self, settings: ControlSettings) -> None:
        self._settings = settings
        self._dt_s = 1.0 / settings.rate_hz
        self._p = np.zeros(3)
        self._R = np.eye(3)
        self._v = np.zeros(3)
        self._w = np.zeros(3)

    @property
    def X_base_reference(self) -> Array:  # noqa: N802 - frame notation (ADR 0001)
        """Reference pose, shape (4, 4)."""
        return transform(self._R, self._p)

    @property
    def twist(self) -> Array:
        """Velocity of the reference in base axes, shape (6,), m/s, rad/s."""
        return np.concatenate((self._v, self._w))

    def reset(self, X_base_reference: Array) -> None:
        """Put the reference on a pose, at rest."""
        self._p = X_base_reference[:3, 3].copy()
        self._R = X_base_reference[:3, :3].copy()
        self._v = np.zeros(3)
        self._w = np.zeros(3)

    def move_frame(self, X_old_new: Array) -> None:
        """Continue as the reference of another frame rigidly attached to the old one at `X_old_new`."""
        offset = self._R @ X_old_new[:3, 3]
        self._p = self._p + offset
        wx, wy, wz = self._w.tolist()
        ox, oy, oz = offset.tolist()
        self._v = self._v + np.array([wy * oz - wz * oy, wz * ox - wx * oz, wx * oy - wy * ox])
        self._R = self._R @ X_old_new[:3, :3]

    def step(self, X_base_target: Array, twist: Array) -> None:
        """Advance by one period.

        Args:
            X_base_target: Where to go, shape (4, 4).
            twist: Velocity of the target in base axes, shape (6,): followed without lag once the target is reached.
        """
        s, dt = self._settings, self._dt_s
        self._v = _pursue(X_base_target[:3, 3] - self._p, self._v, twist[:3], s.linear_speed, s.linear_acceleration, dt)
        self._p = self._p + self._v * dt
        rotation = rotvec_from_rotation(X_base_target[:3, :3] @ self._R.T)
        self._w = _pursue(rotation, self._w, twist[3:], s.angular_speed, s.angular_acceleration, dt)
        self._R = _orthonormal(rotation_from_rotvec(self._w * dt) @ self._R)


def _orthonormal(R: Array) -> Array:
    """Return a product of many small rotations made orthogonal again: Gram-Schmidt on its first two columns."""
    (ax, bx, _), (ay, by, _), (az, bz, _) = R.tolist()
    n = math.sqrt(ax * ax + ay * ay + az * az)
    ax, ay, az = ax / n, ay / n, az / n
    share = ax * bx + ay * by + az * bz
    bx, by, bz = bx - ax * share, by - ay * share, bz - az * share
    n = math.sqrt(bx * bx + by * by + bz * bz)
    bx, by, bz = bx / n, by / n, bz / n
    return np.array([[ax, bx, ay * bz - az * by], [ay, by, az * bx - ax * bz], [az, bz, ax * by - ay * bx]])
