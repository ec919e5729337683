"""What a force sensor's drift is told by: a force that inertia does not explain, against the same a moment ago."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from cablecell.core.fusion.wrench import Payload
from cablecell.core.geometry import Array, cross


class FilteredRate:
    """The rate of change of a vector, as a first-order filter passes it; no clock.

    The filtered rate is the change of what is filtered: the rate itself has not to be measured.
    """

    def __init__(self, filter_s: float, late_s: float = 0.0) -> None:
        """Begin at rest.

        Args:
            filter_s: Time constant of the filter, s.
            late_s: So much later the rate is wanted, s; at most one sample counts.
        """
        self._filter_s, self._late_s = filter_s, late_s
        self.reset()

    def reset(self) -> None:
        """Begin anew with the next sample."""
        self._before: Array | None = None

    def step(self, dt_s: float, value: Array) -> Array:
        """Take a sample that comes `dt_s` after the last one; return the rate, in its unit per second."""
        if self._before is None or dt_s <= 0.0:
            self._before = self._slow = value
            return np.zeros_like(value)
        late = value + (self._before - value) * min(1.0, self._late_s / dt_s)
        self._before = value
        step = (1.0 - math.exp(-dt_s / self._filter_s)) * (late - self._slow)
        self._slow = self._slow + step
        return np.asarray(step / dt_s)


def momentum(payload: Payload, centre: Array, twist: Array, R_base_tcp: Array) -> Array:
    """Return the momentum of what the sensor carries, in base axes, shape (3,), kg·m/s.

    Args:
        payload: Its mass.
        centre: Of that mass in `tcp`, shape (3,), m.
        twist: Of the tcp in base axes, shape (6,), m/s, rad/s.
        R_base_tcp: Where the tool points, shape (3, 3).
    """
    return payload.mass_kg * (twist[:3] + cross(twist[3:], R_base_tcp @ centre))


class LaggedChange:
    """The difference of a value to its mean over a time that has passed; no clock.

    What comes slowly changes little against a moment ago, what comes at a rate r has grown by r times its age.
    """

    def __init__(self, lag_s: float, span_s: float) -> None:
        """Begin with nothing.

        Args:
            lag_s: How long ago the mean ends, s.
            span_s: Over which it is taken, s.
        """
        self._lag_s, self._span_s = lag_s, span_s
        self.reset()

    def reset(self) -> None:
        """Begin anew with the next sample."""
        self._recent: deque[tuple[float, Array]] = deque()
        self._past: deque[tuple[float, Array]] = deque()
        self._sum: Array | None = None

    def step(self, now_s: float, value: Array) -> Array | None:
        """Take a sample; return its change, None while a third of the span has not passed."""
        self._recent.append((now_s, value))
        while self._recent and now_s - self._recent[0][0] > self._lag_s:
            self._past.append(self._recent.popleft())
            self._sum = self._past[-1][1] if self._sum is None else self._sum + self._past[-1][1]
        while self._sum is not None and now_s - self._past[0][0] > self._lag_s + self._span_s:
            self._sum = self._sum - self._past.popleft()[1]
        if self._sum is None or now_s - self._past[0][0] < self._lag_s + self._span_s / 3.0:
            return None
        return np.asarray(value - self._sum / len(self._past))
