"""Reads a window of a ledger and computes its key figures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from cablecell.core.errors import ConfigurationError
from cablecell.core.supervision import kpi
from cablecell.records.ledger import Ledger


class TimeFormatError(ConfigurationError):
    """A time is not written as ISO 8601, or a window ends before it begins."""

    code = 914


@dataclass(frozen=True)
class Shift:
    """What there is to say about a window of a ledger.

    Attributes:
        from_ns: Begin.
        to_ns: End.
        figures: Of `kpi.key_figures`.
        times: Times in each state.
        made: Parts.
        stop_reasons: Of `kpi.stop_reasons`.
        failure_causes: Of `kpi.failure_causes`.
        recoveries: How often each action was done, by name.
    """

    from_ns: int
    to_ns: int
    figures: dict[str, float]
    times: list[kpi.Interval]
    made: list[kpi.Part]
    stop_reasons: list[dict[str, Any]]
    failure_causes: list[dict[str, Any]]
    recoveries: dict[str, int]


def read_shift(path: Path, begin: str = "", end: str = "", planned_s: float | None = None) -> Shift:
    """Return a window of a ledger.

    Args:
        path: The ledger; a cell may be writing it.
        begin: Begin as ISO 8601, UTC where it names no zone; empty for the first row.
        end: Likewise its end; empty for the last row.
        planned_s: Planned time of one part, s; None for the one that a tenth of the good ones kept.

    Raises:
        TimeFormatError: A time cannot be read, or the window is empty (code 914).
        LedgerError: The ledger cannot be read (code 640).
    """
    with Ledger(path, writes=False) as ledger:
        states, insertions = ledger.rows("states"), ledger.rows("insertions")
        commands, deeds = ledger.rows("commands"), ledger.rows("recoveries")
        readings = ledger.rows("energy")
    signs = [row["stamp_ns"] for row in (*commands, *deeds)]
    signs += [row[key] for row in insertions for key in ("begun_ns", "ended_ns") if row[key] is not None]
    stamps = [row["stamp_ns"] for row in states] + signs
    from_ns = _ns(begin) if begin else min(stamps, default=0)
    to_ns = _ns(end) if end else max(stamps, default=0) + 1
    if to_ns <= from_ns:
        raise TimeFormatError(f"the window ends at '{end}', before it begins at '{begin}'", quantity="to", value=end)
    times = kpi.intervals(states, signs, from_ns, to_ns)
    # A part that ends in the window may have begun before it.
    whole = kpi.intervals(states, signs, min(stamps, default=0), to_ns)
    made = kpi.parts(insertions, deeds, from_ns, to_ns, kpi.executed(whole))
    recoveries: dict[str, int] = {}
    for row in deeds:
        if from_ns <= row["stamp_ns"] < to_ns and row["error_code"] == 0:
            recoveries[row["action"]] = recoveries.get(row["action"], 0) + 1
    return Shift(
        from_ns,
        to_ns,
        kpi.key_figures(times, made, planned_s, kpi.spent_j(readings, from_ns, to_ns)),
        times,
        made,
        kpi.stop_reasons(times),
        kpi.failure_causes(insertions, from_ns, to_ns),
        recoveries,
    )


def _ns(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise TimeFormatError(f"'{text}' is no time; write it as 2026-11-23T22:00:00", value=text) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
    passed = moment - epoch
    return (passed.days * 86_400 + passed.seconds) * 1_000_000_000 + passed.microseconds * 1_000
