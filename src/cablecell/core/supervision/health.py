"""Which nodes are alive, judged from their heartbeats."""

from __future__ import annotations

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
        if self.loss is Loss.ENDED:
            return f"node {self.name} has ended"
        if self.loss is Loss.DEACTIVATED:
            return f"node {self.name} is {_STATE_NAMES.get(self.state, self.state)}, not active"
        return f"node {self.name} died: no heartbeat for {self.silent_s:.2f} s; the limit is {self.limit_s} s"


@dataclass
class _Record:
    heard_s: float
    active_s: float
    state: int


class NodeHealth:
    """Deadlines on heartbeats. A node is lost when it was not heard to be active for longer than the limit."""

    def __init__(self, names: Iterable[str], limit_s: float) -> None:
        """Watch nothing until `begin`.

        Args:
            names: The nodes that are needed.
            limit_s: Longest time without a heartbeat of an active node, s.
        """
        self._names = tuple(names)
        self._limit_s = limit_s
        self._records: dict[str, _Record] = {}

    def begin(self, now_s: float) -> None:
        """Expect heartbeats of active nodes from now on."""
        self._records = {name: _Record(now_s, now_s, ACTIVE) for name in self._names}

    def hear(self, name: str, state: int, now_s: float) -> None:
        """Take a heartbeat; a node that is not watched does not matter."""
        record = self._records.get(name)
        if record is None:
            return
        record.heard_s, record.state = now_s, state
        if state == ACTIVE:
            record.active_s = now_s

    def first_lost(self, now_s: float) -> LostNode | None:
        """Return the node that has been lost for longest; None when all are well."""
        late = [(record.active_s, name) for name, record in self._records.items() if self._is_late(record, now_s)]
        if not late:
            return None
        _, name = min(late)
        record = self._records[name]
        loss = Loss.SILENT
        if record.state == FINALIZED:
            loss = Loss.ENDED
        elif now_s - record.heard_s <= self._limit_s:
            loss = Loss.DEACTIVATED
        return LostNode(name, loss, now_s - record.active_s, self._limit_s, record.state)

    def all_said_goodbye(self) -> bool:
        """Return whether every watched node has reported an orderly end."""
        return all(record.state == FINALIZED for record in self._records.values())

    def silent(self, now_s: float, limit_s: float) -> LostNode | None:
        """Return a node that fell silent without saying goodbye while the cell is ending; None when there is none."""
        for name, record in sorted(self._records.items(), key=lambda item: item[1].heard_s):
            if record.state != FINALIZED and now_s - record.heard_s > limit_s:
                return LostNode(name, Loss.SILENT, now_s - record.heard_s, limit_s, record.state)
        return None

    def _is_late(self, record: _Record, now_s: float) -> bool:
        return now_s - record.active_s > self._limit_s
