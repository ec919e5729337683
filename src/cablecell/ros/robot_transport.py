"""The link to a ros2_control robot over DDS: a node and a thread of its own, so that it listens while others wait.

Reports are kept as they come; the thread that controls is woken by a new joint state and takes what is newest.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

import rclpy
from control_msgs.action import GripperCommand
from geometry_msgs.msg import WrenchStamped
from rclpy.experimental.events_executor import EventsExecutor
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray

from cablecell.core.config.robot import RobotTopics
from cablecell.hardware.transport import JointReport, WrenchReport
from cablecell.ros import qos
from cablecell.ros.action_client import MutualActionClient
from cablecell.ros.controller_manager import ControllerManagerClient

_SPIN_S = 0.1
_TAKING_S = 0.01
"""Time in which a message that has arrived is taken."""


class RclpyTransport:
    """`ControllerTransport` over DDS. Names are absolute: a robot has its own namespace."""

    def __init__(self, topics: RobotTopics, controller_manager: str | None = None) -> None:
        """Join nothing yet.

        Args:
            topics: Names of the robot's interfaces.
            controller_manager: Name of the manager that switches its controllers; None where nobody is asked to.
        """
        self._topics = topics
        self._manager_name = controller_manager
        self._manager: ControllerManagerClient | None = None
        self._joints: JointReport | None = None
        self._wrench: WrenchReport | None = None
        self._news = threading.Event()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._command = Float64MultiArray()

    @property
    def joints(self) -> JointReport | None:
        """Newest joint state; None before the first."""
        return self._joints

    @property
    def wrench(self) -> WrenchReport | None:
        """Newest wrench; None before the first."""
        return self._wrench

    def open(self) -> None:
        """Join the graph and begin to listen."""
        if self._thread is not None:
            return
        topics = self._topics
        self._joints = self._wrench = None
        self._context = rclpy.Context()
        rclpy.init(args=[], context=self._context)
        self._node = rclpy.create_node("robot_link", context=self._context, start_parameter_services=False)
        self._node.create_subscription(WrenchStamped, topics.wrench, self._hear_wrench, qos.SENSOR)
        self._node.create_subscription(JointState, topics.joint_states, self._hear_joints, qos.SENSOR)
        self._positions = self._node.create_publisher(Float64MultiArray, topics.position_commands, qos.COMMAND)
        self._gripper = MutualActionClient(self._node, GripperCommand, topics.gripper_command)
        if self._manager_name is not None:
            self._manager = ControllerManagerClient(self._node, self._manager_name)
        self._executor = EventsExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._ending.clear()
        self._thread = threading.Thread(target=self._spin, name="robot_link", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Leave the graph."""
        if self._thread is None:
            return
        self._ending.set()
        self._thread.join()
        self._thread = None
        self._executor.remove_node(self._node)
        self._gripper.destroy()
        self._node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    def now_s(self) -> float:
        """Return the monotonic time, s."""
        return time.monotonic()

    def pause(self, duration_s: float) -> None:
        """Let time pass, s."""
        time.sleep(duration_s)

    def wait_for_joints(self, newer_than_s: float, timeout_s: float) -> bool:
        """Wait for a joint state that arrived after a time; return False when none does within the limit."""
        end_s = time.monotonic() + timeout_s
        while True:
            self._news.clear()
            report = self._joints
            if report is not None and report.received_s > newer_than_s:
                return True
            left_s = end_s - time.monotonic()
            # When this process was the one that slept, the news is here and only not yet taken: that is no silence.
            if not self._news.wait(max(left_s, _TAKING_S)) and time.monotonic() >= end_s:
                return False

    def missing(self) -> list[str]:
        """Return the interfaces that nobody serves at the other end."""
        found = []
        if not self._positions.get_subscription_count():
            found.append(self._topics.position_commands)
        if not self._gripper.server_is_ready():
            found.append(self._topics.gripper_command)
        if self._manager is not None:
            found += self._manager.missing()
        return found

    def control_lost(self) -> str:
        """Return nothing: a forward command controller does not say whether it listens."""
        return ""

    def controller_states(self, timeout_s: float) -> dict[str, str] | None:
        """Return the state of every loaded controller by name; None when the manager did not answer in time."""
        return None if self._manager is None else self._manager.states(self._executor, timeout_s)

    def switch_controllers(self, start: Sequence[str], stop: Sequence[str], timeout_s: float) -> str | None:
        """Switch controllers, all or none; return why not, empty when done, None when there was no answer in time."""
        return None if self._manager is None else self._manager.switch(self._executor, start, stop, timeout_s)

    def send_positions(self, positions: Sequence[float]) -> None:
        """Publish joint positions, rad."""
        self._command.data = positions
        self._positions.publish(self._command)

    def send_gripper(self, position: float, max_effort_n: float) -> None:
        """Send a goal and do not wait for its end: the joint says where the fingers are."""
        goal = GripperCommand.Goal()
        goal.command.position, goal.command.max_effort = position, max_effort_n
        # Made by the thread that receives the answer: rclpy loses one that comes before it has noted the question.
        self._executor.create_task(lambda: self._gripper.send_goal_async(goal))

    def _spin(self) -> None:
        while not self._ending.is_set():
            self._executor.spin_once(timeout_sec=_SPIN_S)

    def _hear_joints(self, message: Any) -> None:
        names = tuple(message.name)
        before = self._joints
        if before is not None and before.names == names:
            names = before.names  # the same object is compared faster
        self._joints = JointReport(time.monotonic(), names, message.position, message.velocity, message.effort)
        self._news.set()

    def _hear_wrench(self, message: Any) -> None:
        force, torque = message.wrench.force, message.wrench.torque
        self._wrench = WrenchReport(
            time.monotonic(),
            message.header.frame_id,
            (force.x, force.y, force.z, torque.x, torque.y, torque.z),
        )
