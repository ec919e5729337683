"""Faults of a move beside those of the core: what is asked for wrongly (900) and what goes wrong on the way (300)."""

from __future__ import annotations

import re

from cablecell.core.control.errors import (
    ExecutionError,
    GoalToleranceError,
    PathToleranceError,
    TrajectoryRejectedError,
)
from cablecell.core.errors import ConfigurationError, WorkcellError


class NoJointStateError(ExecutionError):
    """The measured joint positions are absent or too old; nothing moved."""

    code = 341


class MoveBusyError(ExecutionError):
    """Another move is running; it goes on, and nothing else was done."""

    code = 342


class NoControllerError(ExecutionError):
    """No controller takes or answers trajectories; nothing moved that was not moving."""

    code = 343


class TrajectoryAbortedError(ExecutionError):
    """The controller gave up a trajectory for a reason that has no class of its own here."""

    code = 344


class MoveTimeoutError(ExecutionError):
    """The time limit of the move is used up; the arm was stopped."""

    code = 345


class MoveCancelledError(ExecutionError):
    """The client cancelled the move, or the node was deactivated meanwhile; the arm was stopped."""

    code = 346


class ArmNotAtRestError(ExecutionError):
    """The arm still moves, so that a move from rest cannot begin."""

    code = 347


class MovePreemptedError(ExecutionError):
    """A newer move took over; the arm was stopped for it."""

    code = 348


class MoveRequestError(ConfigurationError):
    """The target of a move holds a value this planner does not take; nothing was planned."""

    code = 941


_BY_RESULT = {
    -1: TrajectoryRejectedError,
    -2: TrajectoryRejectedError,
    -3: TrajectoryRejectedError,
    -4: PathToleranceError,
    -5: GoalToleranceError,
}
"""Classes by the codes of `control_msgs/action/FollowJointTrajectory`."""


def controller_error(result_code: int, text: str) -> WorkcellError:
    """Return the typed error of an aborted trajectory.

    The cell's own controller begins its text with "code 314: …"; another one has the result code only.
    """
    text = text or f"the controller aborted the trajectory with result {result_code}"
    named = re.match(r"code (\d+): ", text)
    if named is None:
        return _BY_RESULT.get(result_code, TrajectoryAbortedError)(text, quantity="trajectory")
    error = TrajectoryAbortedError(text, quantity="trajectory")
    error.__dict__["code"] = int(named.group(1))  # passed on: the class is the controller's
    return error
