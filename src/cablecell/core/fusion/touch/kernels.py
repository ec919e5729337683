"""Compiled loops of touching: when a moving plug first meets its port, and how well a pose explains what was felt.

A plug's part and a wall are convex, so a moving part meets a wall when the last of all separating axes closes: the
normals of both and the cross products of their edges. About 1.5 µs per pose of the port and touch.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Rows of evidence: kind, then what the kind needs.
CONTACT, FREE, FLUSH = 1.0, 2.0, 3.0
KIND, POSE, DIRECTION, TRAVEL, SIGMA, FORCE, MOMENT, SIGMA_M, AXIS, PLUG_FACE, WALL_FACE, SIGMA_R, SIGMA_T, COLUMNS = (
    0, 1, 13, 16, 17, 18, 21, 24, 25, 26, 27, 28, 29, 30,
)  # fmt: skip

_TINY = 1.0e-9
_FAR = 1.0e3
_PATCH_M = 1.2e-4
"""Corners that are so near to the foremost one can share the contact."""
_OUTLIER = 0.05
"""Share of touches that are taken to say nothing."""
_OUTLIER_M = 3.0e-3
_SLOP_M, _PLAN_SLOP_M = 5.0e-5, 2.0e-4
_GRAZE, _GRAZE_JUMP = 1.2, 6.0
"""By how many standard deviations a plug may be too wide to pass, and still have passed."""
_FREE_FLOOR = -12.0
"""Logarithm of how unlikely a free move through a wall is: what was felt counts for more than what was not."""


@lru_cache(maxsize=1)
def warm_up() -> None:
    """Compile the loops, or load what was compiled."""
    geometry = (np.zeros((1, 6)), np.zeros((1, 8, 3)), np.zeros((1, 1, 3)), np.zeros((1, 6)))
    log_likelihoods(np.zeros((1, 9)), np.ones((1, COLUMNS)), *geometry)
    travels(np.zeros((1, 9)), np.zeros((3, 4)), np.zeros(3), 1.0, *geometry)


@njit(cache=True)
def rotation(x: float, y: float, z: float, R: Array) -> None:  # pragma: no cover - compiled
    """Write the rotation of a rotation vector, rad, into R, shape (3, 3)."""
    t2 = x * x + y * y + z * z
    if t2 < 1e-12:
        a, b = 1.0, 0.5
    else:
        t = math.sqrt(t2)
        a, b = math.sin(t) / t, (1.0 - math.cos(t)) / t2
    R[0, 0], R[0, 1], R[0, 2] = 1.0 - b * (y * y + z * z), b * x * y - a * z, b * x * z + a * y
    R[1, 0], R[1, 1], R[1, 2] = b * x * y + a * z, 1.0 - b * (x * x + z * z), b * y * z - a * x
    R[2, 0], R[2, 1], R[2, 2] = b * x * z - a * y, b * y * z + a * x, 1.0 - b * (x * x + y * y)


@njit(cache=True)
def _axis_times(
    n0: float, n1: float, n2: float, c: Array, R: Array, half: Array, d: Array, low: float, high: float
) -> tuple[float, float, float]:  # pragma: no cover - compiled
    """Return when an axis stops and when it starts again to separate a moving box from an extent, and the overlap."""
    centre = n0 * c[0] + n1 * c[1] + n2 * c[2]
    radius = 0.0
    for k in range(3):
        radius += half[k] * abs(n0 * R[0, k] + n1 * R[1, k] + n2 * R[2, k])
    speed = n0 * d[0] + n1 * d[1] + n2 * d[2]
    before, after = low - (centre + radius), high - (centre - radius)
    overlap = min(-before, after)
    if abs(speed) < _TINY:
        if before >= 0.0 or after <= 0.0:
            return _FAR, -_FAR, overlap
        return -_FAR, _FAR, overlap
    first, last = before / speed, after / speed
    return (first, last, overlap) if speed > 0.0 else (last, first, overlap)


@njit(cache=True)
def _pair(
    c: Array,
    R: Array,
    half: Array,
    d: Array,
    vertices: Array,
    normals: Array,
    limits: Array,
    best: float,
    slop: float,
    n_out: Array,
) -> float:  # pragma: no cover - compiled
    """Return the travel at which a box meets a wall, if less than `best`, else `best`; its normal goes to `n_out`.

    A pair that overlaps at the begin by less than `slop` is passed over: the plug was there, so it is the pose that is
    a little wrong.
    """
    first, last, deep = -_FAR, _FAR, _FAR
    a0, a1, a2 = 0.0, 0.0, 0.0
    for k in range(3):
        n0, n1, n2 = 1.0 if k == 0 else 0.0, 1.0 if k == 1 else 0.0, 1.0 if k == 2 else 0.0
        t0, t1, overlap = _axis_times(n0, n1, n2, c, R, half, d, limits[k], limits[3 + k])
        if t0 > first:
            first, a0, a1, a2 = t0, n0, n1, n2
        last, deep = min(last, t1), min(deep, overlap)
        if first >= best or first > last or last < 0.0:
            return best
    for j in range(normals.shape[0] + 12):
        if j < normals.shape[0]:
            n0, n1, n2 = normals[j, 0], normals[j, 1], normals[j, 2]
        elif j < normals.shape[0] + 3:
            k = j - normals.shape[0]
            n0, n1, n2 = R[0, k], R[1, k], R[2, k]
        else:
            k = (j - normals.shape[0] - 3) // 3
            e = (j - normals.shape[0] - 3) % 3
            # Cross product of the box's edge k with the port's axis e.
            if e == 0:
                n0, n1, n2 = 0.0, R[2, k], -R[1, k]
            elif e == 1:
                n0, n1, n2 = -R[2, k], 0.0, R[0, k]
            else:
                n0, n1, n2 = R[1, k], -R[0, k], 0.0
        size = math.sqrt(n0 * n0 + n1 * n1 + n2 * n2)
        if size < 1e-4:
            continue
        n0, n1, n2 = n0 / size, n1 / size, n2 / size
        low, high = _FAR, -_FAR
        for v in range(vertices.shape[0]):
            value = n0 * vertices[v, 0] + n1 * vertices[v, 1] + n2 * vertices[v, 2]
            low, high = min(low, value), max(high, value)
        t0, t1, overlap = _axis_times(n0, n1, n2, c, R, half, d, low, high)
        if t0 > first + 1e-9:
            first, a0, a1, a2 = t0, n0, n1, n2
        last, deep = min(last, t1), min(deep, overlap)
        if first >= best or first > last or last < 0.0:
            return best
    if first <= 0.0 and 0.0 < deep < slop:
        return best
    sign = 1.0 if a0 * d[0] + a1 * d[1] + a2 * d[2] > 0.0 else -1.0
    n_out[0], n_out[1], n_out[2] = sign * a0, sign * a1, sign * a2
    return max(first, 0.0)


@njit(cache=True)
def first_contact(
    R: Array,
    p: Array,
    d: Array,
    limit: float,
    boxes: Array,
    vertices: Array,
    normals: Array,
    limits: Array,
    slop: float,
    shrink: float,
    n_out: Array,
    c: Array,
) -> tuple[float, int, int]:  # pragma: no cover - compiled
    """Return how far a plug moves along d until it meets the port, m, at most `limit`; and which part and wall meet.

    Args:
        R: Orientation of the tip in the port, shape (3, 3).
        p: Its position, shape (3,), m.
        d: Unit direction in the port.
        limit: Most travel, m.
        boxes: As `TouchGeometry`.
        vertices: Likewise.
        normals: Likewise.
        limits: Likewise.
        slop: Overlap at the begin that is passed over, m.
        shrink: By how much less wide the plug is taken to be on every side, m.
        n_out: Direction from the plug into the wall at contact; written, shape (3,).
        c: Scratch, shape (3,).
    """
    best, part, wall = limit, -1, -1
    half = np.empty(3)
    for i in range(boxes.shape[0]):
        for k in range(3):
            c[k] = p[k] + R[k, 0] * boxes[i, 0] + R[k, 1] * boxes[i, 1] + R[k, 2] * boxes[i, 2]
        for k in range(3):
            half[k] = max(boxes[i, 3 + k] - shrink, 1.0e-5)
        for j in range(vertices.shape[0]):
            found = _pair(c, R, half, d, vertices[j], normals[j], limits[j], best, slop, n_out)
            if found < best:
                best, part, wall = found, i, j
    return best, part, wall


@njit(cache=True)
def _patch(
    R: Array, p: Array, box: Array, vertices: Array, n: Array, centre: Array, spread: Array
) -> None:  # pragma: no cover - compiled
    """Write centre and half extents of where a box and a wall touch, along the port's axes; n points to the wall."""
    x = np.empty((8, 3))
    most, least = -_FAR, _FAR
    for v in range(8):
        h0 = box[3] if v & 1 else -box[3]
        h1 = box[4] if v & 2 else -box[4]
        h2 = box[5] if v & 4 else -box[5]
        for k in range(3):
            x[v, k] = p[k] + R[k, 0] * (box[0] + h0) + R[k, 1] * (box[1] + h1) + R[k, 2] * (box[2] + h2)
        most = max(most, n[0] * x[v, 0] + n[1] * x[v, 1] + n[2] * x[v, 2])
    for v in range(vertices.shape[0]):
        least = min(least, n[0] * vertices[v, 0] + n[1] * vertices[v, 1] + n[2] * vertices[v, 2])
    for k in range(3):
        low_a, high_a, low_b, high_b = _FAR, -_FAR, _FAR, -_FAR
        for v in range(8):
            if n[0] * x[v, 0] + n[1] * x[v, 1] + n[2] * x[v, 2] > most - _PATCH_M:
                low_a, high_a = min(low_a, x[v, k]), max(high_a, x[v, k])
        for v in range(vertices.shape[0]):
            w = vertices[v]
            if n[0] * w[0] + n[1] * w[1] + n[2] * w[2] < least + _PATCH_M:
                low_b, high_b = min(low_b, w[k]), max(high_b, w[k])
        low, high = max(low_a, low_b), min(high_a, high_b)
        centre[k] = 0.5 * (low + high)
        spread[k] = 0.5 * max(high - low, 0.0)


