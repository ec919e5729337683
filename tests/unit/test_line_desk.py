"""Tasks of a line through the queue of a cell: once each, whatever ends in between, and nothing during a stop."""

import re

import pytest

from cablecell.composition.line_desk import LineDesk
from cablecell.composition.recipe_book import RecipeBook
from cablecell.composition.task_knowledge import TaskKnowledge
from cablecell.configuration import config_folder
from cablecell.core.supervision.jobs import UnknownRecipeError
from cablecell.core.supervision.line import Item, LineTask, NoStationError, Stations, UnknownTaskTypeError
from cablecell.core.supervision.line_tasks import TasksRefusedError, TaskStateError, TaskStatus
from cablecell.records import ledger_queue
from cablecell.records.ledger import Ledger
from cablecell.records.ledger_line import TaskTakenError
from cablecell.records.ledger_releases import release
from cablecell.records.ledger_rows import JobRecord

QUEUED, RUNNING, FINISHED, FAILED = (
    TaskStatus.QUEUED,
    TaskStatus.RUNNING,
    TaskStatus.FINISHED,
    TaskStatus.FAILED,
)
BOOK = RecipeBook(config_folder() / "recipes", TaskKnowledge().layouts)
STATIONS = Stations.parse({"door": {"inputs": ["board"], "outputs": ["module"]}}, "s.yaml")
S = 10**9


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "ledger.db") as opened:
        for name in ("trial_1", "trial_2"):
            recipe = BOOK.find(name)
            preview = [{"step": step.name, "is_good": True, "outcome": "seated"} for step in recipe.steps]
            release(opened, recipe, preview, requester="maria", now_ns=1)
        yield opened


def desk_of(ledger, **more):
    return LineDesk(ledger, BOOK, stations=STATIONS, clock_ns=lambda: 100 * S, **more)


def task(name="o1/trial_1/0", kind="trial_1", parts=("m1",)):
    return LineTask("o1", name, kind, (Item("b1", "board"),), tuple(Item(part, "module") for part in parts))


def states(ledger):
    return {row["job_id"]: row["state"] for row in ledger.rows("queue")}


def seen(passed):
    return [(record.task_id, status) for record, status in passed]


def test_capabilities_are_the_released_recipes_that_the_line_may_use(ledger):
    assert desk_of(ledger).capabilities() == ("trial_1", "trial_2")
    assert desk_of(ledger, allowed=["trial_2", "trial_3"]).capabilities() == ("trial_2",)
    with pytest.raises(UnknownRecipeError):
        desk_of(ledger, allowed=["weld"])
    with pytest.raises(UnknownTaskTypeError, match="valid are trial_1, trial_2"):
        desk_of(ledger).offer(task(kind="trial_3"))
    assert desk_of(ledger, remap={"plug": "trial_2"}).offer(task(kind="plug")).order.recipe == "trial_2"
    with pytest.raises(NoStationError):
        desk_of(ledger).offer(LineTask("o1", "t", "trial_1", (Item("x", "wheel"),)))
    assert states(ledger) == {}, "an offer begins nothing"


def test_a_task_goes_through_the_queue_and_its_end_is_told_once(ledger):
    desk = desk_of(ledger)
    desk.book.promise("o1/trial_1/0")
    record = desk.request(task())
    assert record.status is QUEUED
    assert states(ledger) == {"o1/trial_1/0": "waiting"}
    assert desk.refresh() == []
    taken = ledger_queue.take_next(ledger, 2)
    assert (taken.recipe, taken.serials, taken.requester) == ("trial_1", ("m1",), "line o1")
    assert seen(desk.refresh()) == [("o1/trial_1/0", RUNNING)]
    ledger_queue.end(ledger, taken.job_id, None, 3)
    assert seen(desk.refresh()) == [("o1/trial_1/0", FINISHED)]
    facts = desk.end("o1/trial_1/0")
    assert facts == {"task_id": "o1/trial_1/0", "recipe": "trial_1", "parts": ["m1"], "insertions": []}
    assert desk.refresh() == []
    assert desk.book.front is None


