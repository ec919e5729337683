"""Moves one after the other: where each ends, what is led along, and how they become one motion."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cablecell.core.errors import WorkcellError
from cablecell.core.geometry import invert_pose
from cablecell.core.motion.blend import blend
from cablecell.core.motion.errors import PathGeometryError
from cablecell.core.motion.tool_path import ArcPath, BlendedPath, CarriedPath, LinePath, ToolPath
from cablecell.core.motion.trajectory import MotionLimits, Trajectory

Array = NDArray[np.float64]

_SAME_RAD = 1e-6
"""Two solutions for one pose that differ by less are of one branch."""


@dataclass(frozen=True, eq=False)
class ToolGoal:
    """Where one line or arc of a sequence ends.

    Attributes:
        X_base_tip: Pose of the tip, shape (4, 4).
        via_m: A point of the arc that leads there, in `base_link`; None for a straight line.
        blend_radius_m: How far from the goal the way may leave it for the next one, m; at 0 the arm rests there.
        velocity_scale: Share of the limits of velocity, of tip and joints, in (0, 1].
        acceleration_scale: Share of those of acceleration and jerk, in (0, 1].
    """

    X_base_tip: Array
    via_m: tuple[float, float, float] | None = None
    blend_radius_m: float = 0.0
    velocity_scale: float = 1.0
    acceleration_scale: float = 1.0

    def path(self, X_start: Array) -> ToolPath:
        """Return the way of the tip from a pose to this one."""
        if self.via_m is None:
            return LinePath(X_start, self.X_base_tip)
        return ArcPath(X_start, self.via_m, self.X_base_tip)


@dataclass(frozen=True, eq=False)
class JointGoal:
    """Where one straight joint line of a sequence ends: at the first of several configurations that has a free one.

    Attributes:
        q: Configurations, rad, the best first; at least one unless there is a pose.
        X_base_tip: Pose of the tip, shape (4, 4), whose solutions are tried, those nearest to where the line begins
            first; None where configurations are given.
        blend_radius_m: How far from the goal the way may leave it for the next one, m; at 0 the arm rests there.
        velocity_scale: Share of the limits of velocity, in (0, 1].
        acceleration_scale: Share of those of acceleration and jerk, in (0, 1].
    """

    q: Sequence[ArrayLike] = ()
    X_base_tip: Array | None = None
    blend_radius_m: float = 0.0
    velocity_scale: float = 1.0
    acceleration_scale: float = 1.0

    def __post_init__(self) -> None:
        if (len(self.q) > 0) == (self.X_base_tip is not None):
            raise ValueError("a joint goal has either configurations or a pose")


SequenceGoal = ToolGoal | JointGoal

LaterGoal = Callable[[Array], SequenceGoal]
"""A goal that depends on the joint positions its motion begins at, as one relative to where the tip is then."""


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
class Leg:
    """One motion of a sequence as it is by itself.

    Attributes:
        goal: Where it ends.
        X_start: Pose of the tip where it begins.
        motion: At rest at both ends.
        limits: What it may use of the joints.
    """

    goal: SequenceGoal
    X_start: Array
    motion: Trajectory
    limits: MotionLimits


@dataclass(frozen=True, eq=False)
class Group:
    """Legs of one kind and pace that are run in one motion, with rounded corners.

    Attributes:
        legs: At least one; joint lines, or lines and arcs.
        radii_m: Of the corners between them.
        radius_m: Of the corner after the last of them.
    """

    legs: Sequence[Leg]
    radii_m: Sequence[float]
    radius_m: float

    @property
    def limits(self) -> MotionLimits:
        """What it may use of the joints."""
        return self.legs[0].limits

    def rounded(self) -> ToolPath:
        """Return the way of the tip along lines and arcs, with rounded corners."""
        paths = [leg.goal.path(leg.X_start) for leg in self.legs if isinstance(leg.goal, ToolGoal)]
        return BlendedPath(paths, self.radii_m)


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


@contextlib.contextmanager
def about_goal(number: int, count: int) -> Iterator[None]:
    """Put in front of what is raised which goal of how many it is about; nothing where there is one."""
    try:
        yield
    except WorkcellError as error:
        if count > 1:
            error.args = (f"goal {number} of {count}: {error}",)
        raise


def grouped(legs: Sequence[Leg], share: float) -> list[Group]:
    """Return the legs in groups, with a share of their radii."""
    groups: list[Group] = []
    begin = 0
    for k, leg in enumerate(legs):
        goes_on = leg.goal.blend_radius_m * share != 0.0 and k + 1 < len(legs) and _go_together(leg, legs[k + 1])
        if not goes_on:
            radii = [share * one.goal.blend_radius_m for one in legs[begin : k + 1]]
            groups.append(Group(legs[begin : k + 1], radii[:-1], radii[-1]))
            begin = k + 1
    return groups


def _go_together(leg: Leg, other: Leg) -> bool:
    a, b = leg.goal, other.goal
    is_same_pace = (a.velocity_scale, a.acceleration_scale) == (b.velocity_scale, b.acceleration_scale)
    return is_same_pace and isinstance(b, type(a))


def led_to(motion: Trajectory, q_goal: Array) -> Trajectory | None:
    """Return a motion that ends exactly at a configuration next to which it ends; None where that is another one.

    A way that is solved for once more ends within rounding of where it ended before. What is left, of nanoradians, is
    spread over all of the motion, so that it does nothing to the limits.
    """
    offset = q_goal - motion.goal
    if np.abs(offset).max() > _SAME_RAD:
        return None
    h = motion.duration_s
    u = (motion.times_s / h)[:, None]
    return replace(
        motion,
        q=motion.q + offset * u**3 * (10.0 - 15.0 * u + 6.0 * u**2),
        dq=motion.dq + offset * 30.0 * u**2 * (1.0 - u) ** 2 / h,
        ddq=motion.ddq + offset * 60.0 * u * (1.0 - u) * (1.0 - 2.0 * u) / h**2,
    )


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