@njit(cache=True)
def _place(
    particle: Array, pose: Array, d: Array, R: Array, p: Array, dp: Array, Rp: Array, Re: Array, Rt: Array
) -> None:  # pragma: no cover - compiled
    """Write the plug's pose and a direction, given in the believed port, as they are in the port of a particle."""
    rotation(particle[3], particle[4], particle[5], Rp)
    rotation(particle[6], particle[7], particle[8], Re)
    for i in range(3):
        for j in range(3):
            Rt[i, j] = 0.0
            for k in range(3):
                Rt[i, j] += pose[4 * i + k] * Re[k, j]
    for i in range(3):
        dp[i], p[i] = 0.0, 0.0
        for k in range(3):
            dp[i] += Rp[k, i] * d[k]
            p[i] += Rp[k, i] * (pose[4 * k + 3] - particle[k])
        for j in range(3):
            R[i, j] = 0.0
            for k in range(3):
                R[i, j] += Rp[k, i] * Rt[k, j]


@njit(cache=True)
def log_likelihoods(
    particles: Array, evidence: Array, boxes: Array, vertices: Array, normals: Array, limits: Array
) -> Array:  # pragma: no cover - compiled
    """Return the logarithm of how likely all evidence is for each pose of the port, shape (n,).

    Args:
        particles: Displacement (v, w) of the port from where it was believed, along its own axes, and the turn of the
            plug in the grasp against the belief, in the tip's axes, shape (n, 9).
        evidence: One row per touch, shape (t, COLUMNS).
        boxes: As `TouchGeometry`.
        vertices: Likewise.
        normals: Likewise.
        limits: Likewise.
    """
    out = np.zeros(particles.shape[0])
    R, Rp, Re, Rt = np.empty((3, 3)), np.empty((3, 3)), np.empty((3, 3)), np.empty((3, 3))
    p, d, n, c = np.empty(3), np.empty(3), np.zeros(3), np.empty(3)
    centre, spread, start = np.empty(3), np.empty(3), np.empty(3)
    f, m, lever = np.empty(3), np.empty(3), np.empty(3)
    for i in range(particles.shape[0]):
        for t in range(evidence.shape[0]):
            row = evidence[t]
            _place(particles[i], row[POSE : POSE + 12], row[DIRECTION : DIRECTION + 3], R, p, d, Rp, Re, Rt)
            if row[KIND] == FLUSH:
                out[i] += _flush(row, R, p)
                continue
            for k in range(3):
                start[k] = p[k] - row[TRAVEL] * d[k]
            most, slop = row[TRAVEL] + 0.02, 1.5 * row[SIGMA] + _SLOP_M
            shrink = row[SIGMA] if row[KIND] == FREE else 0.0
            found, part, wall = first_contact(R, start, d, most, boxes, vertices, normals, limits, slop, shrink, n, c)
            r = (found - row[TRAVEL]) / row[SIGMA]
            if row[KIND] == FREE:
                # It went on for this long and met nothing.
                out[i] += max(-0.5 * r * r, _FREE_FLOOR) if r < 0.0 else 0.0
                continue
            # Past an edge by a hair or not is not for the estimate to say: what is nearer to the truth counts. A plug
            # that is less wide meets the wall ahead later by as much.
            other, part_s, wall_s = first_contact(
                R, start, d, most, boxes, vertices, normals, limits, slop, _GRAZE * row[SIGMA], m, c
            )
            other -= _GRAZE * row[SIGMA]
            is_graze = abs(other - found) > _GRAZE_JUMP * row[SIGMA]
            if is_graze and abs(other - row[TRAVEL]) < abs(found - row[TRAVEL]):
                found, part, wall = other, part_s, wall_s
                r = (found - row[TRAVEL]) / row[SIGMA]
                for k in range(3):
                    n[k] = m[k]
            log = -0.5 * r * r
            if part >= 0 and row[SIGMA_M] > 0.0:
                for k in range(3):
                    p[k] = start[k] + found * d[k]
                _patch(R, p, boxes[part], vertices[wall], n, centre, spread)
                for k in range(3):
                    f[k], m[k] = 0.0, 0.0
                    for j in range(3):
                        f[k] += Rp[j, k] * row[FORCE + j]
                        m[k] += Rp[j, k] * row[MOMENT + j]
                    lever[k] = centre[k] - p[k]
                for k in range(3):
                    a, b = (k + 1) % 3, (k + 2) % 3
                    wanted = lever[a] * f[b] - lever[b] * f[a]
                    wide = (abs(f[b]) * spread[a]) ** 2 + (abs(f[a]) * spread[b]) ** 2
                    variance = row[SIGMA_M] ** 2 + 0.33 * wide
                    off = m[k] - wanted
                    # Heavy tails: where a tilted plug rests under a push is not only geometry.
                    log += -2.0 * math.log(1.0 + off * off / (4.0 * variance)) - 0.5 * math.log(
                        variance / row[SIGMA_M] ** 2
                    )
            broad = max(-0.5 * ((found - row[TRAVEL]) / _OUTLIER_M) ** 2, -12.0)
            floor = math.log(_OUTLIER * row[SIGMA] / _OUTLIER_M) + broad - 2.0
            high = max(log, floor)
            out[i] += high + math.log(math.exp(log - high) + math.exp(floor - high))
    return out


