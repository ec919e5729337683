"""What stands beside a port, from what the estimator says of the board, and the side that leaves the fingers room."""

from __future__ import annotations

from typing import Any

import numpy as np
from cablecell_interfaces.msg import PortEstimate
from numpy.typing import NDArray

from cablecell.composition.board_modules import module_bodies, slot_of
from cablecell.composition.planning_board import PlanningBoard
from cablecell.composition.robot_description import load_robot_description
from cablecell.core.config.trial import TaskBoardLimits
from cablecell.core.insertion.observation import PoseEstimate
from cablecell.core.insertion.profile import ConnectorProfile
from cablecell.core.insertion.tool_room import finger_bodies, side_with_room
from cablecell.core.motion.model import RobotModel
from cablecell.core.motion.scene import Obstacle
from cablecell.core.perception.layout import read_layout
from cablecell.ros.conversions import pose_to_matrix

Matrix = NDArray[np.float64]


class FingerRoom:
    """Tells to which side of its play a plug is to be pressed, so that the fingers do not touch what was seen.

    The design of a module is known by its name, and where it stands by its ports; one that was not seen may be anywhere
    on its rail and tells nothing. Fixtures without ports are not known here.
    """

    def __init__(self) -> None:
        self._model = RobotModel(load_robot_description())
        self._names: tuple[str, ...] = ()
        self._board: PlanningBoard | None = None

    def obstacles(self, message: Any) -> tuple[Obstacle, ...]:
        """Return the board and its modules where they were seen, in `base_link`; nothing of a board that was not.

        Args:
            message: `ports` as the estimator publishes it.
        """
        if not message.board_looks:
            return ()
        names = tuple(port.port_name for port in message.ports)
        if self._board is None or names != self._names:
            modules = dict.fromkeys(name.partition("/")[0] for name in names)
            bodies = module_bodies(modules, TaskBoardLimits())
            self._board, self._names = PlanningBoard(bodies, read_layout(bodies.urdf), np.eye(4), 0.0), names
        entrances = {
            port.port_name: pose_to_matrix(port.port_name, port.pose.pose)
            for port in message.ports
            if port.sources & PortEstimate.SOURCE_CAMERA
        }
        seen = self._board.seen(pose_to_matrix("board", message.board.pose), entrances)
        return tuple(one for one in self._board.obstacles(seen) if slot_of(one.name) in {"", *seen.moves})

    def side(
        self, message: Any, port: PoseEstimate, tip: PoseEstimate, profile: ConnectorProfile, width_m: float
    ) -> Matrix:
        """Return the side of its play that leaves the fingers room: x and y of the port, each -1, 0 or 1, shape (2,).

        Args:
            message: `ports` as the estimator publishes it.
            port: Believed entrance in `base_link`.
            tip: Believed tip in `tcp`.
            profile: The connector.
            width_m: Distance of the pads that hold the plug, m.
        """
        obstacles = self.obstacles(message)
        if not obstacles:
            return np.zeros(2)
        return side_with_room(finger_bodies(self._model, width_m), obstacles, port.X, tip.X, profile)
