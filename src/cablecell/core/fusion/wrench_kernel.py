"""The compiled arithmetic of a reading of the force sensor: bias, weight, filter, and the shift to the tool.

Compiled by numba at the first use and kept beside this file; `warm_up` does that before the first reading.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]


@lru_cache(maxsize=1)
def warm_up() -> None:
    """Compile the loop, or load what was compiled."""
    three, X = np.zeros(3), np.eye(4)
    contact_at_tcp(three, three, np.zeros(6), 0.0, three, X[:3, :3], X[:3, :3].copy(), three, 1.0, np.zeros(6))


@njit(cache=True)
def contact_at_tcp(
    force: Array,
    torque: Array,
    bias: Array,
    weight_n: float,
    centre: Array,
    R_base_tcp: Array,
    R_tcp_ft: Array,
    p_tcp_ft: Array,
    blend: float,
    filtered: Array,
) -> Array:  # pragma: no cover - compiled
    """Return the filtered contact wrench at the tcp in tcp axes, shape (6,), N, N·m.

    Args:
        force: Reading in `ft_frame`, shape (3,), N.
        torque: Likewise, N·m.
        bias: Of both, shape (6,).
        weight_n: Of the payload, N.
        centre: Of its mass in `ft_frame`, shape (3,), m.
        R_base_tcp: Where the tool points, shape (3, 3).
        R_tcp_ft: Axes of the sensor in `tcp`, shape (3, 3).
        p_tcp_ft: Its origin there, shape (3,), m.
        blend: Share of this reading in the filter.
        filtered: The filter, shape (6,); updated.
    """
    contact, down, out = np.empty(6), np.zeros(3), np.zeros(6)
    for i in range(3):
        contact[i], contact[3 + i] = force[i] - bias[i], torque[i] - bias[3 + i]
        for k in range(3):
            down[i] -= weight_n * R_base_tcp[2, k] * R_tcp_ft[k, i]
    contact[:3] -= down
    contact[3] -= centre[1] * down[2] - centre[2] * down[1]
    contact[4] -= centre[2] * down[0] - centre[0] * down[2]
    contact[5] -= centre[0] * down[1] - centre[1] * down[0]
    for i in range(6):
        filtered[i] += blend * (contact[i] - filtered[i])
    for i in range(3):
        for k in range(3):
            out[i] += R_tcp_ft[i, k] * filtered[k]
            out[3 + i] += R_tcp_ft[i, k] * filtered[3 + k]
    # The moment about the tcp: m_ft + p x f with p from the tcp to the sensor.
    x, y, z = p_tcp_ft[0], p_tcp_ft[1], p_tcp_ft[2]
    out[3] += y * out[2] - z * out[1]
    out[4] += z * out[0] - x * out[2]
    out[5] += x * out[1] - y * out[0]
    return out
