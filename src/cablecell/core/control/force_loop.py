"""Force set-points: an axis without stiffness that is given a feedback gain is pushed until the sensor agrees.

On such an axis `feedforward` is the wanted push of the robot, and e = feedforward + w is what is missing of it, with
the measured wrench w of the environment on the tool. Beside the push itself act a proportional part, small enough to be
stable for any contact by the small-gain theorem, and an integral part that is bounded and lives only in contact. An arm
that is told positions needs none of this: its admittance moves until the forces balance.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cablecell.core.config.control import ControlSettings
from cablecell.core.control.command import ComplianceCommand
from cablecell.core.control.errors import BadGainsError
from cablecell.core.geometry import Array

_PROPORTIONAL = 0.3
"""Of a feedback gain of 1; a poorly damped contact amplifies by 2 to 3, and the product must stay below 1."""

_TOUCH: Array = np.array([0.5, 0.5, 0.5, 0.05, 0.05, 0.05])
"""Push back on an axis from which on it is in contact, N, N·m: above the noise of the sensor after its filter."""

_FORGET_S = 0.1
"""Time constant with which the integral is forgotten in free air."""


def prepare_force_axes(command: ComplianceCommand, settings: ControlSettings) -> ComplianceCommand:
    """Return a command whose force axes are damped so that they do not run away where nothing is met.

    Raises:
        BadGainsError: A gain is outside of [0, 0.95], or on an axis that has stiffness (code 303).
    """
    gains = command.feedback_gains
    if not gains.any():
        return command
    stiffness = np.abs(command.stiffness).max(axis=0)
    for i in range(6):
        if not 0.0 <= gains[i] <= 0.95 or (gains[i] > 0.0 and stiffness[i] > 0.0):
            raise BadGainsError(
                f"feedback_gains[{i}] = {gains[i]:.6g} with a stiffness of {stiffness[i]:.6g}: a force set-point needs "
                "an axis without stiffness, and a gain in [0, 0.95]",
                quantity=f"feedback_gains[{i}]",
                value=gains[i],
                limit="[0, 0.95] and stiffness 0",
            )
    damping = command.damping.copy()
    speeds = [settings.force_speed_limit] * 3 + [settings.force_angular_speed_limit] * 3
    for i, speed in enumerate(speeds):
        if gains[i] > 0.0:
            damping[i, i] = max(damping[i, i], abs(float(command.feedforward[i])) / speed)
    return replace(command, damping=damping)


class ForceLoop:
    """The loop of a torque-controlled arm; `step` once per control period."""

    def __init__(self, settings: ControlSettings) -> None:
        self._dt_s = 1.0 / settings.rate_hz
        self._rate = settings.force_loop_rate
        self._limit = np.array([settings.force_correction_limit_n] * 3 + [settings.moment_correction_limit_nm] * 3)
        self._integral = np.zeros(6)

    def reset(self) -> None:
        """Forget what was corrected."""
        self._integral = np.zeros(6)

    def step(self, gains: Array, wanted: Array, wrench: Array) -> Array:
        """Return what is to be added to the push, shape (6,), N, N·m.

        Args:
            gains: Feedback gains, shape (6,).
            wanted: Push of the robot that is wanted, after its slew limit, target axes.
            wrench: Environment on tool, target axes.
        """
        is_touching = (wrench * wanted < 0.0) & (np.abs(wrench) > _TOUCH)
        missing = np.where(is_touching, gains * (wanted + wrench), 0.0)
        kept = np.where(is_touching, self._integral, self._integral * (1.0 - self._dt_s / _FORGET_S))
        kept = np.where(gains > 0.0, kept + self._rate * self._dt_s * missing, 0.0)
        self._integral = np.minimum(np.maximum(kept, -self._limit), self._limit)
        correction: Array = self._integral + _PROPORTIONAL * missing
        return correction
