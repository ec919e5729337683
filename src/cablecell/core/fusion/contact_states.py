"""What a plug touches, from wrench, depth and motion: a hidden Markov model over eight contact states.

States are those of Whitney's analysis of a peg and a hole. Every likelihood is a closed form of the connector's
geometry, its friction and the errors of the sensors; no constant is learned:

- The direction of the force on the plug lies within the friction angle of the normal of what it touches: the axis on a
  face, 45 degrees on a chamfer, across on a wall. Two walls that push against each other can make any direction.
- One wall makes no larger moment about the tip than its force times the inserted length; two can, N times it.
- On a face, at the stop and when jammed the plug does not advance although it is pushed. Jammed it is where friction
  explains that (Fz <= mu (N1 + N2), inside the jamming diagram), and the depth is neither that of land nor of stop.
- A latch gives way with a drop of the push, close to the stop; after it a pull moves the plug no further than its play.

The depth of the port is known to its covariance only: touching face or stop measures it.

Source:
    D. E. Whitney, "Quasi-static assembly of compliantly supported rigid parts", 1982.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from cablecell.core.geometry import Array
from cablecell.core.insertion.profile import ConnectorProfile


class ContactState(IntEnum):
    """What the plug touches."""

    FREE = 0
    FACE = 1
    CHAMFER = 2
    ONE_POINT = 3
    TWO_POINT = 4
    JAMMED = 5
    SEATED = 6
    LATCHED = 7


@dataclass(frozen=True)
class ContactErrors:
    """Sizes of what is not known, one standard deviation.

    Attributes:
        force_n: A force, drift since the tare and what the cable does included, N.
        moment_nm: A moment at the sensor, likewise, N·m.
        lever_m: From the sensor to the tip: an error of force makes one of the moment about the tip, m.
        speed: Of a plug that does not move, by encoders and compliance of the grasp, m/s.
        depth_m: Of the port's depth relative to the believed tip before contact, m.
        touch_m: Of a depth that is touched, m.
        grasp_m_per_n: By how much the grasp gives, m/N; not an error, but what the believed tip is off by under load.
        latch_m_per_n: Likewise a closed latch that is pulled.
    """

    force_n: float = 0.25
    moment_nm: float = 0.01
    lever_m: float = 0.15
    speed: float = 0.0015
    depth_m: float = 0.001
    touch_m: float = 0.00015
    grasp_m_per_n: float = 2.7e-5
    latch_m_per_n: float = 5.0e-5

    @property
    def tip_moment_nm(self) -> float:
        """Of a moment about the tip, N·m."""
        return math.hypot(self.moment_nm, self.lever_m * self.force_n)


_N = len(ContactState)
_FREE_SPEED = 0.03
"""Spread of the speed of a plug that is free to move: that of guarded motions, m/s."""
_SCALE_N = 6.0
"""Spread of contact forces: guarded motions press with some newtons."""
_RATE = 6.0
"""Contacts change some times in a second; such rates decide only where the evidence is weak, 1/s."""
_RARE = 0.02
_SNAP_S = 0.4
_SNAP_RATE = 10.0
"""A drop of the push at the depth of the latch, or a pull that is held there, is its closing within a tenth of a s."""
_IN_OPENING = [
    ContactState.FREE,
    ContactState.ONE_POINT,
    ContactState.TWO_POINT,
    ContactState.JAMMED,
    ContactState.SEATED,
]
_NEIGHBOURS = {
    ContactState.FREE: (ContactState.FACE, ContactState.CHAMFER, ContactState.ONE_POINT),
    ContactState.FACE: (ContactState.FREE, ContactState.CHAMFER),
    ContactState.CHAMFER: (ContactState.FREE, ContactState.FACE, ContactState.ONE_POINT),
    ContactState.ONE_POINT: (
        ContactState.FREE,
        ContactState.CHAMFER,
        ContactState.TWO_POINT,
        ContactState.JAMMED,
        ContactState.SEATED,
    ),
    ContactState.TWO_POINT: (ContactState.ONE_POINT, ContactState.JAMMED, ContactState.SEATED),
    ContactState.JAMMED: (ContactState.ONE_POINT, ContactState.TWO_POINT),
    ContactState.SEATED: (ContactState.ONE_POINT, ContactState.TWO_POINT),
    ContactState.LATCHED: (ContactState.SEATED,),
}


class ContactStates:
    """Follows the probabilities of the contact states; a step object without a clock. About 60 µs a step."""

    def __init__(self, profile: ConnectorProfile, errors: ContactErrors | None = None) -> None:
        """Begin free.

        Args:
            profile: The connector.
            errors: Sizes of what is not known.
        """
        self._profile, self._errors = profile, errors or ContactErrors()
        self._p = np.zeros(_N)
        self._p[ContactState.FREE] = 1.0
        self._friction = math.atan(profile.friction)
        self._half_m = 0.5 * max(profile.size_m)
        self._bias_m, self._bias_variance = 0.0, self._errors.depth_m**2
        self._last_s: float | None = None
        self._pushes: deque[tuple[float, float]] = deque()

    @property
    def probabilities(self) -> Array:
        """Of every state, in the order of `ContactState`, shape (8,)."""
        return self._p.copy()

    @property
    def state(self) -> ContactState:
        """The most likely state."""
        return ContactState(int(np.argmax(self._p)))

    @property
    def depth_offset(self) -> tuple[float, float]:
        """By how much the port is deeper than believed, as far as it was touched, and its standard deviation, m."""
        return self._bias_m, math.sqrt(self._bias_variance)

    def step(self, time_s: float, depth_m: float, speed: float, force: Array, moment: Array) -> ContactState:
        """Take in one sample and return the most likely state.

        Args:
            time_s: The time, s.
            depth_m: Believed depth of the tip below the entrance, m.
            speed: Its speed along the axis of the port, into it, m/s.
            force: On the plug in axes of the port (z into it), shape (3,), N.
            moment: About the tip, likewise, shape (3,), N·m.
        """
        dt_s = 0.01 if self._last_s is None else min(max(time_s - self._last_s, 1e-4), 0.1)
        self._last_s = time_s
        push = -float(force[2])
        depth_m -= self._errors.grasp_m_per_n * push
        if self._profile.depth_m - (depth_m - self._bias_m) < _RAMP_M + 2.0 * math.sqrt(self._bias_variance):
            self._pushes.append((time_s, push))
        while self._pushes and self._pushes[0][0] < time_s - _SNAP_S:
            self._pushes.popleft()
        evidence = self._likelihood(depth_m - self._bias_m, speed, force, moment)
        # Samples of a filtered sensor are not independent: each counts for its share of the filter's time.
        share = min(1.0, dt_s / _INDEPENDENT_S)
        self._p = self._p @ self._transitions(dt_s, depth_m - self._bias_m, push)
        self._p = self._p * np.exp(share * (evidence - evidence.max()))
        self._p /= self._p.sum()
        # Nothing is ruled out for ever but a latch: that has to close.
        self._p[: ContactState.LATCHED] = np.maximum(self._p[: ContactState.LATCHED], 1e-6)
        self._p /= self._p.sum()
        self._touch(depth_m, speed, push, share)
        return self.state

    def _transitions(self, dt_s: float, depth_m: float, push: float) -> Array:
        T = np.full((_N, _N), _RARE * dt_s)
        for state, neighbours in _NEIGHBOURS.items():
            T[state, [int(one) for one in neighbours]] = _RATE * dt_s
        profile = self._profile
        T[:, ContactState.LATCHED] = 0.0
        if profile.has_latch:
            room = profile.seat_tolerance_m + profile.latch_play_m + 2.0 * math.sqrt(self._bias_variance)
            near = profile.depth_m - depth_m < room + self._errors.latch_m_per_n * max(-push, 0.0)
            strongest = max((one for _, one in self._pushes), default=0.0)
            has_snapped = strongest > 0.5 * profile.latch_force_n and strongest - push > 0.4 * profile.latch_force_n
            if near and (has_snapped or push < -4.0 * self._errors.force_n):
                T[_IN_OPENING, ContactState.LATCHED] = _SNAP_RATE * dt_s
            T[ContactState.LATCHED] = 0.0
            # A closed latch lets go only by more than it holds.
            T[ContactState.LATCHED, ContactState.SEATED] = _RARE * dt_s
        np.fill_diagonal(T, 0.0)
        T[np.arange(_N), np.arange(_N)] = 1.0 - T.sum(axis=1)
        return T

    def _likelihood(self, depth_m: float, speed: float, force: Array, moment: Array) -> Array:
        """Return the logarithm of the likelihood of a sample in every state, shape (8,)."""
        profile, errors = self._profile, self._errors
        push, across = -float(force[2]), math.hypot(float(force[0]), float(force[1]))
        total = math.hypot(push, across)
        turning = math.hypot(float(moment[0]), float(moment[1]))
        angle = math.atan2(across, push)
        spread = math.atan2(errors.force_n, max(total, errors.force_n))
        sigma = math.hypot(math.sqrt(self._bias_variance), errors.touch_m)
        rim, inside, stop = profile.rim_m, profile.rim_m + profile.chamfer_m, profile.depth_m
        length = max(depth_m - rim, 1e-4)
        mu, half = self._friction, 0.5 * math.pi
        # Force of a contact, and noise without one; both densities are of the size of a force.
        touching = -total / _SCALE_N - math.log(_SCALE_N) + _log_cdf((total - 2.0 * errors.force_n) / errors.force_n)
        nothing = -0.5 * (total / errors.force_n) ** 2 + math.log(max(total, 0.1) / errors.force_n**2)
        moments = errors.tip_moment_nm
        still = _normal(speed, errors.speed)
        moving = _normal(speed, _FREE_SPEED)
        one_wall = across * length + total * self._half_m
        two_walls = max(push, 0.0) / max(2.0 * math.tan(mu), 0.1) * length + one_wall
        by_one = _below(turning, one_wall, moments)
        by_two = _below(turning, two_walls, moments)
        on_face = _below(turning, total * self._half_m, moments)
        in_hole = _between(depth_m, inside, stop, sigma)
        at_stop = _normal(depth_m - stop, math.hypot(sigma, profile.seat_tolerance_m))
        out = np.empty(_N)
        out[ContactState.FREE] = (
            nothing + moving + _between(depth_m, stop - 2.0 * stop, stop, sigma) + _below(turning, 0.0, moments)
        )
        out[ContactState.FREE] -= math.log(math.pi)
        out[ContactState.FACE] = (
            touching + still + _normal(depth_m - rim, sigma) + on_face + _between(angle, -mu, mu, spread)
        )
        out[ContactState.CHAMFER] = (
            touching
            + moving
            + _between(depth_m, rim, inside, sigma)
            + on_face
            + _between(angle, 0.5 * half - mu, 0.5 * half + mu, spread)
        )
        # The spring of a latch that is being pushed aside acts along the axis, whatever else is touched.
        is_latching = profile.has_latch and stop - depth_m < _RAMP_M + 2.0 * sigma
        along = touching - math.log(2.0 * math.pi) if is_latching and push < 1.3 * profile.latch_force_n else -math.inf
        wall = _between(angle, half - mu, half + mu, spread)
        out[ContactState.FREE] = max(out[ContactState.FREE], along + moving + in_hole + _below(turning, 0.0, moments))
        out[ContactState.ONE_POINT] = max(touching + wall, along) + moving + in_hole + by_one
        out[ContactState.TWO_POINT] = touching + moving + in_hole + by_two + _between(angle, 0.0, half + mu, spread)
        # Only where friction can carry the push: inside the jamming diagram.
        carried = math.tan(mu) * (across + 2.0 * turning / max(length, self._half_m))
        is_carried = _log_cdf((carried - 0.5 * push) / errors.force_n)
        out[ContactState.JAMMED] = (
            touching
            + still
            + in_hole
            + by_two
            + _between(angle, 0.0, half, spread)
            + is_carried
            + _log_cdf((push - 1.0) / errors.force_n)
        )
        out[ContactState.SEATED] = touching + still + at_stop + by_two + _between(angle, 0.0, half, spread)
        # A closed latch holds the plug within its play, pushed, pulled or left alone: where that is the stop, it looks
        # like a seat, and only what happened before tells them apart.
        play = stop - profile.latch_play_m - profile.seat_tolerance_m - errors.latch_m_per_n * max(-push, 0.0)
        within = _between(depth_m, play, stop + profile.seat_tolerance_m, sigma) + by_two
        pulled = max(touching, nothing - math.log(math.pi)) + max(still, moving) + within - math.log(2.0)
        is_pushed = push > 3.0 * errors.force_n
        out[ContactState.LATCHED] = out[ContactState.SEATED] if is_pushed else max(out[ContactState.SEATED], pulled)
        return out

    def _touch(self, depth_m: float, speed: float, push: float, share: float) -> None:
        """Learn the depth of the port where face or stop is touched for sure."""
        if abs(speed) > 2.0 * self._errors.speed or push < 4.0 * self._errors.force_n:
            return
        state = self.state
        at = {ContactState.FACE: self._profile.rim_m, ContactState.SEATED: self._profile.depth_m}.get(state)
        if at is None or self._p[state] < 0.9:
            return
        # What a face is not known to is the same in every sample: a corner may stand on the chamfer, a seat be shallow.
        slack = self._profile.seat_tolerance_m if state is ContactState.SEATED else 0.5 * self._profile.chamfer_m
        lasting = self._errors.touch_m**2 + (0.5 * slack) ** 2
        if self._bias_variance <= lasting:
            return
        noise = lasting / max(share, 1e-3)
        gain = self._bias_variance / (self._bias_variance + noise)
        self._bias_m += gain * (depth_m - at - self._bias_m)
        self._bias_variance = max(self._bias_variance * (1.0 - gain), lasting)


_RAMP_M = 0.003
"""Before the stop a latch begins to be pushed aside within some millimetres."""

_INDEPENDENT_S = 0.02
"""Time after which samples of sensor and tip are independent: the filter of the wrench, and the arm's own lag."""


def _normal(x: float, sigma: float) -> float:
    return -0.5 * (x / sigma) ** 2 - math.log(sigma) - 0.919


def _log_cdf(x: float) -> float:
    """Return the logarithm of the normal distribution function."""
    return math.log(max(0.5 * math.erfc(-x * math.sqrt(0.5)), 1e-12))


def _between(x: float, low: float, high: float, sigma: float) -> float:
    """Return the logarithm of the density of something anywhere in a span, measured with an error."""
    width = max(high - low, 1e-9)
    a = math.erf((x - low) / (sigma * math.sqrt(2.0)))
    b = math.erf((x - high) / (sigma * math.sqrt(2.0)))
    outside = max(low - x, x - high, 0.0) / sigma
    # Where the difference of two error functions is lost, its own slope goes on.
    return max(math.log(max(0.5 * (a - b), 1e-12)), -0.5 * outside**2 - 3.0) - math.log(width)


def _below(x: float, limit: float, sigma: float) -> float:
    """Return the logarithm of the density of something between zero and a limit, measured with an error."""
    excess = max(x - limit, 0.0) / sigma
    return -0.5 * excess**2 - math.log(limit + 2.5 * sigma)
