"""The action `identify_payload` with an arm that is told positions, over the loop-back of ros2_control."""

from pathlib import Path

import numpy as np
import pytest

from tests.ros.test_arm_payload import CABLE_KG, PLUG_KG, SUCCEEDED, PayloadClient, code
from tests.support.arm_node import end, start_node, turned

ROBOT_FILE = Path(__file__).parents[2] / "config/robots/loopback.yaml"


def test_an_arm_that_is_told_positions_finds_and_takes_away_what_it_carries():
    robot_file = f"robot_file:={ROBOT_FILE}"
    with (
        PayloadClient() as client,
        start_node("sim_robot", robot_file, "autostart:=true", "seed:=1") as robot,
        start_node("arm_controller", "hardware:=ros2_control", robot_file, "autostart:=true") as node,
    ):
        client.wait_until_ready()
        assert client.identification.wait_for_server(timeout_sec=60.0)
        outcome = client.result(client.identify(apply=True))
        assert code(outcome) == (SUCCEEDED, 0), outcome.result.error_msg
        # The file of the robot counts the plug, less a little of it, as tool.
        assert outcome.result.payload.inertia.m == pytest.approx(1.0 + PLUG_KG + CABLE_KG - 1.1, abs=0.03)
        goal = client.goal(turned(client.q(), 0, 0, 0, 0.35, 0.35, 0.5), 1.0)
        assert client.result(client.send(goal)).status == SUCCEEDED
        client.newer(client.wrenches, 100)
        assert np.linalg.norm(client.contact_n()) < 0.35
        end(node)
        end(robot)
