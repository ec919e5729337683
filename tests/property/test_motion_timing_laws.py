"""Timing: limits are never exceeded, the path is never left, and nothing is faster than it may be."""

from __future__ import annotations

import math

import numpy as np
import pytest
import ruckig
from hypothesis import given, settings
from hypothesis import strategies as st

from cablecell.core.motion.model import ARM_JOINT_NAMES
from cablecell.core.motion.scurve import plan_rest_to_rest
from cablecell.core.motion.timing import time_joint_path
from cablecell.core.motion.trajectory import MotionLimits, is_at_rest, measure_limit_use
from cablecell.evaluation.timing_problems import judge, random_problem
from tests.support import motion

fast = settings(max_examples=80, deadline=None, derandomize=True)

positive = st.floats(0.01, 20.0)


def ruckig_duration(length: float, velocity: float, acceleration: float, jerk: float) -> float:
    request, profile = ruckig.InputParameter(1), ruckig.Trajectory(1)
    request.current_position, request.target_position = [0.0], [length]
    request.max_velocity, request.max_acceleration, request.max_jerk = [velocity], [acceleration], [jerk]
    ruckig.Ruckig(1).calculate(request, profile)
    return float(profile.duration)


@fast
@given(st.floats(1e-4, 5.0), positive, positive, st.floats(0.1, 100.0))
def test_rest_to_rest_keeps_its_limits_and_arrives(length: float, v: float, a: float, j: float) -> None:
    curve = plan_rest_to_rest(length, v, a, j)
    samples = np.array([curve.at(t) for t in np.linspace(0.0, curve.duration, 200)])
    assert samples[0] == pytest.approx([0.0, 0.0, 0.0], abs=1e-12)
    assert samples[-1] == pytest.approx([length, 0.0, 0.0], abs=1e-9 * (1 + length))
    assert np.all(np.diff(samples[:, 0]) >= -1e-12)
    assert samples[:, 1].max() <= v * (1 + 1e-9)
    assert np.abs(samples[:, 2]).max() <= a * (1 + 1e-9)
    assert max(abs(value) for value in curve.jerks) <= j * (1 + 1e-12)
    # The polynomials join: the last phase ends where the target is, from its own start.
    before = np.array(curve.at(curve.duration * (1 - 1e-9)))
    assert before == pytest.approx([length, 0.0, 0.0], abs=1e-6 * (1 + length + v + a) + 1e-8 * j * curve.duration)


@fast
@given(st.floats(1e-3, 5.0), st.floats(0.1, 5.0), st.floats(0.1, 10.0), st.floats(1.0, 100.0))
def test_rest_to_rest_is_as_fast_as_ruckig(length: float, v: float, a: float, j: float) -> None:
    try:
        expected = ruckig_duration(length, v, a, j)
    except ruckig.RuckigError:
        return  # ruckig gives up where two cases meet; the next test has such a length
    assert plan_rest_to_rest(length, v, a, j).duration == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("factor", [1 - 1e-12, 1.0, 1 + 1e-12])
def test_the_lengths_where_cases_meet_are_solved(factor: float) -> None:
    for v, a, j in ((0.25, 1.0, 10.0), (2.0, 6.0, 60.0)):
        for length in (2 * a**3 / j**2, v * (a / j + v / a)):
            curve = plan_rest_to_rest(factor * length, v, a, j)
            neighbour = plan_rest_to_rest(factor * length * (1 + 1e-6), v, a, j)
            assert curve.duration == pytest.approx(neighbour.duration, rel=1e-5)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.inf, math.nan])
def test_numbers_that_make_no_motion_are_refused(bad: float) -> None:
    for k, name in enumerate(("length", "velocity", "acceleration", "jerk")):
        arguments = [1.0] * 4
        arguments[k] = bad
        with pytest.raises(ValueError, match=f"{name} is {bad}"):
            plan_rest_to_rest(*arguments)


joint = st.floats(-3.0, 3.0)
configurations = st.lists(st.tuples(*[joint] * 6), min_size=1, max_size=5)


@fast
@given(configurations)
def test_a_joint_path_is_followed_with_stops_and_within_limits(points: list[tuple[float, ...]]) -> None:
    trajectory = time_joint_path(points, motion.LIMITS, ARM_JOINT_NAMES)
    assert is_at_rest(trajectory)
    assert trajectory.start == pytest.approx(points[0], abs=0)
    assert trajectory.goal == pytest.approx(points[-1], abs=1e-11)
    assert np.all(np.diff(trajectory.times_s) > 0)
    use = measure_limit_use(trajectory, motion.LIMITS)
    assert use.velocity <= 1 + 1e-9
    assert use.acceleration <= 1 + 1e-9
    assert use.jerk <= 1.001
    # Every sample is on one of the straight lines.
    _, q, _, _ = trajectory.sample_every(0.01)
    corners = np.array(points)
    for sample in q:
        assert (
            min(_distance_to_line(sample, a, b) for a, b in zip(corners, np.roll(corners, -1, 0), strict=True)) < 1e-9
        )
    # Every waypoint is reached.
    for corner in corners:
        assert np.abs(trajectory.q - corner).max(axis=1).min() < 1e-9


def _distance_to_line(p: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    d = b - a
    length = float(d @ d)
    u = 0.0 if length == 0.0 else min(max(float((p - a) @ d) / length, 0.0), 1.0)
    return float(np.linalg.norm(p - a - u * d))


@fast
@given(st.tuples(*[joint] * 6), st.floats(0.05, 1.0))
def test_one_joint_uses_a_limit_fully_on_a_long_line(goal: tuple[float, ...], scale: float) -> None:
    if max(abs(value) for value in goal) < 0.5:
        return
    limits = MotionLimits(
        np.array([1.0, 2.0, 3.0, 2.0, 1.5, 2.5]), np.full(6, 5.0), np.array([50.0, 40.0, 60.0, 50.0, 50.0, 50.0])
    ).scaled(scale)
    trajectory = time_joint_path([np.zeros(6), goal], limits, ARM_JOINT_NAMES)
    use = measure_limit_use(trajectory, limits, 0.001)
    assert max(use.velocity, use.acceleration, use.jerk) > 0.98


def test_sampling_is_the_integral_of_its_own_derivatives() -> None:
    goal = motion.HOME + np.array([0.5, -0.3, 0.2, 0.7, -0.1, 1.0])
    trajectory = time_joint_path([motion.HOME, goal], motion.LIMITS, ARM_JOINT_NAMES)
    times, q, dq, ddq = trajectory.sample_every(1e-4)
    step = np.diff(times)[:, None]
    assert np.diff(q, axis=0) / step == pytest.approx((dq[1:] + dq[:-1]) / 2, abs=1e-6)
    assert np.diff(dq, axis=0) / step == pytest.approx((ddq[1:] + ddq[:-1]) / 2, abs=1e-2)
    one = trajectory.sample(float(times[777]))
    assert (one.q == q[777]).all()
    assert (one.dq == dq[777]).all()


def test_random_problems_never_break_a_limit_on_a_grid_ten_times_finer_than_the_controllers() -> None:
    """A sample of what `benchmarks/time_many.py` does a million times."""
    verdicts = [judge(random_problem(1, number)) for number in range(1500)]
    assert max(v.velocity for v in verdicts) <= 1.0 + 1e-6
    assert max(v.acceleration for v in verdicts) <= 1.0 + 1e-6
    assert np.percentile([v.jerk for v in verdicts], 95) <= 1.05
    assert all(v.is_on_path for v in verdicts)
