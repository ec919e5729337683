"""`ledger show`, `backup` and `restore`."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timezone
from enum import IntEnum
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from cablecell.core.supervision.jobs import Status
from cablecell.core.supervision.packml import Mode, State
from cablecell.records.ledger import Ledger, LedgerError

_COLUMNS = {
    "jobs": ("job_id", "recipe", "begun_ns", "ended_ns", "status", "error_code", "error_msg"),
    "insertions": (
        "job_id",
        "step",
        "connector",
        "port",
        "begun_ns",
        "duration_s",
        "depth_m",
        "peak_force_n",
        "attempts",
        "error_code",
        "error_msg",
    ),
    "states": ("stamp_ns", "state", "mode", "cause_code", "job_id", "reason"),
    "commands": ("stamp_ns", "requester", "command", "error_code", "reason"),
    "recoveries": ("job_id", "step", "stamp_ns", "cause_code", "plan", "rung", "action", "error_code", "cause_msg"),
    "queue": ("job_id", "recipe", "priority", "serials", "state", "requester", "added_ns", "error_code", "error_msg"),
    "releases": ("recipe", "version", "recipe_hash", "stamp_ns", "requester"),
    "answers": ("insertion", "stamp_ns", "answer", "requester"),
    "energy": ("stamp_ns", "meter_j"),
    "quarantine": ("serial", "stamp_ns", "job_id", "step", "cause_code", "reason"),
}
"""What fits on a line; `--json` has all."""

_NAMES: dict[str, type[IntEnum]] = {"state": State, "mode": Mode, "status": Status}


def show(path: Path, table: str, *, as_json: bool) -> int:
    """Print a table of a ledger; return the exit code."""
    try:
        with Ledger(path, writes=False) as ledger:
            rows = ledger.rows(table)
    except LedgerError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if as_json:
        sys.stdout.write(json.dumps(rows) + "\n")
        return 0
    drawn = Table(*_COLUMNS[table])
    for row in rows:
        drawn.add_row(*(_text(name, row[name]) for name in _COLUMNS[table]))
    Console(width=None if sys.stdout.isatty() else 200).print(drawn)
    return 0


def back_up(source: Path, target: Path) -> int:
    """Copy a ledger and check the copy; return the exit code."""
    try:
        with Ledger(source, writes=False) as ledger:
            ledger.back_up(target)
    except LedgerError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name in _NAMES and value in list(_NAMES[name]):
        return _NAMES[name](value).name
    if name.endswith("_ns"):
        return datetime.fromtimestamp(1e-9 * value, tz=timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
    return f"{value:.4g}" if isinstance(value, float) else str(value)
