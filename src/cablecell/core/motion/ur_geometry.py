"""Closed-form inverse kinematics of the UR family: all branches of one pose, compiled.

The derivation takes the wrist centre out first: joint 1 from where the line of the wrist passes the base axis, joint 5
from how far the tool stands beside joint 1's plane, joint 6 from the tool's axes, and joints 2 to 4 from a planar arm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

ROUNDING = 1e-9
"""By how much the argument of an arccosine may exceed 1 before the pose counts as out of reach."""

_WRIST_ALIGNED = 1e-10
"""Below this |sin q5| joints 4 and 6 turn about the same axis as far as a pose can tell, and joint 6 is free."""


@dataclass(frozen=True)
class UrGeometry:
    """Denavit-Hartenberg lengths of a UR arm, m; alpha is (90, 0, 0, 90, -90, 0) degrees.

    Attributes:
        d1: Height of the shoulder.
        a2: Minus the length of the upper arm.
        a3: Minus the length of the forearm.
        d4: Sideways offset of the wrist.
        d5: Length of the second wrist link.
        d6: Length of the third wrist link.
    """

    d1: float
    a2: float
    a3: float
    d4: float
    d5: float
    d6: float

    @property
    def lengths(self) -> Array:
        """The six lengths in the order of the attributes, as `closed_form` takes them."""
        return np.array([self.d1, self.a2, self.a3, self.d4, self.d5, self.d6])

    def solve(self, X_06: ArrayLike, q6_if_free: float = 0.0) -> Array:
        """Return every configuration that reaches a pose, shape (k, 6): up to 8, none when it is out of reach.

        Angles are not wrapped and no limit is applied. Close to a singularity the error grows to about 1e-11.

        Args:
            X_06: Pose of DH frame 6 in DH frame 0, shape (4, 4) or (3, 4).
            q6_if_free: Joint 6, rad, where the wrist is aligned and any value would do.
        """
        out = np.empty((8, 6))
        return out[: closed_form(self.lengths, np.asarray(X_06, dtype=float), q6_if_free, ROUNDING, out)]


@njit(cache=True, error_model="numpy")
def closed_form(lengths: Array, X: Array, q6_if_free: float, slack: float, out: Array) -> int:
    """Write every configuration that reaches a pose of DH frame 6 in DH frame 0 into `out`, shape (8, 6).

    Returns:
        Their number.
    """
    count = 0
    for branch in range(8):
        if one_branch(lengths, X, branch, q6_if_free, slack, 0.0, 0.0, out[count]):
            count += 1
    return count


@njit(cache=True, error_model="numpy")
def one_branch(
    lengths: Array,
    X: Array,
    branch: int,
    q6_if_free: float,
    slack: float,
    shoulder_opening: float,
    elbow_opening: float,
    q: Array,
) -> bool:
    """Write the configuration of one branch that reaches a pose; False where there is none.

    Args:
        lengths: (d1, a2, a3, d4, d5, d6), m.
        X: Wanted pose of DH frame 6 in DH frame 0.
        branch: 4 (shoulder) + 2 (wrist) + 1 (elbow), each for the second sign.
        q6_if_free: Joint 6, rad, where the wrist is aligned.
        slack: By how much the argument of an arccosine may exceed 1; it is cut there. Above rounding, what comes out
            may be a start beside the pose, for an arm that departs from the DH form.
        shoulder_opening: How far the shoulder is at least from its singular shell, rad: 0 for solutions, more for
            starts beside the shell.
        elbow_opening: The same of the elbow.
        q: Receives the configuration.

    Source:
        Own derivation from the DH parameters; checked by forward kinematics in the tests.
    """
    q1 = _shoulder(lengths, X, branch, slack, shoulder_opening)
    if math.isnan(q1):
        return False
    along_x, along_y, c5 = wrist_axes(X, q1)
    s5 = math.hypot(along_x, along_y)
    if s5 < _WRIST_ALIGNED:
        if (branch & 2) != 0:
            return False
        q6 = q6_if_free
    elif (branch & 2) != 0:
        s5 = -s5
        q6 = math.atan2(-along_y, -along_x)
    else:
        q6 = math.atan2(along_y, along_x)
    return _arm(lengths, X, branch, slack, elbow_opening, q1, s5, c5, q6, q)


@njit(cache=True, error_model="numpy")
def outer_miss(
    lengths: Array, X: Array, elbow: int, q1: float, q6: float, slack: float, q: Array
) -> tuple[float, float]:
    """Write the configuration with given joints 1 and 6 that reaches all of a pose but one shift and one turn.

    Args:
        lengths: (d1, a2, a3, d4, d5, d6), m.
        X: Wanted pose of DH frame 6 in DH frame 0.
        elbow: 0 or 1.
        q1: Joint 1, rad.
        q6: Joint 6, rad.
        slack: As in `one_branch`.
        q: Receives the configuration.

    Returns:
        By how much the wrist centre stands farther out from joint 1's plane than it should, m, and the part of the
        tool's axes, of length 1, across joint 6; both 0 where the pose is reached, NaN where the elbow does not get
        there.
    """
    along_x, along_y, c5 = wrist_axes(X, q1)
    s6, c6 = math.sin(q6), math.cos(q6)
    if not _arm(lengths, X, elbow, slack, 0.0, q1, along_x * c6 + along_y * s6, c5, q6, q):
        return math.nan, math.nan
    wx, wy = X[0, 3] - lengths[5] * X[0, 2], X[1, 3] - lengths[5] * X[1, 2]
    return wx * math.sin(q1) - wy * math.cos(q1) - lengths[3], along_y * c6 - along_x * s6


@njit(cache=True, error_model="numpy")
def shoulder_fold(lengths: Array, X: Array) -> tuple[float, float]:
    """Return joint 1 at which the wrist centre is farthest out from its plane, rad, and how far that is, m."""
    wx, wy = X[0, 3] - lengths[5] * X[0, 2], X[1, 3] - lengths[5] * X[1, 2]
    return math.atan2(wy, wx) + 0.5 * math.pi, math.hypot(wx, wy)


@njit(cache=True, error_model="numpy")
def _shoulder(lengths: Array, X: Array, branch: int, slack: float, opening: float) -> float:
    """Return joint 1, or NaN where the wrist centre is too near to the base's axis."""
    wx, wy = X[0, 3] - lengths[5] * X[0, 2], X[1, 3] - lengths[5] * X[1, 2]
    spread = _arccos(lengths[3], math.hypot(wx, wy), slack)
    if spread < 0.0:
        return math.nan
    spread = max(spread, opening)
    if (branch & 4) != 0:
        if spread == 0.0 or spread == math.pi:
            return math.nan
        spread = -spread
    return math.atan2(wy, wx) + 0.5 * math.pi + spread


