"""What one camera shows of a module: points on its ports' rims that are in sight, and where the image has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.port_vision import PortVisionSettings
from cablecell.core.perception.boxes import Boxes
from cablecell.core.perception.edge_equations import (
    along_edges,
    crowded,
    edge_equations,
    edge_rows,
    long_edges,
    normal_equations,
)
from cablecell.core.perception.edge_kernels import sight
from cablecell.core.perception.modules import ModuleDesign, PortEdges
from cablecell.core.perception.plug_edges import hull_sides, in_hull
from cablecell.core.perception.reprojection import project
from cablecell.ports import Frame, Region

Matrix = NDArray[np.float64]
Flags = NDArray[np.bool_]

_ASIDE_PX = 1.2  # how far beside an edge the faces are looked for that meet in it
_MARGIN_PX = 8.0  # kept from what hides the module and from the border of the image
_PATCH_MARGIN_PX = 14
_FIT_PX, MOST_MISFIT = 0.5, 9.0
_MAD_TO_SIGMA = 1.4826
_BENDS = np.outer([1.0, -2.0, 1.0], [1.0, -2.0, 1.0]).astype(np.float32)
_BESIDE_PX = 2.5  # about the distance of neighbouring points on an edge


@dataclass(frozen=True)
class ModuleView:
    """An image with what is known about its camera.

    Attributes:
        frame: The image or a region of it.
        size_px: Width and height of the full image.
        outlines: Of what is held before the camera, in pixels of the full image, shape (m, 2) each; the convex hull of
            each hides what is behind.
    """

    frame: Frame
    size_px: tuple[int, int]
    outlines: tuple[Matrix, ...] = ()

    def shows(self, pixels: Matrix) -> Flags:
        """Return which pixels of the full image, shape (n, 2), are in the image and not hidden by what is held."""
        region = self.frame.region
        low = np.array([region.x, region.y]) + _MARGIN_PX
        high = np.array([region.x + region.width, region.y + region.height]) - 1.0 - _MARGIN_PX
        shown = np.all((pixels > low) & (pixels < high), axis=1)
        for hull in self._hulls:
            shown &= ~in_hull(hull, pixels, _MARGIN_PX)
        return np.asarray(shown)

    @cached_property
    def _hulls(self) -> tuple[Matrix, ...]:
        return tuple(hull_sides(outline) for outline in self.outlines)

    def crop(self, pixels: Matrix, margin_px: float) -> tuple[NDArray[np.uint8], int, int] | None:
        """Return the part of the image around pixels, shape (n, 2), with the place of its first pixel; None outside."""
        region = self.frame.region
        low = np.maximum(np.floor(pixels.min(axis=0) - margin_px), (region.x, region.y)).astype(int)
        high = np.ceil(pixels.max(axis=0) + margin_px + 1.0)
        high = np.minimum(high, (region.x + region.width, region.y + region.height)).astype(int)
        if np.any(high - low < 8):
            return None
        rows = slice(low[1] - region.y, high[1] - region.y)
        columns = slice(low[0] - region.x, high[0] - region.x)
        return self.frame.pixels[rows, columns], int(low[0]), int(low[1])


@dataclass(frozen=True)
class ModuleInformation:
    """Normal equations of one image for a right perturbation of X_optical_module.

    Attributes:
        H: Information matrix, shape (6, 6).
        g: Gradient, shape (6,).
        asked: Points surely in sight and no other edge's, by port in the order of the module's ports, shape (k,).
        near: Points among them whose edge is where the module would have it, likewise.
        mouth_asked: Points of `asked` that are at the opening.
        mouth_near: Points of `near` that are.
        rms_px: Root mean square distance of the inliers, px.
        means_px: Mean distance of every edge, px.
        misfit: Squared distances of the asked points in units of `_FIT_PX`, truncated, summed by port, shape (k,).
    """

    H: Matrix
    g: Matrix
    asked: NDArray[np.intp]
    near: NDArray[np.intp]
    mouth_asked: NDArray[np.intp]
    mouth_near: NDArray[np.intp]
    rms_px: float = 0.0
    means_px: tuple[float, ...] = ()
    misfit: Matrix = field(default_factory=lambda: np.zeros(1))


def points_in_sight(design: ModuleDesign, view: ModuleView, X_optical_module: Matrix, most: int) -> PortEdges:
    """Return the points on rims that a camera sees as edges; what is held before it hides some.

    Args:
        design: The module.
        view: The camera.
        X_optical_module: Where the module is thought to be, shape (4, 4).
        most: If there are more points, every second, third and so on is left out.
    """
    return edges_in_sight(design.edges, design.boxes, view, X_optical_module, most)


def edges_in_sight(edges: PortEdges, boxes: Boxes, view: ModuleView, X_optical_module: Matrix, most: int) -> PortEdges:
    """Return the points on some edges of a module that a camera sees; the other arguments as `points_in_sight`."""
    K = view.frame.K
    pixels, in_camera = project(edges.points, X_optical_module, K)
    shown = (in_camera[:, 2] > 0.02) & view.shows(pixels)
    if not np.any(shown):
        return edges.of(shown)
    edges = edges.of(shown)
    if len(edges.points) > 2 * most:
        edges = edges.of(np.arange(len(edges.points)) % (len(edges.points) // most) == 0)
    eye = -X_optical_module[:3, :3].T @ X_optical_module[:3, 3]
    aside_m = _ASIDE_PX * float(np.median(in_camera[shown, 2])) / float(K[0, 0])
    seen = sight(edges.points, edges.along, eye, aside_m, boxes.centre, boxes.rotation, boxes.half)
    edges = replace(edges, sure=seen == 2).of(seen > 0)
    if len(edges.points) > most:
        edges = edges.of(np.arange(len(edges.points)) % -(-len(edges.points) // most) == 0)
    return edges


class ModulePatch:
    """The part of one image around a module; smoothed as often as asked for, once."""

    def __init__(self, design: ModuleDesign, view: ModuleView, X_optical_module: Matrix, margin_px: float) -> None:
        self._view, self._ports = view, len(design.ports)
        pixels, in_camera = project(design.edges.points, X_optical_module, view.frame.K)
        ahead = in_camera[:, 2] > 0.02
        cut = view.crop(pixels[ahead], margin_px + _PATCH_MARGIN_PX) if np.any(ahead) else None
        self._cut = cut
        self._noise = 0.0 if cut is None else noise_levels(cut[0])
        self._smoothed: dict[float, NDArray[np.float32]] = {}

    def information(
        self,
        seen: PortEdges,
        X_optical_module: Matrix,
        settings: PortVisionSettings,
        *,
        range_px: float,
        blur_px: float,
        shared_px: float,
    ) -> ModuleInformation:
        """Return what the edges in sight say about the module's pose.

        The points of an edge share an offset: light, blur and rounding move an edge as a whole. Points off the others
        get Tukey weights.

        Args:
            seen: Points in sight from there or near by.
            X_optical_module: Where the module is thought to be, shape (4, 4).
            settings: Sizes of errors.
            range_px: How far from the prediction edges are looked for.
            blur_px: Smoothing before, px.
            shared_px: Standard deviation of the offset that the points of an edge share, px.
        """
        asked, mouth = self._count(seen, seen.sure), self._count(seen, seen.sure & seen.mouth)
        nothing = ModuleInformation(
            np.zeros((6, 6)), np.zeros(6), asked, 0 * asked, mouth, 0 * mouth, misfit=_none(asked)
        )
        if self._cut is None or len(seen.points) == 0:
            return nothing
        _, x0, y0 = self._cut
        H, g, r, taken, rms_px, mean, count = edge_equations(
            self._image(blur_px),
            float(x0),
            float(y0),
            seen.points,
            seen.along,
            seen.edges,
            np.ascontiguousarray(X_optical_module),
            self._view.frame.K,
            range_px,
            max(settings.min_strength, settings.strength_per_noise * self._noise),
            _BESIDE_PX,
            settings.sample_sigma_px,
            shared_px,
        )
        if not np.any(count):
            return nothing
        own = seen.sure & ~taken
        near = seen.sure & (np.nan_to_num(np.abs(r), nan=np.inf) < settings.near_px)
        return ModuleInformation(
            H=H,
            g=g,
            asked=self._count(seen, own),
            near=self._count(seen, near),
            mouth_asked=self._count(seen, own & seen.mouth),
            mouth_near=self._count(seen, near & seen.mouth),
            rms_px=rms_px,
            means_px=long_edges(mean, count),
            misfit=np.asarray(np.bincount(seen.ports[own], misfits(r[own]), self._ports), dtype=np.float64),
        )

    def _count(self, seen: PortEdges, which: Flags) -> NDArray[np.intp]:
        return np.bincount(seen.ports[which], minlength=self._ports)

    def _image(self, blur_px: float) -> NDArray[np.float32]:
        if blur_px not in self._smoothed:
            assert self._cut is not None
            pixels = self._cut[0].astype(np.float32)
            self._smoothed[blur_px] = np.asarray(cv2.GaussianBlur(pixels, (0, 0), blur_px), dtype=np.float32)
        return self._smoothed[blur_px]


def noise_levels(image: NDArray[np.uint8]) -> float:
    """Return the standard deviation of an image's noise, grey levels: of second differences, which edges are few of."""
    bends = cv2.filter2D(image.astype(np.float32), -1, _BENDS)[1:-1, 1:-1]
    return _MAD_TO_SIGMA * float(np.median(np.abs(bends))) / float(np.linalg.norm(_BENDS))


