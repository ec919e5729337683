"""The ledger: nothing twice, nothing lost, nothing changed afterwards, whatever ends the process or fills the disk."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import pytest
from typer.testing import CliRunner

from cablecell.cli import app
from cablecell.core.supervision.jobs import parse_recipe, recipe_hash
from cablecell.core.supervision.lookback import Answer
from cablecell.records.ledger import (
    MIGRATIONS,
    InsertionBegin,
    InsertionEnd,
    JobRecord,
    Ledger,
    LedgerConflictError,
    LedgerError,
    check_ledger,
)
from cablecell.records.ledger_found import note_answer
from cablecell.records.ledger_schema import TABLES

BEGIN = InsertionBegin("sfp", "sfp_module", "nic_card_mount_0/sfp_port_0", "0.1.0", 2.0e-4, 3.0e-3)
GOOD = InsertionEnd(0, outcome=1, attempts=1, depth_m=0.0467, peak_force_n=13.1, is_latched=True, duration_s=9.5)


def job(name="j1", digest="a" * 64):
    return JobRecord(name, "aic_sample", digest, "{}", "0.1.0")


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "ledger.db") as opened:
        yield opened


@pytest.mark.parametrize("table", TABLES)
def test_every_table_can_be_shown(tmp_path, table):
    path = tmp_path / "ledger.db"
    with Ledger(path) as ledger:
        ledger.begin_job(job(), 2, 1)
        row = ledger.begin_insertion("j1", "a", BEGIN, 2)
        note_answer(ledger, Answer.SEATED, "operator 7", 3)
        ledger.end_insertion(row, GOOD, 4)
        ledger.note_energy(5, 12.5)
    done = CliRunner().invoke(app, ["ledger", "show", str(path), "--table", table])
    assert done.exit_code == 0, done.output
    said = {"answers": "operator 7", "energy": "12.5", "jobs": "aic_sample"}
    assert said.get(table, "") in done.stdout


def test_what_was_written_is_read_with_everything(ledger):
    assert ledger.begin_job(job(), 2, 10) == frozenset()
    number = ledger.begin_insertion("j1", "first", BEGIN, 20)
    ledger.end_insertion(number, GOOD, 30)
    ledger.end_job("j1", 4, 0, "", 40)
    (row,) = ledger.rows("insertions")
    assert (row["step"], row["begun_ns"], row["ended_ns"], row["error_code"]) == ("first", 20, 30, 0)
    assert (row["peak_force_n"], row["depth_m"], row["port_sigma_m"], row["is_latched"]) == (13.1, 0.0467, 2.0e-4, 1)
    assert [done["status"] for done in ledger.rows("jobs")] == [4]


def test_a_job_goes_on_after_the_steps_that_are_done_and_what_was_interrupted_stays_open(tmp_path):
    with Ledger(tmp_path / "ledger.db") as ledger:
        ledger.begin_job(job(), 2, 1)
        ledger.end_insertion(ledger.begin_insertion("j1", "a", BEGIN, 2), GOOD, 3)
        ledger.end_insertion(ledger.begin_insertion("j1", "b", BEGIN, 4), InsertionEnd(404, "not seated"), 5)
        ledger.begin_insertion("j1", "b", BEGIN, 6)
    with Ledger(tmp_path / "ledger.db") as ledger:
        assert ledger.begin_job(job(), 2, 7) == {"a"}
        rows = ledger.rows("insertions")
        assert [(row["step"], row["error_code"]) for row in rows] == [("a", 0), ("b", 404), ("b", None)]
        assert rows[-1]["ended_ns"] is None


def test_no_step_is_done_twice_in_a_job_and_each_job_has_its_own(ledger):
    for name in ("j1", "j2"):
        ledger.begin_job(job(name), 2, 1)
        ledger.end_insertion(ledger.begin_insertion(name, "a", BEGIN, 2), GOOD, 3)
    again = ledger.begin_insertion("j1", "a", BEGIN, 4)
    with pytest.raises(LedgerError, match="UNIQUE"):
        ledger.end_insertion(again, GOOD, 5)
    assert ledger.rows("insertions")[-1]["ended_ns"] is None


def test_a_job_that_ended_or_had_another_recipe_does_not_go_on(ledger):
    ledger.begin_job(job(), 2, 1)
    with pytest.raises(LedgerConflictError, match="aaaaaaaaaaaa, and cannot go on with aic_sample, bbbbbbbbbbbb"):
        ledger.begin_job(job(digest="b" * 64), 2, 2)
    ledger.end_job("j1", 4, 0, "", 3)
    with pytest.raises(LedgerConflictError, match="has ended"):
        ledger.begin_job(job(), 2, 4)
    assert len(ledger.rows("jobs")) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE states SET reason = ''",
        "DELETE FROM states",
        "UPDATE commands SET requester = ''",
        "DELETE FROM commands",
        "UPDATE insertions SET error_code = 0",
        "DELETE FROM insertions",
    ],
)
def test_what_is_in_the_log_stands_also_for_other_programs(ledger, statement):
    ledger.note_state(1, state=4, previous=15, mode=1, cause_code=0, reason="ready", job_id="")
    ledger.note_command(2, requester="operator 7", command="hold", reason="", error_code=621, error_msg="no")
    ledger.begin_job(job(), 2, 1)
    ledger.end_insertion(ledger.begin_insertion("j1", "a", BEGIN, 2), InsertionEnd(404, "not seated"), 3)
    other = sqlite3.connect(ledger.path)
    with pytest.raises(sqlite3.IntegrityError):
        other.execute(statement)
    other.close()


CHILD = """
import sys
from pathlib import Path
from cablecell.records.ledger import InsertionBegin, InsertionEnd, JobRecord, Ledger
with Ledger(Path(sys.argv[1])) as ledger:
    done = ledger.begin_job(JobRecord("j", "r", "h", "{}", "1"), 2, 1)
    for k in range(int(sys.argv[2])):
        if f"step {k}" in done:
            continue
        number = ledger.begin_insertion("j", f"step {k}", InsertionBegin("sfp", "p", "q", "1", 0.0, 0.0), 2)
        ledger.end_insertion(number, InsertionEnd(0, attempts=1), 3)
        print(k, flush=True)  # the plug is in: from here on the step must never be done again
