"""The motion that identifies a payload: it turns gravity enough, stays within every limit, ends where it began."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cablecell.core.control.model import JointLimits
from cablecell.core.control.payload_motion import LONGEST_S, PayloadMotionError, plan_payload_motion
from cablecell.core.control.trajectory import FollowState, Tolerances, TrajectoryFollower, validate_trajectory
from cablecell.core.fusion.wrench import LEAST_SPREAD, gravity_spread
from tests.support.arm import HOME, DhArm

MODEL = DhArm()
DT_S = 0.002


def plan(q=HOME, limits=MODEL.joint_limits, **options):
    dynamics = MODEL.dynamics(q)
    return plan_payload_motion(q, dynamics.J_base_tcp, dynamics.X_base_tcp[:3, :3], limits, **options)


def played(motion, q=HOME):
    """Return time, position and velocity of every control period of a motion that is followed exactly."""
    follower = TrajectoryFollower(motion.trajectory, Tolerances(), 0.1)
    rows, now = [], follower.present
    for i in range(10_000):
        rows.append((i * DT_S, now.q, now.dq))
        now = follower.step(now.q, DT_S)
        if follower.state is FollowState.SUCCEEDED:
            break
    times, positions, velocities = zip(*rows, strict=True)
    return np.array(times), np.array(positions), np.array(velocities)


def turning(motion):
    """Return the joints that turn by more than a little."""
    return np.flatnonzero(np.ptp(motion.trajectory.positions, axis=0) > 0.1).tolist()


def random_postures(n):
    rng = np.random.default_rng(8)
    return HOME + rng.uniform(-0.9, 0.9, (n, 6))


@pytest.mark.parametrize("q", [HOME, *random_postures(12)])
def test_gravity_is_spread_as_promised_within_every_limit_and_the_arm_is_back_in_time(q):
    motion = plan(q)
    limits = MODEL.joint_limits
    validate_trajectory(motion.trajectory, limits, q)
    times, positions, velocities = played(motion, q)
    assert times[-1] <= LONGEST_S
    assert motion.duration_s <= LONGEST_S
    np.testing.assert_allclose(positions[[0, -1]], [q, q], atol=1e-12)
    np.testing.assert_allclose(velocities[[0, -1]], 0.0, atol=1e-9)
    assert np.abs(velocities).max() <= 2.0 + 1e-9
    assert np.abs(np.diff(velocities, axis=0)).max() / DT_S <= 12.5
    down = {}
    for look in motion.looks:
        within = (times >= look.begin_s) & (times < look.end_s)
        assert within.sum() >= 100
        assert np.ptp(positions[within], axis=0).max() < 1e-9, "the arm rests while the sensor is read"
        R = MODEL.dynamics(positions[within][0]).X_base_tcp[:3, :3]
        down.setdefault(look.orientation, R.T @ [0.0, 0.0, -1.0])
    assert len(down) == 5
    assert gravity_spread(np.array(list(down.values()))) == pytest.approx(motion.spread, abs=1e-9)
    assert motion.spread >= LEAST_SPREAD
    angles = [np.arccos(down[0] @ down[i]) for i in (1, 2, 3, 4)]
    np.testing.assert_allclose(angles, 0.45, atol=1e-6)


def test_the_joints_that_move_least_of_the_arm_are_taken():
    assert turning(plan()) == [3, 4], "of a tool that points down the last joint only turns it about gravity"


def test_a_look_is_found_by_its_time():
    motion = plan()
    assert [motion.look_at(0.5 * (look.begin_s + look.end_s)) for look in motion.looks] == list(range(6))
    assert motion.look_at(motion.looks[0].end_s + 0.1) is None


def test_a_joint_without_room_is_left_to_another_that_turns_gravity_alike():
    upper = MODEL.joint_limits.upper.copy()
    upper[3] = HOME[3] + 0.1
    motion = plan(limits=replace(MODEL.joint_limits, upper=upper))
    assert turning(motion) == [2, 4], "the axis of the elbow is parallel"


def test_the_end_of_the_only_joint_that_would_do_is_named():
    upper = MODEL.joint_limits.upper.copy()
    upper[4] = HOME[4] + 0.1
    with pytest.raises(
        PayloadMotionError, match=r"joint 4 would turn to 2.0\d* rad; its limit with 0.08 rad"
    ) as caught:
        plan(limits=replace(MODEL.joint_limits, upper=upper), limit_margin_rad=0.08)
    error = caught.value
    assert (error.code, error.quantity, error.unit) == (330, "q[4]", "rad")
    assert float(error.limit) == pytest.approx(HOME[4] + 0.02)
    assert float(error.value) > float(error.limit)


def test_an_arm_whose_level_axes_are_all_parallel_cannot():
    q = HOME.copy()
    q[4] = 0.0  # wrist 3 beside wrist 1, wrist 2 upright
    q[3] = -q[1] - q[2] - np.pi
    with pytest.raises(
        PayloadMotionError, match="the joints turn gravity in the tool in its worst direction by"
    ) as caught:
        plan(q)
    assert float(caught.value.value) < 0.1


@pytest.mark.parametrize(
    ("tilt", "quantity"), [(0.1, "tilt"), (1.2, "tilt"), (np.nan, "tilt"), (0.33, "gravity_spread"), (0.7, "duration")]
)
def test_tilts_that_are_too_small_or_take_too_long_are_refused(tilt, quantity):
    with pytest.raises(PayloadMotionError) as caught:
        plan(tilt_rad=tilt)
    assert caught.value.quantity == quantity


def test_slow_joints_take_too_long():
    slow = JointLimits(MODEL.joint_limits.lower, MODEL.joint_limits.upper, np.full(6, 1.0), MODEL.joint_limits.effort)
    with pytest.raises(PayloadMotionError, match="the motion would take"):
        plan(limits=slow)
