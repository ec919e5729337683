"""A machine that is only topics, actions and services: the standard interfaces of ros2_control, nothing of a vendor."""

from __future__ import annotations

import numpy as np

from cablecell.core.config.robot import RobotSettings
from cablecell.core.control.model import JointLimits
from cablecell.core.errors import HardwareError, MachineMissingError
from cablecell.hardware.controllers import ControllerSwitch
from cablecell.hardware.robot_arm import RobotArm
from cablecell.hardware.robot_link import RobotClock, RobotLink
from cablecell.hardware.robot_tool import RobotGripper, RobotWrenchSensor
from cablecell.hardware.transport import RobotTransport

_POLL_S = 0.02
_RATE_TOLERANCE = 0.1
"""How far the rate of joint states may be from that of the control loop, as a share of it."""

_RATE_REPORTS = 50
"""Joint states of which the rate is the median: a stall of either process is not the rate."""

_SILENCE_S = 1.0
"""Time without a joint state after which they have ceased."""


class Ros2ControlMachine:
    """Everything one `arm_controller` owns, behind a transport.

    Attributes:
        arm: The arm.
        gripper: The gripper.
        wrench_sensor: The force/torque sensor.
        clock: The clock of all stamps.
    """

    def __init__(self, settings: RobotSettings, limits: JointLimits, transport: RobotTransport, rate_hz: float) -> None:
        self._settings, self._transport, self._rate_hz = settings, transport, rate_hz
        self.clock = RobotClock(transport)
        self._link = RobotLink(settings, transport, self.clock)
        self.arm = RobotArm(self._link, limits, 1.0 / rate_hz)
        self.gripper = RobotGripper(self._link)
        self.wrench_sensor = RobotWrenchSensor(self._link)
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
            self._require_rate(end_s)
            if self._controllers is not None:
                self._controllers.take()
        except HardwareError:
            transport.close()
            raise
        self.arm.forget()
        self._link.is_connected = True

    def disconnect(self) -> None:
        """Stop and leave; may be called twice."""
        self.arm.stop()
        if self._link.is_connected and self._controllers is not None:
            self._controllers.give_back()
        self._link.is_connected = False
        self._transport.close()

    def cycle(self, period_s: float) -> None:
        """Wait for the next joint state, at most for as long as one may stay out.

        Raises:
            NotConnectedError: Not connected (code 801).
        """
        self._link.require_connected()
        self.arm.begin_period(period_s)
        newest, now_s = self._transport.joints, self._transport.now_s()
        since_s = newest.received_s if newest is not None else now_s
        # A period longer than a state may be old, so that whoever reads next is refused if none has come.
        left_s = since_s + self._settings.watch.state_age_limit_s - now_s
        self._transport.wait_for_joints(since_s, max(left_s, 0.0) + period_s)

    def _require_rate(self, end_s: float) -> None:
        """Refuse a robot whose reports do not pace the loop as it expects: all of its motion would be slow or fast."""
        while abs((found_hz := self._report_rate_hz()) - self._rate_hz) > _RATE_TOLERANCE * self._rate_hz:
            if self._transport.now_s() > end_s:
                topic = self._settings.topics.joint_states
                raise MachineMissingError(
                    f"{topic} comes at {found_hz:.0f} Hz; rate_hz of the controller is {self._rate_hz:.0f} Hz, and the "
                    f"two must agree within {100.0 * _RATE_TOLERANCE:.0f} %",
                    quantity="joint_states_rate",
                    value=found_hz,
                    limit=self._rate_hz,
                    unit="Hz",
                )

    def _report_rate_hz(self) -> float:
        """Return the rate of joint states; 0 when they cease."""
        transport, stamps = self._transport, []
        for _ in range(_RATE_REPORTS):
            report = transport.joints
            if report is None or not transport.wait_for_joints(report.received_s, _SILENCE_S):
                return 0.0
            stamps.append(report.received_s)
        return 1.0 / float(np.median(np.diff(stamps)))

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
