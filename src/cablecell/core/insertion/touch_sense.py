"""What a touch sequence feels: the moved point in the frame of the belief, with the wrench tared anew on the way."""

from __future__ import annotations

import math

import numpy as np

from cablecell.core.geometry import Array, invert_pose, log_so3, make_pose
from cablecell.core.insertion.kernels import see_tip, warm_up
from cablecell.core.insertion.observation import Observation, PoseEstimate
from cablecell.core.insertion.phase import Measurement

_SPEED_BLEND = 0.1
_LEAVING_S, _LEAST_FREE = 0.06, 25
"""How long after the begin of a move the plug is surely free, and samples that make a new tare."""

_OVER_SAMPLES = 3
"""Samples above the limit that count: one alone is noise."""


class TouchSense:
    """Measurements of one point of the plug's axis; everything in the frame of the port as it was believed at first."""

    def __init__(self, port: PoseEstimate, tip: PoseEstimate) -> None:
        warm_up()
        self._X_prior_base = invert_pose(port.X)
        self._tip = tip
        self.X_tcp_comp = tip.X
        self.peak_n = 0.0
        self._over = 0
        self._bias = np.zeros(6)
        self._move: object = None
        self._move_s, self._sum, self._count = 0.0, np.zeros(6), 0
        self._last_p, self._velocity = np.zeros(3), np.zeros(3)
        self._last_s: float | None = None
        self._observation: Observation | None = None

    def see(self, observation: Observation) -> Measurement:
        """Take a new observation."""
        self._observation = observation
        dt_s = 0.0 if self._last_s is None else observation.time_s - self._last_s
        self._last_s = observation.time_s
        return self._measure(dt_s)

    def again(self) -> Measurement:
        """Return the newest measurement once more: the bias may have changed, or the point."""
        return self._measure(0.0)

    def move_about(self, ahead_m: float) -> Measurement:
        """Move another point of the plug's axis from now on, ahead of the tip, and return what it does."""
        self.X_tcp_comp = self._tip.X @ make_pose(np.eye(3), [0.0, 0.0, ahead_m]) if ahead_m else self._tip.X
        return self.again()

    def _measure(self, dt_s: float) -> Measurement:
        observation = self._observation
        assert observation is not None
        p, R, speed, force, moment, _ = see_tip(
            self._X_prior_base,
            observation.X_base_tcp,
            self.X_tcp_comp,
            observation.wrench_tcp,
            self._bias,
            self._last_p,
            self._velocity,
            dt_s,
            _SPEED_BLEND,
        )
        return Measurement(observation.time_s, dt_s, p, log_so3(R), speed, force, moment)

    def is_over(self, m: Measurement, limit_n: float) -> bool:
        """Keep the peak of the force, and return whether it has been above a limit for some samples."""
        force = math.sqrt(float(m.force @ m.force))
        self.peak_n = max(self.peak_n, force)
        self._over = self._over + 1 if force > limit_n else 0
        return self._over >= _OVER_SAMPLES

    def tare(self, wrench: Array) -> None:
        """Take a wrench about the tip, in the axes of the prior, to be that of free space."""
        observation = self._observation
        assert observation is not None
        R = (self._X_prior_base @ observation.X_base_tcp)[:3, :3]
        f, moment = R.T @ wrench[:3], R.T @ wrench[3:]
        self._bias = np.concatenate((f, moment + np.cross(self._tip.X[:3, 3], f)))

    def learn_free(self, move: object, *, is_free: bool) -> None:
        """Tare anew on the way to a touch: a drift of 0.1 N at the sensor is 0.02 N*m at a long plug's tip.

        Args:
            move: What is being done: another one begins anew.
            is_free: Whether nothing is touched meanwhile.
        """
        observation = self._observation
        assert observation is not None
        if move is not self._move:
            self._move, self._move_s = move, observation.time_s
            self._sum, self._count = np.zeros(6), 0
        if not is_free or observation.time_s - self._move_s < _LEAVING_S:
            return
        self._sum += observation.wrench_tcp
        self._count += 1
        if self._count >= _LEAST_FREE:
            self._bias = self._sum / self._count
