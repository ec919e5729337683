"""A machine that was recorded: joints, fingers and wrench as they were, at the pace at which they were.

It is read-only. Set-points change nothing, and what `command` returns as sent is where the recorded arm was; whoever
wants to move it finds an arm that does not follow. A gripper command is refused. Time passes only in `cycle`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cablecell.core.errors import NotConnectedError, ReadOnlyMachineError, StaleStateError
from cablecell.hardware.checks import require_joint_command, require_period
from cablecell.ports import ArmState, CommandMode, GripperState, JointCommand, ServoResponse, Vector, WrenchSample

STATE_AGE_LIMIT_S = 0.05
"""How long after the last record a read is still answered."""

HOLDING_N = 1.0
"""Recorded effort of the fingers above which they hold something."""


@dataclass(frozen=True)
class RecordedMachine:
    """What was recorded of a machine; times begin at 0 and are those of measurement.

    Attributes:
        source: Where it is from, for messages.
        joints_t_s: Times of the joint states, shape (n,), s, ascending.
        q: Joint positions, shape (n, k), rad.
        dq: Joint velocities, shape (n, k), rad/s.
        tau: Joint torques, shape (n, k), N·m.
        width_m: Distance of the fingers, shape (n,), m.
        grip_n: Their effort, shape (n,), N.
        wrench_t_s: Times of the wrenches, shape (m,), s, ascending.
        wrench: Raw force and torque at `ft_frame`, shape (m, 6), N and N·m.
    """

    source: str
    joints_t_s: Vector
    q: Vector
    dq: Vector
    tau: Vector
    width_m: Vector
    grip_n: Vector
    wrench_t_s: Vector
    wrench: Vector

    @property
    def end_s(self) -> float:
        """When the first of both ends, s."""
        return float(min(self.joints_t_s[-1], self.wrench_t_s[-1]))


class Player:
    """Where the recording is: the clock of all stamps, and what was recorded then.

    Attributes:
        is_connected: Whether it may be read.
    """

    def __init__(self, recorded: RecordedMachine) -> None:
        self.recorded = recorded
        self.is_connected = False
        self._now_s = 0.0

    def now_s(self) -> float:
        """Return the time, s."""
        return self._now_s

    def advance(self, period_s: float) -> None:
        """Let time pass."""
        self._now_s += period_s

    def require_connected(self, quantity: str) -> None:
        """Refuse to be used without a connection.

        Raises:
            NotConnectedError: There is none (code 801).
        """
        if not self.is_connected:
            raise NotConnectedError("the recorded machine is not connected; call connect first", quantity=quantity)

    def played_s(self, quantity: str) -> float:
        """Return which time of the recording is shown, s.

        Raises:
            NotConnectedError: Not connected (code 801).
            StaleStateError: The recording has ended (code 803).
        """
        self.require_connected(quantity)
        recorded = self.recorded
        age_s = self._now_s - recorded.end_s
        if age_s > STATE_AGE_LIMIT_S:
            raise StaleStateError(
                f"{recorded.source} has ended after {recorded.end_s:.3f} s, {age_s:.3f} s ago; "
                f"the limit is {STATE_AGE_LIMIT_S} s",
                quantity=quantity,
                value=age_s,
                limit=STATE_AGE_LIMIT_S,
                unit="s",
            )
        return min(self._now_s, recorded.end_s)

    def joint_values(self, table: Vector, played_s: float) -> Vector:
        """Return the values of a table of the joint states at a time, between two of them by a straight line."""
        times = self.recorded.joints_t_s
        after = min(max(int(np.searchsorted(times, played_s, side="right")), 1), len(times) - 1)
        before = after - 1
        share = min(max((played_s - times[before]) / (times[after] - times[before]), 0.0), 1.0)
        values: Vector = table[before] + share * (table[after] - table[before])
        return values


class ReplayArm:
    """The recorded arm."""

    def __init__(self, player: Player, joint_names: Sequence[str]) -> None:
        self._player, self._names = player, tuple(joint_names)

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Names in the order of all joint vectors."""
        return self._names

    @property
    def command_modes(self) -> frozenset[CommandMode]:
        """Positions: the controller of a read-only arm says where it is, nothing more."""
        return frozenset({CommandMode.POSITION})

    @property
    def servo_response(self) -> ServoResponse | None:
        """None is known of what commanded it then: no delay, no lag."""
        return ServoResponse(delay_s=0.0, lag_s=0.0)

    def read(self) -> ArmState:
        """Return the recorded state.

        Raises:
            NotConnectedError: Not connected (code 801).
            StaleStateError: The recording has ended (code 803).
        """
        player, recorded = self._player, self._player.recorded
        played_s = player.played_s("arm")
        q, dq, tau = (player.joint_values(table, played_s) for table in (recorded.q, recorded.dq, recorded.tau))
        return ArmState(played_s, q, dq, tau)

    def command(self, command: JointCommand) -> JointCommand:
        """Check a set-point, do nothing, and return where the recorded arm is.

        Raises:
            NotConnectedError: Not connected (code 801).
            HardwareCommandError: Wrong size or mode, or not finite (code 802).
            StaleStateError: The recording has ended (code 803).
        """
        self._player.require_connected("arm")
        require_joint_command(command, self._names, self.command_modes)
        return JointCommand(CommandMode.POSITION, self.read().q)

    def stop(self) -> None:
        """Do nothing: what was recorded is over."""


