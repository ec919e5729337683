"""The compiled inner loops of the renderer and of the image sensor.

Compiled by numba at the first use and kept beside this file; measured times are in the docstrings of their callers.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Table = NDArray[np.float32]
Numbers = NDArray[np.uint16]
Pixels = NDArray[np.uint8]

_TOUCHING = 1e-7
"""How far outside an edge a ray still counts as inside, per unit depth: faces that share an edge leave no gap."""
_EDGE_ON = 1e-9
"""Distance of the eye from a plane, m, below which the plane is not seen."""
_POINT = 1e-15
"""Length of an edge, per unit depth, below which it is none."""
_SAME_RADIUS = 1e-9
"""Change of a ray, per unit depth, that is none: a millionth of a pixel."""
_MOST_CORNERS = 128


@njit(cache=True, nogil=True)
def draw_faces(
    corners: Matrix,
    starts: NDArray[np.intp],
    normals: Matrix,
    near_m: float,
    x: Table,
    y: Table,
    model: Vector,
    slack_px: float,
    inverse_depth: Table,
    numbers: Numbers,
    boxes: NDArray[np.int64],
) -> None:
    """Draw all faces: the inverse depth and the number + 1 of the nearest face for every pixel.

    A face is convex and flat, so its inverse depth is linear in the ray of a pixel. Where its rows begin and end is
    guessed from the outline with some slack and made exact by testing rays against the edges, so a pixel belongs to
    a face when its centre does, whatever the lens does to straight lines.

    Args:
        corners: Corners of all faces in the optical frame, shape (n, 3).
        starts: First corner of every face and the number of all corners.
        normals: Away from what is solid, likewise, shape (m, 3).
        near_m: Nearest visible depth.
        x: Right per unit depth where every pixel looks, shape (h, w), float32.
        y: Down per unit depth, likewise.
        model: fx, fy, cx, cy, k1, k2 and the largest squared radius: where a ray is seen, to within the slack.
        slack_px: How wrong that may be.
        inverse_depth: Zeros, shape (h, w), float32; filled.
        numbers: Zeros, shape (h, w), uint16; filled.
        boxes: First and last row and column of every face, shape (m, 4), filled; last before first when not seen.
    """
    height, width = x.shape
    seen = np.empty((_MOST_CORNERS, 3))
    rays = np.empty((_MOST_CORNERS, 2))
    pixels = np.empty((_MOST_CORNERS, 2))
    edges = np.empty((_MOST_CORNERS, 3))
    for face in range(len(starts) - 1):
        boxes[face, 0], boxes[face, 1], boxes[face, 2], boxes[face, 3] = height, -1, width, -1
        first, last = starts[face], starts[face + 1]
        nx, ny, nz = normals[face, 0], normals[face, 1], normals[face, 2]
        distance = nx * corners[first, 0] + ny * corners[first, 1] + nz * corners[first, 2]
        if distance > -_EDGE_ON:
            continue
        count = _cut_near(corners[first:last], near_m, seen)
        if count < 3:
            continue
        slack = _outline(seen[:count], model, slack_px, rays, pixels, edges)
        top, bottom = pixels[:count, 1].min() - slack, pixels[:count, 1].max() + slack
        left, right = pixels[:count, 0].min() - slack, pixels[:count, 0].max() + slack
        if bottom < 0.0 or top > height - 1 or right < 0.0 or left > width - 1:
            continue
        a, b, c = np.float32(nx / distance), np.float32(ny / distance), np.float32(nz / distance)
        label = np.uint16(face + 1)
        for row in range(max(0, math.ceil(top)), min(height - 1, math.floor(bottom)) + 1):
            low, high = _span(pixels[:count], row, slack)
            begin, end = max(0, math.ceil(low)), min(width - 1, math.floor(high))
            while begin <= end and not _is_inside(edges[:count], x[row, begin], y[row, begin]):
                begin += 1
            while end > begin and not _is_inside(edges[:count], x[row, end], y[row, end]):
                end -= 1
            if begin > end:
                continue
            boxes[face, 0], boxes[face, 1] = min(boxes[face, 0], row), row
            boxes[face, 2], boxes[face, 3] = min(boxes[face, 2], begin), max(boxes[face, 3], end)
            for column in range(begin, end + 1):
                value = a * x[row, column] + b * y[row, column] + c
                before = inverse_depth[row, column]
                wins = value > before
                inverse_depth[row, column] = value if wins else before
                numbers[row, column] = label if wins else numbers[row, column]


@njit(cache=True, nogil=True)
def _cut_near(corners: Matrix, near_m: float, seen: Matrix) -> int:
    """Write the part of a face that is not nearer than a depth; return how many corners it has."""
    count, before = 0, len(corners) - 1
    for k in range(len(corners)):
        if (corners[before, 2] >= near_m) != (corners[k, 2] >= near_m):
            share = (corners[before, 2] - near_m) / (corners[before, 2] - corners[k, 2])
            for axis in range(3):
                seen[count, axis] = corners[before, axis] + share * (corners[k, axis] - corners[before, axis])
            count += 1
        if corners[k, 2] >= near_m:
            for axis in range(3):
                seen[count, axis] = corners[k, axis]
            count += 1
        before = k
    return count


@njit(cache=True, nogil=True)
def _outline(seen: Matrix, model: Vector, slack_px: float, rays: Matrix, pixels: Matrix, edges: Matrix) -> float:
    """Write rays, pixels and edges of a face's corners; return how far its straight edges may be from the true ones."""
    count = len(seen)
    for i in range(count):
        rays[i, 0], rays[i, 1] = seen[i, 0] / seen[i, 2], seen[i, 1] / seen[i, 2]
        pixels[i, 0], pixels[i, 1] = _pixel(rays[i, 0], rays[i, 1], model)
    slack, area = slack_px, 0.0
    for i in range(count):
        j = i + 1 if i + 1 < count else 0
        area += rays[i, 0] * rays[j, 1] - rays[j, 0] * rays[i, 1]
        # A straight edge is bent by the lens: by most in its middle.
        u, v = _pixel(0.5 * (rays[i, 0] + rays[j, 0]), 0.5 * (rays[i, 1] + rays[j, 1]), model)
        bend = abs(u - 0.5 * (pixels[i, 0] + pixels[j, 0])) + abs(v - 0.5 * (pixels[i, 1] + pixels[j, 1]))
        slack = max(slack, slack_px + 2.0 * bend)
    for i in range(count):
        j = i + 1 if i + 1 < count else 0
        ex, ey = rays[i, 1] - rays[j, 1], rays[j, 0] - rays[i, 0]
        length = math.sqrt(ex * ex + ey * ey)
        scale = math.copysign(1.0 / length, area) if length > _POINT else 0.0
        edges[i, 0], edges[i, 1] = scale * ex, scale * ey
        edges[i, 2] = -scale * (ex * rays[i, 0] + ey * rays[i, 1])
    return slack


