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
_DEPTHS = (
    0.65,
    0.5,
    0.35,
    0.25,
    0.15,
)  # shares of a face, from an edge, at which its colour is taken: deep if it is open
_COLOUR_LEVELS, _COLOUR_SIGMAS = 4.0, 2.5  # what is another colour: grey levels, and spread of the face's own colour
_FEWEST_COLOURS = 6
_ALIKE = 0.1
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
        across: From each point straight across its two faces to their other ends, shape (n, 2, 3), m; NaN for a face
            that looks away.
    """

    points: Matrix
    along: Matrix
    edges: NDArray[np.intp]
    across: Matrix


@dataclass(frozen=True)
class EdgeSamples:
    """Points on visible edges and where to look for them.

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


def edges_in_sight(boxes: Sequence[BodyBox], X_optical_body: Matrix, K: Matrix, *, step_px: float = 2.0) -> EdgePoints:
    """Return points on the edges of a body that face a camera and are not hidden by other parts of the body.

    Args:
        boxes: The body.
        X_optical_body: Where it is thought to be, shape (4, 4); a little elsewhere the same edges are in sight.
        K: Intrinsics of the full image, shape (3, 3), pixels.
        step_px: Distance of points along an edge.
    """
    eye = -X_optical_body[:3, :3].T @ X_optical_body[:3, 3]
    points, edges, directions, owners, across = [], [], [], [], []
    number = 0
    for index, box in enumerate(boxes):
        for ends, faces in _edges_towards(box, eye, _SLIVER_PX / float(K[0, 0])):
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
            across.append(np.repeat(faces[None, :, :], count, axis=0))
    if not points:
        return EdgePoints(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0, dtype=np.intp), np.zeros((0, 2, 3)))
    p = np.vstack(points)
    open_ = ~_hidden(p, eye, boxes, np.concatenate(owners))
    return EdgePoints(
        p[open_], np.vstack(directions)[open_], np.concatenate(edges)[open_], np.concatenate(across)[open_]
    )


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
        nothing = np.zeros((0, 2))
        return EdgeSamples(p, nothing, nothing, sight.edges, np.zeros((0, 2, 2)), np.zeros((0, 2, len(_DEPTHS), 2)))
    pixels, _ = project(p, X_optical_body, K)
    ahead, _ = project(p + 1e-4 * along / np.linalg.norm(along, axis=1, keepdims=True), X_optical_body, K)
    tangent = (ahead - pixels) / np.linalg.norm(ahead - pixels, axis=1, keepdims=True)
    normals = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
    inside = np.all((pixels > margin_px) & (pixels < np.array(size_px) - 1.0 - margin_px), axis=1)
    if len(outline):
        inside &= ~in_hull(outline, pixels, margin_px)
    p, pixels, normals = p[inside], pixels[inside], normals[inside]
    across_px, places = _faces(p, sight.across[inside], pixels, normals, X_optical_body, K)
    if len(outline) and len(p):
        covered = in_hull(outline, np.nan_to_num(places.reshape(-1, 2)), margin_px).reshape(places.shape[:-1])
        places[covered] = np.nan
    return EdgeSamples(p, pixels, normals, sight.edges[inside], across_px, places)


