"""The compiled inner loops of finding ports: which edges are in sight, how well a place fits, where an edge is.

Compiled by numba at the first use and kept beside this file. Measured with three cameras and some 250 points each:
`sight` 2 µs a point among 28 boxes, `score` 15 ns a point and place, `find` 2 µs a point.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Image = NDArray[np.float32]

_ON_FACE_M = 1.0e-4
_SAME_NORMAL = 0.995
_RESOLVED_PX, _NEARER_PX, _PARALLEL = 2.0, 0.3, 0.8


@njit(cache=True, nogil=True)
def _nearest(eye: Vector, ray: Vector, centre: Matrix, rotation: Matrix, half: Matrix, normal: Vector) -> float:
    """Return how far along a ray the first face is, in lengths of the ray, infinity for none; fill its normal."""
    best = math.inf
    for box in range(len(centre)):
        enters, leaves, axis, sign = -math.inf, math.inf, 0, 0.0
        misses = False
        for i in range(3):
            o, d = 0.0, 0.0
            for j in range(3):
                o += rotation[box, j, i] * (eye[j] - centre[box, j])
                d += rotation[box, j, i] * ray[j]
            if abs(d) < 1e-12:
                if abs(o) > half[box, i]:
                    misses = True
                    break
                continue
            first, second = (-half[box, i] - o) / d, (half[box, i] - o) / d
            side = -1.0
            if first > second:
                first, second, side = second, first, 1.0
            if first > enters:
                enters, axis, sign = first, i, side
            leaves = min(leaves, second)
        if misses or leaves < enters or enters <= 0.0 or enters >= best:
            continue
        best = enters
        for j in range(3):
            normal[j] = sign * rotation[box, j, axis]
    return best


@njit(cache=True, nogil=True)
def sight(
    points: Matrix, along: Matrix, eye: Vector, aside_m: float, centre: Matrix, rotation: Matrix, half: Matrix
) -> NDArray[np.int8]:
    """Return which points on edges of boxes an eye sees as edges: 2 surely, 1 perhaps, 0 not.

    A little to either side of the edge a ray meets the nearest face. The point is hidden when neither face holds it,
    and no edge when the faces are parts of one plane. Faces that look the same way are equally bright: an edge between
    them is seen only where their colours differ.

    Args:
        points: On edges, shape (n, 3), m.
        along: Unit direction of the edge at each point, shape (n, 3).
        eye: Where the camera is, m.
        aside_m: How far to either side rays go.
        centre: Of the boxes, shape (m, 3).
        rotation: Their axes, shape (m, 3, 3).
        half: Their half lengths, shape (m, 3).
    """
    seen = np.zeros(len(points), dtype=np.int8)
    ray, aside = np.empty(3), np.empty(3)
    first, second = np.empty(3), np.empty(3)
    for k in range(len(points)):
        p, t = points[k], along[k]
        for i in range(3):
            ray[i] = p[i] - eye[i]
        aside[0] = ray[1] * t[2] - ray[2] * t[1]
        aside[1] = ray[2] * t[0] - ray[0] * t[2]
        aside[2] = ray[0] * t[1] - ray[1] * t[0]
        length = math.sqrt(aside[0] ** 2 + aside[1] ** 2 + aside[2] ** 2)
        if length < 1e-12:
            continue
        scale = aside_m / length
        for i in range(3):
            aside[i] *= scale
        a = _nearest(eye, ray + aside, centre, rotation, half, first)
        b = _nearest(eye, ray - aside, centre, rotation, half, second)
        off_a, off_b = math.inf, math.inf
        if a < math.inf:
            off_a = 0.0
            for i in range(3):
                off_a += first[i] * (eye[i] + a * (ray[i] + aside[i]) - p[i])
        if b < math.inf:
            off_b = 0.0
            for i in range(3):
                off_b += second[i] * (eye[i] + b * (ray[i] - aside[i]) - p[i])
        on_a, on_b = abs(off_a) < _ON_FACE_M, abs(off_b) < _ON_FACE_M
        if not (on_a or on_b):
            continue
        both = a < math.inf and b < math.inf
        alike = both and first[0] * second[0] + first[1] * second[1] + first[2] * second[2] > _SAME_NORMAL
        if alike and on_a and on_b:
            continue
        # A point that is only the far rim of what stands before it: the face in front must not be nearer.
        if (a < 0.98 and not on_a) or (b < 0.98 and not on_b):
            continue
        seen[k] = 1 if alike else 2
    return seen


@njit(cache=True, nogil=True)
def score(
    poses: Matrix,
    points: Matrix,
    along: Matrix,
    K: Matrix,
    gx: Image,
    gy: Image,
    x0: float,
    y0: float,
    step: float,
    half_gradient: float,
    total: Vector,
    count: Vector,
) -> None:
    """Add up how strongly an image changes across projected edges, for many poses of a body.

    Args:
        poses: X_optical_body, shape (h, 4, 4).
        points: On edges, in the body's frame, shape (n, 3), m.
        along: Direction of the edge at each point, shape (n, 3).
        K: Intrinsics of the full image.
        gx: Change of brightness along x, grey levels per pixel, shape (h, w); NaN where something hides the body.
        gy: Likewise along y.
        x0: Pixel of the full image at the first column.
        y0: Likewise of the first row.
        step: Pixels of the full image per pixel of the gradients.
        half_gradient: Change that counts for one half, grey levels per pixel.
        total: Sum over the points, 0 to 1 each, shape (h,); added to.
        count: Points inside the image, shape (h,); added to.
    """
    rows, columns = gx.shape
    for h in range(len(poses)):
        X = poses[h]
        for k in range(len(points)):
            p, t = points[k], along[k]
            x = X[0, 0] * p[0] + X[0, 1] * p[1] + X[0, 2] * p[2] + X[0, 3]
            y = X[1, 0] * p[0] + X[1, 1] * p[1] + X[1, 2] * p[2] + X[1, 3]
            z = X[2, 0] * p[0] + X[2, 1] * p[1] + X[2, 2] * p[2] + X[2, 3]
            if z < 0.02:
                continue
            u, v = K[0, 0] * x / z + K[0, 2], K[1, 1] * y / z + K[1, 2]
            column, row = round((u - x0) / step), round((v - y0) / step)
            if column < 0 or row < 0 or column >= columns or row >= rows:
                continue
            tx = X[0, 0] * t[0] + X[0, 1] * t[1] + X[0, 2] * t[2]
            ty = X[1, 0] * t[0] + X[1, 1] * t[1] + X[1, 2] * t[2]
            tz = X[2, 0] * t[0] + X[2, 1] * t[1] + X[2, 2] * t[2]
            du, dv = K[0, 0] * (tx * z - x * tz), K[1, 1] * (ty * z - y * tz)
            length = math.sqrt(du * du + dv * dv)
            if length < 1e-12:
                continue
            if math.isnan(gx[row, column]):
                continue
            across = abs(-gx[row, column] * dv + gy[row, column] * du) / length
            total[h] += across / (across + half_gradient)
            count[h] += 1.0


@njit(cache=True, nogil=True)
def find(
    image: Image, x0: float, y0: float, pixels: Matrix, normals: Matrix, range_px: float, min_strength: float
) -> Matrix:
    """Return where along its normal the strongest edge near each place is, and how strong it is, shape (n, 2).

    The change of colour per pixel is weighed down towards the ends of the range; a parabola through the strongest
    gives fractions of a step. NaN where the image ends or nothing is strong enough.

    Args:
        image: Smoothed colour image, shape (h, w, 3).
        x0: Pixel of the full image at its first column.
        y0: Likewise of the first row.
        pixels: Predicted places in the full image, shape (n, 2).
        normals: Unit normals of the projected edges, shape (n, 2).
        range_px: How far to look to either side.
        min_strength: Weakest change that counts, grey levels per pixel.
    """
    spacing = 0.5
    steps = math.ceil(range_px / spacing) + 2
    width = 2 * steps + 1
    rows, columns = image.shape[0], image.shape[1]
    colours, strength = np.empty((width, 3)), np.empty(width)
    found = np.full((len(pixels), 2), np.nan)
    for k in range(len(pixels)):
        inside = True
        for i in range(width):
            s = (i - steps) * spacing
            x = pixels[k, 0] + s * normals[k, 0] - x0
            y = pixels[k, 1] + s * normals[k, 1] - y0
            column, row = math.floor(x), math.floor(y)
            if column < 0 or row < 0 or column + 1 >= columns or row + 1 >= rows:
                inside = False
                break
            a, b = x - column, y - row
            for c in range(3):
                colours[i, c] = (1.0 - b) * ((1.0 - a) * image[row, column, c] + a * image[row, column + 1, c]) + b * (
                    (1.0 - a) * image[row + 1, column, c] + a * image[row + 1, column + 1, c]
                )
        if not inside:
            continue
        best, peak = -1, 0.0
        for i in range(1, width - 1):
            squares = 0.0
            for c in range(3):
                slope = (colours[i + 1, c] - colours[i - 1, c]) / (2.0 * spacing)
                squares += slope * slope
            strength[i] = math.sqrt(squares / 3.0)
        for i in range(2, width - 2):
            # A place that is not a maximum is the flank of an edge farther out.
            if strength[i] < strength[i - 1] or strength[i] < strength[i + 1]:
                continue
            s = (i - steps) * spacing / (0.7 * range_px)
            weighed = strength[i] * math.exp(-0.5 * s * s)
            if weighed > peak:
                best, peak = i, weighed
        if best < 0 or strength[best] < min_strength:
            continue
        bend = strength[best - 1] - 2.0 * strength[best] + strength[best + 1]
        shift = 0.5 * (strength[best - 1] - strength[best + 1]) / bend if bend < -1e-9 else 0.0
        offset = (best - steps + min(1.0, max(-1.0, shift))) * spacing
        if abs(offset) <= range_px:
            found[k, 0], found[k, 1] = offset, strength[best]
    return found


@njit(cache=True, nogil=True)
def contested(
    pixels: Matrix, normals: Matrix, edges: NDArray[np.intp], offsets: Vector, beside_px: float
) -> NDArray[np.bool_]:
    """Return which found edges are nearer to another edge of the body than to the one they were looked for from.

    Args:
        pixels: Predicted places, shape (n, 2).
        normals: Unit normals of the projected edges, shape (n, 2).
        edges: Number of the edge of each place, shape (n,).
        offsets: Where an edge was found along the normal, shape (n,), px; NaN for nowhere.
        beside_px: Places of other edges farther beside the normal than this do not count.
    """
    taken = np.zeros(len(pixels), dtype=np.bool_)
    for i in range(len(pixels)):
        r = offsets[i]
        if math.isnan(r):
            continue
        nx, ny = normals[i, 0], normals[i, 1]
        for j in range(len(pixels)):
            if edges[j] == edges[i]:
                continue
            dx, dy = pixels[j, 0] - pixels[i, 0], pixels[j, 1] - pixels[i, 1]
            if abs(dy * nx - dx * ny) > beside_px:
                continue
            away = dx * nx + dy * ny
            # Edges nearer to each other than the lens tells apart are one.
            if abs(away) < _RESOLVED_PX or abs(nx * normals[j, 0] + ny * normals[j, 1]) < _PARALLEL:
                continue
            if abs(r - away) < abs(r) - _NEARER_PX:
                taken[i] = True
                break
    return taken


def warm_up() -> None:
    """Compile everything here, or load it where it was compiled before."""
    points, along = np.zeros((1, 3)), np.array([[1.0, 0.0, 0.0]])
    box = np.array([[0.0, 0.0, 1.0]]), np.eye(3)[None, :, :].copy(), np.full((1, 3), 0.1)
    sight(points, along, np.array([0.0, 0.0, -1.0]), 1e-3, *box)
    pose, K = np.eye(4)[None, :, :].copy(), np.eye(3)
    pose[0, 2, 3] = 1.0
    flat = np.zeros((8, 8), dtype=np.float32)
    score(pose, points, along, K, flat, flat, 0.0, 0.0, 2.0, 4.0, np.zeros(1), np.zeros(1))
    pixels, normals = np.full((1, 2), 4.0), np.array([[1.0, 0.0]])
    found = find(np.zeros((8, 8, 3), dtype=np.float32), 0.0, 0.0, pixels, normals, 2.0, 1.0)
    contested(pixels, normals, np.zeros(1, dtype=np.intp), found[:, 0], 2.5)
