"""The console beside a cell in simulation: it starts a job, and its violent end does not disturb it."""

from __future__ import annotations

import os
import re
import signal
from types import SimpleNamespace

import httpx
import pytest
from cablecell_interfaces.msg import CellState, JobStatus

from cablecell.console.sessions import Role, load_tokens
from cablecell.ros import qos
from tests.support.cell_launch import launch_cell
from tests.support.graph import GraphClient
from tests.support.wait import wait_until

RECIPE = "trial_1"


@pytest.fixture(scope="module")
def cell(tmp_path_factory):
    folder = tmp_path_factory.mktemp("console")
    tokens = folder / "tokens.json"
    words = ("hardware:=sim", "teleop:=true", "console:=true", "console_port:=0", f"console_tokens:={tokens}")
    with GraphClient("watcher") as client, launch_cell(folder, *words) as launch:
        states = client.collect(CellState, "cell_state", qos.STATE)
        jobs = client.collect(JobStatus, "job_status", qos.STATE)
        yield SimpleNamespace(launch=launch, states=states, jobs=jobs, tokens=tokens, folder=folder)
        launch.send(signal.SIGINT)
        launch.wait()  # its code says that the console has died once, which a test saw to
        assert launch.left_behind() == []
        assert "Traceback" not in launch.output, launch.output


class Person:
    """Somebody with a token and a program that speaks HTTP."""

    def __init__(self, cell, role):
        url = _url(cell)
        self._where = {"base_url": url, "headers": {"origin": url}, "timeout": 20.0}
        token = load_tokens(cell.tokens).by_role[role]
        with httpx.Client(**self._where) as client:
            answer = client.post("/login", data={"name": "Anna", "token": token})
            assert answer.status_code == 303
            self._where["cookies"] = dict(client.cookies)

    def give(self, command, **arguments):
        with httpx.Client(**self._where) as client:
            return client.post("/api/command", json={"command": command, **arguments}).json()


def _url(cell):
    wait_until(lambda: "console: http://" in cell.launch.output, timeout_s=60.0, what="the console")
    return "http://" + cell.launch.output.rsplit("console: http://", 1)[1].split()[0].rstrip("/")


def _wait(cell, state, since=0):
    wait_until(
        lambda: any(message.state == state for message in cell.states[since:]), timeout_s=90.0, what=f"state {state}"
    )


def _console_pid(cell):
    return int(re.findall(r"\[console-\d+\]: process started with pid \[(\d+)\]", cell.launch.output)[-1])


def test_its_violent_end_disturbs_no_job(cell):
    _wait(cell, CellState.STATE_IDLE)
    anna = Person(cell, Role.OPERATOR)
    assert anna.give("start", recipe=RECIPE) == {"error_code": 0, "message": f"{RECIPE} is started."}
    _wait(cell, CellState.STATE_EXECUTE)
    killed = _console_pid(cell)
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: _console_pid(cell) != killed, timeout_s=20.0, what="launch to start it again")
    wait_until(lambda: cell.jobs[-1].status > JobStatus.STATUS_HELD, timeout_s=90.0, what="the end of the job")
    assert cell.jobs[-1].status == JobStatus.STATUS_SUCCEEDED, cell.jobs[-1].error_msg
    assert not any(message.state == CellState.STATE_ABORTED for message in cell.states)
