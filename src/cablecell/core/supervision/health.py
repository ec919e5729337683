"""Which nodes are alive, judged from their heartbeats."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from cablecell.core.errors import SupervisionError

ACTIVE = 3
FINALIZED = 4
_STATE_NAMES = {1: "unconfigured", 2: "inactive", 3: "active", 4: "finalized"}


class NodeLostError(SupervisionError):
    """A node that the cell needs died, ended or was deactivated."""

    code = 608


class Loss(Enum):
    """How a node was lost."""

    DIED = "died"
    SILENT = "silent"
    ENDED = "ended"
    DEACTIVATED = "deactivated"


@dataclass(frozen=True)
class LostNode:
    """A node that is not there any more.

    Attributes:
        name: Its name.
        loss: How it was lost.
        silent_s: Time since it was last heard to be active, s.
        limit_s: What was allowed, s.
        state: Lifecycle state it last reported.
    """

    name: str
    loss: Loss
    silent_s: float
    limit_s: float
    state: int

    @property
    def reason(self) -> str:
        """One sentence that names the node."""
        if self.loss is Loss.DIED:
            return f"node {self.name} died: its process is gone"
        if self.loss is Loss.ENDED:
            return f"node {self.name} has ended"
        if self.loss is Loss.DEACTIVATED:
            return f"node {self.name} is {_STATE_NAMES.get(self.state, self.state)}, not active"
        return f"node {self.name} fell silent: no heartbeat for {self.silent_s:.2f} s; the limit is {self.limit_s} s"


GOODBYE_S = 0.1
"""Time that the last heartbeat of a process that has just ended may still be on its way, s."""


_ASLEEP_S = 0.2
"""Time over which a process has to be seen asleep, every time that it is looked at, s."""


@dataclass
class _Record:
    active_s: float
    is_heard: bool = False
    state: int = ACTIVE
    has_process: bool | None = None
    gone_s: float = math.inf
    asleep_s: float = math.inf


class NodeHealth:
    """Deadlines on heartbeats, and the processes behind them where those can be seen.

    A process that is gone is lost at once. One that computes may be silent for longer: that keeps the interpreter from
    sending, and is not a death. One that is silent while it sleeps hangs.
    """

    def __init__(self, names: Iterable[str], limit_s: float, busy_limit_s: float) -> None:
        """Watch nothing until `begin`.

        Args:
            names: The nodes that are needed.
            limit_s: Longest time without a heartbeat of an active node whose process cannot be seen, s.
            busy_limit_s: The same of a node whose process is seen to be there, s.
        """
        self._names = tuple(names)
        self._limit_s, self._busy_limit_s = limit_s, busy_limit_s
        self._records: dict[str, _Record] = {}

    def begin(self, now_s: float) -> None:
        """Expect heartbeats of active nodes from now on."""
        self._records = {name: _Record(now_s) for name in self._names}

    def unheard(self) -> list[str]:
        """Return the nodes of which no heartbeat as an active node has come since `begin`."""
        return [name for name, record in self._records.items() if not record.is_heard]

    def hear(self, name: str, state: int, now_s: float) -> None:
        """Take a heartbeat; a node that is not watched does not matter."""
        record = self._records.get(name)
        if record is None:
            return
        record.state, record.asleep_s = state, math.inf
        if state == ACTIVE:
            record.is_heard, record.active_s = True, now_s

    def note_process(self, name: str, is_there: bool, now_s: float) -> None:
        """Take whether the process of a node exists; not called where that is unknown."""
        record = self._records.get(name)
        if record is None:
            return
        record.has_process = is_there
        record.gone_s = math.inf if is_there else min(record.gone_s, now_s)

    def note_sleep(self, name: str, is_asleep: bool, now_s: float) -> None:
        """Take whether all of a node's process sleeps or is stopped; not called where that is unknown."""
        record = self._records.get(name)
        if record is not None:
            record.asleep_s = min(record.asleep_s, now_s) if is_asleep else math.inf

    def silent(self, now_s: float, after_s: float) -> list[str]:
        """Return the nodes of which nothing was heard for a time."""
        return [name for name, record in self._records.items() if now_s - record.active_s > after_s]

    def first_lost(self, now_s: float) -> LostNode | None:
        """Return a node that is lost, first the one whose process died; None when all are well."""
        dead = self.died(now_s - GOODBYE_S)
        if dead is not None:
            return dead
        late = [(record.active_s, name) for name, record in self._records.items() if self._is_late(record, now_s)]
        if not late:
            return None
        _, name = min(late)
        record = self._records[name]
        loss = Loss.SILENT
        if record.state == FINALIZED:
            loss = Loss.ENDED
        elif record.state != ACTIVE:
            loss = Loss.DEACTIVATED
        return LostNode(name, loss, now_s - record.active_s, self._allowed_s(record, now_s), record.state)

    def died(self, until_s: float) -> LostNode | None:
        """Return the first node whose process was gone at a time without having said goodbye; None if there is none."""
        gone = [
            (record.gone_s, name)
            for name, record in self._records.items()
            if record.gone_s <= until_s and record.state != FINALIZED
        ]
        if not gone:
            return None
        gone_s, name = min(gone)
        record = self._records[name]
        return LostNode(name, Loss.DIED, gone_s - record.active_s, self._limit_s, record.state)

    def _allowed_s(self, record: _Record, now_s: float) -> float:
        if not record.has_process or record.state != ACTIVE:
            return self._limit_s
        # Where nobody is heard it is the hearing that fails.
        is_hearing = now_s - max(other.active_s for other in self._records.values()) < _ASLEEP_S
        return self._limit_s if is_hearing and now_s - record.asleep_s >= _ASLEEP_S else self._busy_limit_s

    def _is_late(self, record: _Record, now_s: float) -> bool:
        return now_s - record.active_s > self._allowed_s(record, now_s)
