"""Gripper and force/torque sensor of a robot behind standard interfaces."""

from __future__ import annotations

import numpy as np

from cablecell.core.geometry import pose_from_xyz_rpy, transform_wrench
from cablecell.hardware.checks import require_gripper_command
from cablecell.hardware.robot_link import RobotLink
from cablecell.ports import GripperState, WrenchSample


class RobotGripper:
    """The gripper: an action for the command, a joint for the state."""

    def __init__(self, link: RobotLink) -> None:
        self._link = link

    def read(self) -> GripperState:
        """Return the newest measured state.

        Raises:
            NotConnectedError: Not connected (code 801).
            StaleStateError: Joint states are too old (code 803).
        """
        report = self._link.joints()
        settings = self._link.settings.gripper
        _, index = self._link.order(report)
        effort = abs(report.efforts[index]) if report.efforts else 0.0
        return GripperState(
            self._link.clock.of(report.received_s),
            report.positions[index] * settings.width_per_position,
            effort,
            effort > settings.holding_effort_n,
        )

    def command(self, width_m: float, force_n: float) -> None:
        """Ask for a width, m, with at most a force, N.

        Raises:
            NotConnectedError: Not connected (code 801).
            HardwareCommandError: Width or force is out of range or not finite (code 802).
        """
        self._link.require_connected()
        settings = self._link.settings.gripper
        require_gripper_command(width_m, settings.width_limit_m, force_n, settings.force_limit_n)
        self._link.transport.send_gripper(width_m / settings.width_per_position, force_n)


class RobotWrenchSensor:
    """The force/torque sensor."""

    def __init__(self, link: RobotLink) -> None:
        self._link = link
        pose = link.settings.wrench.pose_in_ft_frame
        X_ft_sensor = pose_from_xyz_rpy(pose.xyz_m, pose.rpy_rad)
        sign = 1.0 if link.settings.wrench.is_on_tool else -1.0
        # A wrench is carried to another point and other axes by a matrix that never changes.
        self._to_ft = np.column_stack([sign * transform_wrench(X_ft_sensor, unit) for unit in np.eye(6)])

    def read(self) -> WrenchSample:
        """Return the newest sample.

        Raises:
            NotConnectedError: Not connected (code 801).
            StaleStateError: The wrench is too old (code 803).
        """
        report = self._link.wrench()
        wrench = self._to_ft @ np.array(report.wrench)
        return WrenchSample(self._link.clock.of(report.received_s), wrench[:3], wrench[3:])
