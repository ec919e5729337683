"""Benchmark `contact`: how soon a touch is noticed in motion, and how often something is noticed that is not there.

Free motion is recorded once in the simulated cell with an exact force sensor; sensors with all their errors, each of
its own seed, are then put on the record, so that hours take minutes. Delays are measured on guarded moves of the whole
cell, from the sample at which the port pushes with 0.5 N in truth.
"""

from __future__ import annotations

import random
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.scenario import Scenario
from cablecell.core.control.command import ComplianceCommand
from cablecell.core.fusion.contact import ContactDetector, ContactSettings
from cablecell.core.fusion.wrench import Payload, WrenchCompensator
from cablecell.core.geometry import make_pose
from cablecell.evaluation.bench import percentile
from cablecell.evaluation.bench_touch import scenarios
from cablecell.evaluation.draw import draw_run
from cablecell.evaluation.free_motion import FreeMotion, record_free_motion
from cablecell.evaluation.rollout import Rollout
from cablecell.evaluation.touching import RAW_HZ, sensor_pose
from cablecell.evaluation.workers import work_off
from cablecell.ports import WrenchSample
from cablecell.simulation.wrench_sensor import WrenchErrors

Array = NDArray[np.float64]
Row = dict[str, Any]

CONTACT_N = 0.5
"""True force from which the delay counts."""

RECORD_S = 150.0
"""Length of the record of free motion, s."""

TOUCHES_PER_RUN = 8

_RATE_HZ = 500.0


