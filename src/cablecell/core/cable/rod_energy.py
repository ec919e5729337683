"""Energy of a discrete elastic rod with its first and second derivatives, compiled.

Nodes are joined by edges that hardly stretch. Each joint of two edges carries the bending of half of either; a clamped
end is a joint with a direction that is given, which carries the bending of half of one edge. With the angle φ between
the directions, the energy of a joint is EI / (2 cell) · (2 tan φ/2)², and with c = cos φ that is EI / (2 cell) · g(c),
g = 4 (1 - c) / (1 + c), which has short derivatives.

An isotropic rod that is straight when unloaded twists evenly at once, so twist is one number: the angle from the
first end's frame, carried along the rod without turning about it, to the last end's (Bergou et al., "Discrete elastic
rods", 2008).

The table is a stiff spring for nodes below it. Friction holds a node on it with a spring to the place where it lies,
up to a force; above that force it slides. A drag against the last shape makes a step of the search a step in time.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cablecell.core.cable.chain import FREE, PLUGGED, Chain, Work

Array = NDArray[np.float64]

SHARPEST = 1.0e-6
"""Smallest 1 + cos φ of a joint: beyond, the rod is folded back on itself."""


@njit(cache=True, error_model="numpy")
def energy(x: Array, chain: Chain, turn: float) -> float:
    """Return the energy of a shape, J; infinite where the rod is folded back on itself.

    Args:
        x: Nodes, shape (n + 1, 3), m.
        chain: The rod.
        turn: Angle of twist of the whole rod, rad.
    """
    lengths, cells, rod, ends = chain.lengths, chain.cells, chain.rod, chain.ends
    hold, grips, anchors = chain.hold, chain.grips, chain.anchors
    n = lengths.shape[0]
    ei, ea = rod[0], rod[1]
    total = 0.0
    tx, ty, tz = ends[0, 0], ends[0, 1], ends[0, 2]
    for i in range(n):
        ex, ey, ez = x[i + 1, 0] - x[i, 0], x[i + 1, 1] - x[i, 1], x[i + 1, 2] - x[i, 2]
        length = math.sqrt(ex * ex + ey * ey + ez * ez)
        if length < 1.0e-9:
            return math.inf
        stretch = length - lengths[i]
        total += 0.5 * ea / lengths[i] * stretch * stretch
        ux, uy, uz = ex / length, ey / length, ez / length
        c = tx * ux + ty * uy + tz * uz
        if 1.0 + c < SHARPEST:
            return math.inf
        cell = cells[i]
        total += 0.5 * ei / cell * 4.0 * (1.0 - c) / (1.0 + c)
        tx, ty, tz = ux, uy, uz
    if hold != FREE:
        c = tx * ends[1, 0] + ty * ends[1, 1] + tz * ends[1, 2]
        if 1.0 + c < SHARPEST:
            return math.inf
        total += 0.5 * ei / cells[n] * 4.0 * (1.0 - c) / (1.0 + c)
    if hold == PLUGGED:
        total += 0.5 * rod[2] / lengths.sum() * turn * turn
    for i in range(1, n + 1):
        total += chain.weights[i] * x[i, 2]
        depth = chain.floor_m - x[i, 2]
        if depth > 0.0:
            total += 0.5 * chain.bearings[i] * depth * depth
        if grips[i] > 0.0:
            sx, sy = x[i, 0] - anchors[i, 0], x[i, 1] - anchors[i, 1]
            slip, k = math.sqrt(sx * sx + sy * sy), chain.holds[i]
            if k * slip <= grips[i]:
                total += 0.5 * k * slip * slip
            else:
                total += grips[i] * (slip - 0.5 * grips[i] / k)
        for a in range(3):
            total += 0.5 * chain.drags[i] * (x[i, a] - chain.before[i, a]) ** 2
    return total


@njit(cache=True, error_model="numpy")
def bend(stiffness: float, t: Array, e: float, u: Array, f: float, joint: Array) -> None:
    """Write the derivatives of the energy of a joint with respect to the edges before and after it.

    Args:
        stiffness: EI / (2 cell), N·m.
        t: Direction of the edge before, shape (3,).
        e: Its length, m.
        u: Direction of the edge after, shape (3,).
        f: Its length, m.
        joint: Second derivatives before-before, before-after and after-after, first ones before and after: rows 0 to
            2, 3 to 5, 6 to 8, 9 and 10, shape (11, 3).
    """
    c = t[0] * u[0] + t[1] * u[1] + t[2] * u[2]
    d1 = -8.0 * stiffness / ((1.0 + c) * (1.0 + c))
    d2 = -2.0 * d1 / (1.0 + c)
    ee, ef, ff = d1 / (e * e), d1 / (e * f), d1 / (f * f)
    for a in range(3):
        # Components across each edge towards the other.
        pa, qa = u[a] - c * t[a], t[a] - c * u[a]
        joint[9, a], joint[10, a] = d1 / e * pa, d1 / f * qa
        for b in range(3):
            pb, qb = u[b] - c * t[b], t[b] - c * u[b]
            one = 1.0 if a == b else 0.0
            joint[a, b] = d2 / (e * e) * pa * pb - ee * (t[a] * pb + pa * t[b] + c * (one - t[a] * t[b]))
            joint[3 + a, b] = d2 / (e * f) * pa * qb + ef * (one - u[a] * u[b] - t[a] * qb)
            joint[6 + a, b] = d2 / (f * f) * qa * qb - ff * (u[a] * qb + qa * u[b] + c * (one - u[a] * u[b]))


@njit(cache=True, error_model="numpy")
def derivatives(x: Array, chain: Chain, work: Work) -> None:
    """Write gradient and second derivative of the energy without twist into the work space.

    Args:
        x: Nodes, shape (n + 1, 3), m.
        chain: The rod.
        work: Its `gradient`, `band` and `edges` are replaced.
    """
    lengths, cells, rod, ends = chain.lengths, chain.cells, chain.rod, chain.ends
    gradient, band, edges = work.gradient, work.band, work.edges
    n = lengths.shape[0]
    ei, ea = rod[0], rod[1]
    edges[:] = 0.0
    t, u, joint = np.empty(3), np.empty(3), np.empty((11, 3))
    t[0], t[1], t[2] = ends[0, 0], ends[0, 1], ends[0, 2]
    e = 1.0
    for i in range(n + 1):
        if i < n:
            u[0], u[1], u[2] = x[i + 1, 0] - x[i, 0], x[i + 1, 1] - x[i, 1], x[i + 1, 2] - x[i, 2]
            f = math.sqrt(u[0] * u[0] + u[1] * u[1] + u[2] * u[2])
            tension = ea * (f / lengths[i] - 1.0)
            along, across = ea / lengths[i], tension / f
            for a in range(3):
                u[a] /= f
                edges[i + 1, 6, a] += tension * u[a]
            for a in range(3):
                edges[i + 1, a, a] += across
                for b in range(3):
                    edges[i + 1, a, b] += (along - across) * u[a] * u[b]
        elif chain.hold == FREE:
            break
        else:
            u[0], u[1], u[2], f = ends[1, 0], ends[1, 1], ends[1, 2], 1.0
        bend(0.5 * ei / cells[i], t, e, u, f, joint)
        for a in range(3):
            edges[i, 6, a] += joint[9, a]
            edges[i + 1, 6, a] += joint[10, a]
            for b in range(3):
                edges[i, a, b] += joint[a, b]
                edges[i, 3 + a, b] = joint[3 + a, b]
                edges[i + 1, a, b] += joint[6 + a, b]
            t[a] = u[a]
        e = f
    # The given directions at the ends are no nodes.
    edges[0] = 0.0
    edges[n, 3:6] = 0.0
    edges[n + 1] = 0.0
    for i in range(n + 1):
        for a in range(3):
            row = 3 * i + a
            gradient[row] = edges[i, 6, a] - edges[i + 1, 6, a]
            for b in range(a + 1):
                band[row, a - b] = edges[i, a, b] + edges[i + 1, a, b] - edges[i, 3 + a, b] - edges[i, 3 + b, a]
            for b in range(3):
                if i > 0:
                    # Node i with node i - 1: they share edge i, which is the one before node i.
                    band[row, 3 + a - b] = edges[i - 1, 3 + b, a] - edges[i, a, b] + edges[i, 3 + b, a]
                if i > 1:
                    band[row, 6 + a - b] = -edges[i - 1, 3 + b, a]
    for i in range(1, n + 1):
        row = 3 * i
        gradient[row + 2] += chain.weights[i]
        depth = chain.floor_m - x[i, 2]
        if depth > 0.0:
            gradient[row + 2] -= chain.bearings[i] * depth
            band[row + 2, 0] += chain.bearings[i]
        if chain.grips[i] > 0.0:
            _grip(x, chain, i, work)
        for a in range(3):
            gradient[row + a] += chain.drags[i] * (x[i, a] - chain.before[i, a])
            band[row + a, 0] += chain.drags[i]


@njit(cache=True, error_model="numpy")
def _grip(x: Array, chain: Chain, i: int, work: Work) -> None:
    grip, k, gradient, band = chain.grips[i], chain.holds[i], work.gradient, work.band
    row, sx, sy = 3 * i, x[i, 0] - chain.anchors[i, 0], x[i, 1] - chain.anchors[i, 1]
    slip = math.sqrt(sx * sx + sy * sy)
    if k * slip <= grip:
        gradient[row] += k * sx
        gradient[row + 1] += k * sy
        band[row, 0] += k
        band[row + 1, 0] += k
        return
    nx, ny = sx / slip, sy / slip
    gradient[row] += grip * nx
    gradient[row + 1] += grip * ny
    band[row, 0] += grip / slip * (1.0 - nx * nx)
    band[row + 1, 0] += grip / slip * (1.0 - ny * ny)
    band[row + 1, 1] -= grip / slip * nx * ny


@njit(cache=True, error_model="numpy")
def twist(x: Array, ends: Array, near: float, slope: Array) -> float:
    """Return the angle of twist of the whole rod, rad, and write its derivative.

    Args:
        x: Nodes, shape (n + 1, 3), m.
        ends: Directions of the near and far end, rows 0 and 1, and unit vectors across them, rows 2 and 3.
        near: The turn that is nearest to this one is returned, rad.
        slope: Derivative with respect to all nodes, shape (3 n + 3,), rad/m.
    """
    n = x.shape[0] - 1
    slope[:] = 0.0
    t, v, u, b = np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    for a in range(3):
        t[a], v[a] = ends[0, a], ends[2, a]
    length, longer = 1.0, 1.0
    for i in range(n + 1):
        if i < n:
            u[0], u[1], u[2] = x[i + 1, 0] - x[i, 0], x[i + 1, 1] - x[i, 1], x[i + 1, 2] - x[i, 2]
            longer = math.sqrt(u[0] * u[0] + u[1] * u[1] + u[2] * u[2])
            for a in range(3):
                u[a] /= longer
        else:
            u[0], u[1], u[2] = ends[1, 0], ends[1, 1], ends[1, 2]
        share = 1.0 / (1.0 + t[0] * u[0] + t[1] * u[1] + t[2] * u[2])
        along = share * (u[0] * v[0] + u[1] * v[1] + u[2] * v[2])
        b[0] = share * (t[1] * u[2] - t[2] * u[1])
        b[1] = share * (t[2] * u[0] - t[0] * u[2])
        b[2] = share * (t[0] * u[1] - t[1] * u[0])
        for a in range(3):
            # Carried from t to u by the smallest turn.
            v[a] -= along * (t[a] + u[a])
            if i > 0:
                slope[3 * i - 3 + a] -= b[a] / length
                slope[3 * i + a] += b[a] / length
            if i < n:
                slope[3 * i + a] -= b[a] / longer
                slope[3 * i + 3 + a] += b[a] / longer
            t[a] = u[a]
        length = longer
    sine = (
        ends[3, 0] * (t[1] * v[2] - t[2] * v[1])
        + ends[3, 1] * (t[2] * v[0] - t[0] * v[2])
        + ends[3, 2] * (t[0] * v[1] - t[1] * v[0])
    )
    angle = math.atan2(sine, ends[3, 0] * v[0] + ends[3, 1] * v[1] + ends[3, 2] * v[2])
    return angle + 2.0 * math.pi * round((near - angle) / (2.0 * math.pi))
