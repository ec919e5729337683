"""Random timing problems, from hairbreadth moves to whole turns, and the judgement of what is made of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cablecell.core.motion.timing import time_joint_path
from cablecell.core.motion.trajectory import MotionLimits, is_at_rest, measure_limit_use

Array = NDArray[np.float64]

JOINTS = tuple(f"joint_{k}" for k in range(1, 7))
GRID_S = 0.0002


@dataclass(frozen=True, eq=False)
class TimingProblem:
    """Joint lines and the limits of the joints.

    Attributes:
        waypoints: Positions, shape (k, 6), rad.
        limits: What the joints may do.
    """

    waypoints: Array
    limits: MotionLimits


@dataclass(frozen=True)
class Verdict:
    """What a trajectory uses of its limits, 1 being all, and whether it goes where it should.

    Attributes:
        velocity: Largest use.
        acceleration: Largest use.
        jerk: Largest use.
        is_on_path: It rests at both ends and passes every waypoint.
    """

    velocity: float
    acceleration: float
    jerk: float
    is_on_path: bool


def random_problem(seed: int, number: int) -> TimingProblem:
    """Return one to four lines between 1e-6 and 6 rad long, with limits over two decades."""
    rng = np.random.default_rng((seed, number))
    count = int(rng.integers(1, 5))
    steps = rng.normal(size=(count, 6)) * (rng.random((count, 6)) < 0.8)
    largest = np.abs(steps).max(axis=1, keepdims=True)
    steps *= 10.0 ** rng.uniform(-6.0, 0.78, (count, 1)) / np.where(largest > 0.0, largest, 1.0)
    waypoints = np.vstack([np.zeros(6), np.cumsum(steps, axis=0)])
    limits = MotionLimits(
        10.0 ** rng.uniform(-0.5, 0.8, 6), 10.0 ** rng.uniform(0.0, 1.5, 6), 10.0 ** rng.uniform(1.0, 3.0, 6)
    )
    return TimingProblem(waypoints, limits)


def judge(problem: TimingProblem) -> Verdict:
    """Return what the timing of a problem uses of its limits, on a grid of 0.2 ms."""
    trajectory = time_joint_path(problem.waypoints, problem.limits, JOINTS)
    use = measure_limit_use(trajectory, problem.limits, GRID_S)
    misses = [float(np.abs(trajectory.q - point).max(axis=1).min()) for point in problem.waypoints]
    return Verdict(use.velocity, use.acceleration, use.jerk, is_at_rest(trajectory) and max(misses) < 1e-9)
