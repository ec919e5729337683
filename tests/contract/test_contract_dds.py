"""The contract over DDS: the driver of ros2_control arms, and the simulated arm that plays one in another process."""

from __future__ import annotations

import signal

import pytest
from cablecell_interfaces.srv import LoadTrial

from cablecell.composition.robot_description import load_robot_description
from cablecell.configuration import load_robot
from cablecell.core.control.robot_arm import RobotArm
from cablecell.core.motion.model import RobotModel
from cablecell.hardware.ros2_control import Ros2ControlMachine
from cablecell.ros.robot_transport import RclpyTransport
from tests.contract.backends import ROBOT_FILE, Rig
from tests.contract.test_contract import (  # noqa: F401 - collected here with the fixtures of this file
    machine,
    test_a_bad_command_is_refused_and_changes_nothing,
    test_a_link_that_comes_back_is_good_again_after_a_new_connection,
    test_a_mode_that_it_has_not_is_refused,
    test_a_silent_part_is_noticed_in_time_and_named,
    test_everything_is_readable_once_connected,
    test_it_comes_back_without_a_jump_and_without_old_commands,
    test_it_stands_still_without_a_command,
    test_nothing_works_before_connecting_and_the_message_says_what_to_do,
    test_stop_comes_to_rest_and_stays,
    test_stop_is_allowed_and_short_without_a_link,
    test_stopping_and_leaving_are_always_allowed,
    test_the_arm_goes_where_it_is_sent,
    test_the_gripper_refuses_what_it_cannot_do_and_does_what_it_can,
    test_time_goes_on_with_every_cycle,
    test_what_is_sent_is_what_it_says_was_sent,
    test_what_it_is_is_known_before_connecting,
)
from tests.support.arm_node import start_node
from tests.support.graph import GraphClient

pytestmark = pytest.mark.cell

SETTINGS = load_robot(ROBOT_FILE)


@pytest.fixture(scope="module")
def robot():
    with GraphClient() as client, start_node("sim_robot", f"robot_file:={ROBOT_FILE}", "autostart:=true") as process:
        process.wait_for_output("activation done", timeout_s=30.0)
        yield client, process


@pytest.fixture
def rig(robot):
    client, process = robot
    request = LoadTrial.Request(trial="trial_1", seed=1)
    assert client.call(LoadTrial, "/sim/load_trial", request, timeout_s=30.0).error_code == 0
    model = RobotModel(load_robot_description(with_enclosure=False))
    limits = RobotArm(model, rotor_inertia=[0.0] * 6).joint_limits
    robot_arm = Ros2ControlMachine(
        SETTINGS, limits, RclpyTransport(SETTINGS.topics, SETTINGS.controllers.manager), 500.0
    )
    names = {"joints": SETTINGS.topics.joint_states, "wrench": SETTINGS.topics.wrench}
    yield Rig(
        robot_arm,
        lambda part: process.send(signal.SIGSTOP),
        lambda: process.send(signal.SIGCONT),
        names,
        SETTINGS.watch.state_age_limit_s,
    )
    process.send(signal.SIGCONT)
    robot_arm.disconnect()


@pytest.fixture
def linked(rig):
    rig.machine.connect()
    return rig
