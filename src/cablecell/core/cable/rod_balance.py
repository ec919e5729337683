"""Newton's method for the shape of least energy of a rod, and what the rod then does to its near end; compiled."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cablecell.core.cable.banded import factorise, solve
from cablecell.core.cable.chain import BAND, FREE, PLUGGED, Chain, Work
from cablecell.core.cable.rod_energy import bend, derivatives, energy, twist

Array = NDArray[np.float64]
Vec3 = tuple[float, float, float]

_ENOUGH = 1.0e-4
"""Share of the slope's promise that a step must keep."""
_SHIFTS = 30
_SHORTEST = 1.0e-6
"""Smallest share of a step that is tried."""


@njit(cache=True, error_model="numpy")
def _factorise_shifted(band: Array, least: float, start: int, stop: int, factor: Array) -> bool:
    """Factorise, with as much added to the diagonal as makes the matrix positive definite: where the rod gives way.

    Returns:
        False where nothing helps: the shape is not a number any more.
    """
    shift = 0.0
    for _ in range(_SHIFTS):
        if factorise(band, shift, start, stop, factor):
            return True
        shift = max(4.0 * shift, least)
    return False


@njit(cache=True, error_model="numpy")
def _least_shift(chain: Chain) -> float:
    """Return a stiffness that is small beside that of bending, or of stretching where nothing resists bending."""
    length = chain.lengths[0]
    return float(0.1 * chain.rod[0] / length**3 + 1.0e-7 * chain.rod[1] / length)


