"""Poses, stamps and durations between ROS messages and the core's arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from builtin_interfaces.msg import Duration, Time
from geometry_msgs.msg import Point, Pose, Quaternion, Transform, TransformStamped, Vector3
from numpy.typing import NDArray

from cablecell.core.geometry import pose_from_quat, quat_from_rotation

Matrix = NDArray[np.float64]

_NANO = 1_000_000_000


def entrance_frame(port: str) -> str:
    """Return the tf frame of a port's mouth."""
    return f"{port}_entrance"


def to_seconds(stamp: Any) -> float:
    """Return a `Time` or `Duration` message in seconds."""
    return float(stamp.sec) + 1e-9 * float(stamp.nanosec)


def to_stamp(seconds: float) -> Any:
    """Return seconds as a `Time` message."""
    nanoseconds = round(seconds * _NANO)
    return Time(sec=nanoseconds // _NANO, nanosec=nanoseconds % _NANO)


def to_duration(seconds: float) -> Any:
    """Return seconds, at least 0, as a `Duration` message."""
    nanoseconds = max(0, round(seconds * _NANO))
    return Duration(sec=nanoseconds // _NANO, nanosec=nanoseconds % _NANO)


def from_pose(message: Any) -> Matrix:
    """Return a `Pose` message as X, shape (4, 4).

    Raises:
        ValueError: A number is not finite, or the quaternion has no direction.
    """
    p, q = message.position, message.orientation
    numbers = (p.x, p.y, p.z, q.x, q.y, q.z, q.w)
    if not all(math.isfinite(number) for number in numbers):
        raise ValueError("a pose holds a number that is not finite")
    return pose_from_quat(numbers[:3], numbers[3:])


def to_pose(X: Matrix) -> Any:
    """Return X as a `Pose` message."""
    x, y, z = X[:3, 3].tolist()
    qx, qy, qz, qw = quat_from_rotation(X[:3, :3]).tolist()
    return Pose(position=Point(x=x, y=y, z=z), orientation=Quaternion(x=qx, y=qy, z=qz, w=qw))


def to_transform(parent: str, child: str, X_parent_child: Matrix, stamp: Any) -> Any:
    """Return a stamped transform for tf."""
    x, y, z = X_parent_child[:3, 3].tolist()
    qx, qy, qz, qw = quat_from_rotation(X_parent_child[:3, :3]).tolist()
    message = TransformStamped(child_frame_id=child)
    message.header.frame_id, message.header.stamp = parent, stamp
    message.transform = Transform(translation=Vector3(x=x, y=y, z=z), rotation=Quaternion(x=qx, y=qy, z=qz, w=qw))
    return message
