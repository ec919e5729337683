"""Inverse kinematics of a UR arm whose calibrated description departs from the DH form, compiled.

Calibration turns axes by tenths of a milliradian, so that none are parallel and no closed form is left. Away from the
singular shells every branch of the nominal arm leads to one of the real arm by a few Newton steps. At a shell two
branches meet, and where they meet differs between the two arms: the nominal arm may have none where the real one has
two, or two where it has four. There the starts come from the closed form held open beside the shell (shoulder, elbow),
or from all zeros of the one equation that is left when joint 6 is taken as given (wrist). And since solutions come in
pairs there, the partner of each that was found is looked for where the fold between the two says it is.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cablecell.core.motion.chain import compose_into, jacobian, pose_error, tip_pose
from cablecell.core.motion.ik_kernel import dh_goal, distance, insert_sorted, is_rigid, refine, wrap
from cablecell.core.motion.ur_geometry import dh_pose, one_branch, outer_miss, shoulder_fold, wrist_axes

Array = NDArray[np.float64]
Arm = tuple[Array, Array, Array, Array, Array, Array, float]
"""(blocks, tip, lengths, X_0_base, X_tip_6, X_06, slack), as `solve_calibrated` has them."""

_NEAR_WRIST = 0.08
"""Sine of joint 5 below which joints 1 and 6 are searched for all around; next to another shell `_NEAR_BOTH`."""

_NEAR_BOTH = 0.35

_NEAR_ELBOW = 0.2
"""Sine of joint 3 below which there are more starts."""

_NEAR_SHOULDER = 0.1
"""The same, as the part by which the wrist centre is farther out than the shoulder's offset."""

_OPENINGS = (0.0, 0.06, 0.01, 0.17)
"""How far beside the shells of shoulder and elbow starts are, rad."""

_CIRCLE = 24
"""Values of joint 6 around its circle."""

_HALVINGS = 26

_ROUNDS = 3
"""Corrections of a pose, each good to a hundredth of the one before."""

_FOLD = 0.3
"""Angle between joint 1 of the two shoulders, halved, below which they are told apart from their middle, rad."""

_OFF_SHOULDER_M = 1e-5
"""How far out of the shoulder's reach a pose is still looked at."""

_MOST = 32
"""Room for roots; a chain of six joints has at most 16, and what rounding makes of a double one takes more."""

_NEAR_SINGULAR = 0.02
"""Smallest singular value of the Jacobian below which a root has a partner close by."""

_PROBE_RAD = 1e-3

_TURN = 2.0 * math.pi


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
                if elbow > 0 and not is_stretched:
                    break
                is_plain = shoulder == 0 and elbow == 0
                residual = refine(blocks, tip, goal, q, 40, 0.1 * residual_limit, 1e-12 if is_plain else 1e-6)
                if residual <= residual_limit:
                    n = _add(q, roots, n)
    near_another = near_shoulder or near_elbow
    n, is_aligned = _near_wrist(arm, goal, near_another, _CIRCLE, residual_limit, roots, n)
    if near_another or is_aligned:
        n = _pair(blocks, tip, goal, residual_limit, roots, tolerances, n)
        if n % 2 == 1:
            # Solutions come in pairs: one was missed, or a double one counted once. A closer look about the wrist.
            n, _ = _near_wrist(arm, goal, near_another, 4 * _CIRCLE, residual_limit, roots, n)
            n = _pair(blocks, tip, goal, residual_limit, roots, tolerances, n)
    costs = np.empty(found.shape[0])
    count = 0
    for k in range(n):
        is_new = True
        for other in range(k):
            is_new &= _apart(roots[k], roots[other]) > max(tolerances[k], tolerances[other])
        q[:] = roots[k]
        if is_new and wrap(q, reference, lower, upper, limit_tolerance):
            count = insert_sorted(q, distance(q, reference), found, costs, count)
    return count


