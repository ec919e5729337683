"""The arm as a serial chain of revolute joints, compiled: poses and Jacobians in about a microsecond.

Rigid motions are 3×4 blocks [R p] of their 4×4 matrices. Every joint turns about the z axis of its own frame; where a
description says otherwise, the turn that makes it so is part of the blocks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cablecell.core.motion.errors import RobotModelError
from cablecell.core.motion.model import RobotModel

Array = NDArray[np.float64]

_AXES = {"JointModelRX": (1.0, 0.0, 0.0), "JointModelRY": (0.0, 1.0, 0.0), "JointModelRZ": (0.0, 0.0, 1.0)}


@dataclass(frozen=True, eq=False)
class SerialChain:
    """Constant part of the chain from `base_link` to a tip.

    Attributes:
        blocks: Pose of each joint, at zero, in the joint before it, shape (n, 3, 4); the first in `base_link`.
        tip: Pose of the tip in the last joint, shape (3, 4).
        turns: Pose of the joints' own frames of the description in ours, shape (n, 3, 3).
    """

    blocks: Array
    tip: Array
    turns: Array

    @staticmethod
    def of(model: RobotModel, tip_frame: str) -> SerialChain:
        """Read the chain of a model.

        Raises:
            RobotModelError: The joints branch, or one of them is not revolute with bounds.
            UnknownFrameError: The tip frame does not exist.
        """
        pin_model = model.pin_model
        blocks, turns = [], []
        before = np.linalg.inv(model.X_world_base)
        for j in range(1, model.dof + 1):
            if int(pin_model.parents[j]) != j - 1:
                raise RobotModelError(
                    f"{model.joint_names[j - 1]} does not follow {model.joint_names[j - 2]}: the arm must be one chain",
                    quantity="joint",
                    value=model.joint_names[j - 1],
                )
            axis = _axis(model, j)
            turn = _onto_z(axis)
            block = before @ np.array(pin_model.jointPlacements[j].homogeneous)
            block[:3, :3] = block[:3, :3] @ turn
            blocks.append(block[:3])
            turns.append(turn.T)
            before = np.eye(4)
            before[:3, :3] = turn.T
        frame = pin_model.frames[model.frame_id(tip_frame)]
        if int(frame.parentJoint) != model.dof:
            raise RobotModelError(
                f"'{tip_frame}' does not move with the last joint, {model.joint_names[-1]}",
                quantity="tip_frame",
                value=tip_frame,
            )
        tip = before @ np.array(frame.placement.homogeneous)
        return SerialChain(np.array(blocks), np.ascontiguousarray(tip[:3]), np.array(turns))


def _axis(model: RobotModel, joint: int) -> Array:
    item = model.pin_model.joints[joint]
    kind = item.shortname()
    if kind in _AXES:
        return np.array(_AXES[kind])
    if kind == "JointModelRevoluteUnaligned":
        return np.array(item.extract().axis)
    raise RobotModelError(
        f"{model.joint_names[joint - 1]} is a {kind}; valid are revolute joints with limits",
        quantity=model.joint_names[joint - 1],
        value=kind,
    )


def _onto_z(axis: Array) -> Array:
    """Return a rotation whose third column is the axis."""
    z = axis / np.linalg.norm(axis)
    if z[2] == 1.0:
        return np.eye(3)
    helper = np.eye(3)[int(np.argmin(np.abs(z)))]
    x = np.cross(helper, z)
    x /= np.linalg.norm(x)
    return np.column_stack([x, np.cross(z, x), z])


@njit(cache=True, error_model="numpy", inline="always")
def compose_into(a: Array, b: Array, out: Array) -> None:
    """Write the product of two blocks; `out` is neither of them."""
    for i in range(3):
        a0, a1, a2 = a[i, 0], a[i, 1], a[i, 2]
        out[i, 0] = a0 * b[0, 0] + a1 * b[1, 0] + a2 * b[2, 0]
        out[i, 1] = a0 * b[0, 1] + a1 * b[1, 1] + a2 * b[2, 1]
        out[i, 2] = a0 * b[0, 2] + a1 * b[1, 2] + a2 * b[2, 2]
        out[i, 3] = a0 * b[0, 3] + a1 * b[1, 3] + a2 * b[2, 3] + a[i, 3]


@njit(cache=True, error_model="numpy")
def joint_poses(blocks: Array, q: Array, out: Array) -> None:
    """Write the poses of all joint frames in the base, shape (n, 3, 4)."""
    for j in range(blocks.shape[0]):
        c, s = math.cos(q[j]), math.sin(q[j])
        for i in range(3):
            if j == 0:
                b0, b1, b2, b3 = blocks[0, i, 0], blocks[0, i, 1], blocks[0, i, 2], blocks[0, i, 3]
            else:
                a0, a1, a2 = out[j - 1, i, 0], out[j - 1, i, 1], out[j - 1, i, 2]
                b0 = a0 * blocks[j, 0, 0] + a1 * blocks[j, 1, 0] + a2 * blocks[j, 2, 0]
                b1 = a0 * blocks[j, 0, 1] + a1 * blocks[j, 1, 1] + a2 * blocks[j, 2, 1]
                b2 = a0 * blocks[j, 0, 2] + a1 * blocks[j, 1, 2] + a2 * blocks[j, 2, 2]
                b3 = a0 * blocks[j, 0, 3] + a1 * blocks[j, 1, 3] + a2 * blocks[j, 2, 3] + out[j - 1, i, 3]
            out[j, i, 0] = c * b0 + s * b1
            out[j, i, 1] = c * b1 - s * b0
            out[j, i, 2] = b2
            out[j, i, 3] = b3


@njit(cache=True, error_model="numpy")
def tip_pose(blocks: Array, tip: Array, q: Array, poses: Array, out: Array) -> None:
    """Write the pose of the tip in the base; `poses` receives those of the joints."""
    joint_poses(blocks, q, poses)
    compose_into(poses[blocks.shape[0] - 1], tip, out)


@njit(cache=True, error_model="numpy")
def jacobian(poses: Array, tip_in_base: Array, out: Array) -> None:
    """Write J, shape (6, n): the twist (v, ω) of the tip's origin in axes of the base is J dq."""
    for j in range(poses.shape[0]):
        zx, zy, zz = poses[j, 0, 2], poses[j, 1, 2], poses[j, 2, 2]
        rx = tip_in_base[0, 3] - poses[j, 0, 3]
        ry = tip_in_base[1, 3] - poses[j, 1, 3]
        rz = tip_in_base[2, 3] - poses[j, 2, 3]
        out[0, j] = zy * rz - zz * ry
        out[1, j] = zz * rx - zx * rz
        out[2, j] = zx * ry - zy * rx
        out[3, j], out[4, j], out[5, j] = zx, zy, zz


