"""From a `MotionTarget` to a checked trajectory: what is asked for, and how each kind of path is planned."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from cablecell_interfaces.msg import MotionTarget
from numpy.typing import NDArray

from cablecell.core.config.motion_planner import MotionPlannerParameters
from cablecell.core.config.trial import Robot
from cablecell.core.geometry import make_pose
from cablecell.core.motion.collision import RobotGeometry
from cablecell.core.motion.errors import (
    LimitsExceededError,
    NoIkSolutionError,
    NoPlanError,
    PathCollisionError,
    SingularityError,
)
from cablecell.core.motion.model import ARM_JOINT_NAMES, RobotModel
from cablecell.core.motion.moves import MovePlanner
from cablecell.core.motion.planner import PlannerSettings
from cablecell.core.motion.scene import Scene
from cablecell.core.motion.sequence import Tip
from cablecell.core.motion.timing import LineLimits
from cablecell.core.motion.trajectory import MotionLimits, Trajectory
from cablecell.ros.conversions import pose_to_matrix
from cablecell.ros.planner_errors import MoveRequestError
from cablecell.ros.planner_scene import PlanningScene

Matrix = NDArray[np.float64]

_PATHS = {
    MotionTarget.PATH_CIRC: "PATH_CIRC",
    MotionTarget.PATH_AUTO: "PATH_AUTO",
    MotionTarget.PATH_PTP: "PATH_PTP",
    MotionTarget.PATH_LIN: "PATH_LIN",
    MotionTarget.PATH_SAMPLED: "PATH_SAMPLED",
}


@dataclass(frozen=True, eq=False)
class Displacement:
    """How far a tip goes from where it is.

    Attributes:
        X: Displacement and turn, shape (4, 4).
        R_base_axes: Axes it is given in; None for those of the tip itself.
    """

    X: Matrix
    R_base_axes: Matrix | None

    def from_pose(self, X_base_tip: Matrix) -> Matrix:
        """Return where the tip ends up that is at a pose now."""
        goal = X_base_tip @ self.X
        if self.R_base_axes is not None:
            R = self.R_base_axes
            rotation = R @ self.X[:3, :3] @ R.T @ X_base_tip[:3, :3]
            goal = make_pose(rotation, X_base_tip[:3, 3] + R @ self.X[:3, 3])
        return goal


@dataclass(frozen=True, eq=False)
class MoveRequest:
    """A target, judged and resolved.

    Attributes:
        path: One of the paths of `MotionTarget` that are planned here.
        joints: Wanted positions by joint name, rad; of no meaning when there is a pose.
        X_base_tip: Wanted pose of the tip, or None for a goal in joints or relative to where the tip is.
        tip: What is to be there.
        displacement: What a relative goal moves, or None.
        via_m: Point of an arc in `base_link`, or None.
        velocity_scale: In (0, 1].
        acceleration_scale: In (0, 1].
    """

    path: int
    joints: Mapping[str, float]
    X_base_tip: Matrix | None
    tip: Tip
    velocity_scale: float
    acceleration_scale: float
    displacement: Displacement | None = None
    via_m: Matrix | None = None


@dataclass(frozen=True, eq=False)
class Plan:
    """What came of planning.

    Attributes:
        trajectory: Free of collision and within the limits.
        attempts: Plans tried, the first included.
    """

    trajectory: Trajectory
    attempts: int


def read_target(
    target: Any, model: RobotModel, scene: PlanningScene, named: Mapping[str, Mapping[str, float]]
) -> MoveRequest:
    """Return a message as a request; `named` holds joint positions by name.

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
    via_m = _via(target, scene) if target.path == MotionTarget.PATH_CIRC else None
    if target.goal == MotionTarget.GOAL_JOINTS:
        return MoveRequest(target.path, _joints(target, model), None, Tip(), *scales, via_m=via_m)
    if target.goal == MotionTarget.GOAL_NAMED:
        if target.name not in named:
            raise _refused("name", f"'{target.name}'", ", ".join(sorted(named)))
        return MoveRequest(target.path, named[target.name], None, Tip(), *scales, via_m=via_m)
    if target.goal not in (MotionTarget.GOAL_POSE, MotionTarget.GOAL_RELATIVE):
        raise _refused("goal", target.goal, "0 (GOAL_JOINTS), 1 (GOAL_POSE), 2 (GOAL_NAMED), 3 (GOAL_RELATIVE)")
    tip, held = Tip(target.tip_frame or "tcp"), scene.held
    if held is not None and tip.frame == held.plug:
        tip = Tip("tcp", held.X_tcp_tip)  # the plug is no part of the model
    model.frame_id(tip.frame)
    X, frame = pose_to_matrix("pose", target.pose.pose), target.pose.header.frame_id
    if target.goal == MotionTarget.GOAL_RELATIVE:
        own = frame in ("", target.tip_frame or "tcp")
        displacement = Displacement(X, None if own else scene.frame(frame)[:3, :3])
        return MoveRequest(target.path, {}, None, tip, *scales, displacement, via_m)
    return MoveRequest(target.path, {}, scene.frame(frame) @ X, tip, *scales, via_m=via_m)


