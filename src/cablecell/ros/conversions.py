"""Messages to and from core types: SI on both sides, quaternions x, y, z, w, every command checked for shape.

What a message cannot carry is refused here with the typed errors of `core.control`; ranges, freshness and modes are the
controller's business. Messages only give up their fields, so that nothing here needs a message class but to make one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from cablecell.core.control import validation as check
from cablecell.core.control.command import ComplianceCommand, JointMotionUpdate, MotionUpdate
from cablecell.core.control.errors import TrajectoryRejectedError, UnknownFrameError
from cablecell.core.control.trajectory import JointTrajectory, Tolerances
from cablecell.core.geometry import Array, make_pose, quat_from_rotation, rotation_from_quat

BASE_FRAME = "base_link"
TCP_FRAME = "tcp"
FT_FRAME = "ft_frame"

FRAME_ALIASES = {"gripper/tcp": TCP_FRAME}
"""Names that AIC's programs use for frames of ours."""


def time_ns(stamp: Any) -> int:
    """Return a `builtin_interfaces/Time` or `Duration` in ns."""
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


def fill_time(stamp: Any, ns: int) -> None:
    """Write a time in ns into a `builtin_interfaces/Time` or `Duration`."""
    stamp.sec, stamp.nanosec = divmod(ns, 1_000_000_000)


def vector(message: Any) -> tuple[float, float, float]:
    """Return the x, y, z of a point or vector."""
    return message.x, message.y, message.z


def six(linear: Any, angular: Any) -> Array:
    """Return two vectors as one, shape (6,)."""
    return np.array([linear.x, linear.y, linear.z, angular.x, angular.y, angular.z])


def pose_to_matrix(name: str, pose: Any) -> Array:
    """Return a `geometry_msgs/Pose` as X, shape (4, 4).

    Raises:
        NonFiniteCommandError: A number is not finite (code 301).
        BadQuaternionError: The quaternion is no rotation (code 302).
    """
    q = pose.orientation
    quat = np.array([q.x, q.y, q.z, q.w])
    position = np.array(vector(pose.position))
    check.require_finite(f"{name}.position", position, "m")
    check.require_finite(f"{name}.orientation", quat, "")
    check.require_unit_quaternion(f"{name}.orientation", quat)
    return make_pose(rotation_from_quat(quat / math.sqrt(float(quat @ quat))), position)


def fill_pose(pose: Any, X: Array) -> None:
    """Write X, shape (4, 4), into a `geometry_msgs/Pose`."""
    fill_xyz(pose.position, X[:3, 3])
    x, y, z, w = quat_from_rotation(X[:3, :3]).tolist()
    orientation = pose.orientation
    orientation.x, orientation.y, orientation.z, orientation.w = x, y, z, w


def fill_xyz(message: Any, values: Array) -> None:
    """Write three numbers into a point or vector."""
    message.x, message.y, message.z = values.tolist()


def fill_wrench(message: Any, wrench: Array) -> None:
    """Write a wrench, shape (6,), into a `geometry_msgs/Wrench`."""
    fill_xyz(message.force, wrench[:3])
    fill_xyz(message.torque, wrench[3:])


