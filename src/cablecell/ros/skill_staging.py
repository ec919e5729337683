"""The way to the staging pose: straight, else over the port and down, else around whatever is in the way."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from cablecell_interfaces.action import MoveSequence, MoveTo
from cablecell_interfaces.msg import MotionSequenceItem, MotionTarget
from numpy.typing import NDArray
from rclpy.duration import Duration

from cablecell.core.config.insertion_skill import InsertionSkillParameters
from cablecell.core.insertion.staging import CORNER_M, poses_above
from cablecell.ros.goals import RemoteError, RunningGoal, run_action
from cablecell.ros.skill_messages import move_target

Matrix = NDArray[np.float64]

_ANSWER_S = 5.0
_SHORTEST_MOVE_S = 1.0


class StagingMover:
    """Moves the arm in front of a port through the planner."""

    def __init__(self, node: Any, settings: InsertionSkillParameters) -> None:
        """Create the clients; the node owns them."""
        self._node, self._settings = node, settings
        self._clients = {
            "move_to": node.action_client(MoveTo, "move_to"),
            "move_sequence": node.action_client(MoveSequence, "move_sequence"),
        }

    def go(self, goal: RunningGoal, X_base_tcp: Matrix, axis: Matrix) -> None:
        """Move to a pose; one limit of time holds for all ways that are tried.

        Args:
            goal: What is worked for; its end ends the motion.
            X_base_tcp: Where to, shape (4, 4).
            axis: Direction of insertion in `base_link`, unit, shape (3,).

        Raises:
            RemoteError: There is no way, or the arm did not take it; carries the planner's code.
            NoAnswerError: The planner does not answer (code 605).
        """
        end_s = time.monotonic() + self._settings.staging_time_limit_s
        refused: RemoteError | None = None
        for name, move in self._ways(X_base_tcp, axis):
            limit_s = max(end_s - time.monotonic(), _SHORTEST_MOVE_S)
            move.time_limit = Duration(seconds=limit_s).to_msg()
            try:
                run_action(self._node, self._clients[name], name, move, limit_s + _ANSWER_S, goal.check)
                return
            except RemoteError as error:
                if not 100 <= error.code < 300:
                    raise
                self._node.get_logger().info(f"no such way to the staging pose, code {error.code}: {error}")
                refused = error
        assert refused is not None
        raise refused

    def _ways(self, X_base_tcp: Matrix, axis: Matrix) -> Iterator[tuple[str, Any]]:
        yield "move_to", MoveTo.Goal(target=self._target(X_base_tcp, MotionTarget.PATH_LIN))
        down = MotionSequenceItem(target=self._target(X_base_tcp, MotionTarget.PATH_LIN))
        for X_above in poses_above(X_base_tcp, axis):
            over = MotionSequenceItem(target=self._target(X_above, MotionTarget.PATH_LIN), blend_radius=CORNER_M)
            yield "move_sequence", MoveSequence.Goal(items=[over, down])
        yield "move_to", MoveTo.Goal(target=self._target(X_base_tcp, MotionTarget.PATH_SAMPLED))

    def _target(self, X_base_tcp: Matrix, path: int) -> MotionTarget:
        settings = self._settings
        return move_target(X_base_tcp, path, settings.staging_velocity_scale, settings.staging_acceleration_scale)
