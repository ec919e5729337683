"""What a stream of targets says between two messages: how often they come, and where the target is meanwhile.

Targets that come ten times a second would be fifty steps of the loop apart. Here the target walks from one to the next
in a straight line, in a little more than the time to the next message; so it never stands still in between, and never
leaves what was commanded. Whoever follows it limits speed and acceleration, and smooths the corners.
"""

from __future__ import annotations

import math

import numpy as np

from cablecell.core.config.control import ControlSettings
from cablecell.core.control.kernels import walk_pose
from cablecell.core.geometry import Array, log_so3

_SAME_STREAM_S = 0.25
"""Longest time between two targets of one stream."""
_FOLLOW = 0.25
"""Share of the newest interval in the mean of them."""
_JUMP = 1.5
"""An interval longer than this multiple of the mean is the new mean: streams become slower at once."""
_STRETCH = 1.2
"""Time that the target walks to the next one, in intervals: messages never come evenly."""
_MISSED = 3.0
"""Intervals without a message after which a fast stream counts as dead."""
_LATE = 1.15
"""Likewise of a stream so slow that its interval is near the limit."""
_KNOWN = 3
"""Intervals after which it is known how often messages come."""
_DEAD = 1.2
"""Intervals after which a slow stream is not late but dead."""

_STANDING: Array = np.zeros(6)


class StreamClock:
    """Measures how often the targets of a stream come.

    Attributes:
        interval_s: Mean time between two targets, s; one period of the loop before there were two.
    """

    def __init__(self, settings: ControlSettings) -> None:
        self._settings = settings
        self._dt_s = 1.0 / settings.rate_hz
        self.reset()

    def reset(self) -> None:
        """Begin another stream."""
        self.interval_s = self._dt_s
        self._last_s, self._intervals = -math.inf, 0

    def arrived(self, now_s: float) -> None:
        """Count a target that came now."""
        gap = now_s - self._last_s
        self._last_s = now_s
        self._intervals += 1
        if gap > _SAME_STREAM_S:
            self.interval_s, self._intervals = self._dt_s, 0
        elif gap > _JUMP * self.interval_s:
            self.interval_s = gap
        else:
            self.interval_s = max(self._dt_s, self.interval_s + _FOLLOW * (gap - self.interval_s))

    @property
    def hold_after_s(self) -> float:
        """Age of the newest command at which its source counts as dead, s."""
        s, interval = self._settings, self.interval_s
        if self._intervals < _KNOWN:
            return s.command_hold_after_s
        shortest = min(s.command_hold_least_s, s.command_hold_after_s)
        longest = max(s.command_hold_after_s, min(_LATE * interval, s.command_stop_after_s))
        return min(max(_MISSED * interval, shortest), longest)

    @property
    def brake_after_s(self) -> float:
        """Age at which the joints of a torque-controlled arm are braked, s: in a slow stream a message may be late."""
        if self._intervals < _KNOWN:
            return _DEAD * self._settings.command_hold_after_s
        return max(self.hold_after_s, _DEAD * self.interval_s)

    @property
    def walk_ticks(self) -> int:
        """Periods that a target takes to the next one; 1 when they come in every period."""
        if self.interval_s < 1.5 * self._dt_s:
            return 1
        return max(1, round(_STRETCH * self.interval_s / self._dt_s))


class StreamedPose:
    """A target pose that walks to the newest of a stream.

    Attributes:
        X: Where the target is, shape (4, 4).
        twist: How it moves, in base axes, shape (6,), m/s, rad/s; 0 when it comes in every period.
    """

    def __init__(self, settings: ControlSettings) -> None:
        self._dt_s = 1.0 / settings.rate_hz
        self.reset(np.eye(4))

    def reset(self, X: Array) -> None:
        """Stand at a pose."""
        self.X = X
        self.twist: Array = _STANDING
        self._from, self._way = X, _STANDING
        self._tick, self._ticks = 0, 0

    def aim(self, X_target: Array, ticks: int) -> None:
        """Walk to a pose from now on, in a number of periods."""
        if ticks <= 1:
            self.reset(X_target)
            return
        self._from = self.X
        turn = log_so3(X_target[:3, :3] @ self.X[:3, :3].T)
        self._way = np.concatenate((X_target[:3, 3] - self.X[:3, 3], turn))
        self._tick, self._ticks = 0, ticks

    def step(self) -> None:
        """Walk for one period."""
        if self._tick < self._ticks:
            self._tick += 1
            self.X = walk_pose(np.ascontiguousarray(self._from), self._way, self._tick / self._ticks)
            self.twist = self._way / (self._ticks * self._dt_s)
        elif self._ticks:
            self.twist, self._ticks = _STANDING, 0
