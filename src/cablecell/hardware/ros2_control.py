"""A machine that is only topics, actions and services: the standard interfaces of ros2_control, nothing of a vendor."""

from __future__ import annotations

from cablecell.core.config.robot import RobotSettings
from cablecell.core.control.model import JointLimits
from cablecell.core.errors import HardwareError, MachineMissingError
from cablecell.hardware.controllers import ControllerSwitch
from cablecell.hardware.robot_machine import RobotMachine
from cablecell.hardware.transport import ControllerTransport

_POLL_S = 0.02


class Ros2ControlMachine(RobotMachine):
    """Everything one `arm_controller` owns, behind a transport that speaks the interfaces of ros2_control."""

    def __init__(
        self, settings: RobotSettings, limits: JointLimits, transport: ControllerTransport, rate_hz: float
    ) -> None:
        topics = settings.topics
        super().__init__(settings, limits, transport, rate_hz, topics.joint_states, topics.wrench)
        self._settings, self._transport = settings, transport
        controllers = settings.controllers
        self._controllers = None if controllers is None else ControllerSwitch(controllers, transport)

    def connect(self) -> None:
        """Wait until the robot reports and listens; does nothing when connected.

        Raises:
            MachineMissingError: Something is not there, or is not what is configured (code 804).
            ControllerSwitchError: Its controllers could not be switched (code 805).
        """
        if self._link.is_connected:
            return
        transport, limit_s = self._transport, self._settings.watch.connect_limit_s
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
            self._require_as_configured()
            self._link.require_rate(self._rate_hz, end_s)
            if self._controllers is not None:
                self._controllers.take()
        except HardwareError:
            transport.close()
            raise
        self.arm.forget()
        self._link.is_connected = True

    def _give_back(self) -> None:
        if self._controllers is not None:
            self._controllers.give_back()

    def _missing(self) -> list[str]:
        topics = self._settings.topics
        silent = [
            topic
            for topic, report in (
                (topics.joint_states, self._transport.joints),
                (topics.wrench, self._transport.wrench),
            )
            if report is None
        ]
        return [*silent, *self._transport.missing()]

    def _require_as_configured(self) -> None:
        joints, wrench = self._transport.joints, self._transport.wrench
        assert joints is not None
        assert wrench is not None
        self._link.order(joints)
        if len(joints.velocities) != len(joints.names):
            raise MachineMissingError(
                f"{self._settings.topics.joint_states} has {len(joints.velocities)} velocities for "
                f"{len(joints.names)} joints",
                quantity="velocity",
                value=len(joints.velocities),
                limit=len(joints.names),
            )
        if wrench.frame != self._settings.wrench.frame:
            raise MachineMissingError(
                f"{self._settings.topics.wrench} is in frame '{wrench.frame}'; '{self._settings.wrench.frame}' is "
                "configured",
                quantity="frame_id",
                value=wrench.frame,
                limit=self._settings.wrench.frame,
            )
