"""A pose of plain tuples, for the code that runs in every physics step.

At this size numpy costs ten times more than the arithmetic. The vector algebra is `core.geometry.scalar`'s; a `Pose`
here is one of its poses with names and operators. `X_AB` is the pose of B in A.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cablecell.core.geometry.scalar import Quat, Vec3, compose, invert, quat_multiply, transform_point

NO_ROTATION: Quat = (0.0, 0.0, 0.0, 1.0)


class Pose(NamedTuple):
    """Pose of one frame in another.

    Attributes:
        p: Position, m.
        q: Orientation as a unit quaternion x, y, z, w.
    """

    p: Vec3
    q: Quat

    def __matmul__(self, other: Pose) -> Pose:  # X_AC = X_AB @ X_BC
        return Pose(*compose(self, other))

    def inverse(self) -> Pose:
        """Return `X_BA` of `X_AB`."""
        return Pose(*invert(self))

    def apply(self, point: Vec3) -> Vec3:
        """Return a point of B, expressed in A, m."""
        return transform_point(self, point)

    def matrix(self) -> NDArray[np.float64]:
        """Return the pose as a matrix, shape (4, 4)."""
        X = np.eye(4)
        X[:3, :3] = to_rows(self.q)
        X[:3, 3] = self.p
        return X


IDENTITY = Pose((0.0, 0.0, 0.0), NO_ROTATION)


def from_rpy(roll: float, pitch: float, yaw: float) -> Quat:
    """Return the rotation of fixed-axis roll, pitch, yaw, rad (URDF's convention)."""
    about_x = (math.sin(roll / 2), 0.0, 0.0, math.cos(roll / 2))
    about_y = (0.0, math.sin(pitch / 2), 0.0, math.cos(pitch / 2))
    about_z = (0.0, 0.0, math.sin(yaw / 2), math.cos(yaw / 2))
    return quat_multiply(about_z, quat_multiply(about_y, about_x))


def pose_from_xyz_rpy(xyz: Vec3, rpy: Vec3) -> Pose:
    """Return the pose that URDF writes as xyz and rpy."""
    return Pose(xyz, from_rpy(*rpy))


def to_rows(q: Quat) -> tuple[Vec3, Vec3, Vec3]:
    """Return the rows of the rotation matrix of q."""
    x, y, z, w = q
    return (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
