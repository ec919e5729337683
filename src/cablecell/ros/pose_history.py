"""Where the tool was: the last seconds of measured poses, asked for by the stamp of an image."""

from __future__ import annotations

import bisect
import threading
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


@dataclass(frozen=True, eq=False)
class PastPose:
    """Where the tool was at a time.

    Attributes:
        X_base_tcp: Pose, shape (4, 4).
        still_s: How long it had been at rest without a break, s; 0 while it moved.
    """

    X_base_tcp: Matrix
    still_s: float


class PoseHistory:
    """Poses of the tool by time; filled by one thread, asked by another."""

    def __init__(self, limits: RestLimits, *, span_s: float, max_gap_s: float) -> None:
        """Start empty.

        Args:
            limits: When the arm counts as at rest.
            span_s: How far back poses are kept, s.
            max_gap_s: Largest time between two poses that may be interpolated, s.
        """
        self._limits = limits
        self._span_s = span_s
        self._max_gap_s = max_gap_s
        self._stamps: list[float] = []
        self._poses: list[tuple[Matrix, float | None]] = []  # with the time since which the arm was at rest
        self._speed = (0.0, 0.0)
        self._lock = threading.Lock()

    def add(self, stamp_s: float, X_base_tcp: Matrix, speed_m_per_s: float, speed_rad_per_s: float) -> None:
        """Take in one measured pose; a stamp that goes back means that the clock was set, and starts afresh."""
        with self._lock:
            if self._stamps and stamp_s <= self._stamps[-1]:
                self._stamps.clear()
                self._poses.clear()
            self._speed = (speed_m_per_s, speed_rad_per_s)
            limits = self._limits
            rest_since_s = None
            if speed_m_per_s <= limits.velocity_m_per_s and speed_rad_per_s <= limits.velocity_rad_per_s:
                before = self._poses[-1][1] if self._poses else None
                rest_since_s = stamp_s if before is None else before
            self._stamps.append(stamp_s)
            self._poses.append((X_base_tcp, rest_since_s))
            if self._stamps[0] < stamp_s - 1.5 * self._span_s:  # in large pieces: taking from the front is slow
                old = bisect.bisect_left(self._stamps, stamp_s - self._span_s)
                del self._stamps[:old], self._poses[:old]

    @property
    def newest_s(self) -> float | None:
        """Stamp of the newest pose; None before the first."""
        with self._lock:
            return self._stamps[-1] if self._stamps else None

    @property
    def speed(self) -> tuple[float, float]:
        """Newest speed and rate of turn of the tool, m/s and rad/s."""
        with self._lock:
            return self._speed

    def at(self, stamp_s: float) -> PastPose | None:
        """Return where the tool was, interpolated; None outside the history or inside a gap of it."""
        with self._lock:
            index = bisect.bisect_left(self._stamps, stamp_s)
            if index == len(self._stamps):
                return None
            after_s = self._stamps[index]
            X_after, rest_since_s = self._poses[index]
            before_s, X_before = (
                (after_s, X_after) if index == 0 else (self._stamps[index - 1], self._poses[index - 1][0])
            )
        still_s = 0.0 if rest_since_s is None else max(0.0, stamp_s - rest_since_s)
        if after_s == stamp_s:
            return PastPose(X_after, still_s)
        if index == 0 or after_s - before_s > self._max_gap_s:
            return None
        fraction = (stamp_s - before_s) / (after_s - before_s)
        return PastPose(interpolate_pose(X_before, X_after, fraction), still_s)
