"""Rigid-body algebra on plain tuples, for the code that runs in every physics step.

At this size numpy costs ten times more than the arithmetic. Vectors are `(x, y, z)`, quaternions `(x, y, z, w)` of
norm one, a pose is a position and a quaternion. `X_AB` is the pose of B in A.
"""

from __future__ import annotations

import math
from typing import NamedTuple

Vec = tuple[float, float, float]
Quat = tuple[float, float, float, float]

ZERO: Vec = (0.0, 0.0, 0.0)
NO_ROTATION: Quat = (0.0, 0.0, 0.0, 1.0)


class Pose(NamedTuple):
    """Pose of one frame in another.

    Attributes:
        p: Position, m.
        q: Orientation as a quaternion x, y, z, w.
    """

    p: Vec
    q: Quat

    def __matmul__(self, other: Pose) -> Pose:  # X_AC = X_AB @ X_BC
        return Pose(add(self.p, rotate(self.q, other.p)), multiply(self.q, other.q))

    def inverse(self) -> Pose:
        """Return `X_BA` of `X_AB`."""
        q = conjugate(self.q)
        x, y, z = rotate(q, self.p)
        return Pose((-x, -y, -z), q)

    def apply(self, point: Vec) -> Vec:
        """Return a point of B, expressed in A, m."""
        return add(self.p, rotate(self.q, point))


IDENTITY = Pose(ZERO, NO_ROTATION)


def add(a: Vec, b: Vec) -> Vec:
    """Return a + b."""
    return (a[0] + b[0], a[1] + b[1], a[2] + b[2])


def subtract(a: Vec, b: Vec) -> Vec:
    """Return a - b."""
    return (a[0] - b[0], a[1] - b[1], a[2] - b[2])


def scale(a: Vec, s: float) -> Vec:
    """Return s·a."""
    return (a[0] * s, a[1] * s, a[2] * s)


def dot(a: Vec, b: Vec) -> float:
    """Return a·b."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def cross(a: Vec, b: Vec) -> Vec:
    """Return a × b."""
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


def norm(a: Vec) -> float:
    """Return |a|."""
    return math.sqrt(a[0] * a[0] + a[1] * a[1] + a[2] * a[2])


def conjugate(q: Quat) -> Quat:
    """Return the inverse rotation."""
    return (-q[0], -q[1], -q[2], q[3])


def multiply(a: Quat, b: Quat) -> Quat:
    """Return the rotation b followed by a."""
    ax, ay, az, aw = a
    bx, by, bz, bw = b
    return (
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
        aw * bw - ax * bx - ay * by - az * bz,
    )


def rotate(q: Quat, v: Vec) -> Vec:
    """Return v turned by q."""
    x, y, z, w = q
    a, b, c = v
    tx = 2.0 * (y * c - z * b)
    ty = 2.0 * (z * a - x * c)
    tz = 2.0 * (x * b - y * a)
    return (a + w * tx + y * tz - z * ty, b + w * ty + z * tx - x * tz, c + w * tz + x * ty - y * tx)


def from_rotation_vector(v: Vec) -> Quat:
    """Return the rotation by |v| rad about v."""
    angle = norm(v)
    s = 0.5 if angle < 1e-12 else math.sin(0.5 * angle) / angle
    return (v[0] * s, v[1] * s, v[2] * s, math.cos(0.5 * angle))


def rotation_vector(q: Quat) -> Vec:
    """Return the rotation vector of q, rad, of norm at most π."""
    x, y, z, w = q if q[3] >= 0.0 else (-q[0], -q[1], -q[2], -q[3])
    s = math.sqrt(x * x + y * y + z * z)
    k = 2.0 if s < 1e-12 else 2.0 * math.atan2(s, w) / s
    return (x * k, y * k, z * k)


def from_rpy(roll: float, pitch: float, yaw: float) -> Quat:
    """Return the rotation of fixed-axis roll, pitch, yaw, rad (URDF's convention)."""
    half = multiply((0.0, math.sin(pitch / 2), 0.0, math.cos(pitch / 2)), (math.sin(roll / 2), 0.0, 0.0, math.cos(roll / 2)))
    return multiply((0.0, 0.0, math.sin(yaw / 2), math.cos(yaw / 2)), half)


def pose_from_xyz_rpy(xyz: Vec, rpy: Vec) -> Pose:
    """Return the pose that URDF writes as xyz and rpy."""
    return Pose(xyz, from_rpy(*rpy))


def to_rows(q: Quat) -> tuple[Vec, Vec, Vec]:
    """Return the rows of the rotation matrix of q."""
    x, y, z, w = q
    return (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
