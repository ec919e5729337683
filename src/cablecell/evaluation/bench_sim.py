"""Benchmark `sim`: how fast the whole cell runs in one process, whether it repeats, and how well its arm follows.

What is timed is a complete insertion into the SFP cage by the same objects as in the running cell: arm, gripper, force
sensor, grasp, cable, latch, every sensor error, controller at 500 Hz and skill; with physics at 2 kHz and the scene,
cable included, given to a renderer 50 times a second. The same insertion is run again and again, in several processes:
there must be one state hash.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pybullet as p

from cablecell.composition.camera_rig import warm_up
from cablecell.composition.scenario_files import load_scenario
from cablecell.composition.simulated_cell import load_scene
from cablecell.configuration import load_simulation
from cablecell.core.config.scenario import Scenario
from cablecell.evaluation.camera_load import CameraLoad
from cablecell.evaluation.draw import draw_run
from cablecell.evaluation.rollout import Rollout
from cablecell.evaluation.soak import run_soak
from cablecell.evaluation.workers import work_off
from cablecell.ports import CommandMode, JointCommand
from cablecell.simulation.machine import SimulatedMachine
from cablecell.simulation.scene_state import CABLE_POINTS

Row = dict[str, Any]

PERIOD_S = 0.002
SHOW_EVERY = 10
"""Control periods between two states for the renderer: 50 Hz."""
BARE_STEPS = 2000
CAMERA_RUNS = 3
"""Reruns that are repeated with cameras."""
SWEEP_S, SWEEP_RAD, SWEEP_RAD_PER_S = 1.0, 0.06, 2.0


def run(
    *, n: int, seed: int, workers: int, scenario: Path | None = None, soak: int = 0
) -> tuple[list[Row], dict[str, float]]:
    """Run one seeded insertion `n` times.

    Args:
        n: Reruns.
        seed: Of all of them.
        workers: Processes; more than one disturb each other's timing, not the hashes.
        scenario: Scenario file; sample trial 1 by default.
        soak: Insertions in a row in this process afterwards, each with its own seed.

    Returns:
        A row per rerun, and `rtf`, `rtf_cpu` (per processor time, as a free processor would give), `rtf_with_cameras`,
        `steps_per_s`, `bare_steps_per_s` (the same scene, plug in, stepped by the physics engine alone), `bare_ratio`,
        `cpu_us_per_step`, `set_up_s`, `hashes`, `hashes_equal`, `seated`, `cable_segments`, `tracking_error_m`.
    """
    described = load_scenario(scenario)
    jobs = [(seed, i < CAMERA_RUNS) for i in range(n)]
    answers = list(work_off(_rerun, described, jobs, workers))
    rows = [answer.value for answer in answers if answer.value is not None]
    if not rows:
        raise RuntimeError(f"no rerun gave a result; the first: {answers[0].fault}")
    hashes = {row["state_hash"] for row in rows}
    with_cameras = [row for row in rows if row["rtf_with_cameras"] is not None]
    summary = {
        "rtf": _median(rows, "rtf"),
        "rtf_cpu": _median(rows, "rtf_cpu"),
        "rtf_with_cameras": _median(with_cameras, "rtf_with_cameras"),
        "rtf_cpu_with_cameras": _median(with_cameras, "rtf_cpu_with_cameras"),
        "steps_per_s": _median(rows, "steps_per_s"),
        "bare_steps_per_s": _median(rows, "bare_steps_per_s"),
        "bare_ratio": _median(rows, "steps_per_s") / _median(rows, "bare_steps_per_s"),
        "cpu_us_per_step": _median(rows, "cpu_us_per_step"),
        "set_up_s": _median(rows, "set_up_s"),
        "hashes": float(len(hashes)),
        "hashes_equal": float(len(hashes) == 1 and len(rows) == n),
        "seated": float(sum(row["outcome"] == "SEATED" for row in rows)),
        "crashes": float(sum(answer.value is None for answer in answers)),
        "cable_segments": float(CABLE_POINTS - 1),
        "tracking_error_m": _follow_positions(described),
    }
    if soak:
        soaked, figures = run_soak(soak, seed)
        rows += [{"soak": True, **row} for row in soaked]
        summary.update(figures)
    return rows, summary


def _median(rows: list[Row], key: str) -> float:
    return float(np.median([row[key] for row in rows]))


def _rerun(scenario: Scenario, job: tuple[int, bool]) -> Row:
    seed, has_cameras = job
    started = time.perf_counter()
    rollout = Rollout.of_scenario(scenario, seed)
    set_up_s = time.perf_counter() - started
    rollout.move_to_staging()
    simulated_s, wall_s, cpu_s, outcome = _insert(rollout, None)
    state_hash = rollout.state_hash()
    steps = simulated_s / rollout.machine.world.dt_s
    row: Row = {
        "seed": seed,
        "set_up_s": set_up_s,
        "simulated_s": simulated_s,
        "rtf": simulated_s / wall_s,
        "rtf_cpu": simulated_s / cpu_s,
        "rtf_with_cameras": None,
        "rtf_cpu_with_cameras": None,
        "steps_per_s": steps / wall_s,
        "cpu_us_per_step": 1e6 * cpu_s / steps,
        "outcome": outcome,
        "state_hash": state_hash,
        "bare_steps_per_s": _step_alone(rollout.machine),
    }
    rollout.close()
    return {**row, **_rerun_with_cameras(scenario, seed)} if has_cameras else row


def _rerun_with_cameras(scenario: Scenario, seed: int) -> Row:
    """Return the figures of the same insertion with cameras.

    It is a run of its own and no saved state put back: Python reads the attributes of objects that were once saved, as
    their dictionaries were looked at, more slowly ever after, which costs the whole cell 8 %.
    """
    warm_up()
    rollout = Rollout.of_scenario(scenario, seed)
    rollout.move_to_staging()
    draw = draw_run(scenario, seed)
    scene = load_scene(draw.trial, scenario.connectors, draw.fixture)
    cameras = CameraLoad(rollout.machine, scene, draw.simulation, seed)
    simulated_s, wall_s, cpu_s, _ = _insert(rollout, cameras)
    rollout.close()
    return {
        "rtf_with_cameras": simulated_s / wall_s,
        "rtf_cpu_with_cameras": simulated_s / cpu_s,
        "images": dict(cameras.images),
        "look_s": cameras.frame_s("look"),
        "preview_s": cameras.frame_s("preview"),
    }


def _insert(rollout: Rollout, cameras: CameraLoad | None) -> tuple[float, float, float, str]:
    """Insert from staging; return simulated, wall and processor time, s, and the outcome."""
    machine, periods = rollout.machine, 0
    start_s = machine.clock.now_s()
    wall, cpu = time.perf_counter(), time.process_time()
    while (result := rollout.step()) is None:
        periods += 1
        if periods % SHOW_EVERY == 0:
            machine.scene_state().flatten()
        if cameras is not None:
            cameras.run(machine.clock.now_s())
    wall_s, cpu_s = time.perf_counter() - wall, time.process_time() - cpu
    return machine.clock.now_s() - start_s, wall_s, cpu_s, result.outcome.name


def _step_alone(machine: SimulatedMachine) -> float:
    """Return steps per second of the physics engine by itself: the same bodies, the arm held by the engine's motors."""
    world = machine.world
    q, _, _ = world.joint_states()
    world.drives.follow(q, q, 1, world.dt_s)
    world.drives.before_step()
    started = time.perf_counter()
    for _ in range(BARE_STEPS):
        p.stepSimulation(physicsClientId=world.client)
    return BARE_STEPS / (time.perf_counter() - started)


