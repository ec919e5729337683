"""`cell up` and `cell down`: a cell without a terminal, and what they say when there is none or one too many."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from cablecell.ros.verbs.background import find_cell, start_ticks


@pytest.fixture
def cell(tmp_path, monkeypatch):
    """Runs a verb as a process of its own, and ends what it left behind."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    def run(*words: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [sys.executable, "-m", "cablecell.cli", *words], capture_output=True, text=True, timeout=120, cwd=tmp_path
        )
        return done.returncode, done.stdout, done.stderr

    yield run
    left = find_cell()
    if left is not None:
        os.kill(left.pid, signal.SIGKILL)


def test_up_status_and_down(cell) -> None:
    code, out, err = cell("up", "hardware:=mock")
    assert code == 0, out + err
    assert out.startswith("IDLE: ")
    code, out, _ = cell("status", "--json")
    assert (code, json.loads(out)["state"]) == (0, "IDLE")

    code, _, err = cell("up", "hardware:=mock")
    assert code == 1
    assert "is up already" in err
    running = find_cell()
    assert running is not None

    code, out, err = cell("down")
    assert code == 0, err
    assert out.startswith("the cell ended after ")
    assert find_cell() is None
    deadline = time.monotonic() + 5.0
    while start_ticks(running.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert start_ticks(running.pid) == 0
    assert cell("down") == (
        1,
        "",
        f"no cell that `up` started is running in ROS domain {os.environ['ROS_DOMAIN_ID']}\n",
    )


def test_a_cell_that_refuses_its_configuration_says_why(cell) -> None:
    code, out, err = cell("up", "hardware:=mock", "trial:=trial_99")
    assert (code, out) == (1, "")
    assert "trial_99" in err
    assert find_cell() is None


def test_a_cell_that_is_not_ready_in_time_is_ended(cell) -> None:
    code, out, err = cell("up", "hardware:=mock", "--timeout", "1")
    assert (code, out) == (1, "")
    assert "not ready within 1 s" in err
    assert find_cell() is None


def test_words_that_are_no_arguments(cell) -> None:
    assert cell("up", "mock") == (1, "", "'mock' is no launch argument; they are NAME:=VALUE\n")
