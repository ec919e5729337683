"""The console's node over DDS: what it makes of topics, and what its commands ask of the cell."""

from __future__ import annotations

import threading
import time

import pytest
import rclpy
from cablecell_interfaces.msg import CellState, InsertionReport, JobStatus
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from cablecell.console.acting import Acting
from cablecell.console.errors import BusyGoalError, NoLedgerError, UnknownCommandError
from cablecell.console.gateway import RULES, AuditRow
from cablecell.console.listening import Listening
from cablecell.console.operating import Operating
from cablecell.console.state import ConsoleState
from cablecell.core.config.console import ConsoleParameters
from cablecell.core.supervision.jobs import UnknownRecipeError
from cablecell.core.supervision.packml import Command
from cablecell.core.teleop.errors import StopUnconfirmedError
from cablecell.records.ledger import Ledger
from cablecell.records.ledger_queue import listed
from cablecell.records.ledger_releases import ReleaseError, release
from cablecell.ros.goals import NoAnswerError, RemoteError
from tests.support.console_cell import FakeCell
from tests.support.graph import GraphClient
from tests.support.wait import wait_until

ANNA = "Anna (operator, console)"


class Console:
    """The node's two halves, spun in a thread."""

    def __init__(self, ledger):
        self.context = rclpy.Context()
        rclpy.init(context=self.context)
        self.node = Node("console", context=self.context)
        self.state = ConsoleState()
        settings = ConsoleParameters(ledger_file=str(ledger), answer_limit_s=3.0)
        self.listening = Listening(self.node, self.state, camera="center", joint_rate_hz=20.0)
        self.acting = Acting(self.node, self.state, settings)
        self.operating = Operating(self.node, self.state)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._spin)
        self._thread.start()

    def _spin(self):
        while not self._ending.is_set():
            self._executor.spin_once(timeout_sec=0.05)

    def close(self):
        self.operating.end()
        self._ending.set()
        self._thread.join()
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self.context)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    return tmp_path_factory.mktemp("ledger") / "cell.ledger"


@pytest.fixture(scope="module")
def graph(ledger):
    with GraphClient("cell") as client:
        cell, console = FakeCell(client), Console(ledger)
        yield cell, console
        console.close()


@pytest.fixture
def cell(graph):
    graph[0].refuses, graph[0].confirms_stop = 0, True
    graph[0].orders.clear()
    return graph[0]


@pytest.fixture
def console(graph):
    return graph[1]


def _until(condition):
    wait_until(condition, what="the console to hear it")


class TestListening:
    def test_the_cell_and_the_alarm_of_its_cause(self, cell, console):
        cell.say("cell_state", state=CellState.STATE_ABORTED, mode=1, cause_code=312, reason="61 N, limit 60 N")
        _until(lambda: console.state.cell.name == "ABORTED")
        alarm = console.state.alarms.active[0]
        assert (alarm.source, alarm.code, alarm.cause) == ("cell", 312, "61 N, limit 60 N")
        cell.say("cell_state", state=CellState.STATE_IDLE, mode=1, reason="ready")
        _until(lambda: console.state.cell.name == "IDLE")
        assert console.state.alarms.active[0].ended_s is not None, "over, and not seen by anybody yet"
        assert console.state.cell.allows(Command.START)
        assert not console.state.cell.allows(Command.HOLD)

    def test_a_cell_that_falls_silent_is_no_cell(self, cell, console):
        cell.say("cell/heartbeat")
        _until(lambda: console.state.is_cell_up(time.monotonic()))
        assert not console.state.is_cell_up(time.monotonic() + 2.0)

    def test_a_job_that_failed_and_what_was_inserted(self, cell, console):
        cell.say(
            "job_status",
            job_id="j1",
            recipe="aic_sample",
            status=JobStatus.STATUS_FAILED,
            error_code=404,
            error_msg="jam",
        )
        _until(lambda: any(alarm.code == 404 for alarm in console.state.alarms.active))
        report = InsertionReport(job_id="j1", step="s1", state=InsertionReport.STATE_ENDED, attempts=2)
        report.insertion.depth, report.insertion.peak_force = 0.0458, 18.5
        cell._publishers["insertion_report"].publish(report)
        _until(lambda: console.state.insertions)
        newest = console.state.insertions[0]
        assert (newest.step, newest.depth_m, newest.peak_force_n, newest.attempts) == ("s1", 0.0458, 18.5, 2)

    def test_diagnostics_whose_level_is_a_byte(self, cell, console):
        status = DiagnosticStatus(
            level=DiagnosticStatus.ERROR,
            name="port_estimator: cameras",
            message="black",
            values=[KeyValue(key="error_code", value="582")],
        )
        cell.say("diagnostics", status=[status])
        _until(lambda: any(one.name == status.name for one in console.state.components))
        assert next(one for one in console.state.components if one.name == status.name).level == 2
        assert any(alarm.code == 582 for alarm in console.state.alarms.active)

    def test_the_peak_of_a_force_stays(self, cell, console):
        from geometry_msgs.msg import Vector3, Wrench

        for force in (1.0, 25.0, 2.0):
            cell.say("wrench", wrench=Wrench(force=Vector3(z=force)))
        _until(lambda: len(console.state.force.rows(time.monotonic())) and console.state.force.latest == 25.0)


