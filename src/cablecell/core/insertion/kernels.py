"""The compiled arithmetic of a step of the skill: what it measures at the tip, and the setpoint it sends.

Compiled by numba at the first use and kept beside this file; `warm_up` does that before the first step.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]

_SMALL_ANGLE = 1e-4


@lru_cache(maxsize=1)
def warm_up() -> None:
    """Compile the loops, or load what was compiled."""
    X, six, three = np.eye(4), np.zeros(6), np.zeros(3)
    see_tip(X, X, X, six, six, three.copy(), three.copy(), 0.0, 1.0)
    make_setpoint(X, three, three, six, six, three, three, three, six)


@njit(cache=True)
def see_tip(
    X_port_base: Array,
    X_base_tcp: Array,
    X_tcp_tip: Array,
    wrench_tcp: Array,
    bias: Array,
    last_p: Array,
    velocity: Array,
    dt_s: float,
    share: float,
) -> tuple[Array, Array, float, Array, Array, float]:  # pragma: no cover - compiled
    """Return what is measured at the tip, in the port frame.

    Args:
        X_port_base: Pose of `base_link` in the port frame, shape (4, 4).
        X_base_tcp: Measured tcp, shape (4, 4).
        X_tcp_tip: Estimated tip, shape (4, 4).
        wrench_tcp: Environment on tool at the tcp in tcp axes, shape (6,), N, N·m.
        bias: Of that, shape (6,).
        last_p: Where the tip was, shape (3,), m; replaced.
        velocity: Filtered velocity of the tip, shape (3,), m/s; updated.
        dt_s: Time since then, s; 0 leaves the velocity.
        share: Of a new sample in the velocity.

    Returns:
        Position, shape (3,); rotation, shape (3, 3); speed; force and moment about the tip, shape (3,) each; size of
        the force.
    """
    X_port_tcp, X_port_tip = np.zeros((3, 4)), np.zeros((3, 4))
    force, moment, p, R = np.zeros(3), np.zeros(3), np.empty(3), np.empty((3, 3))
    for i in range(3):
        for j in range(4):
            for k in range(4):
                X_port_tcp[i, j] += X_port_base[i, k] * X_base_tcp[k, j]
    for i in range(3):
        for j in range(4):
            for k in range(4):
                X_port_tip[i, j] += X_port_tcp[i, k] * X_tcp_tip[k, j]
    f, m = wrench_tcp[:3] - bias[:3], wrench_tcp[3:] - bias[3:]
    x, y, z = X_tcp_tip[0, 3], X_tcp_tip[1, 3], X_tcp_tip[2, 3]
    m[0] -= y * f[2] - z * f[1]
    m[1] -= z * f[0] - x * f[2]
    m[2] -= x * f[1] - y * f[0]
    for i in range(3):
        for k in range(3):
            force[i] += X_port_tcp[i, k] * f[k]
            moment[i] += X_port_tcp[i, k] * m[k]
            R[i, k] = X_port_tip[i, k]
        p[i] = X_port_tip[i, 3]
        if dt_s > 0.0:
            velocity[i] += share * ((p[i] - last_p[i]) / dt_s - velocity[i])
        last_p[i] = p[i]
    speed = math.sqrt(velocity[0] * velocity[0] + velocity[1] * velocity[1] + velocity[2] * velocity[2])
    size = math.sqrt(force[0] * force[0] + force[1] * force[1] + force[2] * force[2])
    return p, R, speed, force, moment, size


@njit(cache=True)
def make_setpoint(
    X_base_port: Array,
    p: Array,
    rotvec: Array,
    stiffness: Array,
    damping: Array,
    force: Array,
    velocity: Array,
    acceleration: Array,
    static_load: Array,
) -> tuple[Array, Array, Array, Array, Array, Array]:  # pragma: no cover - compiled
    """Return target, stiffness, damping, feed-forward, twist and acceleration of a command, in target axes.

    Args:
        X_base_port: Pose of the port, shape (4, 4).
        p: Target of the tip in the port frame, shape (3,), m.
        rotvec: Its orientation, shape (3,), rad.
        stiffness: Diagonal, shape (6,).
        damping: Likewise.
        force: On the environment in port axes, shape (3,), N.
        velocity: Of the target in port axes, shape (3,), m/s.
        acceleration: Likewise, m/s².
        static_load: Carried on top of the force, port axes, shape (6,).
    """
    x, y, z = rotvec[0], rotvec[1], rotvec[2]
    t2 = x * x + y * y + z * z
    if t2 < _SMALL_ANGLE * _SMALL_ANGLE:
        a, b = 1.0 - t2 / 6.0, 0.5 - t2 / 24.0
    else:
        t = math.sqrt(t2)
        a, b = math.sin(t) / t, (1.0 - math.cos(t)) / t2
    R = np.array(
        [
            [1.0 - b * (y * y + z * z), b * x * y - a * z, b * x * z + a * y],
            [b * x * y + a * z, 1.0 - b * (x * x + z * z), b * y * z - a * x],
            [b * x * z - a * y, b * y * z + a * x, 1.0 - b * (x * x + y * y)],
        ]
    )
    X, K, D = np.zeros((4, 4)), np.zeros((6, 6)), np.zeros((6, 6))
    feedforward, twist, accelerated = np.zeros(6), np.zeros(6), np.zeros(6)
    X[3, 3] = 1.0
    for i in range(3):
        X[i, 3] = X_base_port[i, 3]
        for k in range(3):
            X[i, 3] += X_base_port[i, k] * p[k]
            # Gains and forces are meant in port axes, the command's are in target axes; they differ by the small
            # rotation.
            feedforward[i] += R[k, i] * (static_load[k] + force[k])
            feedforward[3 + i] += R[k, i] * static_load[3 + k]
            twist[i] += R[k, i] * velocity[k]
            accelerated[i] += R[k, i] * acceleration[k]
            for j in range(3):
                X[i, j] += X_base_port[i, k] * R[k, j]
    for i in range(6):
        K[i, i], D[i, i] = stiffness[i], damping[i]
    return X, K, D, feedforward, twist, accelerated