@njit(cache=True, error_model="numpy")
def find_balance(
    x: Array, chain: Chain, turn: float, tolerance: float, most: int, work: Work
) -> tuple[int, float, float]:
    """Move the free nodes to where no force is left on them.

    Args:
        x: Nodes to start from; the held ones stay, the others are replaced.
        chain: The rod.
        turn: Angle of twist of the whole rod now, rad, to choose its nearest equivalent.
        tolerance: Largest force left, N.
        most: Largest number of iterations.
        work: Work space; its gradient includes twist afterwards.

    Returns:
        Iterations, the largest force left, N, and the angle of twist, rad.
    """
    n, hold, ends, rod = chain.lengths.shape[0], chain.hold, chain.ends, chain.rod
    gradient, slope, band, factor = work.gradient, work.slope, work.band, work.factor
    start, stop = 3, 3 * n + (3 if hold == FREE else 0)
    twisting = rod[2] / chain.lengths.sum()
    least = _least_shift(chain)
    step, tried, across = np.zeros(3 * n + 3), x.copy(), np.zeros(3 * n + 3)
    unused = np.empty(3 * n + 3)
    if hold == PLUGGED:
        turn = twist(x, ends, turn, slope)
    value = energy(x, chain, turn)
    left = math.inf
    for iteration in range(most + 1):
        derivatives(x, chain, work)
        left = 0.0
        for row in range(3 * n + 3):
            if hold == PLUGGED:
                gradient[row] += twisting * turn * slope[row]
            step[row] = -gradient[row]
            if start <= row < stop:
                left = max(left, abs(gradient[row]))
        if left < tolerance or iteration == most:
            return iteration, left, turn
        if not _factorise_shifted(band, least, start, stop, factor):
            return iteration, math.inf, turn
        solve(factor, start, stop, step)
        if hold == PLUGGED:
            # The twist's own second derivative is a product of the slope with itself: Sherman and Morrison.
            for row in range(start, stop):
                across[row] = slope[row]
            solve(factor, start, stop, across)
            one, two = 0.0, 0.0
            for row in range(start, stop):
                one += slope[row] * step[row]
                two += slope[row] * across[row]
            for row in range(start, stop):
                step[row] -= across[row] * (twisting * one / (1.0 + twisting * two))
        promise = 0.0
        for row in range(start, stop):
            promise += gradient[row] * step[row]
        share = 1.0
        while True:
            for row in range(start, stop):
                tried[row // 3, row % 3] = x[row // 3, row % 3] + share * step[row]
            next_turn = turn
            if hold == PLUGGED:
                next_turn = twist(tried, ends, turn, unused)
            next_value = energy(tried, chain, next_turn)
            # Near the balance, what a step gains is less than what the sum is rounded by.
            if next_value <= value + _ENOUGH * share * promise + 1.0e-13 * (1.0 + abs(value)):
                break
            share *= 0.5
            if share < _SHORTEST:
                return iteration, left, turn
        for row in range(start, stop):
            x[row // 3, row % 3] = tried[row // 3, row % 3]
        value, turn = next_value, next_turn
        if hold == PLUGGED:
            turn = twist(x, ends, turn, slope)
    return most, left, turn


@njit(cache=True, error_model="numpy")
def _cross(a: Array, b: Array) -> Array:
    return np.array([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


@njit(cache=True, error_model="numpy")
def _dot(a: Array, b: Array) -> float:
    return float(a[0] * b[0] + a[1] * b[1] + a[2] * b[2])


@njit(cache=True, error_model="numpy")
def end_loads(x: Array, chain: Chain, turn: float, work: Work) -> Array:
    """Return what the rod does to what holds it, rows: force and torque on the near end, then on the far end.

    The torque is about the first or the last node; the far rows are zero where nothing holds that end.

    Args:
        x: Nodes in balance, shape (n + 1, 3), m.
        chain: The rod.
        turn: Angle of twist, rad.
        work: With the gradient at the balance.
    """
    n, hold, ends, cells, rod = chain.lengths.shape[0], chain.hold, chain.ends, chain.cells, chain.rod
    gradient = work.gradient
    loads = np.zeros((4, 3))
    loads[0] = -gradient[:3]
    # The half cell at the near end hangs on it too.
    loads[0, 2] -= chain.weights[0]
    first = x[1] - x[0]
    first /= math.sqrt(_dot(first, first))
    share = 1.0 / (1.0 + _dot(ends[0], first))
    curl = _cross(ends[0], first) * share
    loads[1] = 4.0 * rod[0] / cells[0] * share * curl
    moment = 0.0
    if hold == PLUGGED:
        moment = rod[2] / chain.lengths.sum() * turn
        loads[1] += moment * (ends[0] - _cross(ends[0], curl))
    if hold != FREE:
        loads[2] = -gradient[3 * n :]
        last = x[n] - x[n - 1]
        last /= math.sqrt(_dot(last, last))
        share = 1.0 / (1.0 + _dot(last, ends[1]))
        curl = _cross(last, ends[1]) * share
        loads[3] = -4.0 * rod[0] / cells[n] * share * curl
        loads[3] -= moment * (ends[1] + _cross(ends[1], curl))
    return loads


@njit(cache=True, error_model="numpy")
def near_stiffness(x: Array, chain: Chain, work: Work) -> tuple[float, float]:
    """Return how stiffly the rod resists a motion and a turn of its near end, N/m and N·m/rad: Frobenius norms.

    Args:
        x: Nodes in balance, shape (n + 1, 3), m.
        chain: The rod.
        work: With the second derivative at the balance.
    """
    n, ends, rod, band, factor = chain.lengths.shape[0], chain.ends, chain.rod, work.band, work.factor
    start, stop = 3, 3 * n + (3 if chain.hold == FREE else 0)
    if not _factorise_shifted(band, _least_shift(chain), start, stop, factor):
        return 0.0, 0.0
    edge = x[1] - x[0]
    length = math.sqrt(_dot(edge, edge))
    joint = np.empty((11, 3))
    bend(0.5 * rod[0] / chain.cells[0], ends[0], 1.0, edge / length, length, joint)
    d, reach = ends[0], min(BAND, stop)
    # Row k: the direction's change per turn about axis k.
    turned = np.array([[0.0, -d[2], d[1]], [d[2], 0.0, -d[0]], [-d[1], d[0], 0.0]])
    pulled, answers = np.zeros((3, 3 * n + 3)), work.answers
    answers[:] = 0.0
    stiffness, moved, twisted = np.empty((3, 3)), 0.0, 0.0
    for kind in range(2):
        pulled[:] = 0.0
        for k in range(3):
            if kind == 0:
                for row in range(3, reach):
                    if row - k < BAND:
                        pulled[k, row] = band[row, row - k]
            else:
                for row in range(3):
                    pulled[k, 3 + row] = (
                        joint[3, row] * turned[k, 0] + joint[4, row] * turned[k, 1] + joint[5, row] * turned[k, 2]
                    )
        for k in range(3):
            answer = answers[3 * kind + k]
            for row in range(start, reach):
                answer[row] = -pulled[k, row]
            solve(factor, start, stop, answer)
            for j in range(3):
                if kind == 0:
                    own = band[max(j, k), abs(j - k)]
                else:
                    own = 0.0
                    for row in range(3):
                        own += turned[j, row] * _dot(joint[row], turned[k])
                for row in range(3, reach):
                    own += pulled[j, row] * answer[row]
                stiffness[j, k] = own
        if kind == 0:
            moved = math.sqrt((stiffness**2).sum())
        else:
            twisted = math.sqrt((stiffness**2).sum())
    return moved, twisted


@njit(cache=True, error_model="numpy")
def follow_floor(x: Array, chain: Chain, friction: float) -> None:
    """Let every node that lies on the floor slide as far as friction allows, and forget those that do not lie.

    Args:
        x: Nodes in balance, shape (n + 1, 3), m.
        chain: The rod; its anchors and grips are replaced.
        friction: Coefficient of friction.
    """
    anchors, grips = chain.anchors, chain.grips
    for i in range(1, x.shape[0]):
        press = chain.bearings[i] * (chain.floor_m - x[i, 2])
        if press <= 0.0 or friction <= 0.0:
            grips[i] = 0.0
            continue
        if grips[i] == 0.0:
            anchors[i, 0], anchors[i, 1] = x[i, 0], x[i, 1]
        grips[i] = friction * press
        sx, sy = x[i, 0] - anchors[i, 0], x[i, 1] - anchors[i, 1]
        slip, k = math.sqrt(sx * sx + sy * sy), chain.holds[i]
        if k * slip > grips[i]:
            kept = grips[i] / (k * slip)
            anchors[i, 0], anchors[i, 1] = x[i, 0] - kept * sx, x[i, 1] - kept * sy


@njit(cache=True, error_model="numpy")
def strain(x: Array, chain: Chain) -> tuple[float, float]:
    """Return the largest tension, N, and the smallest radius of curvature, m.

    Args:
        x: Nodes, shape (n + 1, 3), m.
        chain: The rod.
    """
    n, ends, lengths, rod = chain.lengths.shape[0], chain.ends, chain.lengths, chain.rod
    tension, curvature = 0.0, 0.0
    t, u = ends[0].copy(), np.empty(3)
    for i in range(n + 1):
        if i < n:
            u[:] = x[i + 1] - x[i]
            length = math.sqrt(_dot(u, u))
            u /= length
            tension = max(tension, rod[1] * (length / lengths[i] - 1.0))
        elif chain.hold != FREE:
            u[:] = ends[1]
        c = max(-1.0, min(1.0, _dot(t, u)))
        curvature = max(curvature, math.acos(c) / chain.cells[i])
        t[:] = u
    return tension, 1.0 / max(curvature, 1.0e-9)


@njit(cache=True, error_model="numpy")
def move_near_end(
    x: Array, chain: Chain, turn: float, near: tuple[Vec3, Vec3, Vec3], drag: float, foresees: bool, work: Work
) -> None:
    """Put the near end to a new pose, and the other nodes where they will about be.

    Args:
        x: Nodes of the last balance, shape (n + 1, 3), m.
        chain: The rod; its ends, its last shape and its drags are replaced.
        turn: Angle of twist, rad.
        near: Position, m, direction, and the direction across it of the near end.
        drag: Resistance to a change of place per length in this step, N/m².
        foresees: Whether to start from where the rod would go if it were linear.
        work: With what the last `near_stiffness` left.
    """
    ends, answers = chain.ends, work.answers
    place, ahead, across = near
    chain.before[:] = x
    for i in range(x.shape[0]):
        chain.drags[i] = chain.cells[i] * drag
    dx, dy, dz = ends[0, 0], ends[0, 1], ends[0, 2]
    motion = np.empty(6)
    for k in range(3):
        motion[k] = place[k] - x[0, k]
        x[0, k] = place[k]
        ends[0, k], ends[2, k] = ahead[k], across[k]
    motion[3] = dy * ahead[2] - dz * ahead[1]
    motion[4] = dz * ahead[0] - dx * ahead[2]
    motion[5] = dx * ahead[1] - dy * ahead[0]
    if not foresees:
        return
    foreseen = x.copy()
    for i in range(x.shape[0]):
        for k in range(3):
            for j in range(6):
                foreseen[i, k] += motion[j] * answers[j, 3 * i + k]
    if energy(foreseen, chain, turn) < energy(x, chain, turn):
        x[:] = foreseen


@njit(cache=True, error_model="numpy")
def follow(
    x: Array,
    chain: Chain,
    turn: float,
    near: tuple[Vec3, Vec3, Vec3],
    drag: float,
    foresees: bool,
    tolerance: float,
    most: int,
    work: Work,
) -> tuple[int, float, float]:
    """Move the near end and let the rod follow: `move_near_end` and `find_balance` in one call, which saves 10 µs."""
    move_near_end(x, chain, turn, near, drag, foresees, work)
    return find_balance(x, chain, turn, tolerance, most, work)


@njit(cache=True, error_model="numpy")
def weigh(x: Array, chain: Chain, turn: float, work: Work, loads: Array, strained: Array) -> None:
    """Find out what a shape in balance does to the ends and how it is strained.

    Args:
        x: Nodes in balance, shape (n + 1, 3), m.
        chain: The rod.
        turn: Angle of twist, rad.
        work: With gradient and second derivative at the balance.
        loads: Replaced by `end_loads`, shape (4, 3).
        strained: Replaced by `near_stiffness` and `strain`, shape (4,).
    """
    loads[:] = end_loads(x, chain, turn, work)
    strained[0], strained[1] = near_stiffness(x, chain, work)
    strained[2], strained[3] = strain(x, chain)
