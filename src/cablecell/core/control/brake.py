"""A stop in joint space: from whatever the joints do to rest, all along the same direction, without a jump."""

from __future__ import annotations

import numpy as np

from cablecell.core.config.control import ControlSettings
from cablecell.core.control.trajectory import Reference
from cablecell.core.geometry import Array

_LEAST_TIME_S = 0.02
"""Shortest stop: of an arm that hardly moves."""


class JointBrake:
    """Reference that slows the joints down; `step` once per control period.

    The rate falls as 1 - (3 s² - 2 s³), so its deceleration begins and ends at zero and is at most 1.5 times the mean.
    """

    def __init__(self, settings: ControlSettings, q: Array, dq: Array) -> None:
        self._dt_s = 1.0 / settings.rate_hz
        self._q, self._dq = q.copy(), dq.copy()
        fastest = float(np.abs(dq).max())
        self._duration_s = max(1.5 * fastest / settings.joint_stop_acceleration, _LEAST_TIME_S)
        self._time_s = 0.0

    def step(self) -> Reference:
        """Return where to be now, and go on by one period."""
        s = min(self._time_s / self._duration_s, 1.0)
        rate, bend = 1.0 - s * s * (3.0 - 2.0 * s), -6.0 * s * (1.0 - s) / self._duration_s
        # The integral of the rate is exact: however long the period is, it ends at the same place.
        way = self._duration_s * (s - s * s * s * (1.0 - 0.5 * s))
        self._time_s += self._dt_s
        return Reference(self._q + self._dq * way, self._dq * rate, self._dq * bend)
