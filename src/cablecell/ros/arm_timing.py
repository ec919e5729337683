"""Keep a machine's time in step with the clock, and measure how well the control loop keeps its period."""

from __future__ import annotations

import os
import resource
import time
from dataclasses import dataclass

import numpy as np

_CATCH_UP = 0.8
"""Shortest distance of two cycles while the loop catches up, in periods: what listens must keep up too."""

_BIN_S = 20e-6
_BINS = 5000
LONG_PERIOD_S = 0.004
"""A cycle that starts later than this after the one before is reported as long."""


class Pacer:
    """Paces a machine that is told when to go on, and maps its time to stamps in ROS time.

    A cycle is due when the clock reaches the machine's time. After a delay the loop catches up, at most a quarter
    faster than real time. A lag beyond the limit is given up: from then on the machine's time maps to later stamps,
    so that stamps never go back, and are never ahead of the clock nor older than the limit. When the machine is too
    slow for long this happens in every cycle, and its time simply runs slower than the clock.
    """

    def __init__(self, period_s: float, lag_limit_s: float) -> None:
        self._period_s = period_s
        self._least_ns = round(_CATCH_UP * period_s * 1e9)
        self._lag_limit_ns = round(lag_limit_s * 1e9)
        self.lost_s = 0.0
        self.start(0.0)

    def start(self, machine_s: float) -> None:
        """Make the machine's time now correspond to the clock now."""
        now = time.monotonic_ns()
        # Only once: a step of the system clock would otherwise be a jump of the control loop.
        self._to_system_ns = time.time_ns() - now
        self._offset_ns = now - round(machine_s * 1e9)
        self._last_ns = now - self._least_ns
        self._newest: tuple[int, float] = (0, -1.0e9)

    def wait(self, machine_s: float) -> int:
        """Sleep until the machine's time is due and return the monotonic clock then, ns."""
        due = self._offset_ns + round(machine_s * 1e9)
        now = time.monotonic_ns()
        late = now - due - self._lag_limit_ns
        if late > 0:
            self._offset_ns += late
            self.lost_s += late * 1e-9
        wake = max(due, self._last_ns + self._least_ns)
        if wake > now:
            time.sleep((wake - now) * 1e-9)
            now = time.monotonic_ns()
        self._last_ns = now
        return now

    def stamp_ns(self, machine_s: float) -> int:
        """Return the stamp of a moment of the machine's time, ns in ROS time."""
        return self._to_system_ns + self._offset_ns + round(machine_s * 1e9)

    def machine_s(self, stamp_ns: int) -> float:
        """Return the machine's time of a stamp of a command, s.

        A command stays newer than one that was stamped before it, also when time was given up between them.
        """
        newest_ns, newest_s = self._newest
        found = (stamp_ns - self._to_system_ns - self._offset_ns) * 1e-9
        if stamp_ns > newest_ns:
            found = max(found, newest_s + 1.0e-6)
            self._newest = (stamp_ns, found)
        return found


@dataclass(frozen=True)
class PeriodReport:
    """How the loop kept its period.

    Attributes:
        count: Cycles.
        long_share: Share of the cycles that started more than `LONG_PERIOD_S` after the one before.
        median_s: Median of the time between starts, s.
        p999_s: Its 99.9th percentile, s.
        longest_s: The longest, s.
        busy_s: Mean time of work in a cycle, s.
    """

    count: int
    long_share: float
    median_s: float
    p999_s: float
    longest_s: float
    busy_s: float


STALL_S = 0.05
"""A cycle that starts later than this after the one before is a stall, and worth a line that says why."""


@dataclass(frozen=True)
class Stall:
    """Where the time of a cycle went that took far too long.

    Attributes:
        elapsed_s: From its start to that of the next, s.
        working_s: From its start to the end of its work, s; the rest is waiting for the next.
        running_s: The thread was on a processor, s.
        queued_s: The thread was ready and had no processor, s; what is left it slept, or waited for a lock or a disk.
        pages: Pages that came from disk.
    """

    elapsed_s: float
    working_s: float
    running_s: float
    queued_s: float
    pages: int

    def __str__(self) -> str:
        """Return it as one line."""
        return (
            f"{self.elapsed_s:.3f} s between two cycles: work {self.working_s:.3f} s; on a processor "
            f"{self.running_s:.3f} s, waiting for one {self.queued_s:.3f} s, {self.pages} pages from disk"
        )


class ThreadUse:
    """What the calling thread got of the machine so far."""

    def __init__(self) -> None:
        """Begin; every call must come from the same thread."""
        self._file = os.open("/proc/thread-self/schedstat", os.O_RDONLY)

    def close(self) -> None:
        """Free the file."""
        os.close(self._file)

    def sample(self) -> tuple[int, int, int]:
        """Return the time on a processor and the time waiting for one, ns, and the pages that came from disk."""
        running, queued, _ = os.pread(self._file, 100, 0).split()
        return int(running), int(queued), resource.getrusage(resource.RUSAGE_THREAD).ru_majflt


class PeriodStatistics:
    """Counts the times between the starts of cycles in a histogram.

    Attributes:
        stall: Why the newest cycle came so late; None when it did not.
    """

    def __init__(self) -> None:
        self.stall: Stall | None = None
        self._use: ThreadUse | None = None
        self._used = (0, 0, 0)
        self._busy_last_ns = 0
        self._histogram = np.zeros(_BINS, dtype=np.int64)
        self._last_ns: int | None = None
        self._longest_ns = 0
        self._long = 0
        self._busy_ns = 0

    def begin(self) -> None:
        """Begin to watch the calling thread."""
        self._use, self._last_ns = ThreadUse(), None
        self._used = self._use.sample()

    def end(self) -> None:
        """End watching it."""
        if self._use is not None:
            self._use.close()
            self._use = None

    def start_cycle(self, now_ns: int) -> None:
        """Count a cycle that starts now."""
        last, self._last_ns = self._last_ns, now_ns
        before = self._used
        if self._use is not None:
            self._used = self._use.sample()
        self.stall = None
        if last is None:
            return
        elapsed = now_ns - last
        if elapsed > STALL_S * 1e9:
            running, queued, pages = (b - a for a, b in zip(before, self._used, strict=True))
            self.stall = Stall(elapsed * 1e-9, self._busy_last_ns * 1e-9, running * 1e-9, queued * 1e-9, pages)
        self._histogram[min(int(elapsed * (1e-9 / _BIN_S)), _BINS - 1)] += 1
        self._longest_ns = max(self._longest_ns, elapsed)
        self._long += elapsed > LONG_PERIOD_S * 1e9

    def end_cycle(self, now_ns: int) -> None:
        """Count the work of the cycle that was started last."""
        if self._last_ns is not None:
            self._busy_last_ns = now_ns - self._last_ns
            self._busy_ns += self._busy_last_ns

    def interrupt(self) -> None:
        """Do not count the time to the next cycle: the loop was asked to do something long."""
        self._last_ns = None

    def report(self) -> PeriodReport:
        """Return what was counted so far."""
        histogram = self._histogram.copy()
        count = int(histogram.sum())
        if count == 0:
            return PeriodReport(0, 0.0, 0.0, 0.0, 0.0, 0.0)
        cumulative = np.cumsum(histogram)
        median, p999 = (float(np.searchsorted(cumulative, share * count) + 1) * _BIN_S for share in (0.5, 0.999))
        return PeriodReport(
            count, self._long / count, median, p999, self._longest_ns * 1e-9, self._busy_ns * 1e-9 / count
        )
