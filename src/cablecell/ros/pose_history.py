"""Where the tool was: the last seconds of measured poses, asked for by the stamp of an image."""

from __future__ import annotations

import bisect
import threading
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cablecell.core.geometry import interpolate_pose

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class RestLimits:
    """When the arm counts as at rest.

    Attributes:
        velocity_m_per_s: Largest speed of the tool.
        velocity_rad_per_s: Largest rate of turn of the tool.
    """

    velocity_m_per_s: float
    velocity_rad_per_s: float


class PoseHistory:
    """Poses of the tool by time; filled by one thread, asked by another."""

    def __init__(self, limits: RestLimits, *, span_s: float = 30.0, max_gap_s: float = 0.05) -> None:
        """Start empty.

        Args:
            limits: When the arm counts as at rest.
            span_s: How far back poses are kept, s.
            max_gap_s: Largest time between two poses that may be interpolated, s.
        """
        self._limits = limits
        self._span_s = span_s
        self._max_gap_s = max_gap_s
        self._entries: deque[tuple[float, Matrix]] = deque()
        self._rest_since_s: float | None = None
        self._speed = (0.0, 0.0)
        self._lock = threading.Lock()

    def add(self, stamp_s: float, X_base_tcp: Matrix, speed_m_per_s: float, speed_rad_per_s: float) -> None:
        """Take in one measured pose; a stamp that goes back means that the clock was set, and starts afresh."""
        with self._lock:
            if self._entries and stamp_s <= self._entries[-1][0]:
                self._entries.clear()
                self._rest_since_s = None
            self._entries.append((stamp_s, X_base_tcp))
            while self._entries[0][0] < stamp_s - self._span_s:
                self._entries.popleft()
            self._speed = (speed_m_per_s, speed_rad_per_s)
            limits = self._limits
            is_still = speed_m_per_s <= limits.velocity_m_per_s and speed_rad_per_s <= limits.velocity_rad_per_s
            if not is_still:
                self._rest_since_s = None
            elif self._rest_since_s is None:
                self._rest_since_s = stamp_s

    @property
    def newest_s(self) -> float | None:
        """Stamp of the newest pose; None before the first."""
        with self._lock:
            return self._entries[-1][0] if self._entries else None

    @property
    def rest_since_s(self) -> float | None:
        """Since when the arm has been at rest without a break; None while it moves, or before the first pose."""
        with self._lock:
            return self._rest_since_s

    @property
    def speed(self) -> tuple[float, float]:
        """Newest speed and rate of turn of the tool, m/s and rad/s."""
        with self._lock:
            return self._speed

    def pose_at(self, stamp_s: float) -> Matrix | None:
        """Return X_base_tcp at a time, interpolated; None outside the history or inside a gap of it."""
        with self._lock:
            entries = list(self._entries)
        index = bisect.bisect_left(entries, stamp_s, key=lambda entry: entry[0])
        if index == len(entries):
            return None
        after_s, X_after = entries[index]
        if after_s == stamp_s:
            return X_after
        if index == 0:
            return None
        before_s, X_before = entries[index - 1]
        if after_s - before_s > self._max_gap_s:
            return None
        return interpolate_pose(X_before, X_after, (stamp_s - before_s) / (after_s - before_s))