@njit(cache=True, nogil=True)
def _pixel(x: float, y: float, model: Vector) -> tuple[float, float]:
    """Return about where a ray is seen; beyond the radius the lens is known for, it goes on evenly."""
    r2 = min(x * x + y * y, model[6])
    s = 1.0 + model[4] * r2 + model[5] * r2 * r2
    return model[0] * x * s + model[2], model[1] * y * s + model[3]


@njit(cache=True, nogil=True)
def _span(pixels: Matrix, row: int, slack: float) -> tuple[float, float]:
    """Return columns between which a convex outline, moved by up to the slack, crosses a row; none when swapped."""
    low, high = 1e9, -1e9
    count = len(pixels)
    for i in range(count):
        j = i + 1 if i + 1 < count else 0
        u0, v0, u1, v1 = pixels[i, 0], pixels[i, 1], pixels[j, 0], pixels[j, 1]
        if max(v0, v1) < row - slack or min(v0, v1) > row + slack:
            continue
        begin, end = 0.0, 1.0
        if abs(v1 - v0) > slack:
            a, b = (row - slack - v0) / (v1 - v0), (row + slack - v0) / (v1 - v0)
            begin, end = max(0.0, min(a, b)), min(1.0, max(a, b))
        ua, ub = u0 + begin * (u1 - u0), u0 + end * (u1 - u0)
        low, high = min(low, ua, ub), max(high, ua, ub)
    return max(low - slack, -1.0), min(high + slack, 1e6)


@njit(cache=True, nogil=True)
def _is_inside(edges: Matrix, x: float, y: float) -> bool:
    """Return whether a ray meets the inside of a convex face."""
    for i in range(len(edges)):  # noqa: SIM110 (compiled: a generator would not be)
        if edges[i, 0] * x + edges[i, 1] * y + edges[i, 2] < -_TOUCHING:
            return False
    return True


@njit(cache=True, nogil=True)
def paint(numbers: Numbers, palette: Pixels, image: Pixels) -> None:
    """Give every pixel the colour of its face, shape (m + 1, 3), the first for none."""
    height, width = numbers.shape
    for row in range(height):
        for column in range(width):
            number = numbers[row, column]
            image[row, column, 0] = palette[number, 0]
            image[row, column, 1] = palette[number, 1]
            image[row, column, 2] = palette[number, 2]


