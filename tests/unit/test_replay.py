"""A recording as a machine: it plays what was measured, takes no commands, and says when it has ended."""

from __future__ import annotations

import numpy as np
import pytest

from cablecell.composition.machines import MachineOptions, make_machine
from cablecell.composition.replay_backend import read_machine
from cablecell.core.errors import ConfigurationError, ReadOnlyMachineError, StaleStateError
from cablecell.ports import CommandMode, JointCommand
from cablecell.records.errors import RecordingError
from cablecell.records.reading import joint_values
from tests.support import recorded

PERIOD_S = 0.002


def play(machine, until_s):
    """Play up to a time of the machine's clock."""
    while machine.clock.now_s() < until_s - 1e-9:
        machine.cycle(PERIOD_S)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return recorded.write(tmp_path_factory.mktemp("recorded") / "run.mcap", 1.5, namespace="/cell_2")


def test_a_file_is_played_at_its_own_pace(file):
    machine = make_machine("replay", MachineOptions(recording=str(file))).machine
    machine.connect()
    for t_s in (0.0, 0.3, 0.623, 0.801, 1.4):
        play(machine, t_s)
        now_s = machine.clock.now_s()
        assert now_s == pytest.approx(t_s, abs=PERIOD_S)
        assert machine.arm.read().q == pytest.approx(recorded.q_at(now_s), abs=1e-6)
        sample = machine.wrench_sensor.read()
        assert sample.force[2] == recorded.force_z_at(sample.stamp_s)
        assert now_s - 0.0101 <= sample.stamp_s <= now_s
        assert machine.gripper.read().width_m == pytest.approx(0.014)
        assert machine.gripper.read().is_holding


def test_it_ends_with_an_error_that_names_the_file(file):
    machine = make_machine("replay", MachineOptions(recording=str(file))).machine
    machine.connect()
    play(machine, 1.54)
    assert machine.arm.read().q == pytest.approx(recorded.q_at(1.5))
    play(machine, 1.56)
    for read in (machine.arm.read, machine.wrench_sensor.read, machine.gripper.read):
        with pytest.raises(StaleStateError, match=r"recording run.mcap has ended after 1.500 s"):
            read()
    machine.arm.stop()
    machine.disconnect()


def test_it_takes_no_commands():
    machine = recorded.machine(1.0)
    machine.connect()
    sent = machine.arm.command(JointCommand(CommandMode.POSITION, recorded.HOME + 0.1))
    assert sent.values == pytest.approx(recorded.HOME), "nothing was sent: the arm is where it was"
    play(machine, 0.2)
    assert machine.arm.read().q == pytest.approx(recorded.HOME)
    with pytest.raises(ReadOnlyMachineError, match=r"the gripper of recording made.mcap was recorded") as caught:
        machine.gripper.command(0.02, 10.0)
    assert caught.value.code == 809


def test_it_goes_on_where_it_was_after_a_new_connection():
    machine = recorded.machine(1.0)
    machine.connect()
    play(machine, 0.7)
    machine.disconnect()
    machine.connect()
    assert machine.arm.read().q == pytest.approx(recorded.q_at(0.7), abs=1e-6)


def test_silences_are_left_out(tmp_path):
    """While a topic is missing nothing is known of the machine; what was measured on either side follows."""
    path = recorded.write(tmp_path / "holes.mcap", 1.5, silent=((0.2, 0.5), (1.0, 1.2)))
    found = read_machine(path)
    assert found.end_s == pytest.approx(1.5 - 0.3 - 0.2 + 2 * 0.01, abs=0.011)
    assert np.diff(found.joints_t_s).max() <= 0.011
    assert (np.diff(found.joints_t_s) > 0.0).all()
    assert found.q[-1] == pytest.approx(recorded.q_at(1.5))
    # What belongs together still does: the push begins when the arm has turned for 0.2 s.
    pushed_s = found.wrench_t_s[np.argmax(found.wrench[:, 2] < -10.0)]
    turned = np.interp(pushed_s, found.joints_t_s, found.q[:, 0]) - recorded.HOME[0]
    assert turned == pytest.approx(recorded.SPEED * 0.21, abs=recorded.SPEED * 0.011)


def test_joints_are_found_by_name():
    names = ["b", "a"]
    stamp_s, values = joint_values(recorded.joint_state(2.5, names, [1.0, 2.0], [], [3.0, 4.0]))
    assert stamp_s == pytest.approx(1002.5)
    assert values == {"b": (1.0, 0.0, 3.0), "a": (2.0, 0.0, 4.0)}
    whole = recorded.joint_state(0.0, names, [1.0, 2.0], [3.0], [])
    for size in range(len(whole)):
        with pytest.raises(RecordingError):
            joint_values(whole[:size])


def test_what_cannot_be_played_says_what_it_lacks(tmp_path):
    with pytest.raises(ConfigurationError, match="recording is empty; hardware 'replay' needs"):
        make_machine("replay", MachineOptions())
    with pytest.raises(RecordingError, match="cannot be read"):
        make_machine("replay", MachineOptions(recording=str(tmp_path / "none.mcap")))
    path = recorded.write(tmp_path / "short.mcap", 0.0)
    with pytest.raises(RecordingError, match="holds no joint states of shoulder_pan_joint"):
        make_machine("replay", MachineOptions(recording=str(path)))
