"""Schema of the ledger: every version of it, as it was released."""

from __future__ import annotations

APPLICATION_ID = 0x43424C4C
"""Marks a database as a ledger."""

TABLES = (
    "jobs",
    "insertions",
    "states",
    "commands",
    "recoveries",
    "quarantine",
    "queue",
    "releases",
    "answers",
    "energy",
)
"""What can be read."""

MIGRATIONS = (
    """
    CREATE TABLE jobs (
        job_id TEXT PRIMARY KEY, recipe TEXT NOT NULL, recipe_hash TEXT NOT NULL, recipe_text TEXT NOT NULL,
        software TEXT NOT NULL, begun_ns INTEGER NOT NULL, ended_ns INTEGER, status INTEGER NOT NULL,
        error_code INTEGER NOT NULL DEFAULT 0, error_msg TEXT NOT NULL DEFAULT ''
    ) STRICT;
    CREATE TABLE insertions (
        id INTEGER PRIMARY KEY, job_id TEXT NOT NULL REFERENCES jobs (job_id), step TEXT NOT NULL,
        connector TEXT NOT NULL, plug TEXT NOT NULL, port TEXT NOT NULL, software TEXT NOT NULL,
        port_sigma_m REAL NOT NULL, port_sigma_rad REAL NOT NULL,
        begun_ns INTEGER NOT NULL, ended_ns INTEGER, error_code INTEGER, error_msg TEXT, outcome INTEGER,
        attempts INTEGER, depth_m REAL, peak_force_n REAL, pull_force_n REAL, is_latched INTEGER, duration_s REAL
    ) STRICT;
    CREATE UNIQUE INDEX insertions_done_once ON insertions (job_id, step) WHERE error_code = 0;
    CREATE TABLE states (
        id INTEGER PRIMARY KEY, stamp_ns INTEGER NOT NULL, state INTEGER NOT NULL, previous INTEGER NOT NULL,
        mode INTEGER NOT NULL, cause_code INTEGER NOT NULL, reason TEXT NOT NULL, job_id TEXT NOT NULL
    ) STRICT;
    CREATE TABLE commands (
        id INTEGER PRIMARY KEY, stamp_ns INTEGER NOT NULL, requester TEXT NOT NULL, command TEXT NOT NULL,
        reason TEXT NOT NULL, error_code INTEGER NOT NULL, error_msg TEXT NOT NULL
    ) STRICT;
    CREATE TRIGGER states_stand BEFORE UPDATE ON states BEGIN SELECT RAISE(ABORT, 'a state is never changed'); END;
    CREATE TRIGGER states_stay BEFORE DELETE ON states BEGIN SELECT RAISE(ABORT, 'a state is never deleted'); END;
    CREATE TRIGGER commands_stand BEFORE UPDATE ON commands
        BEGIN SELECT RAISE(ABORT, 'a command is never changed'); END;
    CREATE TRIGGER commands_stay BEFORE DELETE ON commands
        BEGIN SELECT RAISE(ABORT, 'a command is never deleted'); END;
    CREATE TRIGGER insertions_stand BEFORE UPDATE ON insertions WHEN OLD.ended_ns IS NOT NULL
        BEGIN SELECT RAISE(ABORT, 'an insertion that has ended is never changed'); END;
    CREATE TRIGGER insertions_stay BEFORE DELETE ON insertions
        BEGIN SELECT RAISE(ABORT, 'an insertion is never deleted'); END;
    """,
    """
    ALTER TABLE insertions ADD COLUMN serial TEXT NOT NULL DEFAULT '';
    CREATE TABLE recoveries (
        id INTEGER PRIMARY KEY, job_id TEXT NOT NULL REFERENCES jobs (job_id), step TEXT NOT NULL,
        stamp_ns INTEGER NOT NULL, cause_code INTEGER NOT NULL, cause_msg TEXT NOT NULL, plan TEXT NOT NULL,
        rung INTEGER NOT NULL, action TEXT NOT NULL, error_code INTEGER NOT NULL, error_msg TEXT NOT NULL
    ) STRICT;
    CREATE TRIGGER recoveries_stand BEFORE UPDATE ON recoveries
        BEGIN SELECT RAISE(ABORT, 'a recovery is never changed'); END;
    CREATE TRIGGER recoveries_stay BEFORE DELETE ON recoveries
        BEGIN SELECT RAISE(ABORT, 'a recovery is never deleted'); END;
    CREATE TABLE quarantine (
        id INTEGER PRIMARY KEY, serial TEXT NOT NULL, stamp_ns INTEGER NOT NULL, job_id TEXT NOT NULL,
        step TEXT NOT NULL, cause_code INTEGER NOT NULL, reason TEXT NOT NULL
    ) STRICT;
    CREATE TRIGGER quarantine_stands BEFORE UPDATE ON quarantine
        BEGIN SELECT RAISE(ABORT, 'a quarantine is never changed'); END;
    CREATE TRIGGER quarantine_stays BEFORE DELETE ON quarantine
        BEGIN SELECT RAISE(ABORT, 'a quarantine is never deleted'); END;
    """,
    """
    ALTER TABLE jobs ADD COLUMN follows TEXT NOT NULL DEFAULT '';
    CREATE TABLE queue (
        id INTEGER PRIMARY KEY, job_id TEXT NOT NULL UNIQUE, recipe TEXT NOT NULL, recipe_hash TEXT NOT NULL,
        priority INTEGER NOT NULL, serials TEXT NOT NULL, follows TEXT NOT NULL, requester TEXT NOT NULL,
        state TEXT NOT NULL
            CHECK (state IN ('waiting', 'paused', 'running', 'cancelling', 'done', 'failed', 'cancelled')),
        added_ns INTEGER NOT NULL, changed_ns INTEGER NOT NULL, error_code INTEGER NOT NULL DEFAULT 0,
        error_msg TEXT NOT NULL DEFAULT ''
    ) STRICT;
    CREATE TRIGGER queue_stays BEFORE DELETE ON queue
        BEGIN SELECT RAISE(ABORT, 'a job in the queue is cancelled, never deleted'); END;
    """,
    """
    CREATE TABLE releases (
        id INTEGER PRIMARY KEY, recipe TEXT NOT NULL, version INTEGER NOT NULL, recipe_hash TEXT NOT NULL UNIQUE,
        recipe_text TEXT NOT NULL, preview TEXT NOT NULL, stamp_ns INTEGER NOT NULL, requester TEXT NOT NULL,
        UNIQUE (recipe, version)
    ) STRICT;
    CREATE TRIGGER releases_stand BEFORE UPDATE ON releases
        BEGIN SELECT RAISE(ABORT, 'a release is never changed'); END;
    CREATE TRIGGER releases_stay BEFORE DELETE ON releases
        BEGIN SELECT RAISE(ABORT, 'a release is never deleted'); END;
    """,
    """
    ALTER TABLE insertions ADD COLUMN found TEXT NOT NULL DEFAULT '';
    CREATE TABLE answers (
        id INTEGER PRIMARY KEY, insertion INTEGER NOT NULL REFERENCES insertions (id), stamp_ns INTEGER NOT NULL,
        answer TEXT NOT NULL CHECK (answer IN ('seated', 'empty')), requester TEXT NOT NULL
    ) STRICT;
    CREATE TRIGGER answers_stand BEFORE UPDATE ON answers BEGIN SELECT RAISE(ABORT, 'an answer is never changed'); END;
    CREATE TRIGGER answers_stay BEFORE DELETE ON answers BEGIN SELECT RAISE(ABORT, 'an answer is never deleted'); END;
    """,
    """
    ALTER TABLE insertions ADD COLUMN energy_j REAL;
    CREATE TABLE energy (id INTEGER PRIMARY KEY, stamp_ns INTEGER NOT NULL, meter_j REAL NOT NULL) STRICT;
    CREATE TRIGGER energy_stands BEFORE UPDATE ON energy BEGIN SELECT RAISE(ABORT, 'a reading is never changed'); END;
    CREATE TRIGGER energy_stays BEFORE DELETE ON energy BEGIN SELECT RAISE(ABORT, 'a reading is never deleted'); END;
    """,
)
"""Each makes the schema of its version from that of the one before; those that were released are never changed."""
