"""How much the images of one camera say about where the plug is in front of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.plug_vision import PlugVisionSettings
from cablecell.core.perception.plug_body import PlugBody
from cablecell.core.perception.plug_edges import EdgePoints, find_edges, hull_sides, visible_edges
from cablecell.core.perception.plug_equations import equations
from cablecell.core.perception.reprojection import project
from cablecell.ports import Frame, Region

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

_TUKEY = 4.0
_MAD_TO_SIGMA = 1.4826
_SLOPE_SHARE = 0.5  # deviation of an edge's shared slope, as a share of that of its shared offset
_SMALLEST_REGION_PX = 16
_COST_PX, _TRUNCATED = 0.7, 9.0
_LENS_TRANSITION_PX, _BLUR_TRANSITION = 1.0, 2.0  # of an edge: by the lens, and as a multiple of the smoothing
_FEWEST_SAMPLES = 6


@dataclass(frozen=True)
class PlugImages:
    """Images of one camera with the plug held the same way in all of them.

    Attributes:
        frames: Images or regions of interest, from different places; those of another region than the newest's are not
            used.
        outline: Points of the tool that hides the plug, in the optical frame, shape (m, 3), m.
        size_px: Width and height of the full image.
    """

    frames: tuple[Frame, ...]
    outline: Matrix
    size_px: tuple[int, int]
    _smoothed: dict[float, NDArray[np.float32]] = field(default_factory=dict, compare=False)

    @property
    def corner(self) -> Matrix:
        """Place (x, y) of the first pixel in the full image."""
        region = self.frames[-1].region
        return np.array([region.x, region.y], dtype=np.float64)

    @cached_property
    def hull(self) -> Matrix:
        """What hides the plug, in the image: corners and outward normals, shape (m, 4), px."""
        outline = self.outline @ self.frames[-1].K.T
        return hull_sides(outline[:, :2] / outline[:, 2:])

    def smoothed(self, blur_px: float) -> NDArray[np.float32]:
        """Return the images after a Gaussian blur, shape (f, h, w, 3); kept."""
        if blur_px not in self._smoothed:
            same = [frame for frame in self.frames if frame.region == self.frames[-1].region]
            self._smoothed[blur_px] = np.stack([_smooth(frame, blur_px) for frame in same])
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
        means: Mean distance of every edge, px, the deviation it should have, and how far the edge is believed, 0 to 1,
            shape (e, 3).
        asked: Number of edge samples that were looked for.
        cost: Squared distances of all looked-for samples in units of `_COST_PX`, truncated; compares starts.
    """

    H: Matrix
    g: Vector
    samples: int
    inlier_share: float
    edges: int
    rms_px: float
    means: Matrix = field(default_factory=lambda: np.zeros((0, 3)))
    asked: int = 0
    cost: float = 0.0


def edge_information(
    images: PlugImages,
    X_optical_tip: Matrix,
    sight: EdgePoints,
    settings: PlugVisionSettings,
    *,
    range_px: float,
    blur_px: float,
    shared_px: float,
) -> EdgeInformation:
    """Return what the edges of the plug say about its pose in one camera.

    The samples of an edge share an offset and a slope b0 + b1 t, t from -1 to 1 along the edge. b0 ~ N(0, s^2) with
    s^2 = shared_px^2 (1 + (sure_samples / n)^2) for n samples, and half of that deviation for b1: light and rounding
    move an edge as a whole, and the staircase of an edge that is nearly parallel to the pixels tilts it. The matrix
    inversion lemma removes the effect from the information. Some edges are something else than the plug's: the shared
    error has the heavy tails of a t distribution.

    Args:
        images: Images of one camera.
        X_optical_tip: Where the tip is thought to be, shape (4, 4).
        sight: Edges that face the camera there or near by.
        settings: Sizes of the errors.
        range_px: How far from the prediction edges are looked for.
        blur_px: Smoothing before, px.
        shared_px: Standard deviation of offset and slope shared by a long edge, px.
    """
    K = images.frames[-1].K
    X = np.ascontiguousarray(X_optical_tip)
    samples = visible_edges(sight, X, K, images.hull, images.size_px, margin_px=settings.margin_px)
    asked = len(samples.points)
    nothing = EdgeInformation(np.zeros((6, 6)), np.zeros(6), 0, 0.0, 0, 0.0)
    if asked == 0:
        return nothing
    found = find_edges(
        images.smoothed(blur_px),
        images.corner,
        samples,
        range_px=range_px,
        transition_px=_LENS_TRANSITION_PX + _BLUR_TRANSITION * blur_px,
        min_strength=settings.min_strength,
    )
    r = found.offset_px
    if len(r) < _FEWEST_SAMPLES:
        return replace(nothing, asked=asked, cost=_TRUNCATED * asked)
    H, g, weight, means = equations(
        found.samples.points,
        X,
        K,
        found.samples.pixels,
        found.samples.normals,
        found.samples.edges,
        r,
        max(settings.sample_sigma_px, _MAD_TO_SIGMA * float(np.median(np.abs(r)))),
        shared_px,
        settings.sure_samples,
        _SLOPE_SHARE,
        _TUKEY,
        settings.tail_freedom,
    )
    good = weight > 0.5
    return EdgeInformation(
        H=H,
        g=g,
        samples=len(r),
        inlier_share=float(good.sum()) / asked,
        edges=len(np.unique(found.samples.edges[good])),
        rms_px=float(np.sqrt((weight * r**2).sum() / max(float(weight.sum()), 1e-9))),
        means=means[means[:, 2] > 0.0],
        asked=asked,
        cost=_TRUNCATED * (asked - len(r)) + float(np.minimum((r / _COST_PX) ** 2, _TRUNCATED).sum()),
    )


def plug_region(
    body: PlugBody, X_optical_tip: Matrix, K: Matrix, size_px: tuple[int, int], margin_px: int
) -> Region | None:
    """Return the part of an image that shows the plug, or None when it is outside.

    Args:
        body: The plug, along the axes of its tip.
        X_optical_tip: Where the tip is thought to be, shape (4, 4).
        K: Intrinsics of the full image, shape (3, 3), pixels.
        size_px: Width and height of the full image.
        margin_px: Added on all sides; at least the range edges are looked for in.
    """
    pixels, in_camera = project(body.corners, X_optical_tip, K)
    if np.any(in_camera[:, 2] <= 0.0):
        return None
    low = np.maximum(np.floor(pixels.min(axis=0)) - margin_px, 0.0).astype(int)
    high = np.minimum(np.ceil(pixels.max(axis=0)) + margin_px + 1.0, size_px).astype(int)
    if np.any(high - low < _SMALLEST_REGION_PX):
        return None
    return Region(int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1]))


def _smooth(frame: Frame, blur_px: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(frame.pixels.astype(np.float32), (0, 0), blur_px), dtype=np.float32)
