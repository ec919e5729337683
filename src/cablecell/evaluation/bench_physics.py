"""Benchmark `physics`: the contact physics against closed forms, one entry per check.

Every check says what was measured, what was expected, the relative error and whether it is within tolerance.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cablecell.composition.simulated_cell import load_scene
from cablecell.configuration import load_connectors, load_simulation, load_trials
from cablecell.core.config.connector import Latch
from cablecell.core.config.simulation import SimulationSettings
from cablecell.evaluation.closed_forms import ContactForces, lead_in_forces, one_point_forces, two_point_forces
from cablecell.simulation.contact_rig import ContactRig, RigSetup
from cablecell.simulation.latch import LatchField
from cablecell.simulation.machine import SimulatedMachine
from cablecell.simulation.plug_rig import RigRows

Row = dict[str, Any]
Check = Callable[[np.random.Generator], Row]


def run(*, n: int, seed: int, workers: int) -> tuple[list[Row], dict[str, float]]:
    """Run every check `n` times at random parameters around its nominal ones.

    Args:
        n: Repetitions of each check.
        seed: Of the parameters.
        workers: Processes.

    Returns:
        A row per repetition, and per check its worst repetition: `<check>_measured`, `_expected`, `_error`, `_pass`;
        besides `checks`, `passed` and `pass_rate`.
    """
    jobs = [(name, seed, i) for name in CHECKS for i in range(n)]
    if workers > 1:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            rows = list(pool.map(_run_one, jobs))
    else:
        rows = [_run_one(job) for job in jobs]
    summary: dict[str, float] = {}
    for name in CHECKS:
        worst = max((row for row in rows if row["check"] == name), key=lambda row: float(row["error"]))
        summary |= {f"{name}_{key}": float(worst[key]) for key in ("measured", "expected", "error", "pass")}
    summary["checks"] = float(len(rows))
    summary["passed"] = float(sum(row["pass"] for row in rows))
    summary["pass_rate"] = summary["passed"] / summary["checks"]
    return rows, summary


def _run_one(job: tuple[str, int, int]) -> Row:
    name, seed, repetition = job
    rng = np.random.default_rng([seed, list(CHECKS).index(name), repetition])
    return {"check": name, "repetition": repetition, **CHECKS[name](rng)}


def _row(measured: float, expected: float, tolerance: float) -> Row:
    error = abs(measured - expected) / abs(expected)
    return {
        "measured": float(measured),
        "expected": float(expected),
        "error": float(error),
        "tolerance": tolerance,
        "pass": bool(error <= tolerance),
    }


def _rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _lower(setup: RigSetup, *moves: tuple[float, float]) -> RigRows:
    """Return what was measured in the last of several moves, each a speed and a duration."""
    rig = ContactRig(setup)
    try:
        for speed, seconds in moves:
            rows = rig.lower(speed, seconds)
    finally:
        rig.close()
    return rows


def _compare(setup: RigSetup, rows: RigRows, expected: ContactForces, what: str, tolerance: float) -> Row:
    there = expected.is_valid
    measured = np.abs(rows.lateral_n if what == "lateral" else rows.axial_n)[there]
    stated = (expected.lateral_n if what == "lateral" else expected.axial_n)[there]
    row = _row(_rms(measured), _rms(stated), tolerance)
    return {**row, "clearance_m": setup.clearance_m, "offset_m": setup.offset_m, "samples": int(there.sum())}


def _lead_in(what: str) -> Check:
    def check(rng: np.random.Generator) -> Row:
        setup = RigSetup(offset_m=float(rng.uniform(0.35e-3, 0.6e-3)))
        touch = setup.lead_in_m - (setup.offset_m - setup.clearance_m)
        rows = _lower(setup, (0.01, (touch - setup.start_m) / 0.01), (0.0005, (setup.offset_m + 0.1e-3) / 0.0005))
        return _compare(setup, rows, lead_in_forces(setup, rows.depth_m), what, 0.05)

    return check


def _one_point(clearance_m: float, what: str, tolerance: float) -> Check:
    def check(rng: np.random.Generator) -> Row:
        setup = RigSetup(clearance_m=clearance_m, offset_m=float(rng.uniform(0.25e-3, 0.4e-3)))
        rows = _lower(setup, (0.008, 1.2))
        return _compare(setup, rows, one_point_forces(setup, rows.depth_m), what, tolerance)

    return check


def _two_point(clearance_m: float, nominal: RigSetup, what: str, tolerance: float) -> Check:
    def check(rng: np.random.Generator) -> Row:
        setup = replace(nominal, clearance_m=clearance_m, offset_m=nominal.offset_m * float(rng.uniform(0.97, 1.03)))
        rows = _lower(setup, (0.008, 1.95))
        return _compare(setup, rows, two_point_forces(setup, rows.depth_m), what, tolerance)

    return check


def _floor(rng: np.random.Generator) -> Row:
    setup = RigSetup(offset_m=0.0, clearance_m=2.0e-4)
    push_m = float(rng.uniform(0.1e-3, 0.4e-3))
    rows = _lower(setup, (0.02, (setup.lead_in_m + setup.hole_m - setup.start_m + push_m) / 0.02), (0.0, 0.3))
    return _row(float(rows.axial_n[-1]), setup.stiffness_n_per_m * push_m, 0.02)


def _weight(rng: np.random.Generator) -> Row:
    """The sensor of a cell without errors reads what is behind it."""
    machine = _exact_machine(rng)
    for _ in range(250):
        machine.cycle(0.002)
    bodies, plug = machine.world.scene.robot.bodies, machine.world.scene.plug
    behind = ("ft_frame", "gripper_base_link", "left_finger_link", "right_finger_link")
    mass = sum(bodies[name].mass for name in behind) + (plug.connector.plug.mass_kg if plug else 0.0)
    force = float(np.linalg.norm(machine.wrench_sensor.read().force))
    machine.disconnect()
    return _row(force, mass * 9.80665, 1.0e-3)


def _latch(which: str) -> Check:
    def check(rng: np.random.Generator) -> Row:
        latched = [
            (connector.latch, connector.port.stop_depth_m)
            for connector in load_connectors().values()
            if isinstance(connector.latch, Latch)
        ]
        latch, stop = latched[int(rng.integers(len(latched)))]
        field = LatchField(latch, stop)
        depths = np.linspace(stop - 3.0e-3, stop, 6001)
        push = [field.force(float(d)) for d in depths]
        pull = [field.force(float(d)) for d in np.linspace(stop, stop - 6.0e-3, 12001)]
        if which == "engage":
            return _row(-min(push), latch.engage_n, 0.02)
        return _row(max(pull), latch.retention_n, 0.02)

    return check


def _exact_machine(rng: np.random.Generator) -> SimulatedMachine:
    settings: SimulationSettings = load_simulation().exact()
    settings = settings.model_copy(update={"cable": settings.cable.model_copy(update={"is_present": False})})
    trials = load_trials().trials
    name = list(trials)[int(rng.integers(len(trials)))]
    machine = SimulatedMachine(load_scene(trials[name], load_connectors()), settings, seed=0)
    machine.connect()
    return machine


_WEDGED_50 = RigSetup(offset_m=0.35e-3, tilt_rad=-0.008)
_WEDGED_20 = RigSetup(offset_m=0.30e-3, tilt_rad=-0.006)

CHECKS: dict[str, Check] = {
    "lead_in_lateral": _lead_in("lateral"),
    "lead_in_axial": _lead_in("axial"),
    "one_point_50um_lateral": _one_point(5.0e-5, "lateral", 0.01),
    "one_point_50um_axial": _one_point(5.0e-5, "axial", 0.06),
    "one_point_20um_lateral": _one_point(2.0e-5, "lateral", 0.01),
    "one_point_20um_axial": _one_point(2.0e-5, "axial", 0.06),
    "two_point_50um_lateral": _two_point(5.0e-5, _WEDGED_50, "lateral", 0.04),
    "two_point_50um_axial": _two_point(5.0e-5, _WEDGED_50, "axial", 0.10),
    "two_point_20um_lateral": _two_point(2.0e-5, _WEDGED_20, "lateral", 0.07),
    "two_point_20um_axial": _two_point(2.0e-5, _WEDGED_20, "axial", 0.20),
    "floor_force": _floor,
    "sensor_weight": _weight,
    "latch_engage": _latch("engage"),
    "latch_retention": _latch("retention"),
}
"""Name and check; tolerances are the engine's measured accuracy at these clearances."""
