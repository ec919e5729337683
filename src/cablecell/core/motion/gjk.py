"""Whether two convex shapes are closer than a limit, compiled: the algorithm of Gilbert, Johnson and Keerthi.

A shape is a core (box, cylinder, segment or point) and a rounding around it, so that capsules and spheres are exact.
The answer is a yes or no, so the iteration ends as soon as a plane separates the cores by the limit, or two points of
them are within it; only shapes whose distance is the limit to rounding take long.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

BOX, CYLINDER, SEGMENT, POINT = 0, 1, 2, 3

_ITERATIONS = 60


@njit(cache=True, error_model="numpy")
def _support(
    kind: int, halves: Array, poses: Array, k: int, dx: float, dy: float, dz: float, work: Array, row: int
) -> None:
    """Write the point of core k that is farthest along a direction into a row of the working memory."""
    x = y = z = 0.0
    if kind != POINT:
        lz = poses[k, 0, 2] * dx + poses[k, 1, 2] * dy + poses[k, 2, 2] * dz
        z = halves[k, 2] if lz >= 0.0 else -halves[k, 2]
    if kind <= CYLINDER:
        lx = poses[k, 0, 0] * dx + poses[k, 1, 0] * dy + poses[k, 2, 0] * dz
        ly = poses[k, 0, 1] * dx + poses[k, 1, 1] * dy + poses[k, 2, 1] * dz
        if kind == BOX:
            x = halves[k, 0] if lx >= 0.0 else -halves[k, 0]
            y = halves[k, 1] if ly >= 0.0 else -halves[k, 1]
        else:
            norm = math.sqrt(lx * lx + ly * ly)
            if norm > 1e-14:
                x, y = halves[k, 0] * lx / norm, halves[k, 0] * ly / norm
    for i in range(3):
        work[row, i] = poses[k, i, 0] * x + poses[k, i, 1] * y + poses[k, i, 2] * z + poses[k, i, 3]


@njit(cache=True, error_model="numpy")
def _on_line(s: Array, a: int, b: int, t: float, out: int) -> None:
    for m in range(3):
        s[out, m] = s[a, m] + t * (s[b, m] - s[a, m])


@njit(cache=True, error_model="numpy")
def _nearest_on_segment(s: Array, a: int, b: int, out: int) -> int:
    """Write the point of a segment nearest to the origin into a row; return which ends it needs, as bits."""
    along = whole = 0.0
    for m in range(3):
        edge = s[b, m] - s[a, m]
        along -= s[a, m] * edge
        whole += edge * edge
    if along <= 0.0:
        _on_line(s, a, b, 0.0, out)
        return 1
    if along >= whole:
        _on_line(s, b, a, 0.0, out)
        return 2
    _on_line(s, a, b, along / whole, out)
    return 3


@njit(cache=True, error_model="numpy")
def _nearest_on_triangle(s: Array, a: int, b: int, c: int, out: int) -> int:
    """Write the point of a triangle nearest to the origin into a row; return which corners it needs, as bits."""
    d1 = d2 = d3 = d4 = d5 = d6 = 0.0
    for m in range(3):
        ab, ac = s[b, m] - s[a, m], s[c, m] - s[a, m]
        d1 -= ab * s[a, m]
        d2 -= ac * s[a, m]
        d3 -= ab * s[b, m]
        d4 -= ac * s[b, m]
        d5 -= ab * s[c, m]
        d6 -= ac * s[c, m]
    if d1 <= 0.0 and d2 <= 0.0:
        _on_line(s, a, b, 0.0, out)
        return 1
    if d3 >= 0.0 and d4 <= d3:
        _on_line(s, b, a, 0.0, out)
        return 2
    if d6 >= 0.0 and d5 <= d6:
        _on_line(s, c, a, 0.0, out)
        return 4
    if d1 * d4 - d3 * d2 <= 0.0 and d1 >= 0.0 and d3 <= 0.0:
        _on_line(s, a, b, d1 / (d1 - d3), out)
        return 3
    if d5 * d2 - d1 * d6 <= 0.0 and d2 >= 0.0 and d6 <= 0.0:
        _on_line(s, a, c, d2 / (d2 - d6), out)
        return 5
    if d3 * d6 - d5 * d4 <= 0.0 and d4 >= d3 and d5 >= d6:
        _on_line(s, b, c, (d4 - d3) / ((d4 - d3) + (d5 - d6)), out)
        return 6
    # Inside: the foot of the origin on the plane, which keeps more digits than weights of the corners.
    n0, n1, n2 = _normal(s, a, b, c)
    scale = (n0 * s[a, 0] + n1 * s[a, 1] + n2 * s[a, 2]) / (n0 * n0 + n1 * n1 + n2 * n2)
    s[out, 0], s[out, 1], s[out, 2] = scale * n0, scale * n1, scale * n2
    return 7


@njit(cache=True, error_model="numpy")
def _normal(s: Array, a: int, b: int, c: int) -> tuple[float, float, float]:
    x0, x1, x2 = s[b, 0] - s[a, 0], s[b, 1] - s[a, 1], s[b, 2] - s[a, 2]
    y0, y1, y2 = s[c, 0] - s[a, 0], s[c, 1] - s[a, 1], s[c, 2] - s[a, 2]
    return x1 * y2 - x2 * y1, x2 * y0 - x0 * y2, x0 * y1 - x1 * y0


@njit(cache=True, error_model="numpy")
def _nearest_on_tetrahedron(s: Array, out: int, trial: int) -> int:
    """Write the point of a tetrahedron nearest to the origin; return which corners it needs; 15 if it is inside."""
    best, kept = np.inf, 15
    for face in range(4):
        i, j, k, opposite = 0, 1, 2, 3
        if face == 1:
            i, j, k, opposite = 0, 1, 3, 2
        elif face == 2:
            i, j, k, opposite = 0, 2, 3, 1
        elif face == 3:
            i, j, k, opposite = 1, 2, 3, 0
        n0, n1, n2 = _normal(s, i, j, k)
        base = n0 * s[i, 0] + n1 * s[i, 1] + n2 * s[i, 2]
        other = n0 * s[opposite, 0] + n1 * s[opposite, 1] + n2 * s[opposite, 2] - base
        if -base * other > 0.0:
            continue
        bits = _nearest_on_triangle(s, i, j, k, trial)
        square = s[trial, 0] ** 2 + s[trial, 1] ** 2 + s[trial, 2] ** 2
        if square < best:
            best = square
            _on_line(s, trial, trial, 0.0, out)
            kept = (bits & 1) << i | ((bits >> 1) & 1) << j | ((bits >> 2) & 1) << k
    return kept


@njit(cache=True, error_model="numpy")
def is_closer(kinds: Integers, halves: Array, poses: Array, a: int, b: int, limit: float, work: Array) -> bool:
    """Return whether the cores a and b are at most `limit` apart, m; cores that overlap are, whatever the limit.

    Args:
        kinds: BOX, CYLINDER, SEGMENT or POINT, shape (m,).
        halves: Half sizes, shape (m, 3); of a cylinder its radius first and half its length last.
        poses: Poses, shape (m, 3, 4).
        a: One core.
        b: The other.
        limit: m, not negative.
        work: Memory of the iteration, shape (8, 3): the simplex, its point nearest to the origin, and candidates.
    """
    v, pa, pb = 4, 5, 6
    kind_a, kind_b = kinds[a], kinds[b]
    for m in range(3):
        work[v, m] = poses[a, m, 3] - poses[b, m, 3]
    if work[v, 0] == 0.0 and work[v, 1] == 0.0 and work[v, 2] == 0.0:
        work[v, 0] = 1.0
    count = 0
    square = np.inf
    for _ in range(_ITERATIONS):
        vx, vy, vz = work[v, 0], work[v, 1], work[v, 2]
        _support(kind_a, halves, poses, a, -vx, -vy, -vz, work, pa)
        _support(kind_b, halves, poses, b, vx, vy, vz, work, pb)
        wx, wy, wz = work[pa, 0] - work[pb, 0], work[pa, 1] - work[pb, 1], work[pa, 2] - work[pb, 2]
        ahead, length = vx * wx + vy * wy + vz * wz, vx * vx + vy * vy + vz * vz
        if ahead > 0.0 and ahead * ahead > limit * limit * length:
            return False
        # No nearer point in this direction: v is the distance.
        if count > 0 and length - ahead <= 1e-10 * length:
            return bool(square <= limit * limit)
        work[count, 0], work[count, 1], work[count, 2] = wx, wy, wz
        count += 1
        if count == 1:
            kept = 1
            work[v, 0], work[v, 1], work[v, 2] = wx, wy, wz
        elif count == 2:
            kept = _nearest_on_segment(work, 0, 1, v)
        elif count == 3:
            kept = _nearest_on_triangle(work, 0, 1, 2, v)
        else:
            kept = _nearest_on_tetrahedron(work, v, pa)
            if kept == 15:
                return True
        size = 0
        for i in range(count):
            if kept & (1 << i):
                work[size, 0], work[size, 1], work[size, 2] = work[i, 0], work[i, 1], work[i, 2]
                size += 1
        count = size
        square = work[v, 0] ** 2 + work[v, 1] ** 2 + work[v, 2] ** 2
        if square <= limit * limit or square < 1e-18:
            return True
    return True
