"""Faults of kinematics (100) and planning (200)."""

from __future__ import annotations

from cablecell.core.errors import WorkcellError


class KinematicsError(WorkcellError):
    """A fault of kinematics that has no class of its own."""

    code = 100


class NoIkSolutionError(KinematicsError):
    """No joint configuration within the limits reaches the pose."""

    code = 101


class JointLimitError(KinematicsError):
    """A joint position is outside its limits or not a finite number."""

    code = 102


class UnknownFrameError(KinematicsError):
    """The robot model has no frame of this name."""

    code = 103


class SingularityError(KinematicsError):
    """A straight move runs into a singularity or the end of its IK branch."""

    code = 104


class RobotModelError(KinematicsError):
    """The description is not of an arm this package can compute."""

    code = 105


class PlanningError(WorkcellError):
    """A fault of planning that has no class of its own."""

    code = 200


class StartInCollisionError(PlanningError):
    """The arm stands in collision, or closer than the margin, before it moves."""

    code = 201


class GoalInCollisionError(PlanningError):
    """Every goal configuration is in collision or closer than the margin."""

    code = 202


class NoPlanError(PlanningError):
    """No collision-free path was found within the budget."""

    code = 203


class PathCollisionError(PlanningError):
    """A prescribed path, such as a straight line, is in collision or closer than the margin."""

    code = 204


class LimitsExceededError(PlanningError):
    """A trajectory exceeds a limit of velocity, acceleration, jerk or position."""

    code = 205


class PlannerFaultError(PlanningError):
    """A planner returned a path that breaks its contract; the path was thrown away."""

    code = 206


class PathGeometryError(PlanningError):
    """A prescribed path of the tool has no shape, such as an arc through three points on a line."""

    code = 207
