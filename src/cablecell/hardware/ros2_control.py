"""An arm that is only topics, actions and services: the standard interfaces of ros2_control, and nothing of a vendor.

A forward command controller interpolates nothing, limits nothing and has no time-out: it holds the last value for ever.
So whatever is sent is limited here, the stream starts where the arm is, and `stop` brakes the stream itself.
"""

from __future__ import annotations

import math

import numpy as np

from cablecell.core.config.robot import RobotSettings
from cablecell.core.control.joint_stream import JointStream
from cablecell.core.control.model import JointLimits
from cablecell.core.errors import HardwareError, MachineMissingError, NotConnectedError, StaleStateError
from cablecell.hardware.checks import require_gripper_command, require_joint_command
from cablecell.hardware.transport import JointReport, RobotTransport, WrenchReport
from cablecell.ports import ArmState, CommandMode, GripperState, JointCommand, ServoResponse, Vector, WrenchSample

_POLL_S = 0.02
_RATE_TOLERANCE = 0.1
"""How far the rate of joint states may be from that of the control loop, as a share of it."""

_RATE_REPORTS = 50
"""Joint states of which the rate is the median: a stall of either process is not the rate."""

_REST_RAD_PER_S = 0.05
"""Speed of a joint up to which the arm rests."""

_SILENCE_S = 1.0
"""Time without a joint state after which they have ceased."""


class RobotClock:
    """The clock of the transport, from when it was made."""

    def __init__(self, transport: RobotTransport) -> None:
        self._transport = transport
        self._start_s = transport.now_s()

    def now_s(self) -> float:
        """Return the time, s."""
        return self._transport.now_s() - self._start_s

    def of(self, received_s: float) -> float:
        """Return a time of the transport on this clock, s."""
        return received_s - self._start_s


class _Link:
    """What arm, gripper and sensor share: the transport, whether it is connected, and what is too old."""

    def __init__(self, settings: RobotSettings, transport: RobotTransport, clock: RobotClock) -> None:
        self.settings, self.transport, self.clock = settings, transport, clock
        self.is_connected = False
        self._order: tuple[tuple[str, ...], list[int], int] | None = None

    def joints(self) -> JointReport:
        """Return the newest joint state.

        Raises:
            NotConnectedError: Not connected (code 801).
            StaleStateError: It is too old (code 803).
        """
        self.require_connected()
        report = self.transport.joints
        topic, limit_s = self.settings.topics.joint_states, self.settings.watch.state_age_limit_s
        if report is None:
            raise _stale(topic, math.inf, limit_s)
        self._require_fresh(topic, report.received_s, limit_s)
        return report

    def wrench(self) -> WrenchReport:
        """Return the newest wrench.

        Raises:
            NotConnectedError: Not connected (code 801).
            StaleStateError: It is too old (code 803).
        """
        self.require_connected()
        report = self.transport.wrench
        topic, limit_s = self.settings.topics.wrench, self.settings.watch.wrench_age_limit_s
        if report is None:
            raise _stale(topic, math.inf, limit_s)
        self._require_fresh(topic, report.received_s, limit_s)
        return report

    def require_connected(self) -> None:
        """Refuse to go on without a connection.

        Raises:
            NotConnectedError: Not connected (code 801).
        """
        if not self.is_connected:
            raise NotConnectedError(
                f"robot '{self.settings.name}' is not connected; call connect first", quantity="robot"
            )

    def order(self, report: JointReport) -> tuple[list[int], int]:
        """Return at which index of a report our joints are, and the gripper's.

        Raises:
            MachineMissingError: A joint is not in it (code 804).
        """
        if self._order is None or self._order[0] != report.names:
            for name in (*self.settings.joints, self.settings.gripper.joint):
                if name not in report.names:
                    found = ", ".join(report.names) or "no joints"
                    raise MachineMissingError(
                        f"{self.settings.topics.joint_states} has no joint '{name}'; it has {found}",
                        quantity="joint",
                        value=name,
                        limit=found,
                    )
            index = {name: i for i, name in enumerate(report.names)}
            self._order = (
                report.names,
                [index[name] for name in self.settings.joints],
                index[self.settings.gripper.joint],
            )
        return self._order[1], self._order[2]

    def _require_fresh(self, topic: str, received_s: float, limit_s: float) -> None:
        age_s = self.transport.now_s() - received_s
        if age_s > limit_s:
            raise _stale(topic, age_s, limit_s)


def _stale(topic: str, age_s: float, limit_s: float) -> StaleStateError:
    return StaleStateError(
        f"{topic} is stale: nothing came for {age_s:.3f} s; the limit is {limit_s} s",
        quantity=topic,
        value=age_s,
        limit=limit_s,
        unit="s",
    )


