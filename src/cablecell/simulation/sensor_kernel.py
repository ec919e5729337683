"""What sensors of the arm make of the truth, compiled: in plain Python it costs as much as the physics between.

Random numbers are drawn outside, as pairs of uniform numbers, and made normal here as `random.gauss` makes them.

This is one file because numba keeps compiled code for a file and does not see that another one has changed.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]
Numbers = tuple[float, ...]
Six = tuple[float, float, float, float, float, float]

# Rows of `sensor`, one column per axis: N and N·m.
BIAS, FILTERED, DRIFT, NOISE, RESOLUTION, RANGE, LIMIT = range(7)
SENSOR_ROWS = 7

# Rows of `encoder`, one column per joint: rad; compliance in rad/(N·m).
OFFSET, WANDER, DEFLECTION, COMPLIANCE, ERROR = range(5)
ENCODER_ROWS = 5


@njit(cache=True)
def _normal(uniform: Numbers, i: int) -> float:  # pragma: no cover - compiled
    """Return normal number `i` from uniform numbers, two of which make two."""
    j = i - i % 2
    angle, radius = uniform[j] * (2.0 * math.pi), math.sqrt(-2.0 * math.log(1.0 - uniform[j + 1]))
    return math.cos(angle) * radius if i == j else math.sin(angle) * radius


@njit(cache=True)
def _rounded(value: float, step: float) -> float:  # pragma: no cover - compiled
    return np.rint(value / step) * step if step > 0.0 else value


@njit(cache=True)
def sense(
    wrench: Six, drifting: Numbers, noisy: Numbers, gain: Array, sensor: Array, share: float
) -> tuple[Six, float, float]:  # pragma: no cover - compiled
    """Return what the force sensor reports, and how much of its range two groups of axes use together.

    Args:
        wrench: True wrench, N and N·m.
        drifting: Six uniform numbers, for the drift of the bias.
        noisy: Six more, for the noise.
        gain: Gain matrix, shape (6, 6).
        sensor: What the sensor is and was, shape (SENSOR_ROWS, 6); bias and filter are updated.
        share: Of a new sample in the filter; the filter begins where it holds NaN.
    """
    load, out = np.empty(6), np.empty(6)
    for i in range(6):
        sensor[BIAS, i] += _normal(drifting, i) * sensor[DRIFT, i]
    begins = share == 1.0 or math.isnan(sensor[FILTERED, 0])
    for i in range(6):
        total = gain[i, 0] * wrench[0]
        for j in range(1, 6):
            total += gain[i, j] * wrench[j]
        load[i] = total + sensor[BIAS, i]
        limit = sensor[LIMIT, i]
        held = max(-limit, min(limit, load[i]))
        if begins:
            sensor[FILTERED, i] = held
        else:
            sensor[FILTERED, i] += share * (held - sensor[FILTERED, i])
        noise = _normal(noisy, i) * sensor[NOISE, i]
        out[i] = max(-limit, min(limit, _rounded(sensor[FILTERED, i] + noise, sensor[RESOLUTION, i])))
    xy, z, t = sensor[RANGE, 0], sensor[RANGE, 2], sensor[RANGE, 3]
    bending = math.hypot(load[0], load[1]) / xy + abs(load[5]) / t
    pressing = abs(load[2]) / z + math.hypot(load[3], load[4]) / t
    return (out[0], out[1], out[2], out[3], out[4], out[5]), bending, pressing


@njit(cache=True)
def encode(
    encoder: Array,
    q: Numbers,
    dq: Numbers,
    torque: Numbers,
    wandering: Numbers,
    noisy: Numbers,
    course: tuple[float, float, float],
    noise: tuple[float, float, float],
) -> tuple[Array, Array]:  # pragma: no cover - compiled
    """Let wander and deflection of the joints go on; return measured positions, rad, and velocities, rad/s.

    Args:
        encoder: What the encoders are and were, shape (ENCODER_ROWS, n); updated.
        q: True positions, rad.
        dq: True velocities, rad/s.
        torque: On each joint, N·m.
        wandering: Uniform numbers, one per joint and one more where that is odd.
        noisy: Uniform numbers, two per joint.
        course: Share of the wander that is kept; spread of what comes to it, rad; share of the way of the deflection to
            where the torque leads it. Where the first is 1 and the others are 0, nothing goes on.
        noise: Resolution, rad, 0 for none; spread of positions, rad; spread of velocities, rad/s.
    """
    n = encoder.shape[1]
    at, speed = np.empty(n), np.empty(n)
    kept, fresh, share = course
    for i in range(n):
        if fresh > 0.0:
            encoder[WANDER, i] = kept * encoder[WANDER, i] + _normal(wandering, i) * fresh
        encoder[DEFLECTION, i] += share * (encoder[COMPLIANCE, i] * torque[i] - encoder[DEFLECTION, i])
        encoder[ERROR, i] = encoder[OFFSET, i] + encoder[WANDER, i] + encoder[DEFLECTION, i]
        at[i] = _rounded(q[i] + encoder[ERROR, i] + _normal(noisy, i) * noise[1], noise[0])
        speed[i] = dq[i] + _normal(noisy, n + i) * noise[2]
    return at, speed
