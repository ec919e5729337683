"""Timed joint trajectories, their sampling, and predicates that say whether one may be run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cablecell.core.motion.errors import LimitsExceededError
from cablecell.core.motion.trajectory_kernel import limit_use

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MotionLimits:
    """What a motion may use of the arm, shape (n,) each, all above zero.

    Attributes:
        velocity: rad/s.
        acceleration: rad/s².
        jerk: rad/s³.
    """

    velocity: Array
    acceleration: Array
    jerk: Array

    def __post_init__(self) -> None:
        for name in ("velocity", "acceleration", "jerk"):
            values = np.asarray(getattr(self, name), dtype=float)
            object.__setattr__(self, name, values)
            if values.ndim != 1 or values.shape != np.shape(self.velocity):
                raise ValueError(f"limit of {name} has shape {values.shape}; expected {np.shape(self.velocity)}")
            if not (np.all(np.isfinite(values)) and np.all(values > 0.0)):
                raise ValueError(f"limit of {name} is {values}; every value must be finite and above 0")

    @staticmethod
    def uniform(dof: int, velocity: float, acceleration: float, jerk: float) -> MotionLimits:
        """Return the same limits for every joint: rad/s, rad/s², rad/s³."""
        return MotionLimits(np.full(dof, velocity), np.full(dof, acceleration), np.full(dof, jerk))

    def scaled(self, velocity_scale: float, acceleration_scale: float | None = None) -> MotionLimits:
        """Return limits for a slower motion; jerk scales with acceleration.

        Args:
            velocity_scale: Factor in (0, 1].
            acceleration_scale: Factor in (0, 1]; the velocity's where it is not given.

        Raises:
            ValueError: A factor is outside (0, 1].
        """
        second = velocity_scale if acceleration_scale is None else acceleration_scale
        for name, factor in (("velocity_scale", velocity_scale), ("acceleration_scale", second)):
            if not 0.0 < factor <= 1.0:
                raise ValueError(f"{name} is {factor}; it must be above 0 and at most 1")
        return MotionLimits(self.velocity * velocity_scale, self.acceleration * second, self.jerk * second)


@dataclass(frozen=True)
class JointSample:
    """State of a trajectory at one time.

    Attributes:
        q: Positions, shape (n,), rad.
        dq: Velocities, shape (n,), rad/s.
        ddq: Accelerations, shape (n,), rad/s².
    """

    q: Array
    dq: Array
    ddq: Array


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Knots in time with position, velocity and acceleration, joined by quintic polynomials.

    Between two knots the polynomial is the one that meets both states, which is also what a ROS joint trajectory
    controller runs. Motions of constant jerk between knots are reproduced exactly.

    Attributes:
        joint_names: Order of the joint vectors.
        times_s: Times of the knots from 0, strictly increasing, shape (k,), s.
        q: Positions, shape (k, n), rad.
        dq: Velocities, shape (k, n), rad/s.
        ddq: Accelerations, shape (k, n), rad/s².
    """

    joint_names: tuple[str, ...]
    times_s: Array
    q: Array
    dq: Array
    ddq: Array

    def __post_init__(self) -> None:
        shape = (len(self.times_s), len(self.joint_names))
        for name in ("q", "dq", "ddq"):
            if getattr(self, name).shape != shape:
                raise ValueError(f"trajectory {name} has shape {getattr(self, name).shape}; expected {shape}")
            if not np.all(np.isfinite(getattr(self, name))):
                raise ValueError(f"trajectory {name} holds a value that is not finite")
        if shape[0] < 1 or self.times_s[0] != 0.0 or not np.all(np.diff(self.times_s) > 0.0):
            raise ValueError("trajectory times must start at 0 and increase strictly")

    @property
    def duration_s(self) -> float:
        """Time of the last knot, s."""
        return float(self.times_s[-1])

    @property
    def start(self) -> Array:
        """First positions, rad."""
        first: Array = self.q[0]
        return first

    @property
    def goal(self) -> Array:
        """Last positions, rad."""
        last: Array = self.q[-1]
        return last

    def sample(self, time_s: float) -> JointSample:
        """Return the state at a time; before the start and after the end the arm rests there."""
        q, dq, ddq = self.sample_at(np.array([time_s]))
        return JointSample(q[0], dq[0], ddq[0])

    def sample_at(self, times_s: Array) -> tuple[Array, Array, Array]:
        """Return (q, dq, ddq), shape (m, n) each, at m times; outside the trajectory the arm rests at its end."""
        inside = np.clip(times_s, 0.0, self.duration_s)
        if len(self.times_s) == 1:
            rest = np.zeros((len(inside), len(self.joint_names)))
            return np.repeat(self.q, len(inside), axis=0), rest, rest.copy()
        k = np.clip(np.searchsorted(self.times_s, inside, side="right") - 1, 0, len(self.times_s) - 2)
        h = (self.times_s[k + 1] - self.times_s[k])[:, None]
        u = (inside - self.times_s[k])[:, None] / h
        c0, c1, c2, c3, c4, c5 = self._coefficients(k, h)
        q = c0 + u * (c1 + u * (c2 + u * (c3 + u * (c4 + u * c5))))
        dq = (c1 + u * (2 * c2 + u * (3 * c3 + u * (4 * c4 + u * 5 * c5)))) / h
        ddq = (2 * c2 + u * (6 * c3 + u * (12 * c4 + u * 20 * c5))) / h**2
        outside = (times_s < 0.0) | (times_s > self.duration_s)
        dq[outside] = 0.0
        ddq[outside] = 0.0
        return q, dq, ddq

    def sample_every(self, period_s: float) -> tuple[Array, Array, Array, Array]:
        """Return (times, q, dq, ddq) at a fixed period and at the end; the last period is up to a tenth longer.

        So the last two samples are never so near to each other that whoever follows them takes them for one time.
        """
        count = max(int(np.ceil(self.duration_s / period_s - 0.1)), int(self.duration_s > 0.0))
        times = np.append(period_s * np.arange(count), self.duration_s)
        return (times, *self.sample_at(times))

    def then(self, following: Trajectory) -> Trajectory:
        """Return this trajectory followed by another that starts where it ends.

        Raises:
            ValueError: The other has different joints or starts elsewhere.
        """
        if following.joint_names != self.joint_names:
            raise ValueError(f"cannot join trajectories of {self.joint_names} and {following.joint_names}")
        gap = float(np.abs(following.start - self.goal).max())
        if gap > 1e-9:
            raise ValueError(f"the second trajectory starts {gap:.2e} rad from the end of the first; the limit is 1e-9")
        return Trajectory(
            self.joint_names,
            np.concatenate([self.times_s, self.duration_s + following.times_s[1:]]),
            np.concatenate([self.q, following.q[1:]]),
            np.concatenate([self.dq, following.dq[1:]]),
            np.concatenate([self.ddq, following.ddq[1:]]),
        )

    def _coefficients(self, k: NDArray[np.intp], h: Array) -> tuple[Array, ...]:
        p0, p1 = self.q[k], self.q[k + 1]
        v0, v1 = h * self.dq[k], h * self.dq[k + 1]
        a0, a1 = h * h * self.ddq[k], h * h * self.ddq[k + 1]
        d = p1 - p0
        return (
            p0,
            v0,
            0.5 * a0,
            10.0 * d - 6.0 * v0 - 4.0 * v1 - 1.5 * a0 + 0.5 * a1,
            -15.0 * d + 8.0 * v0 + 7.0 * v1 + 1.5 * a0 - a1,
            6.0 * d - 3.0 * v0 - 3.0 * v1 - 0.5 * a0 + 0.5 * a1,
        )


