"""What to touch next: the touch that is expected to tell most about the port in its time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

import numpy as np

from cablecell.core.config.touch import TouchSettings
from cablecell.core.fusion.touch.geometry import TouchGeometry
from cablecell.core.fusion.touch.particles import TouchFilter
from cablecell.core.geometry import Array, exp_so3, log_so3, make_pose

_PLANNED = 150
"""Particles that are planned with."""

_BIN_M = 3.0e-4
"""Width of outcomes that are told apart: rarely is one touch worth more than this before the turn is known."""

_KNOWN_Z_M = 8.0e-4
"""Standard deviation of the depth from which on a corner can be dipped below the land."""


_TARE_WAY_M = 2.0e-3
"""Way in the air before a plug enters, on which the wrench is tared anew."""

CLEAR_M = 6.0e-4
"""How far an upright plug is lifted before it is moved sideways: what carried it is not to be rubbed on."""

TILTED_CLEAR_M = 1.5e-4
"""The same for a dipped corner, which has less depth to give."""

OFF_WALL_M = 4.0e-4
"""How far a plug goes back from a wall before it is moved along it."""

FEEL_M = 0.012
"""Longest way sideways."""


_SURE_ENOUGH = 0.55
"""Chance to enter from which nothing else is weighed: what comes after tells far more than any touch outside."""


class Kind(Enum):
    """Ways to touch."""

    TAP = "tap"  # straight down on the land
    DIP = "dip"  # a corner or the nose below the land, then against the walls from inside
    FEEL = "feel"  # sideways from where the plug is
    ENTER = "enter"  # into the opening, then against its sides


@dataclass(frozen=True)
class Action:
    """A way to touch.

    Attributes:
        kind: Which way.
        p: Tip where the move begins, in the frame of the prior port, shape (3,), m.
        rotvec: Its orientation, shape (3,), rad.
        direction: Of the guarded move, in the frame of the prior port, shape (3,).
        limit_m: Length of the guarded move, m.
        sides: Where a dipped corner goes on, signs along x and y of the port; (0, 0) where it does not.
        gain: Expected loss of entropy, nats.
        time_s: Expected time, s.
        chance: Probability that a plug enters the opening, for ENTER.
    """

    kind: Kind
    p: Array
    rotvec: Array
    direction: Array
    limit_m: float
    sides: tuple[int, int] = (0, 0)
    gain: float = 0.0
    time_s: float = 1.0
    chance: float = 0.0


class TouchPlanner:
    """Weighs the touches that are possible from outside the port."""

    def __init__(self, geometry: TouchGeometry, settings: TouchSettings, port_filter: TouchFilter) -> None:
        self._geometry, self._settings, self._filter = geometry, settings, port_filter

    def choose(self, p_now: Array, rotvec_now: Array, *, last: Array | None) -> Action:
        """Return the best touch, from outside; its gain is expected over the particles.

        Args:
            p_now: Tip, in the frame of the prior port, shape (3,), m.
            rotvec_now: Its orientation, shape (3,), rad.
            last: Direction of the last touch when the plug is still there, or None: from there it can feel sideways.
        """
        actions = [self._tap()]
        if last is not None:
            actions += self._feels(p_now, rotvec_now, last)
        if math.sqrt(float(self._filter.covariance[2, 2])) < _KNOWN_Z_M:
            actions += [self._dip(sides) for sides in ((1, 1), (1, -1), (-1, 1), (-1, -1))]
            enter = self._enter()
            if enter.chance > _SURE_ENOUGH:
                return enter
            actions.append(enter)
        return max(actions, key=lambda action: action.gain / self._time(action, p_now))

    def _time(self, action: Action, p_now: Array) -> float:
        way = float(np.linalg.norm(action.p - p_now))
        turn = float(np.linalg.norm(action.rotvec - self._filter.aligned))
        travel = max(1.875 * way / self._settings.free_speed, 1.875 * turn / self._settings.free_turn)
        return travel + action.time_s

    def _sample(self) -> Array:
        particles = self._filter.particles
        step = max(1, len(particles) // _PLANNED)
        return np.ascontiguousarray(particles[::step])

    def _frame(self) -> Array:
        return self._filter.frame

    def _in_prior(self, X: Array, p: Array) -> Array:
        return np.asarray(X[:3, :3] @ p + X[:3, 3])

    def _tap(self) -> Action:
        X, sample = self._frame(), self._sample()
        sigma = math.sqrt(float(self._filter.covariance[2, 2]))
        geometry = self._geometry
        above = 1.0e-3 + min(2.0 * sigma, 6.0e-3)
        p = self._in_prior(X, np.array([0.0, 0.0, geometry.rim_m - geometry.nose_m - above]))
        limit = 2.3 * above + geometry.nose_m + 2.0e-3
        rotvec, d = self._filter.aligned, X[:3, 2]
        travel = self._predict(sample, p, rotvec, d, limit)
        time_s = 0.2 + (above + geometry.nose_m) / self._settings.guarded_speed
        return Action(Kind.TAP, p, rotvec, d, limit, gain=_entropy(travel), time_s=time_s)

    def _feels(self, p_now: Array, rotvec_now: Array, last: Array) -> list[Action]:
        X, sample = self._frame(), self._sample()
        turn = float(np.linalg.norm(rotvec_now - self._filter.aligned))
        clear = TILTED_CLEAR_M if turn > 0.5 * self._settings.tilt_rad else CLEAR_M
        is_down = float(last @ X[:3, 2]) > 0.9
        p = p_now - (clear * X[:3, 2] if is_down else OFF_WALL_M * last)
        found = []
        for axis, sign in ((0, 1), (0, -1), (1, 1), (1, -1)):
            d = sign * X[:3, axis]
            travel = self._predict(sample, p, rotvec_now, d, FEEL_M)
            time_s = 0.25 + float(travel.mean()) / self._settings.guarded_speed
            found.append(Action(Kind.FEEL, p, rotvec_now, d, FEEL_M, gain=_entropy(travel), time_s=time_s))
        return found

    def _dip(self, sides: tuple[int, int]) -> Action:
        geometry, settings = self._geometry, self._settings
        X, sample = self._frame(), self._sample()
        sx, sy = sides
        if geometry.nose_m > settings.dip_m:
            local = np.zeros(3)
            rotvec_port = np.zeros(3)
            depth = geometry.rim_m - geometry.nose_m + min(1.5e-3, 0.7 * geometry.nose_m)
        else:
            # Tilted so that the flat front comes near the land on both sides at once.
            wide = 0.5 * (geometry.front[[1, 3]] - geometry.front[[0, 2]]) + geometry.clearance
            share = 1.0 / wide[::-1]
            share /= np.linalg.norm(share)
            rotvec_port = settings.tilt_rad * np.array([sy * share[0], -sx * share[1], 0.0])
            corner = np.array(
                [
                    geometry.front[1 if sx > 0 else 0],
                    geometry.front[3 if sy > 0 else 2],
                    0.0,
                ]
            )
            local = -(exp_so3(rotvec_port) @ corner)
            depth = geometry.rim_m + settings.dip_m
        lift = settings.lift_m + 2.0 * math.sqrt(float(self._filter.covariance[2, 2]))
        p_port = local + np.array([0.0, 0.0, depth - lift])
        p = self._in_prior(X, p_port)
        rotvec = log_so3(X[:3, :3] @ exp_so3(rotvec_port) @ self._filter.turn.T)
        d = X[:3, 2]
        down = self._predict(sample, p, rotvec, d, lift)
        passed = down >= lift - 2.0e-4
        gain = _entropy(down)
        if passed.mean() > 0.05:
            inside = sample[passed]
            p_in = p + lift * d
            for axis, sign in ((0, sx), (1, sy)):
                across = sign * X[:3, axis]
                gain += passed.mean() * _entropy(self._predict(inside, p_in, rotvec, across, 0.02))
        time_s = 0.25 + lift / settings.guarded_speed + 2.0 * 0.3
        return Action(Kind.DIP, p, rotvec, d, lift, sides, gain, time_s)

    def _enter(self) -> Action:
        geometry = self._geometry
        X = self._frame()
        R = X[:3, :3]
        sample = self._filter.relative
        mean = sample.mean(axis=0)
        off = (sample[:, :3] - mean[:3]) @ R
        turn = np.abs((sample[:, 3:] - mean[3:]) @ R)
        half = np.array([0.5 * (geometry.front[1] - geometry.front[0]), 0.5 * (geometry.front[3] - geometry.front[2])])
        room = geometry.opening - 1.0e-4
        is_in = (np.abs(off[:, 0]) + 0.5 * turn[:, 2] * half[1] < room[0]) & (
            np.abs(off[:, 1]) + 0.5 * turn[:, 2] * half[0] < room[1]
        )
        chance = float(is_in.mean())
        p = self._in_prior(X, np.array([0.0, 0.0, geometry.rim_m - geometry.nose_m - _TARE_WAY_M]))
        gain = 0.0
        if is_in.sum() > 12:
            gain = chance * self._aligned_gain(np.cov(sample[is_in].T))
        time_s = 0.2 + (geometry.engaged_m - geometry.rim_m) / self._settings.enter_speed + 1.2
        return Action(Kind.ENTER, p, self._filter.aligned, X[:3, 2], 0.0, gain=gain, time_s=time_s, chance=chance)

    def _aligned_gain(self, covariance: Array) -> float:
        """Return what two aligned sides tell: five coordinates to the errors of the faces."""
        s = self._settings
        noise = np.diag([s.touch_sigma_m**2] * 2 + [s.flush_sigma_rad**2] * 3)
        keep = [0, 1, 3, 4, 5]
        P = covariance[np.ix_(keep, keep)]
        sign, log = np.linalg.slogdet(np.eye(5) + P @ np.linalg.inv(noise))
        return 0.5 * float(log) if sign > 0 else 0.0

    def _predict(self, particles: Array, p: Array, rotvec: Array, d: Array, limit_m: float) -> Array:
        X0 = self._filter.prior_pose
        X = X0 @ make_pose(exp_so3(rotvec), p)
        return self._filter.travels(X, X0[:3, :3] @ d, limit_m, particles)


def _entropy(outcomes: Array) -> float:
    """Return the entropy of outcomes told apart by bins, nats: what the outcome will tell, as its noise is less."""
    if not len(outcomes):
        return 0.0
    _, counts = np.unique(np.floor(outcomes / _BIN_M), return_counts=True)
    shares = counts / counts.sum()
    return float(-(shares * np.log(shares)).sum())
