"""A supervisor that works the queue off: order, kill -9 in the middle, a changed recipe, cancel from outside."""

import signal
import time

import pytest
from cablecell_interfaces.msg import CellState

from cablecell.composition.recipe_book import RecipeBook
from cablecell.composition.task_knowledge import TaskKnowledge
from cablecell.configuration import config_folder
from cablecell.core.supervision.jobs import recipe_hash
from cablecell.records import ledger_queue
from cablecell.records.ledger import Ledger
from cablecell.records.ledger_queue import QueuedJob
from tests.support.graph import GraphClient
from tests.support.supervised import Partners, SupervisedNodes
from tests.support.wait import wait_until


@pytest.fixture
def client():
    with GraphClient() as graph:
        yield graph


@pytest.fixture
def partners(client):
    made = Partners(client)
    yield made
    made.close()


def put(ledger, name, recipe, priority=0, serials=(), digest=None):
    book = RecipeBook(config_folder() / "recipes", TaskKnowledge().layouts)
    job = QueuedJob(name, recipe, digest or recipe_hash(book.find(recipe)), serials, priority)
    ledger_queue.add(ledger, job, time.time_ns())


def states(ledger):
    return {row["job_id"]: row["state"] for row in ledger.rows("queue")}


def test_the_queue_is_worked_off_over_a_kill_and_nothing_is_done_twice(client, partners, tmp_path):
    path = tmp_path / "ledger.db"
    with Ledger(path) as ledger:
        put(ledger, "late", "trial_3")
        put(ledger, "two_boards", "aic_sample", 5, ("s1", "s2"))
        put(ledger, "changed", "trial_2", 4, digest="f" * 64)
        partners.waits_for = 8  # an observe and an insertion a step: the fourth insertion does not end
        given = (f"ledger_file:={path}", "works_queue:=true")
        first = SupervisedNodes(client, *given)
        try:
            wait_until(lambda: len(partners.begun) == 8, timeout_s=60.0, what="the insertion on the second board")
            first.supervisor.send(signal.SIGKILL)
            first.supervisor.wait()
        finally:
            first.close()
        assert states(ledger) == {"late": "waiting", "two_boards": "running", "changed": "waiting"}
        calls = len(partners.calls)
        partners.let_go(404)
        wait_until(lambda: len(partners.calls) > calls, what="the skill to fail, the plug clear of the port")
        partners.reset()
        second = SupervisedNodes(client, *given)
        try:
            wait_until(lambda: states(ledger)["late"] == "done", timeout_s=60.0, what="the queue to be done")
            assert states(ledger) == {"late": "done", "two_boards": "done", "changed": "failed"}
            partners.waits_for_cancel = True
            put(ledger, "endless", "trial_1")
            begun = len(partners.begun)
            wait_until(lambda: len(partners.begun) > begun, what="the job to begin")
            assert ledger_queue.change(ledger, "endless", "cancel", time.time_ns()) == "cancelling"
            wait_until(lambda: states(ledger)["endless"] == "cancelled", what="the job to be cancelled")
            wait_until(lambda: second.states[-1].state == CellState.STATE_IDLE, what="the cell to be idle")
        finally:
            second.close()
        rows = [(row["step"], row["error_code"]) for row in ledger.rows("insertions") if row["job_id"] == "two_boards"]
        names = [
            f"{serial}/{step}"
            for serial in ("s1", "s2")
            for step in ("sfp_into_card_0", "sfp_into_card_1", "sc_into_adapter")
        ]
        assert [step for step, code in rows if code == 0] == names
        assert [step for step, code in rows if code == 404] == ["s2/sfp_into_card_0"]
        (changed,) = [row for row in ledger.rows("queue") if row["job_id"] == "changed"]
        assert changed["error_code"] == 642
