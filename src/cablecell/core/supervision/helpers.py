"""Nodes that the cell can do without for a moment: launch starts them again, and no insertion begins meanwhile."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cablecell.core.supervision.health import ACTIVE

SILENT_S = 0.4
"""Longest silence of such a node while all of its process sleeps, or cannot be seen, s."""

BUSY_S = 2.0
"""Longest silence of one whose process computes, s: whoever compresses a chunk may be late."""

HUNG_S = 5.0
"""Silence after which one that sleeps is ended, so that it can be started again, s."""

HUNG_BUSY_S = 30.0
"""The same of one that computes, s."""

_ASLEEP_S = 0.2
"""Time over which a process has to be seen asleep, every time that it is looked at, s."""

_LOOK_S = 0.2
"""Most that the time between two looks counts, s: whoever looks may have stood still as well."""


@dataclass
class _Helper:
    heard_s: float
    state: int
    is_gone: bool = False
    is_seen: bool = False
    asleep_s: float = math.inf
    silent_s: float = 0.0
    is_ended: bool = False

    def is_asleep(self, now_s: float) -> bool:
        return now_s - self.asleep_s >= _ASLEEP_S


class HelperWatch:
    """Knows which helpers are missing; one that was never heard is not part of this cell."""

    def __init__(self, names: Iterable[str]) -> None:
        """Watch nodes by their full names from their first heartbeat on."""
        self._names = frozenset(names)
        self._heard: dict[str, _Helper] = {}
        self._looked_s = 0.0

    def hear(self, name: str, state: int, now_s: float) -> None:
        """Take a heartbeat; a node that is no helper does not matter."""
        if name in self._names:
            self._heard[name] = _Helper(now_s, state)

    def silent(self, now_s: float, after_s: float) -> list[str]:
        """Return the helpers of which nothing was heard for a time."""
        return [name for name, helper in self._heard.items() if now_s - helper.heard_s > after_s]

    def note_process(self, name: str, is_there: bool) -> None:
        """Take whether the process that was heard last exists; not called where that is unknown."""
        if name in self._heard:
            self._heard[name].is_gone = not is_there

    def note_sleep(self, name: str, is_asleep: bool, now_s: float) -> None:
        """Take whether all of a helper's process sleeps or is stopped; not called where that is unknown."""
        helper = self._heard.get(name)
        if helper is not None:
            helper.is_seen = True
            helper.asleep_s = min(helper.asleep_s, now_s) if is_asleep else math.inf

    def hung(self, now_s: float, *, is_hearing: bool) -> Sequence[str]:
        """Return the helpers that hang: silent for long with their process there. Each is named once.

        Args:
            now_s: The time, s.
            is_hearing: Whether any other node is heard; where none is it is the hearing that fails.
        """
        passed_s, self._looked_s = min(now_s - self._looked_s, _LOOK_S), now_s
        found = []
        for name, helper in sorted(self._heard.items()):
            if helper.is_gone or helper.is_ended or not is_hearing:
                continue
            helper.silent_s += passed_s
            if helper.silent_s > (HUNG_S if helper.is_asleep(now_s) else HUNG_BUSY_S):
                helper.is_ended = True
                found.append(name)
        return found

    def missing(self, now_s: float) -> str:
        """Return what is wrong with the first helper that is missing; empty where none is."""
        for name, helper in sorted(self._heard.items()):
            if helper.is_gone:
                return f"node {name} died: its process is gone"
            if helper.state != ACTIVE:
                return f"node {name} is not active"
            limit_s = BUSY_S if helper.is_seen and not helper.is_asleep(now_s) else SILENT_S
            if now_s - helper.heard_s > limit_s:
                return f"node {name} fell silent: no heartbeat for more than {limit_s} s"
        return ""
