"""The arm controller as a process: what it refuses to start with, its lifecycle, and an orderly end."""

import signal

import numpy as np
import pytest
from lifecycle_msgs.msg import Transition

from tests.support.arm_node import ArmClient, end, start_node, turned
from tests.support.wait import wait_until


@pytest.mark.parametrize(
    ("parameter", "line"),
    [
        (
            "hardware:=nope",
            "code 902: hardware = 'nope' is not a kind of machine; valid are mock, replay, ros2_control, sim, ur_rtde",
        ),
        ("trial:=trial_9", "code 903: aic_sample.yaml has no trial 'trial_9'; valid are trial_1, trial_2, trial_3"),
        ("trials_file:=/nowhere.yaml", "code 910: /nowhere.yaml cannot be read: No such file or directory"),
        ("rate_hz:=10.0", "code 901: rate_hz = 10.0 Hz is below the minimum of 50.0 Hz"),
    ],
)
def test_wrong_configuration_ends_with_one_line(parameter, line):
    with start_node("arm_controller", parameter) as process:
        assert process.wait(30.0) == 2
        assert process.output.splitlines()[-1] == line
        assert "Traceback" not in process.output


def test_unknown_hardware_says_nothing_else():
    with start_node("arm_controller", "hardware:=nope") as process:
        assert process.wait(30.0) == 2
        assert len(process.output.splitlines()) == 1


def test_lifecycle_can_be_repeated_and_an_inactive_node_does_nothing():
    with ArmClient() as client, start_node("arm_controller") as process:
        assert client.get_state("/arm_controller") == "unconfigured"
        for _ in range(2):
            assert client.change_state("/arm_controller", Transition.TRANSITION_CONFIGURE)
            assert client.follow.wait_for_server(timeout_sec=60.0)
            assert "code 604" in client.trigger("stop").message
            assert not client.ask(lambda: client.follow.send_goal_async(client.goal([0.0] * 6, 1.0))).accepted
            count = len(client.states)
            assert client.change_state("/arm_controller", Transition.TRANSITION_ACTIVATE)
            wait_until(lambda count=count: len(client.states) > count + 50)
            assert client.change_state("/arm_controller", Transition.TRANSITION_DEACTIVATE)
            count = len(client.states)
            assert client.get_state("/arm_controller") == "inactive"
            assert len(client.states) <= count + 3
            assert client.change_state("/arm_controller", Transition.TRANSITION_CLEANUP)
        end(process)


def test_deactivation_ends_a_trajectory_and_stops_the_arm():
    with ArmClient() as client, start_node("arm_controller", "autostart:=true") as process:
        client.wait_until_ready()
        start = client.q()
        handle = client.send(client.goal(turned(start, 1.0), 3.0))
        wait_until(lambda: abs(client.joints[-1].position[0] - start[0]) > 0.02)
        assert client.change_state("/arm_controller", Transition.TRANSITION_DEACTIVATE)
        outcome = client.result(handle)
        assert outcome.status == 6
        assert "code 604" in outcome.result.error_string
        assert client.change_state("/arm_controller", Transition.TRANSITION_ACTIVATE)
        first = client.q()
        client.newer(client.joints, 50)
        held = np.array([message.position[:6] for message in client.joints[-50:]])
        assert np.abs(held - first).max() < 0.01, "the trajectory goes on"
        end(process)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_during_a_motion_ends_the_node_in_order(number):
    with ArmClient() as client, start_node("arm_controller", "autostart:=true", "realtime_priority:=0") as process:
        client.wait_until_ready()
        start = client.q()
        client.send(client.goal(turned(start, 0.5), 3.0))
        wait_until(lambda: abs(client.joints[-1].position[0] - start[0]) > 0.02)
        process.send(number)
        assert process.wait() == 0, process.output
        assert "Traceback" not in process.output


def test_nodes_that_decide_need_nothing_of_the_simulation():
    """A second client finds the real interfaces under relative names; only the simulation's are absolute."""
    with ArmClient() as client, start_node("arm_controller", "autostart:=true") as process:
        client.wait_until_ready()
        names = dict(client.node.get_publisher_names_and_types_by_node("arm_controller", "/"))
        simulated = {name for name in names if name.startswith("/sim/")}
        assert simulated == {"/sim/scene_state", "/sim/trial", "/sim/truth"}
        assert {"/joint_states", "/controller_state", "/wrench", "/wrench_raw", "/tf", "/tf_static"} <= set(names)
        end(process)
