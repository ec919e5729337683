"""Blends of timed motions in the joints: near the corner between two, one polynomial leads from one to the other.

It meets both in position, velocity and acceleration, whatever kinds of motion they are, needs no inverse kinematics,
and is a single quintic piece of the trajectory. Where it begins and ends, and how long it takes, is searched for: the
shortest that keeps the limits, which a turn at full speed would break, and the radius around the corner.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cablecell.core.motion.trajectory import MotionLimits, Trajectory, measure_limit_use

Array = NDArray[np.float64]

_COARSE_S, _FINE_S = 0.004, 0.0002
"""Periods at which limits are looked at: first, and a tenth of a controller's before a blend is taken."""

_ROUNDING = 1e-6

_SHARES = tuple(np.linspace(1.0, 0.1, 10).tolist())
"""Shares of the longest blend that are tried."""

_PACES = tuple(np.linspace(0.4, 0.98, 16).tolist())
"""Its time as a share of what the two motions take to the corner and from it."""

_SAMPLES = 100


@dataclass(frozen=True, eq=False)
class _Candidate:
    """A blend from a time before the end of the first motion to a time after the beginning of the second."""

    before_s: float
    after_s: float
    window: Trajectory

    @property
    def gain_s(self) -> float:
        return self.before_s + self.after_s - self.window.duration_s


def blend(
    first: Trajectory,
    second: Trajectory,
    radius_m: float,
    longest_s: float,
    limits: MotionLimits,
    tip: Callable[[Array], Array],
) -> Trajectory:
    """Return two motions as one that leaves the way of either only within a radius around the corner between them.

    Args:
        first: Ends at rest at the corner.
        second: Begins there at rest.
        radius_m: How far from the corner the tip is at most on the blend, m.
        longest_s: How long before and after the corner it begins and ends at most, s.
        limits: Of the joints.
        tip: Returns the position of the tip for joint positions.

    Returns:
        The fastest that was found within limits and radius; the two with a rest between them where that is none.
    """
    corner = tip(first.goal)
    before_s = _time_within(lambda time: first.duration_s - time, first, longest_s, corner, radius_m, tip)
    after_s = _time_within(lambda time: time, second, longest_s, corner, radius_m, tip)
    found = [_fastest(first, second, share * before_s, share * after_s, limits) for share in _SHARES]
    for candidate in sorted((item for item in found if item is not None), key=lambda item: -item.gain_s):
        samples = candidate.window.sample_at(np.linspace(0.0, candidate.window.duration_s, _SAMPLES))[0]
        if max(float(np.linalg.norm(tip(q) - corner)) for q in samples) <= radius_m * (1.0 + _ROUNDING):
            return _joined(first, candidate, second)
    return first.then(second)


def _time_within(
    at: Callable[[Array], Array],
    motion: Trajectory,
    longest_s: float,
    corner: Array,
    radius_m: float,
    tip: Callable[[Array], Array],
) -> float:
    """Return how far from the corner in time a motion first leaves the radius."""
    times = np.linspace(0.0, longest_s, _SAMPLES)
    for k, q in enumerate(motion.sample_at(at(times))[0]):
        if float(np.linalg.norm(tip(q) - corner)) > radius_m:
            return float(times[max(k - 1, 0)])
    return longest_s


def _fastest(
    first: Trajectory, second: Trajectory, before_s: float, after_s: float, limits: MotionLimits
) -> _Candidate | None:
    """Return the fastest blend between two times that keeps the limits, or None where no pace does."""
    if min(before_s, after_s) <= 10.0 * _FINE_S:
        return None
    start, end = first.sample(first.duration_s - before_s), second.sample(after_s)
    q, dq, ddq = (np.array(pair) for pair in ((start.q, end.q), (start.dq, end.dq), (start.ddq, end.ddq)))
    for pace in _PACES:
        window = Trajectory(first.joint_names, np.array([0.0, pace * (before_s + after_s)]), q, dq, ddq)
        if _keeps(window, limits, _COARSE_S) and _keeps(window, limits, _FINE_S):
            return _Candidate(before_s, after_s, window)
    return None


def _keeps(window: Trajectory, limits: MotionLimits, period_s: float) -> bool:
    use = measure_limit_use(window, limits, period_s)
    return max(use.velocity, use.acceleration, use.jerk) <= 1.0 + _ROUNDING


def _joined(first: Trajectory, blend: _Candidate, second: Trajectory) -> Trajectory:
    begin, window = first.duration_s - blend.before_s, blend.window
    # A knot just beside the blend would leave a piece too short for its digits.
    head, tail = first.times_s < begin - _FINE_S, second.times_s > blend.after_s + _FINE_S
    return Trajectory(
        first.joint_names,
        np.concatenate(
            [
                first.times_s[head],
                begin + window.times_s,
                begin + window.duration_s + second.times_s[tail] - blend.after_s,
            ]
        ),
        np.concatenate([first.q[head], window.q, second.q[tail]]),
        np.concatenate([first.dq[head], window.dq, second.dq[tail]]),
        np.concatenate([first.ddq[head], window.ddq, second.ddq[tail]]),
    )
