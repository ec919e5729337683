"""Closed-form inverse kinematics of the UR family: all branches of one pose, in plain scalars.

The derivation takes the wrist centre out first: joint 1 from where the line of the wrist passes the base axis, joint 5
from how far the tool stands beside joint 1's plane, joint 6 from the tool's axes, and joints 2 to 4 from a planar arm.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_ROUNDING = 1e-9
"""By how much the argument of an arccosine may exceed 1 before the pose counts as out of reach."""

_WRIST_ALIGNED = 1e-7
"""Below this |sin q5| joints 4 and 6 turn about the same axis, and joint 6 is free."""

Configuration = tuple[float, float, float, float, float, float]


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

    def solve(self, X_06: Sequence[Sequence[float]], q6_if_free: float = 0.0) -> list[Configuration]:
        """Return every configuration that reaches a pose: up to 8, none when it is out of reach.

        Angles are not wrapped and no limit is applied. Close to a singularity the error grows to about 1e-11.

        Args:
            X_06: Pose of DH frame 6 in DH frame 0, as four (or three) rows of four numbers.
            q6_if_free: Joint 6, rad, where the wrist is aligned and any value would do.

        Source:
            Own derivation from the DH parameters; checked by forward kinematics in the tests.
        """
        (r00, r01, r02, px), (r10, r11, r12, py), (r20, r21, r22, pz) = X_06[0], X_06[1], X_06[2]
        wx, wy, wz = px - self.d6 * r02, py - self.d6 * r12, pz - self.d6 * r22
        reach = math.hypot(wx, wy)
        spread = _arccos(self.d4, reach)
        if spread is None:
            return []
        found: list[Configuration] = []
        middle = math.atan2(wy, wx) + 0.5 * math.pi
        for q1 in _both_signs(spread, middle):
            s1, c1 = math.sin(q1), math.cos(q1)
            bend = _arccos(px * s1 - py * c1 - self.d4, self.d6)
            if bend is None:
                continue
            for q5 in _both_signs(bend):
                s5, c5 = math.sin(q5), math.cos(q5)
                if abs(s5) < _WRIST_ALIGNED:
                    q6 = q6_if_free
                else:
                    g = math.copysign(1.0, s5)
                    q6 = math.atan2(g * (r11 * c1 - r01 * s1), g * (r00 * s1 - r10 * c1))
                s6, c6 = math.sin(q6), math.cos(q6)
                # Frame 4: its x axis, and its origin one wrist link behind the wrist centre.
                x4x = c5 * (c6 * r00 - s6 * r01) - s5 * r02
                x4y = c5 * (c6 * r10 - s6 * r11) - s5 * r12
                x4z = c5 * (c6 * r20 - s6 * r21) - s5 * r22
                p4x = wx + self.d5 * (s6 * r00 + c6 * r01)
                p4y = wy + self.d5 * (s6 * r10 + c6 * r11)
                p4z = wz + self.d5 * (s6 * r20 + c6 * r21)
                out, up = p4x * c1 + p4y * s1, p4z - self.d1
                elbow = _arccos(out * out + up * up - self.a2**2 - self.a3**2, 2.0 * self.a2 * self.a3)
                if elbow is None:
                    continue
                pitch = math.atan2(x4z, x4x * c1 + x4y * s1)
                for q3 in _both_signs(elbow):
                    q2 = math.atan2(up, out) - math.atan2(self.a3 * math.sin(q3), self.a2 + self.a3 * math.cos(q3))
                    found.append((q1, q2, q3, pitch - q2 - q3, q5, q6))
        return found


def _arccos(numerator: float, denominator: float) -> float | None:
    """Return the angle of a cosine given as a quotient, or None where it exceeds 1 by more than rounding."""
    if abs(numerator) > abs(denominator) * (1.0 + _ROUNDING):
        return None
    return math.acos(max(-1.0, min(1.0, numerator / denominator)))


def _both_signs(angle: float, middle: float = 0.0) -> tuple[float, ...]:
    """Return middle ± angle, once where both are the same."""
    if angle == 0.0 or angle == math.pi:
        return (middle + angle,)
    return middle + angle, middle - angle
