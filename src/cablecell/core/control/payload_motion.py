"""A short motion that turns gravity in the tool, so that weight and bias of the force sensor can be told apart.

As few of the last joints as have the room for it tilt the tool to four sides and come back. Turning a joint turns all
behind it about its axis, so one Jacobian says exactly where gravity will point in the tool: any arm will do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cablecell.core.control.errors import ExecutionError
from cablecell.core.control.model import JointLimits
from cablecell.core.control.trajectory import JointTrajectory
from cablecell.core.fusion.wrench import LEAST_SPREAD, gravity_spread
from cablecell.core.geometry import Array, exp_so3

TILT_RAD = 0.45
"""Default angle to each side: a spread of gravity of 0.076 where 0.05 is needed."""

TILT_LIMITS_RAD = (0.3, 0.8)
"""Angles that may be asked for."""

LONGEST_S = 5.0
"""Longest motion, rests included."""

_SPEED_RAD_PER_S, _ACCELERATION_RAD_PER_S2 = 2.0, 12.0
_SPEED_SHARE = 0.8
"""Highest speed and acceleration of a joint, and the share of its own speed limit that is used."""

_PEAK_SPEED, _PEAK_ACCELERATION = 1.875, 10.0 / math.sqrt(3.0)
"""Of a quintic from rest to rest over a unit of way in a unit of time."""

_SETTLE_S, _LOOK_S = 0.15, 0.25
"""Rest at an orientation before the force sensor is read, and time over which it is: a cable swings on a little."""

_LEAST_TURN = 0.5
"""Least that the joints turn gravity in the tool in any direction, rad per rad: else they turn far, and take long."""

_NEARLY_BEST = 1.1
"""Times over the shortest up to which a motion of fewer joints, nearer to the tool, is taken."""

_DOWN = np.array([0.0, 0.0, -1.0])

_ROUNDS, _EXACT = 20, 1.0e-9
"""Newton steps at most, and when they have arrived, rad."""


class PayloadMotionError(ExecutionError):
    """The arm cannot tilt its tool as a payload identification needs it from where it is; nothing moved."""

    code = 330


@dataclass(frozen=True)
class Look:
    """A time at rest in which the force sensor is read.

    Attributes:
        orientation: Number of the orientation; 0 is where the motion begins and ends.
        begin_s: Start, s from the start of the motion.
        end_s: End, s.
    """

    orientation: int
    begin_s: float
    end_s: float


@dataclass(frozen=True)
class PayloadMotion:
    """What identifies a payload.

    Attributes:
        trajectory: From where the arm is, over four other orientations, and back.
        looks: When the force sensor is read, in order.
        spread: Second largest eigenvalue of the scatter of gravity directions in the tool.
    """

    trajectory: JointTrajectory
    looks: tuple[Look, ...]
    spread: float

    @property
    def duration_s(self) -> float:
        """Time from start to end, s."""
        return float(self.trajectory.times_s[-1])

    def look_at(self, time_s: float) -> int | None:
        """Return the number of the look that is on at a time; None while the arm moves or settles."""
        return next((i for i, look in enumerate(self.looks) if look.begin_s <= time_s < look.end_s), None)


@dataclass(frozen=True)
class _Turns:
    """Some joints, and how they tilt the tool.

    Attributes:
        joints: The joints, from the base on.
        offsets: Turns that lead to each orientation, shape (5, m), rad; zero first.
        move_s: Times of the ways from each orientation to the next and from the last to the first, shape (5,), s.
    """

    joints: tuple[int, ...]
    offsets: Array
    move_s: Array

    @property
    def duration_s(self) -> float:
        """Time of the whole motion, s."""
        return float(self.move_s.sum()) + _LOOK_S + self.move_s.size * (_SETTLE_S + _LOOK_S)


def plan_payload_motion(
    q: Array,
    J_base_tcp: Array,
    R_base_tcp: Array,
    limits: JointLimits,
    tilt_rad: float = TILT_RAD,
    *,
    limit_margin_rad: float = 0.0,
) -> PayloadMotion:
    """Return the motion that begins and ends at joint positions q; takes some milliseconds.

    Args:
        q: Joint positions, shape (n,), rad.
        J_base_tcp: Geometric Jacobian there, shape (6, n); `base_link` stands upright.
        R_base_tcp: Orientation of the tool there, shape (3, 3).
        limits: Of the joints.
        tilt_rad: How far the tool is tilted to each of four sides, rad.
        limit_margin_rad: Distance to keep from the ends of the joints, rad.

    Raises:
        PayloadMotionError: The tilt is out of range or spreads gravity too little, the joints do not turn gravity
            enough, one has not the room, or it takes too long (code 330).
    """
    _require_tilt(tilt_rad)
    J_turn = J_base_tcp[3:]
    usable, blocked = list(range(q.size)), None
    while found := _candidates(usable, J_turn, R_base_tcp, limits, tilt_rad):
        best_s = min(turns.duration_s for turns in found)
        turns = next(turns for turns in found if turns.duration_s <= _NEARLY_BEST * best_s)
        obstacle = _first_blocked(turns, q, limits, limit_margin_rad)
        if obstacle is None:
            return _motion(q, turns, J_turn, R_base_tcp)
        blocked = blocked or obstacle
        usable.remove(obstacle[0])
    if blocked is not None:
        joint, value, limit = blocked
        raise PayloadMotionError(
            f"joint {joint} would turn to {value:.4f} rad; its limit with {limit_margin_rad} rad of margin is "
            f"{limit:.4f} rad, and the others alone do not turn gravity enough: go to another posture",
            quantity=f"q[{joint}]",
            value=value,
            limit=limit,
            unit="rad",
        )
    turn = _turn(J_turn)
    raise PayloadMotionError(
        f"the joints turn gravity in the tool in its worst direction by {turn:.2f} rad per rad from here; "
        f"{_LEAST_TURN} is needed: go to another posture",
        quantity="gravity_turn",
        value=turn,
        limit=_LEAST_TURN,
        unit="rad/rad",
    )


def _require_tilt(tilt_rad: float) -> None:
    low, high = TILT_LIMITS_RAD
    if not low <= tilt_rad <= high:
        raise PayloadMotionError(
            f"tilt = {tilt_rad} rad is outside [{low}, {high}] rad",
            quantity="tilt",
            value=tilt_rad,
            limit=f"[{low}, {high}]",
            unit="rad",
        )
    # Of four sides at right angles and the middle.
    spread = 0.4 * math.sin(tilt_rad) ** 2
    if spread < LEAST_SPREAD:
        raise PayloadMotionError(
            f"a tilt of {tilt_rad} rad spreads gravity by {spread:.3f} in the tool; {LEAST_SPREAD} is needed",
            quantity="gravity_spread",
            value=spread,
            limit=LEAST_SPREAD,
        )


def _turn(axes: Array) -> float:
    """Return how far joints with these axes, shape (3, m), turn gravity in the direction in which they do it least."""
    return float(np.linalg.svd(np.cross(_DOWN, axes.T), compute_uv=False)[1])


def _candidates(
    usable: list[int], J_turn: Array, R_base_tcp: Array, limits: JointLimits, tilt_rad: float
) -> list[_Turns]:
    """Return what the last two, three, ... of the usable joints can do."""
    found = []
    for count in range(2, len(usable) + 1):
        joints = tuple(usable[-count:])
        axes = J_turn[:, joints]
        if _turn(axes) < _LEAST_TURN:
            continue
        offsets = _offsets(axes, R_base_tcp, tilt_rad)
        if offsets is not None:
            way = np.abs(np.roll(offsets, -1, axis=0) - offsets)
            speed = np.minimum(_SPEED_RAD_PER_S, _SPEED_SHARE * limits.velocity[list(joints)])
            by_acceleration = np.sqrt(_PEAK_ACCELERATION * way / _ACCELERATION_RAD_PER_S2)
            move_s = np.maximum(_PEAK_SPEED * way / speed, by_acceleration).max(axis=1)
            found.append(_Turns(joints, offsets, move_s))
    return found


def _offsets(axes: Array, R_base_tcp: Array, tilt_rad: float) -> Array | None:
    """Return how joints turn to tilt the tool by exactly `tilt_rad` to four sides at right angles.

    Args:
        axes: Of the joints, shape (3, m).
        R_base_tcp: Orientation of the tool.
        tilt_rad: Wanted.

    Returns:
        Shape (5, m), rad; None where they cannot.
    """
    down = R_base_tcp.T @ _DOWN
    # One side is that to which a single joint tilts: the one whose axis is most level.
    sides = np.cross(_DOWN, axes.T)
    most = sides[int(np.einsum("ij,ij->i", sides, sides).argmax())]
    first = R_base_tcp.T @ most / math.sqrt(float(most @ most))
    second = np.cross(down, first)
    rows = [np.zeros(axes.shape[1])]
    for side in (first, second, -first, -second):
        turns = _turns_to(math.cos(tilt_rad) * down + math.sin(tilt_rad) * side, axes, R_base_tcp)
        if turns is None:
            return None
        rows.append(turns)
    return np.array(rows)


def _turned(turns: Array, axes: Array, R_base_tcp: Array) -> tuple[Array, Array]:
    """Return the orientation of the tool after turns of some joints, and their axes then, shape (3, m)."""
    R, now = np.eye(3), np.empty_like(axes)
    for i, turn in enumerate(turns.tolist()):
        now[:, i] = R @ axes[:, i]
        R = R @ exp_so3(turn * axes[:, i])
    return R @ R_base_tcp, now


def _turns_to(wanted: Array, axes: Array, R_base_tcp: Array) -> Array | None:
    """Return the least turns of joints after which gravity points along `wanted` in the tool; None where none do."""
    turns = np.zeros(axes.shape[1])
    for _ in range(_ROUNDS):
        R, now = _turned(turns, axes, R_base_tcp)
        missing = wanted - R.T @ _DOWN
        if float(missing @ missing) < _EXACT**2:
            return turns
        # Gravity has a length: what is missing has no share along it that a joint could bring.
        turns = turns + np.linalg.lstsq(R.T @ np.cross(_DOWN, now.T).T, missing, rcond=1e-6)[0]
        if float(np.abs(turns).max()) > 0.5 * math.pi:
            return None
    return None


def _first_blocked(turns: _Turns, q: Array, limits: JointLimits, margin_rad: float) -> tuple[int, float, float] | None:
    """Return a joint that has not the room, the position it would reach and its limit; None where all have."""
    for column, joint in reversed(list(enumerate(turns.joints))):
        highest, lowest = (float(q[joint] + end(turns.offsets[:, column])) for end in (np.max, np.min))
        upper, lower = float(limits.upper[joint] - margin_rad), float(limits.lower[joint] + margin_rad)
        if highest > upper and highest > q[joint]:
            return joint, highest, upper
        if lowest < lower and lowest < q[joint]:
            return joint, lowest, lower
    return None


def _motion(q: Array, turns: _Turns, J_turn: Array, R_base_tcp: Array) -> PayloadMotion:
    if turns.duration_s > LONGEST_S:
        raise PayloadMotionError(
            f"the motion would take {turns.duration_s:.2f} s; the limit is {LONGEST_S} s: joints turn by up to "
            f"{np.abs(turns.offsets).max():.3f} rad; tilt less, or go to another posture",
            quantity="duration",
            value=turns.duration_s,
            limit=LONGEST_S,
            unit="s",
        )
    joints = list(turns.joints)
    down = [_turned(offsets, J_turn[:, joints], R_base_tcp)[0].T @ _DOWN for offsets in turns.offsets]
    times, at, looks = [0.0, _LOOK_S], [0, 0], [Look(0, 0.0, _LOOK_S)]
    for orientation, move_s in zip((1, 2, 3, 4, 0), turns.move_s.tolist(), strict=True):
        arrival_s = times[-1] + move_s
        times += [arrival_s, arrival_s + _SETTLE_S + _LOOK_S]
        at += [orientation, orientation]
        looks.append(Look(orientation, arrival_s + _SETTLE_S, times[-1]))
    positions = np.tile(q, (len(at), 1))
    positions[:, joints] += turns.offsets[at]
    still = np.zeros_like(positions)
    trajectory = JointTrajectory(np.array(times), positions, still, still)
    return PayloadMotion(trajectory, tuple(looks), gravity_spread(np.array(down)))
