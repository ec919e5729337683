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
    length = math.sqrt(dx * dx + dy * dy + dz * dz)
    wanted = target_velocity
    if length > 1e-12:
        brake = _APPROACH * acceleration
        # Speed from which one can still stop at the target, exact for the discrete braking ramp.
        closing = math.sqrt(2.0 * brake * length + (0.5 * brake * dt_s) ** 2) - 0.5 * brake * dt_s
        wanted = wanted + distance * (min(closing, length / dt_s) / length)
    wx, wy, wz = wanted.tolist()
    norm = math.sqrt(wx * wx + wy * wy + wz * wz)
    if norm > speed:
        wanted = wanted * (speed / norm)
    change = wanted - velocity
    cx, cy, cz = change.tolist()
    size, step = math.sqrt(cx * cx + cy * cy + cz * cz), acceleration * dt_s
    if size > step:
        change = change * (step / size)
    return velocity + change


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
        self._R = rotation_from_rotvec(self._w * dt) @ self._R
        # Gram-Schmidt on two columns keeps the product of many small rotations orthogonal.
        x, y = self._R[:, 0], self._R[:, 1]
        x = x / math.sqrt(float(x @ x))
        y = y - x * float(x @ y)
        y = y / math.sqrt(float(y @ y))
        self._R[:, 0], self._R[:, 1] = x, y
        self._R[0, 2] = x[1] * y[2] - x[2] * y[1]
        self._R[1, 2] = x[2] * y[0] - x[0] * y[2]
        self._R[2, 2] = x[0] * y[1] - x[1] * y[0]
