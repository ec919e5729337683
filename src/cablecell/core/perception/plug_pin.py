"""What a camera sees of a round pin: the two lines at which its round turns away, and the rim of its end."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cablecell.core.perception.plug_body import BodyPin
from cablecell.core.perception.reprojection import project

Matrix = NDArray[np.float64]
Numbers = NDArray[np.intp]

_FEWEST_POINTS = 3
_RIM_STEPS = 33  # in which the length of a rim in the image is measured


def pin_outline(
    pin: BodyPin, X_optical_tip: Matrix, K: Matrix, left_out: float, step_px: float
) -> tuple[Matrix, Matrix, Numbers, Matrix]:
    """Return points on the outline of a pin: places, direction of their edge, its number, ways across its faces.

    A small turn or shift of the pin moves the lines at which it turns away along the line of sight only, which is not
    seen: the points may be taken as fixed to the pin. The rim is one edge where the round beside it faces the camera,
    and another where only the end does.

    Args:
        pin: The pin.
        X_optical_tip: Where the tip is thought to be, shape (4, 4).
        K: Intrinsics, shape (3, 3), px.
        left_out: Share of an edge that is left out at both ends.
        step_px: Distance of points along an edge.

    Returns:
        Points in the frame of the tip, shape (n, 3), m; directions, shape (n, 3); numbers from 0, shape (n,); from each
        point across its two faces to their other ends, shape (n, 2, 3), m, NaN for a face that looks away.
    """
    eye = -X_optical_tip[:3, :3].T @ X_optical_tip[:3, 3]
    away, radius = float(np.hypot(eye[0], eye[1])), pin.radius_m
    towards = float(np.arctan2(eye[1], eye[0]))
    # Half of the turn through which the round faces the eye.
    half_turn = float(np.arccos(radius / away)) if away > radius else 0.0
    nowhere = np.full(3, np.nan)
    edges: list[tuple[Matrix, Matrix, Matrix]] = []
    if half_turn > 0.0:
        back = np.array([0.0, 0.0, -pin.length_m])
        sides = _on_rim(radius, np.array([towards - half_turn, towards + half_turn]))
        for side, other in ((sides[0], sides[1]), (sides[1], sides[0])):
            shares = _shares(_length_px(np.stack([side, side + back]), X_optical_tip, K), left_out, step_px)
            points = side + shares[:, None] * back
            edges.append((points, np.broadcast_to(-back, points.shape), _both(other - side, nowhere, len(points))))
        points, along = _rim(radius, towards - half_turn, towards + half_turn, X_optical_tip, K, left_out, step_px)
        edges.append((points, along, _both(back, -2.0 * points if eye[2] > 0.0 else nowhere, len(points))))
    if eye[2] > 0.0:
        begin, end = towards + half_turn, towards - half_turn + 2.0 * np.pi
        points, along = _rim(radius, begin, end, X_optical_tip, K, left_out, step_px)
        edges.append((points, along, _both(-2.0 * points, nowhere, len(points))))
    numbers = np.repeat(np.arange(len(edges)), [len(points) for points, _, _ in edges])
    places, directions, across = (
        np.concatenate([np.zeros((0, *shape)), *(edge[i] for edge in edges)])
        for i, shape in enumerate(((3,), (3,), (2, 3)))
    )
    return places, directions, numbers, across


def _rim(
    radius: float, begin: float, end: float, X_optical_tip: Matrix, K: Matrix, left_out: float, step_px: float
) -> tuple[Matrix, Matrix]:
    """Return points on the rim of the end between two angles, and its direction there."""
    length_px = _length_px(_on_rim(radius, np.linspace(begin, end, _RIM_STEPS)), X_optical_tip, K)
    angles = begin + (end - begin) * _shares(length_px, left_out, step_px)
    return _on_rim(radius, angles), _on_rim(1.0, angles + 0.5 * np.pi)


def _on_rim(radius: float, angles: Matrix) -> Matrix:
    return np.stack([radius * np.cos(angles), radius * np.sin(angles), np.zeros(len(angles))], axis=1)


def _length_px(points: Matrix, X_optical_tip: Matrix, K: Matrix) -> float:
    """Return the length of a line through points in the image; 0 when it does not lie in front of the camera."""
    pixels, in_camera = project(points, X_optical_tip, K)
    if np.any(in_camera[:, 2] <= 0.0):
        return 0.0
    return float(np.linalg.norm(np.diff(pixels, axis=0), axis=1).sum())


def _shares(length_px: float, left_out: float, step_px: float) -> Matrix:
    count = int(length_px * (1.0 - 2.0 * left_out) / step_px)
    return np.linspace(left_out, 1.0 - left_out, count if count >= _FEWEST_POINTS else 0)


def _both(first: Matrix, second: Matrix, n: int) -> Matrix:
    return np.stack([np.broadcast_to(first, (n, 3)), np.broadcast_to(second, (n, 3))], axis=1)
