"""Symmetric banded systems, compiled: what Newton's method on a chain of nodes solves in every iteration.

A matrix is stored as its lower band: `band[i, k]` is the element in row i, column i - k.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]


@njit(cache=True, error_model="numpy")
def factorise(band: Array, shift: float, start: int, stop: int, factor: Array) -> bool:
    """Write the Cholesky factor of the rows `start` to `stop`, with `shift` added to the diagonal, into `factor`.

    Returns:
        False where the matrix is not positive definite; then `factor` is of no use.
    """
    width = band.shape[1]
    for i in range(start, stop):
        first = max(start, i - width + 1)
        for j in range(first, i + 1):
            value = band[i, i - j]
            if i == j:
                value += shift
            for k in range(max(first, j - width + 1), j):
                value -= factor[i, i - k] * factor[j, j - k]
            if i > j:
                factor[i, i - j] = value / factor[j, 0]
            elif value > 0.0:
                factor[i, 0] = math.sqrt(value)
            else:
                return False
    return True


@njit(cache=True, error_model="numpy")
def solve(factor: Array, start: int, stop: int, values: Array) -> None:
    """Replace `values[start:stop]` by the solution for the factor of those rows."""
    width = factor.shape[1]
    for i in range(start, stop):
        value = values[i]
        for k in range(max(start, i - width + 1), i):
            value -= factor[i, i - k] * values[k]
        values[i] = value / factor[i, 0]
    for i in range(stop - 1, start - 1, -1):
        value = values[i]
        for k in range(i + 1, min(stop, i + width)):
            value -= factor[k, k - i] * values[k]
        values[i] = value / factor[i, 0]
