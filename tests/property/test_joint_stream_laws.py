"""Laws of what is streamed to a position-controlled arm, for any input."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cablecell.core.control.joint_stream import JointStream

DT = 0.002
LOWER, UPPER = np.array([-1.0, -2.0]), np.array([1.5, 2.0])
VELOCITY, ACCELERATION = np.array([2.0, 3.0]), np.array([40.0, 30.0])


def make(q=(0.0, 0.0)):
    stream = JointStream(LOWER, UPPER, VELOCITY, ACCELERATION, DT)
    stream.reset(np.array(q))
    return stream


@settings(max_examples=200, deadline=None, derandomize=True)
@given(arrays(np.float64, (60, 2), elements=st.floats(-10.0, 10.0)))
def test_no_input_makes_it_faster_or_more_abrupt_than_allowed(wanted):
    stream, q, dq = make(), np.zeros(2), np.zeros(2)
    for row in wanted:
        for _ in range(3):
            new = stream.step(row)
            rate = (new - q) / DT
            assert (np.abs(rate) <= VELOCITY + 1e-9).all()
            inside = (new > LOWER) & (new < UPPER)  # at the end of the range the range comes first
            assert (np.abs(rate - dq)[inside] <= ACCELERATION[inside] * DT + 1e-9).all()
            assert ((new >= LOWER) & (new <= UPPER)).all()
            q, dq = new.copy(), rate


@settings(max_examples=100, deadline=None, derandomize=True)
@given(arrays(np.float64, 2, elements=st.floats(-0.99, 0.99)))
def test_a_jump_is_reached_and_not_overshot(goal):
    stream = make()
    path = np.array([stream.step(goal).copy() for _ in range(1500)])
    np.testing.assert_allclose(path[-1], goal, atol=1e-6)
    beyond = np.sign(goal) * (path - goal)
    assert beyond.max() < 2e-3


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.floats(0.05, 0.4), st.floats(0.5, 4.0))
def test_a_motion_within_the_limits_passes_unchanged(amplitude, omega):
    stream = make()
    for i in range(600):
        wanted = amplitude * (1.0 - np.cos(omega * i * DT)) * np.array([1.0, -1.0])
        np.testing.assert_allclose(stream.step(wanted), wanted, atol=1e-15)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(arrays(np.float64, 2, elements=st.floats(-1.9, 1.9)))
def test_braking_ends_where_it_says_and_does_not_turn_back(rate):
    stream = make()
    for i in range(1, 150):  # up to speed, as a motion does it
        stream.step(rate * DT * (i - 60.0) if i > 60 else np.zeros(2))
    rest = stream.brake()
    path = np.array([stream.step(rest).copy() for _ in range(200)])
    np.testing.assert_allclose(path[-1], rest, atol=1e-6)
    assert (np.sign(rate) * np.diff(path, axis=0) >= -1e-5).all()


def test_slowing_down_ends_at_rest_in_the_time_that_the_acceleration_allows():
    stream = make()
    stream.dq = np.array([1.9, -2.9])
    steps = 0
    while stream.dq.any():
        stream.slow_down()
        steps += 1
    assert steps <= 1 + max(1.9 / 40.0, 2.9 / 30.0) / DT
