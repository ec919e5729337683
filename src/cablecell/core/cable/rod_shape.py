"""A first shape of a cable, from which it can settle into balance."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from cablecell.core.cable.rod import RodEnd

Array = NDArray[np.float64]

_BEND_M = 0.06
"""Radius a free cable is laid out with."""
_FINE = 20
"""Pieces per edge when the length of a curve is measured."""


def first_shape(
    near: RodEnd, far: RodEnd | None, length_m: float, segments: int, lowest_m: float, heading_rad: float
) -> Array:
    """Return nodes of a curve of about the right length between the ends, shape (segments + 1, 3), m.

    Args:
        near: Near end.
        far: Far end, or None where it is free.
        length_m: Length of the cable.
        segments: Number of edges.
        lowest_m: Height below which a free cable is not laid out.
        heading_rad: Direction in which a free cable is laid out, about z.

    Raises:
        ValueError: The far end is farther away than the cable is long.
    """
    if far is None:
        return _falling(near, length_m, segments, lowest_m, heading_rad)
    distance = math.dist(near.position, far.position)
    if distance >= length_m:
        raise ValueError(f"a cable of {length_m} m cannot end {distance:.4f} m away")
    return _joining(near, far, length_m, segments, lowest_m)


def _falling(near: RodEnd, length_m: float, segments: int, lowest_m: float, heading_rad: float) -> Array:
    """Lead away from the near end, over and down, and then along the ground."""
    ahead = np.array([math.cos(heading_rad), math.sin(heading_rad), 0.0])
    spacing = length_m / segments
    turn = min(1.0, spacing / _BEND_M)
    nodes, direction = [np.array(near.position)], np.array(near.direction)
    for _ in range(segments):
        is_down = nodes[-1][2] < lowest_m + _BEND_M
        wanted = ahead if is_down else 0.5 * ahead - np.array([0.0, 0.0, 1.0])
        direction = direction + turn * wanted / np.linalg.norm(wanted)
        direction /= np.linalg.norm(direction)
        step = spacing * direction
        if nodes[-1][2] + step[2] < lowest_m:
            step = spacing * ahead
        nodes.append(nodes[-1] + step)
    return np.array(nodes)


def _joining(near: RodEnd, far: RodEnd, length_m: float, segments: int, lowest_m: float) -> Array:
    """Join both ends by a cubic curve, with as much of a bow as the length needs: downwards, or aside above ground."""
    s = np.linspace(0.0, 1.0, _FINE * segments + 1)[:, None]
    a, b = np.array(near.position), np.array(far.position)
    da, db = np.array(near.direction), np.array(far.direction)

    def smooth(reach: float) -> Array:
        curve: Array = (
            (2 * s**3 - 3 * s**2 + 1) * a
            + (s**3 - 2 * s**2 + s) * reach * da
            + (3 * s**2 - 2 * s**3) * b
            + (s**3 - s**2) * reach * db
        )
        return curve

    reach = length_m
    while _along(smooth(reach))[-1] > length_m and reach > 1.0e-6:
        reach *= 0.8
    curve, chord = smooth(reach), b - a
    for way in (np.array([0.0, 0.0, -1.0]), np.cross(chord, [0.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0])):
        across = way - chord * (way @ chord) / (chord @ chord)
        if np.linalg.norm(across) < 0.1 * np.linalg.norm(way) or not way.any():
            continue
        bow = np.sin(math.pi * s) ** 2 * across / np.linalg.norm(across)
        low, high = 0.0, length_m
        for _ in range(60):
            middle = 0.5 * (low + high)
            if _along(curve + middle * bow)[-1] < length_m:
                low = middle
            else:
                high = middle
        points = curve + low * bow
        if points[:, 2].min() > lowest_m:
            break
    along = _along(points)
    wanted = np.linspace(0.0, along[-1], segments + 1)
    nodes: Array = np.stack([np.interp(wanted, along, points[:, i]) for i in range(3)], axis=1)
    return nodes


def _along(points: Array) -> Array:
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
