"""What the watch over the force sensor is given, recorded without errors of the sensor and replayed with many of them.

Arm, encoders, controller, observer and cable are those of the cell. An hour of a sensor takes about a minute this way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from cablecell.core.config.scenario import Scenario
from cablecell.core.control.modes import ControllerMode
from cablecell.core.errors import WorkcellError
from cablecell.core.fusion.wrench import Payload, WrenchCompensator
from cablecell.core.geometry import Array, exp_so3, make_pose, rotate_six
from cablecell.core.motion.collision import RobotGeometry
from cablecell.core.motion.moves import MovePlanner
from cablecell.core.motion.trajectory import MotionLimits
from cablecell.evaluation.draw import draw_run
from cablecell.evaluation.rollout import WRENCH_CUTOFF_HZ, Rollout, robot_model
from cablecell.evaluation.touching import sensor_pose
from cablecell.ports import WrenchSample
from cablecell.simulation.wrench_sensor import WrenchErrors, as_wrench

_TARE_SAMPLES, _SETTLE_SAMPLES = 64, 20
_SHARES = (0.3, 0.5, 1.0)
"""Speeds of the planner's moves."""


@dataclass(frozen=True)
class WrenchRecord:
    """Samples at the control rate.

    Attributes:
        time_s: Shape (n,), s.
        modes: Of the controller.
        wrench_ft: True wrench at the sensor, shape (n, 6), N, N·m.
        X_base_tcp: Measured, shape (n, 4, 4).
        twist: Measured, shape (n, 6).
        q: Measured, shape (n, 6), rad.
        pushed: Torques that push the arm by its observer, shape (n, 6), N·m.
        jacobians: Of the tcp in base axes, shape (n, 6, 6).
        contact_n: True contact force of the plug, shape (n,), N.
        payload: What the cell believes the sensor carries.
        observer_rate: Bandwidth of the observer, rad/s.
    """

    time_s: Array
    modes: tuple[ControllerMode, ...]
    wrench_ft: Array
    X_base_tcp: Array
    twist: Array
    q: Array
    pushed: Array
    jacobians: Array
    contact_n: Array
    payload: Payload
    observer_rate: float


class _RecordingRun(Rollout):
    """A rollout whose controller gets the wrench, as in the running cell, and that keeps what a watch is given."""

    _keeps: list[tuple[Any, ...]] | None = None

    def record(self, work: Any) -> WrenchRecord:
        """Do some work and return what was felt meanwhile."""
        state, sample = self.machine.arm.read(), self.machine.wrench_sensor.read()
        self._felt = self._make_compensator()
        R = self._arm.dynamics(state.q).X_base_tcp[:3, :3]
        self._felt.tare(np.concatenate((sample.force, sample.torque)), R)
        self._keeps = []
        work(self)
        columns = list(zip(*self._keeps, strict=True))
        time_s, wrench, X, twist, q, pushed, jacobians, contact = (np.array(columns[i]) for i in (0, *range(2, 9)))
        rate = self._control.collision_bandwidth
        return WrenchRecord(
            time_s, columns[1], wrench, X, twist, q, pushed, jacobians, contact, self._felt.payload, rate
        )

    def _cycle(self) -> None:
        if self._keeps is None:
            super()._cycle()
            return
        machine, now = self.machine, self.machine.clock.now_s()
        state, sample = machine.arm.read(), machine.wrench_sensor.read()
        dynamics = self._arm.dynamics(state.q)
        X, J = dynamics.X_base_tcp.copy(), dynamics.J_base_tcp.copy()
        wrench = self._felt.compensate(sample, X[:3, :3])
        machine.arm.command(self.controller.tick(state, wrench, now))
        report, raw = self.controller.report, np.concatenate((sample.force, sample.torque))
        pushed, contact = self.controller.pushed, machine.truth.contact_force_n()
        self._keeps.append((now, report.mode, raw, X, report.V_base_tcp.copy(), state.q.copy(), pushed, J, contact))
        machine.cycle(self._dt_s)
        self._recorder.sample()

    def wander(self, seconds: float, seed: int) -> None:
        """Go from place to place between home and staging as the planner does, at several speeds, with rests."""
        rng = np.random.default_rng([seed, 41_000])
        limits = MotionLimits.uniform(6, velocity=2.0, acceleration=6.0, jerk=60.0)
        moves = MovePlanner(robot_model(), limits, geometry=RobotGeometry(robot_model()))
        scene = self.believed_scene()
        X_home = self._arm.dynamics(self.machine.arm.read().q).X_base_tcp.copy()
        p_staging = (self.staging() @ make_pose(np.eye(3), [0.0, 0.0, -0.03]))[:3, 3]
        begun_s = self.machine.clock.now_s()
        while self.machine.clock.now_s() - begun_s < seconds:
            goal = X_home.copy()
            goal[:3, 3] += (p_staging - X_home[:3, 3]) * rng.uniform()
            goal = goal @ make_pose(exp_so3(rng.uniform(-0.25, 0.25, size=3)), rng.uniform(-0.08, 0.08, size=3))
            scale = float(rng.choice(_SHARES))
            try:
                planned = moves.move_to_pose(self.machine.arm.read().q, goal, scene, 0.003, speed_scale=scale)
            except WorkcellError:
                continue  # not every place drawn can be reached
            self._start(planned)
            while not self._has_arrived():
                pass
            self.controller.hold()
            for _ in range(round(rng.uniform(0.1, 2.0) / self._dt_s)):
                self._cycle()


