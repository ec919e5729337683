"""Moves of a touch sequence: through the air, guarded until something is felt, and aligning in the opening.

Everything is in the axes of the port as it was believed at first; a move is made when it begins and is stepped once
per control period.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from cablecell.core.config.touch import TouchSettings
from cablecell.core.geometry import Array
from cablecell.core.insertion.phase import Measurement, Setpoint

_GUARD_ACCELERATION = 0.5
"""Acceleration into a guarded move, m/s²: what it costs in force must not look like a touch."""

_LEAST_PUSH_N = 0.5
"""What is felt must push back by this much to be in the way."""

_LEAVE_S = 0.1
"""Time in which a plug is taken to leave what it has touched."""

_ACROSS_N, _ACROSS_GAIN = 0.3, 0.004
"""Side force that a plug in the opening gives way to, N, and how fast it does, m/(s*N)."""

_PUSH_GAIN = 0.008
"""Speed of the set-point per force that is missing while faces align, m/(s*N)."""

_TURN_SHARES = np.array([1.0, 1.0, 0.7])
"""The turn about the port's axis has the shortest lever to the wrist, and answers soonest."""

_EASE_N = 6.5
"""Force above which a plug in the opening is hardly turned any more."""

_MOST_TURN = 0.4
"""Fastest turn of a plug in the opening, rad/s."""

_DEAD_BAND_NM = 0.03
"""Moment that a plug on its way in does not give way to."""

_SHORTEST_S = 0.08
"""Shortest move: a plug that leans on something must not be jerked off it."""

_HIT_N = 2.5
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
        *,
        speed: float | None = None,
        stiffness: Array | None = None,
    ) -> None:
        self._settings = settings
        self._start, self.direction, self._limit_m = start, direction, limit_m
        self._begun = m.p.copy()
        self._speed = settings.guarded_speed if speed is None else speed
        self._stiffness = firm(settings, direction) if stiffness is None else stiffness
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

    def step(self, m: Measurement, *, is_felt: bool) -> Setpoint:
        """Advance until something is felt, then hold."""
        settings, d = self._settings, self.direction
        if self._held_s is None:
            self._velocity = min(self._velocity + _GUARD_ACCELERATION * m.dt_s, self._speed)
            self._travel_m = min(self._travel_m + self._velocity * m.dt_s, self._limit_m)
            self._target = self._start.p + d * self._travel_m
            push = -float(d @ m.force)
            if is_felt and push > _LEAST_PUSH_N:
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


class Align(Motion):
    """In the opening: move towards a side, press, and turn until the wall asks for no more turn.

    Positions are those of the middle of the length in the opening, so that the push acts there.
    """

    def __init__(self, m: Measurement, axis: int, sign: float, settings: TouchSettings) -> None:
        """Begin.

        Args:
            m: Now, of the middle.
            axis: 0 or 1, of the port.
            sign: Of the side.
            settings: Of the sequence.
        """
        self._settings, self._axis, self._sign = settings, axis, sign
        self._begun = m.p.copy()
        self._p = m.p.copy()
        self._rotvec = m.rotvec.copy()
        self._stiffness = np.array([settings.soft_stiffness] * 2 + [settings.stiffness] * 4)
        self._stiffness[axis] = settings.stiffness
        # Stiff in rotation, and led by the moment: a long tool is too heavy to be turned by a soft spring.
        self._stiffness[3:] = settings.rotation_stiffness
        self._velocity = 0.0
        self._moment, self._across, self._pushing = np.zeros(3), 0.0, 0.0
        self._touched_s: float | None = None
        self._mean = Mean()

    def step(self, m: Measurement, *, is_felt: bool) -> Setpoint:
        """Advance until the wall is felt, then align, then measure."""
        settings, axis = self._settings, self._axis
        push = -self._sign * float(m.force[axis])
        velocity = np.zeros(3)
        if self._touched_s is None:
            self._velocity = min(self._velocity + _GUARD_ACCELERATION * m.dt_s, 0.5 * settings.guarded_speed)
            self._p[axis] += self._sign * self._velocity * m.dt_s
            velocity[axis] = self._sign * self._velocity
            if is_felt and push > _LEAST_PUSH_N:
                self._touched_s = m.time_s
        else:
            since = m.time_s - self._touched_s
            # The target is moved until the wall pushes back as wanted: it does not run after the plug.
            speed = _PUSH_GAIN * (settings.flush_force_n - push)
            speed = self._sign * min(max(speed, -0.02), 0.01)
            self._p[axis] += speed * m.dt_s
            velocity[axis] = speed
            blend = 1.0 - math.exp(-m.dt_s / 0.02)
            self._moment += blend * (m.moment - self._moment)
            self._across += blend * (float(m.force[1 - axis]) - self._across)
            if abs(self._across) > _ACROSS_N:
                self._p[1 - axis] += _ACROSS_GAIN * self._across * m.dt_s
            # Fast at first; slow in the end, so that it comes to rest where it is flush.
            gain = settings.flush_gain * (1.0 + 1.0 * max(0.0, 1.0 - 1.5 * since / settings.flush_s))
            rates = np.clip(gain * _TURN_SHARES * self._moment, -_MOST_TURN, _MOST_TURN)
            rates[axis] = 0.0
            if math.sqrt(float(m.force @ m.force)) > _EASE_N:
                rates *= 0.2
            self.turn = rates
            self._rotvec = self._rotvec + rates * m.dt_s
            if since > settings.flush_s:
                self._mean.add(m)
            if since > settings.flush_s + settings.measure_s:
                self.felt = self._mean.felt(self._begun, is_contact=True)
            elif since > 0.15 and self._pushing < 0.5 * settings.contact_force_n:
                # Nothing pushes back: it was a false alarm.
                self.false_alarms += 1
                self._touched_s, self._velocity = None, 0.0
        self._pushing += 0.05 * (push - self._pushing)
        return Setpoint(self._p.copy(), self._rotvec.copy(), self._stiffness, velocity=velocity)


