"""The supervisor in its own process: bring-up, deaths, refused configurations, orderly end."""

import itertools
import re
import signal
import statistics
import time

import pytest
from cablecell_interfaces.msg import CellState
from lifecycle_msgs.msg import Transition

from cablecell.ros import qos
from cablecell.ros.conversions import time_ns
from tests.support.graph import GraphClient, Process
from tests.support.supervised import BIN, NODES, Partners, SupervisedNodes, start_job, start_supervisor
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


@pytest.fixture
def cell(client):
    running = SupervisedNodes(client)
    try:
        running.wait_for(CellState.STATE_IDLE)
        yield running
    finally:
        running.close()


def test_brings_up_beats_and_ends_cleanly(cell):
    assert "ready after" in cell.states[-1].reason
    assert "bringing up link_responder, link_monitor" in cell.supervisor.output
    assert all(cell.client.get_state(f"/{name}") == "active" for name in NODES)
    first = len(cell.beats)
    wait_until(lambda: len(cell.beats) >= first + 20, what="heartbeats of the cell")
    sent_s = [1e-9 * time_ns(message.header.stamp) for message in cell.beats[first:]]
    distances_s = [after - before for before, after in itertools.pairwise(sent_s)]
    assert statistics.median(distances_s) == pytest.approx(0.05, abs=0.02), "20 Hz"
    sequence = [message.sequence for message in cell.beats]
    assert sequence == list(range(sequence[0], sequence[0] + len(sequence)))
    for process in (cell.supervisor, *cell.nodes.values()):
        process.send(signal.SIGINT)
    assert cell.supervisor.wait() == 0
    assert "Traceback" not in cell.supervisor.output
    wait_until(lambda: cell.states[-1].state == CellState.STATE_STOPPED, timeout_s=5.0, what="the last state")


def test_a_killed_node_stops_the_arm_is_named_and_ends_the_supervisor(cell, partners):
    killed_s = time.time()
    cell.nodes["link_responder"].send(signal.SIGKILL)
    state = cell.wait_for(CellState.STATE_ABORTED, timeout_s=5.0)
    assert 1e-9 * time_ns(state.header.stamp) - killed_s < 0.5
    assert state.reason == "node /link_responder died: its process is gone"
    assert state.cause_code == 608
    wait_until(lambda: partners.stops == 1, what="the arm to be stopped")
    count = len(cell.beats)
    assert cell.supervisor.wait() == 1
    assert len(cell.beats) <= count + 1, "the heartbeat went on after the death"


def test_a_stopped_node_falls_silent_and_is_named(client, partners):
    cell = SupervisedNodes(client)
    try:
        cell.wait_for(CellState.STATE_IDLE)
        cell.nodes["link_monitor"].send(signal.SIGSTOP)
        state = cell.wait_for(CellState.STATE_ABORTED, timeout_s=5.0)
        found = re.fullmatch(
            r"node /link_monitor fell silent: no heartbeat for (\d\.\d+) s; the limit is 0.4 s", state.reason
        )
        assert found, state.reason
        assert 0.4 <= float(found[1]) < 0.6, "long before the 30 s of a node that computes"
        assert cell.supervisor.wait() == 1
    finally:
        cell.nodes["link_monitor"].send(signal.SIGCONT)
        cell.close()


def test_a_deactivated_node_is_a_loss(cell):
    assert cell.client.change_state("/link_monitor", Transition.TRANSITION_DEACTIVATE)
    assert cell.wait_for(CellState.STATE_ABORTED, timeout_s=5.0).reason == "node /link_monitor is inactive, not active"
    assert cell.supervisor.wait() == 1


def test_a_node_that_is_not_there_is_named(client):
    states = client.collect(CellState, "cell_state", qos.STATE)
    with Process(BIN / "link_responder", "--ros-args"), start_supervisor("appear_limit_s:=3.0") as supervisor:
        assert supervisor.wait() == 1
        assert "code 609: node link_monitor is not there: no answer within 3.0 s" in supervisor.output
    wait_until(lambda: states, what="the last state")
    assert states[-1].state == CellState.STATE_ABORTED


def test_an_unknown_layout_ends_with_two(client):
    with (
        Process(BIN / "insertion_skill", "--ros-args", "-p", "attempts:=1") as skill,
        start_supervisor("nodes:=[insertion_skill]", "layout:=trial_9") as supervisor,
    ):
        assert supervisor.wait() == 2, supervisor.output
        assert "code 930: layout 'trial_9' is not in the sample trials" in supervisor.output
        assert skill.is_running


def test_a_misspelt_recipe_is_one_line_and_ends_with_two(tmp_path):
    (tmp_path / "mine.yaml").write_text("name: mine\nsteps:\n  - {name: a, layuot: trial_1, layout: trial_1}\n")
    with start_supervisor(f"recipes_folder:={tmp_path}") as supervisor:
        assert supervisor.wait() == 2
        lines = [line for line in supervisor.output.splitlines() if "layuot" in line]
    assert len(lines) == 1
    assert "mine.yaml:3: unknown key 'steps.0.layuot' = 'trial_1'; did you mean 'layout'?" in lines[0]


def test_a_death_ends_the_running_job_with_its_reason(cell, client, partners):
    partners.waits_for_cancel = True
    handle = start_job(client, "trial_1")
    wait_until(lambda: partners.calls, what="the job to begin")
    cell.nodes["link_monitor"].send(signal.SIGKILL)
    result = client.wait_for(handle.get_result_async(), timeout_s=20.0).result
    assert result.error_code == 608
    assert "link_monitor died" in result.error_msg


def test_a_supervisor_that_did_not_run_for_too_long_aborts_its_job_and_can_be_cleared(cell, client, partners):
    partners.waits_for_cancel = True
    start_job(client, "trial_1")
    wait_until(lambda: partners.calls, what="the job to begin")
    cell.supervisor.send(signal.SIGSTOP)
    stopped_s = time.monotonic()
    wait_until(lambda: time.monotonic() > stopped_s + 0.7, what="the limit of 0.4 s to pass")
    cell.supervisor.send(signal.SIGCONT)
    aborted = cell.wait_for(CellState.STATE_ABORTED)
    assert aborted.cause_code == 633
    assert re.search(r"did not run for 0\.[6-9]\d s; the limit is 0\.4 s", aborted.reason)
    wait_until(lambda: partners.stops, what="the arm to be told to stop")
