"""Interpolation of pose targets: what the arm follows never exceeds its speed and acceleration limits."""

from __future__ import annotations

import numpy as np

from cablecell.core.config.control import ControlSettings
from cablecell.core.control.kernels import follow_pose, warm_up
from cablecell.core.geometry import Array, make_pose


class PoseInterpolator:
    """Moves a reference pose towards a target that may jump, or move, at any tick."""

    def __init__(self, settings: ControlSettings) -> None:
        self._settings = settings
        self._dt_s = 1.0 / settings.rate_hz
        self._p = np.zeros(3)
        self._R = np.eye(3)
        self._v = np.zeros(3)
        self._w = np.zeros(3)
        warm_up()

    @property
    def X_base_reference(self) -> Array:  # noqa: N802 - frame notation (ADR 0001)
        """Reference pose, shape (4, 4)."""
        return make_pose(self._R, self._p)

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
        s = self._settings
        follow_pose(
            self._p,
            self._R,
            self._v,
            self._w,
            np.ascontiguousarray(X_base_target),
            twist,
            s.linear_speed,
            s.linear_acceleration,
            s.angular_speed,
            s.angular_acceleration,
            self._dt_s,
        )