def _follow_positions(scenario: Scenario) -> float:
    """Swing the base joint so that the tool moves at about 50 mm/s; return the largest distance from its circle, m.

    Told positions, and without sensor errors: it is the drives that are measured.
    """
    scene = load_scene(scenario.trial, scenario.connectors, scenario.fixture)
    machine = SimulatedMachine(scene, load_simulation().exact(), home=scenario.home)
    machine.connect()
    try:
        for _ in range(50):
            machine.arm.command(JointCommand(CommandMode.POSITION, machine.arm.read().q))
            machine.cycle(PERIOD_S)
        home = np.array(machine.world.joint_states()[0])
        arm_length = float(np.hypot(*np.subtract(machine.world.tcp().p, machine.world.frame("base_link").p)[:2]))
        worst = 0.0
        for i in range(round(SWEEP_S / PERIOD_S)):
            swing = 0.5 * SWEEP_RAD * (1.0 - np.cos(SWEEP_RAD_PER_S * (i + 1) * PERIOD_S))
            target = home + np.array([swing, 0.0, 0.0, 0.0, 0.0, 0.0])
            machine.arm.command(JointCommand(CommandMode.POSITION, target))
            machine.cycle(PERIOD_S)
            worst = max(worst, abs(machine.world.joint_states()[0][0] - target[0]) * arm_length)
    finally:
        machine.disconnect()
    return float(worst)
