"""Jerk-limited timing: joint lines with a stop at every waypoint, and straight lines of the tool."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cablecell.core.errors import WorkcellError
from cablecell.core.geometry import pose_difference
from cablecell.core.motion import trajectory_kernel as kernel
from cablecell.core.motion.errors import NoIkSolutionError, PathGeometryError, SingularityError
from cablecell.core.motion.ik import RESIDUAL_LIMIT, IkSolver, InverseKinematics
from cablecell.core.motion.scurve import plan_rest_to_rest
from cablecell.core.motion.tool_path import LinePath, ToolPath
from cablecell.core.motion.trajectory import MotionLimits, Trajectory, check_trajectory, measure_limit_use

Array = NDArray[np.float64]

_BRANCH_JUMP_RAD = 0.15
"""A joint that turns more than this between two samples of a line has left its branch."""

_SLOWER_ATTEMPTS = 6

_LARGEST_SLOWDOWN = 8.0
"""A line that the joints can only follow slower than this passes so close to a singularity that nobody wants it."""

_PERIOD_S = 0.002

_NO_UR = (np.zeros(6), np.zeros((4, 4)), np.zeros((4, 4)), 0.0)
"""What the kernel takes for an arm that has no closed form."""

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

    def scaled(self, velocity_scale: float, acceleration_scale: float) -> LineLimits:
        """Return limits for a slower motion, by factors in (0, 1]; jerk scales with acceleration."""
        return LineLimits(
            self.velocity * velocity_scale, self.acceleration * acceleration_scale, self.jerk * acceleration_scale
        )

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

    Position goes straight and orientation turns at an even rate; what else holds is said at `time_tool_path`.
    """
    model = ik.model
    X_start = model.fk(model.check_joint_limits(q_start), ik.tip_frame)
    return time_tool_path(ik, q_start, LinePath(X_start, X_base_goal), line, limits)


def time_tool_path(
    ik: IkSolver,
    q_start: ArrayLike,
    path: ToolPath,
    line: LineLimits,
    limits: MotionLimits,
) -> Trajectory:
    """Return a motion of the tool along a path, jerk-limited by path length, so at constant speed between its ramps.

    Every sample is solved on the branch of the one before. Where a joint would exceed its limits the whole motion is
    slowed down, which keeps its shape and its constant speed: by r in velocity, r² in acceleration, r³ in jerk.

    Args:
        ik: Inverse kinematics of the arm and the tool frame.
        q_start: Configuration at the start, rad.
        path: Way of the tool frame in `base_link`; it begins where the tool is.
        line: Limits of the tool.
        limits: Limits of the joints.

    Returns:
        A trajectory with a knot every 2 ms, at rest at both ends; of duration 0 if the path has no length.

    Raises:
        NoIkSolutionError: A pose on the path is out of reach.
        SingularityError: The branch ends or a joint jumps on the way, or the joints would have to race.
        LimitsExceededError: A joint leaves its position limits.
        PathGeometryError: The path begins elsewhere.
    """
    model = ik.model
    start = model.check_joint_limits(q_start)
    if path.length < 1e-9:
        zero = np.zeros((1, model.dof))
        return Trajectory(model.joint_names, np.zeros(1), start[None, :].copy(), zero, zero.copy())
    gap = float(np.abs(pose_difference(model.fk(start, ik.tip_frame), path.sample(np.zeros(1))[0][0])).max())
    if gap > 1e-6:
        raise PathGeometryError(
            f"the path begins {gap:.2e} m or rad from the tool; the limit is 1e-6",
            quantity="gap",
            value=gap,
            limit=1e-6,
        )
    slowdown = 1.0
    for _ in range(_SLOWER_ATTEMPTS):
        trajectory = _trace(ik, start, path, line.slowed(slowdown))
        use = measure_limit_use(trajectory, limits, 0.1 * _PERIOD_S)
        factor = max(use.velocity, math.sqrt(use.acceleration), use.jerk ** (1.0 / 3.0))
        if factor <= 1.0:
            check_trajectory(trajectory, limits, model.limits.lower, model.limits.upper)
            return trajectory
        slowdown *= 1.01 * factor
        if slowdown > _LARGEST_SLOWDOWN:
            break
    raise SingularityError(
        f"the line of {path.length:.3f} m would have to be {slowdown:.0f} times slower to keep the joints within their "
        f"limits; at most {_LARGEST_SLOWDOWN:.0f} is allowed: it passes close to a singularity",
        quantity="slowdown",
        value=slowdown,
        limit=_LARGEST_SLOWDOWN,
    )


def _trace(ik: IkSolver, start: Array, path: ToolPath, pace: LineLimits) -> Trajectory:
    model = ik.model
    curve = plan_rest_to_rest(path.length, pace.velocity, pace.acceleration, pace.jerk)
    count = max(2, math.ceil(curve.duration / _PERIOD_S))
    times = np.linspace(0.0, curve.duration, count + 1)
    position, speed, acceleration = np.array([curve.at(float(time)) for time in times]).T
    position = np.minimum(position, path.length)
    poses, first, second = path.sample(position)
    twists = speed[:, None] * first
    accelerations = acceleration[:, None] * first + (speed**2)[:, None] * second
    q, dq, ddq = (np.zeros((count + 1, model.dof)) for _ in range(3))
    q[0] = start
    where = np.zeros(1, dtype=np.int64)
    is_ur = isinstance(ik, InverseKinematics)
    arm = ik.kernel_arguments if isinstance(ik, InverseKinematics) else (ik.chain.blocks, ik.chain.tip, *_NO_UR)
    outcome = kernel.trace_tool(
        *arm, is_ur, poses, twists, accelerations, _BRANCH_JUMP_RAD, RESIDUAL_LIMIT, q, dq, ddq, where
    )
    if outcome != kernel.FOLLOWED:
        raise _ended(ik, outcome, int(where[0]), q, poses, float(position[int(where[0])]) / path.length)
    for ends in (dq, ddq):
        ends[[0, -1]] = 0.0
    return Trajectory(model.joint_names, times, q, dq, ddq)


def _ended(ik: IkSolver, outcome: int, k: int, q: Array, poses: Array, fraction: float) -> WorkcellError:
    """Return the error that says why a path of the tool cannot be followed."""
    if outcome == kernel.OUT_OF_REACH:
        where = ", ".join(f"{value:.4f}" for value in poses[k, :3, 3])
        return NoIkSolutionError(
            f"the line leaves the reach of the arm {100 * fraction:.0f} % of the way, at ({where}) m in base_link",
            quantity="fraction",
            value=fraction,
            frame="base_link",
        )
    if outcome == kernel.SINGULAR:
        return SingularityError(
            f"the line is singular {100 * fraction:.0f} % of the way", quantity="fraction", value=fraction
        )
    step = np.abs(q[k] - q[k - 1])
    name = ik.model.joint_names[int(np.argmax(step))]
    return SingularityError(
        f"{name} would jump {step.max():.2f} rad {100 * fraction:.0f} % of the way along the line; "
        f"the limit is {_BRANCH_JUMP_RAD} rad",
        quantity=name,
        value=float(step.max()),
        limit=_BRANCH_JUMP_RAD,
        unit="rad",
    )


def path_length(waypoints: Sequence[ArrayLike] | Array) -> float:
    """Return the length of a joint path, rad, as the sum of the Euclidean lengths of its lines."""
    points = np.asarray(waypoints, dtype=float)
    return float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())