def compliance_command(message: Any) -> ComplianceCommand:
    """Return a `cablecell_interfaces/ComplianceCommand`; its stamp is converted by who knows the clocks.

    Raises:
        ExecutionError: Not finite, no rotation, gains that are not positive semi-definite, or another frame than
            `base_link` (codes 301, 302, 303, 306).
    """
    if message.header.frame_id not in (BASE_FRAME, ""):
        raise UnknownFrameError(
            f"frame_id '{message.header.frame_id}' is not a frame of compliance commands; valid is {BASE_FRAME}",
            quantity="frame_id",
            value=message.header.frame_id,
            limit=BASE_FRAME,
        )
    stiffness, damping = gains("stiffness", message.stiffness), gains("damping", message.damping)
    feedback = np.array(message.feedback_gains, dtype=float)
    check.require_finite("feedback_gains", feedback, "")
    check.require_feedback_gains("feedback_gains", feedback)
    check.require_finite("damping_ratio", np.array([message.damping_ratio]), "")
    check.require_joint_gains("damping_ratio", np.array([message.damping_ratio]), "")
    moving = {
        "feedforward": six(message.feedforward.force, message.feedforward.torque),
        "twist": six(message.twist.linear, message.twist.angular),
        "acceleration": six(message.acceleration.linear, message.acceleration.angular),
    }
    for name, values in moving.items():
        check.require_finite(name, values, "SI units")
    return ComplianceCommand(
        stamp_s=0.0,
        X_base_target=pose_to_matrix("target", message.target),
        X_tcp_comp=pose_to_matrix("compliance_frame", message.compliance_frame),
        stiffness=stiffness,
        damping=damping,
        damping_ratio=float(message.damping_ratio),
        feedback_gains=feedback,
        **moving,
    )


def gains(name: str, values: Any) -> Array:
    """Return 36 numbers as a gain matrix, shape (6, 6).

    Raises:
        NonFiniteCommandError: A number is not finite (code 301).
        BadGainsError: The matrix is not symmetric and positive semi-definite (code 303).
    """
    matrix = np.array(values, dtype=float).reshape(6, 6)
    check.require_finite(name, matrix, "SI units")
    off_diagonal = matrix - np.diag(np.diag(matrix))
    if off_diagonal.any() or float(matrix.min()) < 0.0:  # a diagonal needs no eigenvalues, and nearly all are
        check.require_gain_matrix(name, matrix)
    return matrix


def fill_compliance_command(message: Any, command: ComplianceCommand, stamp_ns: int) -> None:
    """Write a command into a `cablecell_interfaces/ComplianceCommand` with a stamp in ROS time."""
    fill_time(message.header.stamp, stamp_ns)
    message.header.frame_id = BASE_FRAME
    fill_pose(message.target, command.X_base_target)
    fill_pose(message.compliance_frame, command.X_tcp_comp)
    message.stiffness, message.damping = command.stiffness.ravel(), command.damping.ravel()
    message.damping_ratio = float(command.damping_ratio)
    fill_wrench(message.feedforward, command.feedforward)
    fill_xyz(message.twist.linear, command.twist[:3])
    fill_xyz(message.twist.angular, command.twist[3:])
    fill_xyz(message.acceleration.linear, command.acceleration[:3])
    fill_xyz(message.acceleration.angular, command.acceleration[3:])
    message.feedback_gains = command.feedback_gains


def motion_update(message: Any) -> MotionUpdate:
    """Return an `aic_control_interfaces/MotionUpdate`; its stamp is converted by who knows the clocks."""
    orientation = message.pose.orientation
    wrench = message.feedforward_wrench_at_tip
    frame = message.header.frame_id
    return MotionUpdate(
        stamp_s=0.0,
        frame_id=FRAME_ALIASES.get(frame, frame),
        position=np.array(vector(message.pose.position)),
        quat_xyzw=np.array([orientation.x, orientation.y, orientation.z, orientation.w]),
        velocity=six(message.velocity.linear, message.velocity.angular),
        stiffness=np.array(message.target_stiffness, dtype=float),
        damping=np.array(message.target_damping, dtype=float),
        feedforward_at_tip=six(wrench.force, wrench.torque),
        feedback_gains_at_tip=np.array(message.wrench_feedback_gains_at_tip, dtype=float),
        mode=int(message.trajectory_generation_mode.mode),
    )


def joint_motion_update(message: Any) -> JointMotionUpdate:
    """Return an `aic_control_interfaces/JointMotionUpdate`; its stamp is the time of arrival."""
    target = message.target_state
    return JointMotionUpdate(
        stamp_s=0.0,
        positions=np.array(target.positions, dtype=float),
        velocities=np.array(target.velocities, dtype=float),
        stiffness=np.array(message.target_stiffness, dtype=float),
        damping=np.array(message.target_damping, dtype=float),
        feedforward_torque=np.array(message.target_feedforward_torque, dtype=float),
        mode=int(message.trajectory_generation_mode.mode),
    )