@dataclass(frozen=True)
class LimitUse:
    """How much of its limits a trajectory uses at most; 1 is all of it.

    Attributes:
        velocity: Largest ratio of any joint at any time.
        acceleration: The same.
        jerk: The same, of the mean jerk over one sampling period.
    """

    velocity: float
    acceleration: float
    jerk: float


def measure_limit_use(trajectory: Trajectory, limits: MotionLimits, period_s: float = 0.002) -> LimitUse:
    """Return the largest use of each limit, measured on samples, independent of how the trajectory was made."""
    use = np.zeros(3)
    limit_use(
        trajectory.times_s,
        trajectory.q,
        trajectory.dq,
        trajectory.ddq,
        limits.velocity,
        limits.acceleration,
        limits.jerk,
        period_s,
        use,
    )
    return LimitUse(float(use[0]), float(use[1]), float(use[2]))


def is_at_rest(trajectory: Trajectory, tolerance: float = 1e-9) -> bool:
    """Return whether velocity and acceleration are zero at both ends."""
    ends = (trajectory.dq[0], trajectory.dq[-1], trajectory.ddq[0], trajectory.ddq[-1])
    return all(float(np.abs(end).max()) <= tolerance for end in ends)


def check_trajectory(
    trajectory: Trajectory,
    limits: MotionLimits,
    lower: Array,
    upper: Array,
    tolerance: float = 1.02,
    jerk_tolerance: float = 1.05,
) -> None:
    """Check a trajectory against limits of position, velocity, acceleration and jerk.

    Args:
        trajectory: What is to be run.
        limits: What it may use.
        lower: Smallest positions, rad.
        upper: Largest positions, rad.
        tolerance: How much of velocity and acceleration may be used, 1 being all.
        jerk_tolerance: The same for jerk, which is a finite difference.

    Raises:
        LimitsExceededError: It exceeds one; the message says which, by how much, and of which joint a position is.
    """
    outside = np.argwhere((trajectory.q < lower - 1e-9) | (trajectory.q > upper + 1e-9))
    if outside.size:
        k, i = (int(index) for index in outside[0])
        span = f"{lower[i]:.4f}..{upper[i]:.4f}"
        raise LimitsExceededError(
            f"{trajectory.joint_names[i]} would be at {trajectory.q[k, i]:.4f} rad after "
            f"{trajectory.times_s[k]:.3f} s; the limits are {span} rad",
            quantity=trajectory.joint_names[i],
            value=float(trajectory.q[k, i]),
            limit=span,
            unit="rad",
        )
    use = measure_limit_use(trajectory, limits)
    checks = (("velocity", tolerance), ("acceleration", tolerance), ("jerk", jerk_tolerance))
    for name, allowed in checks:
        ratio = getattr(use, name)
        if ratio > allowed:
            raise LimitsExceededError(
                f"the trajectory uses {ratio:.3f} of its {name} limit; at most {allowed:.2f} is allowed",
                quantity=name,
                value=ratio,
                limit=allowed,
            )