"""


def test_killed_at_random_moments_no_step_is_lost_and_none_is_done_twice(tmp_path):
    path, total, told, kills, dice = tmp_path / "ledger.db", 400, [], 0, random.Random(5)
    for _ in range(60):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(path), str(total)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        first = child.stdout.readline()
        if first:
            told.append(int(first))
            time.sleep(dice.uniform(0.0, 0.03))
            child.send_signal(signal.SIGKILL)
            kills += 1
        told += [int(line) for line in child.stdout.read().split()]
        child.wait()
        child.stdout.close()
        if not first:
            break
    with Ledger(path) as ledger:
        done = [row["step"] for row in ledger.rows("insertions") if row["error_code"] == 0]
    assert kills > 5
    assert len(done) == len(set(done)), "none twice"
    assert {f"step {k}" for k in told} <= set(done), "none lost that was told to be done"
    assert len(told) == len(set(told)), "and none done again"
    assert check_ledger(path) == ""


def test_a_full_disk_is_an_error_and_leaves_what_was_there(tmp_path):
    path = tmp_path / "ledger.db"
    with Ledger(path) as ledger:
        ledger.begin_job(job(), 2, 1)
    # A limit on the size of files is to SQLite what a full disk is.
    code = f"""
import resource, signal
from pathlib import Path
from cablecell.records.ledger import InsertionBegin, Ledger, LedgerError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
ledger = Ledger(Path({str(path)!r}))
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
count = 0
try:
    while True:
        ledger.begin_insertion("j1", f"step {{count}}", InsertionBegin("sfp", "p" * 5000, "q", "1", 0.0, 0.0), 2)
        count += 1
