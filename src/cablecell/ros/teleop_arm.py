"""What teleoperation sees of the arm, and how it commands it."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
from aic_control_interfaces.msg import ControllerState
from cablecell_interfaces.msg import ComplianceCommand as ComplianceMessage
from geometry_msgs.msg import WrenchStamped

from cablecell.core.config.teleop import TeleopParameters
from cablecell.core.control.command import ComplianceCommand
from cablecell.core.errors import WorkcellError
from cablecell.core.geometry import rotate_six
from cablecell.core.teleop.commands import Observation
from cablecell.core.teleop.output import Setpoint
from cablecell.ros import qos
from cablecell.ros.conversions import fill_compliance_command, pose_to_matrix
from cablecell.ros.skill_messages import wrench_at_tcp

_NOWHERE = np.full((4, 4), math.nan)


class TeleopArm:
    """Listens to `controller_state` and `wrench`, and publishes `compliance_commands`.

    Only the newest messages are kept and converted when somebody asks: 250 Hz of them arrive.
    """

    def __init__(self, node: Any, settings: TeleopParameters, ft_height_m: float) -> None:
        """Connect; `ft_height_m` is the origin of `ft_frame` on the z axis of `tcp`, m."""
        self._node, self._ft_height_m = node, ft_height_m
        self._state: Any = None
        self._wrench: Any = None
        self._state_s = self._wrench_s = -math.inf
        self._stiffness = np.diag([settings.stiffness] * 3 + [settings.rotation_stiffness] * 3)
        soft, turn = settings.assist_stiffness, settings.assist_rotation_stiffness
        self._compliant = np.diag([soft, soft, settings.stiffness, turn, turn, turn])
        self._message = ComplianceMessage()
        self._inputs = [
            node.create_subscription(ControllerState, "controller_state", self._take_state, qos.MEASUREMENT),
            node.create_subscription(WrenchStamped, "wrench", self._take_wrench, qos.MEASUREMENT),
        ]
        self._commands = node.create_publisher(ComplianceMessage, "compliance_commands", qos.COMMAND)

    def destroy(self) -> None:
        """Leave the graph."""
        for subscription in self._inputs:
            self._node.destroy_subscription(subscription)
        self._node.destroy_publisher(self._commands)

    def observe(self) -> Observation:
        """Return what is known of the arm now; ages are measured by arrival, since no two clocks are compared."""
        now_s = time.monotonic()
        age_s = now_s - min(self._state_s, self._wrench_s)
        try:
            X = pose_to_matrix("tcp_pose", self._state.tcp_pose) if self._state is not None else _NOWHERE
        except WorkcellError:
            X, age_s = _NOWHERE, math.inf
        wrench = np.zeros(6)
        if self._wrench is not None:
            wrench = rotate_six(X[:3, :3], wrench_at_tcp(self._wrench.wrench, self._ft_height_m))
        return Observation(now_s, X, wrench, age_s)

    def send(self, setpoint: Setpoint) -> None:
        """Command the arm."""
        is_compliant = setpoint.X_tcp_tip is not None
        X_tcp_comp = setpoint.X_tcp_tip if setpoint.X_tcp_tip is not None else np.eye(4)
        X = setpoint.X_base_target @ X_tcp_comp
        lever = setpoint.X_base_target[:3, :3] @ X_tcp_comp[:3, 3]
        twist, acceleration = setpoint.twist.copy(), setpoint.acceleration.copy()
        for change in (twist, acceleration):
            change[:3] += np.cross(change[3:], lever)
        command = ComplianceCommand(
            stamp_s=0.0,
            X_base_target=X,
            X_tcp_comp=X_tcp_comp,
            stiffness=self._compliant if is_compliant else self._stiffness,
            twist=rotate_six(X[:3, :3].T, twist),
            acceleration=rotate_six(X[:3, :3].T, acceleration),
        )
        fill_compliance_command(self._message, command, self._node.get_clock().now().nanoseconds)
        self._commands.publish(self._message)

    def _take_state(self, message: Any) -> None:
        self._state, self._state_s = message, time.monotonic()

    def _take_wrench(self, message: Any) -> None:
        self._wrench, self._wrench_s = message, time.monotonic()
