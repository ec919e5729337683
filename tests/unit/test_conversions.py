"""Messages to core types and back: nothing is lost, nothing broken gets through."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from aic_control_interfaces.msg import JointMotionUpdate, MotionUpdate
from builtin_interfaces.msg import Time
from cablecell_interfaces.msg import ComplianceCommand
from control_msgs.action import FollowJointTrajectory
from control_msgs.msg import JointTolerance
from geometry_msgs.msg import Pose
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from cablecell.core.control.command import ComplianceCommand as CoreCommand
from cablecell.core.control.errors import (
    BadGainsError,
    BadQuaternionError,
    NonFiniteCommandError,
    TrajectoryRejectedError,
    UnknownFrameError,
)
from cablecell.core.control.trajectory import Tolerances
from cablecell.core.geometry import exp_so3, make_pose
from cablecell.ros import conversions as convert

JOINTS = ("a", "b", "c")


def _command():
    rng = np.random.default_rng(1)
    A, B = rng.normal(size=(2, 6, 6))
    return CoreCommand(
        stamp_s=0.0,
        X_base_target=make_pose(exp_so3([0.3, -1.0, 2.0]), [0.1, 0.2, 0.3]),
        X_tcp_comp=make_pose(exp_so3([0.1, 0.0, 0.0]), [0.0, 0.01, 0.05]),
        stiffness=A @ A.T,
        damping=B @ B.T,
        damping_ratio=0.7,
        feedforward=rng.normal(size=6),
        twist=rng.normal(size=6),
        acceleration=rng.normal(size=6),
        feedback_gains=np.linspace(0.0, 0.5, 6),
    )


def _message():
    message = ComplianceCommand()
    convert.fill_compliance_command(message, _command(), 0)
    return message


@pytest.mark.parametrize("ns", [0, 1, 999_999_999, 1_000_000_000, 1_795_349_288_094_655_662])
def test_time_survives_to_the_nanosecond(ns):
    stamp = Time()
    convert.fill_time(stamp, ns)
    assert convert.time_ns(stamp) == ns


def test_compliance_command_survives_the_message():
    command, message = _command(), ComplianceCommand()
    convert.fill_compliance_command(message, command, 12_000_000_345)
    assert (message.header.stamp.sec, message.header.stamp.nanosec) == (12, 345)
    assert message.header.frame_id == "base_link"
    back = convert.compliance_command(message)
    for name in vars(command):
        assert np.allclose(getattr(back, name), getattr(command, name), rtol=0.0, atol=1e-12), name


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda m: setattr(m.target.position, "y", math.inf), NonFiniteCommandError),
        (lambda m: setattr(m.target.orientation, "x", math.nan), NonFiniteCommandError),
        (lambda m: setattr(m.target, "orientation", Pose().orientation.__class__(w=0.0)), BadQuaternionError),
        (lambda m: m.stiffness.__setitem__(7, math.nan), NonFiniteCommandError),
        (lambda m: m.stiffness.__setitem__(1, 500.0), BadGainsError),
        (lambda m: m.damping.__setitem__(0, -500.0), BadGainsError),
        (lambda m: m.feedback_gains.__setitem__(0, 1.0), BadGainsError),
        (lambda m: setattr(m, "damping_ratio", -0.1), BadGainsError),
        (lambda m: setattr(m.twist.linear, "z", math.nan), NonFiniteCommandError),
        (lambda m: setattr(m.feedforward.force, "z", math.nan), NonFiniteCommandError),
        (lambda m: setattr(m.header, "frame_id", "world"), UnknownFrameError),
    ],
)
def test_broken_compliance_command_is_refused(spoil, error):
    message = _message()
    spoil(message)
    with pytest.raises(error):
        convert.compliance_command(message)


def test_diagonal_gains_may_be_zero_but_not_negative():
    assert convert.gains("K", np.zeros(36)).shape == (6, 6)
    with pytest.raises(BadGainsError, match="negative eigenvalue"):
        convert.gains("K", np.diag([1.0, 1.0, -1.0, 1.0, 1.0, 1.0]).ravel())


def test_motion_update_knows_the_published_name_of_the_tool():
    message = MotionUpdate()
    message.header.frame_id = "gripper/tcp"
    message.pose.position.x, message.velocity.angular.z = 0.1, 0.2
    message.trajectory_generation_mode.mode = 1
    update = convert.motion_update(message)
    assert (update.frame_id, update.mode, update.position[0], update.velocity[5]) == ("tcp", 1, 0.1, 0.2)
    assert update.stiffness.size == 36


def test_joint_motion_update_keeps_empty_vectors_empty():
    message = JointMotionUpdate(target_stiffness=[1.0, 2.0])
    message.target_state.positions = [0.5]
    update = convert.joint_motion_update(message)
    assert update.positions.tolist() == [0.5]
    assert update.velocities.size == update.feedforward_torque.size == 0


def _trajectory(times, rows, names=JOINTS, **extra):
    message = JointTrajectory(joint_names=list(names))
    for i, (time_s, row) in enumerate(zip(times, rows, strict=True)):
        point = JointTrajectoryPoint(positions=[float(v) for v in row])
        for name, values in extra.items():
            setattr(point, name, [float(v) for v in values[i]])
        convert.fill_time(point.time_from_start, round(time_s * 1e9))
        message.points.append(point)
    return message


def test_trajectory_is_put_into_the_order_of_the_controller():
    message = _trajectory([0.0, 1.0], [[3, 1, 2], [6, 4, 5]], ("c", "a", "b"), velocities=[[0, 0, 0], [30, 10, 20]])
    found = convert.joint_trajectory(message, JOINTS, np.zeros(3))
    assert found.positions.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert found.velocities.tolist() == [[0, 0, 0], [10, 20, 30]]
    assert found.accelerations is None


def test_trajectory_without_a_first_point_begins_where_the_arm_is():
    q = np.array([0.1, 0.2, 0.3])
    found = convert.joint_trajectory(_trajectory([2.0], [[1, 1, 1]]), JOINTS, q)
    assert found.times_s.tolist() == [0.0, 2.0]
    assert found.positions[0].tolist() == q.tolist()
    assert not found.velocities.any(), "from rest to rest"


def test_trajectory_without_velocities_goes_smoothly_through_its_points():
    found = convert.joint_trajectory(_trajectory([0.0, 1.0, 2.0], [[0] * 3, [1] * 3, [2] * 3]), JOINTS, np.zeros(3))
    assert found.velocities.tolist() == [[0.0] * 3, [1.0] * 3, [0.0] * 3]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (_trajectory([1.0], [[1, 2, 3]], ("a", "b", "d")), "joint_names are a, b, d"),
        (_trajectory([1.0], [[1, 2, 3]], ("a", "b", "b")), "each once"),
        (_trajectory([1.0], [[1, 2]]), "positions of point 0 has 2 values; 3 are needed"),
        (_trajectory([0.0, 1.0], [[1, 2, 3]] * 2, velocities=[[1, 2, 3], []]), "velocities of point 1 has 0 values"),
        (_trajectory([], []), "no points"),
    ],
)
def test_malformed_trajectory_is_refused(message, reason):
    with pytest.raises(TrajectoryRejectedError, match=reason):
        convert.joint_trajectory(message, JOINTS, np.zeros(3))


@pytest.mark.parametrize(
    ("positions", "expected"),
    [([], 0.1), ([0.0, 0.0], 0.1), ([0.05, 0.02], 0.02), ([0.05, -1.0], 0.05), ([-1.0, -1.0], 0.0)],
)
def test_tolerances_follow_ros2_control(positions, expected):
    goal = FollowJointTrajectory.Goal()
    goal.path_tolerance = [JointTolerance(name="a", position=value) for value in positions]
    assert convert.tolerances(goal, Tolerances(path=0.1)).path == expected


def test_goal_time_tolerance_of_zero_is_the_default():
    goal = SimpleNamespace(path_tolerance=[], goal_tolerance=[], goal_time_tolerance=SimpleNamespace(sec=0, nanosec=0))
    assert convert.tolerances(goal, Tolerances(goal_time_s=3.0)).goal_time_s == 3.0
    goal.goal_time_tolerance.nanosec = 500_000_000
    assert convert.tolerances(goal, Tolerances(goal_time_s=3.0)).goal_time_s == 0.5
