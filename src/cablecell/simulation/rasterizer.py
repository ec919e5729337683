"""A z-buffer renderer of flat convex faces, made for scenes of boxes and cylinders that fill the whole image.

Time goes with the pixels of the faces, a few nanoseconds each and in whole arrays, and only little with their number.
Rows of an image are cut at the edges of a face, so that a pixel belongs to it when its centre does; what is nearest
is known from the inverse depth, which is linear over the pixels of a plane.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Image = NDArray[np.uint8]

_BACKGROUND = 0xFF
_EDGE_ON = 1e-9  # distance of the eye from a plane, m, below which the plane is not seen


@dataclass(frozen=True)
class Picture:
    """What is printed on a face.

    Attributes:
        pixels: The picture, shape (h, w, 3).
        to_pixel: Picture coordinates (column, row, 1) of a point (x, y, 1) of the picture's plane, shape (3, 3).
        X_world_plane: Pose of that plane, its origin in the picture's corner, shape (4, 4).
    """

    pixels: Image
    to_pixel: Matrix
    X_world_plane: Matrix


@dataclass(frozen=True)
class Faces:
    """Convex faces in `world`.

    Attributes:
        corners: Corners of all faces, one face after the other, counter-clockwise or clockwise, shape (n, 3), m.
        starts: First corner of every face and the number of all corners, shape (m + 1,).
        normals: Unit normals away from what is solid, shape (m, 3).
        colours: Red, green and blue from 0 to 1, shape (m, 3).
        pictures: Printed faces by number; the colour of these does not matter.
    """

    corners: Matrix
    starts: NDArray[np.intp]
    normals: Matrix
    colours: Matrix
    pictures: dict[int, Picture]


def rasterize(
    faces: Faces, view: Matrix, projection: Matrix, size_px: tuple[int, int], near_m: float, brightness: Matrix
) -> Image:
    """Return an RGB image, shape (height, width, 3).

    Args:
        faces: The scene.
        view: OpenGL view matrix, shape (4, 4).
        projection: OpenGL perspective matrix, possibly off-axis, shape (4, 4).
        size_px: Width and height.
        near_m: Nearest visible depth.
        brightness: Of every face, shape (m,).
    """
    canvas = _Canvas(projection, size_px)
    in_camera = faces.corners @ view[:3, :3].T + view[:3, 3]
    normals = faces.normals @ view[:3, :3].T
    from_eye = np.einsum("ij,ij->i", normals, in_camera[faces.starts[:-1]])
    clip = canvas.to_pixels(in_camera, near_m)
    low, high = (extreme.reduceat(clip, faces.starts[:-1]) for extreme in (np.minimum, np.maximum))
    behind = np.minimum.reduceat(-in_camera[:, 2], faces.starts[:-1]) < near_m
    before = np.maximum.reduceat(-in_camera[:, 2], faces.starts[:-1]) > near_m
    inside = np.all((high >= 0.0) & (low <= np.array(size_px) - 1.0), axis=1)
    for number in np.flatnonzero((from_eye < -_EDGE_ON) & before & (behind | inside)):
        part = slice(faces.starts[number], faces.starts[number + 1])
        outline = clip[part]
        if behind[number]:
            outline = canvas.to_pixels(_cut_near(in_camera[part], near_m), near_m)
        canvas.fill(int(number), outline, normals[number] / from_eye[number])
    return canvas.coloured(faces, view, brightness)


class _Canvas:
    """Inverse depth and number of the nearest face for every pixel; 0 is none, face i is i + 1."""

    def __init__(self, projection: Matrix, size_px: tuple[int, int]) -> None:
        self.width, self.height = size_px
        self._projection = projection
        self._inverse_depth = np.zeros((self.height, self.width), dtype=np.float32)
        self._numbers = np.zeros((self.height, self.width), dtype=np.uint16)
        # Ray through a pixel at unit depth: x = column * step + first.
        P = projection
        self._step = np.array([2.0 / self.width / P[0, 0], -2.0 / self.height / P[1, 1]])
        first = np.array([1.0 / self.width - 1.0 + P[0, 2], 1.0 - 1.0 / self.height + P[1, 2]])
        self._first = first / np.array([P[0, 0], P[1, 1]])

    def to_pixels(self, in_camera: Matrix, near_m: float) -> Matrix:
        """Return columns and rows, shape (n, 2), of points in the OpenGL frame of the camera."""
        depth = np.maximum(-in_camera[:, 2], 0.5 * near_m)
        return np.asarray((in_camera[:, :2] / depth[:, None] - self._first) / self._step)

    def fill(self, number: int, outline: Matrix, plane: Matrix) -> None:
        """Draw a face where it is nearest: `plane` @ point is 1 for its points in the camera's frame."""
        first, last = max(math.ceil(outline[:, 1].min()), 0), min(math.floor(outline[:, 1].max()), self.height - 1)
        if first > last:
            return
        rows = np.arange(first, last + 1, dtype=np.float64)
        low, high = _spans(outline, rows)
        low, high = np.clip(np.ceil(low), 0, self.width), np.clip(np.floor(high), -1, self.width - 1)
        left, right = int(low.min()), int(high.max())
        if left > right:
            return
        columns = np.arange(left, right + 1, dtype=np.float32)
        x = plane[0] * (self._first[0] + self._step[0] * columns)
        y = plane[1] * (self._first[1] + self._step[1] * rows) - plane[2]
        inverse = x.astype(np.float32)[None, :] + y.astype(np.float32)[:, None]
        part = np.s_[first : last + 1, left : right + 1]
        nearest = self._inverse_depth[part]
        wins = inverse > nearest
        if low.max() > left:
            wins &= columns >= low.astype(np.float32)[:, None]
        if high.min() < right:
            wins &= columns <= high.astype(np.float32)[:, None]
        np.copyto(nearest, inverse, where=wins)
        np.copyto(self._numbers[part], np.uint16(number + 1), where=wins)

    def coloured(self, faces: Faces, view: Matrix, brightness: Matrix) -> Image:
        """Return the image: colours of faces by their brightness, and what is printed on them."""
        palette = np.full((len(brightness) + 1, 4), _BACKGROUND, dtype=np.uint8)
        palette[1:, :3] = np.clip(faces.colours * brightness[:, None] * 255.0 + 0.5, 0.0, 255.0)
        packed = np.take(palette.view(np.uint32)[:, 0], self._numbers)
        rgba = packed.view(np.uint8).reshape(self.height, self.width, 4)
        image = np.asarray(cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB), dtype=np.uint8)
        for number, picture in faces.pictures.items():
            self._print(image, number, picture, view, float(brightness[number]))
        return image

    def _print(self, image: Image, number: int, picture: Picture, view: Matrix, brightness: float) -> None:
        mask = (self._numbers == number + 1).astype(np.uint8)
        x, y, width, height = cv2.boundingRect(mask)
        if width == 0:
            return
        X = view @ picture.X_world_plane
        ray_of_plane = np.array([[X[i, 0], X[i, 1], X[i, 3]] for i in range(3)])
        ray_of_plane[2] *= -1.0  # the depth
        ray_of_pixel = np.array([[self._step[0], 0.0, self._first[0]], [0.0, self._step[1], self._first[1]], [0, 0, 1]])
        corner = np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])
        H = picture.to_pixel @ np.linalg.inv(ray_of_plane) @ ray_of_pixel @ corner
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        printed = cv2.warpPerspective(picture.pixels, H, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        printed = cv2.convertScaleAbs(printed, alpha=min(brightness, 1.0))
        cv2.copyTo(printed, mask[y : y + height, x : x + width], image[y : y + height, x : x + width])


def _spans(outline: Matrix, rows: Matrix) -> tuple[Matrix, Matrix]:
    """Return where a convex outline begins and ends in every row; begins after it ends where it is not."""
    x0, y0 = outline[:, 0, None], outline[:, 1, None]
    ends = np.roll(outline, -1, axis=0)
    x1, y1 = ends[:, 0, None], ends[:, 1, None]
    rise = y1 - y0
    crosses = (np.minimum(y0, y1) <= rows) & (rows <= np.maximum(y0, y1)) & (rise != 0.0)
    x = x0 + (rows - y0) * ((x1 - x0) / np.where(rise == 0.0, 1.0, rise))
    return np.where(crosses, x, np.inf).min(axis=0), np.where(crosses, x, -np.inf).max(axis=0)


def _cut_near(corners: Matrix, near_m: float) -> Matrix:
    """Return the part of a face, corners in the OpenGL frame of the camera, that is not nearer than a depth."""
    kept: list[Matrix] = []
    ahead: Sequence[float] = (-corners[:, 2] - near_m).tolist()
    for index, here in enumerate(corners):
        following = (index + 1) % len(corners)
        if ahead[index] >= 0.0:
            kept.append(here)
        if (ahead[index] >= 0.0) != (ahead[following] >= 0.0):
            share = ahead[index] / (ahead[index] - ahead[following])
            kept.append(here + share * (corners[following] - here))
    return np.array(kept)
