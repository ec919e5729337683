"""What every machine behind the ports keeps: the same tests on all of them."""

from __future__ import annotations

import numpy as np
import pytest

from cablecell.core.errors import StaleStateError
from cablecell.hardware import contract
from cablecell.ports import CommandMode, JointCommand
from tests.contract.backends import BACKENDS, PERIOD_S, SILENCEABLE, Rig

JOINTS = 6
SPEED = np.pi
"""Highest speed of a joint of the arm that all backends have, rad/s."""
PACE = contract.Pace(PERIOD_S, SPEED)


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


def keep(check, machine):
    """Run a check of the contract as fast as the machine may, and want every number within its limit."""
    measured = check(machine, PACE)
    assert all(one.is_within for one in measured), measured


def require_readable(machine):
    keep(contract.is_readable, machine)
    assert 0.0 <= machine.gripper.read().width_m <= 0.06


# Before connecting ---------------------------------------------------------------------------------------------


def test_what_it_is_is_known_before_connecting(rig):
    keep(contract.knows_itself, rig.machine)
    assert len(rig.machine.arm.joint_names) == JOINTS


def test_nothing_works_before_connecting_and_the_message_says_what_to_do(rig):
    keep(contract.refuses_unconnected, rig.machine)


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
    keep(contract.time_goes_on, machine)


def test_it_stands_still_without_a_command(machine):
    keep(contract.stands_still, machine)


def test_a_bad_command_is_refused_and_changes_nothing(machine):
    keep(contract.refuses_bad_commands, machine)


def test_a_mode_that_it_has_not_is_refused(machine):
    assert set(CommandMode) - machine.arm.command_modes, "no arm has them all"
    keep(contract.refuses_missing_modes, machine)


def test_what_is_sent_is_what_it_says_was_sent(machine):
    """A jump becomes what the joints may do in a period, by speed or by acceleration, and goes on from there."""
    keep(contract.limits_jumps, machine)


def test_the_arm_goes_where_it_is_sent(machine):
    keep(contract.goes_where_it_is_sent, machine)


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
    keep(contract.grips, machine)


# Stop, leave, come back -----------------------------------------------------------------------------------------


def test_stop_comes_to_rest_and_stays(machine):
    keep(contract.stops, machine)


def test_it_comes_back_without_a_jump_and_without_old_commands(rig):
    rig.machine.connect()
    keep(contract.comes_back, rig.machine)
    require_readable(rig.machine)


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