@njit(cache=True, error_model="numpy")
def _apart(a: Array, b: Array) -> float:
    """Return the largest joint difference, whole turns not counted."""
    largest = 0.0
    for j in range(a.shape[0]):
        step = a[j] - b[j]
        largest = max(largest, abs(step - _TURN * np.round(step / _TURN)))
    return largest


@njit(cache=True, error_model="numpy")
def _add(q: Array, roots: Array, n: int) -> int:
    """Add a root unless it is there already; return their number."""
    for k in range(n):
        if _apart(q, roots[k]) < 1e-7:
            return n
    if n == roots.shape[0]:
        return n
    roots[n] = q
    return n + 1


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
                        n = _add(q, roots, n)
        k += 1
    return n


@njit(cache=True, error_model="numpy")
def _near_wrist(
    arm: Arm, goal: Array, near_another: bool, circle: int, residual_limit: float, roots: Array, n: int
) -> tuple[int, bool]:
    """Add the roots whose wrist is nearly aligned; return the number of roots, and whether there may be any."""
    lengths, X_06 = arm[2], arm[5]
    is_aligned = False
    middle, out = shoulder_fold(lengths, X_06)
    spread = math.acos(min(1.0, lengths[3] / out))
    for side in (-1.0, 1.0):
        along_x, along_y, _ = wrist_axes(X_06, middle + side * spread)
        if math.hypot(along_x, along_y) < (_NEAR_BOTH if near_another else _NEAR_WRIST):
            is_aligned = True
            fine = 3 * circle if spread < _NEAR_WRIST and math.hypot(along_x, along_y) < _NEAR_WRIST else circle
            for elbow in range(2):
                n = _around_wrist(arm, goal, side, elbow, fine, residual_limit, roots, n)
    return n, is_aligned


@njit(cache=True, error_model="numpy")
def _around_wrist(
    arm: Arm, goal: Array, side: float, elbow: int, circle: int, residual_limit: float, roots: Array, n: int
) -> int:
    """Add the roots of one shoulder and elbow next to an aligned wrist; return the number of roots.

    With joint 6 given, the other joints follow in closed form and one equation is left: the tool's axis has no part
    across joint 6. For the nominal arm its zeros are half a turn apart; a calibrated one has two or four, anywhere.
    """
    blocks, tip = arm[0], arm[1]
    q, at, misses = np.empty(6), np.empty(2), np.empty(circle)
    step = _TURN / circle
    for k in range(circle):
        misses[k] = _miss(arm, side, elbow, k * step, q)
    for k in range(circle):
        before, now, after = misses[k - 1], misses[k], misses[(k + 1) % circle]
        if math.isnan(now):
            continue
        here = k * step
        starts = 0
        if (now <= 0.0) != (after <= 0.0) and not math.isnan(after):
            at[0], starts = _zero(arm, side, elbow, here, here + step, now <= 0.0), 1
        elif math.isnan(before) or math.isnan(after):
            # Shoulder or elbow reach no farther: there may be a zero up to where they do.
            inside, outside = here, here + (step if math.isnan(after) else -step)
            for _ in range(_HALVINGS):
                middle = 0.5 * (inside + outside)
                if math.isnan(_miss(arm, side, elbow, middle, q)):
                    outside = middle
                else:
                    inside = middle
            at[0], at[1], starts = inside, 0.5 * (here + inside), 2
            if (_miss(arm, side, elbow, inside, q) <= 0.0) != (now <= 0.0):
                at[1] = _zero(arm, side, elbow, here, inside, now <= 0.0)
        elif abs(now) <= min(abs(before), abs(after)) and (now <= 0.0) == (before <= 0.0):
            # It turns back here: about its extreme there are two zeros, or none.
            low, high = here - step, here + step
            for _ in range(_HALVINGS):
                first, second = low + 0.382 * (high - low), low + 0.618 * (high - low)
                is_first_nearer = abs(_miss(arm, side, elbow, first, q)) < abs(_miss(arm, side, elbow, second, q))
                at[0] = first if is_first_nearer else second
                starts = 1
                if (_miss(arm, side, elbow, at[0], q) <= 0.0) != (now <= 0.0):
                    middle = at[0]
                    at[0] = _zero(arm, side, elbow, here - step, middle, now <= 0.0)
                    at[1] = _zero(arm, side, elbow, middle, here + step, now > 0.0)
                    starts = 2
                    break
                if is_first_nearer:
                    high = second
                else:
                    low = first
        for start in range(starts):
            if math.isnan(_miss(arm, side, elbow, at[start], q)):
                continue
            if refine(blocks, tip, goal, q, 40, 0.1 * residual_limit, 1e-12) <= residual_limit:
                n = _add(q, roots, n)
    return n


