"""Takes jobs out of the queue while the cell is idle, and runs them as if somebody had sent them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from cablecell_interfaces.action import RunJob

from cablecell.core.errors import CancelledError, NotActiveError, WorkcellError
from cablecell.core.supervision.health import NodeLostError
from cablecell.core.supervision.jobs import Recipe, for_serials, recipe_hash
from cablecell.core.supervision.packml import Mode, State
from cablecell.records import ledger_queue
from cablecell.records.ledger import Ledger, LedgerConflictError, LedgerError
from cablecell.ros.supervisor_state import CellStateTeller

_LOOK_S = 0.5
"""Between two looks into the queue, and at whether a running job is cancelled there, s."""


class QueuedGoal:
    """A job of the queue, where the runner expects a goal of `run_job`."""

    def __init__(self, job: ledger_queue.QueuedJob, check: Callable[[], None]) -> None:
        self.job = job
        self.request = RunJob.Goal(job_id=job.job_id, recipe=job.recipe)
        self.result = RunJob.Result()
        self.check = check

    def recipe_for_all(self, recipe: Recipe) -> Recipe:
        """Return what is done for all serials.

        Raises:
            LedgerConflictError: The recipe is not the one that was put into the queue (code 642).
        """
        digest = recipe_hash(recipe)
        if digest != self.job.recipe_hash:
            raise LedgerConflictError(
                f"recipe {recipe.name} is {digest[:12]} now and was {self.job.recipe_hash[:12]} when job "
                f"{self.job.job_id} was put into the queue",
                quantity="recipe_hash",
                value=digest,
                limit=self.job.recipe_hash,
            )
        return for_serials(recipe, self.job.serials)

    def publish_feedback(self, feedback: Any) -> None:
        """Nobody waits for it; `job_status` has the same."""


class QueueWorker:
    """Works the queue off in a thread of its own, while nothing else has the cell."""

    def __init__(
        self,
        ledger: Ledger,
        cell: CellStateTeller,
        busy: threading.Lock,
        *,
        is_ready: Callable[[], bool],
        require_free: Callable[[], None],
        run: Callable[[QueuedGoal], Any],
        log: Callable[[str], object],
    ) -> None:
        """Begin.

        Args:
            ledger: Where the queue is.
            cell: State of the cell.
            busy: Held while a job runs.
            is_ready: Whether the cell is up and well.
            require_free: Raises while somebody else has the arm.
            run: Runs a job to its end; raises a typed error where it fails.
            log: Takes a line for what goes wrong.
        """
        self._ledger, self._cell, self._busy = ledger, cell, busy
        self._is_ready, self._require_free, self._run, self._log = is_ready, require_free, run, log
        self._ended = threading.Event()
        ledger_queue.put_back(ledger, time.time_ns())
        self._thread = threading.Thread(target=self._work, name="queue", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Take nothing more; a job that runs ends as its node does."""
        self._ended.set()
        self._thread.join(5.0)

    def _work(self) -> None:
        while not self._ended.wait(_LOOK_S):
            if self._is_ready() and self._cell.state is State.IDLE and self._cell.mode is Mode.PRODUCTION:
                try:
                    self._do_next()
                except LedgerError as error:
                    self._log(f"the queue cannot be worked off, code {error.code}: {error}")

    def _do_next(self) -> None:
        if not self._busy.acquire(blocking=False):
            return
        try:
            self._require_free()
            job = ledger_queue.take_next(self._ledger, time.time_ns())
            if job is not None:
                self._do(job)
        except LedgerError:
            raise
        except WorkcellError:
            return  # somebody has the arm, or the cell is ending
        finally:
            self._busy.release()

    def _do(self, job: ledger_queue.QueuedJob) -> None:
        looked_s = time.monotonic()
        is_cancelled = False

        def check() -> None:
            nonlocal looked_s, is_cancelled
            if self._ended.is_set():
                raise NotActiveError("the supervisor is ending")
            if time.monotonic() - looked_s > _LOOK_S:
                looked_s = time.monotonic()
                is_cancelled = is_cancelled or ledger_queue.is_cancelling(self._ledger, job.job_id)
            if is_cancelled:
                raise CancelledError("cancelled in the queue")

        error: WorkcellError | None = None
        try:
            self._run(QueuedGoal(job, check))
        except (NotActiveError, NodeLostError, LedgerError):
            raise  # it stays in the queue as running, and goes on when the cell is up again
        except WorkcellError as failed:
            error = failed
            self._log(f"job {job.job_id} of the queue failed, code {error.code}: {error}")
        ledger_queue.end(
            self._ledger, job.job_id, error, time.time_ns(), is_cancelled=isinstance(error, CancelledError)
        )
