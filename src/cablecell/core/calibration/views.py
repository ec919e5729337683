"""What a calibration is made from: corners of the target in the images of a view, and the reported pose of the tool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cablecell.core.calibration.errors import TargetNotSeenError, TooFewViewsError
from cablecell.core.perception.detection import Corners

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class CalibrationView:
    """One standstill of the arm before the target.

    Attributes:
        X_base_tcp: Pose of the tool as forward kinematics reports it, shape (4, 4).
        corners: Corners of the target by camera; their `points` are in the target's frame. A camera that did not see
            the target is absent.
    """

    X_base_tcp: Matrix
    corners: Mapping[str, Corners]


def require_views(views: Sequence[CalibrationView], cameras: Sequence[str], fewest: int) -> None:
    """Check that every camera has enough views of the target.

    Raises:
        TargetNotSeenError: A camera never saw it (code 573).
        TooFewViewsError: A camera saw it too rarely (code 571).
    """
    for camera in cameras:
        count = sum(camera in view.corners for view in views)
        if count == 0:
            raise TargetNotSeenError(
                f"camera '{camera}' did not see the target in any of {len(views)} views",
                quantity="views",
                value=0,
                limit=fewest,
                frame=camera,
            )
        if count < fewest:
            raise TooFewViewsError(
                f"camera '{camera}' saw the target in {count} views; at least {fewest} are needed",
                quantity="views",
                value=count,
                limit=fewest,
                frame=camera,
            )