class TestActing:
    def test_every_command_of_the_table_does_something(self, console):
        assert set(console.acting.table()) | set(console.operating.table()) == set(RULES)

    def test_stop_goes_to_the_arm_first_and_then_the_cell_aborts(self, cell, console):
        before = cell.stops
        console.acting.stop_arm(ANNA)
        assert cell.stops == before + 1
        assert cell.orders == [(int(Command.ABORT), 0, ANNA)]

    def test_a_stop_that_is_not_confirmed_says_so_and_the_cell_aborts_all_the_same(self, cell, console):
        cell.confirms_stop = False
        with pytest.raises(StopUnconfirmedError, match="the arm may still move: code 316"):
            console.acting.stop_arm(ANNA)
        assert cell.orders == [(int(Command.ABORT), 0, ANNA)]

    def test_packml_commands_carry_who_asks_and_bring_the_refusal_back(self, cell, console):
        table = console.acting.table()
        table["hold"](ANNA)
        table["mode"](ANNA, mode="maintenance")
        assert cell.orders == [(int(Command.HOLD), 0, ANNA), (0, 2, ANNA)]
        cell.refuses = 621
        with pytest.raises(RemoteError, match="not now") as refused:
            table["hold"](ANNA)
        assert refused.value.code == 621
        with pytest.raises(UnknownCommandError, match="maintenance"):
            table["mode"](ANNA, mode="rocket")

    def test_teleoperation_is_asked_for_and_may_be_refused(self, cell, console):
        table = console.acting.table()
        table["teleop_enable"](ANNA)
        table["teleop_disable"](ANNA)
        assert cell.enabled[-2:] == [True, False]
        cell.refuses = 620
        with pytest.raises(RemoteError, match="a job is running"):
            table["teleop_enable"](ANNA)

    def test_the_assist_is_switched_and_nothing_else_is_understood(self, cell, console):
        table = console.acting.table()
        table["teleop_assist"](ANNA, what="on")
        table["teleop_assist"](ANNA, what="off")
        assert cell.assisted[-2:] == [True, False]
        with pytest.raises(UnknownCommandError, match="on or off"):
            table["teleop_assist"](ANNA, what="maybe")

    def test_a_look_where_nobody_looks_says_so(self, console):
        with pytest.raises(BusyGoalError, match="nobody looks at ports"):
            console.acting.table()["teleop_look"](ANNA)

    def test_who_does_not_answer_is_named(self, console):
        with pytest.raises(NoAnswerError, match="tare_force_torque_sensor"):
            console.acting.table()["tare"](ANNA)

    def test_a_job_that_nobody_takes(self, console):
        with pytest.raises(BusyGoalError, match="nobody serves jobs"):
            console.acting.start(ANNA, "trial_1")

    @pytest.mark.parametrize("recipe", ["", "nothing", "/etc/passwd", "../../x.yaml", "!!python/object:os.system"])
    def test_a_recipe_is_a_name_and_never_a_path(self, console, recipe):
        with pytest.raises(UnknownRecipeError, match="trial_1"):
            console.acting.start(ANNA, recipe)
        with pytest.raises(UnknownRecipeError):
            console.acting.add_job(ANNA, recipe, "", "", "0")

    def test_jobs_of_the_queue(self, console, ledger):
        table = console.acting.table()
        with pytest.raises(ReleaseError):
            table["add_job"](ANNA, recipe="trial_1", name="first", serials="", priority="")
        recipe = console.acting._book.find("trial_1")
        with Ledger(ledger) as opened:
            release(
                opened, recipe, [{"step": step.name, "is_good": True} for step in recipe.steps], requester="", now_ns=1
            )
        table["add_job"](ANNA, recipe="trial_1", name="first", serials="a1, a2", priority="3")
        table["change_job"](ANNA, job_id="first", what="pause")
        table["change_job"](ANNA, job_id="first", what="cancel")
        table["change_job"](ANNA, job_id="first", what="retry")
        with Ledger(ledger, writes=False) as opened:
            rows = {row["job_id"]: row for row in listed(opened)}
        assert {name: row["state"] for name, row in rows.items()} == {"first": "cancelled", "first~2": "waiting"}
        assert rows["first"]["serials"] == ["a1", "a2"]
        assert rows["first~2"]["requester"] == ANNA
        for what in ("dance", ""):
            with pytest.raises(UnknownCommandError):
                table["change_job"](ANNA, job_id="first", what=what)
        with pytest.raises(UnknownCommandError, match="no number"):
            table["add_job"](ANNA, recipe="trial_1", name="x", serials="", priority="high")

    def test_an_alarm_is_acknowledged_once_by_its_number(self, console):
        console.state.alarms.raise_alarm("somebody", 314, "stopped", 0.0)
        number = console.state.alarms.active[0].number
        console.acting.acknowledge(ANNA, str(number))
        console.state.alarms.end_alarm("somebody", 1.0)
        assert console.state.alarms.history[0].acknowledged_by == ANNA
        for wrong in (str(number), "-1", "x", ""):
            with pytest.raises(UnknownCommandError):
                console.acting.acknowledge(ANNA, wrong)

    def test_the_audit_trail_is_in_the_ledger(self, console, ledger):
        console.acting.keep(AuditRow(7, ANNA, "console start recipe=trial_1", 729, "not now"))
        with Ledger(ledger, writes=False) as opened:
            row = opened.latest("commands", 1)[0]
        assert (row["stamp_ns"], row["requester"], row["error_code"]) == (7, ANNA, 729)

    def test_without_a_ledger_there_is_no_queue(self, console):
        bare = object.__new__(Acting)
        bare.__dict__.update(console.acting.__dict__, _ledger=None)
        with pytest.raises(NoLedgerError, match="ledger:=FILE"):
            bare.change_job(ANNA, "first", "cancel")
        bare.keep(AuditRow(8, ANNA, "console hold", 0, ""))
        assert bare.ledger is None
