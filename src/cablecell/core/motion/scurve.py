"""The fastest jerk-limited motions along one coordinate: from rest to rest in closed form, and from speed to speed.

ruckig solves a far more general problem, and gives up on lengths where two of its cases meet, such as exactly 2 a³/j²;
a move that fails for one length in a million is not acceptable. The tests hold this to ruckig's durations.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right
from dataclasses import dataclass


@dataclass(frozen=True)
class SCurve:
    """Seven phases of constant jerk, such as + 0 - 0 - 0 +, those of no length left out.

    Attributes:
        length: Way, above zero.
        times: 0, the times at which the jerk changes, and the duration, strictly increasing.
        jerks: Jerk of each phase.
        states: (position, velocity, acceleration) at each of the times.
    """

    length: float
    times: tuple[float, ...]
    jerks: tuple[float, ...]
    states: tuple[tuple[float, float, float], ...]

    @property
    def duration(self) -> float:
        """Time from one end to the other."""
        return self.times[-1]

    def at(self, time: float) -> tuple[float, float, float]:
        """Return (position, velocity, acceleration) at a time, at rest before and after."""
        if time <= 0.0:
            return 0.0, 0.0, 0.0
        if time >= self.duration:
            return self.length, 0.0, 0.0
        k = bisect_right(self.times, time) - 1
        return _advance(self.states[k], self.jerks[k], time - self.times[k])


def plan_rest_to_rest(length: float, velocity: float, acceleration: float, jerk: float) -> SCurve:
    """Return the fastest motion over a length within limits of velocity, acceleration and jerk.

    Args:
        length: Way, any unit, above zero.
        velocity: Largest velocity, above zero.
        acceleration: Largest acceleration, above zero.
        jerk: Largest jerk, above zero.

    Raises:
        ValueError: An argument is not finite or not above zero.

    Source:
        Biagiotti, Melchiorri 2008, "Trajectory Planning for Automatic Machines and Robots", section 3.4 (double S).
    """
    for name, value in (("length", length), ("velocity", velocity), ("acceleration", acceleration), ("jerk", jerk)):
        if not (math.isfinite(value) and value > 0.0):
            raise ValueError(f"{name} is {value}; it must be finite and above 0")
    # Ramps up to the velocity limit: with a stretch at constant acceleration or without.
    ramp = acceleration / jerk if velocity * jerk >= acceleration**2 else math.sqrt(velocity / jerk)
    rise = ramp + velocity / acceleration if velocity * jerk >= acceleration**2 else 2.0 * ramp
    cruise = length / velocity - rise
    if cruise < 0.0:
        # Too short for the velocity limit; the peak velocity is what half the length allows.
        cruise = 0.0
        if length >= 2.0 * acceleration**3 / jerk**2:
            ramp = acceleration / jerk
            rise = 0.5 * ramp + math.sqrt(0.25 * ramp**2 + length / acceleration)
        else:
            ramp = (0.5 * length / jerk) ** (1.0 / 3.0)
            rise = 2.0 * ramp
    flat = max(rise - 2.0 * ramp, 0.0)
    phases = ((ramp, jerk), (flat, 0.0), (ramp, -jerk), (cruise, 0.0), (ramp, -jerk), (flat, 0.0), (ramp, jerk))
    return _curve(length, 0.0, 0.0, [phase for phase in phases if phase[0] > 1e-12 * rise])


def plan_speed_to_speed(
    length: float, start: float, end: float, velocity: float, acceleration: float, jerk: float
) -> SCurve | None:
    """Return the fastest motion over a length from one speed to another that never turns back.

    Args:
        length: Way, any unit, above zero.
        start: Velocity at its beginning, 0 to the largest, but for rounding.
        end: Velocity at its end, 0 to the largest, but for rounding.
        velocity: Largest velocity, above zero.
        acceleration: Largest acceleration, above zero.
        jerk: Largest jerk, above zero.

    Returns:
        The motion, without acceleration at both ends; None where the length is too short to change the speed.
    """

    def way(peak: float) -> float:
        return sum(0.5 * (speed + peak) * _ramp(abs(peak - speed), acceleration, jerk)[2] for speed in (start, end))

    low = max(start, end)
    high = max(low, velocity)
    if way(low) > length:
        return None
    if way(high) > length:
        for _ in range(60):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if way(middle) <= length else (low, middle)
    else:
        low = high
    phases: list[tuple[float, float]] = []
    for speed, sign in ((start, 1.0), (end, -1.0)):
        edge, flat, _ = _ramp(low - speed, acceleration, jerk)
        phases += [(edge, sign * jerk), (flat, 0.0), (edge, -sign * jerk)]
        if sign > 0.0:
            phases.append(((length - way(low)) / low, 0.0))
    whole = sum(duration for duration, _ in phases)
    return _curve(length, start, end, [phase for phase in phases if phase[0] > 1e-9 * whole])


def _ramp(change: float, acceleration: float, jerk: float) -> tuple[float, float, float]:
    """Return how long a change of speed takes at changing and at constant acceleration, and in all."""
    if change * jerk >= acceleration**2:
        return (
            acceleration / jerk,
            change / acceleration - acceleration / jerk,
            change / acceleration + acceleration / jerk,
        )
    edge = math.sqrt(change / jerk)
    return edge, 0.0, 2.0 * edge


def _curve(length: float, start: float, end: float, phases: list[tuple[float, float]]) -> SCurve:
    times = tuple(itertools.accumulate((duration for duration, _ in phases), initial=0.0))
    states = [(0.0, start, 0.0)]
    for duration, value in phases:
        states.append(_advance(states[-1], value, duration))
    states[-1] = (length, end, 0.0)
    return SCurve(length, times, tuple(value for _, value in phases), tuple(states))


def _advance(state: tuple[float, float, float], jerk: float, time: float) -> tuple[float, float, float]:
    s, v, a = state
    return s + time * (v + time * (a / 2.0 + time * jerk / 6.0)), v + time * (a + time * jerk / 2.0), a + time * jerk
