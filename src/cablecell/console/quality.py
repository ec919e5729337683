"""What the ledger says of the quality of parts: every insertion, why it is flagged, and the forces of its connector."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cablecell.core.config.connector import Connector
from cablecell.core.insertion.outcome import Outcome
from cablecell.records.ledger import Ledger

NEWEST = 1000
"""How many insertions are looked at."""

FLAGS = ("failed", "force", "found", "again")
"""Why a part is flagged: not seated, pressed harder than its connector bears, not watched to its end, not at once."""


@dataclass(frozen=True)
class InsertionRow:
    """One insertion that has ended.

    Attributes:
        number: In the ledger.
        begun_ns: Begin, ns since the epoch.
        ended_ns: End.
        job_id: Its job.
        step: Its step.
        serial: Of the plug; empty where nobody knows it.
        connector: Family.
        port: Name of the port.
        outcome: Of the skill, such as `seated` or `jammed`.
        error_code: 0 where it is seated.
        error_msg: Why it is not.
        attempts: How often it was tried.
        depth_m: Reached.
        peak_force_n: Largest force; None where nobody saw it.
        duration_s: Of the last attempt.
        flags: Some of `FLAGS`.
    """

    number: int
    begun_ns: int
    ended_ns: int
    job_id: str
    step: str
    serial: str
    connector: str
    port: str
    outcome: str
    error_code: int
    error_msg: str
    attempts: int
    depth_m: float
    peak_force_n: float | None
    duration_s: float
    flags: tuple[str, ...]


def read_rows(ledger_file: Path, connectors: Mapping[str, Connector]) -> list[InsertionRow]:
    """Return the newest insertions that have ended, newest first.

    Args:
        ledger_file: The ledger; a cell may be writing it.
        connectors: The catalogue, for what force a connector bears.

    Raises:
        LedgerError: It cannot be read (code 640).
    """
    with Ledger(ledger_file, writes=False) as ledger:
        rows = ledger.latest("insertions", NEWEST)
    return [_row(row, connectors.get(row["connector"])) for row in rows if row["ended_ns"] is not None]


def chosen(rows: Sequence[InsertionRow], connector: str, flags: Collection[str], text: str) -> list[InsertionRow]:
    """Return the rows that a person wants to see.

    Args:
        rows: All of them.
        connector: Family; empty for any.
        flags: A row has to have one of these; empty for any.
        text: Part of serial, job, step or port, whatever its case; empty for any.
    """
    wanted = text.strip().lower()
    return [
        row
        for row in rows
        if (not connector or row.connector == connector)
        and (not flags or {*flags} & {*row.flags})
        and any(wanted in part.lower() for part in (row.serial, row.job_id, row.step, row.port))
    ]


def _row(row: Mapping[str, Any], connector: Connector | None) -> InsertionRow:
    code, force = int(row["error_code"] or 0), row["peak_force_n"]
    names = {int(one): one.name.lower() for one in Outcome}
    limit_n = None if connector is None else connector.forces.damage_n
    reasons = {
        "failed": code != 0,
        "force": limit_n is not None and force is not None and force > limit_n,
        "found": bool(row.get("found")),
        "again": code == 0 and (row["attempts"] or 0) > 1,
    }
    return InsertionRow(
        int(row["id"]),
        int(row["begun_ns"]),
        int(row["ended_ns"]),
        row["job_id"],
        row["step"],
        row.get("serial", ""),
        row["connector"],
        row["port"],
        names.get(int(row["outcome"] or 0), "unknown"),
        code,
        row["error_msg"] or "",
        int(row["attempts"] or 0),
        float(row["depth_m"] or 0.0),
        None if force is None else float(force),
        float(row["duration_s"] or 0.0),
        tuple(name for name in FLAGS if reasons[name]),
    )
