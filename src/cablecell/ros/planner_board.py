"""The task board as the planner knows it: as designed until it is seen, and every module swept until that is seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cablecell.composition.board_modules import Slot, slot_of
from cablecell.core.geometry import invert_pose
from cablecell.core.motion.scene import Box, Cylinder, Obstacle, obstacles_from_urdf
from cablecell.core.motion.sweep import Sweep, swept_box
from cablecell.ros.conversions import pose_to_matrix
from cablecell.ros.estimator_layout import BoardLayout

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

    def __init__(self, layout: BoardLayout, X_base_world: Matrix, unseen_margin_m: float) -> None:
        """Take a board that was not seen yet.

        Args:
            layout: What is put where.
            X_base_world: Pose of `world`, shape (4, 4).
            unseen_margin_m: Growth of everything while the board was not seen, m.
        """
        self.layout = layout
        self._designed = obstacles_from_urdf(layout.bodies.urdf, np.eye(4))
        self._X_base_put = X_base_world @ layout.X_world_board
        self._unseen_margin_m = unseen_margin_m

    def read(self, message: Any) -> SeenBoard:
        """Return what a message of the estimator says of this board.

        Raises:
            ExecutionError: A pose is not finite or no rotation (codes 301, 302).
        """
        if not message.board_looks:
            return SeenBoard()
        X_base_board = pose_to_matrix("board", message.board.pose)
        X_board_base = invert_pose(X_base_board)
        moves: dict[str, Matrix] = {}
        for port in message.ports:
            designed = self.layout.ports.get(port.port_name)
            if designed is not None and port.sources & port.SOURCE_CAMERA and designed.module not in moves:
                X_board_entrance = X_board_base @ pose_to_matrix(port.port_name, port.pose.pose)
                moves[designed.module] = X_board_entrance @ invert_pose(designed.X_board_entrance)
        return SeenBoard(X_base_board, moves)

    def frames(self, seen: SeenBoard) -> dict[str, Matrix]:
        """Return frames that goals may be given in: of the board once it was seen, of a port once its module was."""
        if seen.X_base_board is None:
            return {}
        frames = {"task_board": seen.X_base_board}
        for name, port in self.layout.ports.items():
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
        if name not in self.layout.bodies.slots:
            return body
        box, X = swept_box(body.shape, body.X_base_shape, _sweep(self.layout.bodies.slots[name]))
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
