"""The rollout of a position-controlled arm: the same skill, the admittance, and drives behind a link with delay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cablecell.core.config.connector import Connector
from cablecell.core.config.trial import Trial
from cablecell.core.control.admittance import ContactLoop
from cablecell.core.control.arm_controller import ArmController
from cablecell.core.fusion.wrench import Tare
from cablecell.evaluation.rollout import Rollout
from cablecell.ports import CommandMode
from cablecell.simulation.servo import ServoArm, ServoLink

SETTLE_PERIODS = 150
"""Periods at rest before the sensor is tared."""
TARE_PERIODS = 64


class PositionRollout(Rollout):
    """A rollout whose arm is told positions and felt by its force sensor, both late."""

    def __init__(
        self,
        trial: Trial,
        connectors: Mapping[str, Connector],
        *,
        loop: ContactLoop,
        link: ServoLink,
        seed: int,
        **settings: Any,
    ) -> None:
        """Set up a trial.

        Args:
            trial: The trial.
            connectors: Connectors by name.
            loop: What the controller believes about the arm.
            link: What the arm is.
            seed: Of every error.
            settings: As those of `Rollout`.
        """
        super().__init__(trial, connectors, seed=seed, **settings)
        self.controller = ArmController(self._arm, self._control, command_mode=CommandMode.POSITION, loop=loop)
        self._servo = ServoArm(self.machine, link, seed)
        self._felt = self._make_compensator()
        self._is_tared = False

    def _prepare_insertion(self) -> None:
        """Tare at rest in free space, as the skill asks the node to."""
        for _ in range(SETTLE_PERIODS):
            self._cycle()
        tare = Tare()
        for _ in range(TARE_PERIODS):
            self._cycle()
            sample = self.machine.wrench_sensor.read()
            tare.add(np.concatenate((sample.force, sample.torque)))
        R_base_tcp = self._arm.dynamics(self.machine.arm.read().q).X_base_tcp[:3, :3]
        for compensator in (self._felt, self._compensator):
            compensator.tare(tare.mean(), R_base_tcp)
        self._is_tared = True

    def _cycle(self) -> None:
        now = self.machine.clock.now_s()
        state, sample = self._servo.report()
        wrench = self._felt.compensate(sample, self._arm.dynamics(state.q).X_base_tcp[:3, :3])
        command = self.controller.tick(state, wrench if self._is_tared else None, now)
        # The messages of a cycle take until the next: nobody answers within the period he was asked in.
        self._servo.cycle(self._dt_s)
        self._servo.send(command.values)
        self._recorder.sample()
