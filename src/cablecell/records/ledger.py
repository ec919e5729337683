"""The ledger: what was done, by which recipe, with which result; one SQLite file that survives every kind of end.

Every row is on the disk before the cell goes on (`synchronous=FULL`, write-ahead log). Rows of states and commands are
never changed, an insertion is changed once, when it ends; triggers in the file see to that. A step of a job can be done
well once and no more: a unique index sees to that.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from cablecell.core.errors import SupervisionError
from cablecell.records.ledger_rows import InsertionBegin, InsertionEnd, JobRecord
from cablecell.records.ledger_schema import APPLICATION_ID, MIGRATIONS, TABLES

_BUSY_S = 5.0


class LedgerError(SupervisionError):
    """The ledger cannot be opened, read or written: no such folder, a full disk, another file."""

    code = 640


class LedgerConflictError(SupervisionError):
    """A job of this name is in the ledger and cannot go on: it has ended, or had another recipe."""

    code = 642


class Ledger:
    """One open ledger; may be used by several threads."""

    def __init__(self, path: Path, *, writes: bool = True) -> None:
        """Open a ledger, make or migrate it.

        Args:
            path: The file; its folder must exist.
            writes: Whether to make, migrate and write it; otherwise it is only read.

        Raises:
            LedgerError: It cannot be opened, is of a newer version, or is no ledger (code 640).
        """
        self.path = path
        self._lock = threading.RLock()
        mode = "rwc" if writes else "ro"
        try:
            self._db = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={mode}",
                uri=True,
                timeout=_BUSY_S,
                isolation_level=None,
                check_same_thread=False,
            )
        except sqlite3.Error as error:
            raise LedgerError(f"ledger {path}: {error}", quantity="ledger", value=path) from error
        try:
            self._prepare(writes=writes)
        except (sqlite3.Error, LedgerError) as error:
            self._db.close()
            raise LedgerError(f"ledger {path}: {error}", quantity="ledger", value=path) from error

    def _prepare(self, *, writes: bool) -> None:
        db = self._db
        db.row_factory = sqlite3.Row
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        owner = int(db.execute("PRAGMA application_id").fetchone()[0])
        is_empty = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        if owner != APPLICATION_ID and not (is_empty and writes):
            raise LedgerError("this file is no ledger")
        if version > len(MIGRATIONS):
            raise LedgerError(f"it is of version {version}; this software knows up to {len(MIGRATIONS)}")
        if not writes:
            return
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA foreign_keys = ON")
        for number, script in enumerate(MIGRATIONS[version:], version + 1):
            db.executescript(
                f"BEGIN IMMEDIATE;{script}PRAGMA application_id = {APPLICATION_ID};"
                f"PRAGMA user_version = {number};COMMIT;"
            )

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def __enter__(self) -> Ledger:
        """Return the ledger."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self.close()

    # Writing -------------------------------------------------------------------------------------------------

    def begin_job(self, job: JobRecord, status: int, now_ns: int) -> frozenset[str]:
        """Note that a job begins, or goes on after the cell has ended in the middle of it; return the steps done.

        An insertion of it that was never ended stays open: who looks what became of its plug ends it.

        Raises:
            LedgerConflictError: The job has ended, or its recipe was another (code 642).
            LedgerError: It cannot be written (code 640).
        """
        with self.transaction() as db:
            known = db.execute("SELECT * FROM jobs WHERE job_id = ?", (job.job_id,)).fetchone()
            if known is None:
                begun = (now_ns, status, job.follows)
                db.execute(
                    "INSERT INTO jobs (job_id, recipe, recipe_hash, recipe_text, software, begun_ns, status, follows) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (job.job_id, job.recipe, job.recipe_hash, job.recipe_text, job.software, *begun),
                )
                return _steps_done(db, job.job_id)
            if known["ended_ns"] is not None:
                raise LedgerConflictError(
                    f"job {job.job_id} has ended; give the new one another name", value=job.job_id
                )
            if known["recipe_hash"] != job.recipe_hash:
                raise LedgerConflictError(
                    f"job {job.job_id} was begun with recipe {known['recipe']}, {known['recipe_hash'][:12]}, "
                    f"and cannot go on with {job.recipe}, {job.recipe_hash[:12]}",
                    value=job.recipe_hash,
                    limit=known["recipe_hash"],
                )
            return _steps_done(db, job.job_id)

    def steps_done(self, job_id: str) -> frozenset[str]:
        """Return the steps that were done in a job and in those it follows.

        Raises:
            LedgerError: It cannot be read (code 640).
        """
        with self.transaction() as db:
            return _steps_done(db, job_id)

    def end_job(self, job_id: str, status: int, error_code: int, error_msg: str, now_ns: int) -> None:
        """Note how a job ended.

        Raises:
            LedgerError: It cannot be written (code 640).
        """
        with self.transaction() as db:
            db.execute(
                "UPDATE jobs SET ended_ns = ?, status = ?, error_code = ?, error_msg = ? WHERE job_id = ?",
                (now_ns, status, error_code, error_msg, job_id),
            )

    def begin_insertion(self, job_id: str, step: str, begin: InsertionBegin, now_ns: int) -> int:
        """Note that an insertion begins; return its number.

        Raises:
            LedgerError: It cannot be written (code 640): then it must not begin.
        """
        values = (
            begin.connector,
            begin.plug,
            begin.port,
            begin.software,
            begin.port_sigma_m,
            begin.port_sigma_rad,
            begin.serial,
        )
        with self.transaction() as db:
            row = db.execute(
                "INSERT INTO insertions (job_id, step, connector, plug, port, software, port_sigma_m, port_sigma_rad, "
                "serial, begun_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (job_id, step, *values, now_ns),
            )
            assert row.lastrowid is not None
            return row.lastrowid

    def end_insertion(self, number: int, end: InsertionEnd, now_ns: int) -> None:
        """Note how an insertion ended.

        Raises:
            LedgerError: It cannot be written, or has ended, or its step was done before (code 640).
        """
        with self.transaction() as db:
            db.execute(
                "UPDATE insertions SET ended_ns = ?, error_code = ?, error_msg = ?, outcome = ?, attempts = ?, "
                "depth_m = ?, peak_force_n = ?, pull_force_n = ?, is_latched = ?, duration_s = ?, found = ?, "
                "energy_j = ? WHERE id = ?",
                (
                    now_ns,
                    end.error_code,
                    end.error_msg,
                    end.outcome,
                    end.attempts,
                    end.depth_m,
                    end.peak_force_n,
                    end.pull_force_n,
                    int(end.is_latched),
                    end.duration_s,
                    end.found,
                    end.energy_j,
                    number,
                ),
            )

    def note_energy(self, stamp_ns: int, meter_j: float) -> None:
        """Note a reading of the meter of the arm's energy, J; it begins at 0 when the arm's node does.

        Raises:
            LedgerError: It cannot be written (code 640).
        """
        with self.transaction() as db:
            db.execute("INSERT INTO energy (stamp_ns, meter_j) VALUES (?, ?)", (stamp_ns, meter_j))

    def note_state(
        self, stamp_ns: int, *, state: int, previous: int, mode: int, cause_code: int, reason: str, job_id: str
    ) -> None:
        """Note a state of the cell.

        Raises:
            LedgerError: It cannot be written (code 640).
        """
        with self.transaction() as db:
            db.execute(
                "INSERT INTO states (stamp_ns, state, previous, mode, cause_code, reason, job_id) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (stamp_ns, state, previous, mode, cause_code, reason, job_id),
            )

    def note_command(
        self, stamp_ns: int, *, requester: str, command: str, reason: str, error_code: int, error_msg: str
    ) -> None:
        """Note a command, also one that was refused.

        Raises:
            LedgerError: It cannot be written (code 640).
        """
        with self.transaction() as db:
            db.execute(
                "INSERT INTO commands (stamp_ns, requester, command, reason, error_code, error_msg) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (stamp_ns, requester, command, reason, error_code, error_msg),
            )

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write everything of a block, or nothing.

        Raises:
            LedgerError: It cannot be written (code 640).
        """
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield self._db
                except BaseException:
                    self._db.execute("ROLLBACK")
                    raise
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise LedgerError(f"ledger {self.path}: {error}", quantity="ledger", value=self.path) from error

    # Reading -------------------------------------------------------------------------------------------------

    def rows(self, table: str) -> Sequence[dict[str, Any]]:
        """Return all rows of one of `TABLES`, oldest first; none where an older ledger does not have it.

        Raises:
            LedgerError: There is no such table, or it cannot be read (code 640).
        """
        return self._read(table, f"SELECT * FROM {table} ORDER BY rowid")

    def _read(self, table: str, query: str) -> list[dict[str, Any]]:
        if table not in TABLES:
            raise LedgerError(
                f"there is no table '{table}'; there are {', '.join(TABLES)}", quantity="table", value=table
            )
        with self._lock:
            try:
                known = self._db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone()
                if known is None:
                    return []
                return [dict(row) for row in self._db.execute(query)]
            except sqlite3.Error as error:
                raise LedgerError(f"ledger {self.path}: {error}", quantity="ledger", value=self.path) from error

    def latest(self, table: str, count: int) -> list[dict[str, Any]]:
        """Return the newest rows of one of `TABLES`, newest first; none where an older ledger does not have it.

        Raises:
            LedgerError: There is no such table, or it cannot be read (code 640).
        """
        return self._read(table, f"SELECT * FROM {table} ORDER BY rowid DESC LIMIT {int(count)}")

    def back_up(self, target: Path) -> None:
        """Copy the ledger as it is at this moment, while it may be written; the copy appears complete or not at all.

        Raises:
            LedgerError: The copy cannot be written, or is there already (code 640).
        """
        if target.exists():
            raise LedgerError(f"{target} is there already", quantity="target", value=target)
        part = target.with_name(target.name + ".part")
        try:
            with self._lock, sqlite3.connect(part) as copy:
                self._db.backup(copy)
            copy.close()
            fault = check_ledger(part)
            if fault:
                raise LedgerError(f"the copy is damaged: {fault}", quantity="target", value=target)
            part.rename(target)
        except (sqlite3.Error, OSError) as error:
            part.unlink(missing_ok=True)
            raise LedgerError(f"backup {target}: {error}", quantity="target", value=target) from error


def _steps_done(db: sqlite3.Connection, job_id: str) -> frozenset[str]:
    """Return the steps that were done in a job and in those it follows."""
    rows = db.execute(
        "WITH RECURSIVE chain (job_id) AS (VALUES (?) UNION SELECT jobs.follows FROM jobs JOIN chain USING (job_id)) "
        "SELECT step FROM insertions WHERE job_id IN chain AND error_code = 0",
        (job_id,),
    )
    return frozenset(row["step"] for row in rows)


def check_ledger(path: Path) -> str:
    """Return what is wrong with a ledger; an empty text for nothing.

    Raises:
        LedgerError: It is no ledger, or cannot be opened (code 640).
    """
    with Ledger(path, writes=False) as ledger:
        try:
            answer = str(ledger._db.execute("PRAGMA integrity_check").fetchone()[0])
        except sqlite3.Error as error:
            return str(error)
    return "" if answer == "ok" else answer
