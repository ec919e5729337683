"""Health of the link between two nodes: loss, latency and silence, from sequence numbers and times."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from enum import IntEnum


class LinkState(IntEnum):
    """What the evidence says of the link; values as in diagnostic_msgs/DiagnosticStatus."""

    OK = 0
    DEGRADED = 1
    LOST = 2


@dataclass(frozen=True)
class LinkReport:
    """Health of a link at one time.

    Attributes:
        state: Verdict.
        reason: Why the state is not OK; empty when it is.
        received: Messages received since the start.
        lost: Messages missing in the sequence since the start.
        latency_median_s: Median of the latest latencies, s; NaN before the first message.
        latency_p99_s: 99th percentile of the latest latencies (nearest rank), s; NaN before the first message.
        age_s: Time since the last message, s; since the start when there was none.
    """

    state: LinkState
    reason: str
    received: int
    lost: int
    latency_median_s: float
    latency_p99_s: float
    age_s: float


class LinkStatistics:
    """Collects what arrives on a link and judges it.

    A sequence number that is lower than expected is a sender that was restarted: counting goes on from there and
    nothing is counted as lost. Duplicates are not expected on a reliable link and are treated the same way.
    """

    def __init__(self, *, silence_limit_s: float, latency_limit_s: float, start_s: float, window: int = 500) -> None:
        """Start with an empty record.

        Args:
            silence_limit_s: The link is lost when nothing arrived for longer than this, s, > 0.
            latency_limit_s: The link is degraded when the 99th percentile is above this, s, > 0.
            start_s: Monotonic time now, s.
            window: Number of latest latencies that are judged, >= 1.

        Raises:
            ValueError: A limit is not positive.
        """
        if not (silence_limit_s > 0.0 and latency_limit_s > 0.0 and window >= 1):
            raise ValueError(
                f"silence_limit_s {silence_limit_s} s and latency_limit_s {latency_limit_s} s must be > 0, "
                f"window {window} >= 1"
            )
        self._silence_limit_s = silence_limit_s
        self._latency_limit_s = latency_limit_s
        self._latencies_s: deque[float] = deque(maxlen=window)
        self._last_arrival_s = start_s
        self._expected: int | None = None
        self._received = 0
        self._lost = 0

    def add(self, sequence: int, latency_s: float, now_s: float) -> None:
        """Record one message.

        Args:
            sequence: Number given by the sender, counting up by one.
            latency_s: Time from sending to arrival, s; a non-finite value is not recorded as a latency.
            now_s: Monotonic time of arrival, s.
        """
        if self._expected is not None and sequence > self._expected:
            self._lost += sequence - self._expected
        self._expected = sequence + 1
        self._received += 1
        self._last_arrival_s = now_s
        if math.isfinite(latency_s):
            self._latencies_s.append(latency_s)

    def report(self, now_s: float) -> LinkReport:
        """Return the health of the link at monotonic time `now_s`, s."""
        age_s = now_s - self._last_arrival_s
        ordered = sorted(self._latencies_s)
        median_s = _nearest_rank(ordered, 0.5)
        p99_s = _nearest_rank(ordered, 0.99)
        state, reason = LinkState.OK, ""
        if age_s > self._silence_limit_s:
            state = LinkState.LOST
            reason = f"silent for {age_s:.3f} s, the limit is {self._silence_limit_s:.3f} s"
        elif p99_s > self._latency_limit_s:
            state = LinkState.DEGRADED
            reason = f"latency p99 is {p99_s:.4f} s, the limit is {self._latency_limit_s:.4f} s"
        return LinkReport(state, reason, self._received, self._lost, median_s, p99_s, age_s)


def _nearest_rank(ordered: list[float], fraction: float) -> float:
    if not ordered:
        return math.nan
    return ordered[max(0, math.ceil(fraction * len(ordered)) - 1)]
