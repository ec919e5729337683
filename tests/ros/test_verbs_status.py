"""`cell status` against a supervisor that only speaks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
import rclpy
from cablecell_interfaces.msg import CellState, JobStatus
from rclpy.context import Context
from typer.testing import CliRunner

from cablecell.cli import app
from cablecell.ros import qos
from cablecell.ros.verbs.status import constant_name


@pytest.fixture
def supervisor() -> Iterator[SimpleNamespace]:
    context = Context()
    rclpy.init(context=context)
    node = rclpy.create_node("cell_supervisor", context=context)
    yield SimpleNamespace(
        states=node.create_publisher(CellState, "cell_state", qos.STATE),
        jobs=node.create_publisher(JobStatus, "job_status", qos.STATE),
    )
    node.destroy_node()
    context.try_shutdown()


@pytest.fixture
def status() -> Callable[..., tuple[int, str, str]]:
    def run(*words: str) -> tuple[int, str, str]:
        done = CliRunner().invoke(app, ["status", *words])
        return done.exit_code, done.stdout, done.stderr

    return run


def test_working_cell(supervisor, status) -> None:
    supervisor.states.publish(CellState(state=CellState.STATE_EXECUTE, reason="recipe aic_sample"))
    assert status() == (0, "EXECUTE: recipe aic_sample\n", "")
    supervisor.jobs.publish(
        JobStatus(job_id="a7", status=JobStatus.STATUS_RUNNING, steps_total=3, steps_succeeded=1, steps_failed=1)
    )
    assert status() == (0, "EXECUTE: recipe aic_sample; job a7: RUNNING, 2 of 3 steps\n", "")
    code, text, _ = status("--json")
    assert code == 0
    assert json.loads(text) == {
        "state": "EXECUTE",
        "is_well": True,
        "reason": "recipe aic_sample",
        "cause_code": 0,
        "job": "a7",
        "job_status": "RUNNING",
        "steps_done": 2,
        "steps_total": 3,
    }


def test_aborted_cell_is_not_healthy(supervisor, status) -> None:
    supervisor.states.publish(CellState(state=CellState.STATE_ABORTED, reason="sim_camera died", cause_code=601))
    assert status() == (1, "ABORTED: sim_camera died\n", "")


def test_no_cell(status) -> None:
    assert status() == (1, "", "no cell is running in this ROS domain (nothing publishes /cell_state)\n")


def test_cell_that_says_nothing(supervisor, status) -> None:
    assert status("--timeout", "0.2") == (1, "", "the cell does not say its state within 0.2 s\n")


def test_unknown_number_is_shown_as_it_is() -> None:
    assert constant_name(CellState, "STATE_", 250) == "250"
    assert constant_name(CellState, "STATE_", CellState.STATE_HELD) == "HELD"
