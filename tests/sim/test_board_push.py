"""A board that somebody knocks against: everything on it moves as one, and so does what counts as seated."""

from __future__ import annotations

import pybullet as p
import pytest

from cablecell.composition.machines import MachineOptions
from cablecell.composition.simulated_backend import SimulatedCell
from cablecell.core.geometry.scalar import rotvec_from_quat

PUSH = (0.004, 0.003, 0.0, 0.0, 0.0, 0.02)


@pytest.fixture
def cell():
    cell = SimulatedCell(MachineOptions(trials_file="", trial="trial_1", seed=3, robot_file="", rate_hz=500.0))
    cell.machine.connect()
    yield cell
    cell.machine.disconnect()


def places(world):
    bodies = [body for body, static in world.statics.items() if static.entity == "task_board"]
    bodies += [body for parts in world.ports.values() for body in parts]
    return {body: p.getBasePositionAndOrientation(body, physicsClientId=world.client)[0] for body in bodies}


def test_board_ports_and_truth_move_together_and_the_rest_stays(cell):
    world = cell.machine.world
    before, scene, target = places(world), world.scene, cell.machine.truth.target_entrance()
    enclosure = [static.X_WB for static in world.statics.values() if static.entity == "enclosure"]
    cell.inject({"board": PUSH})
    assert places(world) == before, "it takes its time"
    for _ in range(150):
        cell.go_on()
        cell.machine.cycle(0.002)
    X = scene.board.inverse() @ world.scene.board
    assert X.p == pytest.approx(PUSH[:3], abs=5e-5)
    assert rotvec_from_quat(X.q) == pytest.approx(PUSH[3:], abs=1e-9)
    step = world.scene.board @ scene.board.inverse()
    for body, place in places(world).items():
        assert place == pytest.approx(step.apply(before[body]), abs=1e-9)
    moved = cell.machine.truth.target_entrance()
    assert moved.p == pytest.approx(step.apply(target.p), abs=1e-9)
    assert [static.X_WB for static in world.statics.values() if static.entity == "enclosure"] == enclosure
    cell.prepare("trial_1", 3)()
    assert cell.machine.truth.target_entrance().p == pytest.approx(target.p, abs=1e-12), "another scene stands anew"


def test_a_push_that_makes_no_sense_is_refused(cell):
    for push in ([0.1], "left", [0.0, 0.0, 0.0, 0.0, 0.0, float("nan")], {"x": 1.0}):
        with pytest.raises(ValueError, match=r"board|could not"):
            cell.inject({"board": push})
