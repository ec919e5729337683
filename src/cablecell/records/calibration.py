"""Calibration records on disk: one file for every calibration, never overwritten, and a pointer to the valid one.

A record is complete before it has its name, and the pointer is replaced in one step: a process that is killed at any
moment leaves the old calibration valid or the new one, never a half.
"""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import yaml

from cablecell.core.calibration.record import (
    KINDS,
    CalibrationRecord,
    CorruptRecordError,
    MissingRecordError,
    RecordError,
    parse_record,
    signed,
)

_NAME = re.compile(r"^(\d{4,})\.yaml$")
_POINTER = "current"


@dataclass(frozen=True)
class HistoryEntry:
    """One record of a history.

    Attributes:
        number: Counts up by one.
        is_current: Whether it is the one in use.
        record: The record; None when it cannot be read.
        problem: Why it cannot be read; None when it can.
    """

    number: int
    is_current: bool
    record: CalibrationRecord | None
    problem: RecordError | None


class CalibrationStore:
    """The calibration records of a folder."""

    def __init__(self, folder: Path) -> None:
        """Use a folder; it need not exist yet."""
        self._folder = folder

    def path(self, kind: str, number: int) -> Path:
        """Return where a record is."""
        return self._folder / _known(kind) / f"{number:04d}.yaml"

    def save(self, record: CalibrationRecord) -> int:
        """Write a record, make it the valid one if it passed, and return its number."""
        record = signed(record)
        folder = self._folder / record.kind
        folder.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(record.model_dump(), sort_keys=False, default_flow_style=None, width=120)
        temporary = _write_beside(folder, text)
        try:
            number = max(self._numbers(record.kind), default=0) + 1
            while True:
                try:
                    self.path(record.kind, number).hardlink_to(temporary)
                    break
                except FileExistsError:  # somebody else calibrated at the same time
                    number += 1
        finally:
            temporary.unlink()
        _sync_folder(folder)
        if record.passed:
            self._point(record.kind, number)
        return number

    def current(self, kind: str) -> int:
        """Return the number of the valid record.

        Raises:
            MissingRecordError: Nothing was calibrated yet (code 954).
            CorruptRecordError: The pointer is damaged (code 951).
        """
        pointer = self._folder / _known(kind) / _POINTER
        try:
            text = pointer.read_text(encoding="utf-8").strip()
        except FileNotFoundError as error:
            raise MissingRecordError(
                f"there is no {kind} calibration in {self._folder}", quantity="kind", value=kind, limit=", ".join(KINDS)
            ) from error
        if not text.isdigit():
            raise CorruptRecordError(f"{pointer} holds {text!r}, no number", quantity="current", value=text)
        return int(text)

    def load(self, kind: str, number: int | None = None) -> CalibrationRecord:
        """Return a record; the valid one by default.

        Raises:
            MissingRecordError: There is none (code 954).
            CorruptRecordError: It is not what was written (code 951).
            RecordVersionError: It was written by a newer version (code 956).
        """
        path = self.path(kind, self.current(kind) if number is None else number)
        try:
            data = yaml.safe_load(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            known = ", ".join(str(known) for known in self._numbers(kind)) or "none"
            raise MissingRecordError(
                f"there is no {kind} calibration {path.stem}; there are {known}",
                quantity="number",
                value=path.stem,
                limit=known,
            ) from error
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            reason = " ".join(str(error).split())
            raise CorruptRecordError(f"{path} cannot be read: {reason}", quantity="file", value=path) from error
        return parse_record(data, path.name)

    def history(self, kind: str) -> list[HistoryEntry]:
        """Return every record of a kind, oldest first."""
        try:
            current = self.current(kind)
        except RecordError:
            current = 0
        entries = []
        for number in self._numbers(kind):
            try:
                entries.append(HistoryEntry(number, number == current, self.load(kind, number), None))
            except RecordError as error:
                entries.append(HistoryEntry(number, number == current, None, error))
        return entries

    def rollback(self, kind: str, number: int | None = None) -> int:
        """Make an earlier record the valid one again and return its number.

        Args:
            kind: Kind of record.
            number: Which; by default the newest before the valid one that passed and can be read.

        Raises:
            MissingRecordError: There is none (code 954).
            RecordError: It cannot be read, or did not pass (family 950).
        """
        if number is None:
            current = self.current(kind)
            usable = [
                entry.number
                for entry in self.history(kind)
                if entry.number < current and entry.record is not None and entry.record.passed
            ]
            if not usable:
                raise MissingRecordError(
                    f"there is no usable {kind} calibration before {current:04d}", quantity="number", value=current
                )
            number = usable[-1]
        record = self.load(kind, number)
        if not record.passed:
            raise RecordError(f"{kind} calibration {number:04d} did not pass; it cannot be used", quantity="passed")
        self._point(kind, number)
        return number

    def _numbers(self, kind: str) -> list[int]:
        folder = self._folder / _known(kind)
        found = (_NAME.match(path.name) for path in folder.iterdir()) if folder.is_dir() else ()
        return sorted(int(match[1]) for match in found if match)

    def _point(self, kind: str, number: int) -> None:
        folder = self._folder / kind
        _write_beside(folder, f"{number}\n").replace(folder / _POINTER)
        _sync_folder(folder)


def _known(kind: str) -> str:
    if kind not in KINDS:
        raise MissingRecordError(
            f"no kind of calibration '{kind}'; there are {', '.join(KINDS)}",
            quantity="kind",
            value=kind,
            limit=", ".join(KINDS),
        )
    return kind


def _write_beside(folder: Path, text: str) -> Path:
    handle, name = tempfile.mkstemp(dir=folder, prefix=".writing-")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return Path(name)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
