"""The searches behind the planner: OMPL's RRTConnect, and our own compiled one; both take beginnings at either end.

A beginning is a free path that leads away from the start or the goal. The last of its configurations is where OMPL
starts; our own trees start with all of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cablecell.core.motion import collision_kernel, rrt_kernel
from cablecell.core.motion.compiled import CompiledChecker

Array = NDArray[np.float64]

_CAPACITY = 6000
_CHUNK = 50
_NEAR_RAD = 0.8
"""Half of the samples are at most this far beside the box that start and goal span."""


@dataclass(frozen=True, eq=False)
class SearchProblem:
    """Two beginnings to be joined, and how.

    Attributes:
        from_start: Free path from the start, shape (≥ 1, n), rad.
        from_goal: Free path from the goal, shape (≥ 1, n), rad.
        checker: What tells free configurations and edges.
        lower: Smallest positions, shape (n,), rad.
        upper: Largest positions, shape (n,), rad.
        resolution_rad: Largest joint step between two checks.
        range_rad: Longest edge.
        budget_s: Longest time, s.
        seed: Of all random numbers.
    """

    from_start: Array
    from_goal: Array
    checker: CompiledChecker
    lower: Array
    upper: Array
    resolution_rad: float
    range_rad: float
    budget_s: float
    seed: int


Search = Callable[[SearchProblem], Array | None]
"""Returns a path from the first row of one beginning to the first row of the other, or None."""


def search_with_compiled_trees(problem: SearchProblem) -> Array | None:
    """Search with our own RRTConnect. The result depends on the seed alone unless the time runs out."""
    from_start, from_goal = problem.from_start, problem.from_goal
    dof = from_start.shape[1]
    trees, parents = np.empty((2, _CAPACITY, dof)), np.full((2, _CAPACITY), -1, dtype=np.int64)
    counts = np.zeros(2, dtype=np.int64)
    for t, beginning in enumerate((from_start, from_goal)):
        counts[t] = len(beginning)
        trees[t, : len(beginning)] = beginning
        parents[t, 1 : len(beginning)] = np.arange(len(beginning) - 1)
    ends = np.array([from_start[0], from_goal[0]])
    low, high = ends.min(axis=0), ends.max(axis=0)
    near = np.maximum(low - _NEAR_RAD, problem.lower), np.minimum(high + _NEAR_RAD, problem.upper)
    wide = np.maximum(low - np.pi, problem.lower), np.minimum(high + np.pi, problem.upper)
    state = _generator(problem.seed)
    meeting = np.zeros(2, dtype=np.int64)
    end_s = time.monotonic() + problem.budget_s
    while True:
        outcome = rrt_kernel.grow_trees(
            problem.checker.cell,
            problem.checker.memory,
            trees,
            parents,
            counts,
            state,
            *near,
            *wide,
            problem.range_rad,
            problem.resolution_rad,
            _CHUNK,
            meeting,
        )
        if outcome > 0:
            there, back = (_to_root(trees[t], parents[t], int(meeting[t])) for t in range(2))
            return np.array([*there[::-1], *back])
        if outcome < 0 or time.monotonic() > end_s:
            return None


def _generator(seed: int) -> NDArray[np.uint64]:
    """Return a state of the kernel's random numbers in which neighbouring seeds have nothing in common."""
    mixed: NDArray[np.uint64] = np.random.SeedSequence(seed).generate_state(1, np.uint64) | np.uint64(1)
    return mixed


def _to_root(tree: Array, parents: NDArray[np.int64], k: int) -> list[Array]:
    path = []
    while k >= 0:
        path.append(tree[k].copy())
        k = int(parents[k])
    return path


def shortened(path: Array, checker: CompiledChecker, resolution_rad: float, attempts: int, seed: int) -> Array:
    """Return a path with waypoints left out and corners cut wherever that saves time."""
    room = np.empty((len(path) + 2 * attempts + 2, path.shape[1]))
    room[: len(path)] = path
    state = _generator(seed)
    count = rrt_kernel.shorten(checker.cell, checker.memory, room, len(path), state, resolution_rad, attempts)
    return room[:count].copy()


def search_with_ompl(problem: SearchProblem) -> Array | None:
    """Search with OMPL's RRTConnect, whose edges the compiled checker judges."""
    # Imported late: nothing but this search needs it.
    from ompl import base, geometric, util  # type: ignore[import-untyped]

    util.setLogLevel(util.LogLevel.LOG_NONE)
    checker, start, goal = problem.checker, problem.from_start[-1], problem.from_goal[-1]
    dof = len(start)
    space = base.RealVectorStateSpace(dof)
    limits = base.RealVectorBounds(dof)
    for i in range(dof):
        limits.setLow(i, float(problem.lower[i]))
        limits.setHigh(i, float(problem.upper[i]))
    space.setBounds(limits)
    information = base.SpaceInformation(space)
    information.setStateValidityChecker(lambda state: checker.is_free(np.array(state[0:dof])))
    information.setMotionValidator(_edge_validator(base, information, checker, problem.resolution_rad, dof))
    information.setup()
    definition = base.ProblemDefinition(information)
    definition.setStartAndGoalStates(_state(space, start), _state(space, goal))
    planner = geometric.RRTConnect(information)
    util.RNG.setSeed(problem.seed)
    planner.setRange(problem.range_rad)
    planner.setProblemDefinition(definition)
    planner.setup()
    status = planner.solve(problem.budget_s)
    if status.getStatus() != base.PlannerStatus.EXACT_SOLUTION:
        return None
    states = [np.array(state[0:dof]) for state in definition.getSolutionPath().getStates()]
    return np.array([*problem.from_start[:-1], *states, *problem.from_goal[-2::-1]])


def _edge_validator(base: Any, information: Any, checker: CompiledChecker, resolution_rad: float, dof: int) -> Any:
    """Return an OMPL motion validator; its class can only be made once the library is imported."""

    class Edges(base.MotionValidator):
        def checkMotion(self, first: Any, second: Any) -> bool:  # noqa: N802 - OMPL's name
            a, b = np.array(first[0:dof]), np.array(second[0:dof])
            return checker.is_free(b) and bool(
                collision_kernel.is_edge_free(checker.cell, checker.memory, a, b, resolution_rad)
            )

    return Edges(information)


def _state(space: Any, q: Array) -> Any:
    state = space.allocState()
    state[0 : len(q)] = q.tolist()
    return state
