"""The key figures of a shift in a terminal, as JSON, and as a report that needs nothing beside it (HTML or PDF)."""

from __future__ import annotations

import io
import json
import math
import sys
from datetime import datetime, timezone
from importlib import resources
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from cablecell.core.errors import WorkcellError
from cablecell.records.shift import Shift, read_shift


def run(path: Path, *, begin: str, end: str, planned_s: float | None, as_json: bool, report: str) -> int:
    """Print the key figures of a window of a ledger and write its report; return the exit code."""
    try:
        shift = read_shift(path, begin, end, planned_s)
    except WorkcellError as error:
        sys.stderr.write(f"code {error.code}: {error}\n")
        return 1
    if report:
        target = Path(report)
        if target.suffix.lower() == ".pdf":
            _figure(shift).savefig(target, format="pdf")
        else:
            target.write_text(render(shift, path.name), encoding="utf-8")
    if as_json:
        sys.stdout.write(json.dumps(as_document(shift), indent=2) + "\n")
        return 0
    table = Table("key figure", "value", box=None, title=f"{_clock(shift.from_ns)} to {_clock(shift.to_ns)}")
    table.columns[1].justify = "right"
    for name, value in shift.figures.items():
        table.add_row(name, _number(value))
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


def render(shift: Shift, ledger: str) -> str:
    """Return the report as HTML."""
    from jinja2 import Environment
    from markupsafe import Markup

    drawing = io.StringIO()
    _figure(shift).savefig(drawing, format="svg")
    svg = drawing.getvalue()
    template = resources.files("cablecell.evaluation").joinpath("templates/shift.html.j2").read_text(encoding="utf-8")
    good = sum(part.is_good for part in shift.made)
    return (
        Environment(autoescape=True)
        .from_string(template)
        .render(
            begin=_clock(shift.from_ns),
            end=_clock(shift.to_ns),
            ledger=ledger,
            parts=len(shift.made),
            good=good,
            bad=len(shift.made) - good,
            figure=Markup(svg[svg.index("<svg") :]),
            figures=[(name, _number(value)) for name, value in shift.figures.items()],
            stop_reasons=shift.stop_reasons,
            failure_causes=shift.failure_causes,
            recoveries=sorted(shift.recoveries.items()),
        )
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
    figure.suptitle(f"OEE {_number(shift.figures['oee'])}, {_clock(shift.from_ns)} to {_clock(shift.to_ns)} UTC")
    return figure


def _clock(stamp_ns: int) -> str:
    return datetime.fromtimestamp(1e-9 * stamp_ns, tz=timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.6g}"
