"""Rigid transforms as seven floats, composed in scalar Python.

A transform is the tuple ``(x, y, z, qx, qy, qz, qw)``: translation in metres, then a unit quaternion, x first. One
lookup touches a handful of them, where plain floats are several times faster than numpy arrays of length three and
four.
"""

from __future__ import annotations

from math import atan2, sin, sqrt

Rigid = tuple[float, float, float, float, float, float, float]
"""Translation x, y, z in metres and unit quaternion qx, qy, qz, qw."""

IDENTITY: Rigid = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)


def normalised(transform: Rigid) -> Rigid:
    """Return the transform with its quaternion scaled to unit length.

    Args:
        transform: Translation in metres and a quaternion of any finite, non-zero length.
    """
    x, y, z, qx, qy, qz, qw = transform
    scale = 1.0 / sqrt(qx * qx + qy * qy + qz * qz + qw * qw)
    return (x, y, z, qx * scale, qy * scale, qz * scale, qw * scale)


def compose(X_AB: Rigid, X_BC: Rigid) -> Rigid:
    """Return X_AC, the pose of C in A.

    Args:
        X_AB: Pose of B in A.
        X_BC: Pose of C in B.
    """
    ax, ay, az, aqx, aqy, aqz, aqw = X_AB
    bx, by, bz, bqx, bqy, bqz, bqw = X_BC
    # v + 2 q_w (q × v) + 2 q × (q × v), with the factor two in t
    tx = 2.0 * (aqy * bz - aqz * by)
    ty = 2.0 * (aqz * bx - aqx * bz)
    tz = 2.0 * (aqx * by - aqy * bx)
    return (
        ax + bx + aqw * tx + aqy * tz - aqz * ty,
        ay + by + aqw * ty + aqz * tx - aqx * tz,
        az + bz + aqw * tz + aqx * ty - aqy * tx,
        aqw * bqx + aqx * bqw + aqy * bqz - aqz * bqy,
        aqw * bqy + aqy * bqw + aqz * bqx - aqx * bqz,
        aqw * bqz + aqz * bqw + aqx * bqy - aqy * bqx,
        aqw * bqw - aqx * bqx - aqy * bqy - aqz * bqz,
    )


def inverse(X_AB: Rigid) -> Rigid:
    """Return X_BA, the pose of A in B.

    Args:
        X_AB: Pose of B in A.
    """
    x, y, z, qx, qy, qz, qw = X_AB
    conjugate = (0.0, 0.0, 0.0, -qx, -qy, -qz, qw)
    return compose(conjugate, (-x, -y, -z, 0.0, 0.0, 0.0, 1.0))


def interpolate(older: Rigid, newer: Rigid, ratio: float) -> Rigid:
    """Return the transform part-way between two: straight line for the translation, shortest arc for the rotation.

    The angle between the quaternions comes from the arc tangent of their difference and sum, which stays exact for the
    tiny steps of a 500 Hz stream where an arc cosine of almost one loses half the digits.

    Args:
        older: Transform at ratio 0.
        newer: Transform at ratio 1.
        ratio: Where between them, 0 to 1.
    """
    ax, ay, az, aqx, aqy, aqz, aqw = older
    bx, by, bz, bqx, bqy, bqz, bqw = newer
    if aqx * bqx + aqy * bqy + aqz * bqz + aqw * bqw < 0.0:
        bqx, bqy, bqz, bqw = -bqx, -bqy, -bqz, -bqw
    difference = sqrt((aqx - bqx) ** 2 + (aqy - bqy) ** 2 + (aqz - bqz) ** 2 + (aqw - bqw) ** 2)
    total = sqrt((aqx + bqx) ** 2 + (aqy + bqy) ** 2 + (aqz + bqz) ** 2 + (aqw + bqw) ** 2)
    arc = 2.0 * atan2(difference, total)
    if arc == 0.0:
        older_part, newer_part = 1.0 - ratio, ratio
    else:
        older_part, newer_part = sin((1.0 - ratio) * arc) / sin(arc), sin(ratio * arc) / sin(arc)
    return (
        ax + (bx - ax) * ratio,
        ay + (by - ay) * ratio,
        az + (bz - az) * ratio,
        aqx * older_part + bqx * newer_part,
        aqy * older_part + bqy * newer_part,
        aqz * older_part + bqz * newer_part,
        aqw * older_part + bqw * newer_part,
    )


def canonical(transform: Rigid) -> Rigid:
    """Return the transform with a unit quaternion of the sign that upstream reports.

    Upstream passes each result through a rotation matrix, which forgets the sign: what comes back has a positive w
    while the matrix has a positive trace (w² > 1/4), else the largest of x, y and z is positive.

    Args:
        transform: Translation in metres and a quaternion of about unit length.
    """
    x, y, z, qx, qy, qz, qw = normalised(transform)
    if qw * qw > 0.25:
        leading = qw
    else:
        xx, yy, zz = qx * qx, qy * qy, qz * qz
        leading = (qz if yy < zz else qy) if xx < yy else (qz if xx < zz else qx)
    if leading < 0.0:
        return (x, y, z, -qx, -qy, -qz, -qw)
    return (x, y, z, qx, qy, qz, qw)