class RobotArm:
    """The arm: positions streamed to a forward command controller."""

    def __init__(self, link: _Link, limits: JointLimits, period_s: float) -> None:
        self._link, self._limits = link, limits
        velocity = np.minimum(limits.velocity, link.settings.limits.velocity_rad_per_s)
        self._velocity = velocity
        self._acceleration = np.full(velocity.size, link.settings.limits.acceleration_rad_per_s2)
        self._period_s = period_s
        self._sent: Vector | None = None
        self._rate = np.zeros_like(velocity)

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Names in the order of all joint vectors."""
        return tuple(self._link.settings.joints)

    @property
    def command_modes(self) -> frozenset[CommandMode]:
        """Positions only: torques are no standard interface of an industrial arm."""
        return frozenset({CommandMode.POSITION})

    @property
    def servo_response(self) -> ServoResponse | None:
        """As configured."""
        response = self._link.settings.response
        return ServoResponse(response.delay_s, response.lag_s)

    def read(self) -> ArmState:
        """Return the newest measured state.

        Raises:
            NotConnectedError: Not connected (code 801).
            StaleStateError: Joint states are too old (code 803).
            HardwareError: They are not finite (code 800).
        """
        return self._state(self._link.joints())

    def command(self, command: JointCommand) -> JointCommand:
        """Send positions within the range and the speed limits of the joints, and return them.

        Raises:
            NotConnectedError: Not connected (code 801).
            HardwareCommandError: Wrong size or mode, or not finite (code 802); nothing was sent.
            StaleStateError: The first command needs to know where the arm is, and that is too old (code 803).
        """
        self._link.require_connected()
        values = require_joint_command(command, self.joint_names, self.command_modes)
        before = self._sent
        if before is None or self._was_moved(before):
            before = self.read().q
        step = self._velocity * self._period_s
        limited = np.minimum(np.maximum(values, self._limits.lower), self._limits.upper)
        limited = np.minimum(np.maximum(limited, before - step), before + step)
        self._link.transport.send_positions(limited.tolist())
        self._rate = (limited - before) / self._period_s
        self._sent = limited
        return JointCommand(CommandMode.POSITION, limited)

    def stop(self) -> None:
        """Brake what is streamed to rest; the robot's controller holds its end."""
        if not self._link.is_connected or self._sent is None:
            return
        stream = JointStream(self._limits.lower, self._limits.upper, self._velocity, self._acceleration, self._period_s)
        stream.reset(self._sent)
        stream.dq = self._rate
        transport = self._link.transport
        # To the end, however slow this machine is; how many periods that are is bounded by the settings.
        while stream.dq.any():
            transport.send_positions(stream.slow_down().tolist())
            transport.pause(self._period_s)
        # What comes next starts where the arm then is: somebody may move it meanwhile.
        self.forget()

    def forget(self) -> None:
        """Start the next stream where the arm is."""
        self._sent, self._rate = None, np.zeros_like(self._velocity)

    def begin_period(self, period_s: float) -> None:
        """Take the length of the control period, s."""
        self._period_s = period_s

    def _was_moved(self, sent: Vector) -> bool:
        """Return whether the arm rests far from what was sent: a stream from there would pull it back."""
        report = self._link.transport.joints
        if report is None:
            return False
        order, _ = self._link.order(report)
        q = np.array([report.positions[i] for i in order])
        # One that moves only lags: what is sent would jump.
        is_resting = max(abs(report.velocities[i]) for i in order) <= _REST_RAD_PER_S
        return is_resting and bool(np.abs(q - sent).max() > self._link.settings.limits.leash_rad)

    def _state(self, report: JointReport) -> ArmState:
        order, _ = self._link.order(report)
        q = np.array([report.positions[i] for i in order])
        dq = np.array([report.velocities[i] for i in order])
        tau = np.array([report.efforts[i] for i in order]) if report.efforts else np.zeros_like(q)
        if not (np.isfinite(q).all() and np.isfinite(dq).all()):
            raise HardwareError(
                f"{self._link.settings.topics.joint_states} holds positions or velocities that are not finite",
                quantity="joint_states",
                value=q.tolist(),
                limit="finite",
            )
        return ArmState(self._link.clock.of(report.received_s), q, dq, tau)


class RobotGripper:
    """The gripper: an action for the command, a joint for the state."""

    def __init__(self, link: _Link) -> None:
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

    def __init__(self, link: _Link) -> None:
        self._link = link

    def read(self) -> WrenchSample:
        """Return the newest sample.

        Raises:
            NotConnectedError: Not connected (code 801).
            StaleStateError: The wrench is too old (code 803).
        """
        report = self._link.wrench()
        wrench = np.array(report.wrench)
        if not self._link.settings.wrench.is_on_tool:
            wrench = -wrench
        return WrenchSample(self._link.clock.of(report.received_s), wrench[:3], wrench[3:])


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
        self._link = _Link(settings, transport, self.clock)
        self.arm = RobotArm(self._link, limits, 1.0 / rate_hz)
        self.gripper = RobotGripper(self._link)
        self.wrench_sensor = RobotWrenchSensor(self._link)

    def connect(self) -> None:
        """Wait until the robot reports and listens; does nothing when connected.

        Raises:
            MachineMissingError: Something is not there, or is not what is configured (code 804).
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
        except MachineMissingError:
            transport.close()
            raise
        self.arm.forget()
        self._link.is_connected = True

    def disconnect(self) -> None:
        """Stop and leave; may be called twice."""
        self.arm.stop()
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
