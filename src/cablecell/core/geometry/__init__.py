"""SE(3), frames, twists and wrenches.

Poses are 4×4 matrices `X_AB` (B in A), rotations 3×3 `R_AB`, quaternions x, y, z, w. Six-vectors have the linear part
first: twist (v, ω), wrench (force, moment). `scalar` holds the same operations on tuples for loops that run at 500 Hz.
"""

from cablecell.core.geometry.rotation import (
    Array,
    angle_between,
    exp_so3,
    log_so3,
    quat_from_rotation,
    rotation_from_quat,
    rotation_from_rpy,
    rpy_from_rotation,
    skew,
)
from cablecell.core.geometry.se3 import (
    PoseLine,
    compose,
    exp_se3,
    interpolate_pose,
    invert_pose,
    is_pose,
    log_se3,
    make_pose,
    pose_difference,
    pose_from_quat,
    pose_from_xyz_rpy,
    transform_point,
)
from cablecell.core.geometry.spatial import adjoint, cross, rotate_six, shift_wrench, transform_twist, transform_wrench

__all__ = [
    "Array",
    "PoseLine",
    "adjoint",
    "angle_between",
    "compose",
    "cross",
    "exp_se3",
    "exp_so3",
    "interpolate_pose",
    "invert_pose",
    "is_pose",
    "log_se3",
    "log_so3",
    "make_pose",
    "pose_difference",
    "pose_from_quat",
    "pose_from_xyz_rpy",
    "quat_from_rotation",
    "rotate_six",
    "rotation_from_quat",
    "rotation_from_rpy",
    "rpy_from_rotation",
    "shift_wrench",
    "skew",
    "transform_point",
    "transform_twist",
    "transform_wrench",
]
