"""Trajectories and straight lines: exact geometry, slowing down, and every refusal."""

from __future__ import annotations

import numpy as np
import pytest

from cablecell.core.geometry import angle_between, pose_difference, rotation_from_rpy
from cablecell.core.motion.errors import (
    JointLimitError,
    LimitsExceededError,
    NoIkSolutionError,
    SingularityError,
)
from cablecell.core.motion.model import ARM_JOINT_NAMES
from cablecell.core.motion.timing import LineLimits, path_length, time_joint_path, time_line
from cablecell.core.motion.trajectory import (
    MotionLimits,
    Trajectory,
    check_trajectory,
    is_at_rest,
    measure_limit_use,
)
from tests.support import motion

LINE = LineLimits(velocity=0.25, acceleration=1.0, jerk=10.0)


def shifted(dx: tuple[float, float, float], rpy: tuple[float, float, float] = (0, 0, 0)) -> np.ndarray:
    X = motion.model().fk(motion.HOME)
    X[:3, 3] += dx
    X[:3, :3] = X[:3, :3] @ rotation_from_rpy(*rpy)
    return X


@pytest.mark.parametrize(
    ("dx", "rpy"),
    [
        ((0, 0, -0.15), (0, 0, 0)),
        ((0.1, 0.1, -0.05), (0, 0, 0)),
        ((0.05, -0.1, -0.1), (0.1, -0.2, 0.6)),
        ((0, 0, 0), (0, 0, 0.8)),
        ((0, 0, -0.02), (0, 0, 0)),
    ],
)
def test_a_line_is_straight_even_and_within_limits(dx: tuple[float, ...], rpy: tuple[float, ...]) -> None:
    X_start, X_goal = motion.model().fk(motion.HOME), shifted(dx, rpy)
    trajectory = time_line(motion.ik(), motion.HOME, X_goal, LINE, motion.LIMITS)
    assert np.array_equal(trajectory.start, motion.HOME)
    assert is_at_rest(trajectory)
    assert np.abs(pose_difference(motion.model().fk(trajectory.goal), X_goal)).max() < 1e-9
    use = measure_limit_use(trajectory, motion.LIMITS)
    assert max(use.velocity, use.acceleration, use.jerk) <= 1.0
    whole = pose_difference(X_start, X_goal)
    length = max(np.linalg.norm(whole[:3]), 0.25 * np.linalg.norm(whole[3:]))
    speeds = []
    for t in np.linspace(0.0, trajectory.duration_s, 301):
        state = trajectory.sample(float(t))
        d = pose_difference(X_start, motion.model().fk(state.q))
        fraction = float(d @ whole) / float(whole @ whole)
        # Position and rotation are at the same fraction of the way, also between the knots.
        assert d == pytest.approx(fraction * whole, abs=1e-9)
        speeds.append(float(np.linalg.norm((motion.model().jacobian(state.q) @ state.dq)[:3])))
    assert max(speeds) <= LINE.velocity * 1.001
    assert trajectory.duration_s > length / LINE.velocity


def test_a_line_that_is_too_fast_for_the_joints_is_slowed_down_and_keeps_its_shape() -> None:
    goal = shifted((0.0, -0.2, -0.1))
    quick = LineLimits(2.0, 20.0, 400.0)
    trajectory = time_line(motion.ik(), motion.HOME, goal, quick, motion.LIMITS)
    use = measure_limit_use(trajectory, motion.LIMITS)
    assert max(use.velocity, use.acceleration, use.jerk) == pytest.approx(1.0, abs=0.05)
    assert (
        trajectory.duration_s
        > 1.5
        * time_line(motion.ik(), motion.HOME, goal, quick, MotionLimits.uniform(6, 20.0, 200.0, 4000.0)).duration_s
    )


def test_a_line_to_where_the_tool_is_takes_no_time() -> None:
    trajectory = time_line(motion.ik(), motion.HOME, motion.model().fk(motion.HOME), LINE, motion.LIMITS)
    assert trajectory.duration_s == 0.0
    assert np.array_equal(trajectory.sample(0.0).q, motion.HOME)


