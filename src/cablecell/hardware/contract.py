"""What every machine behind the ports keeps, as checks that run on any of them: by the tests, and on a real arm.

A check moves no further and no faster than a `Pace` says. It returns what it measured, every number with the limit that
it must not exceed; what could not be measured is an error of the machine and goes through.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cablecell.core.errors import HardwareCommandError, NotConnectedError
from cablecell.ports import CommandMode, JointCommand, Machine, Vector

STATE_AGE_S = 0.12
"""Oldest state that a machine may give out, s."""
STOP_S, STOP_RAD = 0.2, 0.1
"""Longest time, s, and way, rad, from `stop` to rest."""
STILL_RAD, REACHED_RAD, RETURN_RAD = 1.0e-3, 2.0e-3, 1.0e-2
REST_RAD_PER_S = 0.01
GRIPPER_M = 1.0e-3
RESPONSE_S = 0.1
_BAD_WIDTH_M = 0.2
_GRIP_N = 50.0


@dataclass(frozen=True)
class Pace:
    """How far and how fast the checks move.

    Attributes:
        period_s: Control period, s.
        highest_rad_per_s: Highest speed of any joint that the machine may stream, rad/s.
        joint: Index of the joint that is moved.
        speed_rad_per_s: Speed at which it is moved, rad/s.
        travel_s: For how long, s.
        stop_speed_rad_per_s: Speed from which it is stopped, rad/s.
        jumps_all: Whether every joint is asked to jump, and not `joint` alone.
        jump_rad: How far a joint is asked to jump where an old command might be remembered, rad.
        settle_s: Time to come to rest, s.
        still_s: For how long it must stand still, s.
        width_m: Width that the gripper is sent to, m.
    """

    period_s: float
    highest_rad_per_s: float
    joint: int = 0
    speed_rad_per_s: float = 0.5
    travel_s: float = 0.3
    stop_speed_rad_per_s: float = 1.0
    jumps_all: bool = True
    jump_rad: float = 1.0
    settle_s: float = 0.1
    still_s: float = 0.2
    width_m: float = 0.045


@dataclass(frozen=True)
class Measured:
    """One number of a check.

    Attributes:
        what: What it is.
        value: The number.
        limit: What it must not exceed.
        unit: Unit of both; empty for a count.
    """

    what: str
    value: float
    limit: float
    unit: str = ""

    @property
    def is_within(self) -> bool:
        """Whether the limit is kept; a number that is none keeps no limit."""
        return self.value <= self.limit


@dataclass(frozen=True)
class ContractCheck:
    """One check.

    Attributes:
        key: Its name in reports.
        title: What the machine keeps.
        run: Measures it.
        motion: Returns, for a person, what moves, how far and how fast; None where nothing does.
        is_connected: Whether it is for a machine that is connected.
        is_abrupt: Whether it asks for more than a careful person asks of a real arm.
    """

    key: str
    title: str
    run: Callable[[Machine, Pace], list[Measured]]
    motion: Callable[[Machine, Pace], str] | None = None
    is_connected: bool = True
    is_abrupt: bool = False


def send(machine: Machine, q: Vector, period_s: float) -> Vector:
    """Send positions for one period and return what was really sent, rad."""
    sent = machine.arm.command(JointCommand(CommandMode.POSITION, np.asarray(q, dtype=float)))
    machine.cycle(period_s)
    return sent.values


def travel(machine: Machine, pace: Pace, seconds: float, speed_rad_per_s: float) -> Vector:
    """Move the joint of a pace for a while, and return where it was told to be last, rad."""
    q = machine.arm.read().q.copy()
    for _ in range(round(seconds / pace.period_s)):
        q[pace.joint] += speed_rad_per_s * pace.period_s
        send(machine, q, pace.period_s)
    return q


def knows_itself(machine: Machine, pace: Pace) -> list[Measured]:
    """Names, modes and servo response are known before connecting."""
    arm, response = machine.arm, machine.arm.servo_response
    return [
        Measured("joint names used twice", len(arm.joint_names) - len(set(arm.joint_names)), 0),
        Measured("ways to tell it positions that are missing", int(CommandMode.POSITION not in arm.command_modes), 0),
        Measured("dead time", np.nan if response is None else response.delay_s, RESPONSE_S, "s"),
        Measured("lag", np.nan if response is None else response.lag_s, RESPONSE_S, "s"),
    ]


def refuses_unconnected(machine: Machine, pace: Pace) -> list[Measured]:
    """Reading and commanding is refused before connecting; stopping and leaving never is."""
    hold = JointCommand(CommandMode.POSITION, np.zeros(len(machine.arm.joint_names)))
    machine.arm.stop()
    machine.disconnect()
    machine.disconnect()
    acts: tuple[Callable[[], object], ...] = (
        machine.arm.read,
        machine.gripper.read,
        machine.wrench_sensor.read,
        lambda: machine.arm.command(hold),
        lambda: machine.gripper.command(0.02, 10.0),
        lambda: machine.cycle(pace.period_s),
    )
    taken = sum(not _is_refused(act, NotConnectedError, "call connect first") for act in acts)
    return [Measured("calls that were taken without a connection", taken, 0)]


def is_readable(machine: Machine, pace: Pace) -> list[Measured]:
    """State, wrench and grip are complete, finite and fresh."""
    machine.cycle(pace.period_s)
    state, sample, grip = machine.arm.read(), machine.wrench_sensor.read(), machine.gripper.read()
    joints = len(machine.arm.joint_names)
    wrong = sum(values.shape != (joints,) for values in (state.q, state.dq, state.tau))
    wrong += sum(values.shape != (3,) for values in (sample.force, sample.torque))
    numbers = np.concatenate([state.q, state.dq, state.tau, sample.force, sample.torque, [grip.width_m]])
    now_s = machine.clock.now_s()
    ages_s = [now_s - stamp_s for stamp_s in (state.stamp_s, sample.stamp_s, grip.stamp_s)]
    return [
        Measured("vectors of a wrong size", wrong, 0),
        Measured("numbers that are not finite", int((~np.isfinite(numbers)).sum()), 0),
        Measured("age of the oldest", max(ages_s), STATE_AGE_S, "s"),
        Measured("stamps from the future", sum(age_s < 0.0 for age_s in ages_s), 0),
    ]


def time_goes_on(machine: Machine, pace: Pace) -> list[Measured]:
    """Every cycle brings a newer state."""
    stamps_s = []
    for _ in range(20):
        machine.cycle(pace.period_s)
        stamps_s.append(machine.arm.read().stamp_s)
    return [Measured("cycles of 20 without a newer state", int((np.diff(stamps_s) <= 0.0).sum()), 0)]


def stands_still(machine: Machine, pace: Pace) -> list[Measured]:
    """Without a command it stands still."""
    before = machine.arm.read().q
    for _ in range(round(pace.still_s / pace.period_s)):
        machine.cycle(pace.period_s)
    return [Measured("moved", _largest(machine.arm.read().q - before), STILL_RAD, "rad")]


def refuses_bad_commands(machine: Machine, pace: Pace) -> list[Measured]:
    """A command of a wrong size, or with what is no number, is refused by name and changes nothing."""
    names, target = machine.arm.joint_names, machine.arm.read().q
    n = len(names)
    send(machine, target, pace.period_s)
    taken = 0
    for index, value, said in (
        (None, 0.0, f"has {n - 1} values; this arm has {n} joints"),
        (2, np.nan, ""),
        (1, np.inf, ""),
    ):
        values = np.zeros(n - 1) if index is None else np.where(np.arange(n) == index, value, target)
        said = said or f"command of {names[index or 0]} is {value}; it must be finite"
        bad = JointCommand(CommandMode.POSITION, values)
        taken += not _is_refused(lambda bad=bad: machine.arm.command(bad), HardwareCommandError, said)  # type: ignore[misc]
    for _ in range(20):
        machine.cycle(pace.period_s)
    return [
        Measured("bad commands that were taken", taken, 0),
        Measured("moved by them", _largest(machine.arm.read().q - target), STILL_RAD, "rad"),
    ]


def refuses_missing_modes(machine: Machine, pace: Pace) -> list[Measured]:
    """A mode that it has not is refused, with those that it has."""
    missing = set(CommandMode) - machine.arm.command_modes
    zeros = np.zeros(len(machine.arm.joint_names))
    taken = sum(
        not _is_refused(
            lambda mode=mode: machine.arm.command(JointCommand(mode, zeros)),  # type: ignore[misc]
            HardwareCommandError,
            f"mode '{mode.value}' is not available; valid are",
        )
        for mode in missing
    )
    return [Measured("modes that were taken and are not there", taken, 0)]


def limits_jumps(machine: Machine, pace: Pace) -> list[Measured]:
    """A jump becomes what a joint may do in a period, and what is sent is what it says was sent."""
    start = machine.arm.read().q
    send(machine, start, pace.period_s)
    asked = np.ones(start.size) if pace.jumps_all else np.eye(start.size)[pace.joint]
    moving = asked > 0.0
    first = send(machine, start + asked, pace.period_s)
    second = send(machine, start + asked, pace.period_s)
    step = pace.highest_rad_per_s * pace.period_s
    sent = np.stack([first - start, second - first])
    return [
        Measured("sent in a period, at most", float(sent.max()), step + 1.0e-9, "rad"),
        Measured("periods in which a joint did not move", int((sent[:, moving] <= 0.01 * step).sum()), 0),
        Measured("slower in the second period, by", float((sent[0] - sent[1])[moving].max()), 1.0e-9, "rad"),
    ]


def goes_where_it_is_sent(machine: Machine, pace: Pace) -> list[Measured]:
    """The arm follows what is streamed, and ends there."""
    target = travel(machine, pace, pace.travel_s, pace.speed_rad_per_s)
    for _ in range(round(pace.settle_s / pace.period_s)):
        send(machine, target, pace.period_s)
    return [Measured("away from its target", _largest(machine.arm.read().q - target), REACHED_RAD, "rad")]


def grips(machine: Machine, pace: Pace) -> list[Measured]:
    """The gripper refuses what it cannot do, and does what it can."""
    bad = ((_BAD_WIDTH_M, 10.0, "gripper width = 0.2 m is outside"), (0.02, np.nan, "gripper force"))
    taken = sum(
        not _is_refused(
            lambda width_m=width_m, force_n=force_n: machine.gripper.command(width_m, force_n),  # type: ignore[misc]
            HardwareCommandError,
            said,
        )
        for width_m, force_n, said in bad
    )
    machine.gripper.command(pace.width_m, _GRIP_N)
    for _ in range(600):
        machine.cycle(pace.period_s)
    width_m = machine.gripper.read().width_m
    return [
        Measured("bad commands that were taken", taken, 0),
        Measured("away from the width it was sent to", abs(width_m - pace.width_m), GRIPPER_M, "m"),
    ]


def stops(machine: Machine, pace: Pace) -> list[Measured]:
    """`stop` comes to rest, and stays there."""
    travel(machine, pace, pace.travel_s, pace.stop_speed_rad_per_s)
    at = machine.arm.read().q[pace.joint]
    begun_s = machine.clock.now_s()
    machine.arm.stop()
    while _largest(machine.arm.read().dq) > REST_RAD_PER_S and machine.clock.now_s() - begun_s < 2.0 * STOP_S:
        machine.cycle(pace.period_s)
    rest_s, rest = machine.clock.now_s() - begun_s, machine.arm.read().q
    for _ in range(100):
        machine.cycle(pace.period_s)
    return [
        Measured("time to rest", rest_s, STOP_S, "s"),
        Measured("way to rest", abs(float(rest[pace.joint] - at)), STOP_RAD, "rad"),
        Measured("moved after it", _largest(machine.arm.read().q - rest), REACHED_RAD, "rad"),
    ]


def comes_back(machine: Machine, pace: Pace) -> list[Measured]:
    """A new connection does not move it, and old commands are forgotten."""
    travel(machine, pace, pace.travel_s, pace.speed_rad_per_s)
    before_s = machine.clock.now_s()
    machine.disconnect()
    is_open = not _is_refused(machine.arm.read, NotConnectedError, "")
    machine.connect()
    start = machine.arm.read().q
    for _ in range(50):
        machine.cycle(pace.period_s)
    here = machine.arm.read().q
    asked = pace.jump_rad * (np.ones(here.size) if pace.jumps_all else np.eye(here.size)[pace.joint])
    first = machine.arm.command(JointCommand(CommandMode.POSITION, here + asked)).values
    step = pace.highest_rad_per_s * pace.period_s
    return [
        Measured("readings without a connection", int(is_open), 0),
        *is_readable(machine, pace),
        Measured("moved by connecting", _largest(here - start), RETURN_RAD, "rad"),
        Measured("clock went back by", before_s - machine.clock.now_s(), 0.0, "s"),
        Measured("first set-point from where it is", _largest(first - here), 2.0 * step, "rad"),
    ]


def _turns(machine: Machine, pace: Pace, speed_rad_per_s: float) -> str:
    way = speed_rad_per_s * pace.travel_s
    name = machine.arm.joint_names[pace.joint]
    return f"{name} turns by +{way:.2f} rad ({np.degrees(way):.0f} deg) at {speed_rad_per_s:.2f} rad/s"


CHECKS: tuple[ContractCheck, ...] = (
    ContractCheck("knows_itself", "What it is is known before connecting", knows_itself, is_connected=False),
    ContractCheck(
        "unconnected", "Nothing works before connecting but stopping", refuses_unconnected, is_connected=False
    ),
    ContractCheck("readable", "Everything is readable, finite and fresh", is_readable),
    ContractCheck("time", "Time goes on with every cycle", time_goes_on),
    ContractCheck("still", "It stands still without a command", stands_still),
    ContractCheck(
        "bad_commands",
        "A bad command is refused and changes nothing",
        refuses_bad_commands,
        lambda machine, pace: "the arm is told to hold where it is: nothing may move",
    ),
    ContractCheck("modes", "A mode that it has not is refused", refuses_missing_modes),
    ContractCheck(
        "jump",
        "A jump is limited to the speed of the joint",
        limits_jumps,
        lambda machine, pace: (
            f"{machine.arm.joint_names[pace.joint]} twitches for two periods, by at most "
            f"{2.0 * pace.highest_rad_per_s * pace.period_s:.4f} rad "
            f"({np.degrees(2.0 * pace.highest_rad_per_s * pace.period_s):.1f} deg)"
        ),
        is_abrupt=True,
    ),
    ContractCheck(
        "follows",
        "The arm goes where it is sent",
        goes_where_it_is_sent,
        lambda machine, pace: _turns(machine, pace, pace.speed_rad_per_s),
    ),
    ContractCheck(
        "stop",
        "Stop comes to rest and stays",
        stops,
        lambda machine, pace: f"{_turns(machine, pace, pace.stop_speed_rad_per_s)}, and is stopped on the way",
    ),
    ContractCheck(
        "gripper",
        "The gripper does what it can and refuses the rest",
        grips,
        lambda machine, pace: f"the fingers go to {1.0e3 * pace.width_m:.0f} mm: whatever they hold falls",
    ),
    ContractCheck(
        "comes_back",
        "It comes back without a jump and without old commands",
        comes_back,
        lambda machine, pace: f"{_turns(machine, pace, pace.speed_rad_per_s)}; then the connection is made anew",
    ),
)
"""All checks, in the order in which a careful person does them."""


def _largest(values: Vector) -> float:
    return float(np.abs(values).max())


def _is_refused(act: Callable[[], object], error: type[Exception], said: str) -> bool:
    try:
        act()
    except error as refusal:
        return re.search(re.escape(said), str(refusal)) is not None
    return False
