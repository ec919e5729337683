"""The check of the kill benchmark finds what it looks for: it is given worlds and ledgers that do not fit."""

from __future__ import annotations

import json
import time

import pytest

from cablecell.evaluation.bench_kills import summarise
from cablecell.evaluation.faults.workbench import read_log
from cablecell.records import ledger_queue
from cablecell.records.ledger import Ledger
from cablecell.records.ledger_queue import QueuedJob
from cablecell.records.ledger_rows import InsertionBegin, InsertionEnd, JobRecord

PARTS = [("j", "a"), ("j", "b")]
BEGIN = InsertionBegin("sfp", "p", "q", "1", 0.0, 0.0)


class Story:
    """Two parts that were put in well; a test spoils one thing."""

    def __init__(self, folder):
        self.path, self.log = folder / "ledger.db", folder / "world.jsonl"
        self.entries = []
        with Ledger(self.path) as ledger:
            ledger_queue.add(ledger, QueuedJob("j", "r", "h", ("a", "b")), 1)
            ledger.begin_job(JobRecord("j", "r", "h", "{}", "1"), 2, 1)
        for _, step in PARTS:
            self.put_in(step)

    def put_in(self, step, code=0, what=("begun", "pushed", "seated", "told"), is_ended=True):
        with Ledger(self.path) as ledger:
            row = ledger.begin_insertion("j", step, BEGIN, time.time_ns())
            if is_ended:
                ledger.end_insertion(row, InsertionEnd(code), time.time_ns())
        self.happen(row, step, *what)

    def happen(self, row, step, *what):
        self.entries += [{"what": one, "row": row, "job": "j", "step": step, "stamp_s": 0.0} for one in what]

    def judged(self, added=PARTS):
        with Ledger(self.path) as ledger:
            ledger_queue.end(ledger, "j", None, 2)
        self.log.write_text("".join(json.dumps(entry) + "\n" for entry in self.entries))
        wrong = summarise([], read_log(self.log), self.path, list(added))
        names = ("pushed_into_filled", "done_twice", "skipped", "jobs_not_done", "ledger_lost", "ledger_doubled")
        names += ("ledger_false", "ledger_open", "ledger_damaged")
        return {name for name in names if wrong[name]}


@pytest.fixture
def story(tmp_path):
    return Story(tmp_path)


def test_where_all_fits_nothing_is_found(story):
    story.put_in("b", 405, ("begun", "pushed", "failed"))
    assert story.judged() == set()


def test_a_plug_that_is_pushed_into_a_filled_port_is_found(story):
    story.put_in("b", 405, ("begun", "pushed_into_filled", "failed"))
    assert story.judged() == {"pushed_into_filled"}


def test_a_part_that_is_done_twice_is_found_though_the_ledger_has_it_once(story):
    story.put_in("b", 641)
    assert story.judged() == {"done_twice"}


def test_a_part_that_is_left_out_is_found(story):
    assert story.judged([*PARTS, ("j", "c")]) == {"skipped"}


def test_a_part_that_only_the_ledger_believes_is_found(story):
    story.put_in("c", 0, ("begun", "pushed"))
    assert story.judged() == {"ledger_false"}


def test_a_part_that_the_ledger_does_not_know_is_found(story):
    story.put_in("c", 641)
    assert story.judged() == {"ledger_lost"}
    story.happen(99, "d", "begun")
    assert story.judged() == {"ledger_lost"}


def test_an_insertion_that_was_begun_twice_with_one_row_is_found(story):
    story.happen(1, "a", "begun")
    assert story.judged() == {"ledger_doubled"}


def test_what_stays_open_is_found(story):
    story.put_in("c", what=("begun",), is_ended=False)
    assert story.judged() == {"ledger_open"}
