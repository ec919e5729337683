"""Transforming the stamped messages of geometry_msgs, as upstream's ``tf2_geometry_msgs`` does.

Importing this module registers the types with `TransformRegistration` and `ConvertRegistration`. The functions have
upstream's names and leave their arguments as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from geometry_msgs.msg import (
    Point32,
    PointStamped,
    PolygonStamped,
    Pose,
    PoseStamped,
    PoseWithCovarianceStamped,
    Quaternion,
    TransformStamped,
    Vector3Stamped,
)
from tf2_py.rigid_transform import Rigid, compose, normalised

from tf2_ros.buffer_interface import ConvertRegistration, TransformRegistration


def do_transform_point(point: PointStamped, transform: TransformStamped) -> PointStamped:
    """Return a point in the frame of the transform's header.

    Args:
        point: Point in the transform's child frame.
        transform: Pose of the child frame in the header's frame.
    """
    result = PointStamped(header=transform.header)
    result.point.x, result.point.y, result.point.z = _moved(_rigid(transform), point.point)
    return result


def do_transform_vector3(vector3: Vector3Stamped, transform: TransformStamped) -> Vector3Stamped:
    """Return a free vector in the frame of the transform's header: rotated, not displaced.

    Args:
        vector3: Vector in the transform's child frame.
        transform: Pose of the child frame in the header's frame.
    """
    result = Vector3Stamped(header=transform.header)
    rotation = (0.0, 0.0, 0.0, *_rigid(transform)[3:])
    result.vector.x, result.vector.y, result.vector.z = _moved(rotation, vector3.vector)
    return result


def do_transform_pose(pose: Pose, transform: TransformStamped) -> Pose:
    """Return a pose in the frame of the transform's header.

    Args:
        pose: Pose in the transform's child frame.
        transform: Pose of the child frame in the header's frame.
    """
    position, orientation = pose.position, _rotation(pose.orientation)
    x, y, z, qx, qy, qz, qw = compose(_rigid(transform), (position.x, position.y, position.z, *orientation))
    sign = -1.0 if qw < 0.0 else 1.0
    result = Pose(orientation=Quaternion(x=sign * qx, y=sign * qy, z=sign * qz, w=sign * qw))
    result.position.x, result.position.y, result.position.z = x, y, z
    return result


def do_transform_pose_stamped(pose: PoseStamped, transform: TransformStamped) -> PoseStamped:
    """Return a stamped pose in the frame of the transform's header.

    Args:
        pose: Pose in the transform's child frame.
        transform: Pose of the child frame in the header's frame.
    """
    return PoseStamped(header=transform.header, pose=do_transform_pose(pose.pose, transform))


def do_transform_pose_with_covariance_stamped(
    pose: PoseWithCovarianceStamped, transform: TransformStamped
) -> PoseWithCovarianceStamped:
    """Return a pose with covariance in the frame of the transform's header.

    Args:
        pose: Pose in the transform's child frame.
        transform: Pose of the child frame in the header's frame.
    """
    result = PoseWithCovarianceStamped(header=transform.header)
    result.pose.pose = do_transform_pose(pose.pose.pose, transform)
    result.pose.covariance = transform_covariance(pose.pose.covariance, transform)
    return result


def do_transform_polygon_stamped(polygon: PolygonStamped, transform: TransformStamped) -> PolygonStamped:
    """Return a polygon in the frame of the transform's header.

    Args:
        polygon: Polygon in the transform's child frame.
        transform: Pose of the child frame in the header's frame.
    """
    result = PolygonStamped(header=transform.header)
    X_header_child = _rigid(transform)
    for corner in polygon.polygon.points:
        x, y, z = _moved(X_header_child, corner)
        result.polygon.points.append(Point32(x=x, y=y, z=z))
    return result


def transform_covariance(cov_in: Sequence[float], transform: TransformStamped) -> np.ndarray:
    """Return a covariance of position and rotation, each block turned into the frame of the transform's header.

    Args:
        cov_in: 36 numbers, row by row: x, y, z in metres, then rotations about them in radians.
        transform: Pose of the child frame in the header's frame.
    """
    rigid = _rigid(transform)
    both = np.zeros((6, 6))
    for column in range(3):
        axis = [0.0, 0.0, 0.0]
        axis[column] = 1.0
        turned = compose((0.0, 0.0, 0.0, *rigid[3:]), (axis[0], axis[1], axis[2], 0.0, 0.0, 0.0, 1.0))
        both[:3, column] = both[3:, column + 3] = turned[:3]
    return (both @ np.asarray(cov_in, dtype=float).reshape(6, 6) @ both.T).reshape(36)


def _rotation(quaternion: Quaternion) -> tuple[float, float, float, float]:
    """Return x, y, z, w; a quaternion of length zero, as in an unset message, counts as no rotation."""
    values = (quaternion.x, quaternion.y, quaternion.z, quaternion.w)
    return values if any(values) else (0.0, 0.0, 0.0, 1.0)


def _rigid(transform: TransformStamped) -> Rigid:
    translation = transform.transform.translation
    return normalised((translation.x, translation.y, translation.z, *_rotation(transform.transform.rotation)))


def _moved(X_header_child: Rigid, point: Any) -> tuple[float, float, float]:
    x, y, z, *_ = compose(X_header_child, (point.x, point.y, point.z, 0.0, 0.0, 0.0, 1.0))
    return x, y, z


def _unchanged(message: Any) -> Any:
    return message


for _type, _function in (
    (PointStamped, do_transform_point),
    (Vector3Stamped, do_transform_vector3),
    (PoseStamped, do_transform_pose_stamped),
    (PoseWithCovarianceStamped, do_transform_pose_with_covariance_stamped),
    (PolygonStamped, do_transform_polygon_stamped),
):
    TransformRegistration().add(_type, _function)

for _type in (PointStamped, Vector3Stamped, PoseStamped):
    ConvertRegistration().add_to_msg(_type, _unchanged)
    ConvertRegistration().add_from_msg(_type, _unchanged)
