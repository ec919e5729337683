"""A port that was found by touch, against where the cameras have it."""

from __future__ import annotations

from typing import Any

import numpy as np

from cablecell.core.fusion.drift import BoardMovedError
from cablecell.core.fusion.ports import PortEstimate, in_parent_axes
from cablecell.ros.conversions import pose_to_matrix

_GATE = 16.27
"""99.9 % of squared Mahalanobis distances with three degrees of freedom lie below."""


def contradiction(port: PortEstimate, message: Any) -> BoardMovedError | None:
    """Return why a port cannot be where it was seen, given that it was felt elsewhere; None where it can.

    Args:
        port: As estimated from images.
        message: A `PortTouch`: its error is that of the port relative to the tip, and that of the tip in the tool.
    """
    X = pose_to_matrix("pose", message.pose.pose)
    off = X[:3, 3] - port.X_base_entrance[:3, 3]
    covariance = in_parent_axes(port.X_base_entrance, port.covariance)[:3, :3]
    for numbers in (message.pose.covariance, message.tip_covariance):
        covariance = covariance + np.reshape(numbers, (6, 6))[:3, :3]
    if float(off @ np.linalg.solve(covariance, off)) <= _GATE:
        return None
    distance_m = float(np.linalg.norm(off))
    sigma_m = float(np.sqrt(off @ covariance @ off)) / distance_m
    return BoardMovedError(
        f"port '{port.name}' was found by touch {1e3 * distance_m:.1f} mm from where it was seen; "
        f"what is known allows {1e3 * sigma_m:.1f} mm (1 sigma)",
        quantity="distance",
        value=distance_m,
        limit=float(np.sqrt(_GATE)) * sigma_m,
        unit="m",
    )
