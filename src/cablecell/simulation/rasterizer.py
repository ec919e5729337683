"""A z-buffer renderer of flat convex faces, made for scenes of boxes and cylinders that fill the whole image.

It draws along the rays of the pixels and not onto a plane, so a lens with distortion is as exact as a pinhole. Time
goes with the pixels of the faces, about a nanosecond each, and only little with their number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cablecell.simulation.raster_kernels import draw_faces, paint, print_picture

Matrix = NDArray[np.float64]
Image = NDArray[np.uint8]
RayTable = NDArray[np.float32]

_BACKGROUND = 0xFF


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
    pictures: Mapping[int, Picture]


@dataclass(frozen=True)
class Rays:
    """Where the pixels of an image look, in the optical frame: z forward, x right, y down.

    Attributes:
        x: Right per unit depth, shape (h, w), contiguous.
        y: Down per unit depth, likewise.
        model: fx, fy, cx, cy in pixels of this image, k1, k2, and the largest squared radius the lens is known for:
            where a ray is seen, to within the slack.
        slack_px: How wrong `model` may be.
    """

    x: RayTable
    y: RayTable
    model: Matrix
    slack_px: float


def rasterize(faces: Faces, X_world_optical: Matrix, rays: Rays, near_m: float, brightness: Matrix) -> Image:
    """Return an RGB image, shape (height, width, 3).

    Args:
        faces: The scene.
        X_world_optical: Pose of the eye, shape (4, 4).
        rays: Where its pixels look.
        near_m: Nearest visible depth.
        brightness: Of every face, shape (m,).
    """
    shape = rays.x.shape
    R = np.ascontiguousarray(X_world_optical[:3, :3].T)
    t = -R @ X_world_optical[:3, 3]
    inverse_depth = np.zeros(shape, dtype=np.float32)
    numbers = np.zeros(shape, dtype=np.uint16)
    boxes = np.empty((len(brightness), 4), dtype=np.int64)
    draw_faces(
        faces.corners @ R.T + t, faces.starts, faces.normals @ R.T, near_m, rays.x, rays.y, rays.model, rays.slack_px,
        inverse_depth, numbers, boxes,
    )  # fmt: skip
    palette = np.full((len(brightness) + 1, 3), _BACKGROUND, dtype=np.uint8)
    palette[1:] = np.clip(faces.colours * brightness[:, None] * 255.0 + 0.5, 0.0, 255.0)
    image = np.empty((*shape, 3), dtype=np.uint8)
    paint(numbers, palette, image)
    for number, picture in faces.pictures.items():
        if boxes[number, 1] >= boxes[number, 0]:
            X = picture.X_world_plane
            ray_of_plane = np.column_stack([R @ X[:3, 0], R @ X[:3, 1], R @ X[:3, 3] + t])
            H = picture.to_pixel @ np.linalg.inv(ray_of_plane)
            light = min(float(brightness[number]), 1.0)
            print_picture(numbers, number + 1, boxes[number], rays.x, rays.y, H, picture.pixels, light, image)
    return image
