"""Moves one after the other: where each ends, what is led along, and how they become one motion."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cablecell.core.geometry import invert_pose
from cablecell.core.motion.blend import blend
from cablecell.core.motion.errors import PathGeometryError
from cablecell.core.motion.tool_path import ArcPath, BlendedPath, CarriedPath, LinePath, ToolPath
from cablecell.core.motion.trajectory import MotionLimits, Trajectory

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ToolGoal:
    """Where one line or arc of a sequence ends.

    Attributes:
        X_base_tip: Pose of the tip, shape (4, 4).
        via_m: A point of the arc that leads there, in `base_link`; None for a straight line.
        blend_radius_m: How far from the goal the way may leave it for the next one, m; at 0 the arm rests there.
    """

    X_base_tip: Array
    via_m: tuple[float, float, float] | None = None
    blend_radius_m: float = 0.0


@dataclass(frozen=True, eq=False)
class JointGoal:
    """Where one straight joint line of a sequence ends: at the first of several configurations that has a free one.

    Attributes:
        q: Configurations, rad, the best first; at least one unless there is a pose.
        X_base_tip: Pose of the tip, shape (4, 4), whose solutions are tried, those nearest to where the line begins
            first; None where configurations are given.
        blend_radius_m: How far from the goal the way may leave it for the next one, m; at 0 the arm rests there.
    """

    q: Sequence[ArrayLike] = ()
    X_base_tip: Array | None = None
    blend_radius_m: float = 0.0

    def __post_init__(self) -> None:
        if (len(self.q) > 0) == (self.X_base_tip is not None):
            raise ValueError("a joint goal has either configurations or a pose")


SequenceGoal = ToolGoal | JointGoal


@dataclass(frozen=True, eq=False)
class Tip:
    """What a line or an arc leads along.

    Attributes:
        frame: Frame of the robot model.
        X_frame_tip: Pose of the tip in it, shape (4, 4), as where a held plug has its tip; None for the frame itself.
    """

    frame: str = "tcp"
    X_frame_tip: Array | None = None

    def of_frame(self, X_base_frame: Array) -> Array:
        """Return the pose of the tip for that of its frame."""
        return X_base_frame if self.X_frame_tip is None else X_base_frame @ self.X_frame_tip

    def to_frame(self, X_base_tip: Array) -> Array:
        """Return the pose of the frame for that of its tip."""
        return X_base_tip if self.X_frame_tip is None else X_base_tip @ invert_pose(self.X_frame_tip)

    def path_of_frame(self, path: ToolPath) -> ToolPath:
        """Return the way of the frame for that of its tip."""
        return path if self.X_frame_tip is None else CarriedPath(path, self.X_frame_tip)


@dataclass(frozen=True, eq=False)
class Group:
    """Goals that are reached in one motion: joint goals or tool goals whose corners are rounded.

    Attributes:
        goals: At least one.
        radii_m: Of the corners between them.
        radius_m: Of the corner after the last of them.
    """

    goals: Sequence[SequenceGoal]
    radii_m: Sequence[float]
    radius_m: float

    def paths(self, X_start: Array) -> list[ToolPath]:
        """Return the paths of the tip through tool goals, one after the other."""
        paths: list[ToolPath] = []
        X = X_start
        for goal in self.goals:
            assert isinstance(goal, ToolGoal)
            paths.append(
                LinePath(X, goal.X_base_tip) if goal.via_m is None else ArcPath(X, goal.via_m, goal.X_base_tip)
            )
            X = np.asarray(goal.X_base_tip, dtype=float)
        return paths

    def rounded(self, X_start: Array) -> ToolPath:
        """Return them as one, with rounded corners."""
        return BlendedPath(self.paths(X_start), self.radii_m)


def check_sequence(goals: Sequence[SequenceGoal]) -> None:
    """Check that goals can be reached one after the other.

    Raises:
        PathGeometryError: There is none, the last one has a radius, or a radius is negative or not finite.
    """
    radii = [goal.blend_radius_m for goal in goals]
    if not goals or radii[-1] != 0.0 or not all(math.isfinite(radius) and radius >= 0.0 for radius in radii):
        raise PathGeometryError(
            f"a sequence has {len(goals)} goals with the blend radii {radii} m; valid are at least 1 goal, and radii "
            "of at least 0 m, the last of them 0",
            quantity="blend_radius",
            value=radii,
            limit=0.0,
            unit="m",
        )


def grouped(goals: Sequence[SequenceGoal], share: float) -> list[Group]:
    """Return the goals in groups, with a share of their radii."""
    groups: list[Group] = []
    begin = 0
    for k, goal in enumerate(goals):
        goes_on = goal.blend_radius_m * share != 0.0 and k + 1 < len(goals) and isinstance(goals[k + 1], type(goal))
        if not goes_on:
            radii = [share * one.blend_radius_m for one in goals[begin : k + 1]]
            groups.append(Group(goals[begin : k + 1], radii[:-1], radii[-1]))
            begin = k + 1
    return groups


def joined(
    pieces: Sequence[Trajectory], radii_m: Sequence[float], limits: MotionLimits, tip: Callable[[Array], Array]
) -> Trajectory:
    """Return motions as one, blended at every corner that has a radius.

    Args:
        pieces: At least one; each begins where the one before ends.
        radii_m: Of the corners between them.
        limits: Of the joints.
        tip: Returns the position of the tip for joint positions.
    """
    whole = pieces[0]
    for before, after, radius_m in zip(pieces, pieces[1:], radii_m, strict=False):
        if radius_m == 0.0:
            whole = whole.then(after)
        else:
            whole = blend(whole, after, radius_m, 0.5 * min(before.duration_s, after.duration_s), limits, tip)
    return whole
