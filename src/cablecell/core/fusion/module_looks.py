"""Which modules were found, followed from look to look, and which of their ports are covered."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.camera import CameraIntrinsics
from cablecell.core.config.estimator import EstimatorSettings
from cablecell.core.config.port_vision import PortVisionSettings
from cablecell.core.fusion.board_state import BoardState
from cablecell.core.fusion.module_find import find_module, follow_module
from cablecell.core.fusion.module_update import ModuleLook, ModuleSight
from cablecell.core.geometry import invert_pose
from cablecell.core.perception.layout import NominalPort
from cablecell.core.perception.module_search import slid
from cablecell.core.perception.module_views import module_region
from cablecell.core.perception.modules import ModuleDesign
from cablecell.core.perception.outcome import NoEstimate, Reason
from cablecell.ports import Region

Matrix = NDArray[np.float64]

_REGION_MARGIN_PX = 30.0
_MOST_MISSES = 3
"""Looks in a row in which a module that was found is not where it was, until it is searched for again."""

_EVIDENCE_LOOKS = 3
"""Looks that together say whether a port is covered: what passes by in one of them is no cover."""


class ModuleFinder:
    """Finds modules in looks and remembers what it saw of them; the poses are in the state of the board."""

    def __init__(
        self, designs: Mapping[str, ModuleDesign], errors: EstimatorSettings, settings: PortVisionSettings
    ) -> None:
        """Start with nothing found.

        Args:
            designs: Modules by name.
            errors: Sizes of the errors of kinematics.
            settings: Search, edges, gates.
        """
        self._designs, self._errors, self._settings = dict(designs), errors, settings
        self._focus: frozenset[str] = frozenset()
        self._problems: dict[str, NoEstimate] = {}
        self._covered: dict[str, NoEstimate] = {}
        self._misses: dict[str, int] = {}
        self._evidence: dict[str, deque[tuple[int, int]]] = {}

    def reset(self) -> None:
        """Forget everything that was seen."""
        self._problems.clear()
        self._covered.clear()
        self._misses.clear()
        self._evidence.clear()

    def focus(self, modules: Collection[str]) -> None:
        """Look for these modules only; for all for none."""
        self._focus = frozenset(modules)

    def see(
        self, state: BoardState, look: ModuleLook, *, adds_nothing: bool
    ) -> tuple[BoardState, dict[str, ModuleSight | NoEstimate]]:
        """Look for every module of interest and return the state with what was found.

        Args:
            state: After the fiducials of the same look.
            look: Images.
            adds_nothing: The look is from where one was taken before: it may find, but not confirm.
        """
        answers: dict[str, ModuleSight | NoEstimate] = {}
        for name in self._wanted():
            is_known = name in state.modules
            if is_known and adds_nothing:
                continue
            answer = self._look_at(state, name, look)
            if isinstance(answer, NoEstimate):
                answers[name] = answer
                state = self._missed(state, name, answer)
                continue
            state, sight = answer
            answers[name] = sight
            self._problems.pop(name, None)
            self._misses[name] = 0
            self._judge_ports(sight)
        return state, answers

    def _look_at(self, state: BoardState, name: str, look: ModuleLook) -> tuple[BoardState, ModuleSight] | NoEstimate:
        """Follow a module that was found, or search for it; also where it is found again, but fits badly."""
        design, settings = self._designs[name], self._settings
        if name not in state.modules:
            return find_module(state, design, look, self._errors, settings)
        answer = follow_module(state, design, look, self._errors, settings)
        if isinstance(answer, NoEstimate) or not answer[1].is_doubtful:
            return answer
        again = find_module(state.without_module(name), design, look, self._errors, settings)
        is_better = not isinstance(again, NoEstimate) and again[1].fit > answer[1].fit + settings.min_hold
        return again if is_better else answer

    def problem(self, state: BoardState, port: NominalPort) -> NoEstimate | None:
        """Return why the place of a port is not known, or None."""
        if port.module not in self._designs:
            return None
        if port.module not in state.modules:
            unseen = NoEstimate(Reason.NOTHING_SEEN, f"{port.module} was not looked at yet")
            return self._problems.get(port.module, unseen)
        return self._covered.get(port.name)

    def region(self, state: BoardState, X_base_tcp: Matrix, camera: str, intrinsics: CameraIntrinsics) -> Region | None:
        """Return the part of a camera's image in which the modules of interest may be, or None."""
        X_optical_board = invert_pose(X_base_tcp @ state.mounts[camera]) @ state.X_base_board
        poses, regions = [], []
        for name in self._wanted():
            design = self._designs[name]
            if name in state.modules:
                poses = [X_optical_board @ state.modules[name]]
            else:
                reach = design.freedom.slide_m
                poses = [X_optical_board @ slid(design, slide, 0.0) for slide in (-reach, 0.0, reach)]
            size = (intrinsics.width, intrinsics.height)
            region = module_region(design, poses, intrinsics.matrix(), size, _REGION_MARGIN_PX)
            if region is not None:
                regions.append(region)
        if not regions:
            return None
        low = np.min([[region.x, region.y] for region in regions], axis=0)
        high = np.max([[region.x + region.width, region.y + region.height] for region in regions], axis=0)
        return Region(int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1]))

    def _wanted(self) -> list[str]:
        return [
            name
            for name, design in self._designs.items()
            if design.can_be_seen and (not self._focus or name in self._focus)
        ]

    def _missed(self, state: BoardState, name: str, problem: NoEstimate) -> BoardState:
        """Keep what was known when a look shows nothing of a module; drop it when looks keep contradicting it."""
        self._problems[name] = problem
        if name not in state.modules or problem.reason is Reason.NOTHING_SEEN:
            return state
        self._misses[name] = self._misses.get(name, 0) + 1
        if self._misses[name] < _MOST_MISSES:
            return state
        self._misses[name] = 0
        return state.without_module(name)

    def _judge_ports(self, sight: ModuleSight) -> None:
        """Say which ports are covered, from the last looks that should have shown their openings."""
        for port, asked in sight.mouth_asked.items():
            if asked < self._settings.min_port_points:
                continue
            evidence = self._evidence.setdefault(port, deque(maxlen=_EVIDENCE_LOOKS))
            evidence.append((asked, sight.mouth_near[port]))
            share = sum(near for _, near in evidence) / sum(count for count, _ in evidence)
            if share >= self._settings.min_port_share:
                self._covered.pop(port, None)
                continue
            self._covered[port] = NoEstimate(
                Reason.COVERED,
                f"{share:.2f} of the rim of {port} is where its module has it, "
                f"limit {self._settings.min_port_share:.2f}: something covers it",
            )
