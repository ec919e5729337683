"""What machines behind a `RobotTransport` have in common, whatever carries their reports and commands.

Drivers of other packages are such machines: with a transport of their own, and nothing else, they are complete.
"""

from __future__ import annotations

from cablecell.core.config.robot import ArmSettings
from cablecell.core.control.model import JointLimits
from cablecell.core.errors import HardwareError, MachineMissingError
from cablecell.hardware.robot_arm import RobotArm
from cablecell.hardware.robot_link import RobotClock, RobotLink
from cablecell.hardware.robot_tool import RobotGripper, RobotWrenchSensor
from cablecell.hardware.transport import RobotTransport

_POLL_S = 0.02


class RobotMachine:
    """Everything one `arm_controller` owns, behind a transport.

    Attributes:
        arm: The arm.
        gripper: The gripper.
        wrench_sensor: The force/torque sensor.
        clock: The clock of all stamps.
    """

    def __init__(
        self,
        settings: ArmSettings,
        limits: JointLimits,
        transport: RobotTransport,
        rate_hz: float,
        joints_from: str,
        wrench_from: str,
    ) -> None:
        """Be not connected.

        Args:
            settings: The robot.
            limits: Limits of the arm's model.
            transport: The link to it.
            rate_hz: Rate of the control loop, Hz.
            joints_from: What messages call the source of its joint states.
            wrench_from: What they call that of its wrench.
        """
        self._settings, self._rate_hz = settings, rate_hz
        self.clock = RobotClock(transport)
        self._link = RobotLink(settings, transport, self.clock, joints_from, wrench_from)
        self.arm = RobotArm(self._link, limits, 1.0 / rate_hz)
        self.gripper = RobotGripper(self._link)
        self.wrench_sensor = RobotWrenchSensor(self._link)

    def connect(self) -> None:
        """Wait until the robot reports and listens; does nothing when connected.

        Raises:
            MachineMissingError: Something is not there, or is not what is configured (code 804).
            HardwareError: What a kind of machine takes beside the link could not be had (family 800).
        """
        if self._link.is_connected:
            return
        transport, limit_s = self._link.transport, self._settings.watch.connect_limit_s
        transport.open()
        end_s = transport.now_s() + limit_s
        while missing := self._missing():
            if transport.now_s() > end_s:
                transport.close()
                raise MachineMissingError(
                    f"robot '{self._settings.name}' is not there after {limit_s} s; missing: {', '.join(missing)}",
                    quantity="missing",
                    value=", ".join(missing),
                    limit=limit_s,
                    unit="s",
                )
            transport.pause(_POLL_S)
        try:
            self._link.require_as_configured()
            self._link.require_rate(self._rate_hz, end_s)
            self._take()
        except HardwareError:
            transport.close()
            raise
        self.arm.forget()
        self._link.is_connected = True

    def disconnect(self) -> None:
        """Stop, give back what was taken and leave; may be called twice."""
        self.arm.stop()
        if self._link.is_connected:
            self._give_back()
        self._link.is_connected = False
        self._link.transport.close()

    def cycle(self, period_s: float) -> None:
        """Wait for the next joint state, at most for as long as one may stay out.

        Raises:
            NotConnectedError: Not connected (code 801).
        """
        self._link.require_connected()
        self.arm.begin_period(period_s)
        self._link.wait_for_joints(period_s)

    def _missing(self) -> list[str]:
        link = self._link
        reports = ((link.joints_from, link.transport.joints), (link.wrench_from, link.transport.wrench))
        silent = (name for name, report in reports if report is None)
        return list(dict.fromkeys([*silent, *link.transport.missing()]))

    def _take(self) -> None:
        """Take what is needed beside the link: nothing, unless a kind of machine says otherwise."""

    def _give_back(self) -> None:
        """Give back what connecting took beside the link: nothing, unless a kind of machine says otherwise."""
