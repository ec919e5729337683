"""Building blocks of the tf2 tests: transform messages in one line, and times in seconds."""

from __future__ import annotations

import math
from collections.abc import Sequence

from geometry_msgs.msg import TransformStamped
from rclpy.duration import Duration
from rclpy.time import Time

IDENTITY_XYZW = (0.0, 0.0, 0.0, 1.0)
LATEST = Time()


def at(seconds: float) -> Time:
    """Return the time this many seconds after the epoch, exact to a nanosecond."""
    return Time(nanoseconds=round(seconds * 1e9))


def lasting(seconds: float) -> Duration:
    """Return a duration."""
    return Duration(nanoseconds=round(seconds * 1e9))


def about_z(angle_rad: float) -> tuple[float, float, float, float]:
    """Return the quaternion of a rotation about z, x first."""
    return (0.0, 0.0, math.sin(angle_rad / 2.0), math.cos(angle_rad / 2.0))


def transform(
    parent: str,
    child: str,
    stamp_s: float = 0.0,
    xyz: Sequence[float] = (0.0, 0.0, 0.0),
    xyzw: Sequence[float] = IDENTITY_XYZW,
) -> TransformStamped:
    """Return the pose of child in parent as a message."""
    message = TransformStamped()
    message.header.frame_id = parent
    message.header.stamp = at(stamp_s).to_msg()
    message.child_frame_id = child
    translation, rotation = message.transform.translation, message.transform.rotation
    translation.x, translation.y, translation.z = map(float, xyz)
    rotation.x, rotation.y, rotation.z, rotation.w = map(float, xyzw)
    return message


def xyz_of(message: TransformStamped) -> tuple[float, float, float]:
    """Return the translation of a transform message."""
    translation = message.transform.translation
    return (translation.x, translation.y, translation.z)


def xyzw_of(message: TransformStamped) -> tuple[float, float, float, float]:
    """Return the quaternion of a transform message, x first."""
    rotation = message.transform.rotation
    return (rotation.x, rotation.y, rotation.z, rotation.w)


def stamp_of(message: TransformStamped) -> float:
    """Return the stamp of a message in seconds."""
    return message.header.stamp.sec + message.header.stamp.nanosec * 1e-9
