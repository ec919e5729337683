"""Modules in the state of the board: their ports' edges in images move module, board and mounts together.

X_optical_module = (X_base_tcp X_tcp_optical)^-1 X_base_board X_board_module. The rail leaves a module free to slide and
turn, so those directions begin wide; the others begin with the tolerance of its making. What the fiducials of the same
look have found is in the board and the mounts already, and the cross-covariance carries it to the ports.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.estimator import EstimatorSettings
from cablecell.core.config.port_vision import PortVisionSettings
from cablecell.core.fusion.board_state import BoardState, kinematics_covariance
from cablecell.core.geometry import adjoint, invert_pose
from cablecell.core.perception.module_search import Place
from cablecell.core.perception.module_views import (
    MOST_MISFIT,
    ModuleInformation,
    ModulePatch,
    ModuleView,
    points_in_sight,
)
from cablecell.core.perception.modules import ModuleDesign, PortEdges

Matrix = NDArray[np.float64]

SCHEDULE = ((5.0, 1.2, 4), (3.0, 0.9, 3), (2.5, 0.8, 3))  # range px, blur px, iterations
_PATCH_MARGIN_PX = 8.0
_INFLATION = 1.5  # of the error the points of an edge share, over what the means of the edges show after the fit


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
        is_doubtful: Whether neither rims nor structure say clearly that a module that was followed is still there.
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
    is_doubtful: bool = False

    @property
    def share(self) -> float:
        """Share of all points that were found."""
        return sum(self.near.values()) / max(sum(self.asked.values()), 1)

    def best_share(self, settings: PortVisionSettings) -> float:
        """Return the share of points found of the port that shows best; others of the module may be covered."""
        judged = [name for name, asked in self.asked.items() if asked >= settings.min_port_points]
        return max((self.near[name] / self.asked[name] for name in judged), default=0.0)


def optical_board(state: BoardState, X_base_tcp: Matrix, camera: str) -> Matrix:
    """Return where the board is in front of a camera with the tool at a pose, shape (4, 4)."""
    return np.asarray(invert_pose(X_base_tcp @ state.mounts[camera]) @ state.X_base_board)


def put_module(state: BoardState, design: ModuleDesign, place: Place) -> BoardState:
    """Return the state with a module at a place, as free there as its rail leaves it.

    The perturbation is about the place, not about the middle of the rail: far from there, sliding and turning mix.
    """
    R = place.X_board_module[:3, :3].T @ design.X_board_module[:3, :3]
    T = np.kron(np.eye(2), R)
    return state.with_module(design.name, place.X_board_module, T @ design.freedom.covariance() @ T.T)


def fit_module(
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
