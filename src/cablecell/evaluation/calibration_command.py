"""`calib …`: take a calibration in the simulated cell, and show, list and roll back the records."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Table

from cablecell.core.calibration.record import KINDS, CalibrationRecord, RecordError, require_usable
from cablecell.core.errors import WorkcellError
from cablecell.evaluation import calibration_runs as runs
from cablecell.evaluation.calibration_cell import CalibrationCell
from cablecell.evaluation.calibration_plots import residual_drawing
from cablecell.records.calibration import CalibrationStore

FAILED, REFUSED = 1, 2


@dataclass(frozen=True)
class TakeOptions:
    """What to take.

    Attributes:
        kind: Kind of calibration.
        seed: Of the simulated cell, and part of its name.
        views: Views or touches.
        records: Folder of the records.
        as_json: Whether to print the record as JSON.
    """

    kind: str
    seed: int
    views: int
    records: Path
    as_json: bool


def take(options: TakeOptions) -> int:
    """Take one calibration and keep its record; return the exit code: 0 passed, 1 failed its limits, 2 refused."""
    console, errors = Console(highlight=False), Console(stderr=True, highlight=False)
    cell = f"sim-{options.seed}"
    try:
        with Bar(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=errors
        ) as bar:
            task = bar.add_task("setting up the simulated cell", total=options.views)

            def progress(done: int, total: int, what: str) -> None:
                bar.update(task, completed=done, total=total, description=what)

            record, drawing = _take(options, cell, progress)
    except WorkcellError as error:
        errors.print(f"code {error.code}: {error}", markup=False, soft_wrap=True)
        return REFUSED
    store = CalibrationStore(options.records)
    number = store.save(record)
    path = store.path(record.kind, number)
    if drawing:
        path.with_suffix(".svg").write_text(drawing, encoding="utf-8")
    if options.as_json:
        _print_json({"number": number, "file": str(path), **store.load(record.kind, number).model_dump()})
    else:
        _print_record(console, number, record)
        console.print(f"{'in use' if record.passed else 'NOT in use'}: {path}", markup=False, soft_wrap=True)
    return 0 if record.passed else FAILED


def _take(options: TakeOptions, cell_name: str, progress: runs.Progress) -> tuple[CalibrationRecord, str]:
    if options.kind == "wrench":
        method = "simulated machine, four orientations, arm told torques, no cable"
        return runs.wrench_record(runs.weigh_tool(options.seed), cell_name, method), ""
    cell = CalibrationCell(options.seed)
    if options.kind == "plug":
        found = runs.touch_point(cell, options.views, options.seed, progress)
        method = f"one-process cell: {options.views} touches of a fixed point, contact not simulated"
        R_tcp_tip = cell.X_tcp_tip_nominal[:3, :3]
        return runs.plug_record(found, R_tcp_tip, cell.connector, cell_name, method), ""
    taken = runs.take_views(cell, options.views, options.seed, progress)
    method = f"one-process cell: {len(taken.views)} planned views of the ChArUco plate"
    if options.kind == "camera":
        return runs.camera_record(runs.lens_calibrations(cell, taken), cell_name, method), ""
    rig = runs.rig_calibration(cell, taken)
    return runs.handeye_record(rig, cell_name, method), residual_drawing(rig)


def show(kind: str, number: int | None, records: Path, *, cell: str, as_json: bool) -> int:
    """Print one record and whether it may be used; return 0 if it may, 1 if not, 2 if it cannot be read."""
    console, store = Console(highlight=False), CalibrationStore(records)
    try:
        number = store.current(kind) if number is None else number
        record = store.load(kind, number)
    except RecordError as error:
        return _refuse(error)
    problem = _problem(record, cell)
    if as_json:
        _print_json({"number": number, "problem": _problem_json(problem), **record.model_dump()})
    else:
        _print_record(console, number, record)
        text = "may be used" if problem is None else f"may not be used, code {problem.code}: {problem}"
        console.print(text, markup=False, soft_wrap=True)
    return 0 if problem is None else FAILED


def list_records(kinds: tuple[str, ...], records: Path, *, as_json: bool) -> int:
    """Print the history of some kinds."""
    store = CalibrationStore(records)
    try:
        entries = [(kind, entry) for kind in kinds or KINDS for entry in store.history(kind)]
    except RecordError as error:
        return _refuse(error)
    if as_json:
        rows = [
            {
                "kind": kind,
                "number": entry.number,
                "in_use": entry.is_current,
                "problem": _problem_json(entry.problem),
                **({} if entry.record is None else _head(entry.record)),
            }
            for kind, entry in entries
        ]
        _print_json(rows)
        return 0
    table = Table(box=None, pad_edge=False)
    for column in ("kind", "number", "in use", "taken", "cell", "passed", "problem"):
        table.add_column(column)
    for kind, entry in entries:
        record, problem = entry.record, entry.problem
        taken, cell, passed = (
            ("-", "-", "-") if record is None else (record_date(record.created_s), record.cell, _yes(record.passed))
        )
        text = "" if problem is None else f"code {problem.code}: {problem}"
        table.add_row(kind, f"{entry.number:04d}", _yes(entry.is_current), taken, cell, passed, text)
    Console(highlight=False).print(table if entries else f"no calibration in {records}", soft_wrap=True)
    return 0


def rollback(kind: str, number: int | None, records: Path) -> int:
    """Use an earlier record again."""
    try:
        found = CalibrationStore(records).rollback(kind, number)
    except RecordError as error:
        return _refuse(error)
    Console(highlight=False).print(f"{kind} calibration {found:04d} is in use again", markup=False)
    return 0


def _refuse(error: WorkcellError) -> int:
    Console(stderr=True, highlight=False).print(f"code {error.code}: {error}", markup=False, soft_wrap=True)
    return REFUSED


def _problem(record: CalibrationRecord, cell: str) -> RecordError | None:
    try:
        require_usable(record, now_s=time.time(), cell=cell or record.cell)
    except RecordError as error:
        return error
    return None


def _problem_json(problem: RecordError | None) -> dict[str, Any] | None:
    return None if problem is None else {"code": problem.code, "message": str(problem)}


def _head(record: CalibrationRecord) -> dict[str, Any]:
    keys = ("cell", "arm", "cameras", "created_s", "expires_s", "software", "passed", "figures")
    return {key: getattr(record, key) for key in keys}


def _print_record(console: Console, number: int, record: CalibrationRecord) -> None:
    taken, expires = record_date(record.created_s), record_date(record.expires_s)
    title = f"{record.kind} {number:04d} of {record.cell}, taken {taken}, expires {expires}"
    console.print(title, markup=False, soft_wrap=True)
    console.print(record.method, markup=False, soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_column("limit", justify="right")
    for key, value in record.figures.items():
        limit = record.limits.get(key)
        table.add_row(key, f"{value:.6g}", "" if limit is None else f"{limit:.6g}")
    console.print(table)
    console.print("passed" if record.passed else "FAILED")


def _print_json(data: Any) -> None:
    Console(highlight=False, soft_wrap=True).print(json.dumps(data, indent=2), markup=False)


def record_date(stamp_s: float) -> str:
    """Return a time of a record, s since the epoch, in UTC."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(stamp_s))


def _yes(value: bool) -> str:
    return "yes" if value else "no"
