"""Mechanical energy that the joints of an arm give."""

from __future__ import annotations

from collections.abc import Iterable

STANDING_RAD_PER_S = 0.005
"""Joint speed below which a joint stands: the noise of its encoder times the torque that carries the arm is no work."""


class EnergyMeter:
    """Counts torque times speed of every joint, where it is positive.

    What a joint takes up when it brakes or is lowered is not given back, and what holding or electronics cost is not
    in it: it is what the motors give at least.

    Attributes:
        energy_j: Since it was made, J.
    """

    def __init__(self) -> None:
        self.energy_j = 0.0

    def add(self, tau: Iterable[float], dq: Iterable[float], dt_s: float) -> None:
        """Count one period.

        Args:
            tau: Joint torques, N·m.
            dq: Joint speeds, rad/s.
            dt_s: Its length, s.
        """
        power_w = 0.0
        for torque, speed in zip(tau, dq, strict=True):
            if abs(speed) > STANDING_RAD_PER_S and torque * speed > 0.0:
                power_w += torque * speed
        self.energy_j += power_w * dt_s
