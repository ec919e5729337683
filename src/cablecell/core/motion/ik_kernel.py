"""Inner loops of inverse kinematics, compiled: wrapping into limits, Newton steps on the chain, many starts."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cablecell.core.motion.chain import compose_into, jacobian, pose_error, tip_pose
from cablecell.core.motion.ur_geometry import closed_form, one_branch

Array = NDArray[np.float64]

_TURN = 2.0 * math.pi


@njit(cache=True, error_model="numpy")
def wrap(q: Array, reference: Array, lower: Array, upper: Array, tolerance: float) -> bool:
    """Turn each joint by whole turns to be as near to the reference as its limits allow; False where it cannot."""
    for i in range(q.shape[0]):
        angle = q[i] - _TURN * np.round((q[i] - reference[i]) / _TURN)
        if angle > upper[i] + tolerance:
            angle -= _TURN
        elif angle < lower[i] - tolerance:
            angle += _TURN
        if angle < lower[i] - tolerance or angle > upper[i] + tolerance:
            return False
        q[i] = min(max(angle, lower[i]), upper[i])
    return True


@njit(cache=True, error_model="numpy")
def damped_step(J: Array, error: Array, damping: float, step: Array) -> bool:
    """Write Jᵀ (J Jᵀ + λ)⁻¹ e by a Cholesky factor; False where rounding makes the matrix indefinite."""
    n = J.shape[1]
    L = np.empty((6, 6))
    y = np.empty(6)
    for i in range(6):
        for j in range(i + 1):
            value = damping if i == j else 0.0
            for k in range(n):
                value += J[i, k] * J[j, k]
            for k in range(j):
                value -= L[i, k] * L[j, k]
            if i == j:
                if value <= 0.0:
                    return False
                L[i, i] = math.sqrt(value)
            else:
                L[i, j] = value / L[j, j]
    for i in range(6):
        value = error[i]
        for k in range(i):
            value -= L[i, k] * y[k]
        y[i] = value / L[i, i]
    for i in range(5, -1, -1):
        value = y[i]
        for k in range(i + 1, 6):
            value -= L[k, i] * y[k]
        y[i] = value / L[i, i]
    for j in range(n):
        value = 0.0
        for i in range(6):
            value += J[i, j] * y[i]
        step[j] = value
    return True


@njit(cache=True, error_model="numpy")
def refine(blocks: Array, tip: Array, goal: Array, q: Array, steps: int, target: float, start_damping: float) -> float:
    """Move a configuration onto a pose by Levenberg-Marquardt steps; return the residual that is left, m and rad.

    Args:
        blocks: Of the chain.
        tip: Of the chain.
        goal: Wanted pose, shape (3, 4) or (4, 4).
        q: Start; replaced by the best configuration found.
        steps: Most steps.
        target: Residual at which it is done.
        start_damping: First damping; it falls with every step that helps and grows with one that does not.
    """
    n = q.shape[0]
    poses, X = np.empty((n, 3, 4)), np.empty((3, 4))
    error, J, step, trial = np.empty(6), np.empty((6, n)), np.empty(n), np.empty(n)
    tip_pose(blocks, tip, q, poses, X)
    residual = pose_error(X, goal, error)
    damping = start_damping
    for _ in range(steps):
        if residual <= target:
            break
        jacobian(poses, X, J)
        if not damped_step(J, error, damping, step):
            damping = max(10.0 * damping, 1e-14)
            continue
        size = 0.0
        for j in range(n):
            size = max(size, abs(step[j]))
        shrink = 1.0 if size <= 0.5 else 0.5 / size
        for j in range(n):
            trial[j] = q[j] + shrink * step[j]
        tip_pose(blocks, tip, trial, poses, X)
        candidate = pose_error(X, goal, error)
        if candidate < residual:
            residual = candidate
            q[:] = trial
            damping = max(0.1 * damping, 1e-16)
        else:
            damping = max(10.0 * damping, 1e-14)
            tip_pose(blocks, tip, q, poses, X)
            pose_error(X, goal, error)
            if damping > 1e3:
                break
    return residual


@njit(cache=True, error_model="numpy")
def insert_sorted(q: Array, cost: float, found: Array, costs: Array, count: int) -> int:
    """Insert a configuration by its cost, unless it is there already; return the new count."""
    n = q.shape[0]
    for k in range(count):
        if abs(costs[k] - cost) < 1e-4:
            apart = 0.0
            for j in range(n):
                apart = max(apart, abs(found[k, j] - q[j]))
            if apart < 1e-7:
                return count
    if count == found.shape[0]:
        if cost >= costs[count - 1]:
            return count
        count -= 1
    k = count
    while k > 0 and costs[k - 1] > cost:
        found[k] = found[k - 1]
        costs[k] = costs[k - 1]
        k -= 1
    found[k] = q
    costs[k] = cost
    return count + 1


@njit(cache=True, error_model="numpy")
def distance(a: Array, b: Array) -> float:
    """Return the Euclidean distance of two joint vectors, rad."""
    total = 0.0
    for j in range(a.shape[0]):
        total += (a[j] - b[j]) ** 2
    return math.sqrt(total)


@njit(cache=True, error_model="numpy")
def is_rigid(X: Array) -> bool:
    """Return whether a 4×4 matrix is a rotation and a translation, to about 1e-6."""
    for i in range(3):
        for j in range(4):
            if not math.isfinite(X[i, j]):
                return False
        for j in range(i + 1):
            dot = X[0, i] * X[0, j] + X[1, i] * X[1, j] + X[2, i] * X[2, j]
            if abs(dot - (1.0 if i == j else 0.0)) > 1e-6:
                return False
    determinant = (
        X[0, 0] * (X[1, 1] * X[2, 2] - X[1, 2] * X[2, 1])
        - X[0, 1] * (X[1, 0] * X[2, 2] - X[1, 2] * X[2, 0])
        + X[0, 2] * (X[1, 0] * X[2, 1] - X[1, 1] * X[2, 0])
    )
    is_affine = X[3, 0] == 0.0 and X[3, 1] == 0.0 and X[3, 2] == 0.0 and X[3, 3] == 1.0
    return bool(determinant > 0.0 and is_affine)


@njit(cache=True, error_model="numpy")
def solve_ur(
    blocks: Array,
    tip: Array,
    lengths: Array,
    X_0_base: Array,
    X_tip_6: Array,
    slack: float,
    lower: Array,
    upper: Array,
    goal: Array,
    reference: Array,
    found: Array,
    limit_tolerance: float,
    residual_limit: float,
) -> int:
    """Write every configuration of a nominal arm within the limits that reaches a pose, nearest to a reference first.

    Returns:
        Their number; -1 where the pose is not a rigid motion.
    """
    if not is_rigid(goal):
        return -1
    X_06 = np.empty((3, 4))
    dh_goal(X_0_base, goal, X_tip_6, X_06)
    costs, q = np.empty(found.shape[0]), np.empty(6)
    count = 0
    for branch in range(8):
        if not one_branch(lengths, X_06, branch, reference[5], slack, 0.0, 0.0, q):
            continue
        residual = refine(blocks, tip, goal, q, 40, 0.1 * residual_limit, 1e-12)
        if residual <= residual_limit and wrap(q, reference, lower, upper, limit_tolerance):
            count = insert_sorted(q, distance(q, reference), found, costs, count)
    return count


@njit(cache=True, error_model="numpy")
def dh_goal(X_0_base: Array, goal: Array, X_tip_6: Array, out: Array) -> None:
    """Write the pose of DH frame 6 in DH frame 0, shape (3, 4), that puts the tip at a goal."""
    X_base_6 = np.empty((3, 4))
    compose_into(goal, X_tip_6, X_base_6)
    compose_into(X_0_base, X_base_6, out)


@njit(cache=True, error_model="numpy")
def follow_ur(
    blocks: Array,
    tip: Array,
    lengths: Array,
    X_0_base: Array,
    X_tip_6: Array,
    slack: float,
    goal: Array,
    q: Array,
    residual_limit: float,
) -> bool:
    """Move a configuration to the nearest branch of a pose close by, limits not applied; False where it has none."""
    X_06 = np.empty((3, 4))
    dh_goal(X_0_base, goal, X_tip_6, X_06)
    branches = np.empty((8, 6))
    best, best_jump = -1, np.inf
    for k in range(closed_form(lengths, X_06, q[5], slack, branches)):
        jump = 0.0
        for j in range(6):
            branches[k, j] -= _TURN * np.round((branches[k, j] - q[j]) / _TURN)
            jump = max(jump, abs(branches[k, j] - q[j]))
        if jump < best_jump:
            best, best_jump = k, jump
    if best < 0:
        return False
    q[:] = branches[best]
    return bool(refine(blocks, tip, goal, q, 30, 0.1 * residual_limit, 1e-12) <= residual_limit)


@njit(cache=True, error_model="numpy")
def follow_numeric(blocks: Array, tip: Array, goal: Array, q: Array, residual_limit: float) -> bool:
    """Move a configuration onto a pose close by, by Newton steps, limits not applied."""
    return bool(refine(blocks, tip, goal, q, 30, 0.1 * residual_limit, 1e-12) <= residual_limit)


@njit(cache=True, error_model="numpy")
def solve_numeric(
    blocks: Array,
    tip: Array,
    lower: Array,
    upper: Array,
    goal: Array,
    reference: Array,
    starts: Array,
    found: Array,
    limit_tolerance: float,
    residual_limit: float,
) -> int:
    """Write the distinct configurations that Newton steps reach from many starts, the nearest to a reference first.

    Returns:
        Their number; -1 where the pose is not a rigid motion.
    """
    if not is_rigid(goal):
        return -1
    n = reference.shape[0]
    costs = np.empty(found.shape[0])
    count = 0
    q = np.empty(n)
    for k in range(starts.shape[0] + 1):
        q[:] = reference if k == 0 else starts[k - 1]
        # Steep damping first: far from the goal a full Newton step leads anywhere.
        if refine(blocks, tip, goal, q, 60, 0.1 * residual_limit, 1e-3) > residual_limit:
            continue
        if not wrap(q, reference, lower, upper, limit_tolerance):
            continue
        count = insert_sorted(q, distance(q, reference), found, costs, count)
    return count
