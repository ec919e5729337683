"""What the skill says of the insertion it began last: latched, and kept in a file that outlives a power loss."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cablecell_interfaces.msg import InsertionReport

from cablecell.core.errors import SupervisionError
from cablecell.ros.message_data.errors import MessageDataError
from cablecell.ros.message_data.reading import fill_message
from cablecell.ros.message_data.writing import message_to_data
from cablecell.ros.skill_order import Order


class ReportFileError(SupervisionError):
    """The report of the skill cannot be kept in its file; no insertion begins without it."""

    code = 649


class ReportTeller:
    """Publishes `insertion_report` at every change, after it is on the disk."""

    def __init__(
        self,
        publish: Callable[[Any], None],
        stamp: Callable[[], Any],
        file: Path | None,
        complain: Callable[[str], object],
    ) -> None:
        """Read what a predecessor has left.

        Args:
            publish: Sends the message.
            stamp: Returns the time as a message.
            file: Where it is kept; None for nowhere.
            complain: Takes a line where the file cannot be read, or an end cannot be written.
        """
        self._publish, self._stamp, self._file, self._complain = publish, stamp, file, complain
        self._message = InsertionReport()
        if file is not None and file.exists():
            try:
                fill_message(self._message, json.loads(file.read_text(encoding="utf-8")))
            except (OSError, ValueError, MessageDataError) as error:
                complain(f"{file} cannot be read, nothing is known of the last insertion: {error}")
                self._message = InsertionReport()
        if self._message.state == InsertionReport.STATE_RUNNING:
            self._message.state = InsertionReport.STATE_INTERRUPTED

    def repeat(self) -> None:
        """Say what was said last."""
        self._publish(self._message)

    def begin(self, order: Order) -> None:
        """Say that an order is being worked on, and nothing is touched yet.

        Raises:
            ReportFileError: It cannot be kept (code 649).
        """
        message = InsertionReport(
            job_id=order.job_id, step=order.step, row=order.row, state=InsertionReport.STATE_RUNNING, is_clear=True
        )
        self._say(message)

    def note_clear(self, *, is_clear: bool) -> None:
        """Say whether the plug is known to be clear of the port from now on.

        Raises:
            ReportFileError: It cannot be kept (code 649).
        """
        self._message.is_clear = is_clear
        self._say(self._message)

    def end(self, error: Exception | None, result: Any) -> None:
        """Say how what was begun has ended.

        Args:
            error: Why it failed; None for a seat.
            result: Result of the action, for what was measured.
        """
        message = self._message
        if message.state != InsertionReport.STATE_RUNNING:  # it could not even be said that it began
            return
        message.state = InsertionReport.STATE_ENDED
        message.error_code = 0 if error is None else int(getattr(error, "code", 1))
        message.error_msg = "" if error is None else str(error)
        message.attempts = getattr(result, "attempts", 0)
        if hasattr(result, "insertion"):
            message.insertion = result.insertion
        try:
            self._say(message)
        except ReportFileError as failure:  # the plug is where it is, and who listens is told
            self._complain(f"code {failure.code}: {failure}")
            self._publish(message)

    def _say(self, message: InsertionReport) -> None:
        message.header.stamp = self._stamp()
        if self._file is not None:
            _keep(self._file, json.dumps(message_to_data(message)))
        self._message = message
        self._publish(message)


def _keep(file: Path, text: str) -> None:
    """Have a file hold a text, and nothing half of it, whenever the power goes.

    Raises:
        ReportFileError: It cannot be written (code 649).
    """
    part = file.with_name(file.name + ".part")
    try:
        with part.open("w", encoding="utf-8") as writing:
            writing.write(text)
            writing.flush()
            os.fsync(writing.fileno())
        part.replace(file)
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise ReportFileError(f"{file} cannot be written: {error}", quantity="file", value=file) from error
