"""How much the images of one camera say about where the plug is in front of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.plug_vision import PlugVisionSettings
from cablecell.core.perception.plug_edges import BodyBox, find_edges, visible_edges
from cablecell.core.perception.reprojection import jacobian
from cablecell.ports import Frame

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

_TUKEY = 4.0
_MAD_TO_SIGMA = 1.4826


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
    """

    H: Matrix
    g: Vector
    samples: int
    inlier_share: float
    edges: int
    rms_px: float


def edge_information(
    images: PlugImages,
    boxes: Sequence[BodyBox],
    X_optical_tip: Matrix,
    settings: PlugVisionSettings,
    *,
    range_px: float,
    blur_px: float,
) -> EdgeInformation:
    """Return what the edges of the plug say about its pose in one camera.

    Every edge shares one offset b ~ N(0, shared_sigma_px^2), because light and rounding move it as a whole; the
    matrix inversion lemma removes its effect from the information.

    Args:
        images: Images of one camera.
        boxes: The plug, along the axes of its tip.
        X_optical_tip: Where the tip is thought to be, shape (4, 4).
        settings: Sizes of the errors.
        range_px: How far from the prediction edges are looked for.
        blur_px: Smoothing before, px.
    """
    K = images.frames[0].K
    outline = images.outline @ K.T
    samples = visible_edges(boxes, X_optical_tip, K, outline[:, :2] / outline[:, 2:], images.size_px)
    asked = len(samples.points)
    nothing = EdgeInformation(np.zeros((6, 6)), np.zeros(6), 0, 0.0, 0, 0.0)
    if asked == 0:
        return nothing
    found = find_edges(
        [_smooth(frame, blur_px) for frame in images.frames],
        samples,
        range_px=range_px,
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
    H, g = np.zeros((6, 6)), np.zeros(6)
    for edge in np.unique(found.samples.edges):
        members = found.samples.edges == edge
        w, rows = weight[members], J[members]
        shrink = settings.shared_sigma_px**2 / (sigma**2 + settings.shared_sigma_px**2 * float(w.sum()))
        u = rows.T @ w
        H += (rows.T @ (rows * w[:, None]) - shrink * np.outer(u, u)) / sigma**2
        g += (rows.T @ (w * r[members]) - shrink * u * float(w @ r[members])) / sigma**2
    good = weight > 0.5
    return EdgeInformation(
        H=H,
        g=g,
        samples=len(r),
        inlier_share=float(good.sum()) / asked,
        edges=len(np.unique(found.samples.edges[good])),
        rms_px=float(np.sqrt((weight * r**2).sum() / max(float(weight.sum()), 1e-9))),
    )


def _smooth(frame: Frame, blur_px: float) -> tuple[NDArray[np.float32], Matrix]:
    grey = np.asarray(cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2GRAY), dtype=np.float32)
    smooth = np.asarray(cv2.GaussianBlur(grey, (0, 0), blur_px), dtype=np.float32)
    return smooth, np.array([frame.region.x, frame.region.y], dtype=np.float64)
