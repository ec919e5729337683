"""Where a tip is in the tool, from touching one fixed point in several orientations (pivot calibration)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cablecell.core.calibration.closed_forms import require_spread
from cablecell.core.calibration.errors import ResidualTooHighError, TooFewViewsError

Matrix = NDArray[np.float64]

_HUBER = 1.345
_MAD_TO_SIGMA = 1.4826
_ROUNDS = 20


@dataclass(frozen=True)
class PivotCalibration:
    """Result of touching a point.

    Attributes:
        p_tcp_tip: The tip in `tcp`, shape (3,), m.
        p_base_point: The point in `base_link`, shape (3,), m.
        covariance: Of both, stacked, shape (6, 6), m².
        residuals_m: Distance of the tip from the point at every touch, shape (n,).
        sigma_m: Scatter of a touch along each axis, as found, m.
    """

    p_tcp_tip: Matrix
    p_base_point: Matrix
    covariance: Matrix
    residuals_m: Matrix
    sigma_m: float


def calibrate_pivot(
    touches: Sequence[Matrix], *, min_touches: int = 5, min_spread_rad: float = 0.15, max_sigma_m: float = 0.0005
) -> PivotCalibration:
    """Return the tip for which all touches agree: R_i p_tip + p_i = p_point, by weighted least squares.

    The system is linear; touches that contradict the others get Huber weights. The scatter is estimated from the
    residuals, with as many degrees of freedom as remain.

    Args:
        touches: X_base_tcp at every touch of the point, shape (4, 4).
        min_touches: Fewest touches.
        min_spread_rad: Least turn about the second axis, rms over pairs.
        max_sigma_m: Largest scatter of a touch, m.

    Raises:
        TooFewViewsError: There are too few touches (code 571).
        RotationsTooParallelError: The orientations are too alike (code 572).
        ResidualTooHighError: The touches do not meet in one point (code 574).

    Source:
        Yaniv 2015, "Which pivot calibration?", algebraic one-step method.
    """
    if len(touches) < min_touches:
        raise TooFewViewsError(
            f"{len(touches)} touches are too few; at least {min_touches} are needed",
            quantity="touches",
            value=len(touches),
            limit=min_touches,
        )
    require_spread(touches, min_spread_rad)
    rows = np.array([np.hstack([X[:3, :3], -np.eye(3)]) for X in touches])
    right = np.array([-X[:3, 3] for X in touches])
    weights = np.ones(len(touches))
    for _ in range(_ROUNDS):
        H = np.einsum("n,nia,nib->ab", weights, rows, rows)
        solution = np.linalg.solve(H, np.einsum("n,nia,ni->a", weights, rows, right))
        residual = right - rows @ solution
        distance = np.linalg.norm(residual, axis=1)
        scale = max(_MAD_TO_SIGMA * float(np.median(np.abs(residual))), 1e-12)
        new = np.minimum(1.0, _HUBER * np.sqrt(3.0) * scale / np.maximum(distance, 1e-300))
        if float(np.abs(new - weights).max()) < 1e-9:
            break
        weights = new
    freedom = 3.0 * float(weights.sum()) - 6.0
    variance = float((weights * distance**2).sum()) / freedom
    if np.sqrt(variance) > max_sigma_m:
        raise ResidualTooHighError(
            f"the touches scatter by {1e3 * np.sqrt(variance):.3f} mm about one point, the limit is "
            f"{1e3 * max_sigma_m:.3f} mm: the point or the plug in the gripper moved",
            quantity="touch_scatter",
            value=float(np.sqrt(variance)),
            limit=max_sigma_m,
            unit="m",
            frame="base_link",
        )
    return PivotCalibration(solution[:3], solution[3:], variance * np.linalg.inv(H), distance, float(np.sqrt(variance)))
