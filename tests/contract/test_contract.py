"""What every machine behind the ports keeps: the same tests on all of them."""

from __future__ import annotations

import numpy as np
import pytest

from cablecell.core.errors import HardwareCommandError, NotConnectedError, StaleStateError
from cablecell.ports import CommandMode, JointCommand
from tests.contract.backends import BACKENDS, PERIOD_S, SILENCEABLE, Rig

JOINTS = 6
SPEED = np.pi
"""Highest speed of a joint of the arm that all backends have, rad/s."""


@pytest.fixture(params=sorted(BACKENDS))
def rig(request):
    rig = BACKENDS[request.param]()
    yield rig
    rig.close()


@pytest.fixture
def machine(rig):
    rig.machine.connect()
    return rig.machine


@pytest.fixture(params=SILENCEABLE)
def linked(request):
    rig = BACKENDS[request.param]()
    rig.machine.connect()
    yield rig
    rig.mend()
    rig.close()


def command(machine, q):
    """Send positions for one period and return what was really sent."""
    sent = machine.arm.command(JointCommand(CommandMode.POSITION, np.asarray(q, dtype=float)))
    machine.cycle(PERIOD_S)
    return sent


def wave(machine, seconds, speed=0.5):
    """Move the first joint at a speed for a while; return where it was told to be last."""
    q = machine.arm.read().q.copy()
    for _ in range(round(seconds / PERIOD_S)):
        q[0] += speed * PERIOD_S
        command(machine, q)
    return q


def require_readable(machine, age_limit_s=0.12):
    state, sample, grip = machine.arm.read(), machine.wrench_sensor.read(), machine.gripper.read()
    for values in (state.q, state.dq, state.tau):
        assert values.shape == (JOINTS,)
        assert np.isfinite(values).all()
    assert sample.force.shape == sample.torque.shape == (3,)
    assert 0.0 <= grip.width_m <= 0.06
    now_s = machine.clock.now_s()
    for stamp_s in (state.stamp_s, sample.stamp_s, grip.stamp_s):
        assert now_s - age_limit_s <= stamp_s <= now_s


# Before connecting ---------------------------------------------------------------------------------------------


def test_what_it_is_is_known_before_connecting(rig):
    arm = rig.machine.arm
    assert len(arm.joint_names) == len(set(arm.joint_names)) == JOINTS
    assert CommandMode.POSITION in arm.command_modes
    response = arm.servo_response
    assert response is not None, "an arm that takes positions says how it follows them"
    assert 0.0 <= response.delay_s < 0.1
    assert 0.0 <= response.lag_s < 0.1


def test_nothing_works_before_connecting_and_the_message_says_what_to_do(rig):
    machine = rig.machine
    hold = JointCommand(CommandMode.POSITION, np.zeros(JOINTS))
    for act in (
        machine.arm.read,
        machine.gripper.read,
        machine.wrench_sensor.read,
        lambda: machine.arm.command(hold),
        lambda: machine.gripper.command(0.02, 10.0),
        lambda: machine.cycle(PERIOD_S),
    ):
        with pytest.raises(NotConnectedError, match="call connect first"):
            act()


def test_stopping_and_leaving_are_always_allowed(rig):
    rig.machine.arm.stop()
    rig.machine.disconnect()
    rig.machine.disconnect()


# State and limits ------------------------------------------------------------------------------------------------


def test_everything_is_readable_once_connected(machine):
    require_readable(machine)
    machine.cycle(PERIOD_S)
    require_readable(machine)


def test_time_goes_on_with_every_cycle(machine):
    stamps = []
    for _ in range(20):
        machine.cycle(PERIOD_S)
        stamps.append(machine.arm.read().stamp_s)
    assert (np.diff(stamps) > 0.0).all()


def test_it_stands_still_without_a_command(machine):
    before = machine.arm.read().q
    for _ in range(100):
        machine.cycle(PERIOD_S)
    assert np.abs(machine.arm.read().q - before).max() < 1e-3


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros(5), "has 5 values; this arm has 6 joints"),
        (np.array([0, 0, np.nan, 0, 0, 0]), "command of elbow_joint is nan; it must be finite"),
        (np.array([0, np.inf, 0, 0, 0, 0]), "shoulder_lift_joint is inf"),
    ],
)
def test_a_bad_command_is_refused_and_changes_nothing(machine, values, message):
    target = machine.arm.read().q
    command(machine, target)
    with pytest.raises(HardwareCommandError, match=message):
        machine.arm.command(JointCommand(CommandMode.POSITION, values))
    for _ in range(20):
        machine.cycle(PERIOD_S)
    assert np.abs(machine.arm.read().q - target).max() < 1e-3


def test_a_mode_that_it_has_not_is_refused(machine):
    missing = set(CommandMode) - machine.arm.command_modes
    assert missing, "no arm has them all"
    for mode in missing:
        with pytest.raises(HardwareCommandError, match=f"mode '{mode.value}' is not available; valid are"):
            machine.arm.command(JointCommand(mode, np.zeros(JOINTS)))


