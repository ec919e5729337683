"""Interpolation of pose targets: what the arm follows never exceeds its limits of speed, acceleration and jerk.

A point pursues the target within speed and acceleration, and the reference is the mean of where the point was over the
last `smoothing_time_s`. A mean of positions is never outside of what it is a mean of; it keeps the limits of speed and
acceleration, and as the acceleration of the point is at most A, the jerk of its mean over W is at most 2 A / W.
"""

from __future__ import annotations

import numpy as np

from cablecell.core.config.control import ControlSettings
from cablecell.core.control.kernels import advance_reference, fill_ring, mean_of_ring, put_in_ring, walk_pose, warm_up
from cablecell.core.geometry import Array, make_pose

_STANDING: Array = np.zeros(6)


class PoseInterpolator:
    """Moves a reference pose towards a target that may jump, or move, at any tick.

    Attributes:
        X_base_reference: Reference pose, shape (4, 4).
        twist: Its velocity in base axes, shape (6,), m/s, rad/s.
        acceleration: Likewise, m/s², rad/s².
        speed_scale: Share of the highest speeds that is used.
        lead_s: By how much the reference of the next period is behind the point that pursues the target, s.
    """

    def __init__(self, settings: ControlSettings) -> None:
        self._settings = settings
        self._dt_s = 1.0 / settings.rate_hz
        rows = max(1, round(settings.smoothing_time_s * settings.rate_hz))
        self._ring = np.zeros((rows, 13))
        self.speed_scale = 1.0
        self.lead_s = max(0.5 * (rows - 1) - 1.0, 0.0) * self._dt_s
        warm_up()
        self.reset(np.eye(4))

    @property
    def X_base_ahead(self) -> Array:  # noqa: N802 - frame notation (ADR 0001)
        """Where the point is that pursues the target, shape (4, 4): the reference comes to it."""
        return make_pose(self._R, self._p)

    def reset(self, X_base_reference: Array, twist: Array | None = None) -> None:
        """Put the reference on a pose, at rest or in motion with a twist in base axes."""
        self._p = X_base_reference[:3, 3].copy()
        self._R = X_base_reference[:3, :3].copy()
        self.twist: Array = np.zeros(6) if twist is None else twist.copy()
        self._v, self._w = self.twist[:3].copy(), self.twist[3:].copy()
        self._row = 0
        fill_ring(self._ring, self._p, self._R, self._v, self._w)
        self.X_base_reference = X_base_reference.copy()
        self.acceleration: Array = np.zeros(6)

    def move_frame(self, X_old_new: Array) -> None:
        """Continue as the reference of another frame rigidly attached to the old one at `X_old_new`."""
        shift, turn = X_old_new[:3, 3], X_old_new[:3, :3]
        for k in range(self._ring.shape[0]):
            row = (self._row + 1 + k) % self._ring.shape[0]
            X, _ = mean_of_ring(self._ring[row : row + 1])
            v, w = self._ring[row, 7:10].copy(), self._ring[row, 10:].copy()
            offset = X[:3, :3] @ shift
            put_in_ring(self._ring, row, X[:3, 3] + offset, X[:3, :3] @ turn, v + np.cross(w, offset), w)
        offset = self._R @ shift
        self._p = self._p + offset
        self._v = self._v + np.cross(self._w, offset)
        self._R = self._R @ turn
        self.X_base_reference, self.twist = mean_of_ring(self._ring)

    def step(self, X_base_target: Array, twist: Array) -> None:
        """Advance by one period.

        Args:
            X_base_target: Where to go, shape (4, 4).
            twist: Velocity of the target in base axes, shape (6,): followed without lag once the target is reached.
        """
        s = self._settings
        self._step(X_base_target, twist, s.linear_acceleration, s.angular_acceleration)

    def brake(self) -> None:
        """Come to rest, wherever that is, for one period."""
        s = self._settings
        self._step(self.X_base_ahead, _STANDING, s.stop_acceleration, s.stop_angular_acceleration)

    def ahead_of(self, X_base_target: Array, twist: Array, acceleration: Array, delay_s: float) -> Array:
        """Return where a target that moves will be when the reference gets there, shape (4, 4)."""
        t = self.lead_s + delay_s
        return walk_pose(np.ascontiguousarray(X_base_target), twist * t + acceleration * (0.5 * t * t), 1.0)

    def _step(self, X_base_target: Array, twist: Array, linear: float, angular: float) -> None:
        s = self._settings
        self._row = (self._row + 1) % self._ring.shape[0]
        self.X_base_reference, self.twist, self.acceleration = advance_reference(
            self._p,
            self._R,
            self._v,
            self._w,
            np.ascontiguousarray(X_base_target),
            twist,
            s.linear_speed * self.speed_scale,
            linear,
            s.angular_speed * self.speed_scale,
            angular,
            self._dt_s,
            self._ring,
            self._row,
            self.twist,
        )
