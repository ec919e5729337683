"""What only a UR does: safety stops, watchdog, a program that is taken away, and every way in which the link ends."""

from __future__ import annotations

import importlib.util
import os
import signal

import numpy as np
import pytest

from cablecell.composition.machines import MachineOptions, make_machine
from cablecell.configuration import config_folder, load_arm, load_ur
from cablecell.core.config.documents import DocumentError
from cablecell.core.errors import (
    ConfigurationError,
    ControlLostError,
    DriverMissingError,
    MachineMissingError,
    StaleStateError,
)
from cablecell.ports import CommandMode, JointCommand
from tests.support.rtde import rig
from tests.support.wait import wait_until

ROBOT = config_folder() / "robots/ur5e_rtde.yaml"
PERIOD_S = 0.002
G = 9.80665
HAS_LIBRARY = importlib.util.find_spec("rtde_control") is not None
needs_library = pytest.mark.skipif(not HAS_LIBRARY, reason="ur-rtde has no wheel for this machine")
pytestmark = pytest.mark.cell


@pytest.fixture(scope="module")
def process():
    with rig.urgent_robot() as process:
        yield process


@pytest.fixture
def robot(process):
    process.reset()
    yield process
    process.weather(is_stalled=False)


@pytest.fixture
def machine(robot):
    machine = rig.make_machine(robot)
    machine.connect()
    yield machine
    machine.disconnect()


def move(machine, seconds, speed=0.6):
    """Move the first joint; return the last set-point."""
    machine.cycle(PERIOD_S)
    q = machine.arm.read().q.copy()
    for _ in range(round(seconds / PERIOD_S)):
        q[0] += speed * PERIOD_S
        machine.arm.command(JointCommand(CommandMode.POSITION, q))
        machine.cycle(PERIOD_S)
        machine.arm.read()
    return q


def go_on_until(machine, error):
    """Go on streaming as the control loop does until reading fails, and return why."""
    with pytest.raises(error) as caught:
        move(machine, 20.0, speed=0.3)
    return str(caught.value)


# Without a robot --------------------------------------------------------------------------------------------------


def test_the_shipped_robot_is_read_by_whoever_needs_its_limits():
    assert load_arm(ROBOT) == load_ur(ROBOT)
    assert load_arm(config_folder() / "robots/ur5e.yaml").topics
    assert load_ur(config_folder() / "robots/loopback_ur.yaml").servo.lookahead_s >= 0.03


def test_a_watchdog_that_would_stop_the_robot_too_late_is_refused():
    with pytest.raises(DocumentError, match=r"0.2314 s from our last word to rest: watchdog_hz allows 0.2 s"):
        rig.settings(servo={"watchdog_hz": 5.0})


def test_without_its_library_it_is_refused_with_the_way_to_get_it(monkeypatch):
    monkeypatch.setattr("cablecell.hardware.ur_transport.importlib.util.find_spec", lambda name: None)
    with pytest.raises(DriverMissingError, match=r"install it with: pip install ur-rtde==1.6.5") as caught:
        make_machine("ur_rtde", MachineOptions(robot_file=str(ROBOT), robot_ip="127.0.0.1"))
    assert caught.value.code == 807


@needs_library
@pytest.mark.parametrize(("file", "address", "name"), [(str(ROBOT), "", "robot_ip"), ("", "127.0.0.1", "robot_file")])
def test_what_is_missing_of_its_configuration_is_named(file, address, name):
    with pytest.raises(ConfigurationError, match=f"{name} is empty; hardware 'ur_rtde' needs"):
        make_machine("ur_rtde", MachineOptions(robot_file=file, robot_ip=address))


# Connecting -------------------------------------------------------------------------------------------------------


@needs_library
@pytest.mark.parametrize(
    ("knob", "values", "message"),
    [
        ("robot", {"robot_mode": 3}, "robot mode is 3; it must be 7"),
        ("robot", {"safety_bits": 4}, "safety status bits are 0x4"),
        ("robot", {"runtime_state": 2}, "a program runs at the robot; stop it first"),
        ("server", {"remote_control": False}, "remote control"),
    ],
)
def test_a_robot_that_is_not_ready_is_refused_and_says_why(robot, knob, values, message):
    getattr(robot, knob)(**values)
    with pytest.raises(MachineMissingError, match=message) as caught:
        rig.make_machine(robot).connect()
    assert caught.value.code == 804
    assert robot.look()["counts"] == {}, "it was told something all the same"


