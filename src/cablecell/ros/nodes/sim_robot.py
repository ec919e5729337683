"""Node `sim_robot`: the simulated arm as a plain ros2_control robot, for the loop-back of the driver of real arms.

It offers what a real robot's controllers do and nothing else: joint states, a force/torque sensor, forward position
commands, joint trajectories and a gripper. The renderer and evaluation find their own topics under /sim.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
from geometry_msgs.msg import WrenchStamped
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray

from cablecell.composition.loopback import make_robot, make_servo
from cablecell.composition.machines import ExtrasHost, MachineOptions
from cablecell.configuration import load_robot
from cablecell.core.config.sim_robot import SimRobotParameters
from cablecell.core.errors import NotActiveError
from cablecell.ros import qos
from cablecell.ros.arm_actions import GripperAction, TrajectoryAction
from cablecell.ros.arm_errors import LoopBusyError
from cablecell.ros.arm_priority import lock_memory, set_realtime_priority
from cablecell.ros.control_loop import Cycle
from cablecell.ros.controller_manager import ControllerManagerServer
from cablecell.ros.conversions import fill_time, fill_xyz
from cablecell.ros.lifecycle import CellNode, run_node
from cablecell.ros.robot_loop import RobotLoop
from cablecell.ros.simulation_extras import SimulationExtras

_SWITCH_INTERVAL_S = 0.0005
_TRAJECTORY_ACTION = "joint_trajectory_controller/follow_joint_trajectory"


class SimRobot(CellNode[SimRobotParameters]):
    """Plays the robot that `robot_file` describes."""

    def __init__(self) -> None:
        super().__init__("sim_robot", SimRobotParameters)
        values = self.parameters.values
        self._robot = load_robot(Path(values.robot_file))
        self._backend, self._simulation = make_robot(
            MachineOptions(trials_file=values.trials_file, trial=values.trial, seed=values.seed)
        )

    def setup(self) -> None:
        """Build the scene and create the interfaces."""
        backend, values, robot, topics = self._backend, self.parameters.values, self._robot, self._robot.topics
        backend.machine.connect()
        servo = make_servo(backend.machine, values)
        self._loop = RobotLoop(backend, values, servo, self._publish)
        host = ExtrasHost(self, self._loop, lambda: self._simulated.publish_latched())
        self._simulated = SimulationExtras(host, self._simulation, self._loop.show)
        self._manager = self._make_manager()
        self._joint_message = JointState(name=[*robot.joints, robot.gripper.joint])
        self._wrench_message = WrenchStamped()
        self._wrench_message.header.frame_id = robot.wrench.frame
        self._joints = self.create_lifecycle_publisher(JointState, topics.joint_states, qos.MEASUREMENT)
        self._wrenches = self.create_lifecycle_publisher(WrenchStamped, topics.wrench, qos.MEASUREMENT)
        self._commands = self.create_subscription(Float64MultiArray, topics.position_commands, self._take, qos.COMMAND)
        namespace = topics.joint_states.rpartition("/")[0]
        self._trajectory = TrajectoryAction(self, self._loop, tuple(robot.joints), f"{namespace}/{_TRAJECTORY_ACTION}")
        self._gripper = GripperAction(
            self,
            self._loop,
            backend.machine.gripper,
            values.gripper_force_n,
            topics.gripper_command,
            robot.gripper.width_per_position,
        )

    def _make_manager(self) -> ControllerManagerServer | None:
        """Offer to switch controllers where the robot's file has the cell switch them; else both kinds always run."""
        controllers = self._robot.controllers
        if controllers is None:
            return None
        manager = ControllerManagerServer(self, controllers.manager, controllers.deactivate, controllers.activate)
        loop = self._loop

        def hold() -> None:
            with contextlib.suppress(LoopBusyError):  # a loop that does not run holds already
                loop.request(loop.take_up, stays_valid=True)

        manager.on_switch = hold
        loop.takes_forward = lambda: all(manager.is_active(name) for name in controllers.activate)
        loop.takes_trajectories = lambda: all(manager.is_active(name) for name in controllers.deactivate)
        return manager

    def teardown(self) -> None:
        """Destroy the interfaces; also what is left of a setup that failed."""
        for name in ("_trajectory", "_gripper", "_simulated", "_manager"):
            made = self.__dict__.pop(name, None)
            if made is not None:
                made.destroy()
        for name, destroy in (
            ("_commands", self.destroy_subscription),
            ("_joints", self.destroy_publisher),
            ("_wrenches", self.destroy_publisher),
        ):
            if name in self.__dict__:
                destroy(self.__dict__.pop(name))
        self._backend.machine.disconnect()

    def wind_down(self) -> bool:
        """Outlive whoever commands: a robot that goes first is a lost link."""
        return not (self.is_active and self.count_publishers(self._robot.topics.position_commands))

    def start(self) -> None:
        """Start the loop."""
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        if self.parameters.values.realtime_priority:
            set_realtime_priority(self.parameters.values.realtime_priority)
            lock_memory()
        self._loop.on_stall = lambda stall: self.get_logger().warning(f"the robot was silent, {stall}")
        self._loop.start()
        self._simulated.publish_latched()

    def stop(self) -> None:
        """Fall silent; the arm holds."""
        self._trajectory.end(NotActiveError(f"{self.get_fully_qualified_name()} was deactivated"))
        self._gripper.end()
        self._loop.stop()
        set_realtime_priority(0)
        kept = self._loop.statistics.report()
        self.get_logger().info(
            f"{kept.count} cycles; time between two: median {kept.median_s:.4f} s, 99.9 % below {kept.p999_s:.4f} s, "
            f"longest {kept.longest_s:.4f} s; given up {self._loop.pacer.lost_s:.3f} s"
        )

    def _take(self, message: Any) -> None:
        positions = np.array(message.data)
        # As the forward command controller: what is not one finite number a joint is dropped.
        if positions.size == len(self._robot.joints) and np.isfinite(positions).all():
            self._loop.forward(positions)

    def _publish(self, cycle: Cycle) -> None:
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
        self._simulated.publish(cycle)


def main() -> None:
    """Run the node."""
    sys.exit(run_node(SimRobot))
