"""What the loop-back robot offers to the cell: the interfaces of ros2_control, or the ports of a UR controller."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from geometry_msgs.msg import WrenchStamped
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray

from cablecell.composition.loopback import make_ur_ports
from cablecell.composition.machines import Backend
from cablecell.composition.simulated_ur import SimulatedUr
from cablecell.configuration import load_robot
from cablecell.core.config.sim_robot import SimRobotParameters
from cablecell.core.errors import NotActiveError
from cablecell.ros import qos
from cablecell.ros.arm_actions import GripperAction, TrajectoryAction
from cablecell.ros.arm_errors import LoopBusyError
from cablecell.ros.control_loop import Cycle
from cablecell.ros.controller_manager import ControllerManagerServer
from cablecell.ros.conversions import fill_time, fill_xyz
from cablecell.ros.robot_loop import REPEATED, RobotLoop

_TRAJECTORY_ACTION = "joint_trajectory_controller/follow_joint_trajectory"
_LONGEST_PERIOD_S = 0.05


class RobotInterfaces(Protocol):
    """How a robot is reached."""

    @property
    def is_commanded(self) -> bool:
        """Whether somebody commands it, or could at once."""
        ...

    def publish(self, cycle: Cycle) -> None:
        """Report a cycle of the loop; called by its thread."""
        ...

    def cut(self, how: object) -> None:
        """Cut the link, or mend it with None.

        Raises:
            ValueError: It cannot be cut like that; nothing was changed.
        """
        ...

    def end(self) -> None:
        """End what runs, because the node is deactivated."""
        ...

    def destroy(self) -> None:
        """Take everything away."""
        ...


def _require_cut(how: object, known: tuple[str, ...]) -> None:
    if how is not None and how not in known:
        raise ValueError(f"link = {how!r} is no way to cut it; valid are {', '.join(known)}")


class Ros2ControlInterfaces:
    """Joint states, a force/torque sensor, forward position commands, joint trajectories and a gripper."""

    def __init__(self, node: Any, backend: Backend, loop: RobotLoop, values: SimRobotParameters) -> None:
        """Create them as `robot_file` names them."""
        self._node, self._loop = node, loop
        robot = self._robot = load_robot(Path(values.robot_file))
        topics = robot.topics
        self._cut: object = None
        self._manager = self._make_manager()
        self._joint_message = JointState(name=[*robot.joints, robot.gripper.joint])
        self._wrench_message = WrenchStamped()
        self._wrench_message.header.frame_id = robot.wrench.frame
        self._joints = node.create_lifecycle_publisher(JointState, topics.joint_states, qos.MEASUREMENT)
        self._wrenches = node.create_lifecycle_publisher(WrenchStamped, topics.wrench, qos.MEASUREMENT)
        self._commands = node.create_subscription(Float64MultiArray, topics.position_commands, self._take, qos.COMMAND)
        namespace = topics.joint_states.rpartition("/")[0]
        self._trajectory = TrajectoryAction(node, loop, tuple(robot.joints), f"{namespace}/{_TRAJECTORY_ACTION}")
        self._gripper = GripperAction(
            node,
            loop,
            backend.machine.gripper,
            values.gripper_force_n,
            topics.gripper_command,
            robot.gripper.width_per_position,
        )

    @property
    def is_commanded(self) -> bool:
        """Whether somebody publishes commands."""
        return self._node.count_publishers(self._robot.topics.position_commands) > 0

    def publish(self, cycle: Cycle) -> None:
        """Publish wrench and joint states, but those that the link loses."""
        if self._cut is not None or not self._loop.is_heard:
            return
        wrench, sample = self._wrench_message, cycle.sample
        fill_time(wrench.header.stamp, cycle.stamp_ns)
        fill_xyz(wrench.wrench.force, sample.force)
        fill_xyz(wrench.wrench.torque, sample.torque)
        self._wrenches.publish(wrench)
        joints, state, gripper = self._joint_message, cycle.state, cycle.gripper
        fill_time(joints.header.stamp, cycle.stamp_ns)
        joints.position = [*state.q.tolist(), gripper.width_m / self._robot.gripper.width_per_position]
        joints.velocity = [*state.dq.tolist(), 0.0]
        joints.effort = [*state.tau.tolist(), gripper.force_n]
        self._joints.publish(joints)

    def cut(self, how: object) -> None:
        """Say nothing while the link is "pulled" or "silent"; while it is "pulled" hear no command either.

        Raises:
            ValueError: It cannot be cut like that; nothing was changed.
        """
        _require_cut(how, ("pulled", "silent"))
        self._cut = how

    def end(self) -> None:
        """End the goals that run."""
        self._trajectory.end(NotActiveError(f"{self._node.get_fully_qualified_name()} was deactivated"))
        self._gripper.end()

    def destroy(self) -> None:
        """Destroy publishers, subscription, actions and services."""
        self._trajectory.destroy()
        self._gripper.destroy()
        if self._manager is not None:
            self._manager.destroy()
        self._node.destroy_subscription(self._commands)
        self._node.destroy_publisher(self._joints)
        self._node.destroy_publisher(self._wrenches)

    def _make_manager(self) -> ControllerManagerServer | None:
        """Offer to switch controllers where the robot's file has the cell switch them; else both kinds always run."""
        controllers = self._robot.controllers
        if controllers is None:
            return None
        manager = ControllerManagerServer(self._node, controllers.manager, controllers.deactivate, controllers.activate)
        loop = self._loop

        def hold() -> None:
            with contextlib.suppress(LoopBusyError):  # a loop that does not run holds already
                loop.request(loop.take_up, stays_valid=True)

        manager.on_switch = hold
        loop.takes_forward = lambda: all(manager.is_active(name) for name in controllers.activate)
        loop.takes_trajectories = lambda: all(manager.is_active(name) for name in controllers.deactivate)
        return manager

    def _take(self, message: Any) -> None:
        positions = np.array(message.data)
        # As the forward command controller: what is not one finite number a joint is dropped.
        if self._cut != "pulled" and positions.size == len(self._robot.joints) and np.isfinite(positions).all():
            self._loop.forward(positions)