class ReplayGripper:
    """The recorded gripper."""

    def __init__(self, player: Player) -> None:
        self._player = player

    def read(self) -> GripperState:
        """Return the recorded state.

        Raises:
            NotConnectedError: Not connected (code 801).
            StaleStateError: The recording has ended (code 803).
        """
        player, recorded = self._player, self._player.recorded
        played_s = player.played_s("gripper")
        width_m, grip_n = (float(player.joint_values(table, played_s)) for table in (recorded.width_m, recorded.grip_n))
        return GripperState(played_s, width_m, grip_n, abs(grip_n) > HOLDING_N)

    def command(self, width_m: float, force_n: float) -> None:
        """Refuse.

        Raises:
            NotConnectedError: Not connected (code 801).
            ReadOnlyMachineError: Always otherwise (code 809).
        """
        self._player.require_connected("gripper")
        raise ReadOnlyMachineError(
            f"the gripper of {self._player.recorded.source} was recorded and takes no commands", quantity="gripper"
        )


class ReplayWrenchSensor:
    """The recorded force sensor."""

    def __init__(self, player: Player) -> None:
        self._player = player

    def read(self) -> WrenchSample:
        """Return the newest recorded sample.

        Raises:
            NotConnectedError: Not connected (code 801).
            StaleStateError: The recording has ended, or holds no sample for too long (code 803).
        """
        recorded = self._player.recorded
        played_s = self._player.played_s("wrench")
        newest = max(int(np.searchsorted(recorded.wrench_t_s, played_s, side="right")) - 1, 0)
        stamp_s = min(float(recorded.wrench_t_s[newest]), played_s)
        if played_s - stamp_s > STATE_AGE_LIMIT_S:
            raise StaleStateError(
                f"{recorded.source} holds no wrench for {played_s - stamp_s:.3f} s, from {stamp_s:.3f} s on; "
                f"the limit is {STATE_AGE_LIMIT_S} s",
                quantity="wrench",
                value=played_s - stamp_s,
                limit=STATE_AGE_LIMIT_S,
                unit="s",
            )
        wrench = recorded.wrench[newest]
        return WrenchSample(stamp_s, wrench[:3], wrench[3:])


class ReplayMachine:
    """Everything one `arm_controller` owns, recorded.

    Attributes:
        arm: The arm.
        gripper: The gripper.
        wrench_sensor: The force/torque sensor.
        clock: The clock of all stamps; 0 is the beginning of the recording.
    """

    def __init__(self, recorded: RecordedMachine, joint_names: Sequence[str]) -> None:
        self._player = Player(recorded)
        self.clock = self._player
        self.arm = ReplayArm(self._player, joint_names)
        self.gripper = ReplayGripper(self._player)
        self.wrench_sensor = ReplayWrenchSensor(self._player)

    def connect(self) -> None:
        """Begin to play, or go on where it was."""
        self._player.is_connected = True

    def disconnect(self) -> None:
        """Be disconnected; the recording stays where it is."""
        self._player.is_connected = False

    def cycle(self, period_s: float) -> None:
        """Play `period_s` of the recording.

        Raises:
            NotConnectedError: Not connected (code 801).
            HardwareCommandError: The period is not a positive time (code 802).
        """
        self._player.require_connected("machine")
        require_period(period_s)
        self._player.advance(period_s)