except LedgerError as error:
    print(count, error.code, "disk" in str(error))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    count, error_code, names_it = done.stdout.split()
    assert (error_code, names_it) == ("640", "True"), done.stdout
    with Ledger(path) as ledger:
        assert len(ledger.rows("insertions")) == int(count) > 3
        ledger.begin_insertion("j1", "more", BEGIN, 3)


def test_a_backup_is_taken_while_others_write_and_can_be_restored(ledger, tmp_path):
    ledger.begin_job(job(), 2, 1)
    ending = threading.Event()

    def write():
        stamp = 0
        while not ending.is_set():
            stamp += 1
            ledger.note_state(stamp, state=4, previous=4, mode=1, cause_code=0, reason="x" * 500, job_id="")

    thread = threading.Thread(target=write)
    thread.start()
    try:
        done = CliRunner().invoke(app, ["ledger", "backup", str(ledger.path), str(tmp_path / "copy.db")])
    finally:
        ending.set()
        thread.join()
    assert done.exit_code == 0, done.output
    assert CliRunner().invoke(app, ["ledger", "restore", str(tmp_path / "copy.db"), str(ledger.path)]).exit_code == 1
    restored = tmp_path / "restored.db"
    assert CliRunner().invoke(app, ["ledger", "restore", str(tmp_path / "copy.db"), str(restored)]).exit_code == 0
    with Ledger(restored) as copy:
        states = [row["stamp_ns"] for row in copy.rows("states")]
        assert states == list(range(1, len(states) + 1)), "all up to one moment"
        assert copy.begin_job(job(), 2, 2) == frozenset()
    assert sorted(path.name for path in tmp_path.glob("*.part")) == []


@pytest.mark.parametrize(
    ("content", "says"), [(b"no database at all" * 100, "not a database"), (b"", "this file is no ledger")]
)
def test_other_files_are_refused(tmp_path, content, says):
    path = tmp_path / "other.db"
    path.write_bytes(content)
    with pytest.raises(LedgerError, match=says):
        Ledger(path, writes=False)
    assert path.read_bytes() == content


def test_the_database_of_another_program_and_a_newer_ledger_are_not_touched(tmp_path):
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE recipes (name TEXT)")
    other.close()
    with pytest.raises(LedgerError, match="no ledger"):
        Ledger(tmp_path / "other.db")
    Ledger(tmp_path / "ledger.db").close()
    newer = sqlite3.connect(tmp_path / "ledger.db")
    newer.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    newer.close()
    with pytest.raises(LedgerError, match="knows up to"):
        Ledger(tmp_path / "ledger.db")
    with pytest.raises(LedgerError, match="unable to open"):
        Ledger(tmp_path / "nowhere" / "ledger.db")


def test_rows_are_shown_in_a_terminal_and_as_json(ledger):
    ledger.begin_job(job(), 2, 1)
    ledger.end_insertion(ledger.begin_insertion("j1", "first", BEGIN, 2), GOOD, 3)
    done = CliRunner().invoke(app, ["ledger", "show", str(ledger.path)])
    assert (done.exit_code, "first" in done.stdout, "13.1" in done.stdout) == (0, True, True)
    done = CliRunner().invoke(app, ["ledger", "show", str(ledger.path), "--table", "parts"])
    assert (done.exit_code, "no table 'parts'" in done.output) == (1, True)


def test_recipes_that_mean_the_same_have_the_same_hash():
    short = {"name": "r", "steps": [{"name": "a", "layout": "trial_1"}]}
    spelled = {"steps": [{"layout": "trial_1", "insert": {"attempts": 2}, "name": "a"}], "name": "r"}
    other = {"name": "r", "steps": [{"name": "a", "layout": "trial_1", "insert": {"attempts": 3}}]}
    hashes = [recipe_hash(parse_recipe(data, "r.yaml")) for data in (short, spelled, other)]
    assert hashes[0] == hashes[1] != hashes[2]
