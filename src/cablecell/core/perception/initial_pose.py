"""A first pose of the board from one image, good enough to start a refinement."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from cablecell.core.geometry import exp_so3, make_pose
from cablecell.core.perception.detection import Corners

Matrix = NDArray[np.float64]

_MIN_SPREAD = 0.06  # second to first singular value of the points, below it they lie on a line


def candidate_poses(corners: Corners) -> list[Matrix]:
    """Return possible poses X_optical_board, best first; empty when the corners cannot determine one.

    A flat target seen by one camera has two poses that look almost alike; both are returned, and only other
    knowledge (a second camera, the board lies flat) can choose. Corners on one line determine nothing.
    """
    flat = corners.points - corners.points.mean(axis=0)
    spread = np.linalg.svd(flat, compute_uv=False)
    if len(flat) < 4 or spread[1] < _MIN_SPREAD * spread[0]:
        return []
    count, rotations, translations, _ = cv2.solvePnPGeneric(
        corners.points, corners.pixels, corners.K, None, flags=cv2.SOLVEPNP_IPPE
    )
    poses = [
        make_pose(exp_so3(np.ravel(r)), np.ravel(t))
        for r, t in zip(rotations[:count], translations[:count], strict=True)
    ]
    return [X for X in poses if np.all(np.isfinite(X)) and X[2, 3] > 0.0]