def joint_order(names: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Return at which index of `names` each wanted joint is.

    Raises:
        TrajectoryRejectedError: A joint is missing, unknown or named twice (code 309).
    """
    if sorted(names) != sorted(wanted):
        raise TrajectoryRejectedError(
            f"joint_names are {', '.join(names) or 'empty'}; needed are {', '.join(wanted)}, each once, in any order",
            quantity="joint_names",
            value=list(names),
            limit=", ".join(wanted),
        )
    return [list(names).index(name) for name in wanted]


def joint_trajectory(message: Any, joints: Sequence[str], q: Array) -> JointTrajectory:
    """Return a `trajectory_msgs/JointTrajectory` in the controller's order of joints.

    A trajectory whose first point is later than its start begins at the measured positions `q`. Points without
    velocities get those of a smooth curve through the points that begins and ends at rest.

    Raises:
        TrajectoryRejectedError: Names, sizes or number of points are wrong (code 309).
    """
    order = joint_order(message.joint_names, joints)
    points = list(message.points)
    if not points:
        raise TrajectoryRejectedError("the trajectory has no points", quantity="points", value=0, limit=">= 1")
    times = np.array([time_ns(point.time_from_start) * 1e-9 for point in points])
    positions = _rows("positions", (point.positions for point in points), len(joints))[:, order]
    parts: dict[str, Array | None] = {}
    for name in ("velocities", "accelerations"):
        given = [getattr(point, name) for point in points]
        has_some = any(len(values) for values in given)
        parts[name] = _rows(name, given, len(joints))[:, order] if has_some else None
    velocities, accelerations = parts["velocities"], parts["accelerations"]
    if times[0] > 0.0:
        times, positions = np.concatenate(([0.0], times)), np.vstack((q, positions))
        zero = np.zeros((1, len(joints)))
        velocities = None if velocities is None else np.vstack((zero, velocities))
        accelerations = None if accelerations is None else np.vstack((zero, accelerations))
    if velocities is None:
        velocities, accelerations = _smooth_velocities(times, positions), None
    return JointTrajectory(times, positions, velocities, accelerations)


def _rows(name: str, rows: Iterable[Any], joints: int) -> Array:
    found = [np.array(row, dtype=float) for row in rows]
    for i, row in enumerate(found):
        if row.size != joints:
            raise TrajectoryRejectedError(
                f"{name} of point {i} has {row.size} values; {joints} are needed",
                quantity=f"{name}[{i}]",
                value=row.size,
                limit=joints,
            )
    return np.array(found)


def _smooth_velocities(times: Array, positions: Array) -> Array:
    velocities = np.zeros_like(positions)
    if len(times) > 2 and (np.diff(times) > 0.0).all():
        velocities[1:-1] = (positions[2:] - positions[:-2]) / (times[2:] - times[:-2])[:, None]
    return velocities


def tolerances(goal: Any, default: Tolerances) -> Tolerances:
    """Return the tolerances of a `FollowJointTrajectory` goal, the strictest joint for all.

    As in ros2_control, 0 is the default of the controller and a negative number is no limit.
    """
    duration_s = time_ns(goal.goal_time_tolerance) * 1e-9
    return Tolerances(
        path=_strictest(goal.path_tolerance, default.path),
        goal=_strictest(goal.goal_tolerance, default.goal),
        goal_time_s=duration_s if duration_s > 0.0 else default.goal_time_s,
    )


def _strictest(entries: Iterable[Any], default: float) -> float:
    values = [float(entry.position) for entry in entries]
    positive = [value for value in values if value > 0.0]
    if positive:
        return min(positive)
    return 0.0 if values and all(value < 0.0 for value in values) else default
