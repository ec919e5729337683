"""Collision-free joint paths: the straight line where it is free, else a sampling planner behind one interface."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cablecell.core.motion.chain import SerialChain
from cablecell.core.motion.collision import CollisionChecker, RobotGeometry
from cablecell.core.motion.compiled import CompiledChecker
from cablecell.core.motion.errors import (
    GoalInCollisionError,
    NoPlanError,
    PlannerFaultError,
    StartInCollisionError,
    UnknownFrameError,
)
from cablecell.core.motion.ik_kernel import follow_numeric
from cablecell.core.motion.scene import Scene
from cablecell.core.motion.search import Search, SearchProblem, search_with_compiled_trees, search_with_ompl, shortened

Array = NDArray[np.float64]

Backend = Literal["ompl", "compiled"]

_RETREAT_STEP_M = 0.01


@dataclass(frozen=True)
class PlannerSettings:
    """How hard to look for a path.

    Attributes:
        backend: "ompl" for OMPL's RRTConnect, "compiled" for our own; the other one is the fallback.
        budget_s: Time the sampling planners may take for all goals together, s.
        edge_resolution_rad: Largest joint step between two collision checks while searching.
        final_resolution_rad: The same for the check of the final path.
        range_rad: Longest edge the sampling planner adds.
        shortcut_attempts: Tries at cutting corners of its path.
        goals_tried: How many goals, nearest first, the sampling planner is given one after the other.
        retreat_m: How far the tool may back out along its axis, from start and goal, to give a search a beginning.
        retreat_frame: Frame whose z axis that is.
        seed: Seed of all random numbers.
    """

    backend: Backend = "ompl"
    budget_s: float = 2.0
    edge_resolution_rad: float = 0.02
    final_resolution_rad: float = 0.005
    range_rad: float = 0.6
    shortcut_attempts: int = 60
    goals_tried: int = 3
    retreat_m: float = 0.08
    retreat_frame: str = "tcp"
    seed: int = 1

    def __post_init__(self) -> None:
        if self.backend not in ("ompl", "compiled"):
            raise ValueError(f"backend is '{self.backend}'; valid are ompl, compiled")
        for name in ("budget_s", "edge_resolution_rad", "final_resolution_rad", "range_rad"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0.0):
                raise ValueError(f"{name} is {value}; it must be finite and above 0")
        if not (math.isfinite(self.retreat_m) and self.retreat_m >= 0.0):
            raise ValueError(f"retreat_m is {self.retreat_m}; it must be finite and not negative")
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
    """The straight joint line, else RRTConnect, of OMPL or our own, and seeded shortcuts.

    Searches run on the compiled checker, whose answers the tests hold to coal's. The result is checked whatever the
    search says: it starts at the start, ends at a goal, is not shorter than the straight line, and every edge is free
    at a fine resolution; with the backend "ompl" coal looks at it, too. OMPL holds the interpreter's lock while it
    searches, so that backend belongs in a process of its own, away from any control loop.
    """

    def __init__(self, robot: RobotGeometry, settings: PlannerSettings | None = None) -> None:
        """Plan for a robot."""
        self._robot = robot
        self._settings = settings or PlannerSettings()
        self._checker: CollisionChecker | None = None
        self._compiled: CompiledChecker | None = None
        self._checker_scene: Scene | None = None
        try:
            self._chain: SerialChain | None = SerialChain.of(robot.model, self._settings.retreat_frame)
        except UnknownFrameError:
            self._chain = None

    def checker(self, scene: Scene, margin_m: float) -> CollisionChecker:
        """Return the checker of a scene; the last one is kept, because building one costs some milliseconds."""
        if self._checker is None or self._checker_scene is not scene or self._checker.margin_m != margin_m:
            self._checker = CollisionChecker(self._robot, scene, margin_m)
            self._compiled = CompiledChecker(self._checker)
            self._checker_scene = scene
        return self._checker

    def compiled(self, scene: Scene, margin_m: float) -> CompiledChecker:
        """Return the compiled twin of the checker of a scene."""
        self.checker(scene, margin_m)
        assert self._compiled is not None
        return self._compiled

    def warm_up(self, q: Array) -> None:
        """Run every compiled part once, at a configuration whose collisions do not matter."""
        checker = self.compiled(Scene(), 0.0)
        self._retreat(q, checker)
        settings, limits = self._settings, self._robot.model.limits
        for search in (search_with_ompl, search_with_compiled_trees):
            search(
                SearchProblem(
                    from_start=q[None, :],
                    from_goal=q[None, :] + 0.1,
                    checker=checker,
                    lower=limits.lower,
                    upper=limits.upper,
                    resolution_rad=settings.edge_resolution_rad,
                    range_rad=settings.range_rad,
                    budget_s=1e-3,
                    seed=settings.seed,
                )
            )
        shortened(np.array([q, q + 0.1, q]), checker, settings.edge_resolution_rad, 1, settings.seed)
        checker.first_collision(q[None, :], settings.final_resolution_rad)
        self._is_path_free(np.array([q, q + 0.1]), checker, self.checker(Scene(), 0.0))

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
            PlannerFaultError: None was but such that break the promise of a search.
        """
        if len(q_goals) == 0:
            raise ValueError("a plan needs at least one goal configuration")
        start = self._robot.model.check_joint_limits(q_start)
        goals = [self._robot.model.check_joint_limits(q) for q in q_goals]
        goals.sort(key=lambda q: float(np.linalg.norm(q - start)))
        truth, checker = self.checker(scene, margin_m), self.compiled(scene, margin_m)
        if not truth.is_free(start):
            reason = truth.describe(start)
            raise StartInCollisionError(
                f"the start is in collision: {reason}", quantity="start", value=reason, limit=margin_m, unit="m"
            )
        free = [q for q in goals if checker.is_free(q)]
        if not free or not any(truth.is_free(q) for q in free):
            reason = truth.describe(goals[0])
            count = f"all {len(goals)} goals are" if len(goals) > 1 else "the goal is"
            raise GoalInCollisionError(
                f"{count} in collision, the nearest: {reason}", quantity="goal", value=reason, limit=margin_m, unit="m"
            )
        for goal in free:
            path = np.array([start, goal])
            if self._is_path_free(path, checker, truth):
                return _accept(path, start, goal, is_direct=True)
        tried = free[: self._settings.goals_tried]
        backends = (self._settings.backend, "compiled" if self._settings.backend == "ompl" else "ompl")
        fault: PlannerFaultError | None = None
        for share, backend in zip((0.6, 0.4), backends, strict=True):
            search = search_with_ompl if backend == "ompl" else search_with_compiled_trees
            for goal in tried:
                path_found = self._search(search, start, goal, checker, truth, share / len(tried))
                if path_found is None:
                    continue
                try:
                    return _accept(path_found, start, goal, is_direct=False)
                except PlannerFaultError as error:
                    fault = error  # another goal or search may do
        if fault is not None:
            raise fault
        raise NoPlanError(
            f"no path to any of {len(tried)} goals within {self._settings.budget_s} s "
            f"at a margin of {1e3 * margin_m:.1f} mm",
            quantity="budget_s",
            value=self._settings.budget_s,
            limit=self._settings.budget_s,
            unit="s",
        )

    def _search(
        self,
        search: Search,
        start: Array,
        goal: Array,
        checker: CompiledChecker,
        truth: CollisionChecker,
        share: float,
    ) -> Array | None:
        """Return a free path, or None; a search that stepped over something thin is repeated at the fine resolution."""
        settings, limits = self._settings, self._robot.model.limits
        problem = SearchProblem(
            from_start=self._retreat(start, checker),
            from_goal=self._retreat(goal, checker),
            checker=checker,
            lower=limits.lower,
            upper=limits.upper,
            resolution_rad=settings.edge_resolution_rad,
            range_rad=settings.range_rad,
            budget_s=0.5 * share * settings.budget_s,
            seed=settings.seed,
        )
        for resolution in (settings.edge_resolution_rad, settings.final_resolution_rad):
            found = search(replace(problem, resolution_rad=resolution))
            if found is None:
                return None
            path = shortened(found, checker, resolution, settings.shortcut_attempts, settings.seed)
            if self._is_path_free(path, checker, truth):
                return path
        return None

    def _retreat(self, q: Array, checker: CompiledChecker) -> Array:
        """Return q and the configurations on the way as the tool backs out along its axis, as long as that is free.

        A tool between two cards gets out along its axis and hardly any other way; samples find that way late.
        """
        steps = [q]
        if self._chain is None or self._settings.retreat_m == 0.0:
            return np.array(steps)
        X = self._robot.model.fk(q, self._settings.retreat_frame)
        limits = self._robot.model.limits
        for _ in range(math.floor(self._settings.retreat_m / _RETREAT_STEP_M + 1e-9)):
            X[:3, 3] -= _RETREAT_STEP_M * X[:3, 2]
            following = steps[-1].copy()
            if not follow_numeric(self._chain.blocks, self._chain.tip, X, following, 1e-9):
                break
            jump = float(np.abs(following - steps[-1]).max())
            if jump > 0.2 or np.any(following < limits.lower) or np.any(following > limits.upper):
                break
            resolution = self._settings.edge_resolution_rad
            if not (checker.is_free(following) and checker.is_edge_free(steps[-1], following, resolution)):
                break
            steps.append(following)
        return np.array(steps)

    def _is_path_free(self, path: Array, checker: CompiledChecker, truth: CollisionChecker) -> bool:
        final = self._settings.final_resolution_rad
        edges = list(itertools.pairwise(path))
        if not all(checker.is_free(q) for q in path) or not all(checker.is_edge_free(a, b, final) for a, b in edges):
            return False
        if self._settings.backend == "compiled":
            return True
        coarse = self._settings.edge_resolution_rad
        return all(truth.is_free(q) for q in path) and all(truth.is_edge_free(a, b, coarse) for a, b in edges)


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
