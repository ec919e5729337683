"""What the supervisor writes into the ledger: its states, the commands it gets, its jobs and their insertions."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from cablecell.core.errors import WorkcellError
from cablecell.core.supervision.faults import Action
from cablecell.core.supervision.jobs import Job, Step, recipe_hash, recipe_text
from cablecell.core.supervision.lookback import Answer, Finding, OpenInsertion, SkillReport, Told, Verdict
from cablecell.core.supervision.recovery import Deed
from cablecell.records import ledger_found
from cablecell.records.ledger import Ledger, LedgerError
from cablecell.records.ledger_recoveries import note_deed, quarantine, skipped_steps
from cablecell.records.ledger_rows import InsertionBegin, InsertionEnd, JobRecord
from cablecell.ros.conversions import time_ns
from cablecell.ros.goals import RemoteError

SOFTWARE = metadata.version("cablecell")
"""Version that did the work."""
_INTERRUPTED = 641
"""Code of an insertion that the end of the cell cut short, and whose port was found empty."""


class LedgerWriter:
    """Writes what a job must not go on without, and complains about the rest where it cannot be written.

    Without a file it keeps nothing, and every job begins anew.
    """

    def __init__(
        self, file: str, complain: Callable[[str], object], energy_j: Callable[[], float | None] = lambda: None
    ) -> None:
        """Open the ledger.

        Args:
            file: The ledger, made where it does not exist; empty for none.
            complain: Takes a line where a state or a command cannot be written.
            energy_j: Returns the reading of the meter of the arm's energy, J; None where there is none.

        Raises:
            LedgerError: It cannot be opened (code 640).
        """
        self._ledger = Ledger(Path(file).expanduser()) if file else None
        self._complain, self._energy_j = complain, energy_j
        self._meter_j: float | None = None
        self._begun_j: dict[int, float | None] = {}

    @property
    def file(self) -> Ledger | None:
        """The ledger itself; None where nothing is kept."""
        return self._ledger

    def close(self) -> None:
        """Close the ledger."""
        if self._ledger is not None:
            self._ledger.close()

    def note_state(self, message: Any) -> None:
        """Keep a `CellState`."""
        if self._ledger is None:
            return
        try:
            self._ledger.note_state(
                time_ns(message.header.stamp),
                state=message.state,
                previous=message.previous_state,
                mode=message.mode,
                cause_code=message.cause_code,
                reason=message.reason,
                job_id=message.job_id,
            )
            self._read_meter(time_ns(message.header.stamp))
        except LedgerError as error:
            self._complain(f"a state is not in the ledger, code {error.code}: {error}")

    def note_command(self, requester: str, command: str, reason: str, refused: WorkcellError | None) -> None:
        """Keep a PackML command, with why it was refused."""
        if self._ledger is None:
            return
        code, said = (0, "") if refused is None else (refused.code, str(refused))
        try:
            self._ledger.note_command(
                time.time_ns(), requester=requester, command=command, reason=reason, error_code=code, error_msg=said
            )
        except LedgerError as error:
            self._complain(f"a command is not in the ledger, code {error.code}: {error}")

    def begin_job(self, job: Job) -> frozenset[str]:
        """Note that a job begins or goes on; return the names of the steps that are done.

        Raises:
            LedgerConflictError: It has ended, or had another recipe (code 642).
            LedgerError: It cannot be written (code 640).
        """
        if self._ledger is None:
            return frozenset()
        recipe = job.recipe
        digest = recipe_hash(recipe)
        record = JobRecord(job.job_id, recipe.name, digest, recipe_text(recipe), SOFTWARE, job.follows)
        return self._ledger.begin_job(record, int(job.status), time.time_ns())

    def end_job(self, job: Job) -> None:
        """Note how a job ended.

        Raises:
            LedgerError: It cannot be written (code 640).
        """
        if self._ledger is None:
            return
        code, said = (0, "") if job.error is None else (job.error.code, str(job.error))
        self._ledger.end_job(job.job_id, int(job.status), code, said, time.time_ns())

    def skipped_steps(self, job: Job) -> dict[str, WorkcellError]:
        """Return the steps that were left before the cell ended, and why.

        Raises:
            LedgerError: It cannot be read (code 640).
        """
        return {} if self._ledger is None else skipped_steps(self._ledger, job.job_id)

    def note_deed(self, job: Job, step: Step, deed: Deed) -> None:
        """Keep an action of a recovery; a quarantine marks the plug as well.

        Raises:
            LedgerError: It cannot be written (code 640).
        """
        if self._ledger is None:
            return
        now_ns = time.time_ns()
        note_deed(self._ledger, job.job_id, step.name, deed, now_ns)
        if deed.action is Action.QUARANTINE and deed.failure is None:
            quarantine(
                self._ledger,
                f"{job.job_id}/{step.name}",
                job_id=job.job_id,
                step=step.name,
                cause_code=deed.cause.code,
                reason=str(deed.cause),
                now_ns=now_ns,
            )

    def begin_insertion(self, job: Job, step: Step, goal: Any, port: Any | None) -> int:
        """Note that an insertion begins; return its number.

        Args:
            job: The job.
            step: Its step.
            goal: Goal of `insert_connector`.
            port: `PortEstimate` of the port, where it was answered.

        Raises:
            LedgerError: It cannot be written (code 640).
        """
        if self._ledger is None:
            return 0
        position, orientation = (math.inf, math.inf) if port is None else _sigmas(port)
        begin = InsertionBegin(
            goal.connector_type,
            goal.plug_name,
            goal.port_name,
            SOFTWARE,
            position,
            orientation,
            f"{job.job_id}/{step.name}",
        )
        now_ns = time.time_ns()
        number = self._ledger.begin_insertion(job.job_id, step.name, begin, now_ns)
        self._begun_j = {number: self._read_meter(now_ns)}
        return number

    def end_insertion(self, number: int, result: Any | None, error: WorkcellError | None) -> None:
        """Note how an insertion ended.

        Args:
            number: Answer of `begin_insertion`.
            result: Result of `insert_connector`, where there is one.
            error: Why it failed; None for success.

        Raises:
            LedgerError: It cannot be written (code 640).
        """
        if self._ledger is None:
            return
        code, said = (0, "") if error is None else (error.code, str(error))
        end = InsertionEnd(code, said, attempts=int(getattr(error, "attempts", 0)))
        if isinstance(error, RemoteError):
            result = error.answer
        if result is not None:
            end = _measured(end, result)
        now_ns = time.time_ns()
        begun_j, now_j = self._begun_j.pop(number, None), self._read_meter(now_ns)
        if begun_j is not None and now_j is not None and now_j >= begun_j:
            end = replace(end, energy_j=now_j - begun_j)
        self._ledger.end_insertion(number, end, now_ns)

    def _read_meter(self, stamp_ns: int) -> float | None:
        """Keep the reading of the meter where it has changed; return it."""
        meter_j = self._energy_j()
        if self._ledger is not None and meter_j is not None and meter_j != self._meter_j:
            self._ledger.note_energy(stamp_ns, meter_j)
            self._meter_j = meter_j
        return meter_j

    # After a restart -----------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """Path of the ledger; empty for none."""
        return "" if self._ledger is None else str(self._ledger.path)

    def open_insertions(self) -> list[OpenInsertion]:
        """Return what was begun and not ended.

        Raises:
            LedgerError: It cannot be read (code 640).
        """
        return [] if self._ledger is None else ledger_found.open_insertions(self._ledger)

    def has(self, report: SkillReport) -> bool:
        """Return whether a report of the skill is about an insertion of this ledger.

        Raises:
            LedgerError: It cannot be read (code 640).
        """
        return self._ledger is not None and ledger_found.is_of(self._ledger, report)

    def answer_of(self, row: int) -> Answer | None:
        """Return what a person has said of an open insertion.

        Raises:
            LedgerError: It cannot be read (code 640).
        """
        return None if self._ledger is None else ledger_found.answer_of(self._ledger, row)

    def end_found(self, begun: OpenInsertion, finding: Finding, report: Any | None) -> None:
        """End an open insertion as it was found.

        Args:
            begun: Which one.
            finding: Seated, or to be done again.
            report: `InsertionReport` about it, for what was measured; None where there is none.

        Raises:
            LedgerError: It cannot be written (code 640).
        """
        if self._ledger is None:
            return
        is_seated = finding.verdict is Verdict.SEATED
        code = 0 if is_seated else _INTERRUPTED
        said = "" if is_seated else f"the cell ended before it did; {finding.reason}"
        if not is_seated and report is not None and report.error_code:
            code, said = int(report.error_code), report.error_msg
        end, ended_ns = InsertionEnd(code, said, found=finding.source), time.time_ns()
        if report is not None:
            end = _measured(end, report)
            # The skill knows when it ended; until it is found the cell may have been off for hours.
            told_ns = time_ns(report.header.stamp)
            if report.state == Told.ENDED and begun.begun_ns <= told_ns < ended_ns:
                ended_ns = told_ns
        self._ledger.end_insertion(begun.row, end, ended_ns)

    def steps_done(self, job: Job) -> frozenset[str]:
        """Return the steps of a job that are done.

        Raises:
            LedgerError: It cannot be read (code 640).
        """
        return frozenset() if self._ledger is None else self._ledger.steps_done(job.job_id)


def _measured(end: InsertionEnd, result: Any) -> InsertionEnd:
    """Return how an insertion ended with what was measured; from a result of `insert_connector` or a report."""
    insertion = result.insertion
    return replace(
        end,
        outcome=int(insertion.outcome),
        attempts=int(result.attempts),
        depth_m=float(insertion.depth),
        peak_force_n=float(insertion.peak_force),
        pull_force_n=float(insertion.pull_force_held),
        is_latched=bool(insertion.latch_detected),
        duration_s=1e-9 * time_ns(insertion.duration),
    )


def _sigmas(port: Any) -> tuple[float, float]:
    """Return the largest standard deviations of a `PortEstimate`, m and rad."""
    covariance = np.array(port.pose.covariance).reshape(6, 6)
    largest = [float(np.linalg.eigvalsh(part)[-1]) for part in (covariance[:3, :3], covariance[3:, 3:])]
    return math.sqrt(max(largest[0], 0.0)), math.sqrt(max(largest[1], 0.0))
