"""Jerk-limited timing: joint lines with a stop at every waypoint, and straight lines of the tool."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cablecell.core.geometry import PoseLine, pose_difference
from cablecell.core.motion.errors import NoIkSolutionError, SingularityError
from cablecell.core.motion.ik import IkSolver
from cablecell.core.motion.scurve import plan_rest_to_rest
from cablecell.core.motion.trajectory import MotionLimits, Trajectory, check_trajectory, measure_limit_use

Array = NDArray[np.float64]

ROTATION_WEIGHT_M = 0.25
"""Path length of one radian of turning: a pure rotation of the tool is paced like a move of this radius."""

_BRANCH_JUMP_RAD = 0.15
"""A joint that turns more than this between two samples of a line has left its branch."""

_SLOWER_ATTEMPTS = 6

_LARGEST_SLOWDOWN = 8.0
"""A line that the joints can only follow slower than this passes so close to a singularity that nobody wants it."""

_PERIOD_S = 0.002

_STILL_RAD = 1e-12
"""A joint that moves less than this along a line does not bound its speed."""


@dataclass(frozen=True)
class LineLimits:
    """How fast the tool may go along a straight line, all above zero; one radian counts as 0.25 m.

    Attributes:
        velocity: m/s.
        acceleration: m/s².
        jerk: m/s³.
    """

    velocity: float
    acceleration: float
    jerk: float

    def __post_init__(self) -> None:
        for name in ("velocity", "acceleration", "jerk"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0.0):
                raise ValueError(f"line limit of {name} is {value}; it must be finite and above 0")

    def slowed(self, factor: float) -> LineLimits:
        """Return the limits of the same motion in `factor` times the time."""
        return LineLimits(self.velocity / factor, self.acceleration / factor**2, self.jerk / factor**3)


def time_joint_path(waypoints: ArrayLike, limits: MotionLimits, joint_names: tuple[str, ...]) -> Trajectory:
    """Return the fastest jerk-limited motion along joint lines that rests at every waypoint.

    It never leaves the path, so a path that is free of collision stays so. Each line is timed in one dimension, its
    length, with the limits of the joint that reaches its own first. The knots are where the jerk changes, so the
    trajectory between them is exact.

    Args:
        waypoints: Positions, shape (k, n), rad, k ≥ 1; equal neighbours are passed over.
        limits: Limits of the joints.
        joint_names: Order of the joint vectors.

    Returns:
        A trajectory at rest at both ends; of duration 0 if nothing moves.
    """
    points = np.atleast_2d(np.array(waypoints, dtype=float))
    zero = np.zeros((1, points.shape[1]))
    whole = Trajectory(joint_names, np.zeros(1), points[:1].copy(), zero, zero.copy())
    for start, end in itertools.pairwise(points):
        direction = end - start
        if np.abs(direction).max() <= _STILL_RAD:
            continue
        whole = whole.then(_time_segment(whole.goal, end, limits, joint_names))
    return whole


def _time_segment(start: Array, end: Array, limits: MotionLimits, joint_names: tuple[str, ...]) -> Trajectory:
    direction = end - start
    moving = np.abs(direction) > _STILL_RAD
    along = [float((limit[moving] / np.abs(direction[moving])).min()) for limit in _each(limits)]
    curve = plan_rest_to_rest(1.0, along[0], along[1], along[2])
    s, ds, dds = np.array(curve.states).T
    q = start + s[:, None] * direction
    q[-1] = end
    dq, ddq = ds[:, None] * direction, dds[:, None] * direction
    dq[[0, -1]] = 0.0
    ddq[[0, -1]] = 0.0
    return Trajectory(joint_names, np.array(curve.times), q, dq, ddq)


def _each(limits: MotionLimits) -> tuple[Array, Array, Array]:
    return limits.velocity, limits.acceleration, limits.jerk


def time_line(
    ik: IkSolver,
    q_start: ArrayLike,
    X_base_goal: ArrayLike,
    line: LineLimits,
    limits: MotionLimits,
) -> Trajectory:
    """Return a straight line of the tool from a configuration to a pose, jerk-limited along the line.

    Position goes straight and orientation turns at an even rate. Every sample is solved by the closed form on the
    branch of the one before. Where a joint would exceed its limits the whole line is slowed down, which keeps its
    shape: by r in velocity, r² in acceleration, r³ in jerk.

    Args:
        ik: Inverse kinematics of the arm and the tool frame.
        q_start: Configuration at the start, rad.
        X_base_goal: Pose of the tool frame at the end, in `base_link`.
        line: Limits of the tool.
        limits: Limits of the joints.

    Returns:
        A trajectory with a knot every 2 ms, at rest at both ends; of duration 0 if the tool is there already.

    Raises:
        NoIkSolutionError: A pose on the line is out of reach.
        SingularityError: The branch ends or a joint jumps on the way, or the joints would have to race.
        LimitsExceededError: A joint leaves its position limits.
    """
    model = ik.model
    start = model.check_joint_limits(q_start)
    X_start = model.fk(start, ik.tip_frame)
    difference = pose_difference(X_start, X_base_goal)
    length = max(float(np.linalg.norm(difference[:3])), ROTATION_WEIGHT_M * float(np.linalg.norm(difference[3:])))
    if length < 1e-9:
        zero = np.zeros((1, model.dof))
        return Trajectory(model.joint_names, np.zeros(1), start[None, :].copy(), zero, zero.copy())
    slowdown = 1.0
    for _ in range(_SLOWER_ATTEMPTS):
        trajectory = _trace_line(ik, start, np.asarray(X_base_goal, dtype=float), length, line.slowed(slowdown))
        use = measure_limit_use(trajectory, limits, _PERIOD_S)
        factor = max(use.velocity, math.sqrt(use.acceleration), use.jerk ** (1.0 / 3.0))
        if factor <= 1.0:
            check_trajectory(trajectory, limits, model.limits.lower, model.limits.upper)
            return trajectory
        slowdown *= 1.01 * factor
        if slowdown > _LARGEST_SLOWDOWN:
            break
    raise SingularityError(
        f"the line of {length:.3f} m would have to be {slowdown:.0f} times slower to keep the joints within their "
        f"limits; at most {_LARGEST_SLOWDOWN:.0f} is allowed: it passes close to a singularity",
        quantity="slowdown",
        value=slowdown,
        limit=_LARGEST_SLOWDOWN,
    )


def _trace_line(ik: IkSolver, start: Array, X_goal: Array, length: float, pace: LineLimits) -> Trajectory:
    model = ik.model
    curve = plan_rest_to_rest(length, pace.velocity, pace.acceleration, pace.jerk)
    count = max(2, math.ceil(curve.duration / _PERIOD_S))
    times = np.linspace(0.0, curve.duration, count + 1)
    X_start = model.fk(start, ik.tip_frame)
    way = PoseLine(X_start, X_goal)
    per_length = way.difference / length
    previous = start
    q, dq, ddq = (np.zeros((count + 1, model.dof)) for _ in range(3))
    for k, time in enumerate(times):
        position, speed, acceleration = curve.at(float(time))
        fraction = min(position / length, 1.0)
        q[k] = start if k == 0 else _continue_branch(ik, way.at(fraction), previous, fraction)
        previous = q[k]
        J = model.jacobian(q[k], ik.tip_frame)
        try:
            dq[k] = np.linalg.solve(J, speed * per_length)
            drift = model.drift_acceleration(q[k], dq[k], ik.tip_frame)
            ddq[k] = np.linalg.solve(J, acceleration * per_length - drift)
        except np.linalg.LinAlgError as error:
            raise SingularityError(
                f"the line is singular {100 * fraction:.0f} % of the way", quantity="fraction", value=fraction
            ) from error
    for ends in (dq, ddq):
        ends[[0, -1]] = 0.0
    return Trajectory(model.joint_names, times, q, dq, ddq)


def _continue_branch(ik: IkSolver, X: Array, previous: Array, fraction: float) -> Array:
    q = ik.follow(X, previous)
    if q is None:
        where = ", ".join(f"{value:.4f}" for value in X[:3, 3])
        raise NoIkSolutionError(
            f"the line leaves the reach of the arm {100 * fraction:.0f} % of the way, at ({where}) m in base_link",
            quantity="fraction",
            value=fraction,
            frame="base_link",
        )
    jump = float(np.abs(q - previous).max())
    if jump > _BRANCH_JUMP_RAD:
        name = ik.model.joint_names[int(np.argmax(np.abs(q - previous)))]
        raise SingularityError(
            f"{name} would jump {jump:.2f} rad {100 * fraction:.0f} % of the way along the line; "
            f"the limit is {_BRANCH_JUMP_RAD} rad",
            quantity=name,
            value=jump,
            limit=_BRANCH_JUMP_RAD,
            unit="rad",
        )
    return q


def path_length(waypoints: Sequence[ArrayLike] | Array) -> float:
    """Return the length of a joint path, rad, as the sum of the Euclidean lengths of its lines."""
    points = np.asarray(waypoints, dtype=float)
    return float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())
