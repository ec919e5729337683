"""What a UR controller drives, and where its flange is."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from cablecell.ports import Vector

_D = (0.1625, 0.0, 0.0, 0.1333, 0.0997, 0.0996)
_A = (0.0, -0.425, -0.3922, 0.0, 0.0, 0.0)
_ALPHA = ((0.0, 1.0), (1.0, 0.0), (1.0, 0.0), (0.0, 1.0), (0.0, -1.0), (1.0, 0.0))
"""Cosine and sine of the twist of each link."""


class UrArm(Protocol):
    """What the controller drives.

    Attributes:
        q: Measured joint positions, shape (6,), rad.
        dq: Measured joint velocities, shape (6,), rad/s.
    """

    q: Vector
    dq: Vector

    def step(self, target: Vector | None, period_s: float) -> None:
        """Follow a set-point, rad, for a period, s; without one come to rest and hold."""
        ...

    def smooth_over(self, lookahead_s: float) -> None:
        """Smooth set-points over a time from now on, s."""
        ...

    def load(self) -> tuple[Vector, Vector]:
        """Return force and torque on the flange, N and N·m, in flange axes, with the weight of what hangs there."""
        ...


def flange_pose(q: Vector) -> Vector:
    """Return the flange of a UR5e in the frame `base` of its controller, by the published lengths, shape (4, 4).

    Args:
        q: Joint positions, shape (6,), rad.
    """
    X = np.eye(4)
    for angle, d, a, (ca, sa) in zip(q.tolist(), _D, _A, _ALPHA, strict=True):
        c, s = math.cos(angle), math.sin(angle)
        X = X @ np.array(((c, -s * ca, s * sa, a * c), (s, c * ca, -c * sa, a * s), (0, sa, ca, d), (0, 0, 0, 1)))
    return X
