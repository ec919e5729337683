"""The whole cell in simulation: up, a connector seated without ground truth, faults, and down with nothing left."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cablecell_interfaces.msg import CellState

from tests.support.cell_graph import DECIDING, NODES, CellWatch, kill, living_processes, pid_of, simulation_entities
from tests.support.graph import GraphClient, Process, processes_in_session
from tests.support.wait import wait_until

CABLECELL = Path(sys.prefix) / "bin" / "cablecell"
TO_REST_S = 0.5
"""Longest time from the death of a node until the arm stands."""


@pytest.fixture
def client():
    with GraphClient() as graph:
        yield graph


@pytest.fixture
def watch(client):
    return CellWatch(client)


def _launch(*words):
    return Process(CABLECELL, "launch", "cell.launch.xml", *words)


def _take_down(launch):
    started_s = time.monotonic()
    pids = {name: pid_of(name, launch.pid) for name in NODES}
    launch.send(signal.SIGINT)
    assert launch.wait() == 0, launch.output
    assert time.monotonic() - started_s < 5.0
    assert not list(processes_in_session(launch.pid))
    assert not [name for name, pid in pids.items() if Path(f"/proc/{pid}").exists()]
    assert "Traceback" not in launch.output, launch.output


def test_the_cell_seats_a_connector_and_goes_down(client, watch):
    with _launch("seed:=3") as launch:
        watch.wait_ready()
        assert not watch.truth()["seated"]
        result = watch.run_job("trial_1")
        assert (result.error_code, result.error_msg) == (0, "")
        assert result.status.steps_succeeded == 1
        wait_until(lambda: watch.truth()["seated"], timeout_s=5.0, what="the truth to agree")
        truth = watch.truth()
        assert truth["inserted"] == "nic_card_mount_0/sfp_port_0"
        assert truth["offlimit_contacts"] == 0
        assert simulation_entities(client, DECIDING) == []
        assert simulation_entities(client, ("sim_camera",)), "the walk finds what the renderer subscribes"
        names = {name for name, _ in client.node.get_node_names_and_namespaces()}
        assert names >= set(NODES)
        _take_down(launch)


def test_an_unknown_job_moves_nothing(watch):
    with _launch() as launch:
        watch.wait_ready()
        result = watch.run_job("trial_9")
        assert result.error_code == 933
        assert "valid are aic_sample, trial_1, trial_2, trial_3" in result.error_msg
        assert watch.joint_states > 0
        assert watch.moved_s == 0.0
        _take_down(launch)


@pytest.mark.parametrize("victim", ["motion_planner", "cell_supervisor"])
def test_a_death_while_the_arm_moves_stops_it(watch, victim):
    with _launch() as launch:
        watch.wait_ready()
        watch.start_job("trial_1")
        wait_until(lambda: watch.moved_s > 0.0, timeout_s=90.0, what=f"the arm to move: {launch.output}")
        killed_s = kill(victim, launch.pid)
        assert launch.wait(timeout_s=20.0) != 0
        assert watch.moved_s - killed_s < TO_REST_S
        assert living_processes(launch.pid) == []
        assert "process has died" in launch.output
        assert f"[{victim}-" in next(line for line in launch.output.splitlines() if "process has died" in line)
        if victim != "cell_supervisor":
            assert watch.states[-1].state == CellState.STATE_ABORTED
            assert watch.states[-1].reason == f"node /{victim} died: its process is gone"
            assert watch.states[-1].cause_code == 608


def test_an_unknown_machine_is_one_line_and_starts_nothing():
    done = subprocess.run(
        [CABLECELL, "launch", "cell.launch.xml", "hardware:=nope"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30.0,
    )
    assert done.returncode == 2
    lines = (done.stdout + done.stderr).strip().splitlines()
    assert len(lines) == 1
    assert "'hardware' is 'nope'; valid: sim" in lines[0]


def test_up_and_down_again_and_again(watch):
    for _ in range(3):
        watch.states.clear()
        with _launch() as launch:
            watch.wait_ready()
            _take_down(launch)
