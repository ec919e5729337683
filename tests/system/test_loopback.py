"""The demo with an arm that is only topics and actions: it seats, and it stops when the link is lost in any phase."""

import importlib.util
import json
import os
import re

import pytest

from tests.support.cell_graph import CellWatch
from tests.support.graph import GraphClient
from tests.support.loopback import (
    CHECKOUT,
    ROBOT,
    RobotSide,
    StreamWatch,
    cell_without_robot,
    cut,
    misplaced_card,
    start_demo,
    start_robot,
)
from tests.support.rtde.process import own_address
from tests.support.wait import wait_until

TO_REST_S = 0.2
"""Longest time from the loss of the link to the last set-point."""

PEAK_FORCE_N = 20.0

CUTS = os.environ.get("CELL_TEST_CUTS", "STAGING:silent INSERT:killed").split()
"""Where the link is lost, and how; every phase takes as long as a demo, so the usual run takes two."""

RTDE_CUTS = os.environ.get("CELL_TEST_RTDE_CUTS", "INSERT:pulled:trial_3").split()
"""The same over RTDE, at the robot's side."""

LOST = re.compile(
    r"cell lost: node (sim_robot died \(signal SIGKILL\)$"
    r"|arm_controller (died \(exit code 1\)|gave up): .*code 803: /robot/[a-z_/]+ is stale: nothing came for 0\.\d+ s;)"
)


def test_the_demo_seats_a_connector_over_a_delayed_link(tmp_path):
    out = tmp_path / "out.json"
    with start_demo(
        tmp_path, "trial_1", "--seed", "3", "--json", out, "link_delay_s:=0.004", "link_jitter_s:=0.002"
    ) as demo:
        assert demo.wait(90.0) == 0, demo.output
        assert demo.left_behind() == []
    row = json.loads(out.read_text())["results"][0]
    assert (row["seated"], row["outcome"], row["offlimit_contacts"]) == (True, "seated", 0)
    assert row["peak_force_n"] < PEAK_FORCE_N


@pytest.mark.skipif(importlib.util.find_spec("rtde_control") is None, reason="ur-rtde has no wheel for this machine")
def test_a_robot_over_rtde_stops_when_its_link_is_cut_and_seats_in_the_next_cell(tmp_path):
    """With delay and loss; the robot outlives every cell, so that each cell after the first connects to it again."""
    link = ("link_delay_s:=0.004", "link_jitter_s:=0.002", "link_loss:=0.01")
    address = f"robot_ip:={own_address()}"
    cell_of = (address, f"robot:={CHECKOUT / 'config/robots/loopback_ur.yaml'}", "--launch")
    with GraphClient() as client, start_robot(tmp_path, "ur_rtde", address, *link) as robot:
        cell, stream, robot_side = CellWatch(client), StreamWatch(client), RobotSide(client, robot)
        for where in RTDE_CUTS:
            phase, how, trial = where.split(":")
            folder = tmp_path / where.replace(":", "_")
            folder.mkdir()
            launch = (*cell_of, cell_without_robot(folder))
            cell.states.clear()
            stream.phases.clear()
            out = folder / "out.json"
            with start_demo(folder, trial, "--seed", "3", "--json", out, *launch, hardware="ur_rtde") as demo:
                cell.wait_ready(demo)
                wait_until(
                    lambda: (
                        (stream.has_reached(phase) and (phase != "STAGING" or cell.speed > 0.1))  # noqa: B023
                        or not demo.is_running
                    ),
                    timeout_s=60.0,
                    poll_s=0.002,
                    what=phase,
                )
                assert demo.is_running, demo.output
                stood = robot_side.cut(how)
                assert demo.wait(20.0) == 1, demo.output
                assert demo.left_behind() == []
            robot_side.mend()
            print(f"{where}: {stood}, {demo.output.splitlines()[-1]}")  # noqa: T201
            assert stood.to_rest_s < TO_REST_S
            assert stood.peak_force_n < PEAK_FORCE_N
            assert len([line for line in demo.output.splitlines() if "cell lost:" in line]) == 1, demo.output
            assert json.loads(out.read_text())["results"][0]["outcome"] == "cell_lost"
        out = tmp_path / "out.json"
        launch = (*cell_of, cell_without_robot(tmp_path))
        with start_demo(tmp_path, "trial_3", "--seed", "3", "--json", out, *launch, hardware="ur_rtde") as demo:
            assert demo.wait(90.0) == 0, demo.output
            assert demo.left_behind() == []
    row = json.loads(out.read_text())["results"][0]
    assert (row["seated"], row["outcome"], row["offlimit_contacts"]) == (True, "seated", 0)
    assert row["peak_force_n"] < PEAK_FORCE_N


MISPLACED_M = {"SEARCH": -1.5e-3, "RECOVER": -4e-3}
"""How far beside its place the card stands for phases that a good insertion does not know: found, and not found."""


def ways_into(phase, folder):
    return ["--launch", misplaced_card(folder, MISPLACED_M[phase])] if phase in MISPLACED_M else []


@pytest.mark.parametrize("where", CUTS)
def test_a_lost_link_ends_in_rest_and_one_line(tmp_path, where):
    phase, how = where.split(":")[:2]
    trial = where.split(":")[2] if where.count(":") > 1 else "trial_1"
    with GraphClient() as client:
        cell, stream = CellWatch(client), StreamWatch(client)
        with start_demo(tmp_path, trial, "--json", tmp_path / "out.json", *ways_into(phase, tmp_path)) as demo:
            cell.wait_ready(demo)
            wait_until(
                lambda: stream.reached(phase) or not demo.is_running,
                timeout_s=60.0,
                poll_s=0.002,
                what=f"{phase}: {demo.output}",
            )
            assert demo.is_running, demo.output
            if phase == "STAGING":
                wait_until(lambda: cell.moved_s > 0.0, what="the arm to move")
            with cut(demo, how) as cut_s:
                assert demo.wait(20.0) == 1, demo.output
            to_rest_s = stream.last_s() - cut_s
            print(f"{where}: last set-point {to_rest_s:.3f} s after the cut, {demo.output.splitlines()[-1]}")  # noqa: T201
            assert to_rest_s < TO_REST_S
            if to_rest_s > ROBOT.response.delay_s:  # else it ended where the robot's reports did, and the robot holds
                assert stream.speed_at_the_end() <= ROBOT.limits.acceleration_rad_per_s2 * 0.002 + 1e-6, "not at rest"
            assert demo.left_behind() == []
    lines = [line for line in demo.output.splitlines() if "cell lost:" in line]
    assert len(lines) == 1, demo.output
    assert LOST.search(lines[0]), lines[0]
    log = next((tmp_path / "runs").glob("*/cell.log")).read_text()
    # When the robot dies the launcher may end the others, in order, before the controller has missed it.
    said = log.count("] [arm_controller]: the arm was stopped and control has ended")
    assert said == 1 or (how == "killed" and said == 0), log
    assert "Traceback" not in log + demo.output
    row = json.loads((tmp_path / "out.json").read_text())["results"][0]
    assert (row["seated"], row["outcome"]) == (False, "cell_lost")
