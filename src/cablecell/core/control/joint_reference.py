"""Streamed joint targets as something an arm can follow: within speed, acceleration and jerk, never stop-and-go."""

from __future__ import annotations

import numpy as np

from cablecell.core.config.control import ControlSettings
from cablecell.core.control.joint_stream import JointStream
from cablecell.core.control.model import JointLimits
from cablecell.core.geometry import Array


class JointReference:
    """Walks to the newest target of a stream and smooths what comes of it, as `PoseInterpolator` does with poses.

    Attributes:
        q: Where to be now, shape (n,), rad.
        dq: Its rate, shape (n,), rad/s.
        ddq: The rate of that, shape (n,), rad/s².
    """

    def __init__(self, settings: ControlSettings, limits: JointLimits) -> None:
        self._dt_s = 1.0 / settings.rate_hz
        acceleration = np.full(limits.lower.size, settings.joint_reference_acceleration)
        self._stream = JointStream(limits.lower, limits.upper, limits.velocity, acceleration, self._dt_s)
        rows = max(1, round(settings.smoothing_time_s * settings.rate_hz))
        self._ring = np.zeros((rows, 2, limits.lower.size))
        self.reset(np.zeros_like(limits.lower))

    def reset(self, q: Array) -> None:
        """Stand at joint positions."""
        self._stream.reset(q)
        self._ring[:] = 0.0
        self._ring[:, 0] = q
        self._row = 0
        self._target, self._walk = q.copy(), np.zeros_like(q)
        self._left = 0
        self.q, self.dq, self.ddq = q.copy(), np.zeros_like(q), np.zeros_like(q)

    def scale_speed(self, scale: float) -> None:
        """Use a share of the highest joint speeds from now on."""
        self._stream.scale_speed(scale)

    def aim(self, target: Array, ticks: int) -> None:
        """Walk to joint positions from now on, in a number of periods."""
        self._walk = (target - self._target) / ticks
        self._left = ticks

    def step(self) -> None:
        """Go on for one period."""
        if self._left:
            self._left -= 1
            self._target = self._target + self._walk
        self._follow(self._stream.step(self._target))

    def brake(self) -> None:
        """Come to rest, wherever that is, for one period."""
        self._left = 0
        self._target = self._stream.brake()
        self._follow(self._stream.slow_down())

    def _follow(self, q: Array) -> None:
        self._row = (self._row + 1) % self._ring.shape[0]
        self._ring[self._row, 0], self._ring[self._row, 1] = q, self._stream.dq
        mean = self._ring.mean(axis=0)
        self.ddq = (mean[1] - self.dq) / self._dt_s
        self.q, self.dq = mean[0], mean[1]