def _begin(scenario: Scenario, seed: int) -> _RecordingRun:
    draw = draw_run(scenario, seed)
    sensor = draw.simulation.wrench_sensor.model_copy(update={"has_errors": False})
    return _RecordingRun(
        draw.trial,
        scenario.connectors,
        seed=seed,
        simulation=draw.simulation.model_copy(update={"wrench_sensor": sensor}),
        control=scenario.control,
        insertion=scenario.insertion,
        errors=scenario.estimates,
        fixture=draw.fixture,
        home=scenario.home,
    )


def record_free(scenario: Scenario, seconds: float, seed: int) -> WrenchRecord:
    """Return moves and rests in free air, cable attached."""
    run = _begin(scenario, seed)
    try:
        return run.record(lambda run: run.wander(seconds, seed))
    finally:
        run.close()


def record_insertion(scenario: Scenario, seed: int) -> WrenchRecord:
    """Return an insertion from home on."""
    run = _begin(scenario, seed)
    try:
        return run.record(lambda run: run.run())
    finally:
        run.close()


class Disagreement:
    """What a watch is given by the controller of the arm; `value` is that of the newest cycle."""

    value: Array | None = None


def replay(
    record: WrenchRecord, sensor: WrenchErrors, alter: Any, disagreement: Disagreement, first: int = 0
) -> Iterator[Any]:
    """Yield the cycles that a control loop with this sensor would have had, from one on.

    Args:
        record: What happened.
        sensor: Its errors.
        alter: Called with a sample and the time; returns the sample that arrives.
        disagreement: Filled before every cycle.
        first: Where in the record to begin; the sensor is tared there.
    """
    X_tcp_ft, rate_hz = sensor_pose(), 1.0 / float(record.time_s[1] - record.time_s[0])
    compensator = WrenchCompensator(X_tcp_ft, cutoff_hz=WRENCH_CUTOFF_HZ, rate_hz=rate_hz, payload=record.payload)
    readings = []
    for _ in range(_TARE_SAMPLES):
        sensor.update(float(record.time_s[first]), as_wrench(record.wrench_ft[first]))
        readings.append(sensor.reading)
    compensator.tare(np.mean(readings[_SETTLE_SAMPLES:], axis=0), record.X_base_tcp[first][:3, :3])
    felt, blend = np.zeros(6), record.observer_rate / rate_hz
    gripper = SimpleNamespace(width_m=0.01)
    for i in range(first, len(record.time_s)):
        now_s, X = float(record.time_s[i]), np.ascontiguousarray(record.X_base_tcp[i])
        sensor.update(now_s, as_wrench(record.wrench_ft[i]))
        sample = alter(WrenchSample(now_s, np.array(sensor.reading[:3]), np.array(sensor.reading[3:])), now_s)
        wrench = compensator.compensate(sample, X[:3, :3])
        J = record.jacobians[i]
        # The law of the controller's observer.
        felt = felt + blend * (J.T @ rotate_six(X[:3, :3], wrench) - felt)
        if record.modes[i] is ControllerMode.COMPLIANCE:
            disagreement.value = np.linalg.solve(J @ J.T + 1e-4 * np.eye(6), J @ (record.pushed[i] - felt))
        report = SimpleNamespace(mode=record.modes[i], X_base_tcp=X, V_base_tcp=record.twist[i])
        state = SimpleNamespace(stamp_s=now_s, q=record.q[i])
        yield SimpleNamespace(
            number=i - first,
            sample=sample,
            state=state,
            wrench_tcp=wrench,
            bias=compensator.bias,
            report=report,
            gripper=gripper,
        )