def test_a_line_out_of_reach_says_where() -> None:
    with pytest.raises(
        NoIkSolutionError, match=r"leaves the reach of the arm \d+ % of the way, at \(-.* m in base_link"
    ):
        time_line(motion.ik(), motion.HOME, shifted((-0.9, 0.0, 0.0)), LINE, motion.LIMITS)


def test_a_line_through_a_singularity_is_refused() -> None:
    """From one side of the aligned wrist to the other, where joints 4 and 6 would have to spin."""
    q_start, q_goal = motion.HOME.copy(), motion.HOME.copy()
    q_start[4], q_goal[4] = 0.3, -0.3
    q_goal[3] += 0.02
    with pytest.raises(SingularityError, match=r"would have to be \d+ times slower .* singularity"):
        time_line(motion.ik(), q_start, motion.model().fk(q_goal), LINE, motion.LIMITS)


def test_a_line_over_a_joint_limit_is_refused() -> None:
    q = motion.HOME.copy()
    q[5] = 2 * np.pi - 0.1
    X = motion.model().fk(q)
    X[:3, :3] = X[:3, :3] @ rotation_from_rpy(0, 0, 0.4)
    with pytest.raises(LimitsExceededError, match=r"wrist_3_joint would be at 6\.\d+ rad after .* limits are -6\.2832"):
        time_line(motion.ik(), q, X, LINE, motion.LIMITS)


def test_a_motion_nobody_would_wait_for_is_refused_before_it_is_sampled() -> None:
    with pytest.raises(LimitsExceededError, match=r"would take 1e\+09 s; the limit is 600 s"):
        time_line(motion.ik(), motion.HOME, shifted((0, 0, 0.1)), LineLimits(1e-10, 1.0, 10.0), motion.LIMITS)
    slow = MotionLimits.uniform(6, 1e-9, 6.0, 60.0)
    with pytest.raises(LimitsExceededError, match="the limit is 600 s"):
        time_joint_path([motion.HOME, motion.HOME + 0.1], slow, motion.model().joint_names)


def test_a_line_from_outside_the_limits_is_refused() -> None:
    q = motion.HOME.copy()
    q[2] = -3.3
    with pytest.raises(JointLimitError, match="elbow_joint"):
        time_line(motion.ik(), q, shifted((0, 0, -0.1)), LINE, motion.LIMITS)


def test_a_path_of_one_point_takes_no_time() -> None:
    trajectory = time_joint_path([motion.HOME], motion.LIMITS, ARM_JOINT_NAMES)
    assert trajectory.duration_s == 0.0
    assert trajectory.sample_every(0.01)[1].shape == (1, 6)


@pytest.mark.parametrize("duration_s", [1e-7, 0.0004, 0.009, 0.01, 0.6200009, 0.62 + 1e-9, 0.62 - 1e-9, 0.6209, 0.6211])
def test_samples_are_never_so_near_that_a_follower_refuses_them(duration_s: float) -> None:
    zeros = np.zeros((2, 6))
    q = np.stack([motion.HOME, motion.HOME + 1e-9])
    trajectory = Trajectory(ARM_JOINT_NAMES, np.array([0.0, duration_s]), q, zeros, zeros)
    times, samples, _, _ = trajectory.sample_every(0.01)
    steps = np.diff(times)
    assert (times[0], times[-1]) == (0.0, duration_s)
    np.testing.assert_array_equal(samples[-1], trajectory.goal)
    if duration_s > 0.001:
        assert steps.min() >= 0.1 * 0.01 - 1e-12 or len(steps) == 1
    assert steps.max() <= 1.1 * 0.01 + 1e-12
    np.testing.assert_allclose(steps[:-1], 0.01, atol=1e-12)


def test_slower_is_longer() -> None:
    path = [motion.HOME, motion.HOME + 1.0]
    full = time_joint_path(path, motion.LIMITS, ARM_JOINT_NAMES).duration_s
    half = time_joint_path(path, motion.LIMITS.scaled(0.5, 0.25), ARM_JOINT_NAMES).duration_s
    assert half > 1.7 * full