@njit(cache=True, error_model="numpy")
def _zero(arm: Arm, side: float, elbow: int, low: float, high: float, is_low_negative: bool) -> float:
    """Return the joint 6 between two at which what misses the pose changes its sign."""
    q = np.empty(6)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        if (_miss(arm, side, elbow, middle, q) <= 0.0) == is_low_negative:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


@njit(cache=True, error_model="numpy")
def _miss(arm: Arm, side: float, elbow: int, q6: float, q: Array) -> float:
    """Write the configuration for a joint 6, and return by how much it misses the pose.

    Joint 1 is on one side of where the wrist centre is farthest out from its plane: there it is just far enough.
    """
    lengths, X_06, slack = arm[2], arm[5], arm[6]
    wanted = X_06.copy()
    middle, out = shoulder_fold(lengths, X_06)
    spread = math.acos(min(1.0, lengths[3] / out))
    is_fold = spread < _FOLD
    # At a fold first where the wrist centre is farthest out: the two sides part from there.
    q1 = middle if is_fold else middle + side * spread
    for _ in range(_ROUNDS):
        shift, turn = outer_miss(lengths, wanted, elbow, q1, q6, slack, q)
        if math.isnan(shift):
            return math.nan
        _correct(arm, q, wanted)
        middle, out = shoulder_fold(lengths, wanted)
        q1 = middle if is_fold else middle + side * math.acos(min(1.0, lengths[3] / out))
    if is_fold:
        if out - lengths[3] < -_OFF_SHOULDER_M:
            return math.nan
        q1 = middle + side * math.acos(min(1.0, lengths[3] / out))
        for _ in range(_ROUNDS):
            shift, turn = outer_miss(lengths, wanted, elbow, q1, q6, slack, q)
            if math.isnan(shift):
                return math.nan
            _correct(arm, q, wanted)
            shift, turn = outer_miss(lengths, wanted, elbow, q1, q6, slack, q)
            slope = out * math.sin(q1 - middle)
            if not math.isnan(shift) and abs(slope) > 1e-6:
                q1 += max(-0.1, min(0.1, shift / slope))
    shift, turn = outer_miss(lengths, wanted, elbow, q1, q6, slack, q)
    return turn


@njit(cache=True, error_model="numpy")
def _correct(arm: Arm, q: Array, wanted: Array) -> None:
    """Write the pose at which the nominal arm is about where the real one is to be.

    The two arms differ by a motion that hardly depends on the configuration: that at q is as good as that at the
    solution, to a hundredth.
    """
    blocks, tip, lengths, X_0_base, X_tip_6, X_06, _ = arm
    poses, X, real_06 = np.empty((6, 3, 4)), np.empty((3, 4)), np.empty((3, 4))
    nominal, turn = np.empty((3, 4)), np.empty((3, 4))
    tip_pose(blocks, tip, q, poses, X)
    dh_goal(X_0_base, X, X_tip_6, real_06)
    dh_pose(lengths, q, nominal)
    # turn = nominal real⁻¹
    for i in range(3):
        for j in range(3):
            turn[i, j] = nominal[i, 0] * real_06[j, 0] + nominal[i, 1] * real_06[j, 1] + nominal[i, 2] * real_06[j, 2]
    for i in range(3):
        turn[i, 3] = nominal[i, 3] - (
            turn[i, 0] * real_06[0, 3] + turn[i, 1] * real_06[1, 3] + turn[i, 2] * real_06[2, 3]
        )
    compose_into(turn, X_06, wanted)
