"""What edges that were found off their predicted places say about the pose of a body, compiled.

Some 8 µs for 90 points of one camera.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Numbers = NDArray[np.intp]

_MAD_TO_SIGMA = 1.4826
_MIN_WEIGHT = 2.0  # of the samples of an edge whose mean says something


@njit(cache=True, nogil=True)
def _jacobian(p: Vector, X: Matrix, K: Matrix, normal: Vector, row: Vector) -> None:
    """Fill how the place of a point along a normal changes with X Exp(xi), xi = (v, w), shape (6,)."""
    x, y, z = X[0, 3], X[1, 3], X[2, 3]
    for i in range(3):
        x, y, z = x + X[0, i] * p[i], y + X[1, i] * p[i], z + X[2, i] * p[i]
    a, b = normal[0] * K[0, 0] / z, normal[1] * K[1, 1] / z
    c = -(a * x + b * y) / z
    for i in range(3):
        row[i] = a * X[0, i] + b * X[1, i] + c * X[2, i]
    row[3] = p[1] * row[2] - p[2] * row[1]
    row[4] = p[2] * row[0] - p[0] * row[2]
    row[5] = p[0] * row[1] - p[1] * row[0]


@njit(cache=True, nogil=True)
def equations(
    points: Matrix,
    X: Matrix,
    K: Matrix,
    pixels: Matrix,
    normals: Matrix,
    edges: Numbers,
    offsets: Vector,
    sigma: float,
    shared_px: float,
    sure_samples: float,
    slope_share: float,
    tukey: float,
    freedom: float,
) -> tuple[Matrix, Vector, Vector, Matrix]:
    """Return information matrix, gradient, weights of samples, and mean, its deviation and weight of every edge.

    Args:
        points: Of the body, shape (n, 3), m.
        X: X_optical_body, shape (4, 4).
        K: Intrinsics, shape (3, 3), px.
        pixels: Where they were predicted, shape (n, 2).
        normals: Of their edges, shape (n, 2).
        edges: Number of the edge of each; those of one edge follow each other, shape (n,).
        offsets: Where along the normal they were found, shape (n,), px.
        sigma: Independent error of a sample, px.
        shared_px: Error that the samples of a long edge share, px.
        sure_samples: A shorter edge than this shares a larger error.
        slope_share: Error of an edge's slope over that of its offset.
        tukey: Where the weight of a sample ends, in units of `sigma`.
        freedom: Degrees of freedom of the distribution of shared errors; few for heavy tails.
    """
    n = len(points)
    H, g = np.zeros((6, 6)), np.zeros(6)
    weight, rows = np.empty(n), np.empty((n, 6))
    for k in range(n):
        scaled = abs(offsets[k]) / (tukey * sigma)
        weight[k] = (1.0 - scaled * scaled) ** 2 if scaled < 1.0 else 0.0
        _jacobian(points[k], X, K, normals[k], rows[k])
    groups, begin = 0, 0
    bounds = np.zeros(n + 1, dtype=np.intp)
    while begin < n:
        end = begin
        while end < n and edges[end] == edges[begin]:
            end += 1
        groups += 1
        bounds[groups] = end
        begin = end
    # Mean of every edge, its standard deviation, how much the edge is believed.
    means = np.zeros((groups, 3))
    for e in range(groups):
        total, mean = 0.0, 0.0
        for k in range(bounds[e], bounds[e + 1]):
            total += weight[k]
            mean += weight[k] * offsets[k]
        safe = max(total, 1.0)
        means[e, 0] = mean / safe
        means[e, 1] = math.sqrt(shared_px**2 * (1.0 + (sure_samples / safe) ** 2) + sigma**2 / safe)
        means[e, 2] = 1.0 if total > _MIN_WEIGHT else 0.0
    # Far from the solution all edges are off together; they are no outliers of each other.
    common_scale = max(1.0, _MAD_TO_SIGMA * np.median(np.abs(means[:, 0] / means[:, 1]))) if groups else 1.0
    for e in range(groups):
        ratio = means[e, 0] / (means[e, 1] * common_scale)
        believed = min(1.0, (freedom + 1.0) / (freedom + ratio * ratio))
        means[e, 2] *= believed
        first, last = bounds[e], bounds[e + 1]
        total, u, v = 0.0, 0.0, 0.0
        for k in range(first, last):
            total += weight[k]
            u += pixels[k, 0] / (last - first)
            v += pixels[k, 1] / (last - first)
        common = shared_px**2 * (1.0 + (sure_samples / max(total, 1.0)) ** 2) / believed
        longest = 1.0
        for k in range(first, last):
            t = (pixels[k, 0] - u) * normals[first, 1] - (pixels[k, 1] - v) * normals[first, 0]
            longest = max(longest, abs(t))
        # The shared offset and slope, b0 + b1 t, leave the information by the matrix inversion lemma.
        a00, a01, a11 = 1.0 / common, 0.0, 1.0 / (slope_share**2 * common)
        cross, residual = np.zeros((6, 2)), np.zeros(2)
        for k in range(first, last):
            t = ((pixels[k, 0] - u) * normals[first, 1] - (pixels[k, 1] - v) * normals[first, 0]) / longest
            w = weight[k] / sigma**2
            a00, a01, a11 = a00 + w, a01 + w * t, a11 + w * t * t
            residual[0] += w * offsets[k]
            residual[1] += w * offsets[k] * t
            for i in range(6):
                wi = w * rows[k, i]
                cross[i, 0] += wi
                cross[i, 1] += wi * t
                g[i] += wi * offsets[k]
                for j in range(6):
                    H[i, j] += wi * rows[k, j]
        determinant = a00 * a11 - a01 * a01
        b00, b01, b11 = a11 / determinant, -a01 / determinant, a00 / determinant
        for i in range(6):
            c0 = cross[i, 0] * b00 + cross[i, 1] * b01
            c1 = cross[i, 0] * b01 + cross[i, 1] * b11
            g[i] -= c0 * residual[0] + c1 * residual[1]
            for j in range(6):
                H[i, j] -= c0 * cross[j, 0] + c1 * cross[j, 1]
    return H, g, weight, means
