"""A robot's controllers while the cell drives it: switched once, put back as they were, and refused in one line."""

from __future__ import annotations

import pytest

from cablecell.core.config.robot import RobotControllers
from cablecell.core.errors import ControllerSwitchError
from tests.contract.test_ros2_control import SETTINGS, make

FORWARD, TRAJECTORY = "forward_position_controller", "joint_trajectory_controller"
CONTROLLERS = RobotControllers(manager="/controller_manager", activate=[FORWARD], deactivate=[TRAJECTORY])


def rig():
    return make(SETTINGS.model_copy(update={"controllers": CONTROLLERS}))


def test_the_stream_s_controller_runs_while_connected_and_the_other_before_and_after():
    robot, machine = rig()
    for _ in range(2):
        machine.connect()
        assert robot.controllers == {FORWARD: "active", TRAJECTORY: "inactive"}
        machine.disconnect()
        assert robot.controllers == {FORWARD: "inactive", TRAJECTORY: "active"}


def test_what_the_operator_has_switched_stays():
    robot, machine = rig()
    robot.controllers = {FORWARD: "active", TRAJECTORY: "inactive"}
    machine.connect()
    machine.disconnect()
    assert robot.switches == []


def test_without_such_settings_nothing_is_switched():
    robot, machine = make(SETTINGS.model_copy(update={"controllers": None}))
    machine.connect()
    machine.disconnect()
    assert robot.switches == []


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_a_lost_answer_is_asked_for_again(lost):
    robot, machine = rig()
    robot.lost_answers = lost
    machine.connect()
    assert robot.controllers[FORWARD] == "active"
    machine.disconnect()
    assert robot.controllers == {FORWARD: "inactive", TRAJECTORY: "active"}


def test_a_refusal_is_passed_on_and_ends_the_connection():
    robot, machine = rig()
    robot.refusal = "resource shoulder_pan_joint/position is claimed"
    with pytest.raises(ControllerSwitchError, match=f"/controller_manager refused to switch: {robot.refusal}"):
        machine.connect()
    assert not robot.is_open


def test_a_controller_that_is_not_loaded_is_named():
    robot, machine = rig()
    del robot.controllers[FORWARD]
    with pytest.raises(ControllerSwitchError, match=f"has no controller '{FORWARD}'; loaded are {TRAJECTORY}"):
        machine.connect()


def test_a_manager_that_says_nothing_is_named():
    robot, machine = rig()
    robot.lost_answers = 100
    with pytest.raises(ControllerSwitchError, match=r"/controller_manager does not answer within 5\.0 s"):
        machine.connect()
