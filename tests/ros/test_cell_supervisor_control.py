"""One control holder at a time: the supervisor gives the arm to a person or to a job, never to both."""

import signal
import sys
import threading
from pathlib import Path

import pytest
from cablecell_interfaces.action import Observe, RunJob
from cablecell_interfaces.msg import CellState
from cablecell_interfaces.srv import RequestControl, SetLayout
from rclpy.action import ActionServer

from cablecell.ros import qos
from cablecell.ros.action_client import MutualActionClient
from tests.support.graph import GraphClient, Process
from tests.support.wait import wait_until

BIN = Path(sys.prefix) / "bin"
SUPERVISOR = ("-p", "autostart:=true", "-p", "nodes:=[link_responder]", "-p", "appear_limit_s:=15.0")


class Cell(GraphClient):
    """A supervisor of one node, with an estimator whose looks last as long as a test wants."""

    def __init__(self):
        super().__init__()
        self.states = self.collect(CellState, "cell_state", qos.STATE)
        self.looking, self.may_end = threading.Event(), threading.Event()
        for name in ("set_layout", "set_planning_layout"):
            self.node.create_service(SetLayout, name, lambda _, response: response)
        self.server = ActionServer(self.node, Observe, "observe", self._observe, handle_accepted_callback=self._accept)
        self.jobs = MutualActionClient(self.node, RunJob, "run_job")

    def _accept(self, goal):
        def later():
            self.looking.set()
            self.may_end.wait(20.0)
            goal.execute()

        threading.Thread(target=later).start()

    def _observe(self, goal):
        goal.abort()
        return Observe.Result(error_code=520, error_msg="saw nothing")

    def ask(self, take, holder="/teleop"):
        return self.call(RequestControl, "request_control", RequestControl.Request(holder=holder, take=take))

    def start_job(self):
        assert self.jobs.wait_for_server(timeout_sec=10.0)
        handle = self.wait_for(self.jobs.send_goal_async(RunJob.Goal(recipe="trial_1")))
        assert handle.accepted
        return handle

    def result(self, handle):
        return self.wait_for(handle.get_result_async(), timeout_s=20.0).result


@pytest.fixture
def cell():
    with (
        Cell() as running,
        Process(BIN / "link_responder", "--ros-args"),
        Process(BIN / "cell_supervisor", "--ros-args", *SUPERVISOR) as process,
    ):
        wait_until(
            lambda: any(state.state == CellState.STATE_IDLE for state in running.states),
            timeout_s=30.0,
            what=f"a cell that is up: {process.output}",
        )
        running.supervisor = process
        yield running
        running.may_end.set()


def test_a_job_is_refused_while_a_person_has_the_arm(cell):
    assert cell.ask(take=True).error_code == 0
    wait_until(lambda: cell.states[-1].mode == CellState.MODE_MANUAL, what="manual mode")
    assert cell.states[-1].state == CellState.STATE_IDLE
    assert cell.states[-1].reason == "/teleop has control of the arm"
    result = cell.result(cell.start_job())
    assert result.error_code == 620
    assert result.error_msg == "no job can run: /teleop has control of the arm; disable it first"
    assert not cell.looking.is_set()
    assert cell.ask(take=True, holder="/console").error_code == 620
    assert cell.ask(take=False, holder="/console").error_code == 620
    assert cell.ask(take=False).error_code == 0
    wait_until(lambda: cell.states[-1].mode == CellState.MODE_PRODUCTION, what="production mode")


def test_a_person_is_refused_while_a_job_runs(cell):
    handle = cell.start_job()
    wait_until(cell.looking.is_set, what="a job that runs")
    answer = cell.ask(take=True)
    assert (answer.error_code, answer.error_msg) == (620, "a job is running; stop it, or wait for its end")
    cell.may_end.set()
    assert cell.result(handle).error_code == 520
    assert cell.ask(take=True).error_code == 0


def test_the_arm_of_a_node_that_died_is_free(cell):
    with Process(BIN / "link_monitor", "--ros-args", "-p", "autostart:=true") as holder:
        cell.supervisor.wait_for_output("/link_monitor is heard")
        assert cell.ask(take=True, holder="/link_monitor").error_code == 0
        assert cell.ask(take=True).error_code == 620
        holder.send(signal.SIGKILL)
        holder.wait()
        assert cell.ask(take=True).error_code == 0
