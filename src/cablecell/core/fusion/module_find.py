"""Where a module is: the place on its rail that explains the images, or why none must be believed.

A place explains the rims of all ports of a module, and the rest of what the module is made of. Rims alone repeat
themselves: a card with two ports is like itself a port's distance away, a thin rim like itself shifted by its wall.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.estimator import EstimatorSettings
from cablecell.core.config.port_vision import PortVisionSettings
from cablecell.core.fusion.board_state import BoardState
from cablecell.core.fusion.module_update import (
    SCHEDULE,
    ModuleLook,
    ModuleSight,
    fit_module,
    optical_board,
    put_module,
)
from cablecell.core.geometry import angle_between, invert_pose, make_pose
from cablecell.core.perception.module_search import Place, search_module
from cablecell.core.perception.module_structure import structure_fit
from cablecell.core.perception.modules import ModuleDesign
from cablecell.core.perception.outcome import NoEstimate, Reason

Matrix = NDArray[np.float64]

_BESIDE_M, _HELD_WRONG_M = (0.0006, 0.0011), 0.0003
_WALL_M = 0.0008  # about that of the walls of ports
_SAME_M = 0.0015  # fits nearer to each other are one
_BEYOND_M, _BEYOND_RAD = 0.003, 0.03  # what fit and tolerance may add to the rail
_ALONG_M = 0.01  # a displacement that all edges but those along the rail tell


@dataclass(frozen=True)
class _Fit:
    """A module fitted at one place: before and after, and how it agrees."""

    prior: BoardState
    state: BoardState
    sight: ModuleSight


class _Finder:
    """One search for one module in one look."""

    def __init__(
        self,
        design: ModuleDesign,
        look: ModuleLook,
        errors: EstimatorSettings,
        settings: PortVisionSettings,
    ) -> None:
        self._design, self._look, self._errors, self._settings = design, look, errors, settings

    def at(self, prior: BoardState, start: BoardState | None = None) -> _Fit:
        """Return the fit from a place."""
        start = start or prior
        fitted = fit_module(prior, start, self._design, self._look, self._errors, self._settings, SCHEDULE)
        return _Fit(prior, *fitted)

    def structure(self, state: BoardState, X_board_module: Matrix, shift: Matrix) -> float | None:
        """Return how the structure fits at a place, by what a shift would change; None where too little is in sight."""
        X = {name: optical_board(state, self._look.X_base_tcp, name) @ X_board_module for name in self._look.views}
        found = structure_fit(self._design, self._look.views, X, shift, self._settings)
        return found.fit if found.asked >= self._settings.min_structure_points else None

    def rank(self, fit: _Fit) -> float:
        """Return how well a fit explains everything, rims and structure."""
        along = _ALONG_M * np.asarray(self._design.freedom.axis)
        structure = self.structure(fit.state, self.place(fit), along)
        return fit.sight.fit + (structure or 0.0)

    def place(self, fit: _Fit) -> Matrix:
        """Return where a fit has the module on the board."""
        return fit.state.modules[self._design.name]

    def lead(self, best: _Fit, rival: _Fit) -> tuple[float, float]:
        """Return how much better the best fits than a rival, of all together and by the structure alone."""
        X, Y = self.place(best), self.place(rival)
        there, back = (invert_pose(X) @ Y)[:3, 3], (invert_pose(Y) @ X)[:3, 3]
        own, other = self.structure(best.state, X, there), self.structure(rival.state, Y, back)
        rims = best.sight.fit - rival.sight.fit
        if own is None or other is None:
            return rims, 0.0
        return rims + own - other, own - other

    def clearness(self, fit: _Fit) -> float:
        """Return how much better the structure fits where the module is than a wall's thickness beside it."""
        X, clear = self.place(fit), float("inf")
        for axis, sign in product((0, 1), (-1.0, 1.0)):
            shift = np.zeros(3)
            shift[axis] = sign * _WALL_M
            own = self.structure(fit.state, X, shift)
            other = self.structure(fit.state, X @ make_pose(np.eye(3), shift), -shift)
            if own is None or other is None:
                return 0.0
            clear = min(clear, own - other)
        return clear

    def beside(self, best: _Fit) -> tuple[_Fit, float]:
        """Return the best of a fit and of fits begun a little beside it, and its lead over those that end elsewhere.

        The inner and the outer edge of a rim are a wall apart: a fit can hold on to one where the other belongs.
        """
        if self.clearness(best) >= self._settings.min_structure_lead:
            return best, float("inf")
        name, X = self._design.name, self.place(best)
        fits = [best]
        for far, (x, y) in product(_BESIDE_M, ((-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 1.0))):
            start = make_pose(np.eye(3), (x * far, y * far, 0.0)) @ X
            fits.append(self.at(best.prior, replace(best.prior, modules={**best.prior.modules, name: start})))
        fits.sort(key=lambda fit: fit.sight.fit, reverse=True)
        best = fits[0]
        for other in fits[1:]:
            if float(np.linalg.norm((self.place(other) - self.place(best))[:2, 3])) > _HELD_WRONG_M:
                return best, best.sight.fit - other.sight.fit
        return best, float("inf")

    def twins(self, state: BoardState, fit: _Fit) -> list[_Fit]:
        """Return fits at which other ports of the module are where its ports now are, as far as the rail allows it."""
        X, ports, found = self.place(fit), list(self._design.ports.values()), []
        for one, other in permutations(ports, 2):
            place = X @ one @ invert_pose(other)
            if float(np.linalg.norm((place - X)[:3, 3])) > _SAME_M and _on_rail(self._design, place):
                found.append(self.at(put_module(state, self._design, Place(place, 0.0))))
        return found

    def explains_all(self, sight: ModuleSight) -> bool:
        """Return whether the rims of all ports were in sight and are where the module has them."""
        settings = self._settings
        return all(
            asked >= settings.min_port_points and sight.near[name] >= settings.min_share * asked
            for name, asked in sight.asked.items()
        )


