"""Where on its rail a module may be: every position and turn is tried against the edges of all cameras at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.port_vision import PortVisionSettings
from cablecell.core.geometry import exp_so3, make_pose
from cablecell.core.perception.edge_kernels import score
from cablecell.core.perception.module_views import ModuleView, edges_in_sight, points_in_sight
from cablecell.core.perception.modules import ModuleDesign
from cablecell.core.perception.reprojection import project

Matrix = NDArray[np.float64]

_STEP = 2  # pixels of the full image per pixel of the gradients
_BLUR_PX = 1.2  # of these
_BINS = 5  # positions on the rail for which it is worked out which edges are in sight
_ACROSS = 0.7  # cosine of the least angle to the rail of edges that tell where on it a module is
_DOUBT = 0.15  # share of all points that a place has to overcome: few points in sight are little evidence

_Cut = tuple[NDArray[np.float32], NDArray[np.float32], float, float]
"""Change of brightness along x and y, and the pixel of the first element."""


@dataclass(frozen=True)
class Place:
    """A place where a module may be.

    Attributes:
        X_board_module: Its pose on the rail, shape (4, 4).
        score: How well the edges of all cameras fit, 0 to 1.
    """

    X_board_module: Matrix
    score: float


def search_module(
    design: ModuleDesign,
    views: Mapping[str, ModuleView],
    X_optical_board: Mapping[str, Matrix],
    settings: PortVisionSettings,
) -> list[Place]:
    """Return the most likely places of a module on its rail, best first.

    Args:
        design: The module and its freedom.
        views: Images by camera.
        X_optical_board: Where the board is in front of each camera, shape (4, 4).
        settings: Steps and number of places.
    """
    freedom = design.freedom
    slides = _grid(freedom.slide_m, settings.search_step_m)
    turns = _grid(freedom.turn_rad, settings.search_step_rad)
    poses = np.array([slid(design, t, turn) for t, turn in product(slides, turns)])
    cuts = {
        camera: cut
        for camera, view in views.items()
        if (cut := _gradients(design, view, X_optical_board[camera] @ poses[[0, len(turns) // 2, -1]])) is not None
    }
    if not cuts:
        return []
    values = np.zeros(len(poses))
    for members in np.array_split(np.arange(len(slides)), min(_BINS, len(slides))):
        rows = np.arange(members[0] * len(turns), (members[-1] + 1) * len(turns))
        middle = slid(design, float(slides[members].mean()), 0.0)
        values[rows] = _scores(design, views, X_optical_board, cuts, middle, poses[rows], settings)
    return _maxima(design, values.reshape(len(slides), len(turns)), slides, turns, settings)


def _scores(
    design: ModuleDesign,
    views: Mapping[str, ModuleView],
    X_optical_board: Mapping[str, Matrix],
    cuts: Mapping[str, _Cut],
    middle: Matrix,
    poses: Matrix,
    settings: PortVisionSettings,
) -> Matrix:
    """Return how well poses X_board_module fit, 0 to 1; which edges are in sight is worked out for the middle one."""
    total, count = np.zeros(len(poses)), np.zeros(len(poses))
    for camera, (gx, gy, x0, y0) in cuts.items():
        view = views[camera]
        X_optical_module = X_optical_board[camera] @ middle
        seen = points_in_sight(design, view, X_optical_module, settings.search_points)
        seen = seen.of(seen.sure)
        if len(seen.points) < settings.min_camera_points:
            continue
        # Rims of ports repeat themselves along the rail, the rest of the module does not.
        rest = edges_in_sight(design.structure, design.boxes, view, X_optical_module, settings.search_points)
        rest = rest.of(rest.sure & (np.abs(rest.along @ np.asarray(design.freedom.axis)) < _ACROSS))
        in_camera = np.ascontiguousarray(X_optical_board[camera] @ poses)
        for points in (seen, rest):
            score(
                in_camera,
                points.points,
                points.along,
                view.frame.K,
                gx,
                gy,
                x0,
                y0,
                float(_STEP),
                settings.half_gradient,
                total,
                count,
            )
    return np.asarray(total / (count + _DOUBT * settings.search_points * len(cuts)))


def slid(design: ModuleDesign, slide_m: float, turn_rad: float) -> Matrix:
    """Return X_board_module of a module displaced along its rail and turned."""
    axis = np.asarray(design.freedom.axis)
    turned = make_pose(exp_so3(np.array([0.0, 0.0, turn_rad])), slide_m * axis)
    return np.asarray(design.X_board_module @ turned)


def _grid(half: float, step: float) -> Matrix:
    count = int(np.ceil(half / step))
    return np.linspace(-half, half, 2 * count + 1) if count else np.zeros(1)


def _maxima(
    design: ModuleDesign, values: Matrix, slides: Matrix, turns: Matrix, settings: PortVisionSettings
) -> list[Place]:
    best_turn = values.argmax(axis=1)
    best = values[np.arange(len(slides)), best_turn].copy()
    places: list[Place] = []
    while len(places) < settings.candidates:
        at = int(best.argmax())
        if best[at] <= 0.0:
            break
        X = slid(design, float(slides[at]), float(turns[best_turn[at]]))
        places.append(Place(X, float(best[at])))
        best[np.abs(slides - slides[at]) < settings.apart_m] = 0.0
    return places


def _gradients(design: ModuleDesign, view: ModuleView, poses: Matrix) -> _Cut | None:
    """Return the change of brightness around where the module may be, and the pixel of their first element.

    Of every pixel the colour that changes most is taken; NaN where something that is held hides the module.
    """
    K = view.frame.K
    pixels = np.vstack([project(design.edges.points[::7], X, K)[0] for X in poses])
    cut = view.crop(pixels, 24.0)
    if cut is None:
        return None
    image, x, y = cut
    rows, columns = (image.shape[0] // _STEP) * _STEP, (image.shape[1] // _STEP) * _STEP
    small = cv2.resize(image[:rows, :columns], (columns // _STEP, rows // _STEP), interpolation=cv2.INTER_AREA)
    smooth = cv2.GaussianBlur(small.astype(np.float32), (0, 0), _BLUR_PX)
    along_x = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3, scale=1.0 / (8.0 * _STEP))
    along_y = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3, scale=1.0 / (8.0 * _STEP))
    strongest = np.argmax(along_x**2 + along_y**2, axis=2)[..., None]
    gx = np.ascontiguousarray(np.take_along_axis(along_x, strongest, axis=2)[..., 0], dtype=np.float32)
    gy = np.ascontiguousarray(np.take_along_axis(along_y, strongest, axis=2)[..., 0], dtype=np.float32)
    # The middle of the first small pixel is half way between the pixels it is made of.
    x0, y0 = x + 0.5 * (_STEP - 1), y + 0.5 * (_STEP - 1)
    hidden = np.zeros(gx.shape, dtype=np.uint8)
    for outline in view.outlines:
        hull = cv2.convexHull(((outline - (x0, y0)) / _STEP).astype(np.float32))
        cv2.fillConvexPoly(hidden, np.round(hull).astype(np.int32), 1)
    gx[hidden > 0] = np.nan
    return gx, gy, x0, y0
