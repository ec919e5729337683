"""What the supervisor writes into the ledger: its states, the commands it gets, its jobs and their insertions."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from cablecell.core.errors import WorkcellError
from cablecell.core.supervision.faults import Action
from cablecell.core.supervision.jobs import Job, Step, recipe_hash, recipe_text
from cablecell.core.supervision.recovery import Deed
from cablecell.records.ledger import Ledger, LedgerError
from cablecell.records.ledger_recoveries import note_deed, quarantine, skipped_steps
from cablecell.records.ledger_rows import InsertionBegin, InsertionEnd, JobRecord
from cablecell.ros.conversions import time_ns
from cablecell.ros.goals import RemoteError

SOFTWARE = metadata.version("cablecell")
"""Version that did the work."""


class LedgerWriter:
    """Writes what a job must not go on without, and complains about the rest where it cannot be written.

    Without a file it keeps nothing, and every job begins anew.
    """

    def __init__(self, file: str, complain: Callable[[str], object]) -> None:
        """Open the ledger.

        Args:
            file: The ledger, made where it does not exist; empty for none.
            complain: Takes a line where a state or a command cannot be written.

        Raises:
            LedgerError: It cannot be opened (code 640).
        """
        self._ledger = Ledger(Path(file).expanduser()) if file else None
        self._complain = complain

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
        return self._ledger.begin_insertion(job.job_id, step.name, begin, time.time_ns())

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
            insertion = result.insertion
            end = InsertionEnd(
                code,
                said,
                outcome=int(insertion.outcome),
                attempts=int(result.attempts),
                depth_m=float(insertion.depth),
                peak_force_n=float(insertion.peak_force),
                pull_force_n=float(insertion.pull_force_held),
                is_latched=bool(insertion.latch_detected),
                duration_s=1e-9 * time_ns(insertion.duration),
            )
        self._ledger.end_insertion(number, end, time.time_ns())


def _sigmas(port: Any) -> tuple[float, float]:
    """Return the largest standard deviations of a `PortEstimate`, m and rad."""
    covariance = np.array(port.pose.covariance).reshape(6, 6)
    largest = [float(np.linalg.eigvalsh(part)[-1]) for part in (covariance[:3, :3], covariance[3:, 3:])]
    return math.sqrt(max(largest[0], 0.0)), math.sqrt(max(largest[1], 0.0))
