"""Going into the opening: soft across it, turned by what clearly resists, with a small spiral where it stands."""

from __future__ import annotations

import math

import numpy as np

from cablecell.core.config.touch import TouchSettings
from cablecell.core.geometry import Array
from cablecell.core.insertion.phase import Measurement, Setpoint
from cablecell.core.insertion.touch_motion import GUARD_ACCELERATION, Mean, Motion

_ACROSS_N, _ACROSS_GAIN = 0.3, 0.006
"""Side force that a plug in the opening gives way to, N, and how fast it does, m/(s*N)."""

_DEAD_BAND_NM = 0.03
"""Moment that a plug on its way in does not give way to."""

_MOST_TURN = 0.4
"""Fastest turn of a plug in the opening, rad/s."""

_STALL_S, _PROGRESS_M = 0.08, 1.0e-4
"""A plug that gains less than this in this time stands on something."""

_SPIRAL_PITCH_M, _SPIRAL_RADIUS_M, _SPIRAL_SPEED = 5.0e-4, 1.4e-3, 0.02
_LANDING_N, _LANDING_SPEED, _AT_MIDDLE_M = 1.8, 0.01, 1.0e-4
"""Push and speed with which what may land goes down, N and m/s, and how near the target is to the middle then, m."""

_SWING_RAD, _SWING_RATE = 0.04, 9.0
_RISE = 40.0
"""How fast the push grows, N/s."""

_EASE_N = 6.5
"""Force above which a plug in the opening is hardly turned any more."""


def give_way(p: Array, force: Array, dt_s: float) -> None:
    """Move a target to where a side force wants it."""
    for k in (0, 1):
        off = float(force[k])
        if abs(off) > _ACROSS_N:
            p[k] += _ACROSS_GAIN * off * dt_s


