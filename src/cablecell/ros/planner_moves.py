"""From a request to a checked trajectory: how each kind of path is planned."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from cablecell_interfaces.msg import MotionTarget
from numpy.typing import NDArray

from cablecell.core.config.motion_planner import MotionPlannerParameters
from cablecell.core.motion.collision import RobotGeometry
from cablecell.core.motion.errors import (
    LimitsExceededError,
    NoIkSolutionError,
    NoPlanError,
    PathCollisionError,
    SingularityError,
)
from cablecell.core.motion.model import RobotModel
from cablecell.core.motion.moves import MovePlanner
from cablecell.core.motion.planner import PlannerSettings
from cablecell.core.motion.scene import Scene
from cablecell.core.motion.timing import LineLimits
from cablecell.core.motion.trajectory import MotionLimits, Trajectory
from cablecell.ros.planner_targets import MoveRequest, SequenceRequest

Matrix = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Plan:
    """What came of planning.

    Attributes:
        trajectory: Free of collision and within the limits.
        attempts: Plans tried, the first included.
    """

    trajectory: Trajectory
    attempts: int


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

    def plan(self, request: MoveRequest | SequenceRequest, q_start: Matrix, scene: Scene, budget_s: float) -> Plan:
        """Return a trajectory that is free of collision.

        Args:
            request: What is wanted.
            q_start: Where the arm is, rad.
            scene: What must not be touched.
            budget_s: Time for one attempt of the sampling planner, s.

        Raises:
            WorkcellError: Families 100 and 200.
        """
        if isinstance(request, SequenceRequest):
            moves, goals = MovePlanner(self.model, self._limits, geometry=self._geometry), request.goals(self.model)
            margin_m = self._parameters.margin_m
            return Plan(moves.move_sequence(q_start, goals, self._line, scene, margin_m, tip=request.tip), 1)
        samples = request.path in (MotionTarget.PATH_SAMPLED, MotionTarget.PATH_AUTO)
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
        tip, q_goal = request.tip, request.goal_joints(self.model, q_start)
        X = request.goal_pose(self.model, q_start)
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
            line = self._line.scaled(request.velocity_scale, request.acceleration_scale)
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
