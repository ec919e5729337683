"""The fiducials as things to look at: pictures of the ChArUco patches, placed on the task board."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.perception import FiducialSet
from cablecell.core.perception.fiducials import build_patches
from cablecell.simulation.render_scene import TexturedPlate

_PIXELS_PER_SQUARE = 96


def fiducial_plates(
    fiducials: FiducialSet, *, brightness: int = 235, softness_m: float = 0.0003
) -> list[TexturedPlate]:
    """Return one plate per patch, placed in `task_board`.

    Args:
        fiducials: What is glued on the board.
        brightness: Grey level of white paper; below 255 so that the camera does not clip.
        softness_m: Standard deviation of the printed edges, m. The renderer looks textures up without filtering, so
            edges sharper than a pixel would jump by whole pixels; this is the filter it lacks.
    """
    sigma = softness_m / fiducials.square_m * _PIXELS_PER_SQUARE
    plates = []
    for patch in build_patches(fiducials):
        columns, rows = patch.pattern.getChessboardSize()
        size = (columns * fiducials.square_m, rows * fiducials.square_m)
        picture = draw(patch.pattern, columns, rows, brightness)
        if sigma > 0.0:
            picture = cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE).astype(np.uint8)
        plates.append(TexturedPlate(size, picture, patch.X_board_patch))
    return plates


def draw(pattern: cv2.aruco.CharucoBoard, columns: int, rows: int, brightness: int) -> NDArray[np.uint8]:
    """Return a picture of a pattern, shape (rows * 96, columns * 96), uint8, black printed on grey-white paper."""
    picture = pattern.generateImage((columns * _PIXELS_PER_SQUARE, rows * _PIXELS_PER_SQUARE), None, 0, 1)
    return np.where(picture > 127, brightness, 12).astype(np.uint8)