@njit(cache=True, error_model="numpy")
def wrist_axes(X: Array, q1: float) -> tuple[float, float, float]:
    """Return the sine of joint 5 times cosine and sine of joint 6, and the cosine of joint 5.

    They are the tool's axes along joint 1's plane. The length of the first two keeps its digits where the wrist is
    nearly aligned, which an arccosine loses.
    """
    s1, c1 = math.sin(q1), math.cos(q1)
    return X[0, 0] * s1 - X[1, 0] * c1, X[1, 1] * c1 - X[0, 1] * s1, X[0, 2] * s1 - X[1, 2] * c1


@njit(cache=True, error_model="numpy")
def _arm(
    lengths: Array,
    X: Array,
    branch: int,
    slack: float,
    opening: float,
    q1: float,
    s5: float,
    c5: float,
    q6: float,
    q: Array,
) -> bool:
    """Write the configuration of one elbow for joints 1, 5 and 6; False where the planar arm does not reach."""
    d1, a2, a3, d5, d6 = lengths[0], lengths[1], lengths[2], lengths[4], lengths[5]
    wx, wy, wz = X[0, 3] - d6 * X[0, 2], X[1, 3] - d6 * X[1, 2], X[2, 3] - d6 * X[2, 2]
    s1, c1, s6, c6 = math.sin(q1), math.cos(q1), math.sin(q6), math.cos(q6)
    # Frame 4: its x axis, and its origin one wrist link behind the wrist centre.
    x4x = c5 * (c6 * X[0, 0] - s6 * X[0, 1]) - s5 * X[0, 2]
    x4y = c5 * (c6 * X[1, 0] - s6 * X[1, 1]) - s5 * X[1, 2]
    x4z = c5 * (c6 * X[2, 0] - s6 * X[2, 1]) - s5 * X[2, 2]
    p4x = wx + d5 * (s6 * X[0, 0] + c6 * X[0, 1])
    p4y = wy + d5 * (s6 * X[1, 0] + c6 * X[1, 1])
    p4z = wz + d5 * (s6 * X[2, 0] + c6 * X[2, 1])
    forward, up = p4x * c1 + p4y * s1, p4z - d1
    q3 = _arccos(forward * forward + up * up - a2 * a2 - a3 * a3, 2.0 * a2 * a3, slack)
    if q3 < 0.0:
        return False
    if opening > 0.0:
        q3 = max(opening, min(math.pi - opening, q3))
    if (branch & 1) != 0:
        if q3 == 0.0 or q3 == math.pi:
            return False
        q3 = -q3
    q2 = math.atan2(up, forward) - math.atan2(a3 * math.sin(q3), a2 + a3 * math.cos(q3))
    q[0], q[1], q[2] = q1, q2, q3
    q[3], q[4], q[5] = math.atan2(x4z, x4x * c1 + x4y * s1) - q2 - q3, math.atan2(s5, c5), q6
    return True


