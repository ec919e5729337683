"""The arm of a robot behind standard interfaces.

A forward command controller interpolates nothing, limits nothing and has no time-out: it holds the last value for ever.
So whatever is sent is limited here, the stream starts where the arm is, and `stop` brakes the stream itself. After a
silence in which nothing was sent the arm stands already: a stream that went on then would set it in motion again.
"""

from __future__ import annotations

import numpy as np

from cablecell.core.control.joint_stream import JointStream
from cablecell.core.control.model import JointLimits
from cablecell.core.errors import HardwareError
from cablecell.hardware.checks import require_joint_command
from cablecell.hardware.robot_link import RobotLink
from cablecell.hardware.transport import JointReport
from cablecell.ports import ArmState, CommandMode, JointCommand, ServoResponse, Vector

_REST_RAD_PER_S = 0.05
"""Speed of a joint up to which the arm rests."""


class RobotArm:
    """The arm: positions streamed to whoever follows them."""

    def __init__(self, link: RobotLink, limits: JointLimits, period_s: float) -> None:
        self._link, self._limits = link, limits
        velocity = np.minimum(limits.velocity, link.settings.limits.velocity_rad_per_s)
        self._velocity = velocity
        self._acceleration = np.full(velocity.size, link.settings.limits.acceleration_rad_per_s2)
        self._period_s = period_s
        self._sent: Vector | None = None
        self._sent_s = 0.0
        response = link.settings.response
        self._settled_s = response.delay_s + response.lag_s + period_s
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
            ControlLostError: The robot takes no commands any more (code 806).
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
        self._sent, self._sent_s = limited, self._link.transport.now_s()
        return JointCommand(CommandMode.POSITION, limited)

    def stop(self) -> None:
        """Brake what is streamed to rest; the robot holds its end. Where it holds already nothing is sent."""
        if not self._link.is_connected or self._sent is None:
            return
        if self._link.transport.now_s() - self._sent_s > self._settled_s:
            self.forget()
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
                f"{self._link.joints_from} holds positions or velocities that are not finite",
                quantity="joint_states",
                value=q.tolist(),
                limit="finite",
            )
        return ArmState(self._link.clock.of(report.received_s), q, dq, tau, report.is_protective_stopped)
