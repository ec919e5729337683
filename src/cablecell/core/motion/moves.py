"""The moves of the cell, from a wish to a checked trajectory: to joints, to a pose, along lines and arcs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cablecell.core.errors import WorkcellError
from cablecell.core.motion.collision import RobotGeometry
from cablecell.core.motion.errors import PathCollisionError, SingularityError, StartInCollisionError
from cablecell.core.motion.ik import IkSolver, make_ik
from cablecell.core.motion.joint_blend import time_rounded_joint_path
from cablecell.core.motion.model import RobotModel
from cablecell.core.motion.planner import PlannerSettings, RrtConnectPlanner
from cablecell.core.motion.scene import Scene
from cablecell.core.motion.sequence import (
    Group,
    JointGoal,
    LaterGoal,
    Leg,
    SequenceGoal,
    Tip,
    ToolGoal,
    about_goal,
    check_sequence,
    grouped,
    joined,
    led_to,
)
from cablecell.core.motion.timing import LineLimits, time_joint_path, time_tool_path
from cablecell.core.motion.tool_path import ArcPath, LinePath, ToolPath
from cablecell.core.motion.trajectory import MotionLimits, Trajectory, check_trajectory

Array = NDArray[np.float64]

_RECHECKED_SHARE = 0.9
"""Share of the margin that a timed path keeps between the configurations it was checked at."""

_SAMPLE_S = 0.002
"""Period at which a timed trajectory is looked at, that of a controller."""

_BLEND_SHARES = (1.0, 0.5, 0.25)
"""Shares of the wanted blend radii that are tried, until what is cut off a corner is free."""

_LIMITS = ("velocity", "acceleration", "jerk")

_TCP = Tip()


class MovePlanner:
    """Plans, times and checks moves of one arm.

    The object holds working memory: one per thread.

    Attributes:
        model: The arm.
        limits: What moves may use of the joints.
        planner: Finds the joint paths.
    """

    def __init__(
        self,
        model: RobotModel,
        limits: MotionLimits,
        *,
        geometry: RobotGeometry | None = None,
        settings: PlannerSettings | None = None,
    ) -> None:
        """Prepare a planner; without a geometry the model is sampled, which takes about a quarter of a second.

        Raises:
            ValueError: A velocity limit is above the description's.
        """
        too_fast = np.flatnonzero(limits.velocity > model.limits.velocity + 1e-9)
        if too_fast.size:
            i = int(too_fast[0])
            raise ValueError(
                f"velocity limit of {model.joint_names[i]} is {limits.velocity[i]:.3f} rad/s; "
                f"the description allows {model.limits.velocity[i]:.3f} rad/s"
            )
        self.model = model
        self.limits = limits
        self._settings = settings or PlannerSettings()
        self.planner = RrtConnectPlanner(geometry or RobotGeometry(model), self._settings)
        self._ik: dict[str, IkSolver] = {}

    def warm_up(self) -> None:
        """Compile the kernels, or load them compiled, so that the first real plan is as fast as the others."""
        middle = 0.5 * (self.model.limits.lower + self.model.limits.upper)
        X = self.model.fk(middle, self._settings.retreat_frame)
        self.ik(self._settings.retreat_frame).solve_all(X, middle)
        self.planner.warm_up(middle)
        nearby = middle + 1e-3
        check_trajectory(
            time_joint_path([middle, nearby], self.limits, self.model.joint_names),
            self.limits,
            self.model.limits.lower,
            self.model.limits.upper,
        )
        path = LinePath(X, self.model.fk(nearby, self._settings.retreat_frame))
        with contextlib.suppress(WorkcellError):  # whether that line can be followed is of no interest
            time_tool_path(self.ik(self._settings.retreat_frame), middle, path, LineLimits(0.1, 1.0, 10.0), self.limits)

    def ik(self, tip_frame: str) -> IkSolver:
        """Return the inverse kinematics of a frame, made on first use."""
        if tip_frame not in self._ik:
            self._ik[tip_frame] = make_ik(self.model, tip_frame)
        return self._ik[tip_frame]

    def move_to_joints(
        self, q_start: ArrayLike, q_goal: ArrayLike, scene: Scene, margin_m: float, *, speed_scale: float = 1.0
    ) -> Trajectory:
        """Return a collision-free trajectory to joint positions.

        Args:
            q_start: Present positions, rad.
            q_goal: Wanted positions, rad.
            scene: What must not be touched.
            margin_m: Smallest distance to keep, m.
            speed_scale: Factor on the limits of velocity and acceleration, in (0, 1].

        Raises:
            WorkcellError: Families 100 and 200, as the planner raises them.
        """
        path = self.planner.plan(q_start, [q_goal], scene, margin_m)
        return self._time(path.waypoints, speed_scale, scene, margin_m)

    def move_to_pose(
        self,
        q_start: ArrayLike,
        X_base_tip: ArrayLike,
        scene: Scene,
        margin_m: float,
        *,
        tip_frame: str = "tcp",
        speed_scale: float = 1.0,
    ) -> Trajectory:
        """Return a collision-free trajectory to a pose, on the nearest branch of the arm that can be reached.

        Raises:
            NoIkSolutionError: No configuration reaches the pose.
            WorkcellError: Families 100 and 200, as the planner raises them.
        """
        ik = self.ik(tip_frame)
        # Where there is no solution, `solve` is asked for the reason, which it raises.
        goals = ik.solve_all(X_base_tip, q_start) or [ik.solve(X_base_tip, q_start)]
        path = self.planner.plan(q_start, goals, scene, margin_m)
        return self._time(path.waypoints, speed_scale, scene, margin_m)

    def move_linear(
        self,
        q_start: ArrayLike,
        X_base_tip: ArrayLike,
        line: LineLimits,
        scene: Scene,
        margin_m: float,
        *,
        tip: Tip = _TCP,
    ) -> Trajectory:
        """Return a straight line of the tip to a pose, checked at every sample.

        Raises:
            StartInCollisionError: The start does not keep the margin.
            PathCollisionError: A later configuration does not; the message names the bodies and how far along.
            WorkcellError: Family 100, as the timing raises it.
        """
        return self._along(q_start, LinePath(self._tip_pose(q_start, tip), X_base_tip), line, scene, margin_m, tip)

    def move_circular(
        self,
        q_start: ArrayLike,
        via_m: ArrayLike,
        X_base_tip: ArrayLike,
        line: LineLimits,
        scene: Scene,
        margin_m: float,
        *,
        tip: Tip = _TCP,
    ) -> Trajectory:
        """Return a circular arc of the tip through a point, in `base_link`, to a pose, checked at every sample.

        Raises:
            PathGeometryError: The three points make no circle.
            WorkcellError: As `move_linear` raises it.
        """
        path = ArcPath(self._tip_pose(q_start, tip), via_m, X_base_tip)
        return self._along(q_start, path, line, scene, margin_m, tip)

    def move_joint_line(
        self,
        q_start: ArrayLike,
        q_goals: Sequence[ArrayLike],
        scene: Scene,
        margin_m: float,
        *,
        limits: MotionLimits | None = None,
    ) -> Trajectory:
        """Return the straight joint line to the first of several goals that has a free one.

        Args:
            q_start: Present positions, rad.
            q_goals: Wanted positions, rad.
            scene: What must not be touched.
            margin_m: Smallest distance to keep, m.
            limits: Of the joints; those of the planner where they are not given.

        Raises:
            ValueError: There is no goal.
            StartInCollisionError: The start does not keep the margin.
            PathCollisionError: No goal has a free line; told of the first.
            WorkcellError: Family 100 or a limit, as the timing raises it.
        """
        if len(q_goals) == 0:
            raise ValueError("a joint line needs at least one goal configuration")
        start, limits = self.model.check_joint_limits(q_start), limits or self.limits
        first_problem: PathCollisionError | None = None
        for goal in q_goals:
            end = self.model.check_joint_limits(goal)
            trajectory = time_joint_path(np.array([start, end]), limits, self.model.joint_names)
            check_trajectory(trajectory, limits, self.model.limits.lower, self.model.limits.upper)
            try:
                self.check_free(trajectory, scene, margin_m)
            except PathCollisionError as error:
                first_problem = first_problem or error
                continue
            return trajectory
        assert first_problem is not None
        raise first_problem

    def move_sequence(
        self,
        q_start: ArrayLike,
        goals: Sequence[SequenceGoal | LaterGoal],
        line: LineLimits,
        scene: Scene,
        margin_m: float,
        *,
        tip: Tip = _TCP,
    ) -> Trajectory:
        """Return lines and arcs of the tip and joint lines one after the other, blended where a goal has a radius.

        Between joint lines the arm goes round the corner at the speed that its bend allows; between lines and arcs at
        constant speed of the tip. Where that is slower than to slow down at the corner, where a joint line meets a
        line or arc, and where the pace changes, the two timed motions are blended, within the limits of the fastest
        motion. Either way the tip leaves its goals by no more than their radii.
        Each motion by itself has to be free. Where what is cut off a corner is not, all radii are halved, twice, and
        then left out.

        Args:
            q_start: Present positions, rad.
            goals: Where each ends; at least one, the last without a radius.
            line: Limits of the tip along lines and arcs.
            scene: What must not be touched.
            margin_m: Smallest distance to keep, m.
            tip: What lines and arcs lead along, and what radii are about.

        Raises:
            PathGeometryError: There is no goal, the last one has a radius, or an arc has no shape.
            WorkcellError: As `move_linear` and `move_joint_line` raise it; the message says which goal it is about.
        """
        legs: list[Leg] = []
        q = self.model.check_joint_limits(q_start)
        for number, wanted in enumerate(goals, 1):
            with about_goal(number, len(goals)):
                legs.append(self._leg(q, wanted(q) if callable(wanted) else wanted, line, scene, margin_m, tip))
            q = legs[-1].motion.goal
        check_sequence([leg.goal for leg in legs])
        highest = MotionLimits(
            *(np.max([getattr(leg.limits, name) for leg in legs], axis=0) for name in _LIMITS)  # of each joint
        )
        tip_position = self._tip_position(tip)
        is_blended = any(leg.goal.blend_radius_m != 0.0 for leg in legs)
        for share in _BLEND_SHARES if is_blended else ():
            groups = grouped(legs, share)
            pieces = [self._group_motion(group, line, tip) for group in groups]
            whole = joined(pieces, [group.radius_m for group in groups[:-1]], highest, tip_position)
            with contextlib.suppress(PathCollisionError):
                self.check_free(whole, scene, margin_m)
                return whole
        return joined([leg.motion for leg in legs], [0.0] * (len(legs) - 1), highest, tip_position)

    def _leg(
        self, q_start: Array, goal: SequenceGoal, line: LineLimits, scene: Scene, margin_m: float, tip: Tip
    ) -> Leg:
        limits = self.limits.scaled(goal.velocity_scale, goal.acceleration_scale)
        X_start = self._tip_pose(q_start, tip)
        if isinstance(goal, ToolGoal):
            path, pace = goal.path(X_start), line.scaled(goal.velocity_scale, goal.acceleration_scale)
            motion = self._along(q_start, path, pace, scene, margin_m, tip, limits)
        else:
            candidates = self._candidates(goal, q_start, tip)
            motion = self.move_joint_line(q_start, candidates, scene, margin_m, limits=limits)
        return Leg(goal, X_start, motion, limits)

    def _group_motion(self, group: Group, line: LineLimits, tip: Tip) -> Trajectory:
        """Return legs in one motion: the faster of going round the corners and of slowing down at them."""
        pieces, limits, where = [leg.motion for leg in group.legs], group.limits, self._tip_position(tip)
        if len(pieces) == 1:
            return pieces[0]
        slowing = joined(pieces, group.radii_m, limits, where)
        goal, q_start = group.legs[0].goal, pieces[0].start
        if isinstance(goal, JointGoal):
            points = [q_start] + [piece.goal for piece in pieces]
            rounded = time_rounded_joint_path(points, group.radii_m, limits, self.model.joint_names, where)
            return min(rounded, slowing, key=lambda motion: motion.duration_s)
        # At constant speed of the tip, which may be too much for a joint in a tight corner.
        with contextlib.suppress(SingularityError):
            path, pace = tip.path_of_frame(group.rounded()), line.scaled(goal.velocity_scale, goal.acceleration_scale)
            steady = led_to(time_tool_path(self.ik(tip.frame), q_start, path, pace, limits), slowing.goal)
            if steady is not None and steady.duration_s <= slowing.duration_s:
                return steady
        return slowing

    def _candidates(self, goal: JointGoal, q: Array, tip: Tip) -> Sequence[ArrayLike]:
        if goal.X_base_tip is None:
            return goal.q
        X, ik = tip.to_frame(goal.X_base_tip), self.ik(tip.frame)
        return ik.solve_all(X, q) or [ik.solve(X, q)]

    def _tip_position(self, tip: Tip) -> Callable[[Array], Array]:
        return lambda q: self._tip_pose(q, tip)[:3, 3]

    def _tip_pose(self, q: ArrayLike, tip: Tip) -> Array:
        return tip.of_frame(self.model.fk(self.model.check_joint_limits(q), tip.frame))

    def _along(
        self,
        q_start: ArrayLike,
        path: ToolPath,
        line: LineLimits,
        scene: Scene,
        margin_m: float,
        tip: Tip,
        limits: MotionLimits | None = None,
    ) -> Trajectory:
        trajectory = time_tool_path(self.ik(tip.frame), q_start, tip.path_of_frame(path), line, limits or self.limits)
        self.check_free(trajectory, scene, margin_m)
        return trajectory

    def check_free(self, trajectory: Trajectory, scene: Scene, margin_m: float, *, margin_share: float = 1.0) -> None:
        """Check a timed trajectory for collision in steps of at most the planner's final resolution.

        Args:
            trajectory: What is to be run.
            scene: What must not be touched.
            margin_m: Smallest distance to keep, m.
            margin_share: Share of it that this check insists on.

        Raises:
            StartInCollisionError: Its start does not keep the margin.
            PathCollisionError: A later configuration does not.
        """
        times, samples = trajectory.sample_every(_SAMPLE_S)[:2]
        found = self.planner.compiled(scene, margin_m).first_collision(
            samples, self._settings.final_resolution_rad, margin_share
        )
        if found is None:
            return
        reason = self.planner.checker(scene, margin_m).describe(samples[found])
        if found == 0:
            raise StartInCollisionError(
                f"the start is in collision: {reason}", quantity="start", value=reason, limit=margin_m, unit="m"
            )
        raise PathCollisionError(
            f"the path is in collision after {times[found]:.3f} s of {trajectory.duration_s:.3f} s: {reason}",
            quantity="time_s",
            value=float(times[found]),
            limit=margin_m,
            unit="m",
        )

    def _time(self, waypoints: Array, speed_scale: float, scene: Scene, margin_m: float) -> Trajectory:
        limits = self.limits.scaled(speed_scale)
        trajectory = time_joint_path(waypoints, limits, self.model.joint_names)
        check_trajectory(trajectory, limits, self.model.limits.lower, self.model.limits.upper)
        # The samples lie between the configurations the path was checked at, where it may graze the margin.
        self.check_free(trajectory, scene, margin_m, margin_share=_RECHECKED_SHARE)
        return trajectory
