"""The key figures of a shift: in a terminal, as JSON, and as a report."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from cablecell.core.errors import WorkcellError
from cablecell.evaluation.reports.document import (
    ReportDocument,
    ReportFigure,
    ReportTable,
    clock,
    number,
    write_document,
)
from cablecell.records.shift import Shift, read_shift


def run(path: Path, *, begin: str, end: str, planned_s: float | None, as_json: bool, report: str) -> int:
    """Print the key figures of a window of a ledger and write its report; return the exit code."""
    try:
        shift = read_shift(path, begin, end, planned_s)
        if report:
            write_document(Path(report), shift_report(shift, path.name))
    except WorkcellError as error:
        sys.stderr.write(f"code {error.code}: {error}\n")
        return 1
    if as_json:
        sys.stdout.write(json.dumps(as_document(shift), indent=2) + "\n")
        return 0
    table = Table("key figure", "value", box=None, title=f"{clock(shift.from_ns)} to {clock(shift.to_ns)}")
    table.columns[1].justify = "right"
    for name, value in shift.figures.items():
        table.add_row(name, number(value))
    stops = Table("kept from producing", "cause", "times", "time, s", box=None)
    for row in shift.stop_reasons[:10]:
        stops.add_row(row["state"], str(row["cause_code"]), str(row["count"]), f"{row['time_s']:.1f}")
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(table)
    console.print(stops)
    return 0


def as_document(shift: Shift) -> dict[str, Any]:
    """Return what `--json` prints; what is not a number is null."""
    return {
        "from_ns": shift.from_ns,
        "to_ns": shift.to_ns,
        "figures": {name: None if math.isnan(value) else value for name, value in shift.figures.items()},
        "stop_reasons": shift.stop_reasons,
        "failure_causes": shift.failure_causes,
        "recoveries": shift.recoveries,
        "cycles_s": [part.cycle_s for part in shift.made if part.is_good],
    }


def shift_report(shift: Shift, ledger: str) -> ReportDocument:
    """Return the report of a window of a ledger.

    Args:
        shift: What there is to say.
        ledger: Name of the ledger.
    """
    good = sum(part.is_good for part in shift.made)
    stops = [
        (row["state"], str(row["cause_code"]), str(row["count"]), f"{row['time_s']:.1f}") for row in shift.stop_reasons
    ]
    failures = [(str(r["code"]), str(r["count"])) for r in shift.failure_causes]
    return ReportDocument(
        title="Shift report",
        verdict=f"{good} good, {len(shift.made) - good} flagged",
        is_bad=good < len(shift.made),
        lines=(f"{clock(shift.from_ns)} to {clock(shift.to_ns)} UTC, from the ledger {ledger} alone.",),
        tables=(
            ReportTable(
                "Key figures (ISO 22400-2)", ("figure", "value"), [(k, number(v)) for k, v in shift.figures.items()]
            ),
            ReportTable("What kept the cell from producing", ("state", "cause code", "times", "time, s"), stops),
            ReportTable("Insertions that failed", ("code", "times"), failures),
            ReportTable("Recoveries", ("action", "times"), [(k, str(n)) for k, n in sorted(shift.recoveries.items())]),
        ),
        figures=(ReportFigure("stops and cycle times", lambda: _figure(shift)),),
    )


def _figure(shift: Shift) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 3.2), layout="constrained")
    stops, cycles = figure.subplots(1, 2)
    worst = shift.stop_reasons[:8]
    labels = [row["state"] + (f" {row['cause_code']}" if row["cause_code"] else "") for row in worst]
    stops.barh(range(len(worst)), [row["time_s"] for row in worst], color="#4a7ab0")
    stops.set_yticks(range(len(worst)), labels)
    stops.invert_yaxis()
    stops.set_xlabel("time not producing / s")
    cycles.hist([part.cycle_s for part in shift.made if part.is_good], bins=30, color="#4a7ab0")
    cycles.set_xlabel("cycle of a good part / s")
    cycles.set_ylabel("parts")
    figure.suptitle(f"OEE {number(shift.figures['oee'])}, {clock(shift.from_ns)} to {clock(shift.to_ns)} UTC")
    return figure
