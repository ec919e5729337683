"""The supervisor in its own process: order of bring-up, deaths, jobs, recipes, orderly end.

The two link nodes stand for the nodes of a cell: managed nodes with heartbeats, which start quickly.
"""

import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from cablecell_interfaces.action import InsertConnector, Observe, RunJob
from cablecell_interfaces.msg import CellState, JobStatus, LinkHeartbeat
from cablecell_interfaces.srv import SetLayout
from lifecycle_msgs.msg import Transition
from rclpy.action import ActionClient, ActionServer, CancelResponse
from std_msgs.msg import String
from std_srvs.srv import Trigger

from cablecell.ros import qos
from tests.support.graph import GraphClient, Process
from tests.support.wait import wait_until

BIN = Path(sys.prefix) / "bin"
NODES = ("link_responder", "link_monitor")


@pytest.fixture
def client():
    with GraphClient() as graph:
        yield graph


def _supervisor(*parameters):
    given = ("autostart:=true", "nodes:=[link_responder, link_monitor]", "appear_limit_s:=15.0", *parameters)
    words = [word for parameter in given for word in ("-p", parameter)]
    return Process(BIN / "cell_supervisor", "--ros-args", *words)


class Cell:
    """A supervisor with its nodes, and what it says."""

    def __init__(self, client, *parameters):
        self.client = client
        self.states = client.collect(CellState, "cell_state", qos.STATE)
        self.beats = client.collect(LinkHeartbeat, "cell/heartbeat", qos.HEARTBEAT)
        self.nodes = {name: Process(BIN / name, "--ros-args") for name in NODES}
        self.supervisor = _supervisor(*parameters)

    def wait_for(self, state, timeout_s=30.0):
        wait_until(
            lambda: any(message.state == state for message in self.states),
            timeout_s=timeout_s,
            what=f"state {state}: {self.supervisor.output}",
        )
        return next(message for message in self.states if message.state == state)

    def close(self):
        for process in (self.supervisor, *self.nodes.values()):
            process.__exit__()


@pytest.fixture
def cell(client):
    running = Cell(client)
    try:
        running.wait_for(CellState.STATE_IDLE)
        yield running
    finally:
        running.close()


class Partners:
    """Servers of the estimator and the skill that do what a test says."""

    def __init__(self, client):
        self.calls, self.stops = [], 0
        self.insert_error, self.observe_error, self.waits_for_cancel = 0, 0, False
        node = client.node
        node.create_service(SetLayout, "set_layout", self._set_layout)
        node.create_service(SetLayout, "set_planning_layout", lambda _, response: response)
        node.create_service(Trigger, "stop", self._stop)
        # They end with the client's node: an executor that spins must not lose what it waits for.
        self._serve(node, Observe, "observe", lambda: self.observe_error)
        self._serve(node, InsertConnector, "insert_connector", lambda: self.insert_error)

    def _set_layout(self, request, response):
        self.calls.append(("set_layout", request.layout))
        return response

    def _stop(self, _, response):
        self.stops += 1
        response.success = True
        return response

    def _serve(self, node, action, name, error):
        def run(goal):
            self.calls.append((name, goal.request))
            result = action.Result(error_code=error(), error_msg="said so" if error() else "", attempts=1)
            if goal.is_cancel_requested:
                goal.canceled()
            elif error():
                goal.abort()
            else:
                goal.succeed()
            return result

        def accept(goal):
            def later():
                while self.waits_for_cancel and not goal.is_cancel_requested:
                    time.sleep(0.01)
                goal.execute()

            threading.Thread(target=later).start()

        ActionServer(
            node, action, name, run, handle_accepted_callback=accept, cancel_callback=lambda _: CancelResponse.ACCEPT
        )


@pytest.fixture
def partners(client):
    made = Partners(client)
    yield made
    made.waits_for_cancel = False


def _start_job(client, recipe, feedback=None):
    action = ActionClient(client.node, RunJob, "run_job")
    assert action.wait_for_server(timeout_sec=10.0)
    callback = None if feedback is None else lambda message: feedback.append(message.feedback)
    return client.wait_for(action.send_goal_async(RunJob.Goal(recipe=recipe), feedback_callback=callback))


