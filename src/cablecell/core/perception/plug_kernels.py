"""The compiled inner loops of measuring a plug: which edges face a camera, where they should be, where they are.

Compiled by numba at the first use and kept beside this file. Measured with three looks and 90 points, one camera:
`edges_in_sight` 20 µs, `place` 15 µs, `find` 6 µs a point over ±16 px and 1.8 µs over ±3 px.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cablecell.core.perception.plug_equations import equations

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Images = NDArray[np.float32]
Numbers = NDArray[np.intp]

STEP_PX = 0.5
"""Between samples of a profile."""
_COLOUR_LEVELS, _COLOUR_SIGMAS = 4.0, 2.5  # what is another colour: grey levels, and spread of the face's own colour
_FEWEST_COLOURS = 6
_ALIKE = 0.1
_SURFACE_M = 1e-4  # how far inside another box a point must be to count as hidden
_MAD_TO_SIGMA = 1.4826


@njit(cache=True, nogil=True)
def _is_hidden(p: Vector, eye: Vector, centre: Matrix, half: Matrix, owner: int) -> bool:
    """Return whether another box than its owner hides a point from the eye, or has it inside."""
    for box in range(len(centre)):
        if box == owner:
            continue
        enters, leaves = -math.inf, math.inf
        for i in range(3):
            ray = eye[i] - p[i]
            middle, reach = centre[box, i] - p[i], half[box, i] - _SURFACE_M
            low, high = middle - reach, middle + reach
            if abs(ray) < 1e-12:
                if low > 0.0 or high < 0.0:
                    enters = math.inf
                    break
                continue
            first, second = low / ray, high / ray
            enters, leaves = max(enters, min(first, second)), min(leaves, max(first, second))
        if leaves > max(enters, 0.0) and enters < 1.0:
            return True
    return False


@njit(cache=True, nogil=True)
def are_hidden(points: Matrix, eye: Vector, centre: Matrix, half: Matrix) -> NDArray[np.bool_]:
    """Return which points of a body that belong to none of its boxes, shape (n, 3), these hide from the eye."""
    hidden = np.empty(len(points), dtype=np.bool_)
    for k in range(len(points)):
        hidden[k] = _is_hidden(points[k], eye, centre, half, -1)
    return hidden


@njit(cache=True, nogil=True)
def edges_in_sight(
    centre: Matrix,
    half: Matrix,
    asked: NDArray[np.bool_],
    X: Matrix,
    K: Matrix,
    sliver: float,
    left_out: float,
    step_px: float,
) -> tuple[Matrix, Matrix, Numbers, Matrix]:
    """Return points on edges that face a camera: places, direction of their edge, its number, ways across its faces.

    Args:
        centre: Of the boxes of a body, along its axes, shape (b, 3), m.
        half: Their half lengths, shape (b, 3), m.
        asked: Whose edges are of interest; the others only hide, shape (b,).
        X: X_optical_body, shape (4, 4).
        K: Intrinsics, shape (3, 3), px.
        sliver: Apparent width, as a share of the distance, below which a face is a sliver.
        left_out: Share of an edge that is left out at both ends.
        step_px: Distance of points along an edge.
    """
    eye = np.empty(3)
    for i in range(3):
        eye[i] = -(X[0, i] * X[0, 3] + X[1, i] * X[1, 3] + X[2, i] * X[2, 3])
    boxes = len(centre)
    ends, faces = np.empty((12 * boxes, 2, 3)), np.empty((12 * boxes, 2, 3))
    owners, counts = np.empty(12 * boxes, dtype=np.intp), np.empty(12 * boxes, dtype=np.intp)
    found, total = 0, 0
    above, width, uv = np.empty(2), np.empty(2), np.empty((2, 2))
    for box in range(boxes):
        if not asked[box]:
            continue
        for axis in range(3):
            first, second = (1 if axis == 0 else 0), (1 if axis == 2 else 2)
            for corner in range(4):
                s1, s2 = (-1.0 if corner < 2 else 1.0), (-1.0 if corner % 2 == 0 else 1.0)
                # Distance of the eye from the planes of the two faces that meet in this edge.
                above[0] = s1 * (eye[first] - centre[box, first]) - half[box, first]
                above[1] = s2 * (eye[second] - centre[box, second]) - half[box, second]
                if above[0] <= 0.0 and above[1] <= 0.0:
                    continue
                squared = (eye[axis] - centre[box, axis]) ** 2
                squared += (above[0]) ** 2 + (above[1]) ** 2
                width[0] = 2.0 * half[box, second] * above[0] / squared
                width[1] = 2.0 * half[box, first] * above[1] / squared
                if 0.0 < width[0] < sliver or 0.0 < width[1] < sliver:
                    continue
                for end in range(2):
                    ends[found, end, axis] = centre[box, axis] + (2 * end - 1) * half[box, axis]
                    ends[found, end, first] = centre[box, first] + s1 * half[box, first]
                    ends[found, end, second] = centre[box, second] + s2 * half[box, second]
                    x, y, z = X[0, 3], X[1, 3], X[2, 3]
                    for i in range(3):
                        x += X[0, i] * ends[found, end, i]
                        y += X[1, i] * ends[found, end, i]
                        z += X[2, i] * ends[found, end, i]
                    uv[end, 0], uv[end, 1] = K[0, 0] * x / z, K[1, 1] * y / z
                length = math.hypot(uv[1, 0] - uv[0, 0], uv[1, 1] - uv[0, 1])
                count = int(length * (1.0 - 2.0 * left_out) / step_px)
                if count < 3:
                    continue
                faces[found] = 0.0
                faces[found, 0, second] = -2.0 * s2 * half[box, second]
                faces[found, 1, first] = -2.0 * s1 * half[box, first]
                if above[0] <= 0.0:
                    faces[found, 0] = np.nan
                if above[1] <= 0.0:
                    faces[found, 1] = np.nan
                owners[found], counts[found] = box, count
                found += 1
                total += count
    points, along, across = np.empty((total, 3)), np.empty((total, 3)), np.empty((total, 2, 3))
    edges = np.empty(total, dtype=np.intp)
    kept = 0
    for edge in range(found):
        for k in range(counts[edge]):
            share = left_out + (1.0 - 2.0 * left_out) * k / (counts[edge] - 1)
            for i in range(3):
                points[kept, i] = (1.0 - share) * ends[edge, 0, i] + share * ends[edge, 1, i]
            if _is_hidden(points[kept], eye, centre, half, owners[edge]):
                continue
            along[kept] = ends[edge, 1] - ends[edge, 0]
            across[kept] = faces[edge]
            edges[kept] = edge
            kept += 1
    return points[:kept].copy(), along[:kept].copy(), edges[:kept].copy(), across[:kept].copy()


@njit(cache=True, nogil=True)
def _is_inside(x: float, y: float, hull: Matrix, margin_px: float) -> bool:
    for k in range(len(hull)):
        if (x - hull[k, 0]) * hull[k, 2] + (y - hull[k, 1]) * hull[k, 3] >= margin_px:
            return False
    return len(hull) > 0


@njit(cache=True, nogil=True)
def place(
    points: Matrix,
    along: Matrix,
    across: Matrix,
    X: Matrix,
    K: Matrix,
    hull: Matrix,
    size: Vector,
    margin_px: float,
    depths: Vector,
) -> tuple[NDArray[np.bool_], Matrix, Matrix, Matrix, Matrix]:
    """Return where points on edges should be seen: whether in sight, pixels, normals, widths and places of faces.

    Args:
        points: As `edges_in_sight` returns them, shape (n, 3), m.
        along: Likewise.
        across: Likewise.
        X: X_optical_body, shape (4, 4).
        K: Intrinsics, shape (3, 3), px.
        hull: Corner and outward normal of every side of what hides the body, shape (m, 4), px; convex.
        size: Width and height of the image, px.
        margin_px: Kept from the hull and from the border.
        depths: Shares of a face, from the edge, at which its colour is taken, shape (d,).
    """
    n, d = len(points), len(depths)
    seen = np.zeros(n, dtype=np.bool_)
    pixels, normals = np.empty((n, 2)), np.empty((n, 2))
    widths, inside = np.full((n, 2, 2), np.nan), np.full((n, 2, d, 2), np.nan)
    p, t, w = np.empty(3), np.empty(3), np.empty(3)
    for k in range(n):
        for i in range(3):
            p[i] = X[i, 3]
            t[i] = 0.0
            for j in range(3):
                p[i] += X[i, j] * points[k, j]
                t[i] += X[i, j] * along[k, j]
        u, v = K[0, 0] * p[0] / p[2] + K[0, 2], K[1, 1] * p[1] / p[2] + K[1, 2]
        du, dv = K[0, 0] * (t[0] * p[2] - p[0] * t[2]), K[1, 1] * (t[1] * p[2] - p[1] * t[2])
        length = math.hypot(du, dv)
        pixels[k, 0], pixels[k, 1] = u, v
        normals[k, 0], normals[k, 1] = -dv / length, du / length
        if u <= margin_px or v <= margin_px or u >= size[0] - 1.0 - margin_px or v >= size[1] - 1.0 - margin_px:
            continue
        if _is_inside(u, v, hull, margin_px):
            continue
        seen[k] = True
        for face in range(2):
            if math.isnan(across[k, face, 0]):
                continue
            for depth in range(d, -1, -1):
                share = 1.0 if depth == d else depths[depth]
                for i in range(3):
                    w[i] = p[i]
                    for j in range(3):
                        w[i] += share * X[i, j] * across[k, face, j]
                a, b = K[0, 0] * w[0] / w[2] + K[0, 2], K[1, 1] * w[1] / w[2] + K[1, 2]
                if depth == d:
                    way = (a - u) * normals[k, 0] + (b - v) * normals[k, 1]
                    if way == 0.0:
                        break
                    side = 0 if way < 0.0 else 1
                    widths[k, side, 0], widths[k, side, 1] = a - u, b - v
                elif not _is_inside(a, b, hull, margin_px):
                    inside[k, side, depth, 0], inside[k, side, depth, 1] = a, b
    return seen, pixels, normals, widths, inside


@njit(cache=True, nogil=True)
def _look_up(image: Images, x: float, y: float, channel: int) -> float:
    """Return a colour between the pixels of an image, shape (h, w, 3); beyond its border that of the border."""
    rows, columns = image.shape[0], image.shape[1]
    x, y = min(max(x, 0.0), columns - 1.0), min(max(y, 0.0), rows - 1.0)
    column, row = min(int(x), columns - 2), min(int(y), rows - 2)
    a, b = x - column, y - row
    above = (1.0 - a) * image[row, column, channel] + a * image[row, column + 1, channel]
    below = (1.0 - a) * image[row + 1, column, channel] + a * image[row + 1, column + 1, channel]
    return float((1.0 - b) * above + b * below)


@njit(cache=True, nogil=True)
def _face_colour(
    image: Images, x0: float, y0: float, inside: Matrix, side: int, begin: int, end: int, colour: Vector, limit: Vector
) -> bool:
    """Fill the colour of the face to one side of an edge, and how far from it is another; return whether it shows."""
    depths = inside.shape[2]
    total, deep = 0, 0
    for depth in range(depths):
        for k in range(begin, end):
            total += not math.isnan(inside[k, side, depth, 0])
        deep = depth + 1
        if total >= _FEWEST_COLOURS:
            break
    if total < _FEWEST_COLOURS:
        return False
    shown = np.empty(total)
    for c in range(3):
        number = 0
        for k in range(begin, end):
            for depth in range(deep):
                if not math.isnan(inside[k, side, depth, 0]):
                    x, y = inside[k, side, depth, 0] - x0, inside[k, side, depth, 1] - y0
                    shown[number] = _look_up(image, x, y, c)
                    number += 1
        colour[c] = np.median(shown)
        spread = _MAD_TO_SIGMA * np.median(np.abs(shown - colour[c]))
        limit[c] = max(_COLOUR_LEVELS, _COLOUR_SIGMAS * spread)
    return True


@njit(cache=True, nogil=True)
def find(
    images: Images,
    x0: float,
    y0: float,
    pixels: Matrix,
    normals: Matrix,
    edges: Numbers,
    widths: Matrix,
    inside: Matrix,
    range_px: float,
    transition_px: float,
    min_strength: float,
) -> Matrix:
    """Return where along its normal the edge at each place is, and how strong it is, shape (n, 2); NaN for nowhere.

    Args:
        images: Smoothed colour images of the same part of the view, shape (f, h, w, 3).
        x0: Pixel of the full image at their first column.
        y0: Likewise.
        pixels: Predicted places, shape (n, 2).
        normals: Unit normals of the projected edges, shape (n, 2).
        edges: Number of the edge of each place; those of one edge follow each other, shape (n,).
        widths: Of the faces to both sides, as `place` returns them.
        inside: Places on them, likewise.
        range_px: How far to look to either side.
        transition_px: Within which an edge mixes the colours of its two sides.
        min_strength: Weakest change that counts, grey levels per pixel.
    """
    n, count = len(pixels), len(images)
    length = int(2.0 * (range_px + 1.0) / STEP_PX + 1e-6) + 1
    gap = round(transition_px / STEP_PX)
    found = np.full((n, 2), np.nan)
    profile, slope = np.empty((length, 3)), np.empty(length)
    weakest, mean, worst = np.empty(length), np.empty(length), np.empty(length)
    colour, limit, shows = np.empty((count, 2, 3)), np.empty((count, 2, 3)), np.zeros((count, 2), dtype=np.bool_)
    departure = np.empty(length)
    begin = 0
    while begin < n:
        end = begin
        while end < n and edges[end] == edges[begin]:
            end += 1
        for f in range(count):
            for side in range(2):
                shows[f, side] = _face_colour(
                    images[f], x0, y0, inside, side, begin, end, colour[f, side], limit[f, side]
                )
        for k in range(begin, end):
            worst[:] = 0.0
            weakest[:] = math.inf
            mean[:] = 0.0
            for f in range(count):
                for i in range(length):
                    s = i * STEP_PX - range_px - 1.0
                    x, y = pixels[k, 0] + s * normals[k, 0] - x0, pixels[k, 1] + s * normals[k, 1] - y0
                    for c in range(3):
                        profile[i, c] = _look_up(images[f], x, y, c)
                for i in range(length):
                    low, high = max(i - 1, 0), min(i + 1, length - 1)
                    squares = 0.0
                    for c in range(3):
                        squares += ((profile[high, c] - profile[low, c]) / ((high - low) * STEP_PX)) ** 2
                    slope[i] = math.sqrt(squares / 3.0)
                    weakest[i] = min(weakest[i], slope[i])
                    mean[i] += slope[i] / count
                for side in range(2):
                    if not shows[f, side]:
                        continue
                    # No farther into the face than to its middle.
                    width = abs(widths[k, side, 0] * normals[k, 0] + widths[k, side, 1] * normals[k, 1])
                    if math.isnan(width):
                        width = 0.0
                    most = 0.0
                    for step in range(length):
                        i = step if side == 0 else length - 1 - step
                        outward = (i * STEP_PX - range_px - 1.0) * (1.0 if side == 0 else -1.0)
                        if outward >= -0.5 * width:
                            for c in range(3):
                                most = max(most, abs(profile[i, c] - colour[f, side, c]) / limit[f, side, c])
                        departure[step] = most
                    for step in range(gap, length):
                        i = step if side == 0 else length - 1 - step
                        worst[i] = max(worst[i], departure[step - gap])
            best, peak = -1, -1.0
            for i in range(1, length - 1):
                s = (i * STEP_PX - range_px - 1.0) / (0.7 * range_px)
                strength = 0.75 * weakest[i] + 0.25 * mean[i]
                value = strength * math.exp(-0.5 * (s * s + worst[i] ** 2))
                if value > peak:
                    best, peak = i, value
            before = 0.75 * weakest[best - 1] + 0.25 * mean[best - 1]
            at = 0.75 * weakest[best] + 0.25 * mean[best]
            after = 0.75 * weakest[best + 1] + 0.25 * mean[best + 1]
            bend = before - 2.0 * at + after
            shift = 0.5 * (before - after) / bend if bend < -1e-9 else 0.0
            offset = best * STEP_PX - range_px - 1.0 + STEP_PX * min(1.0, max(-1.0, shift))
            alike = math.exp(-0.5 * worst[best] ** 2)
            if at > min_strength and alike > _ALIKE and abs(offset) <= range_px:
                found[k, 0], found[k, 1] = offset, at
        begin = end
    return found


def warm_up() -> None:
    """Compile everything here, or load it where it was compiled before."""
    X, K = np.eye(4), np.array([[100.0, 0.0, 16.0], [0.0, 100.0, 16.0], [0.0, 0.0, 1.0]])
    X[2, 3] = 0.5
    centre, half = np.zeros((1, 3)), np.full((1, 3), 0.05)
    points, along, edges, across = edges_in_sight(centre, half, np.ones(1, dtype=np.bool_), X, K, 0.0, 0.06, 2.0)
    are_hidden(points, np.zeros(3), centre, half)
    hull, depths = np.zeros((0, 4)), np.array([0.5])
    _, pixels, normals, widths, inside = place(points, along, across, X, K, hull, np.full(2, 32.0), 0.0, depths)
    images = np.zeros((1, 32, 32, 3), dtype=np.float32)
    find(images, 0.0, 0.0, pixels, normals, edges, widths, inside, 2.0, 1.0, 1.0)
    offsets = np.zeros(len(points))
    equations(points, X, K, pixels, normals, edges, offsets, 0.2, 0.1, 10.0, 0.5, 4.0, 3.0)