@needs_library
def test_connecting_sets_payload_tool_and_slider_and_takes_the_sensor_as_zero(robot):
    machine = rig.make_machine(robot, servo={"speed_fraction": 0.5})
    machine.connect()
    seen = robot.look()
    assert seen["payload"] == pytest.approx([1.1, 0.0, 0.0, 0.06], abs=0.2)
    assert seen["payload"][0] == 1.1
    assert seen["speed"] == 0.5
    assert seen["program_ends"] == []
    machine.cycle(PERIOD_S)
    assert np.abs(machine.wrench_sensor.read().force).max() < 0.01
    robot.push(0.0, 0.0, -5.0)
    wait_until(lambda: np.linalg.norm(machine.wrench_sensor.read().force) == pytest.approx(5.0, abs=0.01))
    machine.disconnect()
    # Whoever leaves ends the program: a robot that goes on with its last command is nobody's.
    assert robot.wait_for(lambda seen: seen["runtime_state"] == 1)["program_ends"] == ["stopScript"]


# Trouble ----------------------------------------------------------------------------------------------------------


@needs_library
def test_a_protective_stop_is_shown_ends_the_program_and_is_not_left_by_itself(robot, machine):
    move(machine, 0.1)
    robot.call("protective_stop")
    wait_until(lambda: machine.arm.read().is_protective_stopped)
    seen = robot.wait_for(lambda seen: seen["runtime_state"] == 1)
    assert seen["program_ends"] == ["dashboard: stop"]
    robot.call("release")
    assert "it was stopped for safety, which ended its program" in go_on_until(machine, ControlLostError)
    machine.disconnect()
    machine.connect()
    move(machine, 0.1)


@needs_library
def test_a_program_that_is_stopped_at_the_pendant_is_noticed(robot, machine):
    move(machine, 0.1)
    robot.call("emergency_stop")
    robot.call("release")
    why = go_on_until(machine, ControlLostError)
    assert "robot 'ur5e' takes no commands any more: servoJ was refused: its program was ended by somebody else" in why
    assert robot.look()["runtime_state"] == 1, "the program was uploaded again, unasked"


@needs_library
@pytest.mark.parametrize("how", ["pulled", "closed"])
def test_a_lost_link_ends_in_rest_at_both_ends_and_a_new_connection_is_clean(robot, machine, how):
    move(machine, 0.2)
    if how == "pulled":
        robot.weather(is_stalled=True)
    else:
        robot.server(listens=False)
        robot.close_sessions()
    cut_s = robot.look()["now_s"]
    assert go_on_until(machine, StaleStateError if how == "pulled" else (StaleStateError, ControlLostError))
    machine.arm.stop()
    machine.disconnect()
    seen = robot.wait_for(lambda seen: seen["runtime_state"] == 1 and not any(seen["dq"]))
    assert seen["rested_s"] - cut_s < 0.25
    assert seen["program_ends"][0].startswith("watchdog")
    robot.weather(is_stalled=False)
    robot.server(listens=True)
    robot.wait_for(lambda seen: seen["sessions"] == 0)
    machine.connect()
    start = machine.arm.read().q
    assert start == pytest.approx(robot.look()["q"], abs=1e-3)
    move(machine, 0.1)


@needs_library
def test_a_process_that_dies_leaves_a_robot_that_stops(robot, machine):
    move(machine, 0.2)
    os.kill(machine._transport._process.pid, signal.SIGKILL)
    assert "the process that talks to it has ended" in go_on_until(machine, ControlLostError)
    seen = robot.wait_for(lambda seen: seen["runtime_state"] == 1 and not any(seen["dq"]))
    assert seen["program_ends"][0].startswith("watchdog")


@needs_library
def test_a_jump_does_not_reach_the_robot(robot, machine):
    q = move(machine, 0.1)
    machine._transport.send_positions((q + 1.0).tolist())
    assert "is a jump of" in go_on_until(machine, ControlLostError)
    assert robot.look()["q"] == pytest.approx(q, abs=0.01)


@needs_library
def test_a_link_with_delay_and_loss_is_driven(robot, machine):
    robot.weather(delay_s=0.004, jitter_s=0.002, loss=0.01)
    q = move(machine, 1.0, speed=0.3)
    for _ in range(50):
        machine.arm.command(JointCommand(CommandMode.POSITION, q))
        machine.cycle(PERIOD_S)
    assert machine.arm.read().q == pytest.approx(q, abs=2e-3)
    assert robot.look()["bad_packages"] == 0


@needs_library
def test_an_object_between_the_fingers_is_held(robot, machine):
    robot.block_gripper(100.0)
    machine.gripper.command(0.0, 40.0)
    wait_until(lambda: machine.gripper.read().is_holding)
    assert machine.gripper.read().width_m == pytest.approx(0.05 * (1 - 100 / 255), abs=3e-4)
