"""From a `MotionTarget` to a checked trajectory: what is asked for, and how each kind of path is planned."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from cablecell_interfaces.msg import MotionTarget
from numpy.typing import NDArray

from cablecell.core.config.motion_planner import MotionPlannerParameters
from cablecell.core.geometry import invert_pose
from cablecell.core.motion.collision import RobotGeometry
from cablecell.core.motion.errors import NoPlanError, PathCollisionError
from cablecell.core.motion.model import RobotModel
from cablecell.core.motion.moves import MovePlanner
from cablecell.core.motion.planner import PlannerSettings
from cablecell.core.motion.scene import Scene
from cablecell.core.motion.timing import LineLimits, time_joint_path
from cablecell.core.motion.trajectory import MotionLimits, Trajectory, check_trajectory
from cablecell.ros.conversions import pose_to_matrix
from cablecell.ros.planner_errors import MoveRequestError
from cablecell.ros.planner_scene import PlanningScene

Matrix = NDArray[np.float64]

_PATHS = {
    MotionTarget.PATH_PTP: "PATH_PTP",
    MotionTarget.PATH_LIN: "PATH_LIN",
    MotionTarget.PATH_SAMPLED: "PATH_SAMPLED",
}


@dataclass(frozen=True, eq=False)
class MoveRequest:
    """A target, judged and resolved.

    Attributes:
        path: One of the paths of `MotionTarget` that are planned here.
        joints: Wanted positions by joint name, rad; of no meaning when there is a pose.
        X_base_tip: Wanted pose of the tip, or None for a goal in joints.
        tip_frame: Frame of the robot model that is to be there.
        velocity_scale: In (0, 1].
        acceleration_scale: In (0, 1].
    """

    path: int
    joints: Mapping[str, float]
    X_base_tip: Matrix | None
    tip_frame: str
    velocity_scale: float
    acceleration_scale: float


@dataclass(frozen=True, eq=False)
class Plan:
    """What came of planning.

    Attributes:
        trajectory: Free of collision and within the limits.
        attempts: Plans tried, the first included.
    """

    trajectory: Trajectory
    attempts: int


def read_target(target: Any, model: RobotModel, scene: PlanningScene) -> MoveRequest:
    """Return a message as a request.

    Raises:
        MoveRequestError: A field has a value outside what is valid (code 941).
        UnknownFrameError: A frame does not exist (code 103).
        ExecutionError: The pose is not finite or no rotation (codes 301, 302).
    """
    if target.path not in _PATHS:
        valid = ", ".join(f"{number} ({name})" for number, name in _PATHS.items())
        raise _refused("path", target.path, valid)
    for name in ("velocity_scale", "acceleration_scale"):
        value = getattr(target, name)
        if not 0.0 < value <= 1.0:
            raise _refused(name, value, "above 0, at most 1")
    scales = (target.velocity_scale, target.acceleration_scale)
    if target.goal == MotionTarget.GOAL_JOINTS:
        return MoveRequest(target.path, _joints(target, model), None, "tcp", *scales)
    if target.goal != MotionTarget.GOAL_POSE:
        raise _refused("goal", target.goal, "0 (GOAL_JOINTS), 1 (GOAL_POSE)")
    X_base_tip = scene.frame(target.pose.header.frame_id) @ pose_to_matrix("pose", target.pose.pose)
    tip_frame, held = target.tip_frame or "tcp", scene.held
    if held is not None and tip_frame == held.plug:
        # The plug is no part of the model: the pose of the tool that brings its tip there is as good.
        return MoveRequest(target.path, {}, X_base_tip @ invert_pose(held.X_tcp_tip), "tcp", *scales)
    model.frame_id(tip_frame)
    return MoveRequest(target.path, {}, X_base_tip, tip_frame, *scales)


def _joints(target: Any, model: RobotModel) -> dict[str, float]:
    names, positions = list(target.joint_names), list(target.joint_positions)
    if not names or len(names) != len(positions) or len(set(names)) != len(names):
        raise _refused("joint_names", f"{names} with {len(positions)} positions", "each joint once, with a position")
    for name, position in zip(names, positions, strict=True):
        if name not in model.joint_names:
            raise _refused("joint_names", name, ", ".join(model.joint_names))
        if not math.isfinite(position):
            raise _refused(f"joint_positions of {name}", position, "finite")
    return dict(zip(names, positions, strict=True))


def _refused(name: str, value: object, valid: str) -> MoveRequestError:
    return MoveRequestError(f"{name} = {value} is refused; valid: {valid}", quantity=name, value=value, limit=valid)


class MoveMaker:
    """Plans one request after the other; holds working memory, so one thread at a time may use it.

    Attributes:
        model: The arm, for the same thread.
    """

    def __init__(self, model: RobotModel, parameters: MotionPlannerParameters) -> None:
        """Prepare; samples the model, which takes about a quarter of a second."""
        self.model = model
        self._geometry = RobotGeometry(model)
        # What is compiled is compiled now, and not in the first plan.
        MovePlanner(model, MotionLimits.uniform(model.dof, 1.0, 1.0, 1.0), geometry=self._geometry).warm_up()
        self._parameters = parameters
        self._limits = MotionLimits.uniform(
            model.dof,
            velocity=parameters.velocity_rad_per_s,
            acceleration=parameters.acceleration_rad_per_s2,
            jerk=parameters.jerk_rad_per_s3,
        )
        self._line = LineLimits(
            parameters.line_velocity_m_per_s, parameters.line_acceleration_m_per_s2, parameters.line_jerk_m_per_s3
        )

    def plan(self, request: MoveRequest, q_start: Matrix, scene: Scene, budget_s: float) -> Plan:
        """Return a trajectory that is free of collision.

        Args:
            request: What is wanted.
            q_start: Where the arm is, rad.
            scene: What must not be touched.
            budget_s: Time for one attempt of the sampling planner, s.

        Raises:
            WorkcellError: Families 100 and 200.
        """
        attempts = self._parameters.planning_attempts if request.path == MotionTarget.PATH_SAMPLED else 1
        for attempt in range(1, attempts + 1):
            settings = PlannerSettings(
                backend=self._parameters.planner_backend, budget_s=budget_s, seed=self._parameters.seed + attempt - 1
            )
            limits = self._limits.scaled(request.velocity_scale, request.acceleration_scale)
            moves = MovePlanner(self.model, limits, geometry=self._geometry, settings=settings)
            try:
                return Plan(self._plan_once(moves, request, q_start, scene), attempt)
            except NoPlanError:
                if attempt == attempts:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _plan_once(self, moves: MovePlanner, request: MoveRequest, q_start: Matrix, scene: Scene) -> Trajectory:
        margin_m = self._parameters.margin_m
        X, tip = request.X_base_tip, request.tip_frame
        q_goal = q_start.copy()
        for name, position in request.joints.items():
            q_goal[self.model.joint_names.index(name)] = position
        if request.path == MotionTarget.PATH_LIN:
            if X is None:
                X = self.model.fk(self.model.check_joint_limits(q_goal), tip)
            line = LineLimits(
                self._line.velocity * request.velocity_scale,
                self._line.acceleration * request.acceleration_scale,
                self._line.jerk * request.acceleration_scale,
            )
            return moves.move_linear(q_start, X, line, scene, margin_m, tip_frame=tip)
        if request.path == MotionTarget.PATH_SAMPLED:
            if X is None:
                return moves.move_to_joints(q_start, q_goal, scene, margin_m)
            return moves.move_to_pose(q_start, X, scene, margin_m, tip_frame=tip)
        goals = [q_goal]
        if X is not None:
            ik = moves.ik(tip)
            goals = ik.solve_all(X, q_start) or [ik.solve(X, q_start)]
        return self._interpolate(moves, q_start, goals, scene)

    def _interpolate(self, moves: MovePlanner, q_start: Matrix, goals: list[Matrix], scene: Scene) -> Trajectory:
        """Return the joint line to the nearest goal that has a free one."""
        limits, first_problem = self.model.limits, None
        start = self.model.check_joint_limits(q_start)
        for goal in goals:
            end = self.model.check_joint_limits(goal)
            trajectory = time_joint_path(np.array([start, end]), moves.limits, self.model.joint_names)
            check_trajectory(trajectory, moves.limits, limits.lower, limits.upper)
            try:
                moves.check_free(trajectory, scene, self._parameters.margin_m)
            except PathCollisionError as error:
                first_problem = first_problem or error
                continue
            return trajectory
        assert first_problem is not None
        raise first_problem


def thinned(trajectory: Trajectory, period_s: float = 0.02) -> Trajectory:
    """Return a trajectory with knots at a period, where it has more than a message should carry.

    Quintic pieces of 20 ms follow a smooth line far more closely than any controller does.
    """
    if len(trajectory.times_s) < 2 or trajectory.duration_s / len(trajectory.times_s) >= 0.5 * period_s:
        return trajectory
    times, q, dq, ddq = trajectory.sample_every(period_s)
    if len(times) > 1 and times[-1] - times[-2] < 1e-6:
        keep = np.ones(len(times), dtype=bool)
        keep[-2] = False
        times, q, dq, ddq = times[keep], q[keep], dq[keep], ddq[keep]
    return replace(trajectory, times_s=times, q=q, dq=dq, ddq=ddq)