def run(*, n: int, seed: int, workers: int) -> tuple[list[Row], dict[str, float]]:
    """Measure delays over about `n` touches and false alarms over `n / 10` hours.

    Args:
        n: Touches.
        seed: Of the first run; others count on.
        workers: Processes.

    Returns:
        A row per touch and one per sensor; the summary: delays, missed touches, false_alarms_per_hour with the upper
        end of its 95 % interval.
    """
    cases = scenarios()
    runs = max(1, n // TOUCHES_PER_RUN)
    sensors = max(1, round(n / 10.0 * 3600.0 / RECORD_S / 12.0))
    jobs: list[tuple[str, int, int]] = [("touch", i % len(cases), seed + i) for i in range(runs)]
    jobs += [("free", i % len(cases), seed + 1000 + i) for i in range(sensors)]
    rows: list[Row] = []
    with closing(work_off(_run, cases, jobs, workers)) as answers:
        for answer in answers:
            if answer.value is None:
                kind, _, case_seed = jobs[answer.index]
                rows.append({"kind": "broken", "of": kind, "seed": case_seed, "reason": answer.fault})
            else:
                rows += answer.value
    return rows, summarise(rows)


def summarise(rows: list[Row]) -> dict[str, float]:
    """Return the flat summary of rows."""
    touches = [row for row in rows if row["kind"] == "touch"]
    free = [row for row in rows if row["kind"] == "free"]
    delays = [float(row["delay_s"]) for row in touches if row["delay_s"] is not None]
    hours = sum(float(row["seconds"]) for row in free) / 3600.0
    alarms = sum(int(row["alarms"]) for row in free)
    # Upper end of the exact interval of a Poisson count; without any alarm that is 3 in all.
    upper = alarms + 1.96 * np.sqrt(alarms + 1.0) + 1.0 if alarms else 3.0
    early = sum(row["is_early"] for row in touches)
    return {
        "touches": float(len(touches)),
        "missed": float(sum(row["delay_s"] is None for row in touches)),
        "early": float(early),
        "delay_median_s": percentile(delays, 0.5),
        "delay_p95_s": percentile(delays, 0.95),
        "delay_p99_s": percentile(delays, 0.99),
        "within_10_ms_rate": sum(delay <= 0.010 + 1e-9 for delay in delays) / max(len(touches), 1),
        "free_hours": hours,
        "false_alarms": float(alarms),
        "false_alarms_per_hour": alarms / hours if hours else float("nan"),
        "false_alarms_per_hour_high": float(upper) / hours if hours else float("nan"),
        "largest_free_evidence": max((float(row["largest"]) for row in free), default=float("nan")),
        "broken": float(sum(row["kind"] == "broken" for row in rows)),
    }


def _run(cases: list[Scenario], job: tuple[str, int, int]) -> list[Row]:
    kind, index, seed = job
    if kind == "touch":
        return touch_rows(cases[index], seed)
    motion, free_run = record_free_motion(cases[index], RECORD_S, seed)
    settings = draw_run(cases[index], seed).simulation.wrench_sensor
    return [
        free_row(motion, free_run.payload, WrenchErrors(settings, random.Random(f"{seed}/{k}")), seed)
        for k in range(12)
    ]


def free_row(motion: FreeMotion, payload: Payload, sensor: WrenchErrors, seed: int) -> Row:
    """Return what a detector behind one sensor makes of free motion."""
    X_tcp_ft = sensor_pose()
    compensator = WrenchCompensator(X_tcp_ft, cutoff_hz=RAW_HZ, rate_hz=_RATE_HZ, payload=payload)
    readings = []
    for _ in range(60):
        sensor.update(float(motion.time_s[0]), _six(motion.wrench_ft[0]))
        readings.append(sensor.reading)
    compensator.tare(np.mean(readings[10:], axis=0), motion.X_base_tcp[0][:3, :3])
    detector = ContactDetector(ContactSettings(), payload, X_tcp_ft)
    alarms, largest, is_alarmed = 0, 0.0, False
    for i in range(len(motion.time_s)):
        now = float(motion.time_s[i])
        sensor.update(now, _six(motion.wrench_ft[i]))
        force, torque = np.array(sensor.reading[:3]), np.array(sensor.reading[3:])
        R = np.ascontiguousarray(motion.X_base_tcp[i][:3, :3])
        wrench = compensator.compensate(WrenchSample(now, force, torque, False), R)
        reading = detector.update(now, wrench, motion.twist[i], R)
        largest = max(largest, reading.evidence)
        if reading.is_contact and not is_alarmed:
            alarms += 1
            detector.reset()
        is_alarmed = reading.is_contact
    return {"kind": "free", "seed": seed, "seconds": motion.seconds, "alarms": alarms, "largest": largest}


def _six(values: Array) -> tuple[float, float, float, float, float, float]:
    a, b, c, d, e, f = values.tolist()
    return a, b, c, d, e, f


class _Touches(Rollout):
    """Comes down on the land again and again, each time elsewhere and at another speed."""

    def measure(self, seed: int) -> list[Row]:
        rng = np.random.default_rng([seed, 50_000])
        self.move_to_staging()
        X_tcp_ft, payload = sensor_pose(), self._compensator.payload
        compensator = WrenchCompensator(X_tcp_ft, cutoff_hz=RAW_HZ, rate_hz=_RATE_HZ, payload=payload)
        detector = ContactDetector(ContactSettings(), payload, X_tcp_ft)
        X0 = self._arm.dynamics(self.machine.arm.read().q).X_base_tcp @ self._tip.X
        raw = []
        for _ in range(150):
            self._drive(X0 @ make_pose(np.eye(3), np.zeros(3)), np.zeros(3))
            sample = self.machine.wrench_sensor.read()
            raw.append(np.concatenate((sample.force, sample.torque)))
        R0 = self._arm.dynamics(self.machine.arm.read().q).X_base_tcp[:3, :3]
        compensator.tare(np.mean(raw[50:], axis=0), R0)
        rows: list[Row] = []
        for _ in range(TOUCHES_PER_RUN):
            speed = float(rng.uniform(0.005, 0.03))
            at = np.array([*rng.uniform(2.5e-3, 5.0e-3, size=2) * rng.choice([-1.0, 1.0], size=2), 0.0])
            for k in range(250):  # over to the place, at rest by its end
                s = min(k / 200.0, 1.0)
                self._drive(X0 @ make_pose(np.eye(3), at * s**3 * (10.0 + s * (-15.0 + 6.0 * s))), np.zeros(3))
            detector.reset()
            rows.append(self._touch(X0, at, speed, compensator, detector, seed))
            for _ in range(200):  # up again
                self._drive(X0 @ make_pose(np.eye(3), at), np.zeros(3))
        return rows

    def _touch(
        self, X0: Array, at: Array, speed: float, compensator: WrenchCompensator, detector: ContactDetector, seed: int
    ) -> Row:
        begun = self.machine.clock.now_s()
        touched: float | None = None
        depth, velocity = 0.0, 0.0
        while (now := self.machine.clock.now_s()) - begun < 6.0:
            velocity = min(velocity + 0.5 * self._dt_s, speed)
            depth += velocity * self._dt_s
            self._drive(X0 @ make_pose(np.eye(3), at + np.array([0.0, 0.0, depth])), np.array([0.0, 0.0, velocity]))
            if touched is None and self.machine.truth.contact_force_n() >= CONTACT_N:
                touched = self.machine.clock.now_s()
            state = self.machine.arm.read()
            dynamics = self._arm.dynamics(state.q)
            R = dynamics.X_base_tcp[:3, :3]
            wrench = compensator.compensate(self.machine.wrench_sensor.read(), R)
            reading = detector.update(now, wrench, dynamics.J_base_tcp @ state.dq, R)
            if reading.is_contact:
                seen = self.machine.clock.now_s()
                is_early = touched is None and self.machine.truth.contact_force_n() < 0.05
                delay = None if is_early else (0.0 if touched is None else seen - touched)
                return {"kind": "touch", "seed": seed, "speed": speed, "delay_s": delay, "is_early": is_early}
            if touched is not None and now - touched > 0.3:
                break
        return {"kind": "touch", "seed": seed, "speed": speed, "delay_s": None, "is_early": False}

    def _drive(self, X: Array, velocity: Array) -> None:
        now = self.machine.clock.now_s()
        stiffness = np.diag([2500.0, 2500.0, 750.0, 60.0, 60.0, 60.0])
        twist = np.concatenate((velocity, np.zeros(3)))
        self.controller.command_compliance(ComplianceCommand(now, X, self._tip.X, stiffness, twist=twist), now)
        self._cycle()


def touch_rows(scenario: Scenario, seed: int) -> list[Row]:
    """Return a row per touch of one run."""
    draw = draw_run(scenario, seed)
    run_of = _Touches(
        draw.trial,
        scenario.connectors,
        seed=seed,
        simulation=draw.simulation,
        control=scenario.control,
        insertion=scenario.insertion,
        errors=scenario.estimates,
        fixture=draw.fixture,
        home=scenario.home,
    )
    try:
        return run_of.measure(seed)
    finally:
        run_of.close()
