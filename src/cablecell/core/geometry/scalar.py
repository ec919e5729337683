"""The geometry of the 500 Hz loops on plain tuples: for single vectors that is ten times faster than small arrays.

A pose is a position tuple and a unit quaternion tuple (x, y, z, w). Everything here agrees with the array functions of
this package, which the tests hold them to.
"""

from __future__ import annotations

import math

Vec3 = tuple[float, float, float]
Quat = tuple[float, float, float, float]
Pose = tuple[Vec3, Quat]

IDENTITY: Pose = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))
"""The pose of a frame in itself."""


def add(a: Vec3, b: Vec3) -> Vec3:
    """Return a + b."""
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


def subtract(a: Vec3, b: Vec3) -> Vec3:
    """Return a - b."""
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


def scale(a: Vec3, factor: float) -> Vec3:
    """Return a vector times a number."""
    return a[0] * factor, a[1] * factor, a[2] * factor


def dot(a: Vec3, b: Vec3) -> float:
    """Return the inner product."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def cross(a: Vec3, b: Vec3) -> Vec3:
    """Return a × b."""
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def norm(a: Vec3) -> float:
    """Return the length."""
    return math.sqrt(a[0] * a[0] + a[1] * a[1] + a[2] * a[2])


def quat_multiply(a: Quat, b: Quat) -> Quat:
    """Return the quaternion of the rotation product: first b, then a."""
    ax, ay, az, aw = a
    bx, by, bz, bw = b
    return (
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
        aw * bw - ax * bx - ay * by - az * bz,
    )


def quat_conjugate(q: Quat) -> Quat:
    """Return the inverse of a unit quaternion."""
    return -q[0], -q[1], -q[2], q[3]


def quat_normalize(q: Quat) -> Quat:
    """Return the quaternion with length 1; integrating needs it now and then."""
    x, y, z, w = q
    factor = 1.0 / math.sqrt(x * x + y * y + z * z + w * w)
    return x * factor, y * factor, z * factor, w * factor


def rotate(q: Quat, v: Vec3) -> Vec3:
    """Return a vector rotated by a unit quaternion."""
    x, y, z, w = q
    tx, ty, tz = 2.0 * (y * v[2] - z * v[1]), 2.0 * (z * v[0] - x * v[2]), 2.0 * (x * v[1] - y * v[0])
    return v[0] + w * tx + y * tz - z * ty, v[1] + w * ty + z * tx - x * tz, v[2] + w * tz + x * ty - y * tx


def quat_from_rotvec(v: Vec3) -> Quat:
    """Return the quaternion of a rotation vector, rad."""
    angle = norm(v)
    if angle < 1e-6:
        return quat_normalize((0.5 * v[0], 0.5 * v[1], 0.5 * v[2], 1.0))
    factor = math.sin(0.5 * angle) / angle
    return v[0] * factor, v[1] * factor, v[2] * factor, math.cos(0.5 * angle)


def rotvec_from_quat(q: Quat) -> Vec3:
    """Return the rotation vector of a unit quaternion, rad, of length at most π."""
    x, y, z, w = q if q[3] >= 0.0 else (-q[0], -q[1], -q[2], -q[3])
    sine = math.sqrt(x * x + y * y + z * z)
    factor = 2.0 if sine < 1e-8 else 2.0 * math.atan2(sine, w) / sine
    return x * factor, y * factor, z * factor


def rotation_difference(q_AB: Quat, q_AC: Quat) -> Vec3:
    """Return the rotation vector, in A's axes, that turns B onto C, rad."""
    return rotvec_from_quat(quat_multiply(q_AC, quat_conjugate(q_AB)))


def compose(X_AB: Pose, X_BC: Pose) -> Pose:
    """Return `X_AC`."""
    return add(X_AB[0], rotate(X_AB[1], X_BC[0])), quat_multiply(X_AB[1], X_BC[1])


def invert(X_AB: Pose) -> Pose:
    """Return `X_BA`."""
    q = quat_conjugate(X_AB[1])
    return scale(rotate(q, X_AB[0]), -1.0), q


def transform_point(X_AB: Pose, p_B: Vec3) -> Vec3:
    """Return a point given in B, in A."""
    return add(X_AB[0], rotate(X_AB[1], p_B))


def transform_wrench(X_AB: Pose, force_B: Vec3, moment_B: Vec3) -> tuple[Vec3, Vec3]:
    """Return a wrench about B's origin in B's axes as (force, moment) about A's origin in A's axes, N and N·m."""
    force = rotate(X_AB[1], force_B)
    return force, add(rotate(X_AB[1], moment_B), cross(X_AB[0], force))


def integrate(X_AB: Pose, v_A: Vec3, w_A: Vec3, dt_s: float) -> Pose:
    """Return the pose after a step with a velocity of B's origin and an angular velocity, both in A's axes."""
    turned = quat_multiply(quat_from_rotvec(scale(w_A, dt_s)), X_AB[1])
    return add(X_AB[0], scale(v_A, dt_s)), quat_normalize(turned)
