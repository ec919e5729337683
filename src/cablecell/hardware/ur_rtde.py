"""A UR arm with its own force sensor and a Robotiq gripper, driven over RTDE without ROS at the robot."""

from __future__ import annotations

from cablecell.core.config.ur import UrSettings
from cablecell.core.control.model import JointLimits
from cablecell.core.errors import HardwareError
from cablecell.hardware.robot_machine import RobotMachine
from cablecell.hardware.ur_transport import UrTransport


class UrMachine(RobotMachine):
    """Everything one `arm_controller` owns of a UR."""

    def __init__(
        self, settings: UrSettings, limits: JointLimits, transport: UrTransport, rate_hz: float, source: str
    ) -> None:
        """Be not connected.

        Args:
            settings: The robot.
            limits: Limits of the arm's model.
            transport: The link to it.
            rate_hz: Rate of the control loop, Hz.
            source: What messages call where its reports come from.
        """
        super().__init__(settings, limits, transport, rate_hz, source, source)
        self._transport = transport

    def connect(self) -> None:
        """Start the program at the robot, which holds the arm; does nothing when connected.

        Nothing may touch the tool: the controller zeroes its force sensor.

        Raises:
            MachineMissingError: The robot is not there or not ready, somebody else uses it, or its rate is another
                than that of the control loop (code 804).
        """
        if self._link.is_connected:
            return
        transport = self._transport
        end_s = transport.now_s() + self._settings.watch.connect_limit_s
        transport.open()
        try:
            transport.wait_for_joints(0.0, self._settings.watch.connect_limit_s)
            self._link.require_rate(self._rate_hz, end_s)
        except HardwareError:
            transport.close()
            raise
        self.arm.forget()
        self._link.is_connected = True