def test_a_task_that_is_requested_again_after_everything_ended_is_not_done_again(ledger):
    desk_of(ledger).request(task())
    taken = ledger_queue.take_next(ledger, 2)
    again = desk_of(ledger)  # the adapter was killed, and the orchestrator too
    assert again.book.front.status is RUNNING
    assert again.request(task()).status is RUNNING
    with pytest.raises(TaskStateError, match="somebody waits"):
        again.request(task())
    ledger_queue.put_back(ledger, 3)  # the cell was killed
    assert again.refresh() == [], "for the line it runs on"
    taken = ledger_queue.take_next(ledger, 4)
    ledger_queue.end(ledger, taken.job_id, None, 5)
    third = desk_of(ledger)
    assert third.book.tasks == ()
    record = third.request(task())
    assert seen(third.refresh()) == [(record.task_id, RUNNING), (record.task_id, FINISHED)]
    assert ledger_queue.take_next(ledger, 6) is None
    with pytest.raises(TaskTakenError):
        desk_of(ledger).request(task(parts=("m2",)))


def test_a_cell_that_cannot_begin_takes_only_what_it_has(ledger):
    desk = desk_of(ledger)
    with pytest.raises(TasksRefusedError, match="the cell is ABORTED"):
        desk.request(task(), unable="the cell is ABORTED")
    assert states(ledger) == {}
    desk.request(task())
    assert desk_of(ledger).request(task(), unable="the cell is not up").status is QUEUED


def test_a_pause_holds_what_waits_and_a_missing_signal_too(ledger):
    desk = desk_of(ledger, start_signal="docked")
    desk.request(task("a"))
    desk.request(task("b"), ["docked"])
    assert states(ledger) == {"a": "paused", "b": "waiting"}
    desk.book.is_paused = True
    desk.request(task("c"), ["docked"])
    desk.refresh()
    assert states(ledger) == {"a": "paused", "b": "paused", "c": "paused"}
    desk.book.is_paused = False
    desk.refresh()
    assert states(ledger) == {"a": "paused", "b": "waiting", "c": "waiting"}
    desk.book.signal("a", "something else")
    desk.refresh()
    assert states(ledger)["a"] == "paused"
    desk.book.signal("a", "docked")
    desk.refresh()
    assert states(ledger)["a"] == "waiting"
    ledger_queue.change(ledger, "b", "pause", 9)  # by a person
    desk.refresh()
    assert states(ledger)["b"] == "paused", "what a person has paused is not resumed by the line"


def test_an_emergency_stop_ends_every_task_and_refuses_new_ones(ledger):
    desk = desk_of(ledger)
    desk.request(task("a"))
    desk.request(task("b"))
    desk.book.promise("c")
    ledger_queue.add(ledger, ledger_queue.QueuedJob("own", "trial_1", "h", requester="maria"), 1)
    ledger_queue.take_next(ledger, 2)
    desk.refresh()
    desk.stop(True)
    assert states(ledger) == {"a": "cancelling", "b": "cancelled", "own": "waiting"}
    assert seen(desk.refresh()) == [("b", FAILED)]
    for call in (lambda: desk.offer(task("d")), lambda: desk.request(task("d")), lambda: desk.book.promise("d")):
        with pytest.raises(TasksRefusedError, match=re.escape("an emergency stop is active")):
            call()
    ledger_queue.end(ledger, "a", TasksRefusedError("aborted"), 3)
    assert seen(desk.refresh()) == [("a", FAILED)]
    assert desk.book.find("a").error == "code 762: aborted"
    assert desk.book.find("c") is None
    desk.stop(False)
    assert desk.request(task("d")).status is QUEUED


def test_when_a_task_ends_is_told_by_what_such_jobs_took(ledger):
    desk = desk_of(ledger)
    assert desk.offer(task()).finish_ns is None
    desk.request(task("a", parts=("m1", "m2")))
    ledger_queue.take_next(ledger, 2)
    ledger.begin_job(JobRecord("a", "trial_1", "h", "{}", "1"), 2, 0)
    ledger.end_job("a", 4, 0, "", 20 * S)
    ledger_queue.end(ledger, "a", None, 3)
    desk.refresh()
    desk.end("a")
    assert desk.offer(task("b")).finish_ns == 110 * S
    waiting = desk.request(task("b", parts=("m3", "m4", "m5")))
    assert desk.finish_ns(waiting) == 130 * S
    assert desk.offer(task("c")).finish_ns == 140 * S