@njit(cache=True, nogil=True)
def print_picture(
    numbers: Numbers,
    label: int,
    box: NDArray[np.int64],
    x: Table,
    y: Table,
    H: Matrix,
    pixels: Pixels,
    brightness: float,
    image: Pixels,
) -> None:
    """Draw a picture on the pixels of its face, interpolated between its own pixels.

    Args:
        numbers: Faces of the pixels.
        label: The face's.
        box: First and last row and column of the face.
        x: Rays, as for `draw_faces`.
        y: Likewise.
        H: From (x, y, 1) to the column, row, 1 of the picture, up to a factor, shape (3, 3).
        pixels: The picture, shape (h, w, 3), uint8.
        brightness: Factor of its colours.
        image: Changed.
    """
    rows, columns = pixels.shape[0], pixels.shape[1]
    for row in range(box[0], box[1] + 1):
        for column in range(box[2], box[3] + 1):
            if numbers[row, column] != label:
                continue
            rx, ry = x[row, column], y[row, column]
            w = H[2, 0] * rx + H[2, 1] * ry + H[2, 2]
            u = min(max((H[0, 0] * rx + H[0, 1] * ry + H[0, 2]) / w, 0.0), columns - 1.0)
            v = min(max((H[1, 0] * rx + H[1, 1] * ry + H[1, 2]) / w, 0.0), rows - 1.0)
            i, j = int(v), int(u)
            i2, j2 = min(i + 1, rows - 1), min(j + 1, columns - 1)
            fv, fu = v - i, u - j
            for k in range(3):
                upper = (1.0 - fu) * pixels[i, j, k] + fu * pixels[i, j2, k]
                lower = (1.0 - fu) * pixels[i2, j, k] + fu * pixels[i2, j2, k]
                image[row, column, k] = np.uint8(brightness * ((1.0 - fv) * upper + fv * lower) + 0.5)


@njit(cache=True, nogil=True)
def undistorted(x: float, y: float, k1: float, k2: float) -> tuple[float, float]:
    """Return the ray whose image a lens with radial distortion has at (x, y), by Newton's method along the radius."""
    r_seen = math.sqrt(x * x + y * y)
    r = r_seen
    for _ in range(8):
        r2 = r * r
        step = (r * (1.0 + k1 * r2 + k2 * r2 * r2) - r_seen) / (1.0 + 3.0 * k1 * r2 + 5.0 * k2 * r2 * r2)
        r -= step
        if abs(step) < _SAME_RADIUS:
            break
    s = r / r_seen if r_seen > 0.0 else 1.0
    return s * x, s * y


@njit(cache=True, nogil=True)
def trace_pixels(u0: float, v0: float, step: float, published: Vector, lens: Vector, x: Table, y: Table) -> None:
    """Fill in where the pixels of a published image look.

    Args:
        u0: Column of the first pixel in the full image.
        v0: Row of the first pixel.
        step: From pixel to pixel.
        published: fx, fy, cx, cy, k1, k2 of the camera model that images are rectified with.
        lens: The same of the camera as it is.
        x: Filled, shape (h, w), float32.
        y: Likewise.
    """
    height, width = x.shape
    for row in range(height):
        for column in range(width):
            nx = (u0 + step * column - published[2]) / published[0]
            ny = (v0 + step * row - published[3]) / published[1]
            r2 = nx * nx + ny * ny
            s = 1.0 + published[4] * r2 + published[5] * r2 * r2
            u, v = published[0] * nx * s + published[2], published[1] * ny * s + published[3]
            rx, ry = undistorted((u - lens[2]) / lens[0], (v - lens[3]) / lens[1], lens[4], lens[5])
            x[row, column], y[row, column] = rx, ry


@njit(cache=True, nogil=True)
def expose(values: Pixels, mean: Table, sigma: Table, gaussian: Table, seed: np.uint64) -> None:
    """Turn light into grey levels with noise, in place: mean + sigma times a draw, rounded and clipped.

    Args:
        values: Flat uint8; changed.
        mean: Expected level of every value, shape (256,), float32.
        sigma: Spread of it, likewise.
        gaussian: Equally likely values of a standard normal, shape (65536,), float32.
        seed: Of the noise.
    """
    counter = np.uint64(seed)
    word = np.uint64(0)
    for i in range(len(values)):
        if i & 3 == 0:
            # splitmix64: a counter through a mixer, four draws of 16 bits from each word.
            counter += np.uint64(0x9E3779B97F4A7C15)
            word = counter
            word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            word = word ^ (word >> np.uint64(31))
        level = mean[values[i]] + sigma[values[i]] * gaussian[word & np.uint64(0xFFFF)]
        word = word >> np.uint64(16)
        values[i] = np.uint8(min(max(level + np.float32(0.5), np.float32(0.0)), np.float32(255.0)))
