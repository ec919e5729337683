"""Nodes that the cell can do without for a moment: launch starts them again, and no insertion begins meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cablecell.core.supervision.health import ACTIVE

SILENT_S = 2.0
"""Longest silence of such a node while its process is there, s: whoever compresses a chunk may be late."""


@dataclass
class _Helper:
    heard_s: float
    state: int
    is_gone: bool = False


class HelperWatch:
    """Knows which helpers are missing; one that was never heard is not part of this cell."""

    def __init__(self, names: Iterable[str]) -> None:
        """Watch nodes by their full names from their first heartbeat on."""
        self._names = frozenset(names)
        self._heard: dict[str, _Helper] = {}

    def hear(self, name: str, state: int, now_s: float) -> None:
        """Take a heartbeat; a node that is no helper does not matter."""
        if name in self._names:
            self._heard[name] = _Helper(now_s, state)

    def note_process(self, name: str, is_there: bool) -> None:
        """Take whether the process that was heard last exists; not called where that is unknown."""
        if name in self._heard:
            self._heard[name].is_gone = not is_there

    def missing(self, now_s: float) -> str:
        """Return what is wrong with the first helper that is missing; empty where none is."""
        for name, helper in sorted(self._heard.items()):
            if helper.is_gone:
                return f"node {name} died: its process is gone"
            if helper.state != ACTIVE:
                return f"node {name} is not active"
            if now_s - helper.heard_s > SILENT_S:
                return f"node {name} fell silent: no heartbeat for more than {SILENT_S} s"
        return ""
