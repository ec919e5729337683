"""The simulated machine behind the ports: commands, limits, gripper, sensor, clock."""

from __future__ import annotations

import numpy as np
import pytest

from cablecell.ports import CommandMode, JointCommand
from cablecell.simulation.arm import ACCELERATION_RAD_PER_S2
from cablecell.simulation.errors import MachineCommandError, MachineNotConnectedError
from cablecell.simulation.machine import SimulatedMachine
from tests.support.sim_cell import PERIOD_S, ArmKinematics, connected, hold, scene, settings


@pytest.fixture
def machine():
    machine = connected("trial_1")
    yield machine
    machine.disconnect()


def position(machine, q):
    machine.arm.command(JointCommand(CommandMode.POSITION, np.asarray(q)))
    machine.cycle(PERIOD_S)


def test_nothing_works_before_connect_and_everything_is_known():
    machine = SimulatedMachine(scene("trial_1"), settings())
    assert machine.arm.joint_names[0] == "shoulder_pan_joint"
    assert machine.arm.command_modes == {CommandMode.EFFORT, CommandMode.POSITION}
    for act in (machine.arm.read, machine.gripper.read, machine.wrench_sensor.read, lambda: machine.cycle(PERIOD_S)):
        with pytest.raises(MachineNotConnectedError, match="call connect first"):
            act()
    machine.arm.stop()
    machine.disconnect()
    machine.disconnect()


@pytest.mark.parametrize(
    ("mode", "values", "message"),
    [
        (CommandMode.VELOCITY, np.zeros(6), "mode 'velocity' is not available; valid are effort, position"),
        (CommandMode.EFFORT, np.zeros(5), "has 5 values; this arm has 6 joints"),
        (CommandMode.POSITION, np.array([0, 0, np.nan, 0, 0, 0]), "command of elbow_joint is nan; it must be finite"),
        (CommandMode.EFFORT, np.array([0, np.inf, 0, 0, 0, 0]), "shoulder_lift_joint is inf"),
    ],
)
def test_a_bad_command_changes_nothing(machine, mode, values, message):
    hold(machine, 0.1)
    before = machine.arm.read().q
    with pytest.raises(MachineCommandError, match=message):
        machine.arm.command(JointCommand(mode, values))
    machine.cycle(PERIOD_S)
    assert np.abs(machine.arm.read().q - before).max() < 1e-5


def test_torques_are_limited_to_what_the_joints_have(machine):
    sent = machine.arm.command(JointCommand(CommandMode.EFFORT, np.full(6, 1000.0)))
    assert sent.values == pytest.approx([150.0, 150.0, 150.0, 28.0, 28.0, 28.0])


def test_position_steps_are_limited_to_what_the_joints_can_do(machine):
    """A jump becomes a motion with bounded acceleration and speed: without, the arm trips on its own overshoot."""
    sent = [machine.arm.read().q]
    for _ in range(60):
        command = JointCommand(CommandMode.POSITION, sent[0] + np.array([0, 0, 0, 0, 0, 1.0]))
        sent.append(machine.arm.command(command).values)
        machine.cycle(PERIOD_S)
    speed = np.diff(np.array(sent)[:, 5]) / PERIOD_S
    assert speed.max() == pytest.approx(np.pi)
    assert np.diff(speed, prepend=0.0).max() == pytest.approx(ACCELERATION_RAD_PER_S2 * PERIOD_S)
    assert not machine.arm.read().is_protective_stopped
    assert machine.arm.read().q[5] == pytest.approx(sent[-1][5], abs=5e-3)


def test_positions_are_followed_with_one_tick_of_lag(machine):
    home = machine.arm.read().q
    amplitude, omega = 0.05, 4.0
    errors = []
    for i in range(500):
        t = i * PERIOD_S
        target = home + amplitude * (1.0 - np.cos(omega * t)) * np.array([1.0, 0, 0, 0, 0, 1.0])
        position(machine, target)
        errors.append(np.abs(machine.arm.read().q - target).max())
    assert max(errors) < 1e-4
    for _ in range(100):
        position(machine, target)
    assert np.abs(machine.arm.read().q - target).max() < 1e-6


def test_a_period_must_be_a_whole_number_of_steps(machine):
    with pytest.raises(
        MachineCommandError, match=r"period_s = 0\.0021 s is not a whole number of physics steps of 0\.0005 s"
    ):
        machine.cycle(0.0021)
    machine.cycle(0.0005)
    machine.cycle(0.01)
    assert machine.clock.now_s() == pytest.approx(0.0105)
    assert machine.arm.read().stamp_s == pytest.approx(0.0105)


def test_without_a_command_the_arm_stands_still(machine):
    home = machine.arm.read().q
    for _ in range(250):
        machine.cycle(PERIOD_S)
    assert np.abs(machine.arm.read().q - home).max() < 1e-5


def test_stop_brings_a_moving_arm_to_rest_and_holds(machine):
    home = machine.arm.read().q
    for i in range(200):
        position(machine, home + np.array([0.8 * i * PERIOD_S, 0, 0, 0, 0, 0]))
    assert machine.arm.read().dq[0] == pytest.approx(0.8, rel=0.02)
    at = machine.arm.read().q[0]
    machine.arm.stop()
    for _ in range(50):
        machine.cycle(PERIOD_S)
    state = machine.arm.read()
    assert np.abs(state.dq).max() < 1e-3
    # v²/2a = 16 mm at 20 rad/s².
    assert 0.005 < state.q[0] - at < 0.03


