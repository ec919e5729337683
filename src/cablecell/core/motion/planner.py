"""Collision-free joint paths: the straight line where it is free, else a sampling planner behind one interface."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cablecell.core.motion.collision import CollisionChecker, RobotGeometry
from cablecell.core.motion.errors import (
    GoalInCollisionError,
    NoPlanError,
    PlannerFaultError,
    StartInCollisionError,
)
from cablecell.core.motion.scene import Scene

Array = NDArray[np.float64]


_STOP_COST_RAD = 0.3
"""Way that takes about as long as the stop at one more waypoint."""


@dataclass(frozen=True)
class PlannerSettings:
    """How hard to look for a path.

    Attributes:
        budget_s: Time the sampling planner may take for all goals together, s.
        edge_resolution_rad: Largest joint step between two collision checks while searching.
        final_resolution_rad: The same for the check of the final path.
        range_rad: Longest edge the sampling planner adds.
        shortcut_attempts: Tries at cutting corners of its path.
        goals_tried: How many goals, nearest first, the sampling planner is given one after the other.
        seed: Seed of all random numbers.
    """

    budget_s: float = 2.0
    edge_resolution_rad: float = 0.02
    final_resolution_rad: float = 0.005
    range_rad: float = 0.6
    shortcut_attempts: int = 40
    goals_tried: int = 3
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("budget_s", "edge_resolution_rad", "final_resolution_rad", "range_rad"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0.0):
                raise ValueError(f"{name} is {value}; it must be finite and above 0")
        if self.goals_tried < 1 or self.shortcut_attempts < 0:
            raise ValueError("goals_tried must be at least 1 and shortcut_attempts at least 0")


@dataclass(frozen=True, eq=False)
class JointPath:
    """A path that is free of collision.

    Attributes:
        waypoints: Positions, shape (k, n), rad, joined by straight joint lines; the first is the start.
        is_direct: True when the straight line to a goal was free.
    """

    waypoints: Array
    is_direct: bool

    @property
    def goal(self) -> Array:
        """The goal that was reached, rad."""
        last: Array = self.waypoints[-1]
        return last


class PathPlanner(Protocol):
    """Finds a path from a start to one of several goals."""

    def plan(self, q_start: ArrayLike, q_goals: Sequence[ArrayLike], scene: Scene, margin_m: float) -> JointPath:
        """Return a path that keeps the margin everywhere; raises a typed error (family 200) if none is found."""
        ...


class RrtConnectPlanner:
    """The straight joint line, else OMPL's RRTConnect with the coal checker and seeded shortcuts.

    The result is checked whatever the planner says: it starts at the start, ends at a goal, is not shorter than the
    straight line, and every edge is free at a fine resolution. OMPL holds the interpreter's lock while it searches, so
    this belongs in a process of its own, away from any control loop.
    """

    def __init__(self, robot: RobotGeometry, settings: PlannerSettings | None = None) -> None:
        """Plan for a robot."""
        self._robot = robot
        self._settings = settings or PlannerSettings()
        self._checker: CollisionChecker | None = None
        self._checker_scene: Scene | None = None

    def checker(self, scene: Scene, margin_m: float) -> CollisionChecker:
        """Return the checker of a scene; the last one is kept, because building one costs some milliseconds."""
        if self._checker is None or self._checker_scene is not scene or self._checker.margin_m != margin_m:
            self._checker = CollisionChecker(self._robot, scene, margin_m)
            self._checker_scene = scene
        return self._checker

    def plan(self, q_start: ArrayLike, q_goals: Sequence[ArrayLike], scene: Scene, margin_m: float) -> JointPath:
        """Return a path from a start to the goal that is nearest and can be reached.

        Args:
            q_start: Present positions, rad.
            q_goals: Positions that are all equally good, such as the branches of one pose; at least one.
            scene: What must not be touched.
            margin_m: Smallest distance to keep, m.

        Raises:
            ValueError: There is no goal.
            JointLimitError: The start or a goal is outside the joint limits.
            StartInCollisionError: The start does not keep the margin.
            GoalInCollisionError: No goal keeps the margin.
            NoPlanError: No path was found within the budget.
        """
        if len(q_goals) == 0:
            raise ValueError("a plan needs at least one goal configuration")
        start = self._robot.model.check_joint_limits(q_start)
        goals = [self._robot.model.check_joint_limits(q) for q in q_goals]
        goals.sort(key=lambda q: float(np.linalg.norm(q - start)))
        checker = self.checker(scene, margin_m)
        if not checker.is_free(start):
            reason = checker.describe(start)
            raise StartInCollisionError(
                f"the start is in collision: {reason}", quantity="start", value=reason, limit=margin_m, unit="m"
            )
        free = [q for q in goals if checker.is_free(q)]
        if not free:
            reason = checker.describe(goals[0])
            count = f"all {len(goals)} goals are" if len(goals) > 1 else "the goal is"
            raise GoalInCollisionError(
                f"{count} in collision, the nearest: {reason}", quantity="goal", value=reason, limit=margin_m, unit="m"
            )
        final = self._settings.final_resolution_rad
        for goal in free:
            if checker.is_edge_free(start, goal, final):
                return _accept(np.array([start, goal]), start, goal, is_direct=True)
        tried = free[: self._settings.goals_tried]
        for goal in tried:
            # A search at the coarse resolution may step over something thin; then it is repeated at the fine one.
            for resolution in (self._settings.edge_resolution_rad, final):
                found = self._search(start, goal, checker, resolution, 0.5 * self._settings.budget_s / len(tried))
                if found is None:
                    break
                path = self._shorten(found, checker, resolution)
                if _is_path_free(path, checker, final):
                    return _accept(path, start, goal, is_direct=False)
        raise NoPlanError(
            f"no path to any of {len(tried)} goals within {self._settings.budget_s} s "
            f"at a margin of {1e3 * margin_m:.1f} mm",
            quantity="budget_s",
            value=self._settings.budget_s,
            limit=self._settings.budget_s,
            unit="s",
        )

    def _search(
        self, start: Array, goal: Array, checker: CollisionChecker, resolution_rad: float, budget_s: float
    ) -> Array | None:
        return _rrt_connect(
            start,
            goal,
            checker,
            self._robot.model.limits.lower,
            self._robot.model.limits.upper,
            resolution_rad=resolution_rad,
            range_rad=self._settings.range_rad,
            budget_s=budget_s,
            seed=self._settings.seed,
        )

    def _shorten(self, path: Array, checker: CollisionChecker, resolution_rad: float) -> Array:
        """Return the path with waypoints left out and corners cut wherever that saves time."""
        rng = np.random.default_rng(self._settings.seed)
        points = _leave_out(list(path), checker, resolution_rad)
        for _ in range(self._settings.shortcut_attempts):
            if len(points) < 3:
                break
            i, j = sorted(rng.integers(0, len(points) - 1, 2).tolist())
            u, v = rng.random(2).tolist()
            if i == j:
                continue
            a = points[i] + u * (points[i + 1] - points[i])
            b = points[j] + v * (points[j + 1] - points[j])
            shorter = [*points[: i + 1], a, b, *points[j + 1 :]]
            if _cost(shorter) >= _cost(points):
                continue
            if checker.is_free(a) and checker.is_free(b) and checker.is_edge_free(a, b, resolution_rad):
                points = shorter
        return np.array(_leave_out(points, checker, resolution_rad))


def _leave_out(points: list[Array], checker: CollisionChecker, resolution_rad: float) -> list[Array]:
    """Return the waypoints without those that a straight line can pass over, looking far ahead first."""
    kept = [points[0]]
    k = 0
    while k < len(points) - 1:
        ahead = len(points) - 1
        while ahead > k + 1 and not checker.is_edge_free(points[k], points[ahead], resolution_rad):
            ahead -= max(1, (ahead - k) // 2)
        k = max(ahead, k + 1)
        kept.append(points[k])
    return kept


def _cost(points: list[Array]) -> float:
    """Return the length of a path, rad, with what its stops cost."""
    length = sum(float(np.linalg.norm(b - a)) for a, b in itertools.pairwise(points))
    return length + _STOP_COST_RAD * (len(points) - 2)


def _accept(path: Array, start: Array, goal: Array, *, is_direct: bool) -> JointPath:
    """Return the path if it leads from the start to the goal.

    Raises:
        PlannerFaultError: It does not; the message says what is wrong.
    """
    fault = ""
    length = float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum())
    straight = float(np.linalg.norm(goal - start))
    if not np.array_equal(path[0], start):
        fault = "does not begin at the start"
    elif not np.array_equal(path[-1], goal):
        fault = "does not end at the goal"
    elif length < straight - 1e-9:
        fault = f"is {length:.4f} rad long, shorter than the straight line of {straight:.4f} rad"
    if fault:
        raise PlannerFaultError(f"the planner's path {fault}; it was thrown away", quantity="path", value=fault)
    return JointPath(path, is_direct)


def _is_path_free(path: Array, checker: CollisionChecker, resolution_rad: float) -> bool:
    return all(checker.is_free(q) for q in path) and all(
        checker.is_edge_free(a, b, resolution_rad) for a, b in itertools.pairwise(path)
    )


def _rrt_connect(
    start: Array,
    goal: Array,
    checker: CollisionChecker,
    lower: Array,
    upper: Array,
    *,
    resolution_rad: float,
    range_rad: float,
    budget_s: float,
    seed: int,
) -> Array | None:
    """Return OMPL's path, shape (k, n), or None when it finds none in time."""
    # Imported late: nothing but a search needs it.
    from ompl import base, geometric, util  # type: ignore[import-untyped]

    util.setLogLevel(util.LogLevel.LOG_NONE)
    dof = len(start)
    space = base.RealVectorStateSpace(dof)
    bounds = base.RealVectorBounds(dof)
    for i in range(dof):
        bounds.setLow(i, float(lower[i]))
        bounds.setHigh(i, float(upper[i]))
    space.setBounds(bounds)
    information = base.SpaceInformation(space)
    information.setStateValidityChecker(lambda state: checker.is_free(state[0:dof]))
    space.setLongestValidSegmentFraction(resolution_rad / space.getMaximumExtent())
    information.setup()
    problem = base.ProblemDefinition(information)
    problem.setStartAndGoalStates(_state(space, start), _state(space, goal))
    planner = geometric.RRTConnect(information)
    util.RNG.setSeed(seed)
    planner.setRange(range_rad)
    planner.setProblemDefinition(problem)
    planner.setup()
    status = planner.solve(budget_s)
    if status.getStatus() != base.PlannerStatus.EXACT_SOLUTION:
        return None
    return np.array([state[0:dof] for state in problem.getSolutionPath().getStates()])


def _state(space: Any, q: Array) -> Any:
    state = space.allocState()
    state[0 : len(q)] = q.tolist()
    return state
