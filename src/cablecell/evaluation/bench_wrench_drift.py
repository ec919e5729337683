"""Benchmark `wrench_drift`: how soon a drifting or stuck axis of the force sensor is found, and false alarms.

Free motion and insertions of the simulated cell, cable attached, are recorded once and replayed with many sensors with
all their errors. What judges is the watch of the control loop. A fault begins at a random instant of one situation:
while the arm moves in free air, while it rests, while it is led towards contact and while it is in contact.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Any

import numpy as np

from cablecell.core.config.scenario import Scenario
from cablecell.core.control.modes import ControllerMode
from cablecell.core.fusion.wrench_health import WrenchFault
from cablecell.evaluation.bench import percentile, wilson_interval
from cablecell.evaluation.bench_touch import scenarios
from cablecell.evaluation.draw import draw_run
from cablecell.evaluation.touching import sensor_pose
from cablecell.evaluation.workers import work_off
from cablecell.evaluation.wrench_records import Disagreement, WrenchRecord, record_free, record_insertion, replay
from cablecell.ports import WrenchSample
from cablecell.ros.wrench_watch import WrenchWatch
from cablecell.simulation.wrench_faults import WrenchFault as BrokenSensor
from cablecell.simulation.wrench_sensor import WrenchErrors

Row = dict[str, Any]
Summary = dict[str, float]

LIMIT_S = 0.5
"""Time in which a fault is to be told, s."""

RECORD_S = 60.0
"""Length of a record of free motion, s."""

_FREE_RECORDS, _QUIET_HOURS = 6, 0.05
"""Records of free motion; hours of free motion without a fault, by fault that is tried."""

_RATE_N_PER_S = 2.0
_SITUATIONS = ("moving", "resting", "approaching", "touching")
_BEFORE_S, _AFTER_S, _LEAST_S = 3.0, 1.5, 1.0
"""Of the record that is replayed before a fault and after it; what has to be left of it after its begin."""
_CONTACT_N = 0.3
_STILL_M_PER_S = 0.002


def run(*, n: int, seed: int, workers: int) -> tuple[list[Row], Summary]:
    """Try `n` drifts and `n / 4` stuck axes in each of the four situations.

    Args:
        n: Drifts by situation.
        seed: Of everything random.
        workers: Processes.

    Returns:
        One row a fault and one a quiet sensor, and the summary: found within half a second by situation, delays, false
        alarms in an hour of free motion and in an insertion.
    """
    cases = scenarios()
    insertions = max(3, n // 4)
    sensors = max(1, round(_QUIET_HOURS * n * 3600.0 / (_FREE_RECORDS * RECORD_S)))
    jobs: list[tuple[str, int, int, int, int]] = [
        ("free", i % len(cases), seed + i, -(-n // _FREE_RECORDS), sensors) for i in range(_FREE_RECORDS)
    ]
    jobs += [("insertion", i % len(cases), seed + 1000 + i, -(-n // insertions), 1) for i in range(insertions)]
    rows: list[Row] = []
    with closing(work_off(_run, cases, jobs, workers, time_limit_s=3600.0)) as answers:
        for answer in answers:
            broken = {"situation": "broken", "seed": jobs[answer.index][2], "reason": answer.fault}
            rows += [broken] if answer.value is None else answer.value
    return rows, summarise(rows)


def summarise(rows: list[Row]) -> Summary:
    """Return the summary by situation and kind of fault."""
    summary: Summary = {"broken": float(sum(row["situation"] == "broken" for row in rows))}
    for situation in _SITUATIONS:
        for kind in ("drift", "stuck"):
            some = [row for row in rows if row["situation"] == situation and row.get("kind") == kind]
            if not some:
                continue
            delays = [row["delay_s"] if row["delay_s"] is not None else float("inf") for row in some]
            within = sum(delay <= LIMIT_S for delay in delays)
            low, high = wilson_interval(within, len(some))
            name = f"{situation}_{kind}"
            summary |= {
                f"{name}_n": float(len(some)),
                f"{name}_in_time_rate": within / len(some),
                f"{name}_in_time_wilson_low": low,
                f"{name}_in_time_wilson_high": high,
                f"{name}_median_s": percentile(delays, 0.5),
                f"{name}_p95_s": percentile(delays, 0.95),
                f"{name}_early": float(sum(row["is_early"] for row in some)),
            }
    for where in ("free", "insertion"):
        quiet = [row for row in rows if row["situation"] == f"quiet_{where}"]
        hours, alarms = sum(row["watched_s"] for row in quiet) / 3600.0, sum(row["false_alarms"] for row in quiet)
        summary |= {f"quiet_{where}_n": float(len(quiet)), f"quiet_{where}_h": hours}
        summary[f"quiet_{where}_false_alarms"] = float(alarms)
        if where == "free" and hours:
            # Upper end of the interval of a Poisson count; without any alarm that is 3 in all.
            upper = alarms + 1.96 * np.sqrt(alarms + 1.0) + 1.0 if alarms else 3.0
            summary["false_alarms_per_hour"] = alarms / hours
            summary["false_alarms_per_hour_high"] = float(upper) / hours
    return summary


def _run(cases: list[Scenario], job: tuple[str, int, int, int, int]) -> list[Row]:
    where, index, seed, faults, sensors = job
    scenario = cases[index]
    record = record_free(scenario, RECORD_S, seed) if where == "free" else record_insertion(scenario, seed)
    return rows_of(scenario, record, where, seed, faults, sensors)


def rows_of(scenario: Scenario, record: WrenchRecord, where: str, seed: int, faults: int, sensors: int) -> list[Row]:
    """Return what the watch makes of a record with so many broken sensors in each situation, and so many good ones."""
    settings, rng = draw_run(scenario, seed).simulation.wrench_sensor, np.random.default_rng([seed, 42_000])
    rows: list[Row] = []
    for situation in _SITUATIONS[:2] if where == "free" else _SITUATIONS[2:]:
        instants = _instants(record, situation)
        for kind in ("drift",) * faults + ("stuck",) * -(-faults // 4) if len(instants) else ():
            at = int(rng.choice(instants))
            axis = int(rng.integers(3 if kind == "drift" else 6))
            rate = _RATE_N_PER_S * float(rng.choice([-1.0, 1.0]))
            broken = BrokenSensor(kind, axis, rate)
            begun_s = float(record.time_s[at])
            first = _rest_before(record, begun_s - _BEFORE_S)
            sensor = WrenchErrors(settings, random.Random(int(rng.integers(1 << 30))))

            found = _watch(record, sensor, partial(_break, broken, begun_s), first, begun_s + _AFTER_S)
            after = [fault.detected_s - begun_s for fault in found if fault.detected_s >= begun_s]
            rows.append(
                {
                    "situation": situation,
                    "kind": kind,
                    "seed": seed,
                    "axis": axis,
                    "contact_n": float(record.contact_n[at]),
                    "delay_s": after[0] if after else None,
                    "is_early": len(after) < len(found),
                }
            )
    for _ in range(sensors):
        sensor = WrenchErrors(settings, random.Random(int(rng.integers(1 << 30))))
        found = _watch(record, sensor, lambda sample, _: sample, 0, float("inf"))
        seconds = float(record.time_s[-1] - record.time_s[0])
        rows.append(
            {
                "situation": f"quiet_{where}",
                "seed": seed,
                "watched_s": seconds,
                "false_alarms": len(found),
                "told": "; ".join(str(fault.error) for fault in found),
            }
        )
    return rows


def _rest_before(record: WrenchRecord, time_s: float) -> int:
    """Return a cycle before a time in which the arm rests in free air: there a sensor is tared and trusted."""
    resting = _instants(record, "resting")
    before = resting[: int(np.searchsorted(record.time_s[resting], time_s))]
    return int(before[-1]) if len(before) else 0


def _break(broken: BrokenSensor, begun_s: float, sample: WrenchSample, now_s: float) -> WrenchSample:
    return broken.alter(sample) if now_s >= begun_s else sample


def _instants(record: WrenchRecord, situation: str) -> Any:
    """Return the cycles at which a fault of a situation may begin."""
    modes = record.modes
    is_guarded = np.array([mode is ControllerMode.COMPLIANCE for mode in modes])
    is_slow = np.linalg.norm(record.twist[:, :3], axis=1) < _STILL_M_PER_S
    is_touching = record.contact_n > _CONTACT_N
    wanted = {
        "moving": ~is_guarded & ~is_slow,
        "resting": ~is_guarded & is_slow,
        "approaching": is_guarded & ~is_touching,
        "touching": is_guarded & is_touching,
    }[situation]
    period_s = float(record.time_s[1] - record.time_s[0])
    wanted[: round(_LEAST_S / period_s)] = False
    wanted[-round(_LEAST_S / period_s) :] = False
    return np.flatnonzero(wanted)


def _watch(
    record: WrenchRecord,
    sensor: WrenchErrors,
    alter: Callable[[WrenchSample, float], WrenchSample],
    first: int,
    until_s: float,
) -> list[WrenchFault]:
    found, disagreement = list[WrenchFault](), Disagreement()
    watch = WrenchWatch(
        found.append,
        disagreement=lambda: disagreement.value,
        X_tcp_ft=sensor_pose(),
        payload=lambda: record.payload,
    )
    for cycle in replay(record, sensor, alter, disagreement, first):
        if cycle.state.stamp_s > until_s:
            break
        watch.take(cycle)
    return found
