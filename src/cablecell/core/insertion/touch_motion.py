"""Moves of a touch sequence: through the air, guarded until something is felt, and aligning in the opening.

Everything is in the axes of the port as it was believed at first; a move is made when it begins and is stepped once
per control period.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from cablecell.core.config.touch import TouchSettings
from cablecell.core.geometry import Array
from cablecell.core.insertion.phase import Measurement, Setpoint

GUARD_ACCELERATION = 0.5
"""Acceleration into a guarded move, m/s²: what it costs in force must not look like a touch."""

LEAST_PUSH_N = 0.5
"""What is felt must push back by this much to be in the way."""

_LEAVE_S = 0.1
"""Time in which a plug is taken to leave what it has touched."""

_SHORTEST_S = 0.08
"""Shortest move: a plug that leans on something must not be jerked off it."""

_HIT_N = 7.5
"""Force that ends a move through the air."""

_RINGING_S = 0.15
"""How long a touch is given to push back steadily."""

_PRESS_S = 0.06
"""Time in which the press grows once something was felt."""


_THERE_M, _THERE_RAD, _STILL_M_PER_S, _WAIT_S = 2.0e-4, 0.006, 0.012, 0.2
"""How near and how still the arm is when a move through the air is over, and how long that is waited for."""


@dataclass(frozen=True)
class Place:
    """Where the tip is to be.

    Attributes:
        p: Position, shape (3,), m.
        rotvec: Orientation, shape (3,), rad.
    """

    p: Array
    rotvec: Array


@dataclass
class Felt:
    """Mean of what was measured while a touch was held, and how the move to it went.

    Attributes:
        is_contact: False when the move ended without a touch.
        start: Tip where the move began, shape (3,), m.
        p: Tip, shape (3,), m.
        rotvec: Its orientation, shape (3,), rad.
        force: Of the port on the plug, shape (3,), N.
        moment: About the tip, shape (3,), N·m.
    """

    is_contact: bool
    start: Array
    p: Array
    rotvec: Array
    force: Array = field(default_factory=lambda: np.zeros(3))
    moment: Array = field(default_factory=lambda: np.zeros(3))


class Mean:
    """Mean of measurements."""

    def __init__(self) -> None:
        self._sum = np.zeros(12)
        self.count = 0

    def add(self, m: Measurement) -> None:
        """Take one in."""
        self._sum += np.concatenate((m.p, m.rotvec, m.force, m.moment))
        self.count += 1

    def felt(self, start: Array, *, is_contact: bool) -> Felt:
        """Return the mean."""
        p, rotvec, force, moment = np.split(self._sum / max(self.count, 1), 4)
        return Felt(is_contact, start, p, rotvec, force, moment)


class Motion(ABC):
    """One move; `felt` is set once it is over."""

    felt: Felt | None = None
    false_alarms: int = 0
    turn: Array = np.zeros(3)
    """Angular velocity of the target, rad/s."""
    turn_change: Array = np.zeros(3)
    """Its rate of change, rad/s²: on a long tool it takes more than the spring gives."""

    @property
    def is_free(self) -> bool:
        """True while surely nothing is touched: the wrench can be tared."""
        return False

    @abstractmethod
    def step(self, m: Measurement, *, is_felt: bool) -> Setpoint:
        """Return the setpoint of this period; `is_felt` says that the detector has found a contact."""


class Travel(Motion):
    """Through the air along straight lines between places, each with a minimum-jerk profile."""

    def __init__(self, m: Measurement, places: Sequence[Place], settings: TouchSettings) -> None:
        self._settings = settings
        self._places = [Place(m.p.copy(), m.rotvec.copy()), *places]
        self._begun = m.p.copy()
        self._start_s = self._entered_s = m.time_s
        self._leg = 0
        self._duration_s = self._time_of(0)

    def _time_of(self, leg: int) -> float:
        settings, a, b = self._settings, self._places[leg], self._places[leg + 1]
        distance = float(np.linalg.norm(b.p - a.p))
        turn = float(np.linalg.norm(b.rotvec - a.rotvec))
        return max(
            1.875 * distance / settings.free_speed,
            math.sqrt(5.774 * distance / settings.free_acceleration),
            1.875 * turn / settings.free_turn,
            _SHORTEST_S,
        )

    def step(self, m: Measurement, *, is_felt: bool) -> Setpoint:
        """Follow the profile."""
        settings = self._settings
        is_away = m.time_s - self._entered_s > _LEAVE_S
        if is_felt and is_away and float(np.linalg.norm(m.force)) > _HIT_N:
            self.felt = Felt(True, self._begun, m.p, m.rotvec, m.force, m.moment)
        elapsed = m.time_s - self._start_s
        if elapsed >= self._duration_s:
            goal = self._places[self._leg + 1]
            is_last = self._leg + 2 >= len(self._places)
            # The arm trails its set-point; only at the end does that matter, and it is not waited for forever.
            is_there = (
                float(np.linalg.norm(m.p - goal.p)) < _THERE_M
                and float(np.linalg.norm(m.rotvec - goal.rotvec)) < _THERE_RAD
                and m.speed < _STILL_M_PER_S
            )
            if not is_last:
                self._start_s += self._duration_s
                self._leg += 1
                self._duration_s = self._time_of(self._leg)
            elif is_there or elapsed > self._duration_s + _WAIT_S:
                self.felt = Felt(False, self._begun, m.p, m.rotvec)
        a, b = self._places[self._leg], self._places[self._leg + 1]
        s = min((m.time_s - self._start_s) / self._duration_s, 1.0)
        blend = s * s * s * (10.0 + s * (-15.0 + 6.0 * s))
        rate = 30.0 * s * s * (1.0 - s) * (1.0 - s) / self._duration_s
        bend = 60.0 * s * (1.0 - s) * (1.0 - 2.0 * s) / self._duration_s**2
        delta = b.p - a.p
        self.turn = (b.rotvec - a.rotvec) * rate
        self.turn_change = (b.rotvec - a.rotvec) * bend
        return Setpoint(
            a.p + delta * blend,
            a.rotvec + (b.rotvec - a.rotvec) * blend,
            np.array([settings.travel_stiffness] * 3 + [settings.travel_rotation_stiffness] * 3),
            velocity=delta * rate,
            acceleration=delta * bend,
        )


class Guarded(Motion):
    """Straight on at the guarded speed until something is felt; then a light press, held and measured."""

    def __init__(
        self,
        m: Measurement,
        start: Place,
        direction: Array,
        limit_m: float,
        settings: TouchSettings,
    ) -> None:
        self._settings = settings
        self._start, self.direction, self._limit_m = start, direction, limit_m
        self._begun = m.p.copy()
        self._speed = settings.guarded_speed
        self._stiffness = firm(settings, direction)
        axis = int(np.argmax(np.abs(direction)))
        # Softer the way it goes: until the touch is noticed, spring and damper push on.
        self._soft = self._stiffness.copy()
        self._soft[axis] *= 0.3
        self._travel_m, self._velocity = 0.0, 0.0
        self._held_s: float | None = None
        self._again_s = 0.0
        self._target = start.p.copy()
        self._mean = Mean()

    @property
    def is_touching(self) -> bool:
        """True once something was felt."""
        return self._held_s is not None

    @property
    def is_free(self) -> bool:
        """True until something was felt."""
        return not self.is_touching and not self.false_alarms

    def step(self, m: Measurement, *, is_felt: bool) -> Setpoint:
        """Advance until something is felt, then hold."""
        settings, d = self._settings, self.direction
        if self._held_s is None:
            self._velocity = min(self._velocity + GUARD_ACCELERATION * m.dt_s, self._speed)
            self._travel_m = min(self._travel_m + self._velocity * m.dt_s, self._limit_m)
            self._target = self._start.p + d * self._travel_m
            push = -float(d @ m.force)
            if is_felt and push > LEAST_PUSH_N:
                self._held_s = m.time_s
                # Only along the way is the target set back: across it the arm keeps its course.
                self._travel_m = float(d @ (m.p - self._start.p))
            elif self._travel_m >= self._limit_m and m.speed < 0.5 * self._speed:
                self.felt = Felt(False, self._begun, m.p, m.rotvec, m.force, m.moment)
            return Setpoint(self._target, self._start.rotvec, self._soft, velocity=d * self._velocity)
        since = m.time_s - self._held_s
        press = settings.press_force_n / settings.stiffness * min(since / _PRESS_S, 1.0)
        self._target = self._start.p + d * (self._travel_m + press)
        if since > settings.settle_s + self._again_s:
            self._mean.add(m)
        if since > settings.settle_s + self._again_s + settings.measure_s:
            felt = self._mean.felt(self._begun, is_contact=True)
            if -float(d @ felt.force) > settings.contact_force_n:
                self.felt = felt
            elif self._again_s < _RINGING_S:  # it may still ring on the grasp's spring
                self._again_s += settings.measure_s
                self._mean = Mean()
            else:  # nothing pushes back: it was a false alarm, and the move goes on
                self.false_alarms += 1
                self._held_s, self._velocity, self._mean, self._again_s = None, 0.0, Mean(), 0.0
        return Setpoint(self._target, self._start.rotvec, self._stiffness)


class Rest(Motion):
    """Hold still and learn what holding takes: force of the spring, and what the sensor reads in free space."""

    def __init__(self, m: Measurement, settings: TouchSettings) -> None:
        self._settings = settings
        self._p, self._rotvec = m.p.copy(), m.rotvec.copy()
        self._since_s: float | None = None
        self.load = np.zeros(6)
        self.wrench = np.zeros(6)
        self._count = 0

    def step(self, m: Measurement, *, is_felt: bool) -> Setpoint:
        """Wait for rest, then average."""
        stiffness = stiff(self._settings)
        if m.speed > 0.004:
            self._since_s = None
        elif self._since_s is None:
            self._since_s = m.time_s
        if self._since_s is not None and m.time_s - self._since_s > 0.05:
            self.load += stiffness * np.concatenate((self._p - m.p, self._rotvec - m.rotvec))
            self.wrench += np.concatenate((m.force, m.moment))
            self._count += 1
            if m.time_s - self._since_s > 0.05 + self._settings.tare_time_s:
                self.load /= self._count
                self.wrench /= self._count
                self.felt = Felt(False, m.p, m.p, m.rotvec)
        return Setpoint(self._p, self._rotvec, stiffness)


class Still(Motion):
    """Hold still while something is worked out, a bounded piece of it in every period."""

    def __init__(
        self, m: Measurement, work: Callable[[], None], is_done: Callable[[], bool], settings: TouchSettings
    ) -> None:
        self._work, self._is_done = work, is_done
        self._m = m
        # Where the plug is, and soft: it is in the port.
        self._stiffness = np.array([settings.soft_stiffness] * 3 + [settings.rotation_stiffness] * 3)

    def step(self, m: Measurement, *, is_felt: bool) -> Setpoint:
        """Do one piece."""
        self._work()
        if self._is_done():
            self.felt = Felt(False, self._m.p, m.p, m.rotvec)
        return Setpoint(self._m.p, self._m.rotvec, self._stiffness)


def advance(target: float, now: float, way: float, ahead: float, sign: float = 1.0) -> tuple[float, bool]:
    """Return a target moved on by `way`, at most `ahead` of what follows it, and whether that held it back.

    A spring then never pushes with more than its stiffness times `ahead`, however long something is in the way.
    """
    free, held = sign * target + way, sign * now + ahead
    return sign * min(free, held), held < free


def stiff(settings: TouchSettings) -> Array:
    """Return the stiffness of moves in the air and of touches, shape (6,)."""
    return np.array([settings.stiffness] * 3 + [settings.rotation_stiffness] * 3)


def firm(settings: TouchSettings, direction: Array) -> Array:
    """Return a stiffness that holds a course: that of touches along the way, that of the air across it, shape (6,)."""
    stiffness = np.array([settings.travel_stiffness] * 3 + [settings.travel_rotation_stiffness] * 3)
    stiffness[int(np.argmax(np.abs(direction)))] = settings.stiffness
    return stiffness
