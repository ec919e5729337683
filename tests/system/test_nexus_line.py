"""Ten work orders over two cells of a NEXUS line, one of which is killed half-way: every order ends, none twice.

Real: both supervisors, their ledgers and queues, both adapters, the middleware, each cell in a namespace of its own.
Stand-in: estimator, skill and ports (`evaluation/faults/workbench.py`), and the system orchestrator, which speaks the
published endpoints only. Where a supervisor asks what became of a plug, a person is played who looks at the port.
"""

from __future__ import annotations

import itertools
import signal
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from cablecell_interfaces.msg import CellState
from nexus_orchestrator_msgs.msg import ItemDescription, TaskState, WorkcellState

from cablecell.composition.recipe_book import RecipeBook
from cablecell.composition.task_knowledge import TaskKnowledge
from cablecell.configuration import recipes_folder
from cablecell.core.supervision.line_tasks import FOLLOWS, TaskStatus
from cablecell.core.supervision.lookback import Answer
from cablecell.evaluation.faults.workbench import read_log, seated
from cablecell.records.ledger import Ledger, check_ledger
from cablecell.records.ledger_found import note_answer, open_insertions
from cablecell.records.ledger_releases import release
from cablecell.ros import qos
from tests.support.graph import GraphClient, Process
from tests.support.line_orchestrator import Orchestrator, task_of
from tests.support.wait import PATIENCE, wait_until

BIN = Path(sys.prefix) / "bin"
QUEUED, RUNNING, FINISHED, FAILED = (
    TaskState.STATUS_QUEUED,
    TaskState.STATUS_RUNNING,
    TaskState.STATUS_FINISHED,
    TaskState.STATUS_FAILED,
)
STATIONS = {"belt": {"inputs": ["board"], "outputs": ["module"]}}


