"""The jobs of a line in the ledger: a task that is requested again finds its job, whatever was killed in between."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cablecell.core.supervision.jobs import Recipe, Status, recipe_hash
from cablecell.core.supervision.line import JobOrder, LineError, work_order_of
from cablecell.records import ledger_queue
from cablecell.records.ledger import Ledger

_OPEN = ("waiting", "paused", "running", "cancelling")
_LAST = 20
"""Jobs from which it is told how long one takes."""


class TaskTakenError(LineError):
    """The name of a task is that of another job in the ledger; nothing was changed."""

    code = 763


@dataclass(frozen=True)
class LineJob:
    """A job of the line as the queue has it.

    Attributes:
        order: What was asked for.
        state: Its state in the queue.
        error: Why it failed; empty otherwise.
    """

    order: JobOrder
    state: str
    error: str


def put(ledger: Ledger, order: JobOrder, recipe: Recipe, now_ns: int, *, waits: bool) -> bool:
    """Have a job in the queue once; return whether it is new.

    Args:
        ledger: Where the queue is.
        order: The job.
        recipe: Its recipe.
        now_ns: The time, ns.
        waits: Whether a new one must not begin yet.

    Raises:
        TaskTakenError: The name is that of a job with another recipe, content or parts, or of nobody's (code 763).
        LedgerError: It cannot be written (code 640).
    """
    digest = recipe_hash(recipe)
    job = ledger_queue.QueuedJob(order.job_id, order.recipe, digest, order.serials, requester=order.requester)
    try:
        ledger_queue.add(ledger, job, now_ns, is_paused=waits)
    except ledger_queue.QueueError as error:
        row = _row(ledger, order.job_id)
        wanted = (digest, order.serials, order.requester)
        if row is None or (row["recipe_hash"], tuple(json.loads(row["serials"])), row["requester"]) != wanted:
            raise TaskTakenError(
                f"job {order.job_id} is in the ledger with another recipe, parts or work order",
                quantity="task_id",
                value=order.job_id,
            ) from error
        return False
    return True


def jobs_of_line(ledger: Ledger, known: Iterable[str]) -> list[LineJob]:
    """Return the jobs of the line that have not ended, and those of the given names, oldest first.

    Raises:
        LedgerError: It cannot be read (code 640).
    """
    names = tuple(known)
    marks = ", ".join("?" * len(names))
    with ledger.transaction() as db:
        rows = db.execute(
            f"SELECT * FROM queue WHERE state IN {_OPEN} OR job_id IN ({marks}) ORDER BY id",
            names,
        ).fetchall()
    return [_job(row) for row in rows if work_order_of(row["requester"]) is not None]


def typical_s(ledger: Ledger, recipe: Recipe) -> float | None:
    """Return how long a part of a recipe takes, s: the median of the last jobs that succeeded; None where none did.

    Raises:
        LedgerError: It cannot be read (code 640).
    """
    with ledger.transaction() as db:
        rows = db.execute(
            "SELECT (jobs.ended_ns - jobs.begun_ns) * 1e-9 AS span_s, queue.serials "
            "FROM jobs JOIN queue USING (job_id) "
            "WHERE jobs.status = ? AND jobs.ended_ns IS NOT NULL AND queue.recipe_hash = ? "
            "ORDER BY jobs.ended_ns DESC LIMIT ?",
            (int(Status.SUCCEEDED), recipe_hash(recipe), _LAST),
        ).fetchall()
    return statistics.median(row["span_s"] / max(len(json.loads(row["serials"])), 1) for row in rows) if rows else None


def insertions_of(ledger: Ledger, job_id: str) -> list[dict[str, Any]]:
    """Return what a job measured: a mapping for every insertion of it, as the line is told.

    Raises:
        LedgerError: It cannot be read (code 640).
    """
    with ledger.transaction() as db:
        rows = db.execute(
            "SELECT step, connector, port, error_code, attempts, depth_m, peak_force_n, duration_s FROM insertions "
            "WHERE job_id = ? ORDER BY id",
            (job_id,),
        ).fetchall()
    return [dict(row) for row in rows]


def _row(ledger: Ledger, job_id: str) -> Any:
    with ledger.transaction() as db:
        return db.execute("SELECT * FROM queue WHERE job_id = ?", (job_id,)).fetchone()


def _job(row: Any) -> LineJob:
    order = JobOrder(
        row["job_id"], work_order_of(row["requester"]) or "", row["recipe"], tuple(json.loads(row["serials"]))
    )
    code = row["error_code"]
    error = f"code {code}: {row['error_msg']}" if code else row["error_msg"] or ""
    return LineJob(order, row["state"], error)
