"""Intrinsics of one camera from views of the target alone: nothing is asked of the arm's accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cablecell.core.calibration.camera_model import LensModel
from cablecell.core.calibration.errors import ResidualTooHighError, UnobservableError
from cablecell.core.calibration.views import CalibrationView, require_views
from cablecell.core.config.calibration import CalibrationSettings

Matrix = NDArray[np.float64]

_OUTLIER, _MEDIAN_OF_RAYLEIGH = 5.0, 1.1774
_ROUNDS, _FEWEST = 5, 6


@dataclass(frozen=True)
class LensCalibration:
    """Intrinsics of one camera.

    Attributes:
        lens: The model.
        sigma: Standard deviations of its values, shape (7,).
        rms_px: Of all residuals per axis, px.
        rejected: How many corners were left out.
    """

    lens: LensModel
    sigma: Matrix
    rms_px: float
    rejected: int


def calibrate_lens(
    views: Sequence[CalibrationView], camera: str, start: LensModel, settings: CalibrationSettings | None = None
) -> LensCalibration:
    """Return the intrinsics of one camera from tilted views of a flat target.

    Corners whose residual is far above the median are left out. The target's pose is free in every image.

    Args:
        views: Of the target.
        camera: Which camera.
        start: Model to start from.
        settings: Limits.

    Raises:
        TargetNotSeenError: It never saw the target (code 573).
        TooFewViewsError: It saw it too rarely (code 571).
        ResidualTooHighError: The model explains the images worse than the limit (code 574).
        UnobservableError: The focal length stays too uncertain, as with views that all face the target (code 575).
    """
    settings = settings or CalibrationSettings()
    require_views(views, [camera], settings.min_views)
    seen = [view.corners[camera] for view in views if camera in view.corners]
    keep = [np.ones(len(corners.pixels), dtype=bool) for corners in seen]
    flags = cv2.CALIB_USE_INTRINSIC_GUESS | cv2.CALIB_FIX_K2 | cv2.CALIB_FIX_K3
    for _ in range(_ROUNDS):
        points = [c.points[ok].astype(np.float32) for c, ok in zip(seen, keep, strict=True)]
        pixels = [c.pixels[ok].astype(np.float32) for c, ok in zip(seen, keep, strict=True)]
        found = cv2.calibrateCameraExtended(
            points, pixels, (start.width, start.height), start.pinhole().matrix(), np.zeros(5), flags=flags
        )
        residuals = [
            np.linalg.norm(c.pixels - cv2.projectPoints(c.points, r, t, found[1], found[2])[0].reshape(-1, 2), axis=1)
            for c, r, t in zip(seen, found[3], found[4], strict=True)
        ]
        limit = _OUTLIER * float(np.median(np.concatenate(residuals))) / _MEDIAN_OF_RAYLEIGH
        good = [residual < limit for residual in residuals]
        if all(np.array_equal(a, b) for a, b in zip(good, keep, strict=True)) or min(map(np.sum, good)) < _FEWEST:
            break
        keep = good
    K, d, sigma = found[1], np.ravel(found[2]), np.ravel(found[5])
    values = np.array([K[0, 0], K[1, 1], K[0, 2], K[1, 2], d[0], d[2], d[3]])
    sigmas = np.array([*sigma[:4], sigma[4], sigma[6], sigma[7]])
    rms = float(found[0]) / np.sqrt(2.0)
    if not rms <= settings.max_rms_px:
        raise ResidualTooHighError(
            f"rms residual of {camera} is {rms:.3f} px, the limit is {settings.max_rms_px} px",
            quantity="rms_px",
            value=rms,
            limit=settings.max_rms_px,
            unit="px",
            frame=camera,
        )
    relative = float((sigmas[:2] / values[:2]).max())
    if not relative <= settings.max_focal_sigma:
        raise UnobservableError(
            f"the focal length of {camera} is known to {relative:.4f} of itself, the limit is "
            f"{settings.max_focal_sigma}: tilt the camera against the target",
            quantity="focal_sigma",
            value=relative,
            limit=settings.max_focal_sigma,
            frame=camera,
        )
    return LensCalibration(
        LensModel(start.width, start.height, values), sigmas, rms, sum(int((~ok).sum()) for ok in keep)
    )
