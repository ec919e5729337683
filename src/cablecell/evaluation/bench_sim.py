"""Benchmark `sim`: how fast the simulated cell runs, whether it repeats, and how well its arm follows positions."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np

from cablecell.composition.camera_rig import warm_up
from cablecell.composition.simulated_cell import load_scene
from cablecell.configuration import load_connectors, load_simulation, load_trials
from cablecell.evaluation.camera_load import CameraLoad
from cablecell.ports import CommandMode, JointCommand
from cablecell.simulation.machine import SimulatedMachine

Row = dict[str, Any]

PERIOD_S = 0.002
SECONDS = 1.0
SWEEP_RAD, SWEEP_RAD_PER_S = 0.06, 2.0


def run(*, n: int, seed: int, workers: int) -> tuple[list[Row], dict[str, float]]:
    """Run the cell `n` times in every sample trial, twice with every seed.

    Args:
        n: Seeds per trial.
        seed: First seed.
        workers: Processes.

    Returns:
        A row per run, and `rtf`, `rtf_with_cameras`, `look_image_s`, `preview_image_s`, `steps_per_s`,
        `cpu_us_per_step`, `set_up_s`, `hashes_equal`, `tracking_error_m`.
    """
    jobs = [(name, seed + i, repeat) for name in load_trials().trials for i in range(n) for repeat in range(2)]
    # Fresh processes, so that equal hashes mean equal in any process.
    with ProcessPoolExecutor(max(1, workers), mp_context=get_context("spawn")) as pool:
        rows = list(pool.map(_run_one, jobs))
    hashes: dict[tuple[str, int], set[str]] = {}
    for row in rows:
        hashes.setdefault((row["trial"], row["seed"]), set()).add(row["state_hash"])
    summary = {
        "rtf": float(np.median([row["rtf"] for row in rows])),
        "rtf_with_cameras": float(np.median([row["rtf_with_cameras"] for row in rows])),
        "look_image_s": float(np.median([row["look_image_s"] for row in rows])),
        "preview_image_s": float(np.median([row["preview_image_s"] for row in rows])),
        "steps_per_s": float(np.median([row["steps_per_s"] for row in rows])),
        "cpu_us_per_step": float(np.median([row["cpu_us_per_step"] for row in rows])),
        "set_up_s": float(np.median([row["set_up_s"] for row in rows])),
        "hashes_equal": float(np.mean([len(found) == 1 for found in hashes.values()])),
        "tracking_error_m": float(max(row["tracking_error_m"] for row in rows)),
    }
    return rows, summary


def _run_one(job: tuple[str, int, int]) -> Row:
    trial, seed, repeat = job
    started = time.perf_counter()
    scene = load_scene(load_trials().trials[trial], load_connectors())
    settings = load_simulation()
    machine = SimulatedMachine(scene, settings, seed=seed)
    machine.connect()
    set_up_s = time.perf_counter() - started
    wall_s, cpu_s = _hold_with_torques(machine)
    state_hash = machine.state_hash()
    error_m = _follow_positions(machine)
    warm_up()
    cameras = CameraLoad(machine, scene, settings, seed)
    with_cameras_s, _ = _hold_with_torques(machine, cameras)
    steps = machine.world.settings.physics.rate_hz * SECONDS
    machine.disconnect()
    return {
        "trial": trial,
        "seed": seed,
        "repeat": repeat,
        "set_up_s": set_up_s,
        "rtf": SECONDS / wall_s,
        "rtf_with_cameras": SECONDS / with_cameras_s,
        "look_image_s": cameras.frame_s("look"),
        "preview_image_s": cameras.frame_s("preview"),
        "steps_per_s": steps / wall_s,
        "cpu_us_per_step": 1e6 * cpu_s / steps,
        "tracking_error_m": error_m,
        "state_hash": state_hash,
    }


def _hold_with_torques(machine: SimulatedMachine, cameras: CameraLoad | None = None) -> tuple[float, float]:
    """Hold the arm by a joint spring at 500 Hz, with or without cameras; return wall and processor time, s."""
    stiffness = np.array([2000.0, 2000.0, 2000.0, 500.0, 500.0, 300.0])
    damping = np.array([150.0, 150.0, 100.0, 10.0, 10.0, 5.0])
    target = machine.arm.read().q.copy()
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(round(SECONDS / PERIOD_S)):
        state = machine.arm.read()
        machine.arm.command(JointCommand(CommandMode.EFFORT, stiffness * (target - state.q) - damping * state.dq))
        machine.cycle(PERIOD_S)
        if cameras is not None:
            cameras.run(machine.clock.now_s())
    return time.perf_counter() - wall, time.process_time() - cpu


def _follow_positions(machine: SimulatedMachine) -> float:
    """Swing the base joint so that the tool moves at about 50 mm/s; return the largest distance from its circle, m."""
    offset = np.array(machine.world.encoders.offset_rad)
    for _ in range(50):
        machine.arm.command(JointCommand(CommandMode.POSITION, machine.arm.read().q))
        machine.cycle(PERIOD_S)
    home = np.array(machine.world.joint_states()[0]) + offset
    arm_length = float(np.hypot(*np.subtract(machine.world.tcp().p, machine.world.frame("base_link").p)[:2]))
    worst = 0.0
    for i in range(round(SECONDS / PERIOD_S)):
        swing = 0.5 * SWEEP_RAD * (1.0 - np.cos(SWEEP_RAD_PER_S * (i + 1) * PERIOD_S))
        target = home + np.array([swing, 0.0, 0.0, 0.0, 0.0, 0.0])
        machine.arm.command(JointCommand(CommandMode.POSITION, target))
        machine.cycle(PERIOD_S)
        worst = max(worst, abs(machine.world.joint_states()[0][0] + offset[0] - target[0]) * arm_length)
    return float(worst)
