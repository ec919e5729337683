"""Reports to take away: made by the command line in a process of its own, so that neither pages nor cell wait for them.

What a browser says is a kind, a number and a form; every path comes from the parameters of the console.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, Response

from cablecell.console.curves import Recordings
from cablecell.console.errors import BusyReportError, FailedReportError, UnknownReportError
from cablecell.core.errors import WorkcellError
from cablecell.records.ledger import Ledger

HOURS = (1, 8, 24, 0)
"""Lengths of a shift that can be asked for, h; 0 is all that the ledger has."""

SIZE_LIMIT = 20 * 1024 * 1024
"""Largest report that is handed out, B."""

_TIME_LIMIT_S = 120.0
_NICE = 19
_NAME = re.compile(r"(\d{1,9})\.(html|pdf)", re.ASCII)
_TYPES = {"html": "text/html; charset=utf-8", "pdf": "application/pdf"}


@dataclass(frozen=True)
class ReportOrder:
    """What somebody wants.

    Attributes:
        kind: `insertion`, `shift`, or a kind of calibration record.
        number: Of the insertion or record; of a shift its length, h.
        form: `html` or `pdf`.
    """

    kind: str
    number: int
    form: str

    @property
    def file_name(self) -> str:
        """Under what a browser saves it."""
        return f"{self.kind}_{self.number}.{self.form}"


class ReportMaker:
    """Makes one report at a time."""

    def __init__(
        self,
        ledger: Path | None,
        records: Mapping[str, Path],
        recordings: Recordings,
        command: tuple[str, ...] = (sys.executable, "-m", "cablecell.cli"),
        limit_s: float = _TIME_LIMIT_S,
    ) -> None:
        """Begin.

        Args:
            ledger: File of the ledger; None where there is none.
            records: Folders of calibration records by kind.
            recordings: Recordings, for the forces of an insertion.
            command: What makes reports; it is given the words after `./cell`.
            limit_s: Longest time that it may take, s.
        """
        self._ledger, self._records, self._recordings = ledger, records, recordings
        self._command, self._limit_s = command, limit_s
        self._lock = threading.Lock()

    def parse(self, kind: str, name: str) -> ReportOrder:
        """Return what the two last parts of an address ask for.

        Raises:
            UnknownReportError: There is no such report (code 740).
        """
        known = (*(("insertion", "shift") if self._ledger else ()), *self._records)
        match = _NAME.fullmatch(name)
        if kind not in known or match is None or (kind == "shift" and int(match[1]) not in HOURS):
            raise UnknownReportError(
                "there is no such report; an address ends in KIND/NUMBER.html or .pdf",
                quantity="kind",
                value=kind[:20],
                limit=", ".join(known) or "none",
            )
        return ReportOrder(kind, int(match[1]), match[2])

    def make(self, order: ReportOrder) -> bytes:
        """Return a report; blocks for some seconds.

        Raises:
            BusyReportError: Another one is being made (code 741).
            FailedReportError: It could not be made, took too long, or is too large (code 742).
            LedgerError: The ledger cannot be read (code 640).
        """
        if not self._lock.acquire(blocking=False):
            raise BusyReportError("another report is being made; try again in some seconds", quantity="reports")
        try:
            with tempfile.TemporaryDirectory(prefix="cablecell-report-") as folder:
                return self._run(self._words(order), Path(folder) / f"report.{order.form}")
        finally:
            self._lock.release()

    def _words(self, order: ReportOrder) -> list[str]:
        if order.kind in self._records:
            folder = str(self._records[order.kind])
            return ["calibration", order.kind, "--records", folder, "--number", str(order.number)]
        assert self._ledger is not None
        if order.kind == "shift":
            begin = datetime.fromtimestamp(time.time() - 3600 * order.number, tz=timezone.utc)
            window = ["--from", begin.isoformat()] if order.number else []
            return ["shift", str(self._ledger), *window]
        words = ["insertion", str(self._ledger), "--number", str(order.number)]
        recording = self._recording_of(self._ledger, order.number)
        return words if recording is None else [*words, "--recording", str(recording)]

    def _recording_of(self, file: Path, number: int) -> Path | None:
        with Ledger(file, writes=False) as ledger:
            row = next((row for row in ledger.rows("insertions") if row["id"] == number), None)
        if row is None or row["ended_ns"] is None:
            return None
        return self._recordings.file_of(row["begun_ns"], row["ended_ns"])

    def _run(self, words: list[str], out: Path) -> bytes:
        command = [*self._command, "report", "build", *words, "--out", str(out)]
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as process:
            os.setpriority(os.PRIO_PROCESS, process.pid, _NICE)
            try:
                _, said = process.communicate(timeout=self._limit_s)
            except subprocess.TimeoutExpired as error:
                process.kill()
                raise FailedReportError(
                    f"the report took more than {self._limit_s:.0f} s",
                    quantity="duration",
                    limit=self._limit_s,
                    unit="s",
                ) from error
        if process.returncode != 0 or not out.is_file():
            lines = said.strip().splitlines()
            raise FailedReportError(lines[-1] if lines else f"exit code {process.returncode}", quantity="report")
        size = out.stat().st_size
        if size > SIZE_LIMIT:
            raise FailedReportError(
                f"the report has {size} B; up to {SIZE_LIMIT} B are handed out",
                quantity="size",
                value=size,
                limit=SIZE_LIMIT,
                unit="B",
            )
        return out.read_bytes()


def add_reports(app: FastAPI, maker: ReportMaker) -> None:
    """Add `/api/reports/KIND/NUMBER.html` and `.pdf`; the gate before it lets in who is logged in."""

    @app.get("/api/reports/{kind}/{name}")
    async def report(kind: str, name: str) -> Response:
        try:
            order = maker.parse(kind, name)
            made = await run_in_threadpool(maker.make, order)
        except WorkcellError as error:
            return PlainTextResponse(f"{error} [{error.code}]", _STATUS.get(error.code, 500))
        headers = {
            # Saved, not shown: it is no page of the console.
            "content-disposition": f'attachment; filename="{order.file_name}"',
            "cache-control": "no-store",
        }
        return Response(made, media_type=_TYPES[order.form], headers=headers)


_STATUS = {UnknownReportError.code: 404, BusyReportError.code: 429}
