"""The report of one calibration: its figures beside their limits, what it found, when it expires."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from cablecell.core.calibration.record import CalibrationRecord
from cablecell.evaluation.calibration_command import record_date
from cablecell.evaluation.reports.document import ReportDocument, ReportFigure, ReportTable, number
from cablecell.records.calibration import CalibrationStore


def calibration_report(records: Path, kind: str, record_number: int | None = None) -> ReportDocument:
    """Return the report of a record.

    Args:
        records: Folder of the records.
        kind: What was calibrated.
        record_number: Which record; the one in use by default.

    Raises:
        RecordError: There is none, or it is damaged (codes 950 to 956).
    """
    store = CalibrationStore(records)
    chosen = store.current(kind) if record_number is None else record_number
    record = store.load(kind, chosen)
    figures = [(key, number(value), number(record.limits.get(key))) for key, value in record.figures.items()]
    return ReportDocument(
        title=f"Calibration of {_NAMES[record.kind]}, record {chosen:04d}",
        verdict="passed" if record.passed else "failed: not in use",
        is_bad=not record.passed,
        lines=(
            f"Cell {record.cell}, arm {record.arm}.",
            f"Taken {record_date(record.created_s)}, good until {record_date(record.expires_s)}.",
            f"Method: {record.method}. Software {record.software}.",
            f"Signature (SHA-256 of everything else): {record.sha256}",
        ),
        tables=[
            ReportTable(
                "Figures and their limits (SI units, by the end of the name)", ("figure", "value", "limit"), figures
            ),
            *_found(record),
        ],
        figures=[ReportFigure("figures over their limits", lambda: _draw(record))] if record.limits else (),
    )


_NAMES = {
    "camera": "the lenses",
    "handeye": "the camera mounts",
    "plug": "the plug in the gripper",
    "wrench": "the force sensor",
}

_LENS = ("fx, px", "fy, px", "cx, px", "cy, px", "k1", "p1", "p2")


def _found(record: CalibrationRecord) -> list[ReportTable]:
    tables = []
    if record.lenses:
        rows = []
        for camera, lens in record.lenses.items():
            spread = np.sqrt(np.diag(np.asarray(lens.covariance)))
            for name, value, deviation in zip(_LENS, lens.values, spread, strict=True):
                rows.append((f"{camera} {name}", number(value), number(float(deviation))))
        tables.append(ReportTable("Lenses", ("quantity", "value", "standard deviation"), rows))
    for camera, mount in record.mounts.items():
        tables.append(_matrix(f"Mount of {camera}: X_tcp_optical (m)", mount))
    if record.X_tcp_tip is not None:
        tables.append(_matrix(f"Tip of the plug ({record.connector}): X_tcp_tip (m)", record.X_tcp_tip))
    if record.bias is not None:
        weighed = [
            ("mass of what hangs on it, kg", _values(record.mass_kg)),
            ("its centre, m", _values(record.centre_m)),
            ("bias, N and N·m", _values(record.bias)),
        ]
        tables.append(ReportTable("Force sensor", ("quantity", "value"), weighed, frozenset({1})))
    return tables


def _matrix(title: str, rows: Any) -> ReportTable:
    cells = [[f"{value:.6f}" for value in row] for row in np.asarray(rows, dtype=float)]
    return ReportTable(title, ("x", "y", "z", "position"), cells)


def _values(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, list | tuple):
        return ", ".join(_values(item) for item in value)
    return number(value) if isinstance(value, float) else str(value)


def _draw(record: CalibrationRecord) -> Any:
    from matplotlib.figure import Figure

    names = [name for name in record.figures if record.limits.get(name)]
    shares = [100.0 * abs(record.figures[name]) / record.limits[name] for name in names]
    figure = Figure(figsize=(8.0, 0.8 + 0.35 * len(names)), layout="constrained")
    axes = figure.subplots()
    axes.barh(range(len(names)), shares, color=["#4a7ab0" if share <= 100.0 else "#b3261e" for share in shares])
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.axvline(100.0, color="#222222", linewidth=1.0)
    axes.set_xlabel("share of the limit / %")
    state = "passed" if record.passed else "failed"
    axes.set_title(f"{record.kind}, {record_date(record.created_s)}: {state}, limit at 100 %", loc="left")
    return figure
