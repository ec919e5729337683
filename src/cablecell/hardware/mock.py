"""An ideal machine without physics: it is where it is told to be, at once; nothing has weight, nothing is touched.

For fast tests of everything above the ports. There is no contact and there are no cameras, so a job comes as far as
looking for the port. Time passes only in `cycle`, so a run is the same on any computer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cablecell.core.control.joint_stream import JointStream
from cablecell.core.control.model import JointLimits
from cablecell.core.errors import NotConnectedError, StaleStateError
from cablecell.hardware.checks import require_gripper_command, require_joint_command, require_period
from cablecell.ports import ArmState, CommandMode, GripperState, JointCommand, ServoResponse, Vector, WrenchSample

STATE_AGE_LIMIT_S = 0.05
"""Age of the newest state above which a read is refused."""

STOP_DECELERATION_RAD_PER_S2 = 20.0
MAX_WIDTH_M = 0.05
MAX_FORCE_N = 130.0
FINGER_SPEED_M_PER_S = 0.1
DEFAULT_PERIOD_S = 0.002


class MockClock:
    """Time that passes in `MockMachine.cycle` only; it goes on over a new connection."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def now_s(self) -> float:
        """Return the time, s."""
        return self._now_s

    def advance(self, period_s: float) -> None:
        """Let time pass."""
        self._now_s += period_s


