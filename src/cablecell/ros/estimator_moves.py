"""Motions of an observation: to the view from which a port becomes most certain, along a way the planner finds free."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from cablecell_interfaces.action import MoveTo
from cablecell_interfaces.msg import MotionTarget
from numpy.typing import NDArray
from rclpy.duration import Duration

from cablecell.core.config.port_estimator import PortEstimatorParameters
from cablecell.core.errors import WorkcellError
from cablecell.core.fusion.board_state import BoardState
from cablecell.core.fusion.ports_estimator import PortEstimator
from cablecell.core.perception.outcome import NoEstimate
from cablecell.ros.goals import run_action
from cablecell.ros.skill_messages import move_target

Matrix = NDArray[np.float64]

_ANSWER_S = 2.0
_DISCOVERY_S, _POLL_S = 1.0, 0.02


class ViewMover:
    """Moves the arm to the next view of an observation."""

    def __init__(self, node: Any, client: Any, settings: PortEstimatorParameters) -> None:
        """Use a node's client of `move_to`."""
        self._node, self._client, self._settings = node, client, settings

    def go(
        self, estimator: PortEstimator, port: str, X_base_tcp: Matrix, now_s: float, check: Callable[[], None]
    ) -> bool:
        """Move to the best view of a port near the tool; return whether the arm moved.

        A port whose module was not found yet is looked for from above the middle of its rail. Where no view is better,
        nobody plans, or the planner finds no free way, the arm stays where it is.

        Args:
            estimator: What is known so far.
            port: Name of the port.
            X_base_tcp: Where the tool is, shape (4, 4).
            now_s: The time.
            check: Raises when the observation is to end.
        """
        settings = self._settings
        board = estimator.board(now_s)
        if isinstance(board, NoEstimate) or not self._has_planner(check):
            return False
        choice = estimator.best_view(port, self._near(estimator, board, port, X_base_tcp), now_s)
        if isinstance(choice, NoEstimate):
            return False
        target = move_target(
            choice.X_base_tcp, MotionTarget.PATH_LIN, settings.view_velocity_scale, settings.view_acceleration_scale
        )
        limit_s = settings.view_time_limit_s
        move = MoveTo.Goal(target=target, time_limit=Duration(seconds=limit_s).to_msg())
        check()
        try:
            run_action(self._node, self._client, "move_to", move, limit_s + _ANSWER_S, check)
        except WorkcellError as error:
            check()  # what ends the observation is not the planner's answer
            self._node.get_logger().warning(f"no way to the next view of {port}: {error}")
            return False
        return True

    def _has_planner(self, check: Callable[[], None]) -> bool:
        end_s = time.monotonic() + _DISCOVERY_S
        while not self._client.server_is_ready():
            check()
            if time.monotonic() > end_s:
                return False
            time.sleep(_POLL_S)
        return True

    def _near(self, estimator: PortEstimator, board: BoardState, port: str, X_base_tcp: Matrix) -> Matrix:
        """Return the pose around which views are looked for."""
        place = estimator.place(board, port)
        if port.rpartition("/")[0] in board.modules:
            return X_base_tcp
        mouth = board.X_base_board @ place.X_board_entrance
        X = X_base_tcp.copy()
        X[:3, 3] = mouth[:3, 3] - self._settings.view_distance_m * mouth[:3, 2]
        return X