def find_edges(
    images: Sequence[tuple[NDArray[np.float32], Matrix]],
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
        images: Smoothed colour images, shape (h, w, 3), with the place (x, y) of their first pixel in the full image.
        samples: Where to look.
        range_px: How far to look to either side.
        transition_px: Within which an edge mixes the colours of its two sides, by blur of the lens and smoothing.
        min_strength: Weakest change of brightness per pixel that counts, grey levels.
    """
    offsets = np.arange(-range_px - 1.0, range_px + 1.0 + 1e-9, _STEP_PX)
    places = samples.pixels[:, None, :] + offsets[None, :, None] * samples.normals[:, None, :]
    slopes, alike = [], np.ones(places.shape[:2])
    for image, corner in images:
        local = (places - corner).astype(np.float32)
        profile = np.asarray(_look_up(image, local), dtype=np.float64)
        slope = np.gradient(profile, _STEP_PX, axis=1)
        slopes.append(np.sqrt(np.mean(slope**2, axis=2)))
        alike = np.minimum(alike, _ends_its_faces(image, corner, samples, profile, offsets, transition_px))
    stack = np.stack(slopes)
    strength = 0.75 * stack.min(axis=0) + 0.25 * stack.mean(axis=0)
    window = np.exp(-0.5 * (offsets / (0.7 * range_px)) ** 2)
    weighted = strength * window * alike
    best = np.argmax(weighted[:, 1:-1], axis=1) + 1
    rows = np.arange(len(best))
    before, at, after = strength[rows, best - 1], strength[rows, best], strength[rows, best + 1]
    bend = before - 2.0 * at + after
    shift = np.where(bend < -1e-9, 0.5 * (before - after) / np.where(bend < -1e-9, bend, -1.0), 0.0)
    found = offsets[best] + _STEP_PX * np.clip(shift, -1.0, 1.0)
    keep = (at > min_strength) & (alike[rows, best] > _ALIKE) & (np.abs(found) <= range_px)
    return EdgeOffsets(samples.of(keep), found[keep], at[keep])


def in_hull(outline: Matrix, pixels: Matrix, margin_px: float) -> Flags:
    """Return which pixels, shape (n, 2), lie in the convex hull of an outline, shape (m, 2), or near it."""
    hull = cv2.convexHull(outline.astype(np.float32)).reshape(-1, 2).astype(np.float64)
    edges = np.roll(hull, -1, axis=0) - hull
    normals = np.stack([edges[:, 1], -edges[:, 0]], axis=1) / np.linalg.norm(edges, axis=1, keepdims=True)
    if float(np.mean(np.einsum("ij,ij->i", hull.mean(axis=0) - hull, normals))) > 0.0:
        normals = -normals
    outward = np.einsum("eij,ej->ei", pixels[None, :, :] - hull[:, None, :], normals)
    return np.asarray(np.all(outward < margin_px, axis=0))


def _look_up(image: NDArray[np.float32], places: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the colours, shape (n, m, 3), at places (x, y) in an image, shape (n, m, 2)."""
    x, y = places[:, :, 0], places[:, :, 1]
    return np.asarray(cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _faces(
    points: Matrix, across: Matrix, pixels: Matrix, normals: Matrix, X_optical_body: Matrix, K: Matrix
) -> tuple[Matrix, Matrix]:
    """Return `across_px` and `inside` of samples, with the face against the normal first."""
    count = len(points)
    shares = np.array([*_DEPTHS, 1.0])
    p = points[:, None, None, :] + across[:, :, None, :] * shares[None, None, :, None]
    places = project(p.reshape(-1, 3), X_optical_body, K)[0].reshape(count, 2, len(shares), 2)
    side = np.einsum("nkj,nj->nk", places[:, :, -1] - pixels[:, None, :], normals)
    ordered = np.full_like(places, np.nan)
    for face in (0, 1):
        against, with_it = side[:, face] < 0.0, side[:, face] > 0.0
        ordered[against, 0] = places[against, face]
        ordered[with_it, 1] = places[with_it, face]
    return ordered[:, :, -1] - pixels[:, None, :], ordered[:, :, :-1].copy()


def _ends_its_faces(
    image: NDArray[np.float32],
    corner: Matrix,
    samples: EdgeSamples,
    profile: Matrix,
    offsets: Matrix,
    transition_px: float,
) -> Matrix:
    """Return how well each place of a profile ends faces of one colour, from 0 to 1, shape of the profile.

    Args:
        image: Smoothed colour image.
        corner: Place (x, y) of its first pixel.
        samples: Where to look; `inside` shows the colours of the faces, by edge and side.
        profile: Colours along the normals, shape (n, m, 3).
        offsets: Of the profile, shape (m,), px.
        transition_px: So far inside an edge the colour may differ already.
    """
    count, length = profile.shape[:2]
    flat = np.nan_to_num(samples.inside - corner).astype(np.float32).reshape(count, -1, 2)
    colours = np.asarray(_look_up(image, flat), dtype=np.float64).reshape(*samples.inside.shape[:3], 3)
    is_open = np.isfinite(samples.inside[..., 0])
    gap = round(transition_px / _STEP_PX)
    worst = np.zeros((count, length))
    for edge in np.unique(samples.edges):
        members = np.flatnonzero(samples.edges == edge)
        for side in (0, 1):
            opened = is_open[members, side]
            total = np.cumsum(opened.sum(axis=0))
            if total[-1] < _FEWEST_COLOURS:
                continue
            deep = int(np.argmax(total >= _FEWEST_COLOURS)) + 1
            shown = colours[members, side, :deep][opened[:, :deep]]
            colour = np.median(shown, axis=0)
            spread = 1.4826 * np.median(np.abs(shown - colour), axis=0)
            other = np.abs(profile[members] - colour) / np.maximum(_COLOUR_LEVELS, _COLOUR_SIGMAS * spread)
            departure = other.max(axis=2)
            # No farther into the face than to its middle.
            width = np.abs(np.einsum("ni,ni->n", samples.across_px[members, side], samples.normals[members]))
            outward = offsets if side == 0 else -offsets
            departure[outward[None, :] < -0.5 * np.nan_to_num(width)[:, None]] = 0.0
            if side == 0:
                until = np.maximum.accumulate(departure, axis=1)
                until = np.concatenate([np.zeros((len(members), gap)), until[:, :-gap]], axis=1)
            else:
                until = np.maximum.accumulate(departure[:, ::-1], axis=1)[:, ::-1]
                until = np.concatenate([until[:, gap:], np.zeros((len(members), gap))], axis=1)
            worst[members] = np.maximum(worst[members], until)
    return np.asarray(np.exp(-0.5 * worst**2))


def _edges_towards(box: BodyBox, eye: Matrix, sliver: float) -> list[tuple[Matrix, Matrix]]:
    """Return the edges of a box that touch a face looking at the eye, but no face seen as a sliver.

    Each comes as its ends, shape (2, 3), and the way across its two faces, shape (2, 3), NaN for an averted one.

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
                faces = np.zeros((2, 3))
                faces[0, second] = -s2 * box.size[second]
                faces[1, first] = -s1 * box.size[first]
                faces[np.array(above) <= 0.0] = np.nan
                found.append((ends, faces))
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
