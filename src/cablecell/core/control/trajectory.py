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
from cablecell.core.control.validation import ACCELERATION_LIMIT
from cablecell.core.geometry import Array

START_TOLERANCE_RAD = 0.05
"""How far the first point of a motion may be from where the arm is: more would be a jump."""

_LEAST_STEP_S, _LONGEST_S = 1.0e-6, 1.0e5
"""Shortest time between two points, and the longest trajectory."""

_BETWEEN = 7
"""Places between two points where the limits are looked at, too."""
_POSITION_SLACK_RAD, _VELOCITY_SLACK = 0.005, 1.1
"""What interpolation may add to a position, rad, and as a factor to a velocity: points at a limit overshoot it."""


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
        TrajectoryRejectedError: Wrong shapes, NaN, times that do not increase, accelerations beyond reason, a position
            or velocity beyond the limits at a point or between two, or a first point further than
            `START_TOLERANCE_RAD` from where the arm is (code 309).
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
    if t[0] < 0.0 or (np.diff(t) < _LEAST_STEP_S).any() or t[-1] > _LONGEST_S:
        i = int(np.argmax(np.diff(t) < _LEAST_STEP_S)) if t[0] >= 0.0 and t[-1] <= _LONGEST_S else 0
        raise TrajectoryRejectedError(
            f"time_from_start must be >= 0, strictly increase by at least {_LEAST_STEP_S} s and end within "
            f"{_LONGEST_S} s; point {i} is at {t[i]:.6g} s of {t[-1]:.6g} s",
            quantity="time_from_start",
            value=float(t[i]),
            limit=f"strictly increasing by {_LEAST_STEP_S} s, up to {_LONGEST_S} s",
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
    if trajectory.accelerations is not None and float(np.abs(trajectory.accelerations).max()) > ACCELERATION_LIMIT:
        raise TrajectoryRejectedError(
            f"accelerations reach {float(np.abs(trajectory.accelerations).max()):.4g} rad/s^2; the limit is "
            f"{ACCELERATION_LIMIT:.4g} rad/s^2",
            quantity="accelerations",
            value=float(np.abs(trajectory.accelerations).max()),
            limit=ACCELERATION_LIMIT,
            unit="rad/s^2",
        )
    _require_between_points(trajectory, limits)
    distance = float(np.abs(q[0] - q_now).max())
    if distance > START_TOLERANCE_RAD:
        raise TrajectoryRejectedError(
            f"the first point is {distance:.4f} rad away from the arm; the limit is {START_TOLERANCE_RAD} rad",
            quantity="start_distance",
            value=distance,
            limit=START_TOLERANCE_RAD,
            unit="rad",
        )


def _require_between_points(trajectory: JointTrajectory, limits: JointLimits) -> None:
    """Refuse a curve that leaves the limits between its points, by more than rounding and the interpolation's own."""
    t = trajectory.times_s
    h = np.diff(t)[:, None, None]
    s = np.linspace(0.0, 1.0, _BETWEEN + 2)[1:-1][None, :, None]
    start, end = slice(None, -1), slice(1, None)

    def points(values: Array, part: slice) -> Array:
        return values[part][:, None, :]

    p0, p1 = points(trajectory.positions, start), points(trajectory.positions, end)
    v0, v1 = points(trajectory.velocities, start), points(trajectory.velocities, end)
    a = trajectory.accelerations
    a0, a1 = (points(a, start), points(a, end)) if a is not None else (None, None)
    curve = _interpolate(p0, p1, v0, v1, a0, a1, h, s)
    for name, values, least, most, unit in (
        ("position", curve.q, limits.lower - _POSITION_SLACK_RAD, limits.upper + _POSITION_SLACK_RAD, "rad"),
        ("velocity", curve.dq, -_VELOCITY_SLACK * limits.velocity, _VELOCITY_SLACK * limits.velocity, "rad/s"),
    ):
        outside = ~((values >= least) & (values <= most))
        if outside.any():
            i, k, j = (int(index) for index in np.argwhere(outside)[0])
            value = float(values[i, k, j])
            raise TrajectoryRejectedError(
                f"{name} of joint {j} between points {i} and {i + 1} reaches {value:.4g} {unit}; the limits are "
                f"[{least[j]:.4f}, {most[j]:.4f}] {unit}",
                quantity=f"{name}[{i}..{i + 1},{j}]",
                value=value,
                limit=f"[{least[j]:.4f}, {most[j]:.4f}]",
                unit=unit,
            )


def _interpolate(
    p0: Array, p1: Array, v0: Array, v1: Array, a0: Array | None, a1: Array | None, h: Array | float, s: Array | float
) -> Reference:
    """Return the cubic, or with accelerations the quintic, at a share `s` between points that are `h` seconds apart."""
    m0, m1, d = v0 * h, v1 * h, p1 - p0
    if a0 is None or a1 is None:
        b, c = 3.0 * d - 2.0 * m0 - m1, m0 + m1 - 2.0 * d
        q = p0 + s * (m0 + s * (b + s * c))
        return Reference(q, (m0 + s * (2.0 * b + 3.0 * s * c)) / h, (2.0 * b + 6.0 * s * c) / (h * h))
    b0, b1 = 0.5 * h * h * a0, 0.5 * h * h * a1
    u, v, w = d - m0 - b0, m1 - m0 - 2.0 * b0, b1 - b0
    c3, c4, c5 = 10.0 * u - 4.0 * v + w, -15.0 * u + 7.0 * v - 2.0 * w, 6.0 * u - 3.0 * v + w
    q = p0 + s * (m0 + s * (b0 + s * (c3 + s * (c4 + s * c5))))
    dq = (m0 + s * (2.0 * b0 + s * (3.0 * c3 + s * (4.0 * c4 + s * 5.0 * c5)))) / h
    return Reference(q, dq, (2.0 * b0 + s * (6.0 * c3 + s * (12.0 * c4 + s * 20.0 * c5))) / (h * h))


class TrajectoryFollower:
    """Plays one trajectory tick by tick; a cancel slows down along the path instead of cutting the corner.

    Attributes:
        state: What it is doing.
        fault: Why it gave up; None otherwise.
        present: Where the arm should be at the time of the last step: what a torque is computed from. What `step`
            returns is one period later: what an arm is told that goes there by itself.
        speed_scale: Share of its own speed at which the trajectory is played, along the same path; may be changed at
            any time, and is approached as a cancel slows down.
    """

    def __init__(
        self, trajectory: JointTrajectory, tolerances: Tolerances, stop_time_s: float, speed_scale: float = 1.0
    ) -> None:
        self._trajectory = trajectory
        self._tolerances = tolerances
        self._stop_time_s = stop_time_s
        self._time_s = 0.0
        self.speed_scale = self._rate = speed_scale
        self._settled_for_s = 0.0
        self.state = FollowState.RUNNING
        self.fault: ExecutionError | None = None
        self.present = self._standing(self._sample())

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
        elif self._rate != self.speed_scale:
            most = dt_s / self._stop_time_s
            rate_change = min(max(self.speed_scale - self._rate, -most), most)
            self._rate += rate_change
        self.present = self._moving(before, rate_change / dt_s)
        self._time_s = min(self._time_s + self._rate * dt_s, float(self._trajectory.times_s[-1]))
        return self._moving(self._sample(), rate_change / dt_s)

    def _moving(self, sample: Reference, rate_per_s: float) -> Reference:
        """Return a point of the path as it is passed with the present rate."""
        if self.state not in (FollowState.RUNNING, FollowState.STOPPING):
            return self._standing(sample)
        ddq = sample.ddq * self._rate * self._rate + sample.dq * rate_per_s
        return Reference(sample.q, sample.dq * self._rate, ddq)

    def _standing(self, sample: Reference) -> Reference:
        zero = np.zeros_like(sample.q)
        return Reference(sample.q, zero, zero)

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
        q, v, a = trajectory.positions, trajectory.velocities, trajectory.accelerations
        a0, a1 = (None, None) if a is None else (a[i], a[i + 1])
        return _interpolate(q[i], q[i + 1], v[i], v[i + 1], a0, a1, h, s)