class MockArm:
    """An arm that follows positions and velocities exactly, within its limits."""

    def __init__(self, clock: MockClock, joint_names: Sequence[str], limits: JointLimits, home: Vector) -> None:
        self._clock, self._names, self._limits, self._home = clock, tuple(joint_names), limits, home
        still = np.full(home.size, STOP_DECELERATION_RAD_PER_S2)
        self._braking = JointStream(limits.lower, limits.upper, limits.velocity, still, DEFAULT_PERIOD_S)
        self._period_s = DEFAULT_PERIOD_S
        self._state: ArmState | None = None
        self._target: JointCommand | None = None

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Names in the order of all joint vectors."""
        return self._names

    @property
    def command_modes(self) -> frozenset[CommandMode]:
        """Positions and velocities: without physics a torque means nothing."""
        return frozenset({CommandMode.POSITION, CommandMode.VELOCITY})

    @property
    def servo_response(self) -> ServoResponse | None:
        """One period until a command is carried out, no lag."""
        return ServoResponse(delay_s=DEFAULT_PERIOD_S, lag_s=0.0)

    def read(self) -> ArmState:
        """Return the newest state.

        Raises:
            NotConnectedError: Not connected (code 801).
            StaleStateError: The link is cut for longer than the limit (code 803).
        """
        state = self._connected()
        require_fresh_state("the mock arm", self._clock.now_s() - state.stamp_s)
        return state

    def command(self, command: JointCommand) -> JointCommand:
        """Take a setpoint for the next cycle and return it within the limits of range and speed.

        Raises:
            NotConnectedError: Not connected (code 801).
            HardwareCommandError: Wrong size or mode, or not finite (code 802); the last command stays.
        """
        q = self._connected().q
        values = require_joint_command(command, self._names, self.command_modes)
        limits, dt = self._limits, self._period_s
        if command.mode is CommandMode.VELOCITY:
            velocity = np.clip(values, -limits.velocity, limits.velocity)
            limited = np.clip(velocity, (limits.lower - q) / dt, (limits.upper - q) / dt)
        else:
            step = limits.velocity * dt
            limited = np.clip(np.clip(values, limits.lower, limits.upper), q - step, q + step)
        self._target = JointCommand(command.mode, limited)
        return self._target

    def stop(self) -> None:
        """Brake and hold."""
        if self._state is not None:
            self._braking.reset(self._state.q)
            self._braking.dq = self._state.dq.copy()
            self._target = None

    def attach(self) -> None:
        """Be connected, at rest: where it was, at first at home."""
        q = self._home if self._state is None else self._state.q
        self._target = None
        self._braking.reset(q)
        self._set(q, np.zeros_like(q))

    def detach(self) -> None:
        """Be disconnected; the arm stays where it is."""
        if self._state is not None:
            self._home, self._state = self._state.q, None

    def move(self, period_s: float) -> None:
        """Carry out the last command for a period."""
        q = self._connected().q
        self._period_s = period_s
        target = self._target
        if target is None:
            reached = self._braking.slow_down()
        elif target.mode is CommandMode.VELOCITY:
            reached = q + target.values * period_s
        else:
            reached = target.values
        self._set(reached.copy(), (reached - q) / period_s)

    def _set(self, q: Vector, dq: Vector) -> None:
        self._state = ArmState(self._clock.now_s(), q, dq, np.zeros_like(q))

    def _connected(self) -> ArmState:
        if self._state is None:
            raise NotConnectedError("the mock arm is not connected; call connect first", quantity="arm")
        return self._state


class MockGripper:
    """Fingers that move at one speed and hold nothing."""

    def __init__(self, clock: MockClock) -> None:
        self._clock = clock
        self._width_m = self._target_m = MAX_WIDTH_M
        self.is_connected = False

    def read(self) -> GripperState:
        """Return the newest state.

        Raises:
            NotConnectedError: Not connected (code 801).
        """
        self._connected()
        return GripperState(self._clock.now_s(), self._width_m, 0.0, is_holding=False)

    def command(self, width_m: float, force_n: float) -> None:
        """Move the fingers.

        Raises:
            NotConnectedError: Not connected (code 801).
            HardwareCommandError: Width or force is out of range or not finite (code 802).
        """
        self._connected()
        require_gripper_command(width_m, MAX_WIDTH_M, force_n, MAX_FORCE_N)
        self._target_m = width_m

    def move(self, period_s: float) -> None:
        """Move on for a period."""
        step = FINGER_SPEED_M_PER_S * period_s
        self._width_m += min(max(self._target_m - self._width_m, -step), step)

    def _connected(self) -> None:
        if not self.is_connected:
            raise NotConnectedError("the mock gripper is not connected; call connect first", quantity="gripper")


class MockWrenchSensor:
    """A sensor that never feels anything."""

    def __init__(self, clock: MockClock) -> None:
        self._clock = clock
        self.stamp_s: float | None = None

    def read(self) -> WrenchSample:
        """Return the newest sample.

        Raises:
            NotConnectedError: Not connected (code 801).
            StaleStateError: The link is cut for longer than the limit (code 803).
        """
        if self.stamp_s is None:
            raise NotConnectedError("the mock force sensor is not connected; call connect first", quantity="wrench")
        require_fresh_state("the mock force sensor", self._clock.now_s() - self.stamp_s)
        return WrenchSample(self.stamp_s, np.zeros(3), np.zeros(3))


class MockMachine:
    """Everything one `arm_controller` owns, ideal.

    Attributes:
        arm: The arm.
        gripper: The gripper.
        wrench_sensor: The force/torque sensor.
        clock: The clock of all stamps.
        is_linked: Set it False to cut the link: time goes on, the machine does not, and its state becomes stale.
    """

    def __init__(self, joint_names: Sequence[str], limits: JointLimits, home: Vector) -> None:
        self.clock = MockClock()
        self.arm = MockArm(self.clock, joint_names, limits, home)
        self.gripper = MockGripper(self.clock)
        self.wrench_sensor = MockWrenchSensor(self.clock)
        self.is_linked = True

    def connect(self) -> None:
        """Be connected at once."""
        if not self.gripper.is_connected:
            self.arm.attach()
            self.gripper.is_connected = True
            self.wrench_sensor.stamp_s = self.clock.now_s()

    def disconnect(self) -> None:
        """Be disconnected."""
        self.arm.detach()
        self.gripper.is_connected = False
        self.wrench_sensor.stamp_s = None

    def cycle(self, period_s: float) -> None:
        """Carry out the last commands for exactly `period_s`.

        Raises:
            NotConnectedError: Not connected (code 801).
            HardwareCommandError: The period is not a positive time (code 802).
        """
        if not self.gripper.is_connected:
            raise NotConnectedError("the mock machine is not connected; call connect first", quantity="machine")
        require_period(period_s)
        self.clock.advance(period_s)
        if self.is_linked:
            self.arm.move(period_s)
            self.gripper.move(period_s)
            self.wrench_sensor.stamp_s = self.clock.now_s()


def require_fresh_state(what: str, age_s: float) -> None:
    """Refuse a state that is older than the limit.

    Raises:
        StaleStateError: It is (code 803).
    """
    if age_s > STATE_AGE_LIMIT_S:
        raise StaleStateError(
            f"{what} is silent for {age_s:.3f} s; the limit is {STATE_AGE_LIMIT_S} s",
            quantity=what,
            value=age_s,
            limit=STATE_AGE_LIMIT_S,
            unit="s",
        )