@njit(cache=True, error_model="numpy")
def drift(poses: Array, tip_in_base: Array, dq: Array, out: Array) -> None:
    """Write dJ/dt dq, shape (6,): the acceleration of the tip's origin, in axes of the base, when ddq is zero."""
    wx = wy = wz = 0.0
    ax = ay = az = 0.0
    bx = by = bz = 0.0
    n = poses.shape[0]
    for j in range(n):
        zx, zy, zz = poses[j, 0, 2] * dq[j], poses[j, 1, 2] * dq[j], poses[j, 2, 2] * dq[j]
        # The axis turns with what is before it.
        bx += wy * zz - wz * zy
        by += wz * zx - wx * zz
        bz += wx * zy - wy * zx
        wx, wy, wz = wx + zx, wy + zy, wz + zz
        if j + 1 < n:
            rx = poses[j + 1, 0, 3] - poses[j, 0, 3]
            ry = poses[j + 1, 1, 3] - poses[j, 1, 3]
            rz = poses[j + 1, 2, 3] - poses[j, 2, 3]
        else:
            rx = tip_in_base[0, 3] - poses[j, 0, 3]
            ry = tip_in_base[1, 3] - poses[j, 1, 3]
            rz = tip_in_base[2, 3] - poses[j, 2, 3]
        cx, cy, cz = wy * rz - wz * ry, wz * rx - wx * rz, wx * ry - wy * rx
        ax += by * rz - bz * ry + wy * cz - wz * cy
        ay += bz * rx - bx * rz + wz * cx - wx * cz
        az += bx * ry - by * rx + wx * cy - wy * cx
    out[0], out[1], out[2], out[3], out[4], out[5] = ax, ay, az, bx, by, bz


@njit(cache=True, error_model="numpy")
def pose_error(X: Array, goal: Array, out: Array) -> float:
    """Write the twist (v, ω) in axes of the base that moves X onto a goal; return its largest element."""
    for i in range(3):
        out[i] = goal[i, 3] - X[i, 3]
    # E = R_goal R^T; its skew part is sin θ times the axis.
    e = np.empty((3, 3))
    for i in range(3):
        for k in range(3):
            e[i, k] = goal[i, 0] * X[k, 0] + goal[i, 1] * X[k, 1] + goal[i, 2] * X[k, 2]
    sx, sy, sz = 0.5 * (e[2, 1] - e[1, 2]), 0.5 * (e[0, 2] - e[2, 0]), 0.5 * (e[1, 0] - e[0, 1])
    sine = math.sqrt(sx * sx + sy * sy + sz * sz)
    cosine = 0.5 * (e[0, 0] + e[1, 1] + e[2, 2] - 1.0)
    angle = math.atan2(sine, cosine)
    if sine > 1e-6:
        factor = angle / sine
        out[3], out[4], out[5] = factor * sx, factor * sy, factor * sz
    elif cosine > 0.0:
        out[3], out[4], out[5] = sx, sy, sz
    else:
        # Half a turn: the axis is the column of E + 1 that is longest.
        best, k = -1.0, 0
        for i in range(3):
            if e[i, i] > best:
                best, k = e[i, i], i
        ux, uy, uz = e[0, k], e[1, k], e[2, k]
        if k == 0:
            ux += 1.0
        elif k == 1:
            uy += 1.0
        else:
            uz += 1.0
        norm = math.sqrt(ux * ux + uy * uy + uz * uz)
        out[3], out[4], out[5] = angle * ux / norm, angle * uy / norm, angle * uz / norm
    largest = 0.0
    for i in range(6):
        largest = max(largest, abs(out[i]))
    return largest
