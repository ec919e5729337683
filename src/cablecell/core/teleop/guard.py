"""The force guard: contact slows the target down, and above the limit leaves only motion that relieves it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cablecell.core.config.teleop import TeleopSettings
from cablecell.core.geometry import Array


@dataclass(frozen=True)
class Contact:
    """What the force sensor says about the next motion.

    Attributes:
        force_n: Norm of the contact force at the tcp, N.
        torque_nm: Norm of the contact moment, N·m.
        scale: Share of the speed that is left for motion that does not relieve the contact, in [0, 1].
        relief: Unit directions, linear and angular, that relieve it; a zero vector where there is no clear contact.
    """

    force_n: float
    torque_nm: float
    scale: float
    relief: tuple[Array, Array]

    def limited(self, part: int, velocity: Array) -> Array:
        """Return a velocity with what does not relieve the contact scaled down.

        Args:
            part: 0 for the linear, 1 for the angular velocity.
            velocity: In base axes, shape (3,).
        """
        if self.scale >= 1.0:
            return velocity
        direction = self.relief[part]
        relieving = max(0.0, float(direction @ velocity))
        away = relieving * direction
        limited: Array = away + self.scale * (velocity - away)
        if self.scale <= 0.0:
            return away
        return limited


def read_contact(wrench_base: Array, settings: TeleopSettings) -> Contact:
    """Return what a measured wrench, environment on tool in base axes, means for the next motion."""
    force, moment = wrench_base[:3], wrench_base[3:]
    force_n, torque_nm = math.sqrt(float(force @ force)), math.sqrt(float(moment @ moment))
    by_force = (settings.stop_force_n - force_n) / (settings.stop_force_n - settings.slow_force_n)
    by_torque = (settings.stop_torque_nm - torque_nm) / (settings.stop_torque_nm - settings.slow_torque_nm)
    nothing = 0.0 * force
    return Contact(
        force_n,
        torque_nm,
        min(1.0, max(0.0, min(by_force, by_torque))),
        (
            force / force_n if force_n >= settings.slow_force_n else nothing,
            moment / torque_nm if torque_nm >= settings.slow_torque_nm else nothing,
        ),
    )
