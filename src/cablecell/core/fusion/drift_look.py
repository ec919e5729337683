"""A look as the drift watch takes it: where the board is in each image alone, and how surely."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.estimator import EstimatorSettings
from cablecell.core.fusion.drift import SeenPose
from cablecell.core.geometry import exp_se3, invert_pose
from cablecell.core.perception.detection import Corners
from cablecell.core.perception.reprojection import image_information

Matrix = NDArray[np.float64]

_STEPS = 25
_TOLERANCE = 1e-7
_WIDE = np.diag([1.0 / 0.05**2] * 3 + [1.0 / 0.2**2] * 3)
"""What is known beforehand: directions that an image leaves open, as strips of corners do, stay as open as this."""


def seen_boards(
    seen: Mapping[str, Corners],
    mounts: Mapping[str, Matrix],
    X_base_tcp: Matrix,
    X_base_board: Matrix,
    settings: EstimatorSettings,
) -> dict[str, SeenPose]:
    """Return X_optical_board of every image by itself; images that do not agree with any pose are absent.

    Args:
        seen: Corners by camera.
        mounts: X_tcp_optical by camera, to start from.
        X_base_tcp: Pose of the tool, shape (4, 4).
        X_base_board: Where the board is, roughly, shape (4, 4).
        settings: Sizes of the errors of corners.
    """
    found = {}
    for name, corners in seen.items():
        X_start = invert_pose(X_base_tcp @ mounts[name]) @ X_base_board
        X = X_start
        for _ in range(_STEPS):
            image = image_information(corners, X, sigma_px=settings.corner_sigma_px, shared_px=settings.shared_sigma_px)
            step = np.linalg.solve(image.H + _WIDE, image.g)
            X = X @ exp_se3(step)
            if float(np.abs(step).max()) < _TOLERANCE:
                break
        if image.rms_px <= settings.max_rms_px and image.inlier_share >= settings.min_inlier_share:
            found[name] = SeenPose(X, np.asarray(np.linalg.inv(image.H + _WIDE), dtype=np.float64))
    return found
