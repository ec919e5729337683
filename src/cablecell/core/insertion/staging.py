"""Where the arm goes before the skill takes over: in front of the port, on its axis, clear of every uncertainty."""

from __future__ import annotations

import math

import numpy as np

from cablecell.core.geometry import Array, invert_pose, make_pose
from cablecell.core.insertion.observation import PoseEstimate
from cablecell.core.insertion.profile import ConnectorProfile

STAGING_GAP_M = 0.006
"""Distance of the staging pose before the start of the guarded move."""

HEIGHTS_ABOVE_M = (0.05, 0.1, 0.15, 0.2)
"""How far back from the staging pose a way may turn towards it: the lowest that is free is the shortest."""

CORNER_M = 0.02
"""How far from that turn the way may leave it."""


def staging_pose(port: PoseEstimate, tip: PoseEstimate, profile: ConnectorProfile, contact_margin_m: float) -> Array:
    """Return `X_base_tcp` of the staging pose, shape (4, 4).

    Args:
        port: Estimated entrance in `base_link`.
        tip: Believed tip in `tcp`.
        profile: The connector: what leads the tip, and where the plug lands.
        contact_margin_m: Guarded distance beyond three sigma, m.
    """
    sigma = 3.0 * math.sqrt(float(port.covariance[2, 2] + tip.covariance[2, 2]))
    lead = sigma + contact_margin_m + STAGING_GAP_M + profile.nose_m - profile.rim_m
    return np.asarray(port.X @ make_pose(np.eye(3), [0.0, 0.0, -lead]) @ invert_pose(tip.X))


def poses_above(X_base_tcp: Array, axis: Array) -> list[Array]:
    """Return poses from which a straight line along the axis of insertion leads to the staging pose, the nearest first.

    Where the straight line from somewhere else is not free, because plug or cable would sweep through what stands
    beside the port, a line to one of them and from there down often is, and keeps the arm in the posture it has.

    Args:
        X_base_tcp: The staging pose, shape (4, 4).
        axis: Direction of insertion in `base_link`, unit, shape (3,).
    """
    found = []
    for height_m in HEIGHTS_ABOVE_M:
        X = X_base_tcp.copy()
        X[:3, 3] -= height_m * axis
        found.append(X)
    return found