def test_before_and_after_the_arm_rests() -> None:
    trajectory = time_joint_path([motion.HOME, motion.HOME + 0.3], motion.LIMITS, ARM_JOINT_NAMES)
    for t, q in ((-1.0, trajectory.start), (trajectory.duration_s + 1.0, trajectory.goal)):
        state = trajectory.sample(t)
        assert np.array_equal(state.q, q)
        assert not state.dq.any()
        assert not state.ddq.any()


def test_joining_needs_the_same_place_and_joints() -> None:
    first = time_joint_path([motion.HOME, motion.HOME + 0.1], motion.LIMITS, ARM_JOINT_NAMES)
    second = time_joint_path([motion.HOME + 0.1, motion.HOME], motion.LIMITS, ARM_JOINT_NAMES)
    joined = first.then(second)
    assert joined.duration_s == pytest.approx(first.duration_s + second.duration_s)
    assert joined.goal == pytest.approx(motion.HOME)
    with pytest.raises(ValueError, match="rad from the end of the first"):
        first.then(first)
    with pytest.raises(ValueError, match="cannot join"):
        first.then(time_joint_path([motion.HOME + 0.1, motion.HOME], motion.LIMITS, tuple("abcdef")))


def test_limits_of_a_trajectory_are_measured_on_the_trajectory() -> None:
    trajectory = time_joint_path([motion.HOME, motion.HOME + 1.0], motion.LIMITS, ARM_JOINT_NAMES)
    limits = motion.model().limits
    check_trajectory(trajectory, motion.LIMITS, limits.lower, limits.upper)
    for name, tight in (
        ("velocity", MotionLimits.uniform(6, 1.0, 6.0, 60.0)),
        ("acceleration", MotionLimits.uniform(6, 2.0, 3.0, 60.0)),
        ("jerk", MotionLimits.uniform(6, 2.0, 6.0, 30.0)),
    ):
        with pytest.raises(LimitsExceededError, match=rf"uses [12]\.\d+ of its {name} limit; at most 1\.0") as e:
            check_trajectory(trajectory, tight, limits.lower, limits.upper)
        assert e.value.quantity == name
    narrow = np.append(0.5, limits.upper[1:])
    with pytest.raises(
        LimitsExceededError, match=r"shoulder_pan_joint would be at 0\.\d+ rad after .*6\.2832\.\.0\.5000"
    ):
        check_trajectory(trajectory, motion.LIMITS, limits.lower, narrow)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.ones(6), np.ones(5), np.ones(6)), r"acceleration has shape \(5,\)"),
        ((np.ones(6), np.ones(6), np.zeros(6)), "jerk is .* above 0"),
        ((np.full(6, np.inf), np.ones(6), np.ones(6)), "velocity is .* finite"),
    ],
)
def test_limits_that_make_no_sense_are_refused(arguments: tuple[np.ndarray, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MotionLimits(*arguments)


def test_scales_and_line_limits_are_checked() -> None:
    with pytest.raises(ValueError, match=r"velocity_scale is 1\.5"):
        motion.LIMITS.scaled(1.5)
    with pytest.raises(ValueError, match="acceleration_scale is 0"):
        motion.LIMITS.scaled(1.0, 0.0)
    with pytest.raises(ValueError, match="jerk is nan"):
        LineLimits(0.1, 1.0, float("nan"))


def test_a_trajectory_must_be_one() -> None:
    names, zeros = ("a",), np.zeros((2, 1))
    with pytest.raises(ValueError, match="increase strictly"):
        Trajectory(names, np.array([0.0, 0.0]), zeros, zeros, zeros)
    with pytest.raises(ValueError, match="dq has shape"):
        Trajectory(names, np.array([0.0, 1.0]), zeros, np.zeros((3, 1)), zeros)
    with pytest.raises(ValueError, match="ddq holds a value that is not finite"):
        Trajectory(names, np.array([0.0, 1.0]), zeros, zeros, np.full((2, 1), np.nan))


def test_path_length_and_angles() -> None:
    assert path_length([[0.0, 0.0], [3.0, 4.0], [3.0, 5.0]]) == pytest.approx(6.0)
    assert angle_between(np.eye(3), rotation_from_rpy(0, 0, 0.3)) == pytest.approx(0.3)
