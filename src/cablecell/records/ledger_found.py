"""Insertions in the ledger that were begun and not ended, and what a person says of them who has looked."""

from __future__ import annotations

from cablecell.core.errors import SupervisionError
from cablecell.core.supervision.lookback import Answer, OpenInsertion, SkillReport
from cablecell.records.ledger import Ledger


class NothingOpenError(SupervisionError):
    """No insertion, or more than one, is open in the ledger: it is not clear what is answered."""

    code = 636


def open_insertions(ledger: Ledger) -> list[OpenInsertion]:
    """Return the insertions of all jobs that were begun and not ended, oldest first.

    Raises:
        LedgerError: It cannot be read (code 640).
    """
    with ledger.transaction() as db:
        rows = db.execute(
            "SELECT id, job_id, step, plug, port, begun_ns FROM insertions WHERE ended_ns IS NULL ORDER BY id"
        ).fetchall()
    return [OpenInsertion(row["id"], *(row[name] for name in _NAMES)) for row in rows]


_NAMES = ("job_id", "step", "plug", "port", "begun_ns")


def is_of(ledger: Ledger, report: SkillReport) -> bool:
    """Return whether a report of the skill is about an insertion of this ledger.

    Raises:
        LedgerError: It cannot be read (code 640).
    """
    with ledger.transaction() as db:
        known = db.execute(
            "SELECT 1 FROM insertions WHERE id = ? AND job_id = ? AND step = ? AND begun_ns <= ?",
            (report.row, report.job_id, report.step, report.told_ns),
        ).fetchone()
    return known is not None


def note_answer(ledger: Ledger, answer: Answer, requester: str, now_ns: int, row: int = 0) -> OpenInsertion:
    """Keep what a person says of an open insertion; return which one that is.

    Args:
        ledger: Where it is open; a cell may be writing it.
        answer: What was seen.
        requester: Who says so.
        now_ns: The time, ns.
        row: Number of the insertion; 0 for the only one that is open.

    Raises:
        NothingOpenError: It is not open, or it is not clear which is meant (code 636).
        LedgerError: It cannot be written (code 640).
    """
    found = [begun for begun in open_insertions(ledger) if row in (0, begun.row)]
    if len(found) != 1:
        numbers = ", ".join(str(begun.row) for begun in found)
        raise NothingOpenError(
            f"several insertions are open; say which: {numbers}" if found else "no such insertion is open",
            quantity="row",
            value=row,
            limit=numbers,
        )
    with ledger.transaction() as db:
        db.execute(
            "INSERT INTO answers (insertion, stamp_ns, answer, requester) VALUES (?, ?, ?, ?)",
            (found[0].row, now_ns, answer.value, requester),
        )
    return found[0]


def answer_of(ledger: Ledger, row: int) -> Answer | None:
    """Return the last answer about an insertion; None where nobody has answered.

    Raises:
        LedgerError: It cannot be read (code 640).
    """
    with ledger.transaction() as db:
        said = db.execute("SELECT answer FROM answers WHERE insertion = ? ORDER BY id DESC LIMIT 1", (row,)).fetchone()
    return None if said is None else Answer(said["answer"])