@njit(cache=True, error_model="numpy")
def dh_pose(lengths: Array, q: Array, out: Array) -> None:
    """Write the pose of DH frame 6 in DH frame 0, shape (3, 4)."""
    s1, c1 = math.sin(q[0]), math.cos(q[0])
    s5, c5, s6, c6 = math.sin(q[4]), math.cos(q[4]), math.sin(q[5]), math.cos(q[5])
    s2, c2 = math.sin(q[1]), math.cos(q[1])
    s23, c23 = math.sin(q[1] + q[2]), math.cos(q[1] + q[2])
    s234, c234 = math.sin(q[1] + q[2] + q[3]), math.cos(q[1] + q[2] + q[3])
    d1, a2, a3, d4, d5, d6 = lengths[0], lengths[1], lengths[2], lengths[3], lengths[4], lengths[5]
    # In joint 1's plane: along it, up, and across, where the axes of joints 2 to 4 point.
    ax, az, aw = c234 * c5 * c6 - s234 * s6, s234 * c5 * c6 + c234 * s6, s5 * c6
    bx, bz, bw = -c234 * c5 * s6 - s234 * c6, -s234 * c5 * s6 + c234 * c6, -s5 * s6
    zx, zz, zw = -c234 * s5, -s234 * s5, c5
    px = a2 * c2 + a3 * c23 + d5 * s234 + d6 * zx
    pz = d1 + a2 * s2 + a3 * s23 - d5 * c234 + d6 * zz
    pw = d4 + d6 * zw
    out[0, 0], out[1, 0], out[2, 0] = c1 * ax + s1 * aw, s1 * ax - c1 * aw, az
    out[0, 1], out[1, 1], out[2, 1] = c1 * bx + s1 * bw, s1 * bx - c1 * bw, bz
    out[0, 2], out[1, 2], out[2, 2] = c1 * zx + s1 * zw, s1 * zx - c1 * zw, zz
    out[0, 3], out[1, 3], out[2, 3] = c1 * px + s1 * pw, s1 * px - c1 * pw, pz


@njit(cache=True, error_model="numpy")
def _arccos(numerator: float, denominator: float, slack: float) -> float:
    """Return the angle of a cosine given as a quotient, or -1 where it exceeds 1 by more than the slack."""
    if abs(numerator) > abs(denominator) * (1.0 + slack):
        return -1.0
    return math.acos(max(-1.0, min(1.0, numerator / denominator)))