def stiff(settings: TouchSettings) -> Array:
    """Return the stiffness of moves in the air and of touches, shape (6,)."""
    return np.array([settings.stiffness] * 3 + [settings.rotation_stiffness] * 3)


def firm(settings: TouchSettings, direction: Array) -> Array:
    """Return a stiffness that holds a course: that of touches along the way, that of the air across it, shape (6,)."""
    stiffness = np.array([settings.travel_stiffness] * 3 + [settings.travel_rotation_stiffness] * 3)
    stiffness[int(np.argmax(np.abs(direction)))] = settings.stiffness
    return stiffness


class Enter(Motion):
    """Down into the opening, soft across it, until deep enough or until the plug stands on something."""

    def __init__(self, m: Measurement, start: Place, rim_m: float, depth_m: float, settings: TouchSettings) -> None:
        """Begin.

        Args:
            m: Now.
            start: Above the opening.
            rim_m: Depth of the tip at which the plug would stand on the land, m.
            depth_m: Where the tip is to go, m.
            settings: Of the sequence.
        """
        self._settings, self._rim_m, self._depth_m = settings, rim_m, depth_m
        self._begun = m.p.copy()
        self._p, self._rotvec = start.p.copy(), start.rotvec.copy()
        soft, turn = settings.soft_stiffness, settings.rotation_stiffness
        self._stiffness = np.array([soft, soft, settings.stiffness, turn, turn, turn])
        self._velocity = 0.0
        self._force, self._moment = np.zeros(3), np.zeros(3)
        self._stopped_s: float | None = None
        self.is_above = True
        self._mean = Mean()

    def step(self, m: Measurement, *, is_felt: bool) -> Setpoint:
        """Advance, giving way across; hold and measure where it ends."""
        settings = self._settings
        blend = 1.0 - math.exp(-m.dt_s / 0.02)
        self._force += blend * (m.force - self._force)
        self._moment += blend * (m.moment - self._moment)
        if self._stopped_s is not None:
            self.turn = np.zeros(3)
            since = m.time_s - self._stopped_s
            if since > settings.settle_s:
                self._mean.add(m)
            if since > settings.settle_s + settings.measure_s:
                self.felt = self._mean.felt(self._begun, is_contact=m.depth_m < self._depth_m - 5.0e-4)
            return Setpoint(self._p, self._rotvec, self._stiffness)
        is_inside = m.depth_m > self._rim_m + 1.5e-3
        self.is_above = m.depth_m < self._rim_m - 2.0e-4
        speed = settings.enter_speed if is_inside else 0.75 * settings.guarded_speed
        self._velocity = min(self._velocity + _GUARD_ACCELERATION * m.dt_s, speed)
        for k in (0, 1):
            off = float(self._force[k])
            if abs(off) > _ACROSS_N and m.depth_m > self._rim_m - 5.0e-4:
                self._p[k] += _ACROSS_GAIN * off * m.dt_s
        if is_inside:
            # Only what clearly resists turns the plug: it has room, and a small bias would lean it on a wall.
            beyond = np.sign(self._moment) * np.maximum(np.abs(self._moment) - _DEAD_BAND_NM, 0.0)
            rates = np.clip(settings.flush_gain * beyond, -_MOST_TURN, _MOST_TURN)
            self.turn = rates
            self._rotvec = self._rotvec + rates * m.dt_s
        push = settings.press_force_n + (1.0 if is_inside else 0.0)
        # Never further ahead than the push allows: what stops the plug feels no more than that.
        most = m.depth_m + push / settings.stiffness
        wanted = self._p[2] + self._velocity * m.dt_s
        is_stopped = wanted > most and m.speed < 3.0e-3
        self._p[2] = min(wanted, max(most, self._p[2] - 1.0e-4), self._depth_m)
        if is_stopped or m.depth_m > self._depth_m - 2.0e-4:
            self._stopped_s = m.time_s
        return Setpoint(
            self._p.copy(), self._rotvec.copy(), self._stiffness, velocity=np.array([0.0, 0.0, self._velocity])
        )
