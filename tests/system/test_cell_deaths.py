"""kill -9 of every node during the demo: the arm stands within half a second, the node is named, nothing is left."""

import json
import os
import time

import pytest
from cablecell_interfaces.msg import CellState

from tests.support.cell_graph import NODES, CellWatch, kill
from tests.support.cell_launch import MarkedProcess, launch_cell, take_down
from tests.support.graph import GraphClient
from tests.support.wait import wait_until

TO_REST_S = 0.5
"""Longest time from the death of a node until the tool stands."""

WHILE_MOVING = tuple(os.environ.get("CELL_TEST_KILL_MOVING", "cell_supervisor insertion_skill").split())
"""Nodes that are killed while the arm moves; the others as soon as the job runs, which saves their way there."""


@pytest.fixture
def watch():
    with GraphClient() as graph:
        yield CellWatch(graph)


def test_a_recorder_that_dies_is_started_again_and_the_cell_goes_on(watch, tmp_path):
    with launch_cell(tmp_path, "hardware:=mock", f"record:={tmp_path / 'run.mcap'}") as cell:
        watch.wait_ready(cell)
        wait_until(lambda: "recorder is heard" in cell.output, what=f"the recorder: {cell.output}")
        kill("recorder", cell.pid)
        wait_until(
            lambda: cell.output.count("recording to ") == 2, timeout_s=30.0, what=f"the next recorder: {cell.output}"
        )
        time.sleep(1.0)
        assert cell.is_running
        assert watch.states[-1].state == CellState.STATE_IDLE
        take_down(cell)
    assert sorted(path.name for path in tmp_path.glob("*.mcap")) == ["run.2.mcap", "run.mcap"]


@pytest.mark.parametrize("victim", [*NODES, "recorder"])
def test_a_death_stops_the_arm_is_named_and_ends_the_demo(watch, tmp_path, victim):
    out = tmp_path / "out.json"
    words = ("demo", "--headless", "--trial", "trial_1", "--json", out, "--runs", tmp_path / "runs")
    with MarkedProcess(tmp_path, *words) as demo:
        watch.wait_ready(demo)
        if victim in WHILE_MOVING:
            wait_until(lambda: watch.moved_s > 0.0, timeout_s=60.0, what=f"the arm to move: {demo.output}")
        else:
            wait_until(
                lambda: any(state.state == CellState.STATE_EXECUTE for state in watch.states), what="the job to run"
            )
        killed_s = kill(victim, demo.pid)
        assert demo.wait(20.0) == 1, demo.output
        to_rest_s = watch.last_motion_s() - killed_s
        print(f"{victim}: {to_rest_s:.3f} s")  # noqa: T201 - shown with -s: a measurement
        assert to_rest_s < TO_REST_S
        assert f"node {victim} died (signal SIGKILL)" in demo.output
        assert "Traceback" not in demo.output
        assert demo.left_behind() == []
    row = json.loads(out.read_text())["results"][0]
    assert (row["seated"], row["outcome"]) == (False, "cell_lost")
