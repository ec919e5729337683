"""What machines behind a `RobotTransport` have in common, whatever carries their reports and commands."""

from __future__ import annotations

from cablecell.core.config.robot import ArmSettings
from cablecell.core.control.model import JointLimits
from cablecell.hardware.robot_arm import RobotArm
from cablecell.hardware.robot_link import RobotClock, RobotLink
from cablecell.hardware.robot_tool import RobotGripper, RobotWrenchSensor
from cablecell.hardware.transport import RobotTransport


class RobotMachine:
    """Everything one `arm_controller` owns, behind a transport; how it is connected is for each kind to say.

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
        self._rate_hz = rate_hz
        self.clock = RobotClock(transport)
        self._link = RobotLink(settings, transport, self.clock, joints_from, wrench_from)
        self.arm = RobotArm(self._link, limits, 1.0 / rate_hz)
        self.gripper = RobotGripper(self._link)
        self.wrench_sensor = RobotWrenchSensor(self._link)

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

    def _give_back(self) -> None:
        """Give back what connecting took beside the link: nothing, unless a kind of machine says otherwise."""
