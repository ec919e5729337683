"""Alarms: what wants a person, why, and what to do first."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, replace

from cablecell.console.errors import UnknownCommandError

FIRST_ACTIONS: tuple[tuple[int, int, str], ...] = (
    (100, 199, "reach"),
    (200, 299, "path"),
    (312, 312, "contact"),
    (314, 314, "stopped"),
    (315, 316, "restart"),
    (320, 320, "contact"),
    (300, 399, "motion"),
    (411, 411, "look"),
    (420, 421, "recipe"),
    (409, 409, "plug"),
    (415, 419, "cable"),
    (400, 499, "insertion"),
    (520, 539, "look"),
    (580, 587, "camera"),
    (590, 593, "sensor"),
    (594, 598, "calibration"),
    (500, 599, "calibration"),
    (608, 611, "restart"),
    (620, 620, "taken"),
    (640, 640, "disk"),
    (644, 644, "answer"),
    (600, 699, "log"),
    (700, 719, "teleop"),
    (800, 899, "robot"),
    (900, 999, "recipe"),
)
"""First and last code, and the key of the text that says what to do first; the first row that fits counts."""


def first_action(code: int) -> str:
    """Return the key of the text that says what to do first about a code."""
    return next((key for low, high, key in FIRST_ACTIONS if low <= code <= high), "log")


@dataclass(frozen=True)
class Alarm:
    """One alarm.

    Attributes:
        number: Counts them.
        source: What raised it: `cell`, `job`, or the name of a component of the diagnostics.
        code: Error code; 0 where there is none.
        cause: In one sentence.
        begun_s: When it was raised, s since the epoch.
        ended_s: When it was over; None while it stands.
        acknowledged_by: Who has seen it; empty for nobody.
        count: How often it came since.
    """

    number: int
    source: str
    code: int
    cause: str
    begun_s: float
    ended_s: float | None = None
    acknowledged_by: str = ""
    count: int = 1

    @property
    def is_active(self) -> bool:
        """Whether it stands, or nobody has seen it yet."""
        return self.ended_s is None or not self.acknowledged_by


class AlarmBook:
    """Raises and ends alarms; one stands for each source at most. Any thread may use it."""

    def __init__(self, length: int = 200) -> None:
        """Begin without any.

        Args:
            length: How many that are over are kept.
        """
        self._active: dict[int, Alarm] = {}
        self._history: deque[Alarm] = deque(maxlen=length)
        self._count = 0
        self._lock = threading.Lock()

    def raise_alarm(self, source: str, code: int, cause: str, now_s: float) -> None:
        """Raise an alarm; nothing where the same stands already."""
        with self._lock:
            standing = self._standing(source)
            if standing is not None and standing.code == code:
                return
            if standing is not None:
                self._put(replace(standing, ended_s=now_s))
            again = next((one for one in self._active.values() if (one.source, one.code) == (source, code)), None)
            if again is not None:  # it was over, and nobody has seen it: one that comes and goes is one alarm
                self._put(replace(again, cause=cause, ended_s=None, count=again.count + 1))
                return
            self._count += 1
            self._active[self._count] = Alarm(self._count, source, code, cause, now_s)

    def end_alarm(self, source: str, now_s: float) -> None:
        """Say that what a source complained about is over."""
        with self._lock:
            standing = self._standing(source)
            if standing is not None:
                self._put(replace(standing, ended_s=now_s))

    def acknowledge(self, number: int, who: str) -> Alarm:
        """Note that somebody has seen an alarm.

        Raises:
            UnknownCommandError: No active alarm has that number (code 726).
        """
        with self._lock:
            if number not in self._active:
                raise UnknownCommandError(f"there is no active alarm {number}", quantity="alarm", value=number)
            alarm = replace(self._active[number], acknowledged_by=self._active[number].acknowledged_by or who)
            self._put(alarm)
            return alarm

    @property
    def active(self) -> list[Alarm]:
        """Alarms that stand, or that nobody has seen, newest first."""
        with self._lock:
            return sorted(self._active.values(), key=lambda alarm: -alarm.number)

    @property
    def history(self) -> list[Alarm]:
        """Alarms that are over and were seen, newest first."""
        with self._lock:
            return list(reversed(self._history))

    def _standing(self, source: str) -> Alarm | None:
        return next((one for one in self._active.values() if one.source == source and one.ended_s is None), None)

    def _put(self, alarm: Alarm) -> None:
        if alarm.is_active:
            self._active[alarm.number] = alarm
        else:
            self._active.pop(alarm.number, None)
            self._history.append(alarm)