def test_an_arm_that_is_too_fast_stops_itself(machine):
    machine.arm.command(JointCommand(CommandMode.EFFORT, np.array([0, 0, 0, 0, 0, 28.0])))
    for _ in range(500):
        machine.cycle(PERIOD_S)
        if machine.arm.read().is_protective_stopped:
            break
    assert machine.arm.read().is_protective_stopped
    for _ in range(200):
        machine.arm.command(JointCommand(CommandMode.EFFORT, np.array([0, 0, 0, 0, 0, 28.0])))
        machine.cycle(PERIOD_S)
    assert np.abs(machine.arm.read().dq).max() < 1e-3


def test_zero_torque_floats_because_gravity_is_compensated():
    machine = connected("trial_1", cable={"is_present": False})
    for _ in range(250):
        machine.arm.command(JointCommand(CommandMode.EFFORT, np.zeros(6)))
        machine.cycle(PERIOD_S)
    assert np.abs(machine.arm.read().dq).max() < 0.01
    machine.disconnect()


def test_a_wrong_payload_lets_the_arm_sag():
    drops = []
    for mass_error in (0.0, -0.08):
        machine = connected("trial_1", payload={"mass_error_kg": mass_error}, cable={"is_present": False})
        for _ in range(250):
            machine.arm.command(JointCommand(CommandMode.EFFORT, np.zeros(6)))
            machine.cycle(PERIOD_S)
        drops.append(1.4694 - machine.world.tcp().p[2])
        machine.disconnect()
    assert abs(drops[0]) < 2e-4
    assert drops[1] > 5e-3


def test_the_payload_can_be_told(machine):
    machine.arm.set_payload(0.0, (0.0, 0.0, 0.0))
    for _ in range(250):
        machine.arm.command(JointCommand(CommandMode.EFFORT, np.zeros(6)))
        machine.cycle(PERIOD_S)
    assert 1.4694 - machine.world.tcp().p[2] > 5e-3
    with pytest.raises(MachineCommandError, match="mass must be 0 to 5 kg"):
        machine.arm.set_payload(-1.0, (0.0, 0.0, 0.0))


def test_an_open_gripper_lets_the_plug_fall_and_says_so(machine):
    assert machine.gripper.read().is_holding
    height = machine.truth.tip().p[2]
    machine.gripper.command(0.04, 50.0)
    for _ in range(300):
        machine.cycle(PERIOD_S)
    assert not machine.gripper.read().is_holding
    assert machine.gripper.read().width_m == pytest.approx(0.04, abs=5e-4)
    assert machine.truth.tip().p[2] < height - 0.05
    machine.gripper.command(0.0, 50.0)
    for _ in range(600):
        machine.cycle(PERIOD_S)
    assert not machine.gripper.read().is_holding  # there is nothing between the fingers
    assert machine.gripper.read().width_m < 1e-3


def test_closing_on_a_plug_holds_it_where_it_is(machine):
    machine.world.release_plug()
    machine.gripper.command(0.005, 50.0)
    at = machine.truth.tip_in_tcp().p
    for _ in range(200):
        machine.cycle(PERIOD_S)
    assert machine.gripper.read().is_holding
    assert machine.gripper.read().width_m == pytest.approx(0.0146, abs=3e-4)
    assert np.linalg.norm(np.subtract(machine.truth.tip_in_tcp().p, at)) < 2e-3


def test_the_gripper_refuses_what_it_cannot_do(machine):
    with pytest.raises(MachineCommandError, match=r"gripper width = 0\.2 m is outside 0 to 0\.05 m"):
        machine.gripper.command(0.2, 10.0)
    with pytest.raises(MachineCommandError, match="gripper force = nan N"):
        machine.gripper.command(0.02, float("nan"))


def test_time_goes_on_over_a_change_of_scene(machine):
    hold(machine, 0.2)
    before = machine.clock.now_s()
    machine.set_up(scene("trial_3"), seed=5)
    assert machine.clock.now_s() == pytest.approx(before)
    assert machine.world.scene.target == "sc_port_1/sc_port_base"
    hold(machine, 0.1)
    assert machine.clock.now_s() == pytest.approx(before + 0.1)
    assert machine.wrench_sensor.read().stamp_s > before


def test_touching_the_table_is_an_offlimit_contact(machine):
    kinematics = ArmKinematics(machine.world.scene.robot)
    q = machine.arm.read().q
    X = kinematics.tcp(q)
    # Away from the board, and down until the fingers touch.
    for i in range(1200):
        s = min(1.0, i / 1000)
        target = X._replace(p=(X.p[0] + 0.1 * s, X.p[1] + 0.25 * s, X.p[2] - 0.345 * s))
        q = kinematics.solve(target, q)
        position(machine, q)
        if machine.truth.contacts:
            break
    contact = machine.truth.contacts[0]
    assert contact.link in {"left_finger_link", "right_finger_link"}
    assert (contact.entity, contact.part) == ("enclosure", "enclosure")
    assert machine.world.tcp().p[2] < 1.16
