"""Finds out, before any job goes on, what became of an insertion that a supervisor had begun before it ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from cablecell_interfaces.msg import InsertionReport

from cablecell.core.supervision.lookback import (
    Answer,
    Finding,
    OpenInsertion,
    SkillReport,
    Told,
    UnknownSeatError,
    Verdict,
    judge,
    question,
)
from cablecell.ros import qos
from cablecell.ros.conversions import time_ns
from cablecell.ros.supervisor_ledger import LedgerWriter

Ask = Callable[[UnknownSeatError, Callable[[], bool]], None]
"""Holds the job with a question, until a function says that it is answered or somebody goes on without an answer."""

_HEAR_S = 3.0
"""Time after which a skill that has said nothing is taken to know nothing, s."""
_LOOK_S = 0.1
_ANSWER_S = 0.5


class LookBack:
    """Listens to `insertion_report`, and settles the insertions that are open in the ledger."""

    def __init__(self, node: Any, ledger: LedgerWriter) -> None:
        """Begin to listen.

        Args:
            node: The supervisor.
            ledger: What it keeps.
        """
        self._node, self._ledger = node, ledger
        self._message: Any = None
        self._hearing = node.create_subscription(InsertionReport, "insertion_report", self._hear, qos.STATE)

    def destroy(self) -> None:
        """Stop listening."""
        self._node.destroy_subscription(self._hearing)

    def settle(self, check: Callable[[], None], ask: Ask) -> bool:
        """End all open insertions as they are found; moves nothing. Return whether there were any.

        Args:
            check: Called while waiting; what it raises ends the looking, and what is open stays open.
            ask: Asks a person.

        Raises:
            LedgerError: It cannot be written (code 640).
        """
        found = self._ledger.open_insertions()
        for begun in found:
            self._settle(begun, check, ask)
        return bool(found)

    def _settle(self, begun: OpenInsertion, check: Callable[[], None], ask: Ask) -> None:
        begun_s = time.monotonic()
        while self._message is None and time.monotonic() - begun_s < _HEAR_S:
            check()
            time.sleep(_LOOK_S)
        while True:
            check()
            message = self._message
            report = SkillReport(Told.NONE) if message is None else _report(message)
            finding = judge(
                begun, report, is_report_ours=self._ledger.has(report), answer=self._ledger.answer_of(begun.row)
            )
            if finding.verdict is Verdict.WAIT:
                time.sleep(_LOOK_S)
            elif finding.verdict is Verdict.ASK:
                asked = question(begun, finding.reason, self._ledger.name)
                ask(UnknownSeatError(asked, quantity="port", value=begun.port), lambda: self._is_answered(begun))
            else:
                self._end(begun, finding, message if report.is_about(begun) else None)
                return

    def _end(self, begun: OpenInsertion, finding: Finding, message: Any | None) -> None:
        self._ledger.end_found(begun, finding, message)
        self._node.get_logger().warning(
            f"{begun.step} of job {begun.job_id} was open after a restart: {finding.verdict.value}, {finding.reason}"
        )

    def _is_answered(self, begun: OpenInsertion) -> bool:
        time.sleep(_ANSWER_S)
        answer: Answer | None = self._ledger.answer_of(begun.row)
        return answer is not None

    def _hear(self, message: Any) -> None:
        self._message = message


def _report(message: Any) -> SkillReport:
    return SkillReport(
        Told(message.state),
        row=message.row,
        job_id=message.job_id,
        step=message.step,
        told_ns=time_ns(message.header.stamp),
        error_code=message.error_code,
        is_clear=message.is_clear,
    )
