"""How far the servos of a position-controlled arm give way, so that a commanded stiffness is that of the whole arm.

The admittance yields by load over stiffness, and the servos yield beside it: 1/K + 1/K_servo is what a hand at the tool
feels, some percent softer than K. At rest the encoders show what the servos give way by, and the law takes it into its
error. Only what is added since the motion began counts: an arm that already hung a little low must not move by that.
"""

from __future__ import annotations

import math

import numpy as np

from cablecell.core.config.control import ControlSettings
from cablecell.core.geometry import Array

_TIME_S = 0.1
"""Time constant with which it follows; far slower than the servos, so that their lag is no sag."""

_TOLD_REST_RAD_PER_S, _REST_RAD_PER_S = 0.002, 0.01
"""Told and measured joint speeds up to which a difference is sag and not lag: 22 ms of it are then 44 urad."""

_LIMIT_RAD = 0.004
"""Most that is believed, of any joint; more is no sag."""


class ServoSag:
    """Filtered difference between where the joints are and where they were told to be; `observe` in every period.

    Attributes:
        q: The difference since the motion began, shape (n,), rad.
    """

    def __init__(self, settings: ControlSettings, joints: int) -> None:
        self._blend = 1.0 - math.exp(-1.0 / (settings.rate_hz * _TIME_S))
        self.q: Array = np.zeros(joints)
        self._begun: Array | None = None

    def reset(self) -> None:
        """Begin a motion: from now on what is added counts."""
        self.q = np.zeros_like(self.q)
        self._begun = None

    def observe(self, q: Array, dq: Array, told: Array, told_rate: Array) -> None:
        """Take in one period.

        Args:
            q: Measured joint positions, shape (n,), rad.
            dq: Measured joint velocities, shape (n,), rad/s.
            told: Positions that the arm was told, shape (n,), rad.
            told_rate: Their rate, shape (n,), rad/s.
        """
        if float(np.abs(told_rate).max()) > _TOLD_REST_RAD_PER_S or float(np.abs(dq).max()) > _REST_RAD_PER_S:
            return
        sag = q - told
        if self._begun is None:
            self._begun = sag
        added = np.minimum(np.maximum(sag - self._begun, -_LIMIT_RAD), _LIMIT_RAD)
        self.q = self.q + self._blend * (added - self.q)
