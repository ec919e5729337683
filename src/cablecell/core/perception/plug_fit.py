"""How much the images of one camera say about where the plug is in front of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.plug_vision import PlugVisionSettings
from cablecell.core.perception.plug_edges import BodyBox, EdgePoints, edges_in_sight, find_edges, visible_edges
from cablecell.core.perception.reprojection import jacobian, project
from cablecell.ports import Frame, Region

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

_TUKEY = 4.0
_MAD_TO_SIGMA = 1.4826
_SLOPE_SHARE = 0.5  # deviation of an edge's shared slope, as a share of that of its shared offset
SIGNS = np.array([[i, j, k] for i in (-1.0, 1.0) for j in (-1.0, 1.0) for k in (-1.0, 1.0)])
"""Corners of a box in half lengths, shape (8, 3)."""
_SMALLEST_REGION_PX = 16
_COST_PX, _TRUNCATED = 0.7, 9.0
_LENS_TRANSITION_PX, _BLUR_TRANSITION = 1.0, 2.0  # of an edge: by the lens, and as a multiple of the smoothing
_MIN_WEIGHT = 2.0  # of the samples of an edge whose mean says something


@dataclass(frozen=True)
class PlugImages:
    """Images of one camera with the plug held the same way in all of them.

    Attributes:
        frames: Images or regions of interest, from different places.
        outline: Points of the tool that hides the plug, in the optical frame, shape (m, 3), m.
        size_px: Width and height of the full image.
    """

    frames: tuple[Frame, ...]
    outline: Matrix
    size_px: tuple[int, int]
    _smoothed: dict[float, list[tuple[NDArray[np.float32], Matrix]]] = field(default_factory=dict, compare=False)

    def smoothed(self, blur_px: float) -> list[tuple[NDArray[np.float32], Matrix]]:
        """Return the images after a Gaussian blur, with the pixel (x, y) of their top left corner; kept."""
        if blur_px not in self._smoothed:
            self._smoothed[blur_px] = [_smooth(frame, blur_px) for frame in self.frames]
        return self._smoothed[blur_px]


@dataclass(frozen=True)
class EdgeInformation:
    """Normal equations of one camera for a right perturbation of X_optical_tip.

    Attributes:
        H: Information matrix, shape (6, 6).
        g: Gradient, shape (6,).
        samples: Number of edge samples that were found.
        inlier_share: Share of the looked-for samples that were found where the body says.
        edges: Number of different edges among the inliers.
        rms_px: Root mean square distance of the inliers, px.
        means_px: Mean distance of every edge, px; large where the body or its place is not as thought.
        asked: Number of edge samples that were looked for.
        cost: Squared distances of all looked-for samples in units of `_COST_PX`, truncated; compares starts.
    """

    H: Matrix
    g: Vector
    samples: int
    inlier_share: float
    edges: int
    rms_px: float
    means_px: tuple[float, ...] = ()
    asked: int = 0
    cost: float = 0.0


def edge_information(
    images: PlugImages,
    boxes: Sequence[BodyBox],
    X_optical_tip: Matrix,
    settings: PlugVisionSettings,
    *,
    range_px: float,
    blur_px: float,
    shared_px: float,
    sight: EdgePoints | None = None,
) -> EdgeInformation:
    """Return what the edges of the plug say about its pose in one camera.

    The samples of an edge share an offset and a slope b0 + b1 t, t from -1 to 1 along the edge. b0 ~ N(0, s^2) with
    s^2 = shared_px^2 (1 + (sure_samples / n)^2) for n samples, and half of that deviation for b1: light and rounding
    move an edge as a whole, and the staircase of an edge that is nearly parallel to the pixels tilts it. The matrix
    inversion lemma removes the effect from the information.

    Args:
        images: Images of one camera.
        boxes: The plug, along the axes of its tip.
        X_optical_tip: Where the tip is thought to be, shape (4, 4).
        settings: Sizes of the errors.
        range_px: How far from the prediction edges are looked for.
        blur_px: Smoothing before, px.
        shared_px: Standard deviation of offset and slope shared by a long edge, px.
        sight: Edges that face the camera, where they are known from a pose near by.
    """
    K = images.frames[0].K
    outline = images.outline @ K.T
    sight = sight or edges_in_sight(boxes, X_optical_tip, K)
    samples = visible_edges(sight, X_optical_tip, K, outline[:, :2] / outline[:, 2:], images.size_px)
    asked = len(samples.points)
    nothing = EdgeInformation(np.zeros((6, 6)), np.zeros(6), 0, 0.0, 0, 0.0)
    if asked == 0:
        return nothing
    found = find_edges(
        images.smoothed(blur_px),
        samples,
        range_px=range_px,
        transition_px=_LENS_TRANSITION_PX + _BLUR_TRANSITION * blur_px,
        min_strength=settings.min_strength,
    )
    if len(found.offset_px) < 6:
        return nothing
    p = found.samples.points
    in_camera = p @ X_optical_tip[:3, :3].T + X_optical_tip[:3, 3]
    J = np.einsum("ni,nij->nj", found.samples.normals, jacobian(p, in_camera, X_optical_tip, K))
    r = found.offset_px
    sigma = max(settings.sample_sigma_px, _MAD_TO_SIGMA * float(np.median(np.abs(r))))
    scaled = np.abs(r) / (_TUKEY * sigma)
    weight = np.where(scaled < 1.0, (1.0 - scaled**2) ** 2, 0.0)
    H, g, means = np.zeros((6, 6)), np.zeros(6), []
    for edge in np.unique(found.samples.edges):
        members = found.samples.edges == edge
        w, rows, residual = weight[members], J[members], r[members]
        total = float(w.sum())
        # A short edge is more easily mistaken for something behind it than a long one.
        common = shared_px**2 * (1.0 + (settings.sure_samples / max(total, 1.0)) ** 2)
        U = np.stack([np.ones(len(w)), _along(found.samples.pixels[members], found.samples.normals[members])], axis=1)
        weighted = rows * (w / sigma**2)[:, None]
        inner = np.linalg.inv(np.diag([1.0, 1.0 / _SLOPE_SHARE**2]) / common + U.T @ (U * (w / sigma**2)[:, None]))
        cross = weighted.T @ U
        H += rows.T @ weighted - cross @ inner @ cross.T
        g += weighted.T @ residual - cross @ inner @ (U.T @ (residual * w / sigma**2))
        if total > _MIN_WEIGHT:
            means.append(float(w @ residual) / total)
    good = weight > 0.5
    return EdgeInformation(
        H=H,
        g=g,
        samples=len(r),
        inlier_share=float(good.sum()) / asked,
        edges=len(np.unique(found.samples.edges[good])),
        rms_px=float(np.sqrt((weight * r**2).sum() / max(float(weight.sum()), 1e-9))),
        means_px=tuple(means),
        asked=asked,
        cost=_TRUNCATED * (asked - len(r)) + float(np.minimum((r / _COST_PX) ** 2, _TRUNCATED).sum()),
    )


def _along(pixels: Matrix, normals: Matrix) -> Vector:
    """Return where samples are on their edge, from -1 to 1, shape (n,)."""
    place = (pixels - pixels.mean(axis=0)) @ np.array([normals[0, 1], -normals[0, 0]])
    return np.asarray(place / max(float(np.abs(place).max()), 1.0))


def plug_region(
    boxes: Sequence[BodyBox], X_optical_tip: Matrix, K: Matrix, size_px: tuple[int, int], margin_px: int
) -> Region | None:
    """Return the part of an image that shows the plug, or None when it is outside.

    Args:
        boxes: The plug, along the axes of its tip.
        X_optical_tip: Where the tip is thought to be, shape (4, 4).
        K: Intrinsics of the full image, shape (3, 3), pixels.
        size_px: Width and height of the full image.
        margin_px: Added on all sides; at least the range edges are looked for in.
    """
    corners = np.vstack([box.centre + 0.5 * box.size * SIGNS for box in boxes])
    pixels, in_camera = project(corners, X_optical_tip, K)
    if np.any(in_camera[:, 2] <= 0.0):
        return None
    low = np.maximum(np.floor(pixels.min(axis=0)) - margin_px, 0.0).astype(int)
    high = np.minimum(np.ceil(pixels.max(axis=0)) + margin_px + 1.0, size_px).astype(int)
    if np.any(high - low < _SMALLEST_REGION_PX):
        return None
    return Region(int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1]))


def _smooth(frame: Frame, blur_px: float) -> tuple[NDArray[np.float32], Matrix]:
    smooth = np.asarray(cv2.GaussianBlur(frame.pixels.astype(np.float32), (0, 0), blur_px), dtype=np.float32)
    return smooth, np.array([frame.region.x, frame.region.y], dtype=np.float64)
