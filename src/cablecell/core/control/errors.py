"""Faults of execution, codes 300 to 399: what a controller refuses and why it gives up."""

from __future__ import annotations

from cablecell.core.errors import WorkcellError


class ExecutionError(WorkcellError):
    """A fault of execution that has no class of its own."""

    code = 300


class NonFiniteCommandError(ExecutionError):
    """A command holds NaN or infinity; nothing was changed."""

    code = 301


class BadQuaternionError(ExecutionError):
    """A commanded orientation is not a unit quaternion; nothing was changed."""

    code = 302


class BadGainsError(ExecutionError):
    """Stiffness, damping or feedback gains are outside what is stable or defined; nothing was changed."""

    code = 303


class StaleCommandError(ExecutionError):
    """A command is older than the limit, or older than one that was accepted before; nothing was changed."""

    code = 304


class FutureCommandError(ExecutionError):
    """A command is stamped ahead of the controller's clock by more than the limit; nothing was changed."""

    code = 305


class UnknownFrameError(ExecutionError):
    """A command is expressed in a frame the controller does not take; nothing was changed."""

    code = 306


class CommandModeError(ExecutionError):
    """A command has no valid trajectory mode, or does not fit the active target mode; nothing was changed."""

    code = 307


class CommandSizeError(ExecutionError):
    """A command has a vector of the wrong length; nothing was changed."""

    code = 308


class TrajectoryRejectedError(ExecutionError):
    """A joint trajectory breaks a rule or a limit; nothing was changed and nothing moved."""

    code = 309


class PathToleranceError(ExecutionError):
    """The arm left the path of its trajectory by more than the tolerance; it was stopped."""

    code = 310


class GoalToleranceError(ExecutionError):
    """The arm did not settle at the end of its trajectory in time."""

    code = 311


class ContactForceError(ExecutionError):
    """The measured contact force is above the limit of the controller; the arm was stopped."""

    code = 312


class CommandTimeoutError(ExecutionError):
    """No fresh command arrived for longer than the limit; the arm was stopped."""

    code = 313


class FollowingError(ExecutionError):
    """The arm is not where it was told to be: it does not take commands, or something holds or moves it."""

    code = 319


class CollisionError(ExecutionError):
    """Something pushes the arm that neither its motion nor the force sensor explains; the arm was stopped."""

    code = 320


class CommandRangeError(ExecutionError):
    """A command asks for more than any arm does, or for a place out of its workspace; nothing was changed."""

    code = 321


class SensorFaultError(ExecutionError):
    """The force sensor reports what is no number; the arm was stopped, and what it feels is not used."""

    code = 322
