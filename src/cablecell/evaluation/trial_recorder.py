"""Record one trial of a simulated machine for scoring, with the truth that only evaluation may see."""

from __future__ import annotations

import numpy as np

from cablecell.evaluation.scoring import TrialRecord
from cablecell.simulation.machine import SimulatedMachine


class TrialRecorder:
    """Samples a machine after every control period; the force is counted from its value when recording starts."""

    def __init__(self, machine: SimulatedMachine) -> None:
        self._machine = machine
        self._start_s = machine.clock.now_s()
        self._tare = np.array(machine.wrench_sensor.read().force)
        self._plug_start = np.array(machine.truth.tip().p)
        self._t: list[float] = []
        self._velocity: list[tuple[float, float, float]] = []
        self._position: list[tuple[float, float, float]] = []
        self._force_t: list[float] = []
        self._force: list[tuple[float, ...]] = []

    def sample(self) -> None:
        """Take one sample; a force sample that was taken already is not taken again."""
        machine = self._machine
        world, sensor = machine.world, machine.world.sensor
        self._t.append(machine.clock.now_s())
        position, velocity = world.tcp_motion()
        self._velocity.append(velocity)
        self._position.append(position)
        stamp_s = machine.clock.stamp_s(sensor.stamp_s)
        if not self._force_t or stamp_s > self._force_t[-1]:
            self._force_t.append(stamp_s)
            self._force.append(sensor.reading[:3])

    def finish(self, end_s: float | None, is_valid_run: bool = True) -> TrialRecord:
        """Return the record.

        Args:
            end_s: When success was reported, s; None when it was not.
            is_valid_run: Whether the cell under test did what the protocol asks.
        """
        truth = self._machine.truth
        return TrialRecord(
            is_valid_run=is_valid_run,
            start_s=self._start_s,
            end_s=end_s,
            velocity_t_s=np.array(self._t),
            velocity=np.array(self._velocity).reshape(-1, 3),
            position=np.array(self._position).reshape(-1, 3),
            force_t_s=np.array(self._force_t),
            force=np.array(self._force).reshape(-1, 3) - self._tare,
            offlimit_contacts=len(truth.contacts),
            target=self._machine.world.scene.target,
            inserted=truth.inserted,
            plug_start=self._plug_start,
            plug_end=np.array(truth.tip().p),
            port=np.array(truth.target().p),
            entrance=np.array(truth.target_entrance().p),
        )
