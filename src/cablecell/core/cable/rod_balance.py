"""Newton's method for the shape of least energy of a rod, and what the rod then does to its near end; compiled."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cablecell.core.cable.banded import factorise, solve
from cablecell.core.cable.rod_energy import BAND, FREE, PLUGGED, bend, derivatives, energy, twist

Array = NDArray[np.float64]

_ENOUGH = 1.0e-4
"""Share of the slope's promise that a step must keep."""
_SHORTEST = 1.0e-6
"""Smallest share of a step that is tried."""


@njit(cache=True, error_model="numpy")
def find_balance(
    x: Array,
    before: Array,
    ends: Array,
    hold: int,
    turn: float,
    lengths: Array,
    cells: Array,
    weights: Array,
    rod: Array,
    floor: Array,
    anchors: Array,
    grips: Array,
    drags: Array,
    tolerance: float,
    most: int,
    gradient: Array,
    band: Array,
    factor: Array,
    slope: Array,
    edges: Array,
) -> tuple[int, float, float]:
    """Move the free nodes to where no force is left on them.

    Args:
        x: Nodes to start from; the held ones stay, the others are replaced.
        before, ends, hold, lengths, cells, weights, rod, floor, anchors, grips, drags: As for `energy`.
        turn: Angle of twist of the whole rod now, rad, to choose its nearest equivalent.
        tolerance: Largest force left, N.
        most: Largest number of iterations.
        gradient, slope: Work space, shape (3 n + 3,).
        band, factor: Work space, shape (3 n + 3, BAND); gradient and band are left at the solution.
        edges: Work space, shape (n + 2, 7, 3).

    Returns:
        Iterations, the largest force left, N, and the angle of twist, rad.
    """
    n = lengths.shape[0]
    start, stop = 3, 3 * n + (3 if hold == FREE else 0)
    twisting = rod[2] / lengths.sum()
    scale = rod[0] / lengths.min() ** 3
    step, tried, across = np.zeros(3 * n + 3), x.copy(), np.zeros(3 * n + 3)
    unused = np.empty(3 * n + 3)
    if hold == PLUGGED:
        turn = twist(x, ends, turn, slope)
    value = energy(x, before, ends, hold, turn, lengths, cells, weights, rod, floor, anchors, grips, drags)
    left = math.inf
    for iteration in range(most + 1):
        derivatives(
            x, before, ends, hold, lengths, cells, weights, rod, floor, anchors, grips, drags, gradient, band, edges
        )
        left = 0.0
        for row in range(3 * n + 3):
            if hold == PLUGGED:
                gradient[row] += twisting * turn * slope[row]
            step[row] = -gradient[row]
            if start <= row < stop:
                left = max(left, abs(gradient[row]))
        if left < tolerance or iteration == most:
            return iteration, left, turn
        shift = 0.0
        while not factorise(band, shift, start, stop, factor):
            shift = max(4.0 * shift, 0.1 * scale)
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
            next_value = energy(
                tried, before, ends, hold, next_turn, lengths, cells, weights, rod, floor, anchors, grips, drags
            )
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
def end_loads(
    x: Array,
    ends: Array,
    hold: int,
    turn: float,
    lengths: Array,
    cells: Array,
    rod: Array,
    weights: Array,
    gradient: Array,
) -> Array:
    """Return what the rod does to what holds it, rows: force and torque on the near end, then on the far end.

    The torque is about the first or the last node; the far rows are zero where nothing holds that end.

    Args:
        x, ends, hold, lengths, cells, rod, weights: As for `energy`.
        turn: Angle of twist, rad.
        gradient: Derivative of the energy with respect to all nodes, twist included, N.
    """
    n = lengths.shape[0]
    loads = np.zeros((4, 3))
    loads[0] = -gradient[:3]
    # The half cell at the near end hangs on it too.
    loads[0, 2] -= weights[0]
    first = x[1] - x[0]
    first /= math.sqrt(_dot(first, first))
    share = 1.0 / (1.0 + _dot(ends[0], first))
    curl = _cross(ends[0], first) * share
    loads[1] = 4.0 * rod[0] / cells[0] * share * curl
    moment = 0.0
    if hold == PLUGGED:
        moment = rod[2] / lengths.sum() * turn
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
def near_stiffness(
    x: Array, ends: Array, hold: int, lengths: Array, cells: Array, rod: Array, band: Array, factor: Array
) -> tuple[float, float]:
    """Return how stiffly the rod resists a motion and a turn of its near end, N/m and N·m/rad: Frobenius norms.

    Args:
        x, ends, hold, lengths, cells, rod: As for `energy`.
        band: Second derivative at the balance, N/m.
        factor: Work space of the same shape.
    """
    n = lengths.shape[0]
    start, stop = 3, 3 * n + (3 if hold == FREE else 0)
    shift = 0.0
    while not factorise(band, shift, start, stop, factor):
        shift = max(4.0 * shift, 0.1 * rod[0] / lengths.min() ** 3)
    edge = x[1] - x[0]
    length = math.sqrt(_dot(edge, edge))
    joint = np.empty((11, 3))
    bend(0.5 * rod[0] / cells[0], ends[0], 1.0, edge / length, length, joint)
    d, reach = ends[0], min(BAND, stop)
    # Row k: the direction's change per turn about axis k.
    turned = np.array([[0.0, -d[2], d[1]], [d[2], 0.0, -d[0]], [-d[1], d[0], 0.0]])
    pulled, answer = np.zeros((3, 3 * n + 3)), np.empty(3 * n + 3)
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
                    pulled[k, 3 + row] = joint[3, row] * turned[k, 0] + joint[4, row] * turned[k, 1] + joint[5, row] * turned[k, 2]
        for k in range(3):
            answer[:] = pulled[k]
            solve(factor, start, stop, answer)
            for j in range(3):
                if kind == 0:
                    own = band[max(j, k), abs(j - k)]
                else:
                    own = 0.0
                    for row in range(3):
                        own += turned[j, row] * _dot(joint[row], turned[k])
                for row in range(3, reach):
                    own -= pulled[j, row] * answer[row]
                stiffness[j, k] = own
        if kind == 0:
            moved = math.sqrt((stiffness**2).sum())
        else:
            twisted = math.sqrt((stiffness**2).sum())
    return moved, twisted


