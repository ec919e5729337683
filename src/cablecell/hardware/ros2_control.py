"""A machine that is only topics, actions and services: the standard interfaces of ros2_control, nothing of a vendor."""

from __future__ import annotations

from cablecell.core.config.robot import RobotSettings
from cablecell.core.control.model import JointLimits
from cablecell.hardware.controllers import ControllerSwitch
from cablecell.hardware.robot_machine import RobotMachine
from cablecell.hardware.transport import ControllerTransport


class Ros2ControlMachine(RobotMachine):
    """Everything one `arm_controller` owns, behind a transport that speaks the interfaces of ros2_control."""

    def __init__(
        self, settings: RobotSettings, limits: JointLimits, transport: ControllerTransport, rate_hz: float
    ) -> None:
        topics = settings.topics
        super().__init__(settings, limits, transport, rate_hz, topics.joint_states, topics.wrench)
        controllers = settings.controllers
        self._controllers = None if controllers is None else ControllerSwitch(controllers, transport)

    def _take(self) -> None:
        """Switch controllers where that is configured.

        Raises:
            ControllerSwitchError: They could not be switched (code 805).
        """
        if self._controllers is not None:
            self._controllers.take()

    def _give_back(self) -> None:
        if self._controllers is not None:
            self._controllers.give_back()
