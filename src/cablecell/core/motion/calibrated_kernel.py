"""Inverse kinematics of a UR arm whose calibrated description departs from the DH form, compiled.

Calibration turns axes by tenths of a milliradian, so that none are parallel and no closed form is left. Away from the
singular shells every branch of the nominal arm leads to one of the real arm by a few Newton steps. At a shell two
branches meet, and where they meet differs between the two arms: the nominal arm may have none where the real one has
two, or two where it has four. There the starts come from the closed form held open beside the shell (shoulder, elbow),
or from all zeros of the one equation that is left when joint 6 is taken as given (wrist). And since solutions come in
pairs there, the partner of each that was found is looked for where the fold between the two says it is; where two
shells meet, all along the way on which the tool hardly moves.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cablecell.core.motion.chain import jacobian, pose_error, tip_pose
from cablecell.core.motion.ik_kernel import damped_step, dh_goal, distance, insert_sorted, is_rigid, refine, wrap
from cablecell.core.motion.ur_geometry import one_branch
from cablecell.core.motion.wrist_kernel import CIRCLE, add_root, apart, near_wrist

Array = NDArray[np.float64]

_NEAR_WRIST = 0.08
"""Sine of joint 5 below which joint 6 is searched for all around; next to another shell `_NEAR_BOTH`."""

_NEAR_BOTH = 0.35

_NEAR_ELBOW = 0.2
"""Sine of joint 3 below which there are more starts."""

_NEAR_SHOULDER = 0.1
"""The same, as the part by which the wrist centre is farther out than the shoulder's offset."""

_OPENINGS = (0.0, 0.06, 0.01, 0.17)
"""How far beside the shells of shoulder and elbow starts are, rad."""

_MOST = 32
"""Room for roots; a chain of six joints has at most 16, and what rounding makes of a double one takes more."""

_NEAR_SINGULAR = 0.02
"""Smallest singular value of the Jacobian below which a root has a partner close by."""

_PROBE_RAD = 1e-3

_CURVE_STEP_RAD, _CURVE_STEPS = 0.15, 140
"""Steps along a curve through several roots, and how many of them at most."""

_ROUNDING = 1e-14


