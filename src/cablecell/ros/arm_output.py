"""What `arm_controller` publishes of its cycles: messages made once, filled and sent by the loop's thread.

Every topic has a phase of its own, so that a cycle never has to send everything at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from aic_control_interfaces.msg import ControllerState
from geometry_msgs.msg import WrenchStamped
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from tf2_msgs.msg import TFMessage

from cablecell.composition.machines import Backend
from cablecell.core.config.arm_controller import ArmControllerParameters
from cablecell.core.control.modes import ControllerMode
from cablecell.core.geometry import Array, cross, log_so3
from cablecell.ports import CommandMode
from cablecell.ros import qos
from cablecell.ros.arm_description import FrameTree
from cablecell.ros.control_loop import Cycle
from cablecell.ros.conversions import FT_FRAME, fill_pose, fill_time, fill_wrench, fill_xyz

FINGER_JOINT = "left_finger_joint"

_MODE_JOINT = (ControllerMode.TRAJECTORY, ControllerMode.JOINT_UPDATE)


class ArmOutput:
    """The publishers of the arm; `publish` is called once a cycle."""

    def __init__(self, node: Any, backend: Backend, settings: ArmControllerParameters) -> None:
        self._node, self._backend = node, backend
        self._names = [*backend.machine.arm.joint_names, FINGER_JOINT]
        self._tree = FrameTree(backend.description)
        self._X_tcp_ft = backend.tool_frames[FT_FRAME]
        self._make_messages()
        make = node.create_lifecycle_publisher
        self._joint_states = make(JointState, "joint_states", qos.MEASUREMENT)
        self._states = make(ControllerState, "controller_state", qos.MEASUREMENT)
        self._wrenches = make(WrenchStamped, "wrench", qos.MEASUREMENT)
        self._raw_wrenches = make(WrenchStamped, "wrench_raw", qos.MEASUREMENT)
        self._tf = make(TFMessage, "tf", qos.COMMAND)
        self._tf_static = make(TFMessage, "tf_static", qos.STATE)
        self._description = make(String, "robot_description", qos.STATE)
        self._publishers = [
            self._joint_states,
            self._states,
            self._wrenches,
            self._raw_wrenches,
            self._tf,
            self._tf_static,
            self._description,
        ]
        due: list[tuple[float, int, Callable[[Cycle], None]]] = [
            (settings.state_rate_hz, 0, self._publish_state),
            (settings.state_rate_hz, 1, self._publish_raw),
            (settings.joint_rate_hz, 3, self._publish_joints),
            (settings.tf_rate_hz, 5, self._publish_tf),
        ]
        self._due = [
            (every := max(1, round(settings.rate_hz / rate_hz)), phase % every, publish)
            for rate_hz, phase, publish in due
        ]

    def _make_messages(self) -> None:
        self._joint_message = JointState(name=self._names)
        self._state_message = ControllerState()
        self._state_message.fts_tare_offset.header.frame_id = FT_FRAME
        self._wrench_message, self._raw_message = WrenchStamped(), WrenchStamped()
        for message in (self._wrench_message, self._raw_message):
            message.header.frame_id = FT_FRAME

    def destroy(self) -> None:
        """Destroy the publishers."""
        for publisher in self._publishers:
            self._node.destroy_publisher(publisher)

    def publish_latched(self, stamp_ns: int) -> None:
        """Publish what does not change from cycle to cycle; again after a change of the scene."""
        self._tf_static.publish(TFMessage(transforms=self._tree.fixed(stamp_ns)))
        self._description.publish(String(data=self._backend.description))

    def publish(self, cycle: Cycle) -> None:
        """Publish what is due in this cycle."""
        for every, phase, publish in self._due:
            if cycle.number % every == phase:
                publish(cycle)

    def _publish_state(self, cycle: Cycle) -> None:
        report, message = cycle.report, self._state_message
        fill_time(message.header.stamp, cycle.stamp_ns)
        fill_pose(message.tcp_pose, report.X_base_tcp)
        fill_xyz(message.tcp_velocity.linear, report.V_base_tcp[:3])
        fill_xyz(message.tcp_velocity.angular, report.V_base_tcp[3:])
        if report.X_base_reference is report.X_base_tcp:
            message.reference_tcp_pose = message.tcp_pose
            message.tcp_error = np.zeros(6)
        else:
            message.reference_tcp_pose = type(message.tcp_pose)()
            fill_pose(message.reference_tcp_pose, report.X_base_reference)
            message.tcp_error = _pose_error(report.X_base_reference, report.X_base_tcp)
        values = cycle.command.values
        if cycle.command.mode is CommandMode.EFFORT:
            message.reference_joint_state.effort = values
        else:
            message.reference_joint_state.positions = values
        message.target_mode.mode = 2 if report.mode in _MODE_JOINT else 1
        fill_time(message.fts_tare_offset.header.stamp, cycle.stamp_ns)
        fill_wrench(message.fts_tare_offset.wrench, cycle.bias)
        self._states.publish(message)
        wrench = self._wrench_message
        fill_time(wrench.header.stamp, cycle.stamp_ns)
        fill_wrench(wrench.wrench, wrench_at_sensor(cycle.wrench_tcp, self._X_tcp_ft))
        self._wrenches.publish(wrench)

    def _publish_raw(self, cycle: Cycle) -> None:
        message = self._raw_message
        fill_time(message.header.stamp, cycle.stamp_ns)
        fill_xyz(message.wrench.force, cycle.sample.force)
        fill_xyz(message.wrench.torque, cycle.sample.torque)
        self._raw_wrenches.publish(message)

    def _publish_joints(self, cycle: Cycle) -> None:
        message, state = self._joint_message, cycle.state
        fill_time(message.header.stamp, cycle.stamp_ns)
        message.position = [*state.q.tolist(), cycle.gripper.width_m / 2.0]
        message.velocity = [*state.dq.tolist(), 0.0]
        message.effort = [*state.tau.tolist(), cycle.gripper.force_n]
        self._joint_states.publish(message)

    def _publish_tf(self, cycle: Cycle) -> None:
        positions = dict(zip(self._names, [*cycle.state.q.tolist(), cycle.gripper.width_m / 2.0], strict=True))
        self._tf.publish(TFMessage(transforms=self._tree.moving(positions, cycle.stamp_ns)))


def wrench_at_sensor(wrench_tcp: Array, X_tcp_ft: Array) -> Array:
    """Return a wrench at the tcp in tcp axes as one at `ft_frame` in its axes, shape (6,)."""
    R_ft_tcp = X_tcp_ft[:3, :3].T
    out = np.empty(6)
    out[:3] = R_ft_tcp @ wrench_tcp[:3]
    out[3:] = R_ft_tcp @ (wrench_tcp[3:] - cross(X_tcp_ft[:3, 3], wrench_tcp[:3]))
    return out


def _pose_error(X_base_reference: Array, X_base_tcp: Array) -> Array:
    out = np.empty(6)
    out[:3] = X_base_reference[:3, 3] - X_base_tcp[:3, 3]
    out[3:] = log_so3(X_base_reference[:3, :3] @ X_base_tcp[:3, :3].T)
    return out