@njit(cache=True, error_model="numpy")
def follow_floor(x: Array, cells: Array, floor: Array, friction: float, anchors: Array, grips: Array) -> None:
    """Let every node that lies on the floor slide as far as friction allows, and forget those that do not lie.

    Args:
        x, cells, floor, anchors, grips: As for `energy`; the last two are replaced.
        friction: Coefficient of friction.
    """
    for i in range(1, x.shape[0]):
        press = floor[1] * cells[i] * (floor[0] - x[i, 2])
        if press <= 0.0 or friction <= 0.0:
            grips[i] = 0.0
            continue
        if grips[i] == 0.0:
            anchors[i] = x[i, :2]
        grips[i] = friction * press
        sx, sy = x[i, 0] - anchors[i, 0], x[i, 1] - anchors[i, 1]
        slip, k = math.sqrt(sx * sx + sy * sy), floor[2] * cells[i]
        if k * slip > grips[i]:
            kept = grips[i] / (k * slip)
            anchors[i, 0], anchors[i, 1] = x[i, 0] - kept * sx, x[i, 1] - kept * sy


@njit(cache=True, error_model="numpy")
def strain(x: Array, ends: Array, hold: int, lengths: Array, cells: Array, rod: Array) -> tuple[float, float]:
    """Return the largest tension, N, and the smallest radius of curvature, m; arguments as for `energy`."""
    n = lengths.shape[0]
    tension, curvature = 0.0, 0.0
    t, u = ends[0].copy(), np.empty(3)
    for i in range(n + 1):
        if i < n:
            u[:] = x[i + 1] - x[i]
            length = math.sqrt(_dot(u, u))
            u /= length
            tension = max(tension, rod[1] * (length / lengths[i] - 1.0))
        elif hold != FREE:
            u[:] = ends[1]
        c = max(-1.0, min(1.0, _dot(t, u)))
        curvature = max(curvature, math.acos(c) / cells[i])
        t[:] = u
    return tension, 1.0 / max(curvature, 1.0e-9)
