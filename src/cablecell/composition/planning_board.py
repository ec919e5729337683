"""The task board as the planner knows it: as designed until it is seen, and every module swept until that is seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from cablecell.composition.board_modules import BoardBodies, Slot, slot_of
from cablecell.core.geometry import invert_pose
from cablecell.core.motion.scene import Box, Cylinder, Obstacle, obstacles_from_urdf
from cablecell.core.motion.sweep import Sweep, swept_box
from cablecell.core.perception.layout import NominalPort

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class SeenBoard:
    """What was seen of a board.

    Attributes:
        X_base_board: Its pose, shape (4, 4); None where it was not seen.
        moves: By how much each module that was seen is displaced from its design, in `task_board`, shape (4, 4).
    """

    X_base_board: Matrix | None = None
    moves: Mapping[str, Matrix] = field(default_factory=dict)


class PlanningBoard:
    """A board's bodies and frames; poses are in `base_link`."""

    def __init__(
        self, bodies: BoardBodies, ports: Mapping[str, NominalPort], X_base_put: Matrix, unseen_margin_m: float
    ) -> None:
        """Take a board that was not seen yet.

        Args:
            bodies: What stands on it.
            ports: By full name, their modules in the middle of their rails.
            X_base_put: Where the board is put, shape (4, 4).
            unseen_margin_m: Growth of everything while the board was not seen, m.
        """
        self._ports, self._slots = ports, bodies.slots
        self._designed = obstacles_from_urdf(bodies.urdf, np.eye(4))
        self._X_base_put = X_base_put
        self._unseen_margin_m = unseen_margin_m

    def seen(self, X_base_board: Matrix, entrances: Mapping[str, Matrix]) -> SeenBoard:
        """Return what was seen, from poses of the board and of mouths, shape (4, 4); those not on it do not count."""
        X_board_base = invert_pose(X_base_board)
        moves: dict[str, Matrix] = {}
        for name, X_base_entrance in entrances.items():
            designed = self._ports.get(name)
            if designed is not None and designed.module not in moves:
                moves[designed.module] = X_board_base @ X_base_entrance @ invert_pose(designed.X_board_entrance)
        return SeenBoard(X_base_board, moves)

    def frames(self, seen: SeenBoard) -> dict[str, Matrix]:
        """Return frames that goals may be given in: of the board once it was seen, of a port once its module was."""
        if seen.X_base_board is None:
            return {}
        frames = {"task_board": seen.X_base_board}
        for name, port in self._ports.items():
            if port.module in seen.moves:
                frames[f"{name}_entrance"] = seen.X_base_board @ seen.moves[port.module] @ port.X_board_entrance
        return frames

    def obstacles(self, seen: SeenBoard) -> tuple[Obstacle, ...]:
        """Return what must not be touched: a module that was not seen is wherever its rail lets it be."""
        bodies = tuple(self._placed(body, seen.moves) for body in self._designed)
        if seen.X_base_board is None:
            return tuple(_moved(_grown(body, self._unseen_margin_m), self._X_base_put) for body in bodies)
        return tuple(_moved(body, seen.X_base_board) for body in bodies)

    def _placed(self, body: Obstacle, moves: Mapping[str, Matrix]) -> Obstacle:
        name = slot_of(body.name)
        if name in moves:
            return _moved(body, moves[name])
        if name not in self._slots:
            return body
        box, X = swept_box(body.shape, body.X_base_shape, _sweep(self._slots[name]))
        return Obstacle(body.name, box, X)


def _sweep(slot: Slot) -> Sweep:
    freedom = slot.freedom
    return Sweep(slot.pivot, np.array(freedom.axis), freedom.slide_m, freedom.turn_rad)


def _moved(obstacle: Obstacle, X: Matrix) -> Obstacle:
    return replace(obstacle, X_base_shape=X @ obstacle.X_base_shape)


def _grown(obstacle: Obstacle, by_m: float) -> Obstacle:
    shape = obstacle.shape
    if isinstance(shape, Box):
        x, y, z = (size + 2.0 * by_m for size in shape.size)
        return replace(obstacle, shape=Box((x, y, z)))
    if isinstance(shape, Cylinder):
        return replace(obstacle, shape=Cylinder(shape.radius + by_m, shape.length + 2.0 * by_m))
    return replace(obstacle, shape=replace(shape, radius=shape.radius + by_m))
