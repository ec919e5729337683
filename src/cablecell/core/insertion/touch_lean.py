"""Leaning a plug in its port on two sides, held at a turn: how far it gets says where the port is and how it is turned.

A plug that is turned has less room between two sides: less by the turn times the length in the port, and by the turn
about the axis times its width. So the places at which it meets opposite sides, at two turns, tell all five coordinates
but the depth, from the arm's own encoders: no moment has to be known.
"""

from __future__ import annotations

import math

import numpy as np

from cablecell.core.config.touch import TouchSettings
from cablecell.core.fusion.touch.geometry import TouchGeometry
from cablecell.core.geometry import Array
from cablecell.core.insertion.phase import Measurement, Setpoint
from cablecell.core.insertion.touch_motion import GUARD_ACCELERATION, Mean, Motion, advance

_TILT_SHARE, _MOST_TILT, _YAW_SHARE, _MOST_YAW = 0.3, 0.04, 0.36, 0.035
"""Turns at which a plug is leaned on the sides, as shares of what the room allows, and at most, rad."""

_BLEND_S = 0.012
_TOUCHED_SHARE, _MOST_SHARE = 0.5, 1.9
"""Share of the push from which a side counts as touched, and up to which it counts as steady."""

_WAITING_SHARE = 0.45
"""Share of the push on a side that has been met while the other has not."""

_REST_SPEED, _REST_S = 0.006, 0.03
"""Speed below which the plug has come to rest on the sides, m/s, and for how long, s."""

_WAY_LIMIT_M = 5.0e-3
_LONGEST_S = 1.0

_TURN_RATE, _SHORTEST_S = 0.42, 0.16
"""Highest angular speed to the turn, rad/s, and the shortest time for it, s."""

_EASE_NM, _EASE_AFTER, _BRAKE_S = 0.06, 0.6, 0.06
"""Moment against a turn that ends it: the plug is held between two sides already. In the second half of a turn it is
slowed down, and what its inertia adds has the other sign, once the arm has followed. Time in which it is ended, s."""

_HELD_NM, _JAMMED_NM, _GIVE_GAIN, _GIVE_RATE = 0.04, 0.09, 3.0, 0.25
"""Moment from which a plug counts as held, and as jammed, N*m; how it is turned back, rad/(s*N*m) and rad/s."""

_LEAD_RAD = 4.0e-3
"""How far a plug that is turned back is ahead of the arm at most: the arm follows slowly, and would swing."""

_ROOM_STIFFNESS = 0.4
"""Share of the stiffness across the axis while the plug is turned: the sides may move it."""


