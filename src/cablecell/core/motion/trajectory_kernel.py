"""Inner loops over timed trajectories, compiled: how much of its limits one uses, and tracing a path of the tool."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cablecell.core.motion.chain import drift, jacobian, tip_pose
from cablecell.core.motion.ik_kernel import damped_step, follow_numeric, follow_ur

Array = NDArray[np.float64]

FOLLOWED, OUT_OF_REACH, JUMPED, SINGULAR = 0, 1, 2, 3

_DAMPING = 1e-16
"""Keeps the solution of least norm for a redundant arm defined; far below what a rate could notice."""


@njit(cache=True, error_model="numpy")
def limit_use(
    times: Array,
    q: Array,
    dq: Array,
    ddq: Array,
    velocity: Array,
    acceleration: Array,
    jerk: Array,
    period: float,
    out: Array,
) -> None:
    """Write the largest use of velocity, acceleration and jerk, shape (3,), on samples of the quintic pieces.

    Args:
        times: Of the knots, s.
        q: Positions, shape (k, n), rad.
        dq: Velocities.
        ddq: Accelerations.
        velocity: Limits, shape (n,).
        acceleration: Limits.
        jerk: Limits, of the mean jerk over one period.
        period: Of the samples, s; the end is one, too.
        out: Receives the ratios.
    """
    n = q.shape[1]
    out[:] = 0.0
    if times.shape[0] < 2:
        return
    end = times[-1]
    count = math.ceil(end / period - 1e-9)
    last = np.empty(n)
    before = 0.0
    k = 0
    for sample in range(count + 1):
        time = end if sample == count else sample * period
        while k < times.shape[0] - 2 and time >= times[k + 1]:
            k += 1
        h = times[k + 1] - times[k]
        u = (time - times[k]) / h
        for j in range(n):
            d = q[k + 1, j] - q[k, j]
            v0, v1 = h * dq[k, j], h * dq[k + 1, j]
            a0, a1 = h * h * ddq[k, j], h * h * ddq[k + 1, j]
            c3 = 10.0 * d - 6.0 * v0 - 4.0 * v1 - 1.5 * a0 + 0.5 * a1
            c4 = -15.0 * d + 8.0 * v0 + 7.0 * v1 + 1.5 * a0 - a1
            c5 = 6.0 * d - 3.0 * v0 - 3.0 * v1 - 0.5 * a0 + 0.5 * a1
            v = (v0 + u * (a0 + u * (3.0 * c3 + u * (4.0 * c4 + u * 5.0 * c5)))) / h
            a = (a0 + u * (6.0 * c3 + u * (12.0 * c4 + u * 20.0 * c5))) / (h * h)
            out[0] = max(out[0], abs(v) / velocity[j])
            out[1] = max(out[1], abs(a) / acceleration[j])
            if sample > 0:
                out[2] = max(out[2], abs(a - last[j]) / ((time - before) * jerk[j]))
            last[j] = a
        before = time


@njit(cache=True, error_model="numpy")
def trace_tool(
    blocks: Array,
    tip: Array,
    lengths: Array,
    X_0_base: Array,
    X_tip_6: Array,
    slack: float,
    is_ur: bool,
    poses_wanted: Array,
    twists: Array,
    accelerations: Array,
    largest_jump: float,
    residual_limit: float,
    q: Array,
    dq: Array,
    ddq: Array,
    where: NDArray[np.int64],
) -> int:
    """Write joint positions, velocities and accelerations along poses of the tool, on the branch of the first row of q.

    Args:
        blocks: Of the chain.
        tip: Of the chain.
        lengths: Of a UR arm; of no meaning else.
        X_0_base: Of a UR arm; of no meaning else.
        X_tip_6: Of a UR arm; of no meaning else.
        slack: Of a UR arm; of no meaning else.
        is_ur: Whether the closed form applies.
        poses_wanted: Poses, shape (k, 4, 4).
        twists: Their rates (v, ω) in base axes, shape (k, 6), per second.
        accelerations: And accelerations, shape (k, 6).
        largest_jump: Joint step between two samples that means another branch, rad.
        residual_limit: Largest pose error, m and rad.
        q: Positions, shape (k, n); the first row is the start.
        dq: Receives velocities.
        ddq: Receives accelerations.
        where: Receives the sample at which it ended, shape (1,).

    Returns:
        FOLLOWED, or why not.
    """
    n = q.shape[1]
    poses, X, J = np.empty((n, 3, 4)), np.empty((3, 4)), np.empty((6, n))
    rate, turning, present = np.empty(6), np.empty(6), np.empty(n)
    for k in range(q.shape[0]):
        where[0] = k
        if k > 0:
            present[:] = q[k - 1]
            if is_ur:
                is_there = follow_ur(
                    blocks, tip, lengths, X_0_base, X_tip_6, slack, poses_wanted[k], present, residual_limit
                )
            else:
                is_there = follow_numeric(blocks, tip, poses_wanted[k], present, residual_limit)
            if not is_there:
                return OUT_OF_REACH
            q[k] = present
            for j in range(n):
                if abs(q[k, j] - q[k - 1, j]) > largest_jump:
                    return JUMPED
        tip_pose(blocks, tip, q[k], poses, X)
        jacobian(poses, X, J)
        rate[:] = twists[k]
        if not damped_step(J, rate, _DAMPING, dq[k]):
            return SINGULAR
        drift(poses, X, dq[k], turning)
        for i in range(6):
            rate[i] = accelerations[k, i] - turning[i]
        if not damped_step(J, rate, _DAMPING, ddq[k]):
            return SINGULAR
    return FOLLOWED
