"""Modules in the state of the board: their ports' edges in images move module, board and mounts together.

X_optical_module = (X_base_tcp X_tcp_optical)^-1 X_base_board X_board_module. The rail leaves a module free to slide and
turn, so those directions begin wide; the others begin with the tolerance of its making. What the fiducials of the same
look have found is in the board and the mounts already, and the cross-covariance carries it to the ports.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.estimator import EstimatorSettings
from cablecell.core.config.port_vision import PortVisionSettings
from cablecell.core.fusion.board_state import BoardState, kinematics_covariance
from cablecell.core.geometry import adjoint, angle_between, invert_pose, make_pose
from cablecell.core.perception.module_search import Place, search_module
from cablecell.core.perception.module_views import (
    MOST_MISFIT,
    ModuleInformation,
    ModulePatch,
    ModuleView,
    points_in_sight,
)
from cablecell.core.perception.modules import ModuleDesign, PortEdges
from cablecell.core.perception.outcome import NoEstimate, Reason

Matrix = NDArray[np.float64]

_SCHEDULE = ((5.0, 1.2, 4), (3.0, 0.9, 3), (2.5, 0.8, 3))  # range px, blur px, iterations
_PATCH_MARGIN_PX = 8.0
_INFLATION = 1.5  # of the error the points of an edge share, over what the means of the edges show after the fit
_BESIDE_M, _HELD_WRONG_M = (0.0006, 0.0011), 0.0003
_SAME_M = 0.0015  # fits nearer to each other are one


@dataclass(frozen=True)
class ModuleLook:
    """Images of one look in which modules are looked for.

    Attributes:
        stamp_s: Time of exposure, s.
        X_base_tcp: Pose of the tool at that time, shape (4, 4).
        views: By camera name.
    """

    stamp_s: float
    X_base_tcp: Matrix
    views: Mapping[str, ModuleView]


@dataclass(frozen=True)
class ModuleSight:
    """How a module agrees with the images of one look.

    Attributes:
        asked: Points in sight by port, all cameras together.
        near: Points among them that were found where the module has them.
        mouth_asked: Points of `asked` at the opening.
        mouth_near: Points of `near` at the opening.
        cameras: Cameras that found enough of them.
        rms_px: Largest rms distance in one camera.
        fit: How well all points in sight fit, 1 for exactly, 0 for nothing found.
        best_fit: Likewise those of the port that fits best; others of the module may be covered.
        margin: How much better the fit is than at the next best place; infinity without one.
        hold: How much better the fit is than the best that is a wall's thickness beside it; infinity without one.
    """

    asked: Mapping[str, int]
    near: Mapping[str, int]
    mouth_asked: Mapping[str, int]
    mouth_near: Mapping[str, int]
    cameras: tuple[str, ...]
    rms_px: float
    fit: float
    best_fit: float
    margin: float = float("inf")
    hold: float = float("inf")

    @property
    def share(self) -> float:
        """Share of all points that were found."""
        return sum(self.near.values()) / max(sum(self.asked.values()), 1)

    def best_share(self, settings: PortVisionSettings) -> float:
        """Return the share of points found of the port that shows best; others of the module may be covered."""
        judged = [name for name, asked in self.asked.items() if asked >= settings.min_port_points]
        return max((self.near[name] / self.asked[name] for name in judged), default=0.0)


def find_module(
    state: BoardState,
    design: ModuleDesign,
    look: ModuleLook,
    errors: EstimatorSettings,
    settings: PortVisionSettings,
) -> tuple[BoardState, ModuleSight] | NoEstimate:
    """Look for a module anywhere on its rail and return the state with it.

    The best places of the search are fitted, and the one that explains the edges best must stand out from the others.

    Args:
        state: Board, mounts and modules; this one not among them.
        design: The module.
        look: Images.
        errors: Sizes of the errors of kinematics.
        settings: Search, edges, gates.

    Returns:
        The state and how it agrees, or `NoEstimate` (NOTHING_SEEN, COVERED, AMBIGUOUS, INCONSISTENT_VIEWS,
        REPROJECTION_TOO_HIGH).
    """
    X_optical_board = {name: optical_board(state, look.X_base_tcp, name) for name in look.views}
    places = search_module(design, look.views, X_optical_board, settings)
    if not places:
        return NoEstimate(Reason.NOTHING_SEEN, f"no camera looks at the rail of {design.name}")
    fits = []
    for place in places:
        prior = _put(state, design, place)
        fits.append((*_fit(prior, prior, design, look, errors, settings, _SCHEDULE), prior))
    fits.sort(key=lambda fit: fit[1].fit, reverse=True)
    best, sight, prior = fits[0]
    best, sight = _beside(best, sight, prior, design, look, errors, settings)
    for other, rival, _ in fits[1:]:
        step = np.linalg.norm(other.modules[design.name][:3, 3] - best.modules[design.name][:3, 3])
        if float(step) > _SAME_M:
            sight = replace(sight, margin=sight.fit - rival.fit)
            break
    return _judge(prior, best, sight, design, settings, settings.min_share) or (best, sight)


def follow_module(
    state: BoardState,
    design: ModuleDesign,
    look: ModuleLook,
    errors: EstimatorSettings,
    settings: PortVisionSettings,
) -> tuple[BoardState, ModuleSight] | NoEstimate:
    """Look at a module where it was found before and return the state after that; as `find_module`."""
    after, sight = _fit(state, state, design, look, errors, settings, _SCHEDULE[1:])
    # Where it was found before, fewer edges are enough to know it again.
    return _judge(state, after, sight, design, settings, settings.min_port_share) or (after, sight)


def optical_board(state: BoardState, X_base_tcp: Matrix, camera: str) -> Matrix:
    """Return where the board is in front of a camera with the tool at a pose, shape (4, 4)."""
    return np.asarray(invert_pose(X_base_tcp @ state.mounts[camera]) @ state.X_base_board)


def _beside(
    best: BoardState,
    sight: ModuleSight,
    prior: BoardState,
    design: ModuleDesign,
    look: ModuleLook,
    errors: EstimatorSettings,
    settings: PortVisionSettings,
) -> tuple[BoardState, ModuleSight]:
    """Return the best of a fit and of fits begun a little beside it.

    The inner and the outer edge of a rim are a wall apart: a fit can hold on to one where the other belongs.
    """
    X = best.modules[design.name]
    fits = [(best, sight)]
    for far, (x, y) in product(_BESIDE_M, ((-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 1.0))):
        shift = make_pose(np.eye(3), (x * far, y * far, 0.0))
        start = replace(prior, modules={**prior.modules, design.name: shift @ X})
        fits.append(_fit(prior, start, design, look, errors, settings, _SCHEDULE))
    fits.sort(key=lambda fit: fit[1].fit, reverse=True)
    best, sight = fits[0]
    for other, seen in fits[1:]:
        step = (other.modules[design.name] - best.modules[design.name])[:2, 3]
        if float(np.linalg.norm(step)) > _HELD_WRONG_M:
            return best, replace(sight, hold=sight.fit - seen.fit)
    return best, sight


def _put(state: BoardState, design: ModuleDesign, place: Place) -> BoardState:
    """Return the state with a module at a place, as free there as its rail leaves it.

    The perturbation is about the place, not about the middle of the rail: far from there, sliding and turning mix.
    """
    R = place.X_board_module[:3, :3].T @ design.X_board_module[:3, :3]
    T = np.kron(np.eye(2), R)
    return state.with_module(design.name, place.X_board_module, T @ design.freedom.covariance() @ T.T)


def _fit(
    prior: BoardState,
    start: BoardState,
    design: ModuleDesign,
    look: ModuleLook,
    errors: EstimatorSettings,
    settings: PortVisionSettings,
    schedule: Sequence[tuple[float, float, int]],
) -> tuple[BoardState, ModuleSight]:
    """Iterated extended Kalman filter with a shrinking search range."""
    information = np.linalg.inv(prior.covariance)
    state, shared_px = start, settings.shared_sigma_px

    def seen_from(state: BoardState, camera: str) -> Matrix:
        return optical_board(state, look.X_base_tcp, camera) @ state.modules[design.name]

    patches = {
        name: ModulePatch(design, view, seen_from(state, name), _PATCH_MARGIN_PX) for name, view in look.views.items()
    }
    for range_px, blur_px, iterations in schedule:
        seen = {
            name: points_in_sight(design, view, seen_from(state, name), settings.fit_points)
            for name, view in look.views.items()
        }

        def equations(state: BoardState) -> tuple[Matrix, Matrix, dict[str, ModuleInformation]]:
            return _equations(state, design, look, errors, settings, patches, seen, range_px, blur_px, shared_px)  # noqa: B023

        for _ in range(iterations):
            H, g, _ = equations(state)
            g = g - information @ state.difference(prior)
            step = np.asarray(np.linalg.solve(H + information, g), dtype=np.float64)
            state = state.moved(step)
            if float(np.abs(step).max()) < 2e-6:
                break
    _, _, found = equations(state)
    # Edges that still disagree say how far the model of shared errors was too small.
    means = [mean for camera in found.values() for mean in camera.means_px]
    if means:
        shared_px = max(shared_px, _INFLATION * float(np.sqrt(np.mean(np.square(means)))))
    H, _, found = equations(state)
    state = replace(state, covariance=np.linalg.inv(H + information))
    return state, _sight(design, found, settings)


def _equations(
    state: BoardState,
    design: ModuleDesign,
    look: ModuleLook,
    errors: EstimatorSettings,
    settings: PortVisionSettings,
    patches: Mapping[str, ModulePatch],
    seen: Mapping[str, PortEdges],
    range_px: float,
    blur_px: float,
    shared_px: float,
) -> tuple[Matrix, Matrix, dict[str, ModuleInformation]]:
    """Return the normal equations of the error state, and what each camera has found."""
    found = {}
    for camera, patch in patches.items():
        X = optical_board(state, look.X_base_tcp, camera) @ state.modules[design.name]
        found[camera] = patch.information(
            seen[camera], X, settings, range_px=range_px, blur_px=blur_px, shared_px=shared_px
        )
    H, g = module_equations(state, design, look.X_base_tcp, found, errors)
    return H, g, found


def module_equations(
    state: BoardState,
    design: ModuleDesign,
    X_base_tcp: Matrix,
    found: Mapping[str, ModuleInformation],
    errors: EstimatorSettings,
) -> tuple[Matrix, Matrix]:
    """Return the normal equations of the error state from those of single cameras at one look.

    Every camera's X_optical_module moves with board, mount and module, and with the error of kinematics at this look,
    which is eliminated.
    """
    n = len(state.covariance)
    Hxx, gx = np.zeros((n, n)), np.zeros(n)
    Hxe, Hee, ge = np.zeros((n, 6)), np.linalg.inv(kinematics_covariance(errors)), np.zeros(6)
    by_board = adjoint(invert_pose(state.modules[design.name]))
    for camera, info in found.items():
        X = optical_board(state, X_base_tcp, camera) @ state.modules[design.name]
        by_mount = -adjoint(invert_pose(X))
        M = np.zeros((6, n))
        M[:, :6] = by_board
        M[:, state.mount_block(camera)] = by_mount
        M[:, state.module_block(design.name)] = np.eye(6)
        N = by_mount @ adjoint(invert_pose(state.mounts[camera]))
        HM, HN = info.H @ M, info.H @ N
        Hxx += M.T @ HM
        Hxe += M.T @ HN
        Hee += N.T @ HN
        gx += M.T @ info.g
        ge += N.T @ info.g
    K = np.linalg.solve(Hee, Hxe.T).T
    return Hxx - K @ Hxe.T, gx - K @ ge


def _sight(design: ModuleDesign, found: Mapping[str, ModuleInformation], settings: PortVisionSettings) -> ModuleSight:
    def by_port(counts: Iterable[NDArray[np.intp]]) -> dict[str, int]:
        total = np.sum(list(counts), axis=0)
        return {name: int(total[i]) for i, name in enumerate(design.ports)}

    asked = np.sum([info.asked for info in found.values()], axis=0)
    misfit = np.sum([np.broadcast_to(info.misfit, asked.shape) for info in found.values()], axis=0)
    judged = asked >= settings.min_port_points
    fits = 1.0 - misfit[judged] / (MOST_MISFIT * asked[judged])
    cameras = tuple(name for name, info in found.items() if int(info.near.sum()) >= settings.min_camera_points)
    return ModuleSight(
        asked=by_port(info.asked for info in found.values()),
        near=by_port(info.near for info in found.values()),
        mouth_asked=by_port(info.mouth_asked for info in found.values()),
        mouth_near=by_port(info.mouth_near for info in found.values()),
        cameras=cameras,
        rms_px=max((found[name].rms_px for name in cameras), default=0.0),
        fit=1.0 - float(misfit.sum()) / (MOST_MISFIT * max(int(asked.sum()), 1)),
        best_fit=float(fits.max()) if len(fits) else 0.0,
    )


def _judge(
    prior: BoardState,
    state: BoardState,
    sight: ModuleSight,
    design: ModuleDesign,
    settings: PortVisionSettings,
    min_share: float,
) -> NoEstimate | None:
    """Return why a module must not be believed to be where it fits best, or None."""
    name = design.name
    if len(sight.cameras) < settings.min_cameras:
        return NoEstimate(
            Reason.NOTHING_SEEN,
            f"{name} was found by {len(sight.cameras)} cameras, at least {settings.min_cameras} are needed",
        )
    if sight.best_share(settings) < min_share:
        return NoEstimate(
            Reason.COVERED,
            f"{sight.best_share(settings):.2f} of the rim of {name}'s port that is seen best is where it would have to "
            f"be at the best place, limit {min_share:.2f}",
        )
    if sight.margin < settings.min_margin:
        return NoEstimate(
            Reason.AMBIGUOUS,
            f"{name} fits nearly as well somewhere else: the fits, 1 for exactly, differ by "
            f"{sight.margin:.2f}, at least {settings.min_margin:.2f} is needed",
        )
    # The less of the rims is explained, the clearer the explanation must be.
    least = settings.min_hold + settings.hold_per_misfit * (1.0 - sight.best_fit)
    if sight.hold < least:
        return NoEstimate(
            Reason.AMBIGUOUS,
            f"{name} fits nearly as well with the edges of its rims confused: the fits, 1 for exactly, differ by "
            f"{sight.hold:.2f}, at least {least:.2f} is needed",
        )
    if sight.rms_px > settings.max_rms_px:
        return NoEstimate(
            Reason.REPROJECTION_TOO_HIGH,
            f"the edges of {name} are {sight.rms_px:.2f} px (rms) off in one camera, "
            f"limit {settings.max_rms_px:.2f} px",
        )
    off = float(np.asarray(design.freedom.axis) @ (state.modules[name] - design.X_board_module)[:3, 3])
    turned = angle_between(state.modules[name][:3, :3], design.X_board_module[:3, :3])
    freedom = design.freedom
    if abs(off) > freedom.slide_m + 0.003 or turned > freedom.turn_rad + 0.03:
        return NoEstimate(
            Reason.UNEXPECTED_POSE,
            f"{name} would sit {off:.4f} m along its rail and be turned by {turned:.3f} rad, limits "
            f"{freedom.slide_m:.4f} m and {freedom.turn_rad:.3f} rad",
        )
    step, block = state.difference(prior), state.module_block(name)
    distance = float(step[block] @ np.linalg.solve(prior.covariance[block, block], step[block]))
    limit = settings.gate_chi2
    if distance > limit:
        return NoEstimate(
            Reason.INCONSISTENT_VIEWS,
            f"{name} fits only off its rail, by a squared Mahalanobis distance of {distance:.1f}, limit {limit:.1f}",
        )
    return None