def _run_job(client, recipe, feedback=None):
    handle = _start_job(client, recipe, feedback)
    assert handle.accepted
    return client.wait_for(handle.get_result_async(), timeout_s=30.0).result


def test_brings_up_beats_and_ends_cleanly(cell):
    assert "ready after" in cell.states[-1].reason
    assert "bringing up link_responder, link_monitor" in cell.supervisor.output
    assert all(cell.client.get_state(f"/{name}") == "active" for name in NODES)
    first, started_s = len(cell.beats), time.monotonic()
    wait_until(lambda: len(cell.beats) >= first + 20, what="heartbeats of the cell")
    assert 0.8 < time.monotonic() - started_s < 2.0, "20 heartbeats at 20 Hz"
    sequence = [message.sequence for message in cell.beats]
    assert sequence == list(range(sequence[0], sequence[0] + len(sequence)))
    for process in (cell.supervisor, *cell.nodes.values()):
        process.send(signal.SIGINT)
    assert cell.supervisor.wait() == 0
    assert "Traceback" not in cell.supervisor.output
    assert cell.states[-1].state == CellState.STATE_STOPPED


def test_a_killed_node_stops_the_arm_is_named_and_ends_the_supervisor(cell, partners):
    killed_s = time.monotonic()
    cell.nodes["link_responder"].send(signal.SIGKILL)
    state = cell.wait_for(CellState.STATE_ABORTED, timeout_s=5.0)
    assert time.monotonic() - killed_s < 0.5
    assert state.reason == "node /link_responder died: its process is gone"
    assert state.cause_code == 608
    wait_until(lambda: partners.stops == 1, what="the arm to be stopped")
    count = len(cell.beats)
    assert cell.supervisor.wait() == 1
    assert len(cell.beats) <= count + 1, "the heartbeat went on after the death"


def test_a_stopped_node_falls_silent_and_is_named(client, partners):
    cell = Cell(client, "busy_timeout_s:=0.6")
    try:
        cell.wait_for(CellState.STATE_IDLE)
        cell.nodes["link_monitor"].send(signal.SIGSTOP)
        state = cell.wait_for(CellState.STATE_ABORTED, timeout_s=5.0)
        assert state.reason.startswith("node /link_monitor fell silent: no heartbeat for 0.6")
        assert cell.supervisor.wait() == 1
    finally:
        cell.nodes["link_monitor"].send(signal.SIGCONT)
        cell.close()


def test_a_deactivated_node_is_a_loss(cell):
    assert cell.client.change_state("/link_monitor", Transition.TRANSITION_DEACTIVATE)
    assert cell.wait_for(CellState.STATE_ABORTED, timeout_s=5.0).reason == "node /link_monitor is inactive, not active"
    assert cell.supervisor.wait() == 1


def test_deactivation_takes_the_nodes_down(cell):
    assert cell.client.change_state("/cell_supervisor", Transition.TRANSITION_DEACTIVATE)
    wait_until(
        lambda: all(cell.client.get_state(f"/{name}") == "unconfigured" for name in NODES), what="the nodes to be down"
    )
    count = len(cell.beats)
    assert cell.client.change_state("/cell_supervisor", Transition.TRANSITION_ACTIVATE)
    wait_until(lambda: len(cell.beats) > count + 3, timeout_s=20.0, what="the cell to be up again")


def test_a_node_that_is_not_there_is_named(client):
    states = client.collect(CellState, "cell_state", qos.STATE)
    with Process(BIN / "link_responder", "--ros-args"), _supervisor("appear_limit_s:=3.0") as supervisor:
        assert supervisor.wait() == 1
        assert "code 609: node link_monitor is not there: no answer within 3.0 s" in supervisor.output
    wait_until(lambda: states, what="the last state")
    assert states[-1].state == CellState.STATE_ABORTED


