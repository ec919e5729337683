"""Compiled loops of touching: when a moving plug first meets its port, and the gap that is left where it touched.

A plug's part and a wall are convex, so a moving part meets a wall when the last of all separating axes closes: the
normals of both and the cross products of their edges. About 2 µs per pose and touch. A part is a box swept by the ball
that rounds its edges: on a lead-in of 45 degrees it has 0.6 of that radius more room than a sharp one.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]

POSE, AXIS, SIGN, SIGMA, COLUMNS = 0, 12, 13, 14, 15
"""Columns of a row: pose of the believed tip in the frame of the prior; axis of the port, its sign; error of a gap."""

STATE = 12
"""Numbers of a state: see `gaps`."""

_TINY = 1.0e-9
_FAR = 1.0e3

_BACK_M, _BEYOND_M, _SLOP_M = 1.0e-3, 8.0e-3, 1.6e-3
"""How far a plug is taken back before it is moved to what it touched, how far it is moved at most beyond, and how deep
it may be in what it is not moved to: there a state is a little wrong, or the plug is between two sides."""

_GRAZE_M, _ALONGSIDE = 1.0e-4, 0.3
"""Overlap across the way by which a part that passes a wall surely runs into it, and share of the way along an axis up
to which that axis is across. What is less is an error of the state: a key that leans on the side of its slot."""


@lru_cache(maxsize=1)
def warm_up() -> None:
    """Compile the loops, or load what was compiled."""
    geometry = (np.zeros((1, 7)), np.zeros((1, 8, 3)), np.zeros((1, 1, 3)), np.zeros((1, 6)))
    gaps(np.zeros((1, STATE)), np.zeros((1, COLUMNS)), *geometry)


@njit(cache=True)
def rotation(x: float, y: float, z: float, R: Array) -> None:  # pragma: no cover - compiled
    """Write the rotation of a rotation vector, rad, into R, shape (3, 3)."""
    t2 = x * x + y * y + z * z
    if t2 < 1e-12:
        a, b = 1.0, 0.5
    else:
        t = math.sqrt(t2)
        a, b = math.sin(t) / t, (1.0 - math.cos(t)) / t2
    R[0, 0], R[0, 1], R[0, 2] = 1.0 - b * (y * y + z * z), b * x * y - a * z, b * x * z + a * y
    R[1, 0], R[1, 1], R[1, 2] = b * x * y + a * z, 1.0 - b * (x * x + z * z), b * y * z - a * x
    R[2, 0], R[2, 1], R[2, 2] = b * x * z - a * y, b * y * z + a * x, 1.0 - b * (x * x + y * y)


@njit(cache=True)
def _axis_times(
    n0: float, n1: float, n2: float, c: Array, R: Array, half: Array, edge: float, d: Array, low: float, high: float
) -> tuple[float, float, float, float]:  # pragma: no cover - compiled
    """Return when an axis stops and when it starts again to separate a moving box from an extent, and the overlap.

    The last number is that overlap again where the axis is across the way of the box, and far else.
    """
    centre = n0 * c[0] + n1 * c[1] + n2 * c[2]
    radius = edge
    for k in range(3):
        radius += half[k] * abs(n0 * R[0, k] + n1 * R[1, k] + n2 * R[2, k])
    speed = n0 * d[0] + n1 * d[1] + n2 * d[2]
    before, after = low - (centre + radius), high - (centre - radius)
    overlap = min(-before, after)
    across = overlap if abs(speed) < _ALONGSIDE else _FAR
    if abs(speed) < _TINY:
        if before >= 0.0 or after <= 0.0:
            return _FAR, -_FAR, overlap, across
        return -_FAR, _FAR, overlap, across
    first, last = before / speed, after / speed
    return (first, last, overlap, across) if speed > 0.0 else (last, first, overlap, across)


@njit(cache=True)
def _pair(
    c: Array,
    R: Array,
    half: Array,
    edge: float,
    d: Array,
    vertices: Array,
    normals: Array,
    limits: Array,
    best: float,
    slop: float,
    least: float,
    n_out: Array,
) -> float:  # pragma: no cover - compiled
    """Return the travel at which a box meets a wall, if less than `best`, else `best`; its normal goes to `n_out`.

    A pair that overlaps at the begin by less than `slop` is passed over: the plug was there, so it is the pose that is
    a little wrong. One that overlaps across the way by less than `least` is passed by likewise.
    """
    first, last, deep, graze = -_FAR, _FAR, _FAR, _FAR
    a0, a1, a2 = 0.0, 0.0, 0.0
    for k in range(3):
        n0, n1, n2 = 1.0 if k == 0 else 0.0, 1.0 if k == 1 else 0.0, 1.0 if k == 2 else 0.0
        t0, t1, overlap, across = _axis_times(n0, n1, n2, c, R, half, edge, d, limits[k], limits[3 + k])
        if t0 > first:
            first, a0, a1, a2 = t0, n0, n1, n2
        last, deep, graze = min(last, t1), min(deep, overlap), min(graze, across)
        if first >= best or first > last or last < 0.0:
            return best
    for j in range(normals.shape[0] + 12):
        if j < normals.shape[0]:
            n0, n1, n2 = normals[j, 0], normals[j, 1], normals[j, 2]
        elif j < normals.shape[0] + 3:
            k = j - normals.shape[0]
            n0, n1, n2 = R[0, k], R[1, k], R[2, k]
        else:
            k = (j - normals.shape[0] - 3) // 3
            e = (j - normals.shape[0] - 3) % 3
            # Cross product of the box's edge k with the port's axis e.
            if e == 0:
                n0, n1, n2 = 0.0, R[2, k], -R[1, k]
            elif e == 1:
                n0, n1, n2 = -R[2, k], 0.0, R[0, k]
            else:
                n0, n1, n2 = R[1, k], -R[0, k], 0.0
        size = math.sqrt(n0 * n0 + n1 * n1 + n2 * n2)
        if size < 1e-4:
            continue
        n0, n1, n2 = n0 / size, n1 / size, n2 / size
        low, high = _FAR, -_FAR
        for v in range(vertices.shape[0]):
            value = n0 * vertices[v, 0] + n1 * vertices[v, 1] + n2 * vertices[v, 2]
            low, high = min(low, value), max(high, value)
        t0, t1, overlap, across = _axis_times(n0, n1, n2, c, R, half, edge, d, low, high)
        if t0 > first + 1e-9:
            first, a0, a1, a2 = t0, n0, n1, n2
        last, deep, graze = min(last, t1), min(deep, overlap), min(graze, across)
        if first >= best or first > last or last < 0.0:
            return best
    if (first <= 0.0 and 0.0 < deep < slop) or (least > 0.0 and graze < least):
        return best
    sign = 1.0 if a0 * d[0] + a1 * d[1] + a2 * d[2] > 0.0 else -1.0
    n_out[0], n_out[1], n_out[2] = sign * a0, sign * a1, sign * a2
    return max(first, 0.0)


@njit(cache=True)
def first_contact(
    R: Array,
    p: Array,
    d: Array,
    limit: float,
    boxes: Array,
    vertices: Array,
    normals: Array,
    limits: Array,
    slop: float,
    least: float,
    n_out: Array,
    c: Array,
) -> tuple[float, int, int]:  # pragma: no cover - compiled
    """Return how far a plug moves along d until it meets the port, m, at most `limit`; and which part and wall meet.

    Args:
        R: Orientation of the tip in the port, shape (3, 3).
        p: Its position, shape (3,), m.
        d: Unit direction in the port.
        limit: Most travel, m.
        boxes: As `TouchGeometry`.
        vertices: Likewise.
        normals: Likewise.
        limits: Likewise.
        slop: Overlap at the begin that is passed over, m.
        least: Overlap across the way at the begin up to which a wall is passed by, m; 0: none is.
        n_out: Direction from the plug into the wall at contact; written, shape (3,).
        c: Scratch, shape (3,).
    """
    best, part, wall = limit, -1, -1
    half = np.empty(3)
    for i in range(boxes.shape[0]):
        for k in range(3):
            c[k] = p[k] + R[k, 0] * boxes[i, 0] + R[k, 1] * boxes[i, 1] + R[k, 2] * boxes[i, 2]
        for k in range(3):
            half[k] = boxes[i, 3 + k]
        for j in range(vertices.shape[0]):
            found = _pair(c, R, half, boxes[i, 6], d, vertices[j], normals[j], limits[j], best, slop, least, n_out)
            if found < best:
                best, part, wall = found, i, j
    return best, part, wall


@njit(cache=True)
def gaps(
    states: Array, rows: Array, boxes: Array, vertices: Array, normals: Array, limits: Array
) -> Array:  # pragma: no cover - compiled
    """Return how far the plug is from what it is said to touch, for each state and row, shape (n, t), m.

    Args:
        states: Displacement (v, w) of the port from where it was believed, along its own axes; turn of the plug in the
            grasp against the belief, and its shift there, in the tip's axes, shape (n, 12). The shift counts from how
            it is while the tip has the orientation of the port that was believed: there it is a part of v.
        rows: One per face that was touched, shape (t, COLUMNS).
        boxes: As `TouchGeometry`.
        vertices: Likewise.
        normals: Likewise.
        limits: Likewise.
    """
    out = np.empty((states.shape[0], rows.shape[0]))
    R, Rp, Re, Rt = np.empty((3, 3)), np.empty((3, 3)), np.empty((3, 3)), np.empty((3, 3))
    p, d, n, c = np.empty(3), np.empty(3), np.zeros(3), np.empty(3)
    off, start = np.empty(3), np.empty(3)
    for i in range(states.shape[0]):
        s = states[i]
        rotation(s[3], s[4], s[5], Rp)
        rotation(s[6], s[7], s[8], Re)
        for t in range(rows.shape[0]):
            row = rows[t]
            for a in range(3):
                off[a] = row[POSE + 4 * a + 3] - s[a] - s[9 + a]
                for k in range(3):
                    off[a] += row[POSE + 4 * a + k] * s[9 + k]
                for b in range(3):
                    Rt[a, b] = 0.0
                    for k in range(3):
                        Rt[a, b] += row[POSE + 4 * a + k] * Re[k, b]
            for a in range(3):
                p[a], d[a] = 0.0, 0.0
                for k in range(3):
                    p[a] += Rp[k, a] * off[k]
                for b in range(3):
                    R[a, b] = 0.0
                    for k in range(3):
                        R[a, b] += Rp[k, a] * Rt[k, b]
            d[int(row[AXIS])] = row[SIGN]
            # A nose may well stand on a thin land.
            least = 0.0 if int(row[AXIS]) == 2 else _GRAZE_M
            for a in range(3):
                start[a] = p[a] - _BACK_M * d[a]
            found, _, _ = first_contact(
                R, start, d, _BACK_M + _BEYOND_M, boxes, vertices, normals, limits, _SLOP_M, least, n, c
            )
            out[i, t] = found - _BACK_M
    return out