def _none(asked: NDArray[np.intp]) -> Matrix:
    """Return the misfit of points of which none was found."""
    return np.asarray(MOST_MISFIT * asked, dtype=np.float64)


def misfits(r: Matrix) -> Matrix:
    """Return the truncated squares of distances, px; of what was not found the largest."""
    squares = np.minimum((np.nan_to_num(r, nan=1e3) / _FIT_PX) ** 2, MOST_MISFIT)
    return np.asarray(squares)


def expected_information(
    design: ModuleDesign, view: ModuleView, X_optical_module: Matrix, settings: PortVisionSettings
) -> ModuleInformation:
    """Return what an image from a pose would say about a module if every point in sight is found in its place."""
    seen = points_in_sight(design, view, X_optical_module, settings.fit_points)
    seen = seen.of(seen.sure)
    asked = np.bincount(seen.ports, minlength=len(design.ports))
    if len(seen.points) < settings.min_camera_points:
        return ModuleInformation(np.zeros((6, 6)), np.zeros(6), asked, 0 * asked, asked, 0 * asked)
    w = np.full(len(seen.points), 1.0 / settings.sample_sigma_px**2)
    pixels, normals, rows = edge_rows(seen.points, seen.along, np.ascontiguousarray(X_optical_module), view.frame.K)
    shared = settings.shared_sigma_px * (1.0 + crowded(pixels, normals, seen.edges, _BESIDE_PX))
    where = along_edges(pixels, normals, seen.edges)
    H, g, _, _ = normal_equations(rows, np.zeros(len(w)), w, seen.edges, where, shared)
    return ModuleInformation(H, g, asked, asked, asked, asked)


def module_region(
    design: ModuleDesign,
    poses: Sequence[Matrix],
    K: Matrix,
    size_px: tuple[int, int],
    margin_px: float,
) -> Region | None:
    """Return the part of a full image that shows a module's ports at any of some poses X_optical_module, or None."""
    pixels = []
    for X in poses:
        p, in_camera = project(design.edges.points, X, K)
        pixels.append(p[in_camera[:, 2] > 0.02])
    p = np.vstack(pixels)
    p = p[np.all((p > 0.0) & (p < np.array(size_px) - 1.0), axis=1)]
    if len(p) == 0:
        return None
    low = np.maximum(np.floor(p.min(axis=0)) - margin_px, 0.0).astype(int)
    high = np.minimum(np.ceil(p.max(axis=0)) + margin_px + 1.0, size_px).astype(int)
    return Region(int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1]))