class Lean(Motion):
    """Turn to an orientation, then go to one side along x and one along y and push lightly; `felt` is of the middle."""

    def __init__(self, m: Measurement, rotvec: Array, signs: tuple[int, int], settings: TouchSettings) -> None:
        """Begin.

        Args:
            m: Now, of the middle of what is in the port.
            rotvec: Orientation to be held, shape (3,), rad.
            signs: Of the sides along x and y.
            settings: Of the sequence.
        """
        self._settings, self.signs, self.wanted = settings, signs, rotvec.copy()
        self._begun = m.p.copy()
        self._p, self._from, self._to = m.p.copy(), m.rotvec.copy(), rotvec.copy()
        self._rotvec = self._from.copy()
        way = float(np.linalg.norm(self._to - self._from))
        self._turn_s = max(1.875 * way / _TURN_RATE, _SHORTEST_S) if way > 2.0e-3 else 0.0
        self._turned = 0.0 if self._turn_s else 1.0
        self._braked_s: float | None = None
        self._rate = np.zeros(3)
        self._force, self._moment = np.zeros(3), np.zeros(3)
        self._velocity, self.way_m = 0.0, 0.0
        self._is_met = [False, False]
        self._start_s = self._rest_s = m.time_s
        self._mean = Mean()

    def step(self, m: Measurement, *, is_felt: bool) -> Setpoint:
        """Go on by one period."""
        settings = self._settings
        blend = 1.0 - math.exp(-m.dt_s / _BLEND_S)
        self._force += blend * (m.force - self._force)
        self._moment += blend * (m.moment - self._moment)
        k, turn = settings.stiffness, settings.rotation_stiffness
        if self._turned < 1.0:
            self._rotate(m)
            self._rest_s = m.time_s
            soft = _ROOM_STIFFNESS * k
            return Setpoint(self._p.copy(), self._rotvec.copy(), np.array([soft, soft, k, turn, turn, turn]))
        self.turn_change = np.zeros(3)
        self._give_way(m)
        self._velocity = min(self._velocity + GUARD_ACCELERATION * m.dt_s, settings.lean_speed)
        self.way_m += self._velocity * m.dt_s
        shares = []
        for axis in (0, 1):
            sign = float(self.signs[axis])
            # What rubs on the one side must not be taken for the other: it is leaned on lightly until that is met.
            is_waiting = self._is_met[axis] and not self._is_met[1 - axis]
            push = settings.lean_force_n * (_WAITING_SHARE if is_waiting else 1.0)
            ahead, way = push / settings.stiffness, self._velocity * m.dt_s
            self._p[axis], _ = advance(float(self._p[axis]), float(m.p[axis]), way, ahead, sign)
            shares.append(-sign * float(self._force[axis]) / settings.lean_force_n)
            if shares[axis] > _TOUCHED_SHARE:
                self._is_met[axis] = True
        if min(shares) < _TOUCHED_SHARE or max(shares) > _MOST_SHARE or m.speed > _REST_SPEED:
            self._rest_s, self._mean = m.time_s, Mean()
        since = m.time_s - self._rest_s
        if since > _REST_S:
            self._mean.add(m)
        if since > _REST_S + settings.measure_s:
            self.felt = self._mean.felt(self._begun, is_contact=True)
        elif self.way_m > _WAY_LIMIT_M and m.time_s - self._start_s > _LONGEST_S:
            self._mean.add(m)
            self.felt = self._mean.felt(self._begun, is_contact=False)
        return Setpoint(self._p.copy(), self._rotvec.copy(), np.array([k, k, k, turn, turn, turn]))

    def _give_way(self, m: Measurement) -> None:
        """Turn back where the plug is held between two sides: friction there would carry what pushes on the others."""
        beyond = np.sign(self._moment) * np.maximum(np.abs(self._moment) - _HELD_NM, 0.0)
        self.turn = np.clip(_GIVE_GAIN * beyond, -_GIVE_RATE, _GIVE_RATE)
        wanted = self._rotvec + self.turn * m.dt_s
        # Only away from where the arm is the target is held back: a plug that is held may well be behind it.
        ahead = (wanted - m.rotvec) * np.sign(self.turn)
        self.turn = np.where(ahead > _LEAD_RAD, 0.0, self.turn)
        self._rotvec = self._rotvec + self.turn * m.dt_s
        if float(np.abs(self._moment).max()) > _JAMMED_NM:
            self._rest_s, self._mean = m.time_s, Mean()

    def _rotate(self, m: Measurement) -> None:
        if self._braked_s is not None:
            left = 1.0 - (m.time_s - self._braked_s) / _BRAKE_S
            if left <= 0.0:
                self._turned = 1.0
                return
            self.turn, self.turn_change = self._rate * left, -self._rate / _BRAKE_S
            self._rotvec = self._rotvec + self.turn * m.dt_s
            return
        self._turned = min(1.0, self._turned + m.dt_s / self._turn_s)
        way = self._to - self._from
        if self._turned > _EASE_AFTER and -float(self._moment @ way) > _EASE_NM * float(np.linalg.norm(way)):
            self._braked_s, self._rate = m.time_s, self.turn.copy()
            return
        s = self._turned
        self._rotvec = self._from + way * (s * s * s * (10.0 + s * (-15.0 + 6.0 * s)))
        self.turn = way * (30.0 * s * s * (1.0 - s) * (1.0 - s) / self._turn_s)
        self.turn_change = way * (60.0 * s * (1.0 - s) * (1.0 - 2.0 * s) / self._turn_s**2)


def lean_turns(geometry: TouchGeometry, depth_m: float) -> tuple[float, float]:
    """Return the tilt and the turn about the axis at which a plug of that depth is leaned on the sides, rad."""
    front, room = geometry.front, geometry.clearance
    reach = np.array([front[3] - front[2], front[1] - front[0]])
    tilt = _TILT_SHARE * 2.0 * float(room.min()) / depth_m
    return min(tilt, _MOST_TILT), min(_YAW_SHARE * float((2.0 * room / reach).min()), _MOST_YAW)
