"""Geometry of the fiducials: where every corner of every ChArUco patch is on the task board."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.perception import FiducialPatch, FiducialSet
from cablecell.core.errors import ConfigurationError

Matrix = NDArray[np.float64]


class FiducialError(ConfigurationError):
    """The fiducials cannot be built: an unknown dictionary or too few markers in it."""

    code = 921


@dataclass(frozen=True)
class Patch:
    """A ChArUco patch placed on the board.

    Attributes:
        name: Name of the patch.
        pattern: Its OpenCV pattern.
        X_board_patch: Pose of the patch's top left corner in `task_board`; x along columns, y down the rows, z into
            the board.
        corners: Inner chessboard corners in `task_board`, in the order of OpenCV's corner numbers, shape (n, 3), m.
    """

    name: str
    pattern: Any
    X_board_patch: Matrix
    corners: Matrix


def dictionary(name: str) -> Any:
    """Return OpenCV's marker dictionary of that name.

    Raises:
        FiducialError: There is no such dictionary (code 921).
    """
    valid = sorted(key for key in dir(cv2.aruco) if key.startswith("DICT_"))
    if name not in valid:
        raise FiducialError(
            f"dictionary = '{name}' is unknown; valid are {', '.join(valid)}",
            quantity="dictionary",
            value=name,
            limit=", ".join(valid),
        )
    return cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, name))


def place_patch(patch: FiducialPatch, square_m: float) -> Matrix:
    """Return X_board_patch of the top left corner of a patch that lies face up."""
    c, s = float(np.cos(patch.yaw_rad)), float(np.sin(patch.yaw_rad))
    X = np.eye(4)
    X[:3, :3] = np.array([[c, s, 0.0], [s, -c, 0.0], [0.0, 0.0, -1.0]])
    half = np.array([patch.columns, patch.rows, 0.0]) * square_m / 2.0
    X[:3, 3] = np.asarray(patch.centre_m) - X[:3, :3] @ half
    return X


@lru_cache(maxsize=8)
def build_patches(fiducials: FiducialSet) -> tuple[Patch, ...]:
    """Return the patches of a configuration with all corner positions.

    Raises:
        FiducialError: The dictionary is unknown or has too few markers (code 921).
    """
    markers = dictionary(fiducials.dictionary)
    available = int(markers.bytesList.shape[0])
    patches = []
    for patch in fiducials.patches:
        last = patch.first_marker + patch.marker_count - 1
        if last >= available:
            raise FiducialError(
                f"patch '{patch.name}' needs marker {last}; {fiducials.dictionary} ends at {available - 1}",
                quantity="first_marker",
                value=last,
                limit=available - 1,
            )
        numbers = np.arange(patch.first_marker, last + 1, dtype=np.int32)
        pattern = cv2.aruco.CharucoBoard(
            (patch.columns, patch.rows), fiducials.square_m, fiducials.marker_m, markers, numbers
        )
        X = place_patch(patch, fiducials.square_m)
        inner = np.asarray(pattern.getChessboardCorners(), dtype=np.float64).reshape(-1, 3)
        patches.append(Patch(patch.name, pattern, X, inner @ X[:3, :3].T + X[:3, 3]))
    return tuple(patches)


def extent(patches: tuple[Patch, ...]) -> Matrix:
    """Return the corners of the patches' outlines in `task_board`, shape (4 n, 3), m."""
    outlines = []
    for patch in patches:
        right, bottom = np.asarray(patch.pattern.getRightBottomCorner(), dtype=np.float64)[:2]
        local = np.array([[0.0, 0.0, 0.0], [right, 0.0, 0.0], [right, bottom, 0.0], [0.0, bottom, 0.0]])
        outlines.append(local @ patch.X_board_patch[:3, :3].T + patch.X_board_patch[:3, 3])
    return np.vstack(outlines)


def parse(values: Mapping[str, object]) -> FiducialSet:
    """Return the fiducials described by the contents of a YAML file.

    Raises:
        ParameterError: An unknown key, a wrong type or a value out of range (code 901).
    """
    from cablecell.core.config.parameters import validate

    return validate(FiducialSet, values)
