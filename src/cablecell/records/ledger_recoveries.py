"""Recoveries in the ledger: what was done after a failure, which steps were left, which plugs are suspect."""

from __future__ import annotations

from cablecell.core.errors import SupervisionError, WorkcellError
from cablecell.core.supervision.faults import Action
from cablecell.core.supervision.recovery import Deed
from cablecell.records.ledger import Ledger


def note_deed(ledger: Ledger, job_id: str, step: str, deed: Deed, now_ns: int) -> None:
    """Keep one action of a recovery.

    Raises:
        LedgerError: It cannot be written (code 640).
    """
    failure = deed.failure
    code, said = (0, "") if failure is None else (failure.code, str(failure))
    with ledger.transaction() as db:
        db.execute(
            "INSERT INTO recoveries (job_id, step, stamp_ns, cause_code, cause_msg, plan, rung, action, error_code, "
            "error_msg) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                job_id,
                step,
                now_ns,
                deed.cause.code,
                str(deed.cause),
                deed.plan,
                deed.rung,
                deed.action.value,
                code,
                said,
            ),
        )


class LeftStepError(SupervisionError):
    """A step was left and flagged before the cell ended; it is not done again in its job."""

    code = 643


def skipped_steps(ledger: Ledger, job_id: str) -> dict[str, WorkcellError]:
    """Return the steps of a job that were left and flagged, and why; they are not done again when it goes on.

    Raises:
        LedgerError: It cannot be read (code 640).
    """
    with ledger.transaction() as db:
        rows = db.execute(
            "SELECT step, cause_code, cause_msg FROM recoveries WHERE job_id = ? AND action = ? ORDER BY id",
            (job_id, Action.SKIP.value),
        ).fetchall()
    return {
        row["step"]: LeftStepError(f"{row['step']} was left, code {row['cause_code']}: {row['cause_msg']}")
        for row in rows
    }


def quarantine(
    ledger: Ledger, serial: str, *, job_id: str, step: str, cause_code: int, reason: str, now_ns: int
) -> None:
    """Mark a plug as suspect.

    Raises:
        LedgerError: It cannot be written (code 640).
    """
    with ledger.transaction() as db:
        db.execute(
            "INSERT INTO quarantine (serial, stamp_ns, job_id, step, cause_code, reason) VALUES (?, ?, ?, ?, ?, ?)",
            (serial, now_ns, job_id, step, cause_code, reason),
        )


def is_quarantined(ledger: Ledger, serial: str) -> bool:
    """Return whether a plug is suspect.

    Raises:
        LedgerError: It cannot be read (code 640).
    """
    with ledger.transaction() as db:
        return db.execute("SELECT 1 FROM quarantine WHERE serial = ?", (serial,)).fetchone() is not None