class Cell:
    """A cell in a namespace: supervisor, adapter and stand-in, each a process, with a ledger that outlives them."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.ledger, self.log = name, folder / f"{name}.db", folder / f"{name}.jsonl"
        self._stations = folder / "stations.yaml"
        self._stations.write_text(yaml.safe_dump(STATIONS), encoding="utf-8")
        self.log.touch()
        recipe = RecipeBook(recipes_folder(), TaskKnowledge().layouts).find("trial_1")
        with Ledger(self.ledger) as ledger:  # the preview is of the real skill; here the ports are a stand-in
            preview = [{"step": step.name, "is_good": True, "outcome": "seated"} for step in recipe.steps]
            release(ledger, recipe, preview, requester="the test", now_ns=1)
        self.processes: list[Process] = []

    def start(self, seed: int) -> None:
        def node(program: str | tuple[str, ...], **parameters: object) -> Process:
            words = [word for key, value in parameters.items() for word in ("-p", f"{key}:={value}")]
            command = (program,) if isinstance(program, str) else program
            return Process(*command, "--ros-args", "-r", f"__ns:=/{self.name}", *words)

        bench = (sys.executable, "-m", "cablecell.evaluation.faults.workbench")
        common = {"ledger_file": self.ledger, "autostart": "true"}
        self.processes = [
            node(bench, log=self.log, ledger_file=self.ledger, seed=seed),
            node(
                str(BIN / "cell_supervisor"),
                nodes="[workbench]",
                works_queue="true",
                realtime_priority=0,
                appear_limit_s=60.0 * PATIENCE,
                late_limit_s=10.0,  # a busy machine is no fault of the cell here
                **common,
            ),
            node(str(BIN / "nexus_workcell"), stations_file=self._stations, **common),
        ]

    def kill(self) -> None:
        for process in self.processes:
            process.send(signal.SIGKILL)
        self.close()

    def close(self) -> None:
        for process in self.processes:
            process.__exit__()

    @property
    def output(self) -> str:
        return "\n".join(process.output for process in self.processes)

    def rows(self, question: str) -> list[tuple]:
        with closing(sqlite3.connect(f"{self.ledger.as_uri()}?mode=ro", uri=True, timeout=5.0)) as db:
            return db.execute(question).fetchall()

    def answer(self) -> None:
        """Say what is in the port, where the supervisor asks for it."""
        last = self.rows("SELECT state, reason FROM states ORDER BY id DESC LIMIT 1")
        if not last or last[0][0] != CellState.STATE_HELD or "seated" not in last[0][1]:
            return
        with Ledger(self.ledger) as ledger:
            for begun in open_insertions(ledger):
                is_in = (begun.job_id, begun.step) in seated(read_log(self.log))
                note_answer(ledger, Answer.SEATED if is_in else Answer.EMPTY, "a person", time.time_ns(), begun.row)


def order_of(number: int):
    return task_of(f"order_{number}", "trial_1", [f"part_{number}_1", f"part_{number}_2"], payload="priority: 1")


@pytest.fixture
def cells(tmp_path):
    made = [Cell("cell_a", tmp_path), Cell("cell_b", tmp_path)]
    yield made
    for cell in made:
        cell.close()


def test_ten_orders_end_once_each_though_a_cell_is_killed_half_way(cells):
    first, second = cells
    names = [cell.name for cell in cells]
    with GraphClient() as client:
        line = Orchestrator(client)
        line.is_ready = False
        for number, cell in enumerate(cells):
            cell.start(number)
        wait_until(
            lambda: all("is not ready: not yet" in cell.output for cell in cells),
            timeout_s=60.0,
            what="both cells to be told to come later",
        )
        line.is_ready = True
        for name in names:
            told = line.await_workcell(name)
            assert list(told.capabilities) == ["trial_1"]
            assert [(one.item_type, one.station_id) for one in told.outputs] == [("module", "belt")]

        # What can be done, and what cannot.
        offer = line.ask("cell_a", order_of(0))
        assert offer.success
        assert [(one.item_id, one.assignment.station_id) for one in offer.outputs] == [
            ("part_0_1", "belt"),
            ("part_0_2", "belt"),
        ]
        assert not line.ask("cell_a", task_of("x", "weld", [])).success
        assert not line.ask("cell_a", task_of("x", "trial_2", [])).success, "it is not released"
        assert not line.ask("cell_a", task_of("x", "trial_1", [], payload="{")).success
        wheel = task_of("x", "trial_1", [], input_items=[ItemDescription(item_id="w", item_type="wheel")])
        assert not line.ask("cell_a", wheel).success

        # Promised and taken back; paused, a task waits.
        assert line.promise("cell_a", "later")
        assert not line.promise("cell_a", "later")
        wait_until(lambda: line.states["cell_a"][-1].task_id == "later", what="the promise to be told")
        assert line.take_back("cell_a", "later")
        assert not line.take_back("cell_a", "later")
        assert not line.signal("cell_a", "later", "go")
        assert line.pause("cell_a", True)

        # Eight orders; two more while the second cell is down.
        orders = [line.order(order_of(number), names) for number in range(8)]
        assert [order.workcell for order in orders].count("cell_b") == 4
        assert line.signal("cell_a", orders[0].task.task_id, "go")
        hit = [order for order in orders if order.workcell == "cell_b"]
        wait_until(
            lambda: hit[0].result is not None and hit[1].runs[0][-1:] == [RUNNING],
            timeout_s=60.0,
            what=f"the second order of the cell to run: {second.output}",
        )
        assert {tuple(order.runs[0]) for order in orders if order.workcell == "cell_a"} == {(QUEUED,)}, "it is paused"
        assert line.pause("cell_a", False)
        second.kill()
        orders += [line.order(order_of(number), ["cell_a"]) for number in (8, 9)]
        second.start(7)
        line.await_workcell("cell_b", times=2)
        again = line.request_again("cell_b")
        assert len(again) >= 2, "the running one, and what waited"

        def is_done() -> bool:
            for cell in cells:
                cell.answer()
            return all(order.result is not None for order in orders)

        wait_until(is_done, timeout_s=90.0, what=f"all orders to end: {first.output}\n{second.output}")

        # Every order ended well, every part was done once.
        assert [(order.result.success, order.result.message) for order in orders] == [(True, "done")] * 10
        parts = {(order.task.task_id, item.item_id) for order in orders for item in order.task.output_items}
        entries = [entry for cell in cells for entry in read_log(cell.log)]
        plugs = [(job, step.split("/")[0]) for job, step in seated(entries)]
        assert sorted(plugs) == sorted(parts)
        assert not [entry for entry in entries if entry["what"] == "pushed_into_filled"]
        for cell in cells:
            done = cell.rows("SELECT job_id, step FROM insertions WHERE error_code = 0")
            mine = {order.task.task_id for order in orders if order.workcell == cell.name}
            assert len(done) == len(set(done)) == 2 * len(mine)
            assert {job for job, _ in done} == mine
            assert {state for (state,) in cell.rows("SELECT state FROM queue")} == {"done"}
            assert not check_ledger(cell.ledger)
        facts = yaml.safe_load(orders[0].result.result)["trial_1"]
        assert facts["parts"] == ["part_0_1", "part_0_2"]
        assert facts["insertions"][-1]["error_code"] == 0

        # The states were those of the line, in its order.
        for order in orders:
            assert len(order.runs) == (2 if order in again else 1)
            assert order.runs[-1][-1] == FINISHED
            for told in order.runs:
                assert told[0] in (QUEUED, RUNNING)
                for before, after in itertools.pairwise(told):
                    assert TaskStatus(after) in FOLLOWS[TaskStatus(before)], told
            if order not in again:
                assert order.runs == [[QUEUED, RUNNING, FINISHED]]
        for name in names:
            wait_until(
                lambda name=name: line.states[name][-1].status == WorkcellState.STATUS_IDLE, what=f"{name} to be idle"
            )
            assert line.states[name][-1].task_id == ""
            busy = {one.task_id for one in line.states[name] if one.status == WorkcellState.STATUS_BUSY}
            assert {order.task.task_id for order in orders if order.workcell == name} <= busy

        # An order that is given again is told to be done, and is not done again.
        orders[3].result = None
        line.request(orders[3])
        wait_until(lambda: orders[3].result is not None, what="the old result")
        assert orders[3].result.success
        assert len([entry for cell in cells for entry in read_log(cell.log)]) == len(entries)

        # Emergency stop: what runs and waits fails, new orders are refused, and the cell stays aborted afterwards.
        cell_states = client.collect(CellState, "/cell_a/cell_state", qos.STATE)
        last = [line.order(order_of(number), ["cell_a"]) for number in (20, 21)]
        wait_until(lambda: last[0].runs[0][-1:] == [RUNNING], timeout_s=30.0, what="the order to run")
        line.stop(True)
        wait_until(
            lambda: all(order.result is not None for order in last), timeout_s=30.0, what=f"the end: {first.output}"
        )
        assert [(order.result.success, order.runs[0][-1]) for order in last] == [(False, FAILED)] * 2
        wait_until(lambda: cell_states[-1].state == CellState.STATE_ABORTED, what="the cell to abort")
        assert not line.ask("cell_a", order_of(22)).success
        assert not line.promise("cell_b", "during the stop")
        line.stop(False)
        wait_until(lambda: "emergency stop over" in first.output, what="the end of the stop")
        assert not line.ask("cell_a", order_of(22)).success, "a person has to clear the cell first"