def test_an_unknown_layout_ends_with_two(client):
    with (
        Process(BIN / "insertion_skill", "--ros-args", "-p", "attempts:=1") as skill,
        _supervisor("nodes:=[insertion_skill]", "layout:=trial_9") as supervisor,
    ):
        assert supervisor.wait() == 2
        assert "code 930: layout 'trial_9' is not in the sample trials" in supervisor.output
        assert skill.is_running


def test_a_misspelt_recipe_is_one_line_and_ends_with_two(tmp_path):
    (tmp_path / "mine.yaml").write_text("name: mine\nsteps:\n  - {name: a, layuot: trial_1, layout: trial_1}\n")
    with _supervisor(f"recipes_folder:={tmp_path}") as supervisor:
        assert supervisor.wait() == 2
        lines = [line for line in supervisor.output.splitlines() if "layuot" in line]
    assert len(lines) == 1
    assert "mine.yaml: unknown key 'steps.0.layuot' = 'trial_1'; did you mean 'layout'?" in lines[0]


def test_a_job_looks_then_inserts(cell, client, partners):
    feedback, plugs = [], client.collect(String, "cell/held_plug", qos.STATE)
    result = _run_job(client, "trial_3", feedback)
    assert (result.error_code, result.error_msg, result.attempts) == (0, "", 1)
    assert result.status.status == JobStatus.STATUS_SUCCEEDED
    assert (result.status.steps_total, result.status.steps_succeeded) == (1, 1)
    assert [name for name, _ in partners.calls] == ["set_layout", "observe", "insert_connector"]
    assert partners.calls[0][1] == "trial_3"
    assert list(partners.calls[1][1].port_names) == ["sc_port_1/sc_port_base"]
    insert = partners.calls[2][1]
    assert (insert.port_name, insert.plug_name, insert.connector_type) == ("sc_port_1/sc_port_base", "sc_tip", "sc")
    assert insert.pull_test
    assert '"plug": "sc_tip"' in plugs[-1].data
    assert [message.status.steps_succeeded for message in feedback][-1] == 1
    assert cell.states[-1].state == CellState.STATE_IDLE


def test_a_recipe_of_several_steps_goes_in_order_and_ends_with_the_first_failure(cell, client, partners):
    assert _run_job(client, "aic_sample").status.steps_succeeded == 3
    assert [what for name, what in partners.calls if name == "set_layout"] == ["trial_1", "trial_2", "trial_3"]
    partners.insert_error = 404
    result = _run_job(client, "aic_sample")
    assert (result.error_code, result.error_msg) == (404, "said so")
    assert result.status.status == JobStatus.STATUS_FAILED
    assert (result.status.steps_succeeded, result.status.steps_failed) == (0, 1)
    assert cell.states[-1].state == CellState.STATE_IDLE
    assert cell.states[-1].cause_code == 404


def test_nothing_is_inserted_where_nothing_was_seen(cell, client, partners):
    partners.observe_error = 521
    assert _run_job(client, "trial_1").error_code == 521
    assert [name for name, _ in partners.calls] == ["set_layout", "observe"]


def test_an_unknown_recipe_names_the_valid_ones(cell, client, partners):
    result = _run_job(client, "trial_7")
    assert result.error_code == 933
    assert "valid are aic_sample, trial_1, trial_2, trial_3" in result.error_msg
    assert not partners.calls


def test_cancel_reaches_the_skill(cell, client, partners):
    partners.waits_for_cancel = True
    handle = _start_job(client, "trial_1")
    wait_until(lambda: partners.calls, what="the job to begin")
    client.wait_for(handle.cancel_goal_async())
    result = client.wait_for(handle.get_result_async(), timeout_s=20.0).result
    assert result.error_code == 603
    assert result.status.status == JobStatus.STATUS_CANCELED


def test_a_death_ends_the_running_job_with_its_reason(cell, client, partners):
    partners.waits_for_cancel = True
    handle = _start_job(client, "trial_1")
    wait_until(lambda: partners.calls, what="the job to begin")
    cell.nodes["link_monitor"].send(signal.SIGKILL)
    result = client.wait_for(handle.get_result_async(), timeout_s=20.0).result
    assert result.error_code == 608
    assert "link_monitor died" in result.error_msg
