"""What follows an insertion, over ROS: the plug that is held in its port is checked, or taken out."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from cablecell_interfaces.action import HandleConnector
from cablecell_interfaces.msg import InsertionPhase
from rclpy.duration import Duration

from cablecell.core.config.insertion import InsertionSettings
from cablecell.core.control.command import ComplianceCommand
from cablecell.core.insertion.errors import UnknownTaskError
from cablecell.core.insertion.handling import Handling
from cablecell.core.insertion.handling_outcome import HandlingResult, HandlingStep
from cablecell.core.insertion.profile import ConnectorProfile
from cablecell.core.insertion.unplug import Unplug
from cablecell.core.insertion.verify_seat import VerifySeat
from cablecell.ros.goals import RunningGoal
from cablecell.ros.skill_stream import HandlingRun

_FEEDBACK_PERIOD_S = 0.05

_TASKS: dict[int, tuple[type[Handling], int]] = {
    HandleConnector.Goal.TASK_VERIFY: (VerifySeat, InsertionPhase.PHASE_VERIFY),
    HandleConnector.Goal.TASK_UNPLUG: (Unplug, InsertionPhase.PHASE_RETREAT),
}


def procedure_of(task: int, profile: ConnectorProfile, settings: InsertionSettings) -> tuple[Handling, int]:
    """Return what does a task of `handle_connector`, and the phase of the skill meanwhile.

    Raises:
        UnknownTaskError: There is no such task (code 423).
    """
    if task not in _TASKS:
        raise UnknownTaskError(
            f"task {task} is not known; {', '.join(map(str, _TASKS))} are", quantity="task", value=task
        )
    procedure, phase = _TASKS[task]
    return procedure(profile, settings), phase


def fill_handling(answer: Any, result: HandlingResult) -> None:
    """Write into the result of `handle_connector` what came of it."""
    answer.attempts, answer.reason = 1, result.reason
    answer.moved, answer.peak_force = float(result.moved_m), float(result.peak_force_n)
    answer.duration = Duration(seconds=result.duration_s).to_msg()


class HandlingTeller:
    """Sends the set-points of a procedure, and tells the client of the action how far it is."""

    def __init__(self, goal: RunningGoal, phase: InsertionPhase, send: Callable[[ComplianceCommand], None]) -> None:
        """Tell nothing yet.

        Args:
            goal: Gets the feedback.
            phase: Of the skill meanwhile.
            send: Sends a set-point.
        """
        self._goal, self._phase, self._send = goal, phase, send
        self._doing, self._told_s = "", 0.0

    def take(self, run: HandlingRun, out: HandlingStep, wrench: Any) -> None:
        """Take a step; in the executor's thread, once per control tick that was heard."""
        self._send(out.command)
        now_s = time.monotonic()
        if out.doing != self._doing or now_s - self._told_s > _FEEDBACK_PERIOD_S:
            self._doing, self._told_s = out.doing, now_s
            told = HandleConnector.Feedback(phase=self._phase, doing=out.doing, depth=run.depth_m, wrench=wrench)
            self._goal.publish_feedback(told)
