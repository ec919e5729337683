"""The target that is sent to the arm: it moves within speed, acceleration, leash and box whatever is wished.

A state is safe when braking straight from it ends inside the box and the leash. From a safe state full braking leads to
a safe state again, so there is always a next step that is safe: a wish is carried out as far as it is safe, and never
further. The leash can only be left when the arm itself moves away; who steps the target has to look.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntFlag

import numpy as np

from cablecell.core.config.teleop import TeleopSettings
from cablecell.core.geometry import Array, exp_so3, log_so3, make_pose
from cablecell.core.teleop.guard import Contact

_APPROACH = 0.8
"""Share of the acceleration that is planned for braking; the rest absorbs the discrete step."""

_SHARES = (1.0, 0.75, 0.5, 0.25, 0.0)
"""How much of a wished change of velocity is tried, between full braking (0) and all of it."""

_ROUNDING_M = 1e-12

_TAUT = 0.9
"""Share of the leash that the target uses; the rest is for the arm, which gives way a little under contact."""


class Limit(IntFlag):
    """What kept the target from doing all that was wished, numbered as in cablecell_interfaces/TeleopStatus."""

    NONE = 0
    SPEED = 1
    LEASH = 2
    BOX = 4
    FORCE = 8
    RETRACT_ONLY = 16


@dataclass(frozen=True)
class Wish:
    """What an operator wants; a velocity or a goal, or rest when both are None.

    Attributes:
        twist: Velocity of the tcp in base axes, shape (6,), m/s, rad/s.
        X_base_goal: Pose to go to, shape (4, 4).
    """

    twist: Array | None = None
    X_base_goal: Array | None = None


REST = Wish()


@dataclass(frozen=True)
class _Ball:
    """How far and how fast one half, linear or angular, may go."""

    speed: float
    acceleration: float
    leash: float


class LimitedTarget:
    """A pose that starts at rest on the measured tcp and follows wishes inside all limits.

    Attributes:
        acceleration: Change of its velocity in the last step over its time, base axes, shape (6,), m/s², rad/s².
    """

    def __init__(self, settings: TeleopSettings, X_base_tcp: Array) -> None:
        self._settings = settings
        self._low = np.array([settings.box_x_min_m, settings.box_y_min_m, settings.box_z_min_m])
        self._high = np.array([settings.box_x_max_m, settings.box_y_max_m, settings.box_z_max_m])
        self._linear = _Ball(settings.linear_speed, settings.linear_acceleration, _TAUT * settings.leash_m)
        self._angular = _Ball(settings.angular_speed, settings.angular_acceleration, _TAUT * settings.leash_rad)
        self._p = X_base_tcp[:3, 3].copy()
        self._R = X_base_tcp[:3, :3].copy()
        self._v, self._w = np.zeros(3), np.zeros(3)
        self.acceleration = np.zeros(6)

    @property
    def X_base_target(self) -> Array:  # noqa: N802 - frame notation (ADR 0001)
        """The target, shape (4, 4)."""
        return make_pose(self._R, self._p)

    @property
    def twist(self) -> Array:
        """Its velocity in base axes, shape (6,), m/s, rad/s."""
        return np.concatenate((self._v, self._w))

    @property
    def is_at_rest(self) -> bool:
        """Whether it does not move."""
        return not self._v.any() and not self._w.any()

    def ahead(self, X_base_tcp: Array) -> tuple[float, float]:
        """Return distance and angle from the tcp to the target, m and rad."""
        turn = log_so3(self._R @ X_base_tcp[:3, :3].T)
        return _norm(self._p - X_base_tcp[:3, 3]), _norm(turn)

    def step(self, wish: Wish, X_base_tcp: Array, contact: Contact, speed_scale: float, dt_s: float) -> Limit:
        """Move for `dt_s` and return what limited it.

        Args:
            wish: What to do.
            X_base_tcp: Measured tcp, where the leash is tied.
            contact: What the force sensor says.
            speed_scale: Share of the highest speeds, in (0, 1].
            dt_s: Time since the last step, s, > 0.
        """
        limits, before = Limit.NONE, self.twist
        v, w = self._wished(wish, dt_s)
        if contact.scale < 1.0 and (v.any() or w.any()):
            limits |= Limit.FORCE if contact.scale > 0.0 else Limit.FORCE | Limit.RETRACT_ONLY
            v, w = contact.limited(0, v), contact.limited(1, w)
        v, is_fast = _capped(v, speed_scale * self._linear.speed)
        w, is_turning_fast = _capped(w, speed_scale * self._angular.speed)
        if is_fast or is_turning_fast:
            limits |= Limit.SPEED
        v, is_boxed = self._away_from_walls(v, dt_s)
        if is_boxed:
            limits |= Limit.BOX

        offset = self._p - X_base_tcp[:3, 3]
        v, is_leashed = _held_back(v, offset, self._linear, dt_s)
        v = _reachable(self._v, v, self._linear.acceleration * dt_s)
        brake = _braked(self._v, self._linear.acceleration * dt_s)
        for share in _SHARES:
            candidate = brake + share * (v - brake) if share < 1.0 else v
            end = self._p + candidate * dt_s + _braking_path(candidate, self._linear.acceleration)
            in_box = bool((end >= self._low - _ROUNDING_M).all() and (end <= self._high + _ROUNDING_M).all())
            in_leash = _norm(end - X_base_tcp[:3, 3]) <= self._linear.leash
            if share == 0.0 or (in_box and in_leash):
                break
            limits |= (Limit.NONE if in_box else Limit.BOX) | (Limit.NONE if in_leash else Limit.LEASH)
        self._v = candidate
        self._p = np.clip(self._p + candidate * dt_s, self._low, self._high)  # takes away rounding, nothing else

        turn = log_so3(self._R @ X_base_tcp[:3, :3].T)
        w, is_twisted = _held_back(w, turn, self._angular, dt_s)
        w = _reachable(self._w, w, self._angular.acceleration * dt_s)
        brake = _braked(self._w, self._angular.acceleration * dt_s)
        for share in _SHARES:
            candidate = brake + share * (w - brake) if share < 1.0 else w
            path = candidate * dt_s + _braking_path(candidate, self._angular.acceleration)
            end_turn = log_so3(exp_so3(path) @ self._R @ X_base_tcp[:3, :3].T)
            if share == 0.0 or _norm(end_turn) <= self._angular.leash:
                break
            limits |= Limit.LEASH
        self._w = candidate
        self._R = _orthonormal(exp_so3(candidate * dt_s) @ self._R)
        if is_leashed or is_twisted:
            limits |= Limit.LEASH
        self.acceleration = (self.twist - before) / dt_s
        return limits

    def _wished(self, wish: Wish, dt_s: float) -> tuple[Array, Array]:
        """Return the velocities that a wish asks for; towards a goal those from which one can still stop there."""
        if wish.twist is not None:
            return wish.twist[:3], wish.twist[3:]
        if wish.X_base_goal is None:
            return np.zeros(3), np.zeros(3)
        goal = np.clip(wish.X_base_goal[:3, 3], self._low, self._high)
        turn = log_so3(wish.X_base_goal[:3, :3] @ self._R.T)
        return _towards(goal - self._p, self._linear, dt_s), _towards(turn, self._angular, dt_s)

    def _away_from_walls(self, v: Array, dt_s: float) -> tuple[Array, bool]:
        """Return a velocity from which each axis can stop at its wall, so that a target slides along it."""
        room = np.maximum(np.where(v > 0.0, self._high - self._p, self._p - self._low), 0.0)
        fastest = np.array([_stoppable(metres, v, self._linear, dt_s) for metres in room.tolist()])
        limited = np.clip(v, -fastest, fastest)
        return limited, bool((limited != v).any())


def _norm(v: Array) -> float:
    return math.sqrt(float(v @ v))


def _capped(v: Array, speed: float) -> tuple[Array, bool]:
    norm = _norm(v)
    return (v * (speed / norm), True) if norm > speed else (v, False)


def speed_towards(length: float, acceleration: float, dt_s: float) -> float:
    """Return the speed from which one can stop a way further on, m and m/s or rad and rad/s, with steps of `dt_s`."""
    # v·dt + v²/2a = length: what is left after this step, however long it is, is enough to stop in.
    a = _APPROACH * acceleration
    return math.sqrt((a * dt_s) ** 2 + 2.0 * a * length) - a * dt_s


def _towards(distance: Array, ball: _Ball, dt_s: float) -> Array:
    length = _norm(distance)
    if length < 1e-9:
        return np.zeros(3)
    return distance * (speed_towards(length, ball.acceleration, dt_s) / length)


def _stoppable(room: float, v: Array, ball: _Ball, dt_s: float) -> float:
    """Return the speed towards a limit `room` away from which one can stop there while moving along it with `v`."""
    along = _norm(v)
    return min(math.sqrt(2.0 * _APPROACH * ball.acceleration * room), room / (dt_s + along / (2.0 * ball.acceleration)))


def _held_back(v: Array, offset: Array, ball: _Ball, dt_s: float) -> tuple[Array, bool]:
    """Return a velocity whose part along the taut leash can still stop at its end; what is across may go on."""
    length = _norm(offset)
    if length < 1e-9:
        return v, False
    outward = offset / length
    speed = float(v @ outward)
    fastest = _stoppable(max(0.0, ball.leash - length), v, ball, dt_s)
    if speed <= fastest:
        return v, False
    return v - (speed - fastest) * outward, True


def _reachable(v: Array, wanted: Array, step: float) -> Array:
    change = wanted - v
    size = _norm(change)
    return wanted.copy() if size <= step else v + change * (step / size)


def _braked(v: Array, step: float) -> Array:
    speed = _norm(v)
    return np.zeros(3) if speed <= step else v * (1.0 - step / speed)


def _braking_path(v: Array, acceleration: float) -> Array:
    return v * (_norm(v) / (2.0 * acceleration))


def _orthonormal(R: Array) -> Array:
    """Return R with its columns orthonormal again: a product of many small rotations drifts."""
    x, y = R[:, 0], R[:, 1]
    x = x / _norm(x)
    y = y - x * float(x @ y)
    y = y / _norm(y)
    return np.column_stack((x, y, np.cross(x, y)))
