"""Following of timed joint trajectories with the semantics of control_msgs/FollowJointTrajectory."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from cablecell.core.control.errors import (
    ExecutionError,
    GoalToleranceError,
    PathToleranceError,
    TrajectoryRejectedError,
)
from cablecell.core.control.model import JointLimits
from cablecell.core.geometry import Array

START_TOLERANCE_RAD = 0.05
"""How far the first point of a motion may be from where the arm is: more would be a jump."""


@dataclass(frozen=True)
class JointTrajectory:
    """A timed joint path.

    Attributes:
        times_s: Shape (m,), strictly increasing, s from the start of execution.
        positions: Shape (m, n), rad.
        velocities: Shape (m, n), rad/s.
        accelerations: Shape (m, n), rad/s²; None makes the interpolation cubic.
    """

    times_s: Array
    positions: Array
    velocities: Array
    accelerations: Array | None = None


@dataclass(frozen=True)
class Tolerances:
    """How exactly a trajectory is to be followed; 0 means not checked.

    Attributes:
        path: Largest distance from the reference on the way, any joint, rad.
        goal: Largest distance from the last point at the end, any joint, rad.
        goal_time_s: Time after the end in which the goal must be reached, s.
    """

    path: float = 0.1
    goal: float = 0.01
    goal_time_s: float = 1.0


class FollowState(Enum):
    """State of the follower."""

    RUNNING = "running"
    SETTLING = "settling"
    STOPPING = "stopping"
    SUCCEEDED = "succeeded"
    CANCELLED = "cancelled"
    ABORTED = "aborted"

    @property
    def is_final(self) -> bool:
        """True when the reference no longer moves."""
        return self in (FollowState.SUCCEEDED, FollowState.CANCELLED, FollowState.ABORTED)


@dataclass(frozen=True)
class Reference:
    """Reference of one tick: positions rad, velocities rad/s, accelerations rad/s², each of shape (n,)."""

    q: Array
    dq: Array
    ddq: Array


def validate_trajectory(trajectory: JointTrajectory, limits: JointLimits, q_now: Array) -> None:
    """Refuse a trajectory that cannot be followed.

    Raises:
        TrajectoryRejectedError: Wrong shapes, NaN, times that do not increase, a position or velocity beyond the
            limits, or a first point further than `START_TOLERANCE_RAD` from where the arm is (code 309).
    """
    t, q, v = trajectory.times_s, trajectory.positions, trajectory.velocities
    n = limits.lower.size
    if t.ndim != 1 or t.size < 2 or q.shape != (t.size, n) or v.shape != q.shape:
        raise TrajectoryRejectedError(
            f"trajectory has times {t.shape}, positions {q.shape}, velocities {v.shape}; needed are (m,), (m, {n}), "
            f"(m, {n}) with m >= 2",
            quantity="points",
            value=q.shape,
            limit=f"(m, {n})",
        )
    if trajectory.accelerations is not None and trajectory.accelerations.shape != q.shape:
        raise TrajectoryRejectedError(
            f"accelerations have shape {trajectory.accelerations.shape}; positions have {q.shape}",
            quantity="accelerations",
            value=trajectory.accelerations.shape,
            limit=q.shape,
        )
    for name, values in (
        ("times", t),
        ("positions", q),
        ("velocities", v),
        ("accelerations", trajectory.accelerations),
    ):
        if values is not None and not np.isfinite(values).all():
            raise TrajectoryRejectedError(f"{name} hold NaN or infinity", quantity=name, value="nan", limit="finite")
    if t[0] < 0.0 or (np.diff(t) <= 0.0).any():
        i = int(np.argmax(np.diff(t) <= 0.0)) if t[0] >= 0.0 else 0
        raise TrajectoryRejectedError(
            f"time_from_start must be >= 0 and strictly increase; point {i} is at {t[i]:.4f} s",
            quantity="time_from_start",
            value=float(t[i]),
            limit="strictly increasing",
            unit="s",
        )
    for low, high, values, name, unit in (
        (limits.lower, limits.upper, q, "position", "rad"),
        (-limits.velocity, limits.velocity, v, "velocity", "rad/s"),
    ):
        outside = (values < low - 1e-6) | (values > high + 1e-6)
        if outside.any():
            i, j = (int(k) for k in np.argwhere(outside)[0])
            raise TrajectoryRejectedError(
                f"{name} of joint {j} at point {i} = {values[i, j]:.4f} {unit} is outside "
                f"[{low[j]:.4f}, {high[j]:.4f}] {unit}",
                quantity=f"{name}[{i},{j}]",
                value=float(values[i, j]),
                limit=f"[{low[j]:.4f}, {high[j]:.4f}]",
                unit=unit,
            )
    distance = float(np.abs(q[0] - q_now).max())
    if distance > START_TOLERANCE_RAD:
        raise TrajectoryRejectedError(
            f"the first point is {distance:.4f} rad away from the arm; the limit is {START_TOLERANCE_RAD} rad",
            quantity="start_distance",
            value=distance,
            limit=START_TOLERANCE_RAD,
            unit="rad",
        )


class TrajectoryFollower:
    """Plays one trajectory tick by tick; a cancel slows down along the path instead of cutting the corner."""

    def __init__(self, trajectory: JointTrajectory, tolerances: Tolerances, stop_time_s: float) -> None:
        self._trajectory = trajectory
        self._tolerances = tolerances
        self._stop_time_s = stop_time_s
        self._time_s = 0.0
        self._rate = 1.0
        self._settled_for_s = 0.0
        self.state = FollowState.RUNNING
        self.fault: ExecutionError | None = None

    @property
    def progress(self) -> float:
        """Share of the trajectory's time that was played, 0 to 1."""
        return min(1.0, self._time_s / float(self._trajectory.times_s[-1]))

    def cancel(self) -> None:
        """Come to rest along the path within the stop time."""
        if not self.state.is_final:
            self.state = FollowState.STOPPING

    def step(self, q: Array, dt_s: float) -> Reference:
        """Advance by one period and check the tolerances against measured positions `q`, shape (n,), rad."""
        before = self._sample()
        if not self.state.is_final:
            self._check(q, before, dt_s)
        rate_change = 0.0
        if self.state is FollowState.STOPPING:
            rate_change = -min(self._rate, dt_s / self._stop_time_s)
            self._rate += rate_change
            if self._rate <= 0.0:
                self.state = FollowState.ABORTED if self.fault is not None else FollowState.CANCELLED
        elif self.state.is_final:
            self._rate = 0.0
        self._time_s = min(self._time_s + self._rate * dt_s, float(self._trajectory.times_s[-1]))
        after = self._sample()
        if self.state in (FollowState.RUNNING, FollowState.STOPPING):
            ddq = after.ddq * self._rate * self._rate + after.dq * (rate_change / dt_s)
            return Reference(after.q, after.dq * self._rate, ddq)
        zero = np.zeros_like(after.q)
        return Reference(after.q, zero, zero)

    def _check(self, q: Array, reference: Reference, dt_s: float) -> None:
        error = np.abs(q - reference.q)
        worst = int(error.argmax())
        limits = self._tolerances
        if self.state is FollowState.RUNNING:
            if limits.path > 0.0 and error[worst] > limits.path:
                self.fault = PathToleranceError(
                    f"joint {worst} is {error[worst]:.4f} rad off the path; the tolerance is {limits.path} rad",
                    quantity=f"path_error[{worst}]",
                    value=float(error[worst]),
                    limit=limits.path,
                    unit="rad",
                )
                self.state = FollowState.STOPPING
            elif self._time_s >= float(self._trajectory.times_s[-1]):
                self.state = FollowState.SETTLING
        if self.state is FollowState.SETTLING:
            if limits.goal <= 0.0 or error[worst] <= limits.goal:
                self.state = FollowState.SUCCEEDED
                return
            self._settled_for_s += dt_s
            if self._settled_for_s > limits.goal_time_s:
                self.fault = GoalToleranceError(
                    f"joint {worst} is {error[worst]:.4f} rad off the goal {limits.goal_time_s} s after the end; "
                    f"the tolerance is {limits.goal} rad",
                    quantity=f"goal_error[{worst}]",
                    value=float(error[worst]),
                    limit=limits.goal,
                    unit="rad",
                )
                self.state = FollowState.ABORTED

    def _sample(self) -> Reference:
        trajectory = self._trajectory
        times = trajectory.times_s
        time = min(max(self._time_s, float(times[0])), float(times[-1]))
        i = min(max(int(np.searchsorted(times, time, side="right")) - 1, 0), times.size - 2)
        h = float(times[i + 1] - times[i])
        s = (time - float(times[i])) / h
        p0, p1 = trajectory.positions[i], trajectory.positions[i + 1]
        m0, m1 = trajectory.velocities[i] * h, trajectory.velocities[i + 1] * h
        d = p1 - p0
        if trajectory.accelerations is None:
            b, c = 3.0 * d - 2.0 * m0 - m1, m0 + m1 - 2.0 * d
            q = p0 + s * (m0 + s * (b + s * c))
            dq = (m0 + s * (2.0 * b + 3.0 * s * c)) / h
            ddq = (2.0 * b + 6.0 * s * c) / (h * h)
            return Reference(q, dq, ddq)
        a0, a1 = 0.5 * h * h * trajectory.accelerations[i], 0.5 * h * h * trajectory.accelerations[i + 1]
        u, v, w = d - m0 - a0, m1 - m0 - 2.0 * a0, a1 - a0
        c3, c4, c5 = 10.0 * u - 4.0 * v + w, -15.0 * u + 7.0 * v - 2.0 * w, 6.0 * u - 3.0 * v + w
        q = p0 + s * (m0 + s * (a0 + s * (c3 + s * (c4 + s * c5))))
        dq = (m0 + s * (2.0 * a0 + s * (3.0 * c3 + s * (4.0 * c4 + s * 5.0 * c5)))) / h
        ddq = (2.0 * a0 + s * (6.0 * c3 + s * (12.0 * c4 + s * 20.0 * c5))) / (h * h)
        return Reference(q, dq, ddq)