def test_what_is_sent_is_what_it_says_was_sent(machine):
    """A jump becomes what the joints may do in a period, by speed or by acceleration, and goes on from there."""
    start = machine.arm.read().q
    command(machine, start)
    first = command(machine, start + 1.0).values
    second = command(machine, start + 1.0).values
    step = SPEED * PERIOD_S
    for before, after in ((start, first), (first, second)):
        assert (after - before <= step + 1e-9).all()
        assert (after - before > 0.01 * step).all()
    assert (second - first >= first - start - 1e-9).all()


def test_the_arm_goes_where_it_is_sent(machine):
    target = wave(machine, 0.3)
    for _ in range(50):
        command(machine, target)
    assert np.abs(machine.arm.read().q - target).max() < 2e-3


def test_a_position_beyond_the_range_ends_at_the_range(machine):
    """The last joint: in the simulated cell the others would take the tool through its walls."""
    q = machine.arm.read().q
    far = np.array([0, 0, 0, 0, 0, 100.0])
    sent = q
    for _ in range(1500):
        sent = command(machine, q + far).values
        assert sent[5] <= 2.0 * np.pi + 1e-6
    assert sent[5] == pytest.approx(2.0 * np.pi, abs=1e-3)
    state = machine.arm.read()
    assert state.q[5] == pytest.approx(2.0 * np.pi, abs=2e-3)
    assert not state.is_protective_stopped, "it was told no more than it may do"


def test_the_gripper_refuses_what_it_cannot_do_and_does_what_it_can(machine):
    for width, force, message in ((0.2, 10.0, "gripper width = 0.2 m is outside"), (0.02, np.nan, "gripper force")):
        with pytest.raises(HardwareCommandError, match=message):
            machine.gripper.command(width, force)
    machine.gripper.command(0.045, 50.0)
    for _ in range(600):
        machine.cycle(PERIOD_S)
    assert machine.gripper.read().width_m == pytest.approx(0.045, abs=1e-3)


# Stop, leave, come back -----------------------------------------------------------------------------------------


def test_stop_comes_to_rest_and_stays(machine):
    wave(machine, 0.3, speed=1.0)
    at = machine.arm.read().q[0]
    machine.arm.stop()
    begun_s = machine.clock.now_s()
    while np.abs(machine.arm.read().dq).max() > 0.01:
        machine.cycle(PERIOD_S)
        assert machine.clock.now_s() - begun_s < 0.2, "it moves longer than 0.2 s"
    rest = machine.arm.read().q
    assert abs(rest[0] - at) < 0.1
    for _ in range(100):
        machine.cycle(PERIOD_S)
    assert np.abs(machine.arm.read().q - rest).max() < 2e-3


def test_it_comes_back_without_a_jump_and_without_old_commands(rig):
    machine = rig.machine
    machine.connect()
    wave(machine, 0.2)
    before_s = machine.clock.now_s()
    machine.disconnect()
    with pytest.raises(NotConnectedError):
        machine.arm.read()
    machine.connect()
    start = machine.arm.read().q
    for _ in range(50):
        machine.cycle(PERIOD_S)
    require_readable(machine)
    assert np.abs(machine.arm.read().q - start).max() < 1e-2
    assert machine.clock.now_s() >= before_s
    first = machine.arm.command(JointCommand(CommandMode.POSITION, machine.arm.read().q + 1.0)).values
    assert np.abs(first - machine.arm.read().q).max() < 2.0 * SPEED * PERIOD_S


# A lost link ----------------------------------------------------------------------------------------------------


def silence(rig: Rig, part: str, limit_s: float = 0.3) -> StaleStateError:
    """Cut the link and return the error of the first read that is refused."""
    machine = rig.machine
    read = machine.arm.read if part == "joints" else machine.wrench_sensor.read
    begun_s = machine.clock.now_s()
    rig.cut(part)
    while machine.clock.now_s() - begun_s < limit_s:
        machine.cycle(PERIOD_S)
        try:
            read()
        except StaleStateError as error:
            return error
    raise AssertionError(f"a silent link was not noticed within {limit_s} s")


@pytest.mark.parametrize("part", ["joints", "wrench"])
def test_a_silent_part_is_noticed_in_time_and_named(linked, part):
    wave(linked.machine, 0.1)
    begun_s = linked.machine.clock.now_s()
    error = silence(linked, part)
    assert linked.machine.clock.now_s() - begun_s < 2.5 * linked.age_limit_s
    assert linked.names_of_parts[part] in str(error)
    assert error.unit == "s"
    assert float(error.value) > float(error.limit) == linked.age_limit_s


@pytest.mark.parametrize("part", ["joints", "wrench"])
def test_stop_is_allowed_and_short_without_a_link(linked, part):
    machine = linked.machine
    wave(machine, 0.2, speed=1.0)
    silence(linked, part)
    begun_s = machine.clock.now_s()
    machine.arm.stop()
    machine.arm.stop()
    assert machine.clock.now_s() - begun_s < 0.1


def test_a_link_that_comes_back_is_good_again_after_a_new_connection(linked):
    machine = linked.machine
    wave(machine, 0.1)
    silence(linked, "joints")
    machine.arm.stop()
    machine.disconnect()
    linked.mend()
    machine.connect()
    require_readable(machine)
    start = machine.arm.read().q
    command(machine, start)
    for _ in range(20):
        command(machine, start)
    assert np.abs(machine.arm.read().q - start).max() < 2e-3
