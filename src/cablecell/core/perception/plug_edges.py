"""Edges of a boxy body in an image: which can be seen, and where in the image they really are.

The plug in the gripper has no fiducial, but its straight edges are known from the connector's description. An edge
is visible when one of its faces looks at the camera and neither the rest of the plug nor the tool hides it; it is
found as the strongest change of brightness along its normal. Cameras move with the gripper, so from look to look the
plug's edges stay in the image while everything behind them moves: strengths are combined over looks, which leaves the
edges of the background behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cablecell.core.perception.reprojection import project

Matrix = NDArray[np.float64]
Flags = NDArray[np.bool_]

_ENDS = 0.06  # share of an edge that is left out at both ends, where other edges meet it
_STEP_PX = 0.5  # between samples of a profile
_SLIVER_PX = 4.0  # a face seen narrower than this has two edges that cannot be told apart
_SURFACE_M = 1e-4  # how far inside another box a point must be to count as hidden


@dataclass(frozen=True)
class BodyBox:
    """One box of a body, along the body's axes.

    Attributes:
        centre: Centre, shape (3,), m.
        size: Full lengths, shape (3,), m.
    """

    centre: Matrix
    size: Matrix


@dataclass(frozen=True)
class EdgePoints:
    """Points on edges of a body.

    Attributes:
        points: In the body's frame, shape (n, 3), m.
        along: Direction of the edge of each point, of any length, shape (n, 3).
        edges: Number of the edge of each point, shape (n,).
    """

    points: Matrix
    along: Matrix
    edges: NDArray[np.intp]


@dataclass(frozen=True)
class EdgeSamples:
    """Points on visible edges and where to look for them.

    Attributes:
        points: In the body's frame, shape (n, 3), m.
        pixels: Predicted places in the full image, shape (n, 2).
        normals: Unit normals of the projected edges, shape (n, 2).
        edges: Number of the edge of each sample, shape (n,).
    """

    points: Matrix
    pixels: Matrix
    normals: Matrix
    edges: NDArray[np.intp]


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


def edges_in_sight(boxes: Sequence[BodyBox], X_optical_body: Matrix, K: Matrix, *, step_px: float = 2.0) -> EdgePoints:
    """Return points on the edges of a body that face a camera and are not hidden by other parts of the body.

    Args:
        boxes: The body.
        X_optical_body: Where it is thought to be, shape (4, 4); a little elsewhere the same edges are in sight.
        K: Intrinsics of the full image, shape (3, 3), pixels.
        step_px: Distance of points along an edge.
    """
    eye = -X_optical_body[:3, :3].T @ X_optical_body[:3, 3]
    points, edges, directions, owners = [], [], [], []
    number = 0
    for index, box in enumerate(boxes):
        for ends in _edges_towards(box, eye, _SLIVER_PX / float(K[0, 0])):
            number += 1
            pixels = project(ends, X_optical_body, K)[0]
            length = float(np.linalg.norm(pixels[1] - pixels[0]))
            count = int(length * (1.0 - 2.0 * _ENDS) / step_px)
            if count < 3:
                continue
            share = np.linspace(_ENDS, 1.0 - _ENDS, count)[:, None]
            points.append(ends[0] * (1.0 - share) + ends[1] * share)
            edges.append(np.full(count, number, dtype=np.intp))
            owners.append(np.full(count, index, dtype=np.intp))
            directions.append(np.repeat((ends[1] - ends[0])[None, :], count, axis=0))
    if not points:
        return EdgePoints(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0, dtype=np.intp))
    p = np.vstack(points)
    open_ = ~_hidden(p, eye, boxes, np.concatenate(owners))
    return EdgePoints(p[open_], np.vstack(directions)[open_], np.concatenate(edges)[open_])


def visible_edges(
    sight: EdgePoints,
    X_optical_body: Matrix,
    K: Matrix,
    outline: Matrix,
    size_px: tuple[int, int],
    *,
    margin_px: float = 6.0,
) -> EdgeSamples:
    """Return where a camera should see points on the edges of a body.

    Args:
        sight: Edges of the body that face the camera.
        X_optical_body: Where it is thought to be, shape (4, 4).
        K: Intrinsics of the full image, shape (3, 3), pixels.
        outline: Projected outline of what hides the body, shape (m, 2), pixels; its convex hull is opaque.
        size_px: Width and height of the full image.
        margin_px: Kept from the outline and from the border of the image.
    """
    p, along = sight.points, sight.along
    if len(p) == 0:
        return EdgeSamples(p, np.zeros((0, 2)), np.zeros((0, 2)), sight.edges)
    pixels, _ = project(p, X_optical_body, K)
    ahead, _ = project(p + 1e-4 * along / np.linalg.norm(along, axis=1, keepdims=True), X_optical_body, K)
    tangent = (ahead - pixels) / np.linalg.norm(ahead - pixels, axis=1, keepdims=True)
    normals = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
    inside = np.all((pixels > margin_px) & (pixels < np.array(size_px) - 1.0 - margin_px), axis=1)
    if len(outline):
        inside &= ~in_hull(outline, pixels, margin_px)
    return EdgeSamples(p[inside], pixels[inside], normals[inside], sight.edges[inside])


def find_edges(
    images: Sequence[tuple[NDArray[np.float32], Matrix]], samples: EdgeSamples, *, range_px: float, min_strength: float
) -> EdgeOffsets:
    """Return where the edges are, from images in which the body is at the same place.

    The strength at an offset is the weakest over the images (what is behind the body moves, the body does not) plus a
    little of the mean; it falls off towards the end of the range.

    Args:
        images: Smoothed colour images, shape (h, w, 3), with the place (x, y) of their first pixel in the full image.
        samples: Where to look.
        range_px: How far to look to either side.
        min_strength: Weakest change of brightness per pixel that counts, grey levels.
    """
    offsets = np.arange(-range_px - 1.0, range_px + 1.0 + 1e-9, _STEP_PX)
    places = samples.pixels[:, None, :] + offsets[None, :, None] * samples.normals[:, None, :]
    slopes = []
    for image, corner in images:
        local = (places - corner).astype(np.float32)
        profile = cv2.remap(image, local[:, :, 0], local[:, :, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        slope = np.gradient(np.asarray(profile, dtype=np.float64), _STEP_PX, axis=1)
        slopes.append(np.sqrt(np.mean(slope**2, axis=2)))
    stack = np.stack(slopes)
    strength = 0.75 * stack.min(axis=0) + 0.25 * stack.mean(axis=0)
    window = np.exp(-0.5 * (offsets / (0.7 * range_px)) ** 2)
    weighted = strength * window
    best = np.argmax(weighted[:, 1:-1], axis=1) + 1
    rows = np.arange(len(best))
    before, at, after = strength[rows, best - 1], strength[rows, best], strength[rows, best + 1]
    bend = before - 2.0 * at + after
    shift = np.where(bend < -1e-9, 0.5 * (before - after) / np.where(bend < -1e-9, bend, -1.0), 0.0)
    found = offsets[best] + _STEP_PX * np.clip(shift, -1.0, 1.0)
    keep = (at > min_strength) & (np.abs(found) <= range_px)
    kept = EdgeSamples(samples.points[keep], samples.pixels[keep], samples.normals[keep], samples.edges[keep])
    return EdgeOffsets(kept, found[keep], at[keep])


def in_hull(outline: Matrix, pixels: Matrix, margin_px: float) -> Flags:
    """Return which pixels, shape (n, 2), lie in the convex hull of an outline, shape (m, 2), or near it."""
    hull = cv2.convexHull(outline.astype(np.float32)).reshape(-1, 2).astype(np.float64)
    edges = np.roll(hull, -1, axis=0) - hull
    normals = np.stack([edges[:, 1], -edges[:, 0]], axis=1) / np.linalg.norm(edges, axis=1, keepdims=True)
    if float(np.mean(np.einsum("ij,ij->i", hull.mean(axis=0) - hull, normals))) > 0.0:
        normals = -normals
    outward = np.einsum("eij,ej->ei", pixels[None, :, :] - hull[:, None, :], normals)
    return np.asarray(np.all(outward < margin_px, axis=0))


def _edges_towards(box: BodyBox, eye: Matrix, sliver: float) -> list[Matrix]:
    """Return the edges, shape (2, 3), of a box that touch a face looking at the eye, but no face seen as a sliver.

    Args:
        box: The box.
        eye: Where the camera is, in the body's frame, m.
        sliver: Apparent width, as a share of the distance, below which a face is a sliver.
    """
    half = 0.5 * box.size
    relative = eye - box.centre
    found = []
    for axis in range(3):
        first, second = (a for a in range(3) if a != axis)
        for s1 in (-1, 1):
            for s2 in (-1, 1):
                # Distance of the eye from the planes of the two faces that meet in this edge.
                above = (s1 * relative[first] - half[first], s2 * relative[second] - half[second])
                if max(above) <= 0.0:
                    continue
                ends = np.tile(box.centre, (2, 1))
                ends[:, first] += s1 * half[first]
                ends[:, second] += s2 * half[second]
                ends[0, axis] -= half[axis]
                ends[1, axis] += half[axis]
                distance = float(np.linalg.norm(eye - ends.mean(axis=0)))
                widths = (box.size[second] * above[0] / distance**2, box.size[first] * above[1] / distance**2)
                if any(0.0 < width < sliver for width in widths):
                    continue
                found.append(ends)
    return found


def _hidden(points: Matrix, eye: Matrix, boxes: Sequence[BodyBox], owners: NDArray[np.intp]) -> Flags:
    """Return which points another box than their owner hides from the eye, or has inside it."""
    hidden = np.zeros(len(points), dtype=bool)
    ray = eye - points
    with np.errstate(divide="ignore", invalid="ignore"):
        for index, box in enumerate(boxes):
            half = 0.5 * box.size - _SURFACE_M
            near = (box.centre - half - points) / ray
            far = (box.centre + half - points) / ray
            enters = np.nanmax(np.minimum(near, far), axis=1)
            leaves = np.nanmin(np.maximum(near, far), axis=1)
            hidden |= (leaves > np.maximum(enters, 0.0)) & (enters < 1.0) & (owners != index)
    return hidden