class UrInterfaces:
    """The ports of a UR controller with a Robotiq gripper, at a loopback address; nothing of it is ROS."""

    def __init__(self, node: Any, backend: Backend, loop: RobotLoop, values: SimRobotParameters) -> None:
        """Listen at `rtde_address`.

        Raises:
            AddressTakenError: It cannot (code 808).
        """
        self._ur = SimulatedUr(backend, loop, loop, 1.0 / values.rate_hz)
        self._ports = make_ur_ports(self._ur, values)
        self._stamp_ns: int | None = None
        node.get_logger().info(f"a UR controller listens at {values.rtde_address}")

    @property
    def is_commanded(self) -> bool:
        """Whether a client is connected."""
        return bool(self._ports.sessions)

    def publish(self, cycle: Cycle) -> None:
        """Let a period of the controller pass, which may set new positions for the arm."""
        before_ns, self._stamp_ns = self._stamp_ns, cycle.stamp_ns
        self._ur.measure(cycle.state, cycle.sample, cycle.gripper)
        if before_ns is None or cycle.stamp_ns <= before_ns:
            return  # the first of a scene
        self._ports.step(min(1.0e-9 * (cycle.stamp_ns - before_ns), _LONGEST_PERIOD_S))
        if cycle.number != REPEATED:
            self._ur.grip()

    def cut(self, how: object) -> None:
        """Let nothing through while the link is "pulled"; "closed" ends every connection and accepts no other.

        Raises:
            ValueError: It cannot be cut like that; nothing was changed.
        """
        _require_cut(how, ("pulled", "closed"))
        self._ports.weather.is_stalled = how == "pulled"
        self._ports.listens = how is None
        if how == "closed":
            self._ports.close_sessions()

    def end(self) -> None:
        """Close every connection: whoever commands must not believe that somebody moves."""
        self._ports.close_sessions()

    def destroy(self) -> None:
        """Listen no more."""
        self._ports.close()


def make_interfaces(node: Any, backend: Backend, loop: RobotLoop, values: SimRobotParameters) -> RobotInterfaces:
    """Return what the parameters ask for.

    Raises:
        WorkcellError: It cannot be offered.
    """
    return (UrInterfaces if values.rtde_address else Ros2ControlInterfaces)(node, backend, loop, values)