@njit(cache=True)
def _flush(row: Array, R: Array, p: Array) -> float:  # pragma: no cover - compiled
    """Return how likely a plug's face lies on a wall's face.

    Both faces are planes across an axis of plug and port: the gap of their planes and the two angles between them are
    zero. The gap is taken at the middle of where the faces meet, so that it does not say the angles once more.
    """
    axis = int(row[AXIS])
    # Middle of the faces: on the plug's face, as deep behind the tip as `TRAVEL` says.
    x = p[axis] + R[axis, axis] * row[PLUG_FACE] - R[axis, 2] * row[TRAVEL]
    r = (x - row[WALL_FACE]) / row[SIGMA]
    total = r * r + (R[1 - axis, axis] / row[SIGMA_R]) ** 2 + (R[2, axis] / row[SIGMA_T]) ** 2
    # Heavy tails: a plug that is not quite flush must not outvote everything else.
    return -0.5 * 8.0 * math.log(1.0 + total / 8.0)


@njit(cache=True)
def travels(
    particles: Array,
    pose: Array,
    direction: Array,
    limit: float,
    boxes: Array,
    vertices: Array,
    normals: Array,
    limits: Array,
) -> Array:  # pragma: no cover - compiled
    """Return how far the plug gets from a pose, for each pose of the port, shape (n,), m.

    Args:
        particles: As above.
        pose: Of the tip in the believed port, shape (3, 4).
        direction: Unit, in the believed port, shape (3,).
        limit: Most travel, m.
        boxes: As `TouchGeometry`.
        vertices: Likewise.
        normals: Likewise.
        limits: Likewise.
    """
    out = np.empty(particles.shape[0])
    R, Rp, Re, Rt = np.empty((3, 3)), np.empty((3, 3)), np.empty((3, 3)), np.empty((3, 3))
    p, d, n, c = np.empty(3), np.empty(3), np.zeros(3), np.empty(3)
    flat = pose.copy().reshape(-1)
    for i in range(particles.shape[0]):
        _place(particles[i], flat, direction, R, p, d, Rp, Re, Rt)
        out[i] = first_contact(R, p, d, limit, boxes, vertices, normals, limits, _PLAN_SLOP_M, 0.0, n, c)[0]
    return out
