"""Roots of a calibrated arm about an aligned wrist, compiled.

With joint 6 taken as given the other joints follow in closed form, at the pose corrected for what the real arm and the
nominal one differ there, and one equation is left. Its zeros are looked for all around, and start Newton steps.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cablecell.core.motion.chain import compose_into, tip_pose
from cablecell.core.motion.ik_kernel import dh_goal, refine
from cablecell.core.motion.ur_geometry import dh_pose, outer_miss, shoulder_fold, wrist_axes

Array = NDArray[np.float64]
Arm = tuple[Array, Array, Array, Array, Array, Array, float]
"""(blocks, tip, lengths, X_0_base, X_tip_6, X_06, slack), as `solve_calibrated` has them."""

CIRCLE = 24
"""Values of joint 6 around its circle."""

_HALVINGS = 26

_ROUNDS = 3
"""Corrections of a pose, each good to a hundredth of the one before."""

_FOLD = 0.3
"""Angle between joint 1 of the two shoulders, halved, below which they are told apart from their middle, rad."""

_OFF_SHOULDER_M = 1e-5
"""How far out of the shoulder's reach a pose is still looked at."""

_FINE = 0.08
"""Angle of joint 1 between its two shoulders, halved, and sine of joint 5 below which joint 6 is looked at closer."""

_TURN = 2.0 * math.pi


@njit(cache=True, error_model="numpy")
def apart(a: Array, b: Array) -> float:
    """Return the largest joint difference, whole turns not counted."""
    largest = 0.0
    for j in range(a.shape[0]):
        step = a[j] - b[j]
        largest = max(largest, abs(step - _TURN * np.round(step / _TURN)))
    return largest


@njit(cache=True, error_model="numpy")
def add_root(q: Array, roots: Array, n: int) -> int:
    """Add a root unless it is there already; return their number."""
    for k in range(n):
        if apart(q, roots[k]) < 1e-7:
            return n
    if n == roots.shape[0]:
        return n
    roots[n] = q
    return n + 1


@njit(cache=True, error_model="numpy")
def near_wrist(
    arm: Arm, goal: Array, limit: float, circle: int, residual_limit: float, roots: Array, n: int
) -> tuple[int, float]:
    """Add the roots about wrists aligned to a sine of joint 5; return the number of roots, and the least such sine."""
    lengths, X_06 = arm[2], arm[5]
    middle, out = shoulder_fold(lengths, X_06)
    spread = math.acos(min(1.0, lengths[3] / out))
    least = 1.0
    for side in (-1.0, 1.0):
        along_x, along_y, _ = wrist_axes(X_06, middle + side * spread)
        s5 = math.hypot(along_x, along_y)
        least = min(least, s5)
        if s5 < limit:
            fine = 3 * circle if max(spread, s5) < _FINE else circle
            for elbow in range(2):
                n = _around_wrist(arm, goal, side, elbow, fine, residual_limit, roots, n)
    return n, least


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
                n = add_root(q, roots, n)
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
