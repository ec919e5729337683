"""The console beside a cell in simulation: it starts, shows and stops a job, and its end disturbs none."""

from __future__ import annotations

import os
import re
import signal
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
from aic_control_interfaces.msg import ControllerState
from cablecell_interfaces.msg import CellState, JobStatus

from cablecell.console.sessions import COOKIE, Role, load_tokens
from cablecell.ros import qos
from tests.support.browser import find_chromium, open_page
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
        arm = client.collect(ControllerState, "controller_state", qos.MEASUREMENT)
        yield SimpleNamespace(launch=launch, states=states, jobs=jobs, arm=arm, tokens=tokens, folder=folder)
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


def _log_in(page, cell):
    page.go(f"{_url(cell)}/login#{load_tokens(cell.tokens).by_role[Role.OPERATOR]}")
    page.run("document.querySelector('[name=name]').value = 'Anna'")
    page.run("document.querySelector('form').submit()")
    page.wait_for("location.pathname == '/' && document.querySelector('header')")


def _badge(text):
    return f"[...document.querySelectorAll('.q-badge')].some(b => b.innerText.trim() == {text!r})"


def _tool(cell):
    p = cell.arm[-1].tcp_pose.position
    return np.array([p.x, p.y, p.z])


def _speed(cell):
    v = cell.arm[-1].tcp_velocity.linear
    return float(np.linalg.norm([v.x, v.y, v.z]))


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


def test_a_viewer_only_stops_and_an_operator_makes_it_ready_again(cell):
    since = len(cell.states)
    viewer, operator = Person(cell, Role.VIEWER), Person(cell, Role.OPERATOR)
    assert viewer.give("reset")["error_code"] == 725
    assert viewer.give("stop_arm")["error_code"] == 0
    _wait(cell, CellState.STATE_ABORTED, since)
    assert operator.give("clear")["error_code"] == 0
    _wait(cell, CellState.STATE_STOPPED, since)
    assert operator.give("reset")["error_code"] == 0
    _wait(cell, CellState.STATE_IDLE, since)
    assert operator.give("hold")["error_code"] == 621, "what the cell refuses comes back with its code"


@pytest.mark.skipif(find_chromium() is None, reason="this machine has no chromium")
def test_in_a_browser_a_job_is_started_watched_and_stopped(cell, tmp_path):
    since = len(cell.states)
    with open_page(tmp_path / "profile", 800, 600) as page:
        page.go(f"{_url(cell)}/")
        assert page.run("location.pathname") == "/login", "nobody sees anything before the login"
        _log_in(page, cell)
        assert COOKIE not in page.run("document.cookie"), "no script reads the cookie"
        page.wait_for(_badge("IDLE"))
        page.click(page.button("Start"))
        begin = "[...document.querySelectorAll('.q-dialog button')].find(b => b.innerText.includes('Start'))"
        page.wait_for(begin)
        page.click(begin)
        page.wait_for(_badge("EXECUTE"), 30.0)
        page.wait_for("document.querySelector('.cell-phase.now')", 30.0)
        page.click(page.button("STOP"))
        page.wait_for(_badge("ABORTED"))
        _wait(cell, CellState.STATE_ABORTED, since)
        page.click(page.button("Clear"))
        page.wait_for(_badge("STOPPED"))
        page.click(page.button("Reset"))
        page.wait_for(_badge("IDLE"))
        picture = tmp_path / "overview.jpg"
        page.picture(picture)
        assert picture.stat().st_size > 10_000
        assert page.errors == []


@pytest.mark.skipif(find_chromium() is None, reason="this machine has no chromium")
def test_in_a_browser_the_arm_moves_while_a_button_is_held_and_while_the_browser_is_there(cell, tmp_path):
    with open_page(tmp_path / "profile", 1000, 800) as page:
        _log_in(page, cell)
        page.go(f"{_url(cell)}/teleop")
        page.click(page.button("Enable"))
        page.wait_for(_badge("ready"))
        x, y = page.middle(page.button("Z-"))
        before = _tool(cell)
        page.mouse("mousePressed", x, y)
        wait_until(lambda: np.linalg.norm(_tool(cell) - before) > 0.005, what="the arm to follow the button")
        page.mouse("mouseReleased", x, y)
        wait_until(lambda: _speed(cell) < 0.001, what="rest")
        at_rest = _tool(cell)
        page.mouse("mousePressed", x, y)
        wait_until(lambda: np.linalg.norm(_tool(cell) - at_rest) > 0.005, what="the arm to follow again")
    # The browser is gone, and never let go of the button.
    wait_until(lambda: _speed(cell) < 0.001, what="rest without a browser")
    at_rest = _tool(cell)
    seen = len(cell.arm)
    wait_until(lambda: len(cell.arm) > seen + 250, what="a second more")
    assert np.linalg.norm(_tool(cell) - at_rest) < 0.001
    assert Person(cell, Role.OPERATOR).give("teleop_disable")["error_code"] == 0
