"""The machines that the contract is checked on, each with what the test needs to know and to do to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cablecell.composition.machines import MachineOptions
from cablecell.composition.mock_backend import make_mock
from cablecell.configuration import load_robot
from cablecell.core.config.trial import JOINT_NAMES, HomeJoints
from cablecell.core.control.model import JointLimits
from cablecell.hardware.mock import MockMachine
from cablecell.hardware.ros2_control import Ros2ControlMachine
from cablecell.ports import Machine
from tests.support.fake_robot import FakeRobot
from tests.support.sim_cell import connected

ROBOT_FILE = Path(__file__).parents[2] / "config/robots/loopback.yaml"
PERIOD_S = 0.002
FULL_TURN = np.full(6, 2.0 * np.pi)


@dataclass
class Rig:
    """One machine, not yet connected.

    Attributes:
        machine: It.
        cut: Silences its link, or only one of "joints" and "wrench"; None where nothing can fall silent.
        mend: Undoes `cut`.
        names_of_parts: What its errors call the silent part.
        age_limit_s: Oldest state that it gives out, s.
        close: Frees what it holds.
    """

    machine: Machine
    cut: Callable[[str], None] | None = None
    mend: Callable[[], None] | None = None
    names_of_parts: dict[str, str] = field(default_factory=dict)
    age_limit_s: float = 0.05
    close: Callable[[], None] = lambda: None


def mock() -> Rig:
    machine = make_mock(MachineOptions()).machine
    assert isinstance(machine, MockMachine)

    def link(is_linked: bool) -> None:
        machine.is_linked = is_linked

    names = {"joints": "the mock arm", "wrench": "the mock force sensor"}
    return Rig(machine, lambda part: link(False), lambda: link(True), names, close=machine.disconnect)


def pybullet() -> Rig:
    machine = connected("trial_1")
    machine.disconnect()
    return Rig(machine, close=machine.disconnect)


def ros2_control() -> Rig:
    settings = load_robot(ROBOT_FILE)
    limits = JointLimits(-FULL_TURN, FULL_TURN, np.full(6, np.pi), np.full(6, 150.0))
    robot = FakeRobot(settings, MockMachine(JOINT_NAMES, limits, np.array(HomeJoints().in_order())))
    machine = Ros2ControlMachine(settings, limits, robot, 1.0 / PERIOD_S)
    names = {"joints": settings.topics.joint_states, "wrench": settings.topics.wrench}
    limit_s = settings.watch.state_age_limit_s
    return Rig(
        machine, lambda part: robot.silent.add(names[part]), robot.silent.clear, names, limit_s, machine.disconnect
    )


BACKENDS = {"mock": mock, "pybullet": pybullet, "ros2_control": ros2_control}
"""Maker of every machine of the contract that needs no other process."""

SILENCEABLE = ("mock", "ros2_control")
"""Those whose link can be lost."""
