"""How likely a sample of wrench, depth and motion is in every contact state of a plug: closed forms, nothing learned.

States are those of Whitney's analysis of a peg and a hole. A sample is push and force across the axis, moment about the
tip, depth and speed; every state has a density of these that follows from the connector's geometry, its friction and
the errors of sensor and arm:

- What slides along one wall mobilises its friction: push = mu N, with N the force across.
- Two walls push against each other: across is felt |N1 - N2|, along the axis mu (N1 + N2). So the push is larger
  than mu times what is felt across, by as much as the second wall takes.
- One wall makes no larger moment about the tip than its force times the inserted length; two can, N times it.
- A face is pushed within the friction angle of the axis, a chamfer within that of 45 degrees.
- On a face, at the stop and when jammed the plug does not advance although it is pushed. Jammed it is where friction
  explains that (Fz <= mu (N1 + N2), inside the jamming diagram), and the depth is neither that of land nor of stop.

Source:
    D. E. Whitney, "Quasi-static assembly of compliantly supported rigid parts", 1982.
"""

from __future__ import annotations

import math
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
        force_n: A force along the axis, drift since the tare, inertia and what the cable does included, N.
        across_n: A force across it, likewise, N: there the tool hardly accelerates.
        moment_nm: A moment at the sensor, likewise, N·m.
        lever_m: From the sensor to the tip: an error of force makes one of the moment about the tip, m.
        speed: Of a plug that does not move, by encoders and compliance of the grasp, m/s.
        depth_m: Of the port's depth relative to the believed tip before contact, m.
        touch_m: Of a depth that is touched, m.
        friction_share: By which share friction may be more or less than the connector's file says; a limit.
        grasp_m_per_n: By how much the grasp gives, m/N; not an error, but what the believed tip is off by under load.
        latch_m_per_n: Likewise a closed latch that is pulled.
    """

    force_n: float = 0.25
    across_n: float = 0.12
    moment_nm: float = 0.01
    lever_m: float = 0.15
    speed: float = 0.0015
    depth_m: float = 0.001
    touch_m: float = 0.00015
    friction_share: float = 0.5
    grasp_m_per_n: float = 2.7e-5
    latch_m_per_n: float = 5.0e-5

    @property
    def tip_moment_nm(self) -> float:
        """Of a moment about the tip, N·m."""
        return math.hypot(self.moment_nm, self.lever_m * self.across_n)


@dataclass(frozen=True)
class ContactSample:
    """What is felt and how the plug moves.

    Attributes:
        depth_m: Of the tip that bears no load below the entrance, m.
        depth_sigma_m: Error of that, m.
        speed: Along the axis, into the port, m/s.
        push: Force that pushes the plug in, N.
        across: Size of the force across the axis, N.
        turning: Size of the moment about the tip across the axis, N·m.
    """

    depth_m: float
    depth_sigma_m: float
    speed: float
    push: float
    across: float
    turning: float


_FREE_SPEED = 0.03
"""Spread of the speed of a plug that is free to move: that of guarded motions, m/s."""
_PUSH_N = 6.0
"""Spread of the push: guarded motions press with some newtons."""
_WALL_N = 1.0
"""Spread of the force of a wall across the axis: an arm that is soft there, some tenths of a millimetre off."""
_HELD_N = 3.0
"""Likewise of a plug that is held by walls, or sits at the stop: what holds it is as large as what pushes it."""
_JAM_N = 1.0
"""Less push is no jam."""
RAMP_M = 0.003
"""Before the stop a latch begins to be pushed aside within some millimetres."""


class ContactModel:
    """The densities of one connector."""

    def __init__(self, profile: ConnectorProfile, errors: ContactErrors) -> None:
        self._profile, self._errors = profile, errors
        self._half_m = 0.5 * max(profile.size_m)
        self._least = (1.0 - errors.friction_share) * profile.friction
        self._most = (1.0 + errors.friction_share) * profile.friction
        angle = math.atan(self._most)
        self._chamfer = math.tan(max(0.25 * math.pi - angle, 0.05)), math.tan(min(0.25 * math.pi + angle, 1.45))

    def log_likelihood(self, sample: ContactSample) -> Array:
        """Return the logarithms of the densities of a sample, in the order of `ContactState`, shape (8,)."""
        profile, errors = self._profile, self._errors
        push, depth_m, sigma = sample.push, sample.depth_m, sample.depth_sigma_m
        across, pushed = max(sample.across, 1e-3), max(push, 1e-3)
        still, moving = _normal(sample.speed, errors.speed), _normal(sample.speed, _FREE_SPEED)
        rim, inside, stop = profile.rim_m, profile.rim_m + profile.chamfer_m, profile.depth_m
        in_hole = _between(depth_m, inside, stop, sigma)
        at_stop = _normal(depth_m - stop, math.hypot(sigma, profile.seat_tolerance_m))
        no_push, no_wall = _normal(push, errors.force_n), _noise_across(across, errors.across_n)
        wall, held = (_exponential_across(across, scale, errors.across_n) for scale in (_WALL_N, _HELD_N))
        pressed = _exponential(push, _PUSH_N, 0.0) + _log_cdf((push - 2.0 * errors.force_n) / errors.force_n)
        by_none, on_face, by_one, by_two = self._moments(sample, across)
        # The spring of a latch that is being pushed aside acts along the axis, whatever else is touched.
        is_latching = profile.has_latch and stop - depth_m < RAMP_M + 2.0 * sigma
        spring = pressed if is_latching and push < 1.3 * profile.latch_force_n else -math.inf
        along_one, along_two = self._friction(sample, across)
        out = np.empty(len(ContactState))
        out[ContactState.FREE] = by_none + no_wall + moving
        out[ContactState.FREE] += max(no_push + _between(depth_m, -stop, stop, sigma), spring + in_hole)
        on_land = _normal(depth_m - rim, sigma) + _between(across, 0.0, self._most * pushed, errors.across_n)
        out[ContactState.FACE] = pressed + still + on_face + on_land
        low, high = (slope * pushed for slope in self._chamfer)
        on_lead = _between(depth_m, rim, inside, sigma) + _between(across, low, high, errors.across_n)
        out[ContactState.CHAMFER] = pressed + moving + on_face + on_lead
        out[ContactState.ONE_POINT] = max(along_one, spring) + wall + moving + in_hole + by_one
        out[ContactState.TWO_POINT] = along_two + wall + moving + in_hole + by_two
        out[ContactState.JAMMED] = pressed + held + still + in_hole + by_two + self._is_carried(sample)
        out[ContactState.SEATED] = pressed + held + still + at_stop + by_two
        # A closed latch holds the plug within its play, pushed, pulled or left alone: where that is the stop, it looks
        # like a seat, and only what happened before tells them apart.
        play = stop - profile.latch_play_m - profile.seat_tolerance_m - errors.latch_m_per_n * max(-push, 0.0)
        within = _between(depth_m, play, stop + profile.seat_tolerance_m, sigma) + by_two + max(still, moving)
        pull = max(_exponential(-push, _PUSH_N, errors.force_n) + wall, no_push + no_wall, pressed + wall)
        out[ContactState.LATCHED] = max(out[ContactState.SEATED], pull + within - math.log(2.0))
        return out

    def _moments(self, sample: ContactSample, across: float) -> tuple[float, float, float, float]:
        """Return the densities of the moment about the tip with nothing, a face, one wall and two walls touched."""
        error, push = self._errors.tip_moment_nm, max(sample.push, 0.0)
        length = max(sample.depth_m - self._profile.rim_m, 1e-4)
        one = across * length + push * self._half_m
        two = one + push / max(2.0 * self._profile.friction, 0.1) * length
        return tuple(_below(sample.turning, limit, error) for limit in (0.0, push * self._half_m, one, two))  # type: ignore[return-value]

    def _friction(self, sample: ContactSample, across: float) -> tuple[float, float]:
        """Return the densities of the push along one wall and along two."""
        force_n, push = self._errors.force_n, sample.push
        if sample.speed <= 2.0 * self._errors.speed:  # friction is not mobilised, or the other way
            along = _between(push, -self._most * across, self._most * across, force_n)
            return along, _exponential(push, _PUSH_N, force_n)
        error = math.hypot(force_n, 0.5 * (self._most - self._least) * across)
        beyond = push - self._profile.friction * across
        return _normal(beyond, error), _exponential(beyond, _PUSH_N, error)

    def _is_carried(self, sample: ContactSample) -> float:
        """Return how likely friction carries the push: only inside the jamming diagram; and that there is one."""
        force_n = self._errors.force_n
        length = max(sample.depth_m - self._profile.rim_m, self._half_m)
        carried = self._profile.friction * (sample.across + 2.0 * sample.turning / length)
        return _log_cdf((carried - 0.5 * sample.push) / force_n) + _log_cdf((sample.push - _JAM_N) / force_n)


def _noise_across(x: float, sigma: float) -> float:
    """Return the logarithm of the density of the size of two errors."""
    return math.log(x / sigma**2) - 0.5 * (x / sigma) ** 2


def _exponential_across(x: float, scale: float, sigma: float) -> float:
    """Return that of the size of a force across, exponential, with errors, which make small ones rare."""
    return -x / scale - math.log(scale) + math.log(min(1.0, 1.25 * x / sigma))


def _exponential(x: float, scale: float, sigma: float) -> float:
    """Return that of something positive of a scale, measured with an error."""
    return -max(x, 0.0) / scale - math.log(scale) + (_log_cdf(x / sigma) if sigma else 0.0)


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
