"""The compiled inner loops of the torque controller: what runs in every control period on vectors of three and six.

Compiled by numba at the first use and kept beside this file; `warm_up` does that before the first period. At this size
numpy costs ten times more than the arithmetic: following a pose takes 2 us and not 20, the impedance 4 and not 30.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]

APPROACH = 0.8
"""Share of the acceleration limit planned for braking; the rest absorbs the discrete step."""

_NEAR_PI = 3.0


@lru_cache(maxsize=1)
def warm_up() -> None:
    """Compile the loops, or load what was compiled: takes seconds once after an installation, then milliseconds."""
    X, J = np.eye(4), np.eye(6)
    six, three = np.zeros(6), np.zeros(3)
    walk_pose(X, six, 0.5)
    ring = np.zeros((2, 13))
    fill_ring(ring, three, np.eye(3), three, three)
    mean_of_ring(ring)
    moving = three.copy(), np.eye(3), three.copy(), three.copy()
    advance_reference(*moving, X, six, 1.0, 1.0, 1.0, 1.0, 0.002, ring, 0, six)
    J_target, error = compliance_error(X, J, X, X)
    compliance_torque(J_target, six, error, J, J, J, six, six, six, six, 1.0, 1.0)


@njit(cache=True)
def _log(R: Array, out: Array) -> None:  # pragma: no cover - compiled
    """Write the rotation vector of R; exact near zero and near pi."""
    x, y, z = R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]
    sine2 = math.sqrt(x * x + y * y + z * z)
    cosine2 = R[0, 0] + R[1, 1] + R[2, 2] - 1.0
    angle = math.atan2(sine2, cosine2)
    if angle < _NEAR_PI:
        k = 0.5 + angle * angle / 12.0 if sine2 < 1e-6 else angle / sine2
        out[0], out[1], out[2] = k * x, k * y, k * z
        return
    # Near pi the antisymmetric part vanishes: (R + R^T)/2 = cos I + (1 - cos) a a^T gives the axis up to its sign.
    cosine = math.cos(angle)
    i = 0
    for k in range(1, 3):
        if R[k, k] > R[i, i]:
            i = k
    length = math.sqrt((R[i, i] - cosine) / (1.0 - cosine))
    for k in range(3):
        outer = (0.5 * (R[k, i] + R[i, k]) - (cosine if k == i else 0.0)) / (1.0 - cosine)
        out[k] = outer / length
    sign = 1.0 if out[0] * x + out[1] * y + out[2] * z >= 0.0 else -1.0
    for k in range(3):
        out[k] *= sign * angle


@njit(cache=True)
def _turn(x: float, y: float, z: float) -> Array:  # pragma: no cover - compiled
    """Return the rotation of a rotation vector, shape (3, 3)."""
    t2 = x * x + y * y + z * z
    if t2 < 1e-12:
        a, b = 1.0 - t2 / 6.0, 0.5 - t2 / 24.0
    else:
        t = math.sqrt(t2)
        a, b = math.sin(t) / t, (1.0 - math.cos(t)) / t2
    return np.array(
        [
            [1.0 - b * (y * y + z * z), b * x * y - a * z, b * x * z + a * y],
            [b * x * y + a * z, 1.0 - b * (x * x + z * z), b * y * z - a * x],
            [b * x * z - a * y, b * y * z + a * x, 1.0 - b * (x * x + y * y)],
        ]
    )


@njit(cache=True)
def walk_pose(X: Array, way: Array, share: float) -> Array:  # pragma: no cover - compiled
    """Return the pose after a share of the way (shift, rotation vector), both in base axes, shape (4, 4)."""
    out = np.zeros((4, 4))
    out[3, 3] = 1.0
    turn = _turn(way[3] * share, way[4] * share, way[5] * share)
    for i in range(3):
        out[i, 3] = X[i, 3] + way[i] * share
        for j in range(3):
            for k in range(3):
                out[i, j] += turn[i, k] * X[k, j]
    return out


@njit(cache=True)
def put_in_ring(ring: Array, row: int, p: Array, R: Array, v: Array, w: Array) -> None:  # pragma: no cover - compiled
    """Write a moving pose into a row: position, quaternion x y z w, velocity, angular velocity."""
    trace = R[0, 0] + R[1, 1] + R[2, 2]
    # The largest component is found first: nothing is then divided by a small number.
    if trace > 0.0:
        s = 2.0 * math.sqrt(trace + 1.0)
        x, y, z, q = (R[2, 1] - R[1, 2]) / s, (R[0, 2] - R[2, 0]) / s, (R[1, 0] - R[0, 1]) / s, 0.25 * s
    elif R[0, 0] > R[1, 1] and R[0, 0] > R[2, 2]:
        s = 2.0 * math.sqrt(1.0 + R[0, 0] - R[1, 1] - R[2, 2])
        x, y, z, q = 0.25 * s, (R[0, 1] + R[1, 0]) / s, (R[0, 2] + R[2, 0]) / s, (R[2, 1] - R[1, 2]) / s
    elif R[1, 1] > R[2, 2]:
        s = 2.0 * math.sqrt(1.0 + R[1, 1] - R[0, 0] - R[2, 2])
        x, y, z, q = (R[0, 1] + R[1, 0]) / s, 0.25 * s, (R[1, 2] + R[2, 1]) / s, (R[0, 2] - R[2, 0]) / s
    else:
        s = 2.0 * math.sqrt(1.0 + R[2, 2] - R[0, 0] - R[1, 1])
        x, y, z, q = (R[0, 2] + R[2, 0]) / s, (R[1, 2] + R[2, 1]) / s, 0.25 * s, (R[1, 0] - R[0, 1]) / s
    for i in range(3):
        ring[row, i], ring[row, 7 + i], ring[row, 10 + i] = p[i], v[i], w[i]
    ring[row, 3], ring[row, 4], ring[row, 5], ring[row, 6] = x, y, z, q


@njit(cache=True)
def fill_ring(ring: Array, p: Array, R: Array, v: Array, w: Array) -> None:  # pragma: no cover - compiled
    """Write the same moving pose into every row."""
    for row in range(ring.shape[0]):
        put_in_ring(ring, row, p, R, v, w)


@njit(cache=True)
def mean_of_ring(ring: Array) -> tuple[Array, Array]:  # pragma: no cover - compiled
    """Return mean pose, shape (4, 4), and mean twist, shape (6,), of all rows; they are a small rotation apart."""
    sums = np.zeros(13)
    for row in range(ring.shape[0]):
        same = 0.0
        for i in range(3, 7):
            same += ring[row, i] * ring[0, i]
        sign = -1.0 if same < 0.0 else 1.0
        for i in range(13):
            sums[i] += (sign if 3 <= i < 7 else 1.0) * ring[row, i]
    n = ring.shape[0]
    length = math.sqrt(sums[3] ** 2 + sums[4] ** 2 + sums[5] ** 2 + sums[6] ** 2)
    x, y, z, w = sums[3] / length, sums[4] / length, sums[5] / length, sums[6] / length
    X, twist = np.zeros((4, 4)), np.empty(6)
    X[0, 0], X[0, 1], X[0, 2] = 1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - z * w), 2.0 * (x * z + y * w)
    X[1, 0], X[1, 1], X[1, 2] = 2.0 * (x * y + z * w), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - x * w)
    X[2, 0], X[2, 1], X[2, 2] = 2.0 * (x * z - y * w), 2.0 * (y * z + x * w), 1.0 - 2.0 * (x * x + y * y)
    X[3, 3] = 1.0
    for i in range(3):
        X[i, 3] = sums[i] / n
        twist[i], twist[3 + i] = sums[7 + i] / n, sums[10 + i] / n
    return X, twist


@njit(cache=True)
def _pursue(
    distance: Array, velocity: Array, target: Array, speed: float, acceleration: float, dt_s: float
) -> None:  # pragma: no cover - compiled
    """Change the velocity of a point by one period, so that it closes `distance` and then moves with `target`."""
    length = math.sqrt(distance[0] ** 2 + distance[1] ** 2 + distance[2] ** 2)
    closing = 0.0
    if length > 1e-12:
        brake = APPROACH * acceleration
        # Speed from which one can still stop at the target, exact for the discrete braking ramp.
        fastest = math.sqrt(2.0 * brake * length + (0.5 * brake * dt_s) ** 2) - 0.5 * brake * dt_s
        closing = min(fastest, length / dt_s) / length
    wx, wy, wz = target[0] + distance[0] * closing, target[1] + distance[1] * closing, target[2] + distance[2] * closing
    norm = math.sqrt(wx * wx + wy * wy + wz * wz)
    if norm > speed:
        wx, wy, wz = wx * speed / norm, wy * speed / norm, wz * speed / norm
    cx, cy, cz = wx - velocity[0], wy - velocity[1], wz - velocity[2]
    size, step = math.sqrt(cx * cx + cy * cy + cz * cz), acceleration * dt_s
    share = step / size if size > step else 1.0
    velocity[0] += cx * share
    velocity[1] += cy * share
    velocity[2] += cz * share


@njit(cache=True)
def follow_pose(
    p: Array,
    R: Array,
    v: Array,
    w: Array,
    X_target: Array,
    twist: Array,
    linear_speed: float,
    linear_acceleration: float,
    angular_speed: float,
    angular_acceleration: float,
    dt_s: float,
) -> None:  # pragma: no cover - compiled
    """Move position, rotation and their velocities by one period towards a target that moves with `twist`."""
    distance = np.empty(3)
    for i in range(3):
        distance[i] = X_target[i, 3] - p[i]
    _pursue(distance, v, twist[:3], linear_speed, linear_acceleration, dt_s)
    to_target = np.zeros((3, 3))
    for i in range(3):
        p[i] += v[i] * dt_s
        for j in range(3):
            for k in range(3):
                to_target[i, j] += X_target[i, k] * R[j, k]
    _log(to_target, distance)
    _pursue(distance, w, twist[3:], angular_speed, angular_acceleration, dt_s)
    turn = _turn(w[0] * dt_s, w[1] * dt_s, w[2] * dt_s)
    ax, ay, az, bx, by, bz = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(3):
        ax, ay, az = ax + turn[0, k] * R[k, 0], ay + turn[1, k] * R[k, 0], az + turn[2, k] * R[k, 0]
        bx, by, bz = bx + turn[0, k] * R[k, 1], by + turn[1, k] * R[k, 1], bz + turn[2, k] * R[k, 1]
    # Gram-Schmidt on two columns keeps the product of many small rotations orthogonal.
    n = math.sqrt(ax * ax + ay * ay + az * az)
    ax, ay, az = ax / n, ay / n, az / n
    share = ax * bx + ay * by + az * bz
    bx, by, bz = bx - ax * share, by - ay * share, bz - az * share
    n = math.sqrt(bx * bx + by * by + bz * bz)
    bx, by, bz = bx / n, by / n, bz / n
    R[0, 0], R[1, 0], R[2, 0] = ax, ay, az
    R[0, 1], R[1, 1], R[2, 1] = bx, by, bz
    R[0, 2], R[1, 2], R[2, 2] = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx


@njit(cache=True)
def advance_reference(
    p: Array,
    R: Array,
    v: Array,
    w: Array,
    X_target: Array,
    twist: Array,
    linear_speed: float,
    linear_acceleration: float,
    angular_speed: float,
    angular_acceleration: float,
    dt_s: float,
    ring: Array,
    row: int,
    before: Array,
) -> tuple[Array, Array, Array]:  # pragma: no cover - compiled
    """Move the point by one period, note it in a row of the ring, and return pose, twist and acceleration of the mean.

    `follow_pose`, `put_in_ring` and `mean_of_ring` in one call: each call costs more than its arithmetic. `before` is
    the twist of the last mean.
    """
    follow_pose(
        p, R, v, w, X_target, twist, linear_speed, linear_acceleration, angular_speed, angular_acceleration, dt_s
    )
    put_in_ring(ring, row, p, R, v, w)
    X, mean = mean_of_ring(ring)
    acceleration = np.empty(6)
    for i in range(6):
        acceleration[i] = (mean[i] - before[i]) / dt_s
    return X, mean, acceleration


@njit(cache=True)
def compliance_error(
    X_base_tcp: Array, J_base_tcp: Array, X_tcp_comp: Array, X_base_target: Array
) -> tuple[Array, Array]:  # pragma: no cover - compiled
    """Return Jacobian of the compliance frame and its pose error, target minus actual, both in target axes."""
    joints = J_base_tcp.shape[1]
    r, actual = np.zeros(3), np.zeros((3, 3))
    for i in range(3):
        for k in range(3):
            r[i] += X_base_tcp[i, k] * X_tcp_comp[k, 3]
            for j in range(3):
                actual[i, j] += X_base_tcp[i, k] * X_tcp_comp[k, j]
    J, J_comp = np.zeros((6, joints)), np.empty(3)
    for n in range(joints):
        wx, wy, wz = J_base_tcp[3, n], J_base_tcp[4, n], J_base_tcp[5, n]
        # v_c = v + w x r
        J_comp[0] = J_base_tcp[0, n] + wy * r[2] - wz * r[1]
        J_comp[1] = J_base_tcp[1, n] + wz * r[0] - wx * r[2]
        J_comp[2] = J_base_tcp[2, n] + wx * r[1] - wy * r[0]
        for i in range(3):
            for k in range(3):
                J[i, n] += X_base_target[k, i] * J_comp[k]
                J[3 + i, n] += X_base_target[k, i] * J_base_tcp[3 + k, n]
    error, difference = np.zeros(6), np.zeros((3, 3))
    for i in range(3):
        for k in range(3):
            error[i] += X_base_target[k, i] * (X_base_target[k, 3] - X_base_tcp[k, 3] - r[k])
            for j in range(3):
                difference[i, j] += X_base_target[k, i] * actual[k, j]
    # log(R_target^T R_comp) is the rotation from target to actual in target axes.
    _log(difference, error[3:])
    for i in range(3, 6):
        error[i] = -error[i]
    return J, error


@njit(cache=True)
def compliance_torque(
    J: Array,
    dq: Array,
    error: Array,
    stiffness: Array,
    damping: Array,
    inertia: Array,
    twist: Array,
    acceleration: Array,
    feedforward: Array,
    extra: Array,
    force_limit: float,
    moment_limit: float,
) -> tuple[Array, Array, bool]:  # pragma: no cover - compiled
    """Return joint torques, the limited wrench K e + D (v - J dq) + Lambda a + ff, and whether it was cut down."""
    joints = J.shape[1]
    lag = twist.copy()
    for i in range(6):
        for n in range(joints):
            lag[i] -= J[i, n] * dq[n]
    wrench = feedforward + extra
    for i in range(6):
        for k in range(6):
            wrench[i] += stiffness[i, k] * error[k] + damping[i, k] * lag[k] + inertia[i, k] * acceleration[k]
    force = math.sqrt(wrench[0] ** 2 + wrench[1] ** 2 + wrench[2] ** 2)
    moment = math.sqrt(wrench[3] ** 2 + wrench[4] ** 2 + wrench[5] ** 2)
    if force > force_limit:
        wrench[:3] *= force_limit / force
    if moment > moment_limit:
        wrench[3:] *= moment_limit / moment
    tau = np.zeros(joints)
    for n in range(joints):
        for i in range(6):
            tau[n] += J[i, n] * wrench[i]
    return tau, wrench, force > force_limit or moment > moment_limit


@njit(cache=True)
def dynamics_in_base(
    X_base_world: Array, X_world_tcp: Array, J_world: Array, inertia: Array, rotors: Array
) -> tuple[Array, Array, Array]:  # pragma: no cover - compiled
    """Return pose and Jacobian in axes of `base_link`, and the inertia whole: only its upper triangle is given."""
    joints = J_world.shape[1]
    X, J, M = np.zeros((4, 4)), np.zeros((6, joints)), np.empty((joints, joints))
    X[3, 3] = 1.0
    for i in range(3):
        X[i, 3] = X_base_world[i, 3]
        for k in range(3):
            for j in range(4):
                X[i, j] += X_base_world[i, k] * X_world_tcp[k, j]
            for n in range(joints):
                J[i, n] += X_base_world[i, k] * J_world[k, n]
                J[3 + i, n] += X_base_world[i, k] * J_world[3 + k, n]
    for m in range(joints):
        for n in range(m, joints):
            M[m, n] = M[n, m] = inertia[m, n]
        M[m, m] += rotors[m]
    return X, J, M
