"""Edges of a plug in an image: which can be seen, and where in the image they really are.

The plug in the gripper has no fiducial, but the edges of its boxes and the outline of its pin are known from the
connector's description. An edge is visible when one of its faces looks at the camera and neither the rest of the plug
nor the tool hides it; it is found as the strongest change of brightness along its normal. Cameras move with the
gripper, so from look to look the plug's edges stay in the image while everything behind them moves: strengths are
combined over looks, which leaves the edges of the background behind.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cablecell.core.perception import plug_kernels as kernels
from cablecell.core.perception.plug_body import PlugBody
from cablecell.core.perception.plug_pin import pin_outline

Matrix = NDArray[np.float64]
Flags = NDArray[np.bool_]

_ENDS = 0.06  # share of an edge that is left out at both ends, where other edges meet it
_SLIVER_PX = 4.0  # a face seen narrower than this has two edges that cannot be told apart
_DEPTHS = np.array([0.65, 0.5, 0.35, 0.25, 0.15])
"""Shares of a face, from an edge, at which its colour is taken: deep if it is open."""


@dataclass(frozen=True)
class EdgePoints:
    """Points on edges of a body; those of one edge follow each other.

    Attributes:
        points: In the body's frame, shape (n, 3), m.
        along: Direction of the edge of each point, of any length, shape (n, 3).
        edges: Number of the edge of each point, shape (n,).
        across: From each point straight across its two faces to their other ends, shape (n, 2, 3), m; NaN for a face
            that looks away.
    """

    points: Matrix
    along: Matrix
    edges: NDArray[np.intp]
    across: Matrix


@dataclass(frozen=True)
class EdgeSamples:
    """Points on visible edges and where to look for them; those of one edge follow each other.

    Attributes:
        points: In the body's frame, shape (n, 3), m.
        pixels: Predicted places in the full image, shape (n, 2).
        normals: Unit normals of the projected edges, shape (n, 2).
        edges: Number of the edge of each sample, shape (n,).
        across_px: From the prediction across the face against the normal and the one along it, in the image, shape
            (n, 2, 2); NaN where that side is not the body's.
        inside: Places on these faces that show their colour, shape (n, 2, k, 2); NaN where something hides them.
    """

    points: Matrix
    pixels: Matrix
    normals: Matrix
    edges: NDArray[np.intp]
    across_px: Matrix
    inside: Matrix

    def of(self, which: Flags) -> EdgeSamples:
        """Return some of the samples."""
        return EdgeSamples(
            self.points[which],
            self.pixels[which],
            self.normals[which],
            self.edges[which],
            self.across_px[which],
            self.inside[which],
        )


@dataclass(frozen=True)
class EdgeOffsets:
    """How far from the prediction the edges were found.

    Attributes:
        samples: What was looked for and found.
        offset_px: Signed distance along the normals, shape (n,).
        strength: Change of brightness per pixel there, grey levels, shape (n,).
    """

    samples: EdgeSamples
    offset_px: Matrix
    strength: Matrix


def edges_in_sight(
    body: PlugBody,
    X_optical_body: Matrix,
    K: Matrix,
    *,
    step_px: float = 2.0,
    min_part_m: float = 0.0,
) -> EdgePoints:
    """Return points on the edges of a body that face a camera and are not hidden by other parts of the body.

    Args:
        body: The body.
        X_optical_body: Where it is thought to be, shape (4, 4); a little elsewhere the same edges are in sight.
        K: Intrinsics of the full image, shape (3, 3), pixels.
        step_px: Distance of points along an edge.
        min_part_m: Parts that are smaller along any axis only hide others.
    """
    sizes = np.array([box.size for box in body.boxes])
    centre, half = np.array([box.centre for box in body.boxes]), 0.5 * sizes
    asked = np.array([box.shows_edges for box in body.boxes]) & (sizes.min(axis=1) >= min_part_m)
    X = np.ascontiguousarray(X_optical_body)
    straight = kernels.edges_in_sight(centre, half, asked, X, K, _SLIVER_PX / float(K[0, 0]), _ENDS, step_px)
    if body.pin is None or 2.0 * body.pin.radius_m < min_part_m:
        return EdgePoints(*straight)
    points, along, edges, across = pin_outline(body.pin, X, K, _ENDS, step_px)
    shown = ~kernels.are_hidden(points, -X[:3, :3].T @ X[:3, 3], centre, half)
    edges += 12 * len(centre)
    both = zip(straight, (points[shown], along[shown], edges[shown], across[shown]), strict=True)
    return EdgePoints(*(np.concatenate(pair) for pair in both))


def hull_sides(outline: Matrix) -> Matrix:
    """Return corner and outward normal of every side of the convex hull of an outline, shape (m, 4), pixels."""
    if len(outline) == 0:
        return np.zeros((0, 4))
    hull = cv2.convexHull(outline.astype(np.float32)).reshape(-1, 2).astype(np.float64)
    edges = np.roll(hull, -1, axis=0) - hull
    normals = np.stack([edges[:, 1], -edges[:, 0]], axis=1) / np.linalg.norm(edges, axis=1, keepdims=True)
    if float(np.mean(np.einsum("ij,ij->i", hull.mean(axis=0) - hull, normals))) > 0.0:
        normals = -normals
    return np.hstack([hull, normals])


def visible_edges(
    sight: EdgePoints,
    X_optical_body: Matrix,
    K: Matrix,
    hull: Matrix,
    size_px: tuple[int, int],
    *,
    margin_px: float = 6.0,
) -> EdgeSamples:
    """Return where a camera should see points on the edges of a body.

    Args:
        sight: Edges of the body that face the camera.
        X_optical_body: Where it is thought to be, shape (4, 4).
        K: Intrinsics of the full image, shape (3, 3), pixels.
        hull: What hides the body, as `hull_sides` returns it.
        size_px: Width and height of the full image.
        margin_px: Kept from the hull and from the border of the image.
    """
    seen, pixels, normals, across_px, inside = kernels.place(
        sight.points,
        sight.along,
        sight.across,
        np.ascontiguousarray(X_optical_body),
        K,
        hull,
        np.array(size_px, dtype=np.float64),
        margin_px,
        _DEPTHS,
    )
    return EdgeSamples(
        sight.points[seen], pixels[seen], normals[seen], sight.edges[seen], across_px[seen], inside[seen]
    )


def find_edges(
    images: NDArray[np.float32],
    corner: Matrix,
    samples: EdgeSamples,
    *,
    range_px: float,
    transition_px: float,
    min_strength: float,
) -> EdgeOffsets:
    """Return where the edges are, from images in which the body is at the same place.

    The strength at an offset is the weakest over the images (what is behind the body moves, the body does not) plus a
    little of the mean; it falls off towards the end of the range. An edge ends a face of one colour: where the image
    has changed from that colour before, what comes farther out is something behind the body, however strong.

    Args:
        images: Smoothed colour images of one part of the view, shape (f, h, w, 3).
        corner: Place (x, y) of their first pixel in the full image.
        samples: Where to look.
        range_px: How far to look to either side.
        transition_px: Within which an edge mixes the colours of its two sides, by blur of the lens and smoothing.
        min_strength: Weakest change of brightness per pixel that counts, grey levels.
    """
    found = kernels.find(
        images,
        float(corner[0]),
        float(corner[1]),
        samples.pixels,
        samples.normals,
        samples.edges,
        samples.across_px,
        samples.inside,
        range_px,
        transition_px,
        min_strength,
    )
    keep = np.isfinite(found[:, 0])
    return EdgeOffsets(samples.of(keep), found[keep, 0], found[keep, 1])


def in_hull(hull: Matrix, pixels: Matrix, margin_px: float) -> Flags:
    """Return which pixels, shape (n, 2), lie in a hull, as `hull_sides` returns it, or near it."""
    outward = np.einsum("eij,ej->ei", pixels[None, :, :] - hull[:, None, :2], hull[:, 2:])
    return np.asarray(np.all(outward < margin_px, axis=0))
