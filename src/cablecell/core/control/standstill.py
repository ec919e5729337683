"""How an arm whose commands stop coming is brought to rest, and what it goes on carrying there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cablecell.core.config.control import ControlSettings
from cablecell.core.control.brake import JointBrake
from cablecell.core.control.command import ComplianceCommand
from cablecell.core.control.held_load import HeldLoad, met_push
from cablecell.core.control.trajectory import Reference
from cablecell.core.geometry import Array

REST_RAD_PER_S = 0.05
"""Speed of a joint up to which an arm rests."""


def is_slow(dq: Array) -> bool:
    """Return whether joint velocities, shape (n,), rad/s, are those of an arm at rest."""
    return float(np.abs(dq).max()) <= REST_RAD_PER_S


class Standstill:
    """Brake and load of one arm; an arm that is told positions needs of it only what becomes of its set-point."""

    def __init__(self, settings: ControlSettings, joints: int) -> None:
        self._settings = settings
        self._load = HeldLoad(settings, joints)
        self._brake: JointBrake | None = None
        self._tau: Array | None = None
        self._met_push: Array | None = None

    @property
    def is_braking(self) -> bool:
        """Whether the joints are being braked, or were and stand."""
        return self._brake is not None

    def forget(self) -> None:
        """Begin anew, after a time without commands to the machine: nobody knows what it carries."""
        self._brake = self._tau = None
        self._load.drop()

    def end(self) -> None:
        """Let go: something else moves the arm from now on."""
        self._brake = None
        self._load.let_go()

    def source_is_there(self) -> None:
        """Note that the newest command is fresh."""
        self._met_push = None

    def soften(self, setpoint: ComplianceCommand, wrench: Array | None, braking: Array) -> ComplianceCommand:
        """Return the set-point of a source that is late or dead: it slows down, and pushes only what it met.

        Args:
            setpoint: The last one.
            wrench: Environment on tool at the compliance frame in target axes; None without a sensor.
            braking: Acceleration of the reference in target axes.
        """
        if self._met_push is None:
            self._met_push = np.zeros(6) if wrench is None else met_push(setpoint.feedforward, wrench)
        nothing = np.zeros(6)
        # Nobody is there who chose this motion: it is damped well, and what brakes the arm is not left to a spring. An
        # axis without stiffness has none, nor a reference of its own to be braked.
        return replace(
            setpoint,
            feedforward=self._met_push,
            feedback_gains=nothing,
            twist=nothing,
            acceleration=np.where(np.diag(setpoint.stiffness) > 0.0, braking, 0.0),
            damping_ratio=max(setpoint.damping_ratio, 1.0),
        )

    def slow_down(self, q: Array, dq: Array, wrench_tcp: Array | None, *, is_dead: bool) -> Reference | None:
        """Return what the joints are to follow when they are braked; None as long as they are not.

        In free air that is when the source is dead. In something it is at once, but only when the tool is slow: a stiff
        stop of a fast one would press.

        Args:
            q: Measured joint positions, shape (n,), rad.
            dq: Measured joint velocities, shape (n,), rad/s.
            wrench_tcp: Environment on tool at the tcp; None without a sensor.
            is_dead: Whether the source is dead, and not only late.
        """
        if self._brake is None:
            limit = self._settings.touching_force_n
            is_in_something = wrench_tcp is not None and float(wrench_tcp[:3] @ wrench_tcp[:3]) > limit * limit
            if not (is_slow(dq) if is_in_something else is_dead):
                return None
            self._brake = JointBrake(self._settings, q, dq)
            self.carry(dq)
        return self._brake.step()

    def carry(self, dq: Array) -> None:
        """Begin to hold: an arm at rest goes on carrying what it carries."""
        if self._tau is not None and is_slow(dq):
            self._load.keep(self._tau)
        else:
            self._load.drop()

    def drop(self) -> None:
        """Begin to hold with nothing to carry: what was carried is what stopped the arm."""
        self._load.drop()

    def loaded(self, tau: Array) -> Array:
        """Return the torques of a law with those of the load, shape (n,), N·m."""
        return self._load.step(tau)

    def note(self, tau: Array) -> None:
        """Note the torques that the arm is told in this period, shape (n,), N·m."""
        self._tau = tau
