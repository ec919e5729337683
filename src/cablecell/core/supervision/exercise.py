"""Pacing of a link exercise: how many messages are due, and whether a request is within the limits."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cablecell.core.errors import LinkRequestError


@dataclass(frozen=True)
class ExerciseLimits:
    """What a responder is willing to send.

    Attributes:
        count: Largest number of messages.
        rate_hz: Highest rate, Hz.
        payload_bytes: Largest payload of one message, bytes.
    """

    count: int
    rate_hz: float
    payload_bytes: int


class Exercise:
    """A burst of `count` messages at an even rate.

    Due messages follow from the elapsed time, not from the number of calls, so a late call catches up and the mean
    rate is kept.
    """

    def __init__(self, count: int, rate_hz: float, payload_bytes: int, limits: ExerciseLimits, start_s: float) -> None:
        """Check the request and start at monotonic time `start_s`, s.

        Raises:
            LinkRequestError: A quantity is outside `limits` or not a number (code 602).
        """
        _require("count", count, 1, limits.count, "")
        if not math.isfinite(rate_hz) or rate_hz <= 0.0 or rate_hz > limits.rate_hz:
            raise LinkRequestError(
                f"rate_hz = {rate_hz} Hz is refused: it must be above 0 Hz and at most {limits.rate_hz} Hz",
                quantity="rate_hz",
                value=rate_hz,
                limit=limits.rate_hz,
                unit="Hz",
            )
        _require("payload_bytes", payload_bytes, 0, limits.payload_bytes, "B")
        self.count = count
        self.payload_bytes = payload_bytes
        self.sent = 0
        self._period_s = 1.0 / rate_hz
        self._start_s = start_s

    @property
    def is_done(self) -> bool:
        """Whether every message has been sent."""
        return self.sent >= self.count

    def take_due(self, now_s: float) -> int:
        """Return how many messages are to be sent at monotonic time `now_s`, s, and count them as sent."""
        # The first is due at once; half a nanosecond of rounding must not delay a message by a whole call.
        due = min(self.count, math.floor((now_s - self._start_s) / self._period_s + 1e-9) + 1)
        fresh = max(0, due - self.sent)
        self.sent += fresh
        return fresh

    def time_to_next(self, now_s: float) -> float:
        """Return the time until the next message is due, s; 0 when one is due or all are sent."""
        if self.is_done:
            return 0.0
        return max(0.0, self._start_s + self.sent * self._period_s - now_s)


def check_payload(size: int, limit: int) -> None:
    """Refuse a payload above the limit, both in bytes.

    Raises:
        LinkRequestError: The payload is too large (code 602).
    """
    _require("payload", size, 0, limit, "B")


def _require(quantity: str, value: int, lowest: int, highest: int, unit: str) -> None:
    if lowest <= value <= highest:
        return
    suffix = f" {unit}" if unit else ""
    raise LinkRequestError(
        f"{quantity} = {value}{suffix} is refused: it must be {lowest}{suffix} to {highest}{suffix}",
        quantity=quantity,
        value=value,
        limit=highest,
        unit=unit,
    )
