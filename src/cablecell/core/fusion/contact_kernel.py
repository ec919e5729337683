"""The compiled arithmetic of contact detection: inertia of the tool, tracked baseline, cumulative sum.

Compiled by numba at the first use and kept beside this file. About 1 µs a sample.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Rows of the detector's memory, one column per axis of the force.
VELOCITY, ACCELERATION, BASELINE, SUM, RESIDUAL = range(5)
ROWS = 5

BEGIN = 10
"""Samples that make the first baseline; nothing is found in that time."""


@lru_cache(maxsize=1)
def warm_up() -> None:
    """Compile the loop, or load what was compiled."""
    watch(np.zeros(6), np.zeros(6), np.eye(4)[:3, :3], np.zeros(3), np.zeros((ROWS, 3)), 1.0, np.ones(8), 0)


@njit(cache=True)
def watch(
    wrench: Array,
    twist: Array,
    R_base_tcp: Array,
    centre: Array,
    memory: Array,
    dt_s: float,
    numbers: Array,
    age: int,
) -> tuple[float, float]:  # pragma: no cover - compiled
    """Take one sample; return the cumulative sum and the standard deviation the residual has now, N.

    Args:
        wrench: Environment on tool at the tcp in tcp axes, bias and weight removed, shape (6,), N, N·m.
        twist: Of the tcp in `base_link`, measured, shape (6,), m/s, rad/s.
        R_base_tcp: Orientation of the tcp, shape (3, 3).
        centre: Centre of mass of what the sensor carries, in `tcp`, shape (3,), m.
        memory: As the rows say; updated.
        dt_s: Since the last sample, s.
        numbers: Mass, kg; cut-off of the acceleration, Hz; noise, N; share of the inertial force that is uncertain;
            time constant of the baseline, s; slack and limit of the sum; force per jerk lag, s.
        age: Samples since the begin; the first ones are averaged to a baseline.
    """
    mass, cutoff, noise, share, tau, slack, limit, lag = numbers
    r, v = np.zeros(3), np.empty(3)
    for i in range(3):
        for k in range(3):
            r[i] += R_base_tcp[i, k] * centre[k]
    v[0] = twist[0] + twist[4] * r[2] - twist[5] * r[1]
    v[1] = twist[1] + twist[5] * r[0] - twist[3] * r[2]
    v[2] = twist[2] + twist[3] * r[1] - twist[4] * r[0]
    blend = 1.0 - math.exp(-2.0 * math.pi * cutoff * dt_s)
    a2, j2 = 0.0, 0.0
    for i in range(3):
        if age == 0:
            memory[VELOCITY, i], memory[ACCELERATION, i] = v[i], 0.0
        before = memory[ACCELERATION, i]
        if dt_s > 0.0:
            memory[ACCELERATION, i] += blend * ((v[i] - memory[VELOCITY, i]) / dt_s - before)
            jerk = (memory[ACCELERATION, i] - before) / dt_s
            j2 += jerk * jerk
        memory[VELOCITY, i] = v[i]
        a2 += memory[ACCELERATION, i] ** 2
    sigma = math.sqrt(noise * noise + (share * mass) ** 2 * a2 + (lag * mass) ** 2 * j2)
    size = 0.0
    z = np.empty(3)
    for i in range(3):
        inertial = 0.0
        for k in range(3):
            # The tool is carried along by the sensor: it reads minus the inertia.
            inertial -= mass * R_base_tcp[k, i] * memory[ACCELERATION, k]
        felt = wrench[i] - inertial
        if age < BEGIN:
            before = memory[BASELINE, i] if age > 0 else 0.0
            memory[BASELINE, i] = before + (felt - before) / (age + 1)
            memory[SUM, i] = 0.0
        memory[RESIDUAL, i] = felt - memory[BASELINE, i]
        z[i] = memory[SUM, i] + memory[RESIDUAL, i] / sigma
        size += z[i] * z[i]
    size = math.sqrt(size)
    shrink = 1.0 - slack / size if size > slack else 0.0
    total = 0.0
    for i in range(3):
        memory[SUM, i] = 0.0 if age < BEGIN else z[i] * shrink
        total += memory[SUM, i] ** 2
    total = math.sqrt(total)
    if age < BEGIN:
        return 0.0, sigma
    if total < 0.3 * limit and tau > 0.0:
        # What comes slowly is drift, the cable and the weight's error: it is followed while nothing is suspected.
        follow = dt_s / tau
        for i in range(3):
            memory[BASELINE, i] += follow * memory[RESIDUAL, i]
    return total, sigma
