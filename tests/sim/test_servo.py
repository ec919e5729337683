"""The simulated arm as a position servo behind a link."""

from __future__ import annotations

import random

import numpy as np
import pytest

from cablecell.simulation.servo import DelayLine, ServoArm, ServoLink
from tests.support.sim_cell import PERIOD_S, connected


@pytest.fixture
def machine():
    machine = connected("trial_1")
    yield machine
    machine.disconnect()


def test_a_link_delays_within_its_jitter_and_keeps_the_order():
    line = DelayLine(ServoLink(0.0, 0.004, 0.002), random.Random(1))
    sent, arrived = {}, {}
    for i in range(2000):
        now_s = i * 0.0005
        line.put(i, now_s)
        sent[i] = now_s
        newest = line.newest(now_s)
        if newest is not None:
            arrived.setdefault(newest, now_s)
    delays = np.array([now_s - sent[i] for i, now_s in arrived.items()])
    assert delays.min() >= 0.002 - 1e-9
    assert delays.max() <= 0.0065 + 1e-9
    assert list(arrived) == sorted(arrived)


def test_a_delay_of_nothing_is_none():
    line = DelayLine(ServoLink(0.0), random.Random(1))
    assert line.newest(0.0) is None
    line.put("a", 0.0)
    assert line.newest(0.0) == "a"


def respond(machine, link, steps=60):
    """Return the first joint's response to a step of 1 mrad, relative to the step."""
    servo = ServoArm(machine, link, seed=1)
    start = machine.arm.read().q
    seen = []
    for _ in range(steps):
        servo.send(start + np.array([0.001, 0, 0, 0, 0, 0]))
        servo.cycle(PERIOD_S)
        seen.append((machine.arm.read().q[0] - start[0]) / 0.001)
    return np.array(seen)


def test_the_drives_lag_as_a_servo_does_and_do_not_overshoot(machine):
    seen = respond(machine, ServoLink(lookahead_s=0.008))
    reached_s = (np.argmax(seen > 0.632) + 1) * PERIOD_S
    assert 0.004 < reached_s < 0.020
    assert seen.max() < 1.02
    assert seen[-1] == pytest.approx(1.0, abs=0.02)


def test_a_delayed_link_moves_the_same_later(machine):
    seen = respond(machine, ServoLink(lookahead_s=0.008, delay_s=0.010))
    assert (np.abs(seen[:5]) < 0.02).all()
    assert seen[-1] == pytest.approx(1.0, abs=0.02)


def test_reports_come_late_and_in_order(machine):
    servo = ServoArm(machine, ServoLink(0.0, 0.004, 0.002), seed=1)
    ages = []
    for _ in range(200):
        state, _ = servo.report()
        ages.append(machine.clock.now_s() - state.stamp_s)
        servo.cycle(PERIOD_S)
    assert max(ages) <= 0.008 + 1e-9
    assert np.mean(ages[5:]) > 0.003


def test_a_link_loses_its_share_of_the_messages_each_way(machine):
    servo = ServoArm(machine, ServoLink(0.0, loss=0.2), seed=1)
    start = machine.arm.read().q
    heard, ages, late = [], [], 0
    for i in range(400):
        servo.send(start + i * 1e-6)
        late += servo._setpoints.newest(machine.clock.now_s())[0] != pytest.approx(start[0] + i * 1e-6, abs=1e-9)
        state, _ = servo.report()
        heard.append(servo.is_heard)
        ages.append(machine.clock.now_s() - state.stamp_s)
        servo.cycle(PERIOD_S)
    assert 0.1 < 1.0 - np.mean(heard) < 0.3
    assert 0.1 < late / 400 < 0.3
    assert np.array(heard) == pytest.approx(np.array(ages) < PERIOD_S / 2), "what is lost is not known"


def test_after_a_change_of_the_scene_nothing_old_is_followed(machine):
    servo = ServoArm(machine, ServoLink(), seed=1)
    start = machine.arm.read().q
    servo.send(start + 0.1)
    servo.reset()
    for _ in range(20):
        servo.cycle(PERIOD_S)
    assert np.abs(machine.arm.read().q - start).max() < 1e-4


def test_a_jump_of_all_joints_is_followed_and_trips_nothing(machine):
    """Without bounds a wrist overshot its speed limit, the machine stopped itself and coasted on by half a radian."""
    servo = ServoArm(machine, ServoLink(), seed=1)
    start = machine.arm.read().q
    seen = []
    for _ in range(150):
        servo.send(start + 0.04)
        servo.cycle(PERIOD_S)
        seen.append(machine.arm.read().q - start)
    assert not machine.arm.read().is_protective_stopped
    assert np.array(seen).max() < 1.25 * 0.04
    assert seen[-1] == pytest.approx(np.full(6, 0.04), abs=5e-4)
