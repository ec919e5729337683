"""The console beside a cell in simulation, by the eyes and the mouse of a browser: it does jobs, and it may die."""

from __future__ import annotations

import os
import re
import signal
from types import SimpleNamespace

import pytest
from cablecell_interfaces.msg import CellState, JobStatus

from cablecell.console.sessions import Role, load_tokens
from cablecell.ros import qos
from tests.support.browser import find_chromium, open_page
from tests.support.cell_launch import launch_cell
from tests.support.console_hand import choose, free_port, go_to, log_in, says
from tests.support.graph import GraphClient
from tests.support.wait import wait_until

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="this machine has no chromium")

RECIPE = "trial_1"
WORKS = "document.querySelector('.cell-phase.now')"
DIALOG = "[...document.querySelectorAll('.q-dialog button')].find(b => b.innerText.includes('Start'))"
REPORT = 'document.querySelector(\'a[href^="/api/reports/insertion/"][href$=".html"]\')'


@pytest.fixture(scope="module")
def cell(tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("console"), free_port()
    tokens = folder / "tokens.json"
    words = ("hardware:=sim", "console:=true", f"console_port:={port}", f"console_tokens:={tokens}")
    with GraphClient("watcher") as client, launch_cell(folder, *words, f"ledger:={folder / 'cell.ledger'}") as launch:
        states = client.collect(CellState, "cell_state", qos.STATE)
        jobs = client.collect(JobStatus, "job_status", qos.STATE)
        wait_until(lambda: "console: http://" in launch.output, timeout_s=60.0, what="the console")
        wait_until(lambda: states and states[-1].state == CellState.STATE_IDLE, timeout_s=90.0, what="the cell")
        yield SimpleNamespace(
            launch=launch, states=states, jobs=jobs, tokens=tokens, folder=folder, url=f"http://127.0.0.1:{port}"
        )
        launch.send(signal.SIGINT)
        launch.wait()  # its code says that the console has died once, which a test saw to
        assert launch.left_behind() == []
        assert "Traceback" not in launch.output, launch.output


@pytest.fixture(scope="module")
def page(cell, tmp_path_factory):
    with open_page(tmp_path_factory.mktemp("browser"), 1000, 800) as page:
        log_in(page, cell.url, load_tokens(cell.tokens).by_role[Role.OPERATOR])
        yield page
        assert page.errors == []


def _start(page):
    """Start the job of one connector as a person does; wait until it works."""
    go_to(page, "Overview")
    page.click(page.button("Start"))
    choose(page, "document.querySelector('.q-dialog .q-select')", RECIPE)
    page.click(DIALOG)
    page.wait_for(says("EXECUTE"), 30.0)
    page.wait_for(WORKS, 30.0)


def _console_pid(cell):
    return int(re.findall(r"\[console-\d+\]: process started with pid \[(\d+)\]", cell.launch.output)[-1])


def test_a_job_is_stopped_in_the_middle_its_alarm_is_acknowledged_and_the_cell_comes_back(cell, page):
    _start(page)
    page.click(page.button("STOP"))
    page.wait_for(says("ABORTED"))
    assert cell.states[-1].state == CellState.STATE_ABORTED
    wait_until(lambda: cell.jobs[-1].status > JobStatus.STATUS_HELD, timeout_s=20.0, what="the end of the job")
    assert cell.jobs[-1].status in (JobStatus.STATUS_FAILED, JobStatus.STATUS_CANCELED)
    go_to(page, "Alarms")
    page.click(page.button("Acknowledge"))
    page.wait_for(says("seen by Anna"))
    page.click(page.button("Clear"))
    page.wait_for(says("STOPPED"))
    page.click(page.button("Reset"))
    page.wait_for(says("IDLE"))


def test_a_console_that_is_killed_disturbs_no_job_and_its_page_sees_the_end_of_it(cell, page):
    since = len(cell.states)
    _start(page)
    page.run("window.before = true")
    killed = _console_pid(cell)
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: _console_pid(cell) != killed, timeout_s=20.0, what="launch to start it again")
    page.wait_for("!window.before && document.querySelector('.cell-phase')", 60.0)
    assert page.run("location.pathname") == "/", "who was logged in still is"
    page.wait_for(says("succeeded"), 90.0)
    wait_until(lambda: cell.jobs[-1].status > JobStatus.STATUS_HELD, timeout_s=20.0, what="the end of the job")
    assert cell.jobs[-1].status == JobStatus.STATUS_SUCCEEDED, cell.jobs[-1].error_msg
    assert not any(message.state == CellState.STATE_ABORTED for message in cell.states[since:])


def test_the_report_of_the_insertion_is_taken_away(cell, page):
    page.take_downloads(cell.folder)
    go_to(page, "Quality")
    page.click(REPORT)

    def found():
        return [path for path in cell.folder.iterdir() if path.suffix == ".html"]

    wait_until(found, timeout_s=60.0, what="the report")
    text = found()[0].read_text(encoding="utf-8")
    assert "sfp_port_0" in text
    assert cell.jobs[-1].job_id in text