@njit(cache=True, error_model="numpy")
def solve_calibrated(
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
    """Write every configuration within the limits that reaches a pose, the nearest to a reference first.

    Returns:
        Their number; -1 where the pose is not a rigid motion.
    """
    if not is_rigid(goal):
        return -1
    X_06 = np.empty((3, 4))
    dh_goal(X_0_base, goal, X_tip_6, X_06)
    arm = (blocks, tip, lengths, X_0_base, X_tip_6, X_06, slack)
    roots, tolerances, n = np.empty((_MOST, 6)), np.full(_MOST, 1e-7), 0
    q = np.empty(6)
    wx, wy = X_06[0, 3] - lengths[5] * X_06[0, 2], X_06[1, 3] - lengths[5] * X_06[1, 2]
    near_shoulder = lengths[3] > (1.0 - _NEAR_SHOULDER) * math.hypot(wx, wy)
    near_elbow = False
    for branch in range(8):
        for shoulder in range(len(_OPENINGS) if near_shoulder else 1):
            for elbow in range(len(_OPENINGS)):
                openings = _OPENINGS[shoulder], _OPENINGS[elbow]
                if not one_branch(lengths, X_06, branch, reference[5], slack, openings[0], openings[1], q):
                    break
                is_stretched = abs(math.sin(q[2])) < _NEAR_ELBOW
                near_elbow |= is_stretched
                is_plain = shoulder == 0 and elbow == 0
                residual = refine(blocks, tip, goal, q, 40, 0.1 * residual_limit, 1e-12 if is_plain else 1e-6)
                if residual <= residual_limit:
                    n = add_root(q, roots, n)
                if not is_stretched:
                    break
    near_another = near_shoulder or near_elbow
    wrist_limit = _NEAR_BOTH if near_another else _NEAR_WRIST
    n, s5 = near_wrist(arm, goal, wrist_limit, CIRCLE, residual_limit, roots, n)
    if near_another or s5 < wrist_limit:
        n = _pair(blocks, tip, goal, residual_limit, roots, tolerances, n)
        if n % 2 == 1:
            # Solutions come in pairs: one was missed, or a double one counted once. A closer look about the wrist.
            n, _ = near_wrist(arm, goal, wrist_limit, 4 * CIRCLE, residual_limit, roots, n)
            n = _pair(blocks, tip, goal, residual_limit, roots, tolerances, n)
    if near_shoulder and s5 < 2.0 * _NEAR_WRIST:
        n = _connected(blocks, tip, goal, residual_limit, roots, tolerances, n)
    costs = np.empty(found.shape[0])
    count = 0
    for k in range(n):
        is_new = True
        for other in range(k):
            is_new &= apart(roots[k], roots[other]) > max(tolerances[k], tolerances[other])
        q[:] = roots[k]
        if is_new and wrap(q, reference, lower, upper, limit_tolerance):
            count = insert_sorted(q, distance(q, reference), found, costs, count)
    return count


@njit(cache=True, error_model="numpy")
def _pair(
    blocks: Array, tip: Array, goal: Array, residual_limit: float, roots: Array, tolerances: Array, n: int
) -> int:
    """Add the partners of roots next to a singular shell; return the number of roots.

    Along the direction v that hardly moves the tool, what is left of its motion is σ t + c t²/2 in one direction u:
    zero at the root and again at t = -2 σ / c. Also writes how well each root is known: the residual over σ.
    """
    poses, X, J = np.empty((6, 3, 4)), np.empty((3, 4)), np.empty((6, 6))
    ahead, behind, q = np.empty(6), np.empty(6), np.empty(6)
    k = 0
    while k < n:
        tip_pose(blocks, tip, roots[k], poses, X)
        jacobian(poses, X, J)
        U, sigmas, Vt = np.linalg.svd(J)
        sigma = sigmas[5]
        tolerances[k] = max(1e-7, residual_limit / sigma)
        if sigma < _NEAR_SINGULAR:
            bend = 0.0
            for side in (-1.0, 1.0):
                for j in range(6):
                    q[j] = roots[k, j] + side * _PROBE_RAD * Vt[5, j]
                tip_pose(blocks, tip, q, poses, X)
                pose_error(X, goal, ahead if side > 0.0 else behind)
            for i in range(6):
                bend -= U[i, 5] * (ahead[i] + behind[i])
            bend /= _PROBE_RAD**2
            for factor in (1.0, 0.7, 1.5):
                step = 2.0 * factor * sigma / bend if abs(bend) > 1e-9 else 0.0
                if step != 0.0 and abs(step) < 1.5:
                    for j in range(6):
                        q[j] = roots[k, j] - step * Vt[5, j]
                    if refine(blocks, tip, goal, q, 40, 0.1 * residual_limit, 1e-12) <= residual_limit:
                        n = add_root(q, roots, n)
        k += 1
    return n


@njit(cache=True, error_model="numpy")
def _connected(
    blocks: Array, tip: Array, goal: Array, residual_limit: float, roots: Array, tolerances: Array, n: int
) -> int:
    """Add the roots that a way along which the tool hardly moves connects with others; return the number of roots.

    Where two shells meet up to four roots lie along one such way, farther apart than a fold between two tells. Leaving
    out the equation that holds it, the other five leave a curve through the root; it is followed until it closes.
    """
    poses, X, J = np.empty((6, 3, 4)), np.empty((3, 4)), np.empty((6, 6))
    k = 0
    while k < n:
        tip_pose(blocks, tip, roots[k], poses, X)
        jacobian(poses, X, J)
        U, sigmas, Vt = np.linalg.svd(J)
        tolerances[k] = max(tolerances[k], residual_limit / sigmas[5])
        if sigmas[5] < _NEAR_SINGULAR:
            for side in (-1.0, 1.0):
                n, is_closed = _along_curve(
                    blocks, tip, goal, residual_limit, roots[k].copy(), side * Vt[5].copy(), U.T.copy(), roots, n
                )
                if is_closed:
                    break
        k += 1
    return n


@njit(cache=True, error_model="numpy")
def _along_curve(
    blocks: Array,
    tip: Array,
    goal: Array,
    residual_limit: float,
    begin: Array,
    direction: Array,
    axes: Array,
    roots: Array,
    n: int,
) -> tuple[int, bool]:
    """Add the roots along the curve on which the pose is reached but for the last of six axes of its error.

    Returns:
        The number of roots, and whether the curve came back to where it began.
    """
    poses, X, J = np.empty((6, 3, 4)), np.empty((3, 4)), np.empty((6, 6))
    error, A, wanted = np.empty(6), np.empty((6, 6)), np.zeros(6)
    q, tangent, trial, start, move = begin.copy(), direction.copy(), np.empty(6), np.empty(6), np.empty(6)
    before, now, after = 0.0, 0.0, 0.0
    way, step = 0.0, _CURVE_STEP_RAD
    for _ in range(_CURVE_STEPS):
        trial[:] = q + step * tangent
        is_there = False
        for _ in range(5):
            tip_pose(blocks, tip, trial, poses, X)
            pose_error(X, goal, error)
            jacobian(poses, X, J)
            A[:] = axes @ J
            wanted[:] = axes @ error
            after = wanted[5]
            A[5] = tangent
            wanted[5] = 0.0
            if np.abs(wanted).max() < 1e-7:
                is_there = True
                break
            if not damped_step(A, wanted, _ROUNDING, move):
                break
            trial += move
        if not is_there:
            step *= 0.5
            if step < 0.02 * _CURVE_STEP_RAD:
                return n, False
            continue
        # A zero between, or where it turns back short of one.
        is_passed = now != 0.0 and (now < 0.0) != (after < 0.0)
        start[:] = q + now / (now - after) * (trial - q) if is_passed else q
        turns_back = before != 0.0 and abs(now) <= min(abs(before), abs(after))
        if (is_passed or turns_back) and refine(
            blocks, tip, goal, start, 40, 0.1 * residual_limit, 1e-12
        ) <= residual_limit:
            n = add_root(start, roots, n)
        wanted[:] = 0.0
        wanted[5] = 1.0
        if not damped_step(A, wanted, _ROUNDING, move):
            return n, False
        tangent[:] = move / math.sqrt((move * move).sum())
        way += step
        q[:] = trial
        before, now = now, after
        step = min(_CURVE_STEP_RAD, 1.5 * step)
        if way > 4.0 * _CURVE_STEP_RAD and apart(q, begin) < 0.7 * _CURVE_STEP_RAD:
            return n, True
    return n, False
