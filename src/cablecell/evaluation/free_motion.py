"""Free motion of the simulated arm, recorded once without errors of its force sensor, to try many sensors on it.

An hour of real sensor noise takes a minute this way; arm, encoders, controller and cable are those of the cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.scenario import Scenario
from cablecell.core.control.command import ComplianceCommand
from cablecell.core.fusion.wrench import Payload
from cablecell.core.geometry import exp_so3, make_pose
from cablecell.evaluation.draw import draw_run
from cablecell.evaluation.rollout import Rollout

Array = NDArray[np.float64]


@dataclass(frozen=True)
class FreeMotion:
    """Samples at the control rate.

    Attributes:
        time_s: Shape (n,), s.
        wrench_ft: True wrench at the sensor, shape (n, 6), N, N·m.
        X_base_tcp: Measured tcp, shape (n, 4, 4).
        twist: Measured, shape (n, 6).
        contact_n: True contact force of the plug, shape (n,), N.
    """

    time_s: Array
    wrench_ft: Array
    X_base_tcp: Array
    twist: Array
    contact_n: Array

    @property
    def seconds(self) -> float:
        """Length, s."""
        return float(self.time_s[-1] - self.time_s[0])


class FreeMotionRun(Rollout):
    """The arm wanders about in front of the port: moves, turns and rests, of all lengths up to a few centimetres."""

    @property
    def payload(self) -> Payload:
        """What the cell believes the sensor carries."""
        return self._compensator.payload

    def record(self, seconds: float, seed: int, *, speed: float = 0.15, acceleration: float = 1.5) -> FreeMotion:
        """Return samples of random minimum-jerk moves about the pose in front of the port."""
        rng = np.random.default_rng([seed, 40_000])
        self.move_to_staging()
        X0 = self._arm.dynamics(self.machine.arm.read().q).X_base_tcp.copy()
        back = X0 @ self._tip.X @ make_pose(np.eye(3), [0.0, 0.0, -0.04])
        begun = self.machine.clock.now_s()
        p0, w0, p1, w1, length = np.zeros(3), np.zeros(3), np.zeros(3), np.zeros(3), 0.0
        start = begun
        rows: list[tuple[float, Array, Array, Array, float]] = []
        while (now := self.machine.clock.now_s()) - begun < seconds:
            if now - start >= length:
                start, p0, w0 = now, p1, w1
                if rng.random() < 0.2:
                    length = float(rng.uniform(0.1, 1.0))
                else:
                    p1 = rng.uniform(-0.03, 0.03, size=3)
                    w1 = rng.uniform(-0.15, 0.15, size=3)
                    way, turn = float(np.linalg.norm(p1 - p0)), float(np.linalg.norm(w1 - w0))
                    pace = float(rng.uniform(0.2, 1.0))
                    length = max(
                        1.875 * way / (speed * pace),
                        np.sqrt(5.774 * way / (acceleration * pace * pace)),
                        1.875 * turn / pace,
                    )
            s = min((now - start) / length, 1.0)
            blend = s**3 * (10.0 + s * (-15.0 + 6.0 * s))
            p, w = p0 + (p1 - p0) * blend, w0 + (w1 - w0) * blend
            rate = 30.0 * s * s * (1.0 - s) ** 2 / length
            bend = 60.0 * s * (1.0 - s) * (1.0 - 2.0 * s) / length**2
            R = exp_so3(w)
            X = back @ make_pose(R, p)
            zero = np.zeros(3)
            state = self.machine.arm.read()
            dynamics = self._arm.dynamics(state.q)
            # In target axes.
            command = ComplianceCommand(
                now,
                X,
                self._tip.X,
                np.diag([2500.0] * 3 + [60.0] * 3),
                twist=np.concatenate((R.T @ (p1 - p0) * rate, zero)),
                acceleration=np.concatenate((R.T @ (p1 - p0) * bend, zero)),
            )
            self.controller.command_compliance(command, now)
            sample = self.machine.wrench_sensor.read()
            rows.append(
                (
                    now,
                    np.concatenate((sample.force, sample.torque)),
                    dynamics.X_base_tcp.copy(),
                    dynamics.J_base_tcp @ state.dq,
                    self.machine.truth.contact_force_n(),
                )
            )
            self._cycle()
        return FreeMotion(*(np.array(column) for column in zip(*rows, strict=True)))


def record_free_motion(scenario: Scenario, seconds: float, seed: int) -> tuple[FreeMotion, FreeMotionRun]:
    """Return free motion recorded with an exact force sensor, and the run it is from (closed)."""
    draw = draw_run(scenario, seed)
    exact = draw.simulation.model_copy(
        update={"wrench_sensor": draw.simulation.wrench_sensor.model_copy(update={"has_errors": False})}
    )
    run = FreeMotionRun(
        draw.trial,
        scenario.connectors,
        seed=seed,
        simulation=exact,
        control=scenario.control,
        insertion=scenario.insertion,
        errors=scenario.estimates,
        fixture=draw.fixture,
        home=scenario.home,
    )
    try:
        return run.record(seconds, seed), run
    finally:
        run.close()
