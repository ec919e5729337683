"""The arm controller with an arm that is only topics and actions: it moves it, and it stops when the link is lost."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from control_msgs.action import GripperCommand
from control_msgs.msg import GripperCommand as GripperMessage
from controller_manager_msgs.srv import ListControllers
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray

from cablecell.core.config.trial import JOINT_NAMES
from cablecell.ros import qos
from cablecell.ros.action_client import MutualActionClient
from tests.support.arm_node import ArmClient, end, moved, start_node, turned
from tests.support.loopback import RobotSide
from tests.support.wait import wait_until

ROBOT_FILE = Path(__file__).parents[2] / "config/robots/loopback.yaml"
COMMANDS = "/robot/forward_position_controller/commands"
STALE = re.compile(r"code 803: /robot/(joint_states|force_torque_sensor_broadcaster/wrench) is stale: nothing came for")


class LoopClient(ArmClient):
    """Also listens to what is streamed to the robot, with the time when it was sent."""

    def __init__(self):
        super().__init__()
        self.streamed = []
        self.node.create_subscription(
            Float64MultiArray,
            COMMANDS,
            self._take_streamed,
            qos.HEARTBEAT,
        )
        self.robot_joints = self.collect(JointState, "/robot/joint_states", qos.SENSOR)
        self.commands = self.node.create_publisher(Float64MultiArray, COMMANDS, qos.COMMAND)

    def _take_streamed(self, message, info):
        self.streamed.append((1e-9 * info["source_timestamp"], np.array(message.data)))

    def q_of_robot(self):
        """Return where the robot says that it is now."""
        positions = dict(zip(*(lambda m: (m.name, m.position))(self.newer(self.robot_joints)[-1]), strict=True))
        return np.array([positions[name] for name in JOINT_NAMES])

    def forward(self, q):
        """Send a forward command for a while."""
        for _ in range(50):
            self.commands.publish(Float64MultiArray(data=q.tolist()))
            self.newer(self.robot_joints)


@pytest.fixture
def cell():
    """A robot, its controller, and a client."""
    robot_file = f"robot_file:={ROBOT_FILE}"
    with (
        LoopClient() as client,  # first, so that it hears the stream from its beginning
        start_node("sim_robot", robot_file, "autostart:=true", "seed:=1") as robot,
        start_node("arm_controller", "hardware:=ros2_control", robot_file, "autostart:=true") as arm,
    ):
        wait_until(lambda: client.streamed or not (robot.is_running and arm.is_running), timeout_s=30.0, what=COMMANDS)
        assert arm.is_running, arm.output + robot.output
        client.wait_until_ready()
        yield robot, arm, client


def test_it_follows_a_trajectory_and_yields_to_a_push(cell):
    robot, arm, client = cell
    start = client.q()
    outcome = client.result(client.send(client.goal(turned(start, 0.3, 0.2), 2.0)))
    assert outcome.result.error_code == 0, outcome.result.error_string
    assert np.abs(client.q() - turned(start, 0.3, 0.2)).max() < 2e-3
    X = client.X_base_tcp()
    with client.streaming(lambda: client.compliance_message(moved(X, dz=0.02))):
        wait_until(lambda: np.abs(client.X_base_tcp()[:3, 3] - moved(X, dz=0.02)[:3, 3]).max() < 1e-3, timeout_s=8.0)
    end(arm)
    end(robot)


def test_the_robot_s_controllers_are_switched_for_the_cell_and_back(cell):
    _, arm, client = cell

    def states():
        answer = client.call(ListControllers, "/robot/controller_manager/list_controllers", ListControllers.Request())
        return {controller.name: controller.state for controller in answer.controller}

    assert states() == {"joint_trajectory_controller": "inactive", "forward_position_controller": "active"}
    end(arm)
    assert states() == {"joint_trajectory_controller": "active", "forward_position_controller": "inactive"}
    start = client.q_of_robot()
    client.forward(start + 0.01)  # nobody listens any more
    assert np.abs(client.q_of_robot() - start).max() < 1e-3


def test_a_robot_that_is_missing_is_named():
    with start_node("arm_controller", "hardware:=ros2_control", f"robot_file:={ROBOT_FILE}", "autostart:=true") as arm:
        assert arm.wait(40.0) == 2
        assert (
            "configuration refused, code 804: robot 'loopback' is not there after 20.0 s; missing: /robot/"
            in arm.output
        )


@pytest.mark.parametrize(("motion", "how"), [("arm", "killed"), ("arm", "silent"), ("gripper", "silent")])
def test_a_lost_link_ends_in_rest_within_a_fifth_of_a_second_and_one_line(cell, motion, how):
    robot, arm, client = cell
    start = client.q()
    if motion == "arm":
        client.send(client.goal(turned(start, 1.0), 2.0))
        wait_until(lambda: abs(client.joints[-1].position[0] - start[0]) > 0.2)
    else:
        gripper = MutualActionClient(client.node, GripperCommand, "gripper_command")
        assert gripper.wait_for_server(timeout_sec=30.0)
        before = client.joints[-1].position[6]
        client.send(GripperCommand.Goal(command=GripperMessage(position=0.045, max_effort=50.0)), gripper)
        wait_until(lambda: client.joints[-1].position[6] > before + 5e-4, poll_s=0.002)
    if how == "killed":
        robot.send(signal.SIGKILL)
        cut_s = time.time()
    else:  # the robot goes on and takes every command
        stood = RobotSide(client, robot).cut("silent")
    wait_until(lambda: not arm.is_running, timeout_s=5.0)
    assert arm.wait() == 1
    lines = [line for line in arm.output.splitlines() if "FATAL" in line]
    assert len(lines) == 1, arm.output
    assert STALE.search(lines[0]), lines[0]
    if how == "killed":
        assert client.streamed[-1][0] - cut_s < 0.2
    else:
        assert stood.to_rest_s < 0.2
        assert stood.speed > 0.2 or motion == "gripper", "it was not moving"
