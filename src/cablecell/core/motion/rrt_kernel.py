"""Two trees that grow towards each other, and the shortening of the path they give, compiled.

The random numbers are the kernel's own, so that a path depends on the seed alone, not on the machine or the thread.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cablecell.core.motion.collision_kernel import Cell, Memory, is_edge_free, is_state_free

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

STOP_COST_RAD = 0.3
"""Way that takes about as long as the stop at one more waypoint."""


@njit(cache=True, error_model="numpy")
def next_random(state: NDArray[np.uint64]) -> float:
    """Return a number in [0, 1) and advance the state, shape (1,) (xorshift64*, Vigna 2016)."""
    x = state[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    state[0] = x
    return float((x * np.uint64(2685821657736338717)) >> np.uint64(11)) / 9007199254740992.0


@njit(cache=True, error_model="numpy")
def _nearest(tree: Array, count: int, q: Array) -> int:
    best, found = np.inf, 0
    for k in range(count):
        square = 0.0
        for j in range(q.shape[0]):
            square += (tree[k, j] - q[j]) ** 2
        if square < best:
            best, found = square, k
    return found


@njit(cache=True, error_model="numpy")
def _step(start: Array, goal: Array, longest: float, out: Array) -> bool:
    """Write the goal, or the point on the way to it that is `longest` rad away; return whether it is the goal."""
    square = 0.0
    for j in range(goal.shape[0]):
        square += (goal[j] - start[j]) ** 2
    distance = math.sqrt(square)
    if distance <= longest:
        out[:] = goal
        return True
    for j in range(goal.shape[0]):
        out[j] = start[j] + longest / distance * (goal[j] - start[j])
    return False


@njit(cache=True, error_model="numpy")
def grow_trees(
    cell: Cell,
    memory: Memory,
    trees: Array,
    parents: Integers,
    counts: Integers,
    state: NDArray[np.uint64],
    near_low: Array,
    near_high: Array,
    low: Array,
    high: Array,
    longest: float,
    resolution: float,
    iterations: int,
    meeting: Integers,
) -> int:
    """Grow two trees for some iterations.

    Args:
        cell: What is checked.
        memory: For it.
        trees: Configurations, shape (2, capacity, n).
        parents: Indices, -1 at a root, shape (2, capacity).
        counts: How many there are, shape (2,).
        state: Of the random numbers.
        near_low: Half of the samples are at least this, around start and goal.
        near_high: And at most this.
        low: The other half are at least this.
        high: And at most this.
        longest: Longest edge, rad.
        resolution: Largest joint step between two checks, rad.
        iterations: Samples to draw.
        meeting: Receives where the trees have met, shape (2,).

    Returns:
        1 when they have met, 0 when not yet, -1 when there is no room for more.
    """
    n = low.shape[0]
    sample, new, reached = np.empty(n), np.empty(n), np.empty(n)
    for iteration in range(iterations):
        a = iteration % 2
        b = 1 - a
        is_near = next_random(state) < 0.5
        for j in range(n):
            u = next_random(state)
            sample[j] = near_low[j] + u * (near_high[j] - near_low[j]) if is_near else low[j] + u * (high[j] - low[j])
        from_a = _nearest(trees[a], counts[a], sample)
        _step(trees[a, from_a], sample, longest, new)
        if not is_state_free(cell, memory, new):
            continue
        if not is_edge_free(cell, memory, trees[a, from_a], new, resolution):
            continue
        if counts[a] == trees.shape[1]:
            return -1
        trees[a, counts[a]] = new
        parents[a, counts[a]] = from_a
        counts[a] += 1
        # The other tree comes as near as it can.
        at = _nearest(trees[b], counts[b], new)
        while True:
            is_there = _step(trees[b, at], new, longest, reached)
            if not is_there and not is_state_free(cell, memory, reached):
                break
            if not is_edge_free(cell, memory, trees[b, at], reached, resolution):
                break
            if is_there:
                meeting[a], meeting[b] = counts[a] - 1, at
                return 1
            if counts[b] == trees.shape[1]:
                return -1
            trees[b, counts[b]] = reached
            parents[b, counts[b]] = at
            at = counts[b]
            counts[b] += 1
    return 0


@njit(cache=True, error_model="numpy")
def _length(path: Array, first: int, last: int) -> float:
    total = 0.0
    for k in range(first, last):
        square = 0.0
        for j in range(path.shape[1]):
            square += (path[k + 1, j] - path[k, j]) ** 2
        total += math.sqrt(square)
    return total


@njit(cache=True, error_model="numpy")
def leave_out(cell: Cell, memory: Memory, path: Array, count: int, resolution: float) -> int:
    """Remove the waypoints that a straight line can pass over, looking far ahead first; return how many are left."""
    kept, k = 0, 0
    while k < count - 1:
        ahead = count - 1
        while ahead > k + 1 and not is_edge_free(cell, memory, path[kept], path[ahead], resolution):
            ahead -= max(1, (ahead - k) // 2)
        k = max(ahead, k + 1)
        kept += 1
        path[kept] = path[k]
    return kept + 1


@njit(cache=True, error_model="numpy")
def shorten(
    cell: Cell,
    memory: Memory,
    path: Array,
    count: int,
    state: NDArray[np.uint64],
    resolution: float,
    attempts: int,
) -> int:
    """Leave out waypoints and cut corners wherever that saves time; return how many waypoints are left.

    Args:
        cell: What is checked.
        memory: For it.
        path: Waypoints, shape (capacity, n); replaced.
        count: How many there are.
        state: Of the random numbers.
        resolution: Largest joint step between two checks, rad.
        attempts: Corners to try.
    """
    n = path.shape[1]
    count = leave_out(cell, memory, path, count, resolution)
    a, b = np.empty(n), np.empty(n)
    trial = np.empty((4, n))
    for _ in range(attempts):
        if count < 3 or count + 2 > path.shape[0]:
            break
        i, j = int(next_random(state) * (count - 1)), int(next_random(state) * (count - 1))
        u, v = next_random(state), next_random(state)
        if i == j:
            continue
        if i > j:
            i, j = j, i
        for m in range(n):
            a[m] = path[i, m] + u * (path[i + 1, m] - path[i, m])
            b[m] = path[j, m] + v * (path[j + 1, m] - path[j, m])
        trial[0], trial[1], trial[2], trial[3] = path[i], a, b, path[j + 1]
        # The waypoints i + 1 … j go, a and b come.
        change = _length(trial, 0, 3) - _length(path, i, j + 1) + STOP_COST_RAD * (2 - (j - i))
        if change >= 0.0 or not (is_state_free(cell, memory, a) and is_state_free(cell, memory, b)):
            continue
        if not is_edge_free(cell, memory, a, b, resolution):
            continue
        gone = j - i
        if gone == 1:
            for k in range(count, j + 1, -1):
                path[k] = path[k - 1]
        elif gone > 2:
            for k in range(j + 1, count):
                path[k - gone + 2] = path[k]
        path[i + 1] = a
        path[i + 2] = b
        count += 2 - gone
    return leave_out(cell, memory, path, count, resolution)
