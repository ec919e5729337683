"""Calibration records as people see them, and the way back to an earlier one."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cablecell.console.errors import NoCalibrationError
from cablecell.console.texts import say
from cablecell.core.calibration.record import CalibrationRecord, RecordError, require_usable
from cablecell.core.config.console import ConsoleParameters
from cablecell.records.calibration import CalibrationStore


@dataclass(frozen=True)
class RecordView:
    """One record.

    Attributes:
        kind: What was calibrated.
        number: Counts up by one within its kind.
        is_current: Whether the cell takes it when it starts.
        record: The record; None where it cannot be read.
        problem: Why it may not be used here and now; None where it may.
    """

    kind: str
    number: int
    is_current: bool
    record: CalibrationRecord | None
    problem: RecordError | None

    @property
    def worst(self) -> tuple[str, float] | None:
        """Name of the figure that is nearest to its limit, or farthest over it, and its share of the limit."""
        if self.record is None:
            return None
        shares = {
            name: abs(self.record.figures[name]) / limit
            for name, limit in self.record.limits.items()
            if limit > 0.0 and name in self.record.figures
        }
        return max(shares.items(), key=lambda item: item[1], default=None)


def record_folders(settings: ConsoleParameters) -> Mapping[str, Path]:
    """Return the folder of the records of each kind that the cell was started with."""
    given = {
        "handeye": settings.calibration_folder,
        "camera": settings.camera_record,
        "plug": settings.plug_record,
        "wrench": settings.wrench_record,
    }
    return {kind: Path(folder) for kind, folder in given.items() if folder}


def list_records(folders: Mapping[str, Path], cell: str, now_s: float | None = None) -> list[RecordView]:
    """Return every record of every kind, the newest of each first.

    Args:
        folders: Of `record_folders`.
        cell: Name of the cell that wants to use them; empty takes those of any cell.
        now_s: The time, s since 1970; now by default.
    """
    views = []
    for kind, folder in folders.items():
        for entry in reversed(CalibrationStore(folder).history(kind)):
            problem = entry.problem
            if entry.record is not None:
                problem = _problem(entry.record, cell or entry.record.cell, time.time() if now_s is None else now_s)
            views.append(RecordView(kind, entry.number, entry.is_current, entry.record, problem))
    return views


def roll_back(folders: Mapping[str, Path], kind: str, number: str) -> str:
    """Have the cell take an earlier record from its next start on; return what to tell the person.

    Raises:
        NoCalibrationError: The cell was started without records of this kind, or the number is none (code 743).
        RecordError: There is no such record, it cannot be read, or it did not pass (codes 950 to 956).
    """
    if kind not in folders:
        raise NoCalibrationError(
            f"the cell was started without {kind[:20]} records", quantity="kind", limit=", ".join(folders) or "none"
        )
    if not (number.isascii() and number.isdigit() and int(number) > 0):
        raise NoCalibrationError(f"'{number[:20]}' is no number of a record", quantity="number")
    chosen = CalibrationStore(folders[kind]).rollback(kind, int(number))
    return say("done.roll_back", kind=say(f"calibration.{kind}"), number=f"{chosen:04d}")


def _problem(record: CalibrationRecord, cell: str, now_s: float) -> RecordError | None:
    try:
        require_usable(record, now_s=now_s, cell=cell)
    except RecordError as error:
        return error
    return None
