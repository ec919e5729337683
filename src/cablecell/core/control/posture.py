"""Posture of arms with more joints than a pose needs: what is left free returns to how the arm stood.

For an arm of six joints nothing is left free, and all of this is zero.

Source:
    O. Khatib, "A unified approach for motion and force control of robot manipulators: the operational space
    formulation", 1987: the dynamically consistent inverse, the one whose null space accelerates no task.
"""

from __future__ import annotations

import numpy as np

from cablecell.core.control.impedance import operational_inertia
from cablecell.core.geometry import Array

_TASK = 6
"""Directions of a pose."""

_BANDWIDTH = 6.0
"""Of the return to the posture, rad/s: slow against the task, whose inertia it sees only approximately."""


def is_redundant(joints: int) -> bool:
    """Return whether an arm has more joints than a pose needs."""
    return joints > _TASK


def posture_torque(J: Array, M: Array, q: Array, dq: Array, q_rest: Array) -> Array:
    """Return torques that return to a posture without accelerating the tool, shape (n,), N·m.

    Args:
        J: Jacobian of the tool, shape (6, n).
        M: Inertia of the joints, shape (n, n).
        q: Joint positions, shape (n,), rad.
        dq: Joint velocities, shape (n,), rad/s.
        q_rest: The posture, shape (n,), rad.
    """
    wanted = _BANDWIDTH * _BANDWIDTH * (q_rest - q) - 2.0 * _BANDWIDTH * dq
    # tau = N^T M a with N^T = I - J^T Lambda J M^-1, and M^-1 M a is a.
    tau: Array = M @ wanted - J.T @ (operational_inertia(J, M) @ (J @ wanted))
    return tau


def posture_rate(J: Array, q: Array, q_rest: Array) -> Array:
    """Return joint rates that return to a posture without moving the tool, shape (n,), rad/s."""
    wanted = _BANDWIDTH * (q_rest - q)
    rate: Array = wanted - np.linalg.pinv(J) @ (J @ wanted)
    return rate