def _via(target: Any, scene: PlanningScene) -> Matrix:
    point = np.array([target.via.point.x, target.via.point.y, target.via.point.z, 1.0])
    if not np.all(np.isfinite(point)):
        raise _refused("via", point[:3].tolist(), "finite")
    via: Matrix = (scene.frame(target.via.header.frame_id) @ point)[:3]
    return via


def parse_named_targets(texts: Sequence[str], model: RobotModel) -> dict[str, dict[str, float]]:
    """Return the joint positions of named targets, each within the limits; the cell's arm has a `home` without asking.

    Args:
        texts: Each `name: q1, q2, …`, rad, in the order of the model's joints.
        model: Whose joints they are.

    Raises:
        MoveRequestError: A text is not of that form, or another arm has no `home` (code 941).
        JointLimitError: A position is outside its limits (code 102).
    """
    named: dict[str, dict[str, float]] = {}
    if model.joint_names == ARM_JOINT_NAMES:
        named["home"] = dict(zip(model.joint_names, Robot().home_joint_positions.in_order(), strict=True))
    for text in texts:
        name, _, values = text.partition(":")
        try:
            positions = [float(value) for value in values.split(",")]
        except ValueError:
            positions = []
        if not name.strip() or len(positions) != model.dof:
            raise _refused("named_targets", f"'{text}'", f"name: {model.dof} joint positions in rad, with commas")
        named[name.strip()] = dict(zip(model.joint_names, model.check_joint_limits(positions).tolist(), strict=True))
    if "home" not in named:
        raise _refused(
            "named_targets", ", ".join(named) or "nothing", f"home: {model.dof} joint positions, for this arm"
        )
    return named


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

    def __init__(
        self, model: RobotModel, parameters: MotionPlannerParameters, speed_limits: Matrix | None = None
    ) -> None:
        """Prepare; samples the model, which takes about a quarter of a second.

        Args:
            model: The arm.
            parameters: How to plan.
            speed_limits: Highest joint speeds of the machine beside the description's, shape (n,), rad/s.
        """
        self.model = model
        self._geometry = RobotGeometry(model)
        # What is compiled is compiled now, and not in the first plan.
        MovePlanner(model, MotionLimits.uniform(model.dof, 1.0, 1.0, 1.0), geometry=self._geometry).warm_up()
        self._parameters = parameters
        limits = MotionLimits.uniform(
            model.dof,
            velocity=parameters.velocity_rad_per_s,
            acceleration=parameters.acceleration_rad_per_s2,
            jerk=parameters.jerk_rad_per_s3,
        )
        if speed_limits is not None:
            limits = replace(limits, velocity=np.minimum(limits.velocity, speed_limits))
        self._limits = limits
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
        samples = request.path in (MotionTarget.PATH_SAMPLED, MotionTarget.PATH_AUTO)
        if request.displacement is not None:
            X_base_frame = self.model.fk(self.model.check_joint_limits(q_start), request.tip.frame)
            X_base_tip = request.displacement.from_pose(request.tip.of_frame(X_base_frame))
            request = replace(request, X_base_tip=X_base_tip)
        attempts = self._parameters.planning_attempts if samples else 1
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
        X, tip = request.X_base_tip, request.tip
        q_goal = q_start.copy()
        for name, position in request.joints.items():
            q_goal[self.model.joint_names.index(name)] = position
        if request.path == MotionTarget.PATH_AUTO:
            for path in (MotionTarget.PATH_LIN, MotionTarget.PATH_PTP):
                try:
                    return self._plan_once(moves, replace(request, path=path), q_start, scene)
                except (PathCollisionError, SingularityError, NoIkSolutionError, LimitsExceededError):
                    continue  # another kind of path may do; the last one says why none does
            return self._plan_once(moves, replace(request, path=MotionTarget.PATH_SAMPLED), q_start, scene)
        if request.path in (MotionTarget.PATH_LIN, MotionTarget.PATH_CIRC):
            if X is None:
                X = tip.of_frame(self.model.fk(self.model.check_joint_limits(q_goal), tip.frame))
            line = LineLimits(
                self._line.velocity * request.velocity_scale,
                self._line.acceleration * request.acceleration_scale,
                self._line.jerk * request.acceleration_scale,
            )
            if request.via_m is not None:
                return moves.move_circular(q_start, request.via_m, X, line, scene, margin_m, tip=tip)
            return moves.move_linear(q_start, X, line, scene, margin_m, tip=tip)
        if request.path == MotionTarget.PATH_SAMPLED:
            if X is None:
                return moves.move_to_joints(q_start, q_goal, scene, margin_m)
            return moves.move_to_pose(q_start, tip.to_frame(X), scene, margin_m, tip_frame=tip.frame)
        goals = [q_goal]
        if X is not None:
            ik, X_base_frame = moves.ik(tip.frame), tip.to_frame(X)
            goals = ik.solve_all(X_base_frame, q_start) or [ik.solve(X_base_frame, q_start)]
        return moves.move_joint_line(q_start, goals, scene, margin_m)


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
