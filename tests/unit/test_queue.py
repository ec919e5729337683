"""The queue of jobs: order, changes, what survives the end of the cell, and what is tried again."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from cablecell.cli import app
from cablecell.core.supervision.jobs import for_serials, parse_recipe
from cablecell.records import ledger_queue
from cablecell.records.ledger import Ledger, LedgerError
from cablecell.records.ledger_queue import QueuedJob, QueueError
from cablecell.records.ledger_rows import InsertionBegin, InsertionEnd, JobRecord

BEGIN = InsertionBegin("sfp", "p", "q", "1", 0.0, 0.0)


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "ledger.db") as opened:
        yield opened


def put(ledger, name, priority=0, **more):
    ledger_queue.add(ledger, QueuedJob(name, "trial_1", "h", priority=priority, **more), 1)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(-3, 3), max_size=8))
def test_the_highest_priority_goes_first_and_among_equals_the_oldest(tmp_path_factory, priorities):
    with Ledger(tmp_path_factory.mktemp("queue") / "ledger.db") as ledger:
        for number, priority in enumerate(priorities):
            put(ledger, f"j{number}", priority)
        taken = []
        while (job := ledger_queue.take_next(ledger, 2)) is not None:
            taken.append(int(job.job_id[1:]))
    assert taken == sorted(range(len(priorities)), key=lambda number: (-priorities[number], number))


def test_a_job_that_ran_when_the_cell_ended_waits_again_and_one_that_was_to_be_cancelled_is(ledger):
    for name in ("a", "b", "c"):
        put(ledger, name)
    assert [ledger_queue.take_next(ledger, 2).job_id for _ in range(2)] == ["a", "b"]
    assert ledger_queue.change(ledger, "b", "cancel", 3) == "cancelling"
    assert ledger_queue.is_cancelling(ledger, "b")
    ledger_queue.put_back(ledger, 4)
    assert {row["job_id"]: row["state"] for row in ledger_queue.listed(ledger)} == {
        "a": "waiting",
        "b": "cancelled",
        "c": "waiting",
    }
    assert ledger_queue.take_next(ledger, 5).job_id == "a", "before those that came later"


@pytest.mark.parametrize(("status", "state"), [(4, "done"), (5, "failed"), (6, "cancelled")])
def test_a_job_whose_end_was_written_before_that_of_its_place_in_the_queue_has_ended(ledger, status, state):
    put(ledger, "a")
    job = ledger_queue.take_next(ledger, 2)
    ledger.begin_job(JobRecord(job.job_id, "r", "h", "{}", "1"), 2, 3)
    ledger.end_job("a", status, 404 if status == 5 else 0, "", 4)
    ledger_queue.put_back(ledger, 5)
    (row,) = ledger.rows("queue")
    assert (row["state"], row["error_code"]) == (state, 404 if status == 5 else 0)
    assert ledger_queue.take_next(ledger, 6) is None


def test_a_paused_job_lets_others_go_first(ledger):
    put(ledger, "a", 5)
    put(ledger, "b")
    assert ledger_queue.change(ledger, "a", "pause", 2) == "paused"
    assert ledger_queue.take_next(ledger, 3).job_id == "b"
    assert ledger_queue.take_next(ledger, 3) is None
    assert ledger_queue.change(ledger, "a", "resume", 4) == "waiting"
    assert ledger_queue.take_next(ledger, 5).job_id == "a"


def test_what_the_state_of_a_job_does_not_allow_is_refused(ledger):
    put(ledger, "a")
    ledger_queue.take_next(ledger, 2)
    for what in ("pause", "resume"):
        with pytest.raises(QueueError, match="job a is running; it cannot"):
            ledger_queue.change(ledger, "a", what, 3)
    with pytest.raises(QueueError, match="no job b"):
        ledger_queue.change(ledger, "b", "cancel", 3)
    with pytest.raises(QueueError, match="only what failed"):
        ledger_queue.retry(ledger, "a", "me", 3)
    with pytest.raises(QueueError, match="job a already"):
        put(ledger, "a")
    with pytest.raises(QueueError, match="s1 is named twice"):
        put(ledger, "b", serials=("s1", "s1"))
    with pytest.raises(LedgerError, match="never deleted"), ledger.transaction() as db:
        db.execute("DELETE FROM queue")


def test_a_second_and_third_try_do_not_do_again_what_was_done(ledger):
    put(ledger, "a", 3, serials=("s1", "s2"))
    for name, step in (("a", "s1/x"), ("a~2", "s1/y"), ("a~3", "")):
        job = ledger_queue.take_next(ledger, 2)
        assert (job.job_id, job.priority, job.serials) == (name, 3, ("s1", "s2"))
        done = ledger.begin_job(JobRecord(name, "r", "h", "{}", "1", job.follows), 2, 3)
        assert done == {"a": frozenset(), "a~2": {"s1/x"}, "a~3": {"s1/x", "s1/y"}}[name]
        if step:
            ledger.end_insertion(ledger.begin_insertion(name, step, BEGIN, 4), InsertionEnd(0), 5)
            ledger_queue.end(ledger, name, QueueError("no"), 6)
            assert ledger_queue.retry(ledger, name, "me", 7).follows == name
    with pytest.raises(QueueError, match="tried again as a~2"):
        ledger_queue.retry(ledger, "a", "me", 8)


def test_a_recipe_for_several_parts_does_all_steps_of_one_after_the_other():
    steps = [{"name": name, "layout": "trial_1"} for name in ("x", "y")]
    recipe = parse_recipe({"name": "r", "steps": steps}, "r.yaml")
    assert [step.name for step in for_serials(recipe, ("s1", "s2")).steps] == ["s1/x", "s1/y", "s2/x", "s2/y"]
    assert for_serials(recipe, ()) is recipe


def test_jobs_are_put_in_listed_and_changed_from_a_terminal(tmp_path):
    path = str(tmp_path / "ledger.db")

    def job(*words):
        return CliRunner().invoke(app, ["job", *words])

    said = json.loads(job("add", path, "aic_sample", "--serial", "s1", "--serial", "s2", "--json").stdout)
    assert said["steps"] == 6
    assert job("add", path, "trial_3", "--name", "rush", "--priority", "9").exit_code == 0
    refused = job("add", path, "trial_9")
    assert (refused.exit_code, "933" in refused.output, "aic_sample" in refused.output) == (1, True, True)
    assert [row["job_id"] for row in json.loads(job("list", path, "--json").stdout)] == ["rush", said["job_id"]]
    assert json.loads(job("cancel", path, "rush", "--json").stdout) == {"job_id": "rush", "state": "cancelled"}
    assert json.loads(job("retry", path, "rush", "--json").stdout)["job_id"] == "rush~2"
    again = job("cancel", path, "rush")
    assert (again.exit_code, "code 645" in again.output) == (1, True)
    assert "rush~2" in job("list", path).stdout