class Enter(Motion):
    """Down into the opening until deep enough; `felt` is a contact where it stood on something all the same."""

    def __init__(
        self,
        m: Measurement,
        rotvec: Array,
        middle: Array,
        rim_m: float,
        depth_m: float,
        settings: TouchSettings,
        *,
        pace: float = 1.0,
    ) -> None:
        """Begin.

        Args:
            m: Now, of the tip.
            rotvec: Of the target, shape (3,), rad.
            middle: Where the opening is believed to be, x and y, m.
            rim_m: Depth of the tip at which the plug would stand on the land, m.
            depth_m: Where the tip is to go, m.
            settings: Of the sequence.
            pace: Share of the speed: what jams on its way costs 0.25 N per mm/s.
        """
        self._pace = pace
        self._settings, self._rim_m, self._depth_m = settings, rim_m, depth_m
        self._begun = m.p.copy()
        self._p, self._rotvec = m.p.copy(), rotvec.copy()
        self._middle = np.array(middle[:2])
        soft, turn = settings.soft_stiffness, settings.rotation_stiffness
        self._stiffness = np.array([soft, soft, settings.stiffness, turn, turn, turn])
        self._velocity = 0.0
        self._start_s = m.time_s
        self._force, self._moment = np.zeros(3), np.zeros(3)
        self._stopped_s: float | None = None
        self._best_m, self._progress_s = m.depth_m, m.time_s
        self._angle: float | None = None
        self._swing_rad, self._swung_s = 0.0, 0.0
        self._mean = Mean()

    def step(self, m: Measurement, *, is_felt: bool) -> Setpoint:
        """Advance, giving way across; hold and measure where it ends."""
        settings = self._settings
        blend = 1.0 - math.exp(-m.dt_s / 0.015)
        self._force += blend * (m.force - self._force)
        self._moment += blend * (m.moment - self._moment)
        self.turn = np.zeros(3)
        if self._stopped_s is not None:
            since = m.time_s - self._stopped_s
            give_way(self._p, self._force, m.dt_s)
            if since > settings.settle_s:
                self._mean.add(m)
                self.felt = self._mean.felt(self._begun, is_contact=m.depth_m < self._depth_m - 1.0e-3)
            return Setpoint(self._p.copy(), self._target(), self._stiffness)
        is_inside = m.depth_m > self._rim_m + 1.2e-3
        if m.depth_m > self._best_m + _PROGRESS_M:
            self._best_m, self._progress_s = m.depth_m, m.time_s
        self._across(m, is_inside=is_inside)
        self._turn(m)
        left = max(self._depth_m - m.depth_m, 0.0)
        speed = min(self._pace * settings.enter_speed, 12.0 * left + 0.006) if is_inside else settings.guarded_speed
        self._velocity = min(self._velocity + GUARD_ACCELERATION * m.dt_s, speed)
        push = min(settings.search_force_n + _RISE * (m.time_s - self._start_s), settings.enter_force_n)
        if not is_inside and self._angle is None:
            # What is yet to land, or rubs on the land on its way to the middle, does so lightly.
            push, self._velocity = _LANDING_N, min(self._velocity, _LANDING_SPEED)
        # Never further ahead than the push allows: what stops the plug feels no more than that.
        most = m.depth_m + push / settings.stiffness
        wanted = self._p[2] + self._velocity * m.dt_s
        self._p[2] = min(wanted, max(most, self._p[2] - 1.0e-4), self._depth_m)
        if m.depth_m > self._depth_m - 3.0e-4 or (is_inside and m.time_s - self._progress_s > 0.25):
            self._stopped_s = m.time_s
        return Setpoint(self._p.copy(), self._target(), self._stiffness, velocity=np.array([0.0, 0.0, self._velocity]))

    def _target(self) -> Array:
        return np.asarray(self._rotvec + np.array([0.0, 0.0, self._swing_rad]))

    def _across(self, m: Measurement, *, is_inside: bool) -> None:
        """Go to the middle first; follow the walls inside; look around where it stands."""
        if is_inside:
            self._angle = None
            self._rotvec[2] += self._swing_rad
            self._swing_rad = 0.0
            give_way(self._p, self._force, m.dt_s)
            return
        if self._angle is None and m.time_s - self._progress_s > _STALL_S:
            self._angle, self._start_s = 0.0, m.time_s
        if self._angle is not None:
            if m.time_s - self._progress_s < _STALL_S:
                return  # it goes down where it is
            b = _SPIRAL_PITCH_M / (2.0 * math.pi)
            r = b * self._angle
            self._angle += _SPIRAL_SPEED * m.dt_s / math.hypot(r, b)
            if r > _SPIRAL_RADIUS_M:
                self._stopped_s = m.time_s
            self._p[:2] = self._middle + r * np.array([math.cos(self._angle), math.sin(self._angle)])
            # What stands on the rim may be turned, too.
            self._swung_s += m.dt_s
            self._swing_rad = _SWING_RAD * math.sin(_SWING_RATE * self._swung_s)
            return
        off = self._middle - self._p[:2]
        far = float(np.linalg.norm(off))
        if far > _AT_MIDDLE_M:
            self._progress_s = m.time_s
        step = _SPIRAL_SPEED * m.dt_s
        self._p[:2] += off * min(1.0, step / max(far, 1.0e-9))

    def _turn(self, m: Measurement) -> None:
        """Only what clearly resists turns the plug: it has room, and a small bias would lean it on a wall."""
        settings = self._settings
        beyond = np.sign(self._moment) * np.maximum(np.abs(self._moment) - _DEAD_BAND_NM, 0.0)
        rates = np.clip(settings.follow_gain * beyond, -_MOST_TURN, _MOST_TURN)
        if m.depth_m < self._rim_m + 0.5e-3:
            rates[:2] = 0.0  # at the rim one edge carries the plug, and its moment points the wrong way
        if math.sqrt(float(self._force @ self._force)) > _EASE_N:
            rates *= 0.2
        self.turn = rates
        self._rotvec = self._rotvec + rates * m.dt_s
