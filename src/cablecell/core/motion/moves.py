"""The moves of the cell, from a wish to a checked trajectory: to joints, to a pose, along lines and arcs."""

from __future__ import annotations

import contextlib
import itertools
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
from cablecell.core.motion.sequence import Group, JointGoal, SequenceGoal, Tip, check_sequence, grouped, joined
from cablecell.core.motion.timing import LineLimits, time_joint_path, time_tool_path
from cablecell.core.motion.tool_path import ArcPath, LinePath, ToolPath
from cablecell.core.motion.trajectory import MotionLimits, Trajectory, check_trajectory

Array = NDArray[np.float64]

_RECHECKED_SHARE = 0.9
"""Share of the margin that a timed path keeps between the configurations it was checked at."""

_SAMPLE_S = 0.002
"""Period at which a timed trajectory is looked at, that of a controller."""

_BLEND_SHARES = (1.0, 0.5, 0.25, 0.0)
"""Shares of the wanted blend radii that are tried, until what is cut off a corner is free."""

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
        speed_scale: float = 1.0,
    ) -> Trajectory:
        """Return the straight joint line to the first of several goals that has a free one.

        Raises:
            ValueError: There is no goal.
            StartInCollisionError: The start does not keep the margin.
            PathCollisionError: No goal has a free line; told of the first.
            WorkcellError: Family 100 or a limit, as the timing raises it.
        """
        if len(q_goals) == 0:
            raise ValueError("a joint line needs at least one goal configuration")
        start, limits = self.model.check_joint_limits(q_start), self.limits.scaled(speed_scale)
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
        goals: Sequence[SequenceGoal],
        line: LineLimits,
        scene: Scene,
        margin_m: float,
        *,
        tip: Tip = _TCP,
        speed_scale: float = 1.0,
    ) -> Trajectory:
        """Return lines and arcs of the tip and joint lines one after the other, blended where a goal has a radius.

        Between joint lines the arm goes round the corner at the speed that its bend allows; between lines and arcs at
        constant speed of the tip. Where that is slower than to slow down at the corner, and where a joint line meets a
        line or arc, the two timed motions are blended. Either way the tip leaves its goals by no more than their radii.
        Where what is cut off a corner is not free, all radii are halved, twice, and then left out.

        Args:
            q_start: Present positions, rad.
            goals: Where each ends; at least one, the last without a radius.
            line: Limits of the tip along lines and arcs.
            scene: What must not be touched.
            margin_m: Smallest distance to keep, m.
            tip: What lines and arcs lead along, and what radii are about.
            speed_scale: Factor on the limits of velocity and acceleration of joint lines, in (0, 1].

        Raises:
            PathGeometryError: There is no goal, the last one has a radius, or an arc has no shape.
            WorkcellError: As `move_linear` and `move_joint_line` raise it.
        """
        check_sequence(goals)
        start = self.model.check_joint_limits(q_start)
        is_blended = any(goal.blend_radius_m != 0.0 for goal in goals)
        for share in _BLEND_SHARES if is_blended else (0.0,):
            pieces, q = [], start
            groups = grouped(goals, share)
            for group in groups:
                if isinstance(group.goals[0], JointGoal):
                    points = [q]
                    for goal in group.goals:
                        q_goals = self._candidates(goal, points[-1], tip)
                        one = self.move_joint_line(points[-1], q_goals, scene, margin_m, speed_scale=speed_scale)
                        points.append(one.goal)
                    piece = self._joint_group(points, group.radii_m, tip, speed_scale)
                else:
                    piece = self._tool_group(q, group, line, tip)
                pieces.append(piece)
                q = piece.goal
            whole = self._joined(pieces, [group.radius_m for group in groups[:-1]], tip)
            try:
                self.check_free(whole, scene, margin_m)
            except PathCollisionError:
                if share == 0.0:
                    raise
                continue
            return whole
        raise AssertionError("the last share returns or raises")

    def _joint_group(
        self, points: Sequence[Array], radii_m: Sequence[float], tip: Tip, speed_scale: float
    ) -> Trajectory:
        """Return joint lines in one motion: the faster of going round the corners and of slowing down at them."""
        limits, names, where = self.limits.scaled(speed_scale), self.model.joint_names, self._tip_position(tip)
        pieces = [time_joint_path(pair, limits, names) for pair in itertools.pairwise(points)]
        if len(pieces) == 1:
            return pieces[0]
        rounded = time_rounded_joint_path(points, radii_m, limits, names, where)
        return min(rounded, joined(pieces, radii_m, limits, where), key=lambda motion: motion.duration_s)

    def _tool_group(self, q_start: Array, group: Group, line: LineLimits, tip: Tip) -> Trajectory:
        """Return lines and arcs in one motion, at constant speed of the tip unless that is slower than to slow down."""
        pieces, q = [], q_start
        for path in group.paths(self._tip_pose(q_start, tip)):
            pieces.append(time_tool_path(self.ik(tip.frame), q, tip.path_of_frame(path), line, self.limits))
            q = pieces[-1].goal
        if len(pieces) == 1:
            return pieces[0]
        slowing = self._joined(pieces, group.radii_m, tip)
        rounded = tip.path_of_frame(group.rounded(self._tip_pose(q_start, tip)))
        with contextlib.suppress(SingularityError):  # at constant speed a tight corner may be too much for a joint
            steady = time_tool_path(self.ik(tip.frame), q_start, rounded, line, self.limits)
            if steady.duration_s <= slowing.duration_s:
                return steady
        return slowing

    def _joined(self, pieces: Sequence[Trajectory], radii_m: Sequence[float], tip: Tip) -> Trajectory:
        return joined(pieces, radii_m, self.limits, self._tip_position(tip))

    def _candidates(self, goal: SequenceGoal, q: Array, tip: Tip) -> Sequence[ArrayLike]:
        assert isinstance(goal, JointGoal)
        if goal.X_base_tip is None:
            return goal.q
        X, ik = tip.to_frame(goal.X_base_tip), self.ik(tip.frame)
        return ik.solve_all(X, q) or [ik.solve(X, q)]

    def _tip_position(self, tip: Tip) -> Callable[[Array], Array]:
        return lambda q: self._tip_pose(q, tip)[:3, 3]

    def _tip_pose(self, q: ArrayLike, tip: Tip) -> Array:
        return tip.of_frame(self.model.fk(self.model.check_joint_limits(q), tip.frame))

    def _along(
        self, q_start: ArrayLike, path: ToolPath, line: LineLimits, scene: Scene, margin_m: float, tip: Tip
    ) -> Trajectory:
        trajectory = time_tool_path(self.ik(tip.frame), q_start, tip.path_of_frame(path), line, self.limits)
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
