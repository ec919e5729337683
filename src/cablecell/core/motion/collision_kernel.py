"""Collision checks of a whole configuration, compiled: the shapes and pairs of `CollisionChecker` in microseconds.

Shapes that move together and belong to one link form a cluster. Clusters whose bounding spheres and boxes are apart
settle all their pairs at once; what is left goes through the same tests shape by shape, and then to `gjk`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cablecell.core.motion.chain import compose_into, joint_poses
from cablecell.core.motion.gjk import is_closer

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Bytes = NDArray[np.uint8]


class Cell(NamedTuple):
    """What is checked; bodies are 0 for `base_link`, 1 … n for the joints, then the links of a held cable.

    Attributes:
        blocks: Joints of the chain, shape (n, 3, 4).
        kind: Core of each shape, shape (m,).
        half: Its half sizes, shape (m, 3).
        rounding: Its rounding, m, shape (m,).
        body: What it is fixed to, shape (m,).
        place: Its pose there, shape (m, 3, 4).
        radius: Of its bounding sphere, m, shape (m,).
        cluster_body: What each cluster is fixed to, shape (c,).
        cluster_place: Pose of its bounding box there, shape (c, 3, 4).
        cluster_half: Half sizes of that box, m, shape (c, 3).
        cluster_radius: Of its bounding sphere, m, shape (c,).
        group_a: First cluster of each group of pairs, shape (g,).
        group_b: Second cluster, shape (g,).
        group_start: Where its pairs begin, shape (g + 1,).
        pair_a: First shape of each pair, shape (p,).
        pair_b: Second shape, shape (p,).
        margin: Shapes closer than this collide, m, shape (1,).
        boot: Pose of the cable's boot in the last joint, its z axis along the cable, shape (3, 4).
        cable: (number of links, length of a link in m, bend per link in rad), shape (3,).
        down: Direction of gravity in `base_link`, shape (3,).
    """

    blocks: Array
    kind: Integers
    half: Array
    rounding: Array
    body: Integers
    place: Array
    radius: Array
    cluster_body: Integers
    cluster_place: Array
    cluster_half: Array
    cluster_radius: Array
    group_a: Integers
    group_b: Integers
    group_start: Integers
    pair_a: Integers
    pair_b: Integers
    margin: Array
    boot: Array
    cable: Array
    down: Array


class Memory(NamedTuple):
    """Working memory of a check: one per thread.

    Attributes:
        bodies: Poses of the bodies, shape (b, 3, 4).
        shapes: Poses of the shapes, shape (m, 3, 4).
        is_placed: Whether a shape's pose is of this configuration, shape (m,).
        clusters: Poses of the clusters' boxes, shape (c, 3, 4).
        simplex: For `gjk`, shape (8, 3).
        hot: The group that collided last, which is tried first, shape (1,).
    """

    bodies: Array
    shapes: Array
    is_placed: Bytes
    clusters: Array
    simplex: Array
    hot: Integers


@njit(cache=True, error_model="numpy")
def hang_cable(boot: Array, count: int, length: float, bend: float, down: Array, out: Array) -> None:
    """Write poses of the links of a held cable, z along each, origin in its middle, shape (≥ count, 3, 4).

    It leaves the boot along its z axis, bends over to the side of its x axis until it is level, and then down. No two
    links bend by more than `bend`, which is the link's length by the smallest bend radius: a thin cable bends as
    tightly as it may, and what is stiffer stays within the envelope that the links' growing thickness makes.
    """
    dx, dy, dz = boot[0, 2], boot[1, 2], boot[2, 2]
    ax, ay, az = boot[0, 0], boot[1, 0], boot[2, 0]
    # A side that points up is of no use to what is to come down: its level part.
    rising = min(0.0, ax * down[0] + ay * down[1] + az * down[2])
    ax, ay, az = ax - rising * down[0], ay - rising * down[1], az - rising * down[2]
    px, py, pz = boot[0, 3], boot[1, 3], boot[2, 3]
    for k in range(count):
        sinking = dx * down[0] + dy * down[1] + dz * down[2]
        tx, ty, tz = down[0], down[1], down[2]
        if sinking < -0.05:
            tx, ty, tz = ax, ay, az
        # The part of the target across the cable is where it bends to.
        along = tx * dx + ty * dy + tz * dz
        nx, ny, nz = tx - along * dx, ty - along * dy, tz - along * dz
        norm = math.sqrt(nx * nx + ny * ny + nz * nz)
        turn = min(bend, math.atan2(norm, along))
        if norm > 1e-9:
            c, s = math.cos(turn), math.sin(turn) / norm
            dx, dy, dz = c * dx + s * nx, c * dy + s * ny, c * dz + s * nz
        # Any axes across the link will do: it is round.
        hx, hy, hz = 1.0, 0.0, 0.0
        if abs(dx) > 0.7:
            hx, hy = 0.0, 1.0
        ux, uy, uz = hy * dz - hz * dy, hz * dx - hx * dz, hx * dy - hy * dx
        norm = math.sqrt(ux * ux + uy * uy + uz * uz)
        ux, uy, uz = ux / norm, uy / norm, uz / norm
        X = out[k]
        X[0, 0], X[1, 0], X[2, 0] = ux, uy, uz
        X[0, 1], X[1, 1], X[2, 1] = dy * uz - dz * uy, dz * ux - dx * uz, dx * uy - dy * ux
        X[0, 2], X[1, 2], X[2, 2] = dx, dy, dz
        X[0, 3], X[1, 3], X[2, 3] = px + 0.5 * length * dx, py + 0.5 * length * dy, pz + 0.5 * length * dz
        px, py, pz = px + length * dx, py + length * dy, pz + length * dz


@njit(cache=True, error_model="numpy")
def _is_ball_off_box(balls: Array, a: int, radius: float, boxes: Array, b: int, halves: Array) -> bool:
    """Return whether a ball at the origin of pose a is away from box b."""
    x, y, z = balls[a, 0, 3] - boxes[b, 0, 3], balls[a, 1, 3] - boxes[b, 1, 3], balls[a, 2, 3] - boxes[b, 2, 3]
    square = 0.0
    for i in range(3):
        outside = abs(boxes[b, 0, i] * x + boxes[b, 1, i] * y + boxes[b, 2, i] * z) - halves[b, i]
        if outside > 0.0:
            square += outside * outside
    return bool(square > radius * radius)


@njit(cache=True, error_model="numpy")
def _are_balls_apart(poses: Array, a: int, b: int, reach: float) -> bool:
    x, y, z = poses[a, 0, 3] - poses[b, 0, 3], poses[a, 1, 3] - poses[b, 1, 3], poses[a, 2, 3] - poses[b, 2, 3]
    return bool(x * x + y * y + z * z > reach * reach)


@njit(cache=True, error_model="numpy")
def _place(bodies: Array, body: int, places: Array, k: int, out: Array) -> None:
    for i in range(3):
        a0, a1, a2 = bodies[body, i, 0], bodies[body, i, 1], bodies[body, i, 2]
        for j in range(4):
            out[k, i, j] = a0 * places[k, 0, j] + a1 * places[k, 1, j] + a2 * places[k, 2, j]
        out[k, i, 3] += bodies[body, i, 3]


@njit(cache=True, error_model="numpy")
def is_state_free(cell: Cell, memory: Memory, q: Array) -> bool:
    """Return whether no pair is closer than the margin at a configuration.

    One function with loops, on purpose: handing the arrays on costs more than a group of pairs does.
    """
    n = cell.blocks.shape[0]
    bodies, shapes, clusters, is_placed = memory.bodies, memory.shapes, memory.clusters, memory.is_placed
    radius, rounding, half = cell.radius, cell.rounding, cell.half
    cluster_radius, cluster_half = cell.cluster_radius, cell.cluster_half
    margin = cell.margin[0]
    joint_poses(cell.blocks, q, bodies[1 : n + 1])
    count = int(cell.cable[0])
    if count > 0:
        boot = np.empty((3, 4))
        compose_into(bodies[n], cell.boot, boot)
        hang_cable(boot, count, cell.cable[1], cell.cable[2], cell.down, bodies[n + 1 :])
    for c in range(cell.cluster_body.shape[0]):
        if cell.cluster_body[c] > 0:
            _place(bodies, cell.cluster_body[c], cell.cluster_place, c, clusters)
    for k in range(cell.body.shape[0]):
        if cell.body[k] > 0:
            is_placed[k] = 0
    hot = memory.hot[0]
    for turn in range(-1, cell.group_a.shape[0]):
        group = hot if turn < 0 else turn
        if turn == hot:
            continue
        a, b = cell.group_a[group], cell.group_b[group]
        if _are_balls_apart(clusters, a, b, cluster_radius[a] + cluster_radius[b] + margin):
            continue
        if _is_ball_off_box(clusters, a, cluster_radius[a] + margin, clusters, b, cluster_half):
            continue
        if _is_ball_off_box(clusters, b, cluster_radius[b] + margin, clusters, a, cluster_half):
            continue
        for k in range(cell.group_start[group], cell.group_start[group + 1]):
            i, j = cell.pair_a[k], cell.pair_b[k]
            if is_placed[i] == 0:
                _place(bodies, cell.body[i], cell.place, i, shapes)
                is_placed[i] = 1
            if is_placed[j] == 0:
                _place(bodies, cell.body[j], cell.place, j, shapes)
                is_placed[j] = 1
            if _are_balls_apart(shapes, i, j, radius[i] + radius[j] + margin):
                continue
            # A box around a cylinder or a segment holds it, so this is safe for every core.
            if _is_ball_off_box(shapes, i, radius[i] + rounding[j] + margin, shapes, j, half):
                continue
            if _is_ball_off_box(shapes, j, radius[j] + rounding[i] + margin, shapes, i, half):
                continue
            if is_closer(cell.kind, half, shapes, i, j, margin + rounding[i] + rounding[j], memory.simplex):
                memory.hot[0] = group
                return False
    return True


@njit(cache=True, error_model="numpy")
def is_edge_free(cell: Cell, memory: Memory, start: Array, end: Array, resolution: float) -> bool:
    """Return whether the straight joint line is free, its ends left out, in steps of at most `resolution` rad."""
    n = start.shape[0]
    longest = 0.0
    for j in range(n):
        longest = max(longest, abs(end[j] - start[j]))
    count = math.ceil(longest / resolution)
    q = np.empty(n)
    step = 1
    while step < count:
        step *= 2
    # The middle first: an edge that is not free is usually blocked far from its ends.
    while step > 1:
        step //= 2
        for k in range(step, count, 2 * step):
            for j in range(n):
                q[j] = start[j] + (k / count) * (end[j] - start[j])
            if not is_state_free(cell, memory, q):
                return False
    return True


@njit(cache=True, error_model="numpy")
def first_collision(cell: Cell, memory: Memory, samples: Array, step: float) -> int:
    """Return the index of the first sample that is not free, or -1; what is within `step` rad of the last is passed."""
    last = -1
    count = samples.shape[0]
    for k in range(count):
        if last >= 0 and k < count - 1:
            apart = 0.0
            for j in range(samples.shape[1]):
                apart = max(apart, abs(samples[k + 1, j] - samples[last, j]))
            # The next one would still be within the step: this one can be left out.
            if apart <= step:
                continue
        if not is_state_free(cell, memory, samples[k]):
            return k
        last = k
    return -1