def find_module(
    state: BoardState,
    design: ModuleDesign,
    look: ModuleLook,
    errors: EstimatorSettings,
    settings: PortVisionSettings,
) -> tuple[BoardState, ModuleSight] | NoEstimate:
    """Look for a module anywhere on its rail and return the state with it.

    The best places of the search are fitted, and the one that explains the edges best must stand out from the others.
    If it leaves a port of the module unexplained, the places where that port would be taken for another one of the
    module are fitted, too; only the structure of the module can tell those apart.

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
    finder = _Finder(design, look, errors, settings)
    fits = [finder.at(put_module(state, design, place)) for place in places]
    fits.sort(key=finder.rank, reverse=True)
    if len(design.ports) > 1 and not finder.explains_all(fits[0].sight):
        fits += finder.twins(state, fits[0])
        fits.sort(key=finder.rank, reverse=True)
    best, hold = finder.beside(fits[0])
    is_whole = finder.explains_all(best.sight)
    margin, least_structure = float("inf"), float("inf")
    for rival in fits[1:]:
        if float(np.linalg.norm((finder.place(rival) - finder.place(best))[:3, 3])) <= _SAME_M:
            continue
        lead, by_structure = finder.lead(best, rival)
        is_twin = _is_twin(design, finder.place(best), finder.place(rival))
        if is_twin and not is_whole and by_structure < settings.min_structure_lead:
            lead = 0.0
        margin, least_structure = min(margin, lead), min(least_structure, by_structure)
    is_clear = min(least_structure, finder.clearness(best)) >= settings.min_structure_lead
    sight = replace(best.sight, margin=margin, hold=hold)
    min_share = settings.min_clear_share if is_clear else settings.min_share
    return _judge(best.prior, best.state, sight, design, settings, min_share) or (best.state, sight)


def follow_module(
    state: BoardState,
    design: ModuleDesign,
    look: ModuleLook,
    errors: EstimatorSettings,
    settings: PortVisionSettings,
) -> tuple[BoardState, ModuleSight] | NoEstimate:
    """Look at a module where it was found before and return the state after that; as `find_module`."""
    after, sight = fit_module(state, state, design, look, errors, settings, SCHEDULE[1:])
    if sight.fit < settings.doubtful_fit:
        finder = _Finder(design, look, errors, settings)
        is_clear = finder.clearness(_Fit(state, after, sight)) >= settings.min_structure_lead
        sight = replace(sight, is_doubtful=not is_clear)
    # Where it was found before, fewer edges are enough to know it again.
    return _judge(state, after, sight, design, settings, settings.min_port_share) or (after, sight)


def _on_rail(design: ModuleDesign, X_board_module: Matrix) -> bool:
    off, turned = _displacement(design, X_board_module)
    return abs(off) <= design.freedom.slide_m + _BEYOND_M and turned <= design.freedom.turn_rad + _BEYOND_RAD


def _displacement(design: ModuleDesign, X_board_module: Matrix) -> tuple[float, float]:
    """Return how far a module is from its design along its rail, m, and turned, rad."""
    off = float(np.asarray(design.freedom.axis) @ (X_board_module - design.X_board_module)[:3, 3])
    return off, angle_between(X_board_module[:3, :3], design.X_board_module[:3, :3])


def _is_twin(design: ModuleDesign, X: Matrix, Y: Matrix) -> bool:
    """Return whether another port of the module is at Y where one of its ports is at X."""
    ports: Sequence[Matrix] = list(design.ports.values())
    return any(float(np.linalg.norm((X @ one - Y @ other)[:3, 3])) <= _SAME_M for one, other in permutations(ports, 2))


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
    if not _on_rail(design, state.modules[name]):
        off, turned = _displacement(design, state.modules[name])
        return NoEstimate(
            Reason.UNEXPECTED_POSE,
            f"{name} would sit {off:.4f} m along its rail and be turned by {turned:.3f} rad, limits "
            f"{design.freedom.slide_m:.4f} m and {design.freedom.turn_rad:.3f} rad",
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
