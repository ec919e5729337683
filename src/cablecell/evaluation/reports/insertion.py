"""The report of one insertion: what the ledger has of it, beside the insertions of the same connector before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cablecell.configuration import load_connectors
from cablecell.core.insertion.outcome import Outcome
from cablecell.core.statistics import percentile
from cablecell.evaluation.demo_trial import Series, read_series
from cablecell.evaluation.reports.document import ReportDocument, ReportFigure, ReportTable, clock, number
from cablecell.records.errors import RecordingError
from cablecell.records.ledger import Ledger, LedgerError

_BEFORE = 200
"""How many earlier insertions it is compared with."""

_AROUND_S = 1.0
_DELAY_S = 5.0
"""Longest time from the stamp of a message to its receipt, s."""

_MEASURED = (
    ("peak_force_n", "largest force, N"),
    ("depth_m", "depth, m"),
    ("pull_force_n", "held in the pull test, N"),
    ("duration_s", "last attempt, s"),
    ("energy_j", "energy of the joints, J"),
)

Row = Mapping[str, Any]


def insertion_report(ledger_file: Path, number_of: int | None = None, recording: Path | None = None) -> ReportDocument:
    """Return the report of one insertion.

    Args:
        ledger_file: The ledger; a cell may be writing it.
        number_of: Its number in the ledger; the last one that ended by default.
        recording: MCAP of the time, for the forces; none leaves them out.

    Raises:
        LedgerError: The ledger cannot be read, or has no such insertion (code 640).
        RecordingError: The recording cannot be read, or has no force of that time (code 934).
    """
    with Ledger(ledger_file, writes=False) as ledger:
        rows, jobs, deeds = ledger.rows("insertions"), ledger.rows("jobs"), ledger.rows("recoveries")
    row = _find(rows, number_of, ledger_file)
    job = next(item for item in jobs if item["job_id"] == row["job_id"])
    known = load_connectors().get(row["connector"])
    before = [
        item for item in rows if item["connector"] == row["connector"] and _is_done(item) and item["id"] < row["id"]
    ]
    before = before[-_BEFORE:]
    figures = [ReportFigure("forces and times of this connector", lambda: _draw_history(row, before))]
    if recording is not None:
        around_ns = int((_AROUND_S + _DELAY_S) * 1e9)
        window_ns = (row["begun_ns"] - around_ns, row["ended_ns"] + around_ns)
        series = _within(read_series(recording, window_ns), row, recording)
        figures.insert(0, ReportFigure("force over time", lambda: _draw_force(series, row)))
    told = [item for item in deeds if item["job_id"] == row["job_id"] and item["step"] == row["step"]]
    return ReportDocument(
        title=f"Insertion {row['id']}: {row['plug']} into {row['port']}",
        verdict=_verdict(row),
        is_bad=row["error_code"] != 0,
        lines=[line for line in (_sentence(row), row["error_msg"], _found(row)) if line],
        tables=(
            ReportTable("What and when", ("", ""), _identity(row, job), frozenset({1})),
            ReportTable(
                f"Measured, beside the {len(before)} good ones of {row['connector']} before it",
                ("quantity", "this one", "median", "95 % below", "limit of the connector"),
                [_compared(row, before, key, name, known) for key, name in _MEASURED],
            ),
            ReportTable(
                "How well the port was known when it began",
                ("standard deviation", "value"),
                [("position, m", number(row["port_sigma_m"])), ("orientation, rad", number(row["port_sigma_rad"]))],
            ),
            ReportTable(
                "Recoveries of this step",
                ("time", "cause", "plan", "action", "result"),
                [_deed(item) for item in told],
                frozenset({1, 2, 3}),
            ),
        ),
        figures=figures,
    )


def _find(rows: Sequence[Row], number_of: int | None, ledger_file: Path) -> Row:
    ended = [row for row in rows if row["ended_ns"] is not None]
    found = ended[-1:] if number_of is None else [row for row in ended if row["id"] == number_of]
    if not found:
        what = "no insertion that ended" if number_of is None else f"no insertion {number_of} that ended"
        limit = f"1 to {ended[-1]['id']}" if ended else "none"
        raise LedgerError(
            f"{ledger_file} has {what}; there are {limit}", quantity="insertion", value=number_of or "", limit=limit
        )
    return found[0]


def _is_done(row: Row) -> bool:
    return row["error_code"] == 0 and row["peak_force_n"] is not None


def _outcome(row: Row) -> str:
    known = {int(item): item.name.lower().replace("_", " ") for item in Outcome}
    return known.get(row["outcome"] or 0, "not told")


def _verdict(row: Row) -> str:
    return "seated" if row["error_code"] == 0 else f"code {row['error_code']}: {_outcome(row)}"


def _sentence(row: Row) -> str:
    attempts = "the first attempt" if row["attempts"] == 1 else f"{row['attempts']} attempts"
    latched = "the latch was felt" if row["is_latched"] else "no latch was felt"
    return f"Ended {_outcome(row)} after {attempts}; {latched}." if row["attempts"] else ""


def _found(row: Row) -> str:
    who = {"report": "the report of the skill", "operator": "an operator"}.get(row["found"], "")
    return f"Not watched to its end: after a restart it was found by {who}." if who else ""


def _identity(row: Row, job: Row) -> list[tuple[str, str]]:
    return [
        ("serial", row["serial"] or "-"),
        ("connector", row["connector"]),
        ("began (UTC)", clock(row["begun_ns"])),
        ("ended (UTC)", clock(row["ended_ns"])),
        ("job, step", f"{row['job_id']}, {row['step']}"),
        ("recipe", f"{job['recipe']} ({job['recipe_hash'][:12]})"),
        ("software", row["software"]),
    ]


def _deed(row: Row) -> tuple[str, ...]:
    return clock(row["stamp_ns"]), str(row["cause_code"]), row["plan"], row["action"], str(row["error_code"])


def _compared(row: Row, before: Sequence[Row], key: str, name: str, connector: Any) -> tuple[str, ...]:
    known = [item[key] for item in before if item[key] is not None]
    limit = number(connector.forces.damage_n) if key == "peak_force_n" and connector is not None else "-"
    middle, high = (percentile(known, 0.5), percentile(known, 0.95)) if known else (None, None)
    return (name, number(row[key]), number(middle), number(high), limit)


def _within(series: Series, row: Row, recording: Path) -> Series:
    begin, end = 1e-9 * row["begun_ns"] - _AROUND_S, 1e-9 * row["ended_ns"] + _AROUND_S
    part = series.between(begin, end)
    if not part.force_t_s.size:
        raise RecordingError(
            f"{recording} has no force between {clock(row['begun_ns'])} and {clock(row['ended_ns'])}",
            quantity="recording",
            value=recording,
        )
    return part


def _draw_history(row: Row, before: Sequence[Row]) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 3.2), layout="constrained")
    for axes, (key, name) in zip(figure.subplots(1, 2), (_MEASURED[0], _MEASURED[3]), strict=True):
        axes.plot([item["id"] for item in before], [item[key] for item in before], ".", color="#8aa6c8", label="before")
        if row[key] is not None:
            axes.plot(
                [row["id"]], [row[key]], "D", color="#1b7f3b" if row["error_code"] == 0 else "#b3261e", label="this one"
            )
        axes.set_xlabel("number of the insertion")
        axes.set_ylabel(name)
        axes.set_ylim(bottom=0.0)
        axes.legend(loc="lower left", fontsize=8)
    return figure


def _draw_force(series: Series, row: Row) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 3.2), layout="constrained")
    axes = figure.subplots()
    axes.plot(
        series.force_t_s - 1e-9 * row["begun_ns"],
        np.linalg.norm(series.tared_force(), axis=1),
        color="#4a7ab0",
        linewidth=0.8,
    )
    axes.set_xlabel("time since it began / s")
    axes.set_ylabel("force over the first moment's / N")
    axes.set_ylim(bottom=0.0)
    return figure
