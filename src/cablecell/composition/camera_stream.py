"""When cameras expose and when their images arrive: free-running or triggered, always late by their latency."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from cablecell.ports import Frame

_SAME_S = 1e-9  # times that differ by less are the same


class CameraStream:
    """The images of one camera over time; it has no clock, the caller says what time it is."""

    def __init__(self, expose: Callable[[], Frame], *, rate_hz: float | None, latency_s: float) -> None:
        """Make a stream that has not exposed yet.

        Args:
            expose: Takes an image now.
            rate_hz: Images in a second while free-running; None: only when triggered.
            latency_s: From exposure to delivery.
        """
        self._expose = expose
        self._period_s = None if rate_hz is None else 1.0 / rate_hz
        self._latency_s = latency_s
        self._next_s: float | None = None
        self._is_triggered = False
        self._waiting: deque[tuple[float, Frame]] = deque()

    def set_rate(self, rate_hz: float) -> None:
        """Run freely at another rate from now on; a stream that only exposes when triggered goes on doing so."""
        if self._period_s is not None:
            period_s, now_s = 1.0 / rate_hz, self._next_s
            self._next_s = None if now_s is None else now_s - self._period_s + period_s
            self._period_s = period_s

    def trigger(self) -> None:
        """Expose at the next `poll`; a free-running camera counts its period from there."""
        self._is_triggered = True

    def is_due(self, now_s: float) -> bool:
        """Return whether `poll` would expose."""
        if self._is_triggered:
            return True
        return self._period_s is not None and (self._next_s is None or now_s >= self._next_s - _SAME_S)

    def due_since(self, now_s: float) -> float:
        """Return for how long an exposure has been due, s; negative before it is, endless after a trigger."""
        if self._is_triggered or (self._period_s is not None and self._next_s is None):
            return float("inf")
        return -float("inf") if self._next_s is None else now_s - self._next_s

    def poll(self, now_s: float) -> list[Frame]:
        """Expose when it is time, and return the images that have arrived since the last call, oldest first."""
        if self.is_due(now_s):
            if self._period_s is not None:
                # A grid of times, begun anew where some were missed.
                start_s = now_s if self._next_s is None or self._is_triggered else self._next_s
                next_s = start_s + self._period_s
                self._next_s = next_s if next_s > now_s else now_s + self._period_s
            self._is_triggered = False
            self._waiting.append((now_s + self._latency_s, self._expose()))
        return self.arrived(now_s)

    def arrived(self, now_s: float) -> list[Frame]:
        """Return the images that have arrived since the last call, oldest first, without exposing."""
        frames = []
        while self._waiting and self._waiting[0][0] <= now_s + _SAME_S:
            frames.append(self._waiting.popleft()[1])
        return frames
