"""Find the ChArUco corners of the task board in one image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.perception import DetectionSettings
from cablecell.core.perception.fiducials import Patch
from cablecell.core.perception.outcome import NoEstimate, Reason
from cablecell.ports import Frame

Matrix = NDArray[np.float64]

_SMALLEST_MARKER = 0.01  # perimeter of a marker as a share of the longer side of the image
_WINDOW_PX = 23  # of the threshold: one size finds what three sizes find in a third of the time


@dataclass(frozen=True)
class Corners:
    """Corners of the task board seen in one image.

    Attributes:
        stamp_s: Time of exposure, s.
        frame_id: Optical frame of the camera.
        K: Intrinsics of the full image, shape (3, 3), pixels.
        pixels: Where the corners are in the full image, pixel centres at integers, shape (n, 2).
        points: The same corners in `task_board`, shape (n, 3), m.
        groups: Patch of each corner, shape (n,); corners of one patch share systematic errors.
    """

    stamp_s: float
    frame_id: str
    K: Matrix
    pixels: Matrix
    points: Matrix
    groups: NDArray[np.intp]


def find_corners(
    frame: Frame, patches: tuple[Patch, ...], settings: DetectionSettings | None = None
) -> Corners | NoEstimate:
    """Return the chessboard corners of all patches that are visible in an image.

    Markers are detected once, then every patch interpolates and refines its own corners to sub-pixel accuracy.

    Args:
        frame: Image or region of interest.
        patches: What is glued on the board.
        settings: Thresholds.

    Returns:
        The corners, or `NoEstimate` (NOTHING_SEEN, TOO_FEW_CORNERS).
    """
    settings = settings or DetectionSettings()
    grey = np.asarray(cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    markers, numbers = _find_markers(grey, patches)
    if numbers is None or len(numbers) == 0:
        return NoEstimate(Reason.NOTHING_SEEN, f"no marker in the image of {frame.frame_id}")
    found = [_interpolate(grey, patch, markers, numbers) for patch in patches]
    uv = np.vstack([pixels for pixels, _ in found])
    points = np.vstack([patch.corners[which] for patch, (_, which) in zip(patches, found, strict=True)])
    groups = np.repeat(np.arange(len(patches)), [len(which) for _, which in found])
    last = np.array([grey.shape[1], grey.shape[0]]) - 1.0
    keep = np.all((uv > settings.border_px) & (uv < last - settings.border_px), axis=1)
    uv, points, groups = uv[keep], points[keep], groups[keep]
    if len(uv) < settings.min_corners:
        return NoEstimate(
            Reason.TOO_FEW_CORNERS,
            f"{len(uv)} corners in the image of {frame.frame_id} are below the minimum of {settings.min_corners}",
        )
    offset = np.array([frame.region.x, frame.region.y], dtype=np.float64)
    return Corners(frame.stamp_s, frame.frame_id, frame.K, uv + offset, points, groups)


def _find_markers(grey: NDArray[np.uint8], patches: tuple[Patch, ...]) -> tuple[Sequence[Any], Any]:
    parameters = cv2.aruco.DetectorParameters()
    parameters.minMarkerPerimeterRate = _SMALLEST_MARKER
    parameters.adaptiveThreshWinSizeMin = parameters.adaptiveThreshWinSizeMax = _WINDOW_PX
    detector = cv2.aruco.ArucoDetector(patches[0].pattern.getDictionary(), parameters)
    corners, numbers, _ = detector.detectMarkers(grey)
    return corners, numbers


def _interpolate(
    grey: NDArray[np.uint8], patch: Patch, markers: Sequence[Any], numbers: Any
) -> tuple[Matrix, NDArray[np.intp]]:
    own = set(patch.pattern.getIds().ravel().tolist())
    mine = [index for index, number in enumerate(numbers.ravel()) if int(number) in own]
    nothing = np.zeros((0, 2)), np.zeros(0, dtype=np.intp)
    if not mine:
        return nothing
    parameters = cv2.aruco.CharucoParameters()
    parameters.minMarkers = 1  # at the end of a strip, and beside what hides it, a corner has one marker only
    detector = cv2.aruco.CharucoDetector(patch.pattern, parameters)
    corners, which, _, _ = detector.detectBoard(grey, markerCorners=[markers[i] for i in mine], markerIds=numbers[mine])
    if which is None or len(which) == 0:
        return nothing
    return np.asarray(corners, dtype=np.float64).reshape(-1, 2), np.asarray(which, dtype=np.intp).ravel()
