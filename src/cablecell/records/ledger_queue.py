"""The queue of jobs, in the ledger: it survives what the ledger survives; any program may write it beside the cell."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from cablecell.core.errors import SupervisionError
from cablecell.core.supervision.jobs import Status
from cablecell.records.ledger import Ledger


class QueueError(SupervisionError):
    """A job cannot be put into the queue, or changed there: its name is taken, unknown, or it is past that."""

    code = 645


@dataclass(frozen=True)
class QueuedJob:
    """A job in the queue.

    Attributes:
        job_id: Its name, in the queue and in the ledger.
        recipe: Name of its recipe, or path.
        recipe_hash: Content of the recipe when it was put in; the cell refuses another.
        serials: Parts, each of which gets all steps.
        priority: The highest is first; among equals the oldest.
        follows: Job that failed and is tried again; its done steps are not done again.
        requester: Who put it in.
    """

    job_id: str
    recipe: str
    recipe_hash: str
    serials: tuple[str, ...] = ()
    priority: int = 0
    follows: str = ""
    requester: str = ""


def add(ledger: Ledger, job: QueuedJob, now_ns: int, *, is_paused: bool = False) -> None:
    """Put a job into the queue; one that is paused there waits until it is resumed.

    Raises:
        QueueError: Its name is in the queue or in the ledger already, or a serial is named twice (code 645).
        LedgerError: It cannot be written (code 640).
    """
    twice = next((serial for serial in job.serials if job.serials.count(serial) > 1), None)
    if twice is not None:
        raise QueueError(f"serial {twice} is named twice", quantity="serial", value=twice)
    with ledger.transaction() as db:
        taken = db.execute(
            "SELECT 1 FROM queue WHERE job_id = ? UNION SELECT 1 FROM jobs WHERE job_id = ?", (job.job_id, job.job_id)
        ).fetchone()
        if taken:
            raise QueueError(f"there is a job {job.job_id} already", quantity="job", value=job.job_id)
        db.execute(
            "INSERT INTO queue (job_id, recipe, recipe_hash, priority, serials, follows, requester, state, added_ns, "
            "changed_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                job.job_id,
                job.recipe,
                job.recipe_hash,
                job.priority,
                json.dumps(job.serials),
                job.follows,
                job.requester,
                "paused" if is_paused else "waiting",
                now_ns,
                now_ns,
            ),
        )


def take_next(ledger: Ledger, now_ns: int) -> QueuedJob | None:
    """Take the job that is next; it is running from now on.

    Raises:
        LedgerError: It cannot be written (code 640).
    """
    with ledger.transaction() as db:
        row = db.execute("SELECT * FROM queue WHERE state = 'waiting' ORDER BY priority DESC, id LIMIT 1").fetchone()
        if row is None:
            return None
        _set(db, row["job_id"], "running", now_ns)
        return _job(row)


def put_back(ledger: Ledger, now_ns: int) -> None:
    """Have jobs wait again that were running when the cell ended; they go on where they were.

    One whose end is in the ledger, and only not yet in the queue, has ended.

    Raises:
        LedgerError: It cannot be written (code 640).
    """
    ended = {Status.SUCCEEDED: "done", Status.FAILED: "failed", Status.CANCELED: "cancelled"}
    with ledger.transaction() as db:
        for status, state in ended.items():
            db.execute(
                "UPDATE queue SET state = ?, changed_ns = ?, error_code = jobs.error_code, error_msg = jobs.error_msg "
                "FROM jobs WHERE queue.state IN ('running', 'cancelling') AND jobs.job_id = queue.job_id "
                "AND jobs.ended_ns IS NOT NULL AND jobs.status = ?",
                (state, now_ns, int(status)),
            )
        db.execute("UPDATE queue SET state = 'waiting', changed_ns = ? WHERE state = 'running'", (now_ns,))
        db.execute("UPDATE queue SET state = 'cancelled', changed_ns = ? WHERE state = 'cancelling'", (now_ns,))


def end(ledger: Ledger, job_id: str, error: Exception | None, now_ns: int, *, is_cancelled: bool = False) -> None:
    """Note how a job of the queue ended.

    Raises:
        LedgerError: It cannot be written (code 640).
    """
    state = "cancelled" if is_cancelled else "done" if error is None else "failed"
    code, said = (0, "") if error is None else (int(getattr(error, "code", 1)), str(error))
    with ledger.transaction() as db:
        db.execute(
            "UPDATE queue SET state = ?, changed_ns = ?, error_code = ?, error_msg = ? WHERE job_id = ?",
            (state, now_ns, code, said, job_id),
        )


def is_cancelling(ledger: Ledger, job_id: str) -> bool:
    """Return whether somebody wants a running job to end.

    Raises:
        LedgerError: It cannot be read (code 640).
    """
    with ledger.transaction() as db:
        return (
            db.execute("SELECT 1 FROM queue WHERE job_id = ? AND state = 'cancelling'", (job_id,)).fetchone()
            is not None
        )


_CHANGES = {
    "cancel": {"waiting": "cancelled", "paused": "cancelled", "running": "cancelling"},
    "pause": {"waiting": "paused"},
    "resume": {"paused": "waiting"},
}
"""What may be done to a job in the queue, by its state."""


def change(ledger: Ledger, job_id: str, what: str, now_ns: int) -> str:
    """Cancel, pause or resume a job; return its new state.

    Raises:
        QueueError: There is no such job, or its state does not allow it (code 645).
        LedgerError: It cannot be written (code 640).
    """
    with ledger.transaction() as db:
        state = _row(db, job_id)["state"]
        goal = _CHANGES[what].get(state)
        if goal is None:
            raise QueueError(f"job {job_id} is {state}; it cannot {what}", quantity="state", value=state)
        _set(db, job_id, goal, now_ns)
        return goal


def retry(ledger: Ledger, job_id: str, requester: str, now_ns: int) -> QueuedJob:
    """Put a job that failed or was cancelled into the queue again, under a new name; steps that were done stay done.

    Raises:
        QueueError: There is no such job, or it has not failed, or is tried again already (code 645).
        LedgerError: It cannot be written (code 640).
    """
    with ledger.transaction() as db:
        row = _row(db, job_id)
        if row["state"] not in ("failed", "cancelled"):
            raise QueueError(f"job {job_id} is {row['state']}; only what failed is tried again", value=row["state"])
        again = db.execute("SELECT job_id FROM queue WHERE follows = ?", (job_id,)).fetchone()
        if again is not None:
            raise QueueError(f"job {job_id} is tried again as {again['job_id']}", value=again["job_id"])
    stem, _, number = job_id.rpartition("~")
    name = f"{stem}~{int(number) + 1}" if stem and number.isdigit() else f"{job_id}~2"
    old = _job(row)
    job = QueuedJob(name, old.recipe, old.recipe_hash, old.serials, old.priority, job_id, requester)
    add(ledger, job, now_ns)
    return job


def listed(ledger: Ledger) -> Sequence[dict[str, object]]:
    """Return the queue, first what is next.

    Raises:
        LedgerError: It cannot be read (code 640).
    """
    order = {"running": 0, "cancelling": 0, "waiting": 1, "paused": 2}
    rows = [{**row, "serials": json.loads(row["serials"])} for row in ledger.rows("queue")]
    return sorted(rows, key=lambda row: (order.get(row["state"], 3), -row["priority"], row["id"]))


def _row(db: sqlite3.Connection, job_id: str) -> sqlite3.Row:
    row: sqlite3.Row | None = db.execute("SELECT * FROM queue WHERE job_id = ?", (job_id,)).fetchone()
    if row is None:
        raise QueueError(f"there is no job {job_id} in the queue", quantity="job", value=job_id)
    return row


def _set(db: sqlite3.Connection, job_id: str, state: str, now_ns: int) -> None:
    db.execute("UPDATE queue SET state = ?, changed_ns = ? WHERE job_id = ?", (state, now_ns, job_id))


def _job(row: sqlite3.Row) -> QueuedJob:
    return QueuedJob(
        row["job_id"],
        row["recipe"],
        row["recipe_hash"],
        tuple(json.loads(row["serials"])),
        row["priority"],
        row["follows"],
        row["requester"],
    )
