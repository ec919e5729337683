"""Joint trajectories: validation, interpolation, tolerances, and a cancel that stays on the path."""

from __future__ import annotations

import numpy as np
import pytest

from cablecell.core.control.errors import GoalToleranceError, PathToleranceError, TrajectoryRejectedError
from cablecell.core.control.trajectory import (
    FollowState,
    JointTrajectory,
    Tolerances,
    TrajectoryFollower,
    validate_trajectory,
)
from tests.support.arm import DhArm

LIMITS = DhArm().joint_limits
DT = 0.002


def sine(duration: float = 1.0, points: int = 21) -> JointTrajectory:
    t = np.linspace(0.0, duration, points)
    phase = np.outer(t * np.pi / duration, np.ones(6))
    rate = np.pi / duration
    return JointTrajectory(
        t, 0.5 * (1 - np.cos(phase)) / 2, 0.25 * rate * np.sin(phase), 0.25 * rate**2 * np.cos(phase)
    )


def play(follower: TrajectoryFollower, *, lag: float = 0.0, cancel_at: int | None = None) -> np.ndarray:
    rows = []
    q = np.zeros(6)
    for k in range(5000):
        if k == cancel_at:
            follower.cancel()
        reference = follower.step(q, DT)
        q = reference.q - lag
        rows.append(np.concatenate((reference.q[:1], reference.dq[:1], reference.ddq[:1])))
        if follower.state.is_final:
            break
    return np.array(rows)


def test_interpolation_is_smooth_and_consistent():
    rows = play(TrajectoryFollower(sine(), Tolerances(), 0.15))
    velocity = np.diff(rows[:, 0]) / DT
    np.testing.assert_allclose(velocity[1:-2], 0.5 * (rows[1:-3, 1] + rows[2:-2, 1])[: velocity[1:-2].size], atol=2e-3)
    assert rows[-1, 0] == pytest.approx(0.5)
    assert rows[-1, 1] == 0.0


def test_cubic_and_quintic_agree_at_the_points():
    trajectory = sine()
    cubic = JointTrajectory(trajectory.times_s, trajectory.positions, trajectory.velocities)
    a, b = play(TrajectoryFollower(trajectory, Tolerances(), 0.1)), play(TrajectoryFollower(cubic, Tolerances(), 0.1))
    assert np.abs(a[:400, 0] - b[:400, 0]).max() < 1e-4


def test_success_needs_the_goal_tolerance():
    follower = TrajectoryFollower(sine(), Tolerances(path=0.1, goal=0.01, goal_time_s=0.1), 0.15)
    play(follower, lag=0.02)
    assert follower.state is FollowState.ABORTED
    assert isinstance(follower.fault, GoalToleranceError)
    assert "0.0200 rad off the goal 0.1 s after the end; the tolerance is 0.01 rad" in str(follower.fault)


def test_leaving_the_path_stops_and_says_by_how_much():
    follower = TrajectoryFollower(sine(), Tolerances(path=0.01), 0.15)
    rows = play(follower, lag=0.02)
    assert follower.state is FollowState.ABORTED
    assert isinstance(follower.fault, PathToleranceError)
    assert rows[-1, 1] == 0.0


def test_cancel_comes_to_rest_on_the_path_without_a_jump():
    whole = play(TrajectoryFollower(sine(), Tolerances(), 0.15))
    follower = TrajectoryFollower(sine(), Tolerances(), 0.15)
    rows = play(follower, cancel_at=200)
    assert follower.state is FollowState.CANCELLED
    assert rows.shape[0] < whole.shape[0]
    assert np.abs(np.diff(rows[:, 1])).max() < 0.03
    assert rows[-1, 0] <= whole[:, 0].max()
    assert 0.0 < follower.progress < 1.0


@pytest.mark.parametrize("bends", [None, np.zeros((2, 6))])
def test_a_curve_that_leaves_the_limits_between_its_points_is_refused(bends):
    """At rest at both ends, and within the limits there; between them it would need twice the speed."""
    q = np.array([np.zeros(6), np.full(6, 4.0)])
    with pytest.raises(TrajectoryRejectedError, match=r"velocity of joint 0 between points 0 and 1 reaches"):
        validate_trajectory(JointTrajectory(np.array([0.0, 1.0]), q, np.zeros((2, 6)), bends), LIMITS, np.zeros(6))
    validate_trajectory(JointTrajectory(np.array([0.0, 4.0]), q, np.zeros((2, 6)), bends), LIMITS, np.zeros(6))


def test_accelerations_that_no_arm_has_are_refused():
    base = sine()
    bends = np.full((21, 6), 1e5)
    with pytest.raises(TrajectoryRejectedError, match=r"accelerations reach 1e\+05 rad/s\^2"):
        validate_trajectory(JointTrajectory(base.times_s, base.positions, base.velocities, bends), LIMITS, np.zeros(6))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda t, q, v: (t[:1], q[:1], v[:1]), r"m >= 2"),
        (lambda t, q, v: (t, q[:, :5], v), r"needed are"),
        (lambda t, q, v: (t[::-1].copy(), q, v), "strictly increase"),
        (lambda t, q, v: (1e307 * t, q, v), "end within 100000.0 s"),
        (lambda t, q, v: (1e-310 * t, q, v), "strictly increase by at least 1e-06 s"),
        (lambda t, q, v: (t, q * np.nan, v), "positions hold NaN"),
        (lambda t, q, v: (t, q + 10.0, v), r"position of joint 0 at point 0 = 10.0000 rad is outside"),
        (lambda t, q, v: (t, q, v + 10.0), r"velocity of joint 0 at point 0 = 10.0000 rad/s"),
        (lambda t, q, v: (t, q + 0.2, v), r"the first point is 0.2000 rad away from the arm; the limit is 0.05 rad"),
    ],
)
def test_bad_trajectories_are_refused(change, match):
    base = sine()
    t, q, v = change(base.times_s, base.positions, base.velocities)
    with pytest.raises(TrajectoryRejectedError, match=match):
        validate_trajectory(JointTrajectory(t, q, v), LIMITS, np.zeros(6))
    validate_trajectory(base, LIMITS, np.zeros(6))
