"""Where to look at a port from next: the pose near by from which one more look would leave it most certain.

What the cameras would see from a candidate is predicted, corners of fiducials and rims of ports alike, with what the
palm and the plug hide left out; the same normal equations as after a look turn it into the covariance of the port.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.camera import CameraIntrinsics
from cablecell.core.config.estimator import EstimatorSettings, LookSettings
from cablecell.core.config.port_vision import PortVisionSettings
from cablecell.core.fusion.board_looks import Viewer
from cablecell.core.fusion.board_state import BoardState, Look
from cablecell.core.fusion.board_update import look_information
from cablecell.core.fusion.module_update import module_equations, optical_board
from cablecell.core.fusion.ports import PortOnBoard
from cablecell.core.geometry import angle_between, exp_se3, invert_pose
from cablecell.core.perception.fiducials import Patch
from cablecell.core.perception.module_search import slid
from cablecell.core.perception.module_views import ModuleView, expected_information
from cablecell.core.perception.modules import ModuleDesign
from cablecell.core.perception.reprojection import project
from cablecell.ports import Frame, Region

Matrix = NDArray[np.float64]

_NO_PIXELS = np.zeros((0, 0, 3), dtype=np.uint8)
_TURNS_RAD = (-0.3, 0.0, 0.3)


@dataclass(frozen=True)
class ViewChoice:
    """A pose to look from.

    Attributes:
        X_base_tcp: Pose of the tool, shape (4, 4).
        port_sigma_m: Standard deviation of the port's position, least certain direction, after a look from there, m;
            infinity for a port whose module was not found yet.
        points: Points on rims of ports that should be in sight, all cameras together.
    """

    X_base_tcp: Matrix
    port_sigma_m: float
    points: int


@dataclass(frozen=True)
class ViewProblem:
    """What a choice is made of.

    Attributes:
        viewer: Cameras and tool.
        held: Corners of what is gripped in `tcp`, shape (n, 3), m; empty for nothing.
        patches: The fiducials.
        errors: Sizes of the errors of the estimator.
        vision: Likewise of finding ports.
        looks: Candidates and the price of a detour.
        is_known: Whether a look was taken from a pose already; another one from there adds nothing.
    """

    viewer: Viewer
    held: Matrix
    patches: Sequence[Patch]
    errors: EstimatorSettings
    vision: PortVisionSettings
    looks: LookSettings
    is_known: Callable[[Matrix], bool] = field(default=lambda X_base_tcp: False)

    def view(self, camera: str, mount: Matrix) -> ModuleView:
        """Return a camera without an image, with what it cannot see for the palm and what is gripped."""
        intrinsics: CameraIntrinsics = self.viewer.intrinsics[camera]
        K, size = intrinsics.matrix(), (intrinsics.width, intrinsics.height)
        X_optical_tcp = invert_pose(mount)
        hidden_by = (self.viewer.tool_outline, self.held)
        outlines = [project(points, X_optical_tcp, K)[0] for points in hidden_by if len(points)]
        frame = Frame(0.0, camera, _NO_PIXELS, K, Region(0, 0, *size))
        return ModuleView(frame, size, tuple(outlines))


def choose_view(
    problem: ViewProblem, state: BoardState, design: ModuleDesign, place: PortOnBoard | None, X_base_tcp: Matrix
) -> ViewChoice | None:
    """Return the best pose to look from near a pose, or None when looks were taken from all of them.

    Args:
        problem: Cameras, tool, errors.
        state: The estimate so far.
        design: The port's module.
        place: The port on the board; None while its module was not found, then the pose that shows most of its rail
            is best.
        X_base_tcp: Pose of the tool around which candidates are, shape (4, 4).
    """
    views = {name: problem.view(name, state.mounts[name]) for name in problem.viewer.intrinsics}
    best: tuple[float, ViewChoice] | None = None
    for X in _candidates(X_base_tcp, problem.looks):
        if problem.is_known(X):
            continue
        if place is None:
            points = _least_points(problem, state, design, views, X)
            cost, choice = -float(points), ViewChoice(X, float("inf"), points)
        else:
            choice = _predict(problem, state, design, place, views, X)
            step = float(np.linalg.norm(X[:3, 3] - X_base_tcp[:3, 3]))
            turn = problem.looks.turn_length_m_per_rad * angle_between(X[:3, :3], X_base_tcp[:3, :3])
            cost = choice.port_sigma_m + problem.looks.detour_price * (step + turn)
        if best is None or cost < best[0]:
            best = cost, choice
    return None if best is None else best[1]


def _predict(
    problem: ViewProblem,
    state: BoardState,
    design: ModuleDesign,
    place: PortOnBoard,
    views: Mapping[str, ModuleView],
    X_base_tcp: Matrix,
) -> ViewChoice:
    corners = {
        name: problem.viewer.visible(name, X_base_tcp, state.X_base_board, problem.patches, problem.looks)
        for name in views
    }
    useful = {name: seen for name, seen in corners.items() if len(seen.pixels) >= problem.looks.min_corners}
    information = np.linalg.inv(state.covariance)
    if useful:
        information = information + look_information(state, Look(0.0, X_base_tcp, useful), problem.errors)
    found = {
        name: expected_information(
            design, view, optical_board(state, X_base_tcp, name) @ state.modules[design.name], problem.vision
        )
        for name, view in views.items()
    }
    information = information + module_equations(state, design, X_base_tcp, found, problem.errors)[0]
    covariance = place.M @ np.linalg.solve(information, place.M.T)
    sigma = float(np.sqrt(np.linalg.eigvalsh(covariance[:3, :3])[-1]))
    return ViewChoice(X_base_tcp, sigma, int(sum(info.asked.sum() for info in found.values())))


def _least_points(
    problem: ViewProblem,
    state: BoardState,
    design: ModuleDesign,
    views: Mapping[str, ModuleView],
    X_base_tcp: Matrix,
) -> int:
    """Return how many points on rims are in sight at the place on the rail where there are fewest."""
    reach = design.freedom.slide_m
    return min(
        sum(
            int(
                expected_information(
                    design,
                    view,
                    optical_board(state, X_base_tcp, name) @ slid(design, slide, 0.0),
                    problem.vision,
                ).asked.sum()
            )
            for name, view in views.items()
        )
        for slide in (-reach, 0.0, reach)
    )


def _candidates(X_base_tcp: Matrix, looks: LookSettings) -> list[Matrix]:
    """Return the pose itself and others shifted along and turned about the axes of the tool."""
    shifts, tilts = (-looks.shift_m, 0.0, looks.shift_m), (-looks.tilt_rad, 0.0, looks.tilt_rad)
    found = []
    for dx, dy, rx, ry, rz in product(shifts, shifts, tilts, tilts, _TURNS_RAD):
        moved = (dx != 0.0) + (dy != 0.0)
        turned = (rx != 0.0) + (ry != 0.0)
        if moved <= 1 and turned <= 1 and (rz == 0.0 or moved + turned == 1):
            found.append(X_base_tcp @ exp_se3(np.array([dx, dy, 0.0, rx, ry, rz])))
    return found
