"""Rate and bandwidth over a window of messages: plain arithmetic on arrival times."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import astuple, dataclass

_NS_PER_S = 1e9


@dataclass(frozen=True)
class RateReport:
    """Rate of a topic over its window.

    Attributes:
        rate_hz: One over the mean interval.
        shortest_s: Shortest interval.
        longest_s: Longest interval.
        deviation_s: Standard deviation of the intervals.
        intervals: How many intervals there are.
    """

    rate_hz: float
    shortest_s: float
    longest_s: float
    deviation_s: float
    intervals: int

    def __str__(self) -> str:
        return (
            f"average rate: {self.rate_hz:.3f}\n\tmin: {self.shortest_s:.3f}s max: {self.longest_s:.3f}s "
            f"std dev: {self.deviation_s:.5f}s window: {self.intervals}"
        )


class RateWindow:
    """The last intervals between messages."""

    def __init__(self, size: int) -> None:
        self._intervals_ns: deque[int] = deque(maxlen=size)
        self._last_ns: int | None = None
        self._has_news = False

    def add(self, now_ns: int) -> None:
        """Note that a message arrived at `now_ns`; a clock that went back starts the window again."""
        if self._last_ns is not None and now_ns >= self._last_ns:
            self._intervals_ns.append(now_ns - self._last_ns)
            self._has_news = True
        else:
            self._intervals_ns.clear()
        self._last_ns = now_ns

    def report(self) -> RateReport | None:
        """Return the rate; None if nothing arrived since the last report."""
        if not self._has_news:
            return None
        self._has_news = False
        intervals = [interval / _NS_PER_S for interval in self._intervals_ns]
        mean = sum(intervals) / len(intervals)
        deviation = math.sqrt(sum((interval - mean) ** 2 for interval in intervals) / len(intervals))
        rate = 1.0 / mean if mean > 0.0 else 0.0
        return RateReport(rate, min(intervals), max(intervals), deviation, len(intervals))


def rate_table(reports: dict[str, RateReport]) -> str:
    """Write the rates of several topics as a table."""
    header = ("topic", "rate", "min_delta", "max_delta", "std_dev", "window")
    rows = []
    for topic, report in reports.items():
        rate, shortest, longest, deviation, count = astuple(report)
        rows.append((topic, f"{rate:.3f}", f"{shortest:.3f}", f"{longest:.3f}", f"{deviation:.5f}", str(count)))
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    lines = ["   ".join(title.center(width) for title, width in zip(header, widths, strict=True))]
    lines.append("=" * len(lines[0]))
    lines += ["   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(lines) + "\n"


class BandwidthWindow:
    """Times and sizes of the last messages."""

    def __init__(self, size: int) -> None:
        self._messages: deque[tuple[int, int]] = deque(maxlen=size)

    def add(self, now_ns: int, size_bytes: int) -> None:
        """Note that a message of this size arrived at `now_ns`; a clock that went back starts the window again."""
        if self._messages and now_ns < self._messages[-1][0]:
            self._messages.clear()
        self._messages.append((now_ns, size_bytes))

    def report(self, now_ns: int) -> str | None:
        """Return the bandwidth up to `now_ns` in words; None before the second message."""
        if len(self._messages) < 2 or now_ns <= self._messages[0][0]:
            return None
        sizes = [size for _, size in self._messages]
        per_s = sum(sizes) / ((now_ns - self._messages[0][0]) / _NS_PER_S)
        if per_s < 1e3:
            unit, scale, digits = "B", 1.0, 0
        elif per_s < 1e6:
            unit, scale, digits = "KB", 1e3, 2
        else:
            unit, scale, digits = "MB", 1e6, 2

        def amount(size: float) -> str:
            return f"{size / scale:.{digits}f} {unit}"

        mean = sum(sizes) / len(sizes)
        return (
            f"{amount(per_s)}/s from {len(sizes)} messages\n"
            f"\tMessage size mean: {amount(mean)} min: {amount(min(sizes))} max: {amount(max(sizes))}"
        )
