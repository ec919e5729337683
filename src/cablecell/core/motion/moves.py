"""The moves of the cell, from a wish to a checked trajectory: to joints, to a pose, along lines and arcs."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cablecell.core.errors import WorkcellError
from cablecell.core.motion.collision import RobotGeometry
from cablecell.core.motion.errors import PathCollisionError, StartInCollisionError
from cablecell.core.motion.ik import IkSolver, make_ik
from cablecell.core.motion.model import RobotModel
from cablecell.core.motion.planner import PlannerSettings, RrtConnectPlanner
from cablecell.core.motion.scene import Scene
from cablecell.core.motion.timing import LineLimits, time_joint_path, time_tool_path
from cablecell.core.motion.tool_path import ArcPath, BlendedPath, LinePath, ToolPath
from cablecell.core.motion.trajectory import MotionLimits, Trajectory, check_trajectory

Array = NDArray[np.float64]

_RECHECKED_SHARE = 0.9
"""Share of the margin that a timed path keeps between the configurations it was checked at."""

_SAMPLE_S = 0.002
"""Period at which a timed trajectory is looked at, that of a controller."""


@dataclass(frozen=True, eq=False)
class ToolGoal:
    """Where one line or arc of a sequence ends.

    Attributes:
        X_base_tip: Pose of the tool, shape (4, 4).
        via_m: A point of the arc that leads there, in `base_link`; None for a straight line.
    """

    X_base_tip: Array
    via_m: tuple[float, float, float] | None = None


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
        tip_frame: str = "tcp",
    ) -> Trajectory:
        """Return a straight line of the tool to a pose, checked at every sample.

        Raises:
            StartInCollisionError: The start does not keep the margin.
            PathCollisionError: A later configuration does not; the message names the bodies and how far along.
            WorkcellError: Family 100, as the timing raises it.
        """
        X_start = self.model.fk(self.model.check_joint_limits(q_start), tip_frame)
        return self._along(q_start, LinePath(X_start, X_base_tip), line, scene, margin_m, tip_frame)

    def move_circular(
        self,
        q_start: ArrayLike,
        via_m: ArrayLike,
        X_base_tip: ArrayLike,
        line: LineLimits,
        scene: Scene,
        margin_m: float,
        *,
        tip_frame: str = "tcp",
    ) -> Trajectory:
        """Return a circular arc of the tool through a point, in `base_link`, to a pose, checked at every sample.

        Raises:
            PathGeometryError: The three points make no circle.
            WorkcellError: As `move_linear` raises it.
        """
        X_start = self.model.fk(self.model.check_joint_limits(q_start), tip_frame)
        return self._along(q_start, ArcPath(X_start, via_m, X_base_tip), line, scene, margin_m, tip_frame)

    def move_sequence(
        self,
        q_start: ArrayLike,
        goals: Sequence[ToolGoal],
        line: LineLimits,
        scene: Scene,
        margin_m: float,
        *,
        blend_radius_m: float = 0.0,
        tip_frame: str = "tcp",
    ) -> Trajectory:
        """Return lines and arcs of the tool one after the other, without a stop at the corners they round.

        Args:
            q_start: Present positions, rad.
            goals: Where each ends; at least one.
            line: Limits of the tool.
            scene: What must not be touched.
            margin_m: Smallest distance to keep, m.
            blend_radius_m: How far from a corner its rounding begins, m; at 0 the tool rests at every corner.
            tip_frame: Frame of the tool.

        Raises:
            PathGeometryError: There is no goal, or an arc has no shape.
            WorkcellError: As `move_linear` raises it.
        """
        X = self.model.fk(self.model.check_joint_limits(q_start), tip_frame)
        paths: list[ToolPath] = []
        for goal in goals:
            paths.append(
                LinePath(X, goal.X_base_tip) if goal.via_m is None else ArcPath(X, goal.via_m, goal.X_base_tip)
            )
            X = np.asarray(goal.X_base_tip, dtype=float)
        if blend_radius_m != 0.0 or not paths:
            blended = BlendedPath(paths, blend_radius_m)
            return self._along(q_start, blended, line, scene, margin_m, tip_frame)
        whole = self._along(q_start, paths[0], line, scene, margin_m, tip_frame)
        for path in paths[1:]:
            whole = whole.then(self._along(whole.goal, path, line, scene, margin_m, tip_frame))
        return whole

    def _along(
        self, q_start: ArrayLike, path: ToolPath, line: LineLimits, scene: Scene, margin_m: float, tip_frame: str
    ) -> Trajectory:
        trajectory = time_tool_path(self.ik(tip_frame), q_start, path, line, self.limits)
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
