"""The contact force of the last seconds as the least and largest value of each tenth of a second: peaks stay."""

from __future__ import annotations

import threading
from collections import deque


class ForceHistory:
    """Buckets of a signal; written by one thread, read by others."""

    def __init__(self, bucket_s: float = 0.1, length: int = 300) -> None:
        """Begin empty.

        Args:
            bucket_s: Length of a bucket, s.
            length: How many are kept.
        """
        self._bucket_s = bucket_s
        self._buckets: deque[tuple[int, float, float]] = deque(maxlen=length)
        self._lock = threading.Lock()

    def take(self, time_s: float, value: float) -> None:
        """Put in a value; times must not decrease."""
        number = int(time_s / self._bucket_s)
        with self._lock:
            if self._buckets and self._buckets[-1][0] == number:
                _, low, high = self._buckets[-1]
                self._buckets[-1] = (number, min(low, value), max(high, value))
            else:
                self._buckets.append((number, value, value))

    def rows(self, now_s: float) -> list[tuple[float, float, float]]:
        """Return age, s, negative, least and largest value of every bucket that is not too old, oldest first."""
        with self._lock:
            kept = list(self._buckets)
        oldest_s = (self._buckets.maxlen or 0) * self._bucket_s
        rows = [(round(number * self._bucket_s - now_s, 2), low, high) for number, low, high in kept]
        return [row for row in rows if row[0] >= -oldest_s]

    @property
    def latest(self) -> float | None:
        """The largest value of the newest bucket; None before the first."""
        with self._lock:
            return self._buckets[-1][2] if self._buckets else None
