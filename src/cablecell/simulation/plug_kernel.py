"""What acts on a held plug in every physics step, compiled: the grasp's spring, the cable's pull, the way into a port.

In plain Python the arithmetic of a step costs as much as the physics. Everything is done in the order of
`core.geometry.scalar`, so that results are those of plain Python to the last bit.

This is one file because numba keeps compiled code for a file and does not see that another one has changed.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]
Vec3 = tuple[float, float, float]
Quat = tuple[float, float, float, float]
Place = tuple[float, float, float, float, Vec3]

# Entries of `fit`, what a grasp is made of: N/m, N·s/m, N·m/rad, N·m·s/rad, N, m, and the point of the plug that is
# held, from its centre of mass, m.
STIFFNESS, DAMPING, TURN_STIFFNESS, TURN_DAMPING, LIMIT, ARM, HOLD = range(7)
FIT_SIZE = 9

# Entries of `state`, how far the plug has slipped: shift of the rest position in the hand, m; rest orientation in the
# hand; length of the shift, m.
SHIFT, REST, SLIPPED = 0, 3, 7
STATE_SIZE = 8

# Entries of `load`, the cable's: where it leaves the plug, from the centre of mass, m; force there, N, and torque,
# N·m, in `world`; dampers of its motion, N·s/m, and of its turning, N·m·s/rad.
BOOT, PULL, TWIST, PULL_DAMPING, TWIST_DAMPING = 0, 3, 6, 9, 10
LOAD_SIZE = 11

# Entries of `port`: entrance in `world`, m; inward axis in `world`; tip of the plug to its centre of mass, m.
ENTRANCE, AXIS, TIP_TO_COM = 0, 3, 6
PORT_SIZE = 9
NOWHERE = np.zeros(PORT_SIZE)


@njit(cache=True)
def _add(a: Vec3, b: Vec3) -> Vec3:  # pragma: no cover - compiled
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


@njit(cache=True)
def _subtract(a: Vec3, b: Vec3) -> Vec3:  # pragma: no cover - compiled
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


@njit(cache=True)
def _scale(a: Vec3, factor: float) -> Vec3:  # pragma: no cover - compiled
    return a[0] * factor, a[1] * factor, a[2] * factor


@njit(cache=True)
def _dot(a: Vec3, b: Vec3) -> float:  # pragma: no cover - compiled
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@njit(cache=True)
def _cross(a: Vec3, b: Vec3) -> Vec3:  # pragma: no cover - compiled
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@njit(cache=True)
def _rotate(q: Quat, v: Vec3) -> Vec3:  # pragma: no cover - compiled
    x, y, z, w = q
    tx, ty, tz = 2.0 * (y * v[2] - z * v[1]), 2.0 * (z * v[0] - x * v[2]), 2.0 * (x * v[1] - y * v[0])
    return v[0] + w * tx + y * tz - z * ty, v[1] + w * ty + z * tx - x * tz, v[2] + w * tz + x * ty - y * tx


@njit(cache=True)
def _times(a: Quat, b: Quat) -> Quat:  # pragma: no cover - compiled
    ax, ay, az, aw = a
    bx, by, bz, bw = b
    return (
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
        aw * bw - ax * bx - ay * by - az * bz,
    )


@njit(cache=True)
def _back(q: Quat) -> Quat:  # pragma: no cover - compiled
    return -q[0], -q[1], -q[2], q[3]


@njit(cache=True)
def _rotvec(q: Quat) -> Vec3:  # pragma: no cover - compiled
    x, y, z, w = q
    if w < 0.0:
        x, y, z, w = -x, -y, -z, -w
    sine = math.sqrt(x * x + y * y + z * z)
    factor = 2.0 if sine < 1e-8 else 2.0 * math.atan2(sine, w) / sine
    return x * factor, y * factor, z * factor


@njit(cache=True)
def _turn(v: Vec3) -> Quat:  # pragma: no cover - compiled
    angle = math.sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2])
    if angle < 1e-6:
        x, y, z, w = 0.5 * v[0], 0.5 * v[1], 0.5 * v[2], 1.0
        factor = 1.0 / math.sqrt(x * x + y * y + z * z + w * w)
        return x * factor, y * factor, z * factor, w * factor
    factor = math.sin(0.5 * angle) / angle
    return v[0] * factor, v[1] * factor, v[2] * factor, math.cos(0.5 * angle)


@njit(cache=True)
def _three(values: Array, at: int) -> Vec3:  # pragma: no cover - compiled
    return values[at], values[at + 1], values[at + 2]


@njit(cache=True)
def spring_wrench(
    fit: Array,
    state: Array,
    tcp: Vec3,
    q_hand: Quat,
    v_tcp: Vec3,
    w_hand: Vec3,
    com: Vec3,
    q: Quat,
    v: Vec3,
    w: Vec3,
) -> tuple[Vec3, Vec3, Vec3, Vec3]:  # pragma: no cover - compiled
    """Return what the grasp does to the plug, and let the plug slip where friction does not hold it.

    Args:
        fit: What the grasp is made of, shape (FIT_SIZE,).
        state: How far the plug has slipped, shape (STATE_SIZE,); updated.
        tcp: Origin of `tcp` in `world`, m.
        q_hand: Orientation of `tcp`.
        v_tcp: Velocity of that origin, m/s.
        w_hand: Angular velocity of the hand, rad/s.
        com: Centre of mass of the plug, m.
        q: Orientation of the plug.
        v: Velocity of its centre of mass, m/s.
        w: Its angular velocity, rad/s.

    Returns:
        Force, N; torque about the point that is held, N·m; torque about the centre of mass, N·m; that point, m.
    """
    k, d, ka, da = fit[STIFFNESS], fit[DAMPING], fit[TURN_STIFFNESS], fit[TURN_DAMPING]
    arm = _rotate(q, _three(fit, HOLD))
    ax, ay, az = arm
    wx, wy, wz = w
    stretch = (tcp[0] - com[0] - ax, tcp[1] - com[1] - ay, tcp[2] - com[2] - az)
    if state[SLIPPED] != 0.0:
        stretch = _add(stretch, _rotate(q_hand, _three(state, SHIFT)))
    # Rotation from the plug's orientation to its rest orientation, in world.
    q_rest = (state[REST], state[REST + 1], state[REST + 2], state[REST + 3])
    turn = _rotvec(_times(_times(q_hand, q_rest), _back(q)))
    load = k * k * _dot(stretch, stretch) + ka * ka * _dot(turn, turn) / fit[ARM] ** 2
    if load > fit[LIMIT] ** 2:
        # The rest pose follows the plug until friction holds.
        held = fit[LIMIT] / math.sqrt(load)
        excess = _scale(stretch, 1.0 - held)
        shift = _subtract(_three(state, SHIFT), _rotate(_back(q_hand), excess))
        stretch = _subtract(stretch, excess)
        excess = _scale(turn, 1.0 - held)
        rest = _times(_turn(_scale(_rotate(_back(q_hand), excess), -1.0)), q_rest)
        turn = _subtract(turn, excess)
        for i in range(3):
            state[SHIFT + i] = shift[i]
        for i in range(4):
            state[REST + i] = rest[i]
        state[SLIPPED] = math.sqrt(_dot(shift, shift))
        d, da = 0.0, 0.0
    force = (
        k * stretch[0] + d * (v_tcp[0] - v[0] - wy * az + wz * ay),
        k * stretch[1] + d * (v_tcp[1] - v[1] - wz * ax + wx * az),
        k * stretch[2] + d * (v_tcp[2] - v[2] - wx * ay + wy * ax),
    )
    moment = (
        ka * turn[0] + da * (w_hand[0] - wx),
        ka * turn[1] + da * (w_hand[1] - wy),
        ka * turn[2] + da * (w_hand[2] - wz),
    )
    return force, moment, _add(moment, _cross(arm, force)), (com[0] + ax, com[1] + ay, com[2] + az)


@njit(cache=True)
def in_port(
    port: Array, weight_n: float, com: Vec3, q: Quat, v: Vec3, w: Vec3, force: Vec3
) -> Place:  # pragma: no cover - compiled
    """Return how the plug's tip is in a port.

    Args:
        port: The port's, shape (PORT_SIZE,).
        weight_n: Weight of the plug, N.
        com: Centre of mass of the plug, m.
        q: Its orientation.
        v: Its velocity, m/s.
        w: Its angular velocity, rad/s.
        force: Everything that acts on it beside gravity, N.

    Returns:
        Depth below the entrance, m; square of the distance from the port's axis, m²; speed along the axis, m/s; all
        force along the axis, N; the tip from the centre of mass, m.
    """
    axis = _three(port, AXIS)
    lever = _subtract(_subtract(com, _rotate(q, _three(port, TIP_TO_COM))), com)
    off = _subtract(_add(com, lever), _three(port, ENTRANCE))
    depth = _dot(off, axis)
    speed = _dot(_add(v, _cross(w, lever)), axis)
    loaded = (force[0], force[1], force[2] - weight_n)
    return depth, _dot(off, off) - depth * depth, speed, _dot(loaded, axis), lever


@njit(cache=True)
def held_wrench(
    fit: Array,
    state: Array,
    load: Array,
    p_hand_tcp: Vec3,
    hand_com: Vec3,
    p_hand: Vec3,
    q_hand: Quat,
    v_hand: Vec3,
    w_hand: Vec3,
    com: Vec3,
    q: Quat,
    v: Vec3,
    w: Vec3,
    port: Array,
    weight_n: float,
) -> tuple[Vec3, Vec3, Vec3, Vec3, Vec3, Vec3, Vec3, Place]:  # pragma: no cover - compiled
    """Return what grasp and cable do to the plug, and how its tip is in a port.

    Args:
        fit: What the grasp is made of, shape (FIT_SIZE,); without stiffness and damping there is none.
        state: How far the plug has slipped, shape (STATE_SIZE,); updated.
        load: The cable's, shape (LOAD_SIZE,); zero without one.
        p_hand_tcp: Origin of `tcp` in the link of the hand, m.
        hand_com: Centre of mass of the hand in `world`, m.
        p_hand: Origin of its frame, m.
        q_hand: Its orientation, which is that of `tcp`.
        v_hand: Velocity of its centre of mass, m/s.
        w_hand: Its angular velocity, rad/s.
        com: Centre of mass of the plug, m.
        q: Orientation of the plug.
        v: Velocity of its centre of mass, m/s.
        w: Its angular velocity, rad/s.
        port: The port's, shape (PORT_SIZE,).
        weight_n: Weight of the plug, N.

    Returns:
        Force, N, and torque about the centre of mass, N·m, of both together; force and torque of the grasp alone; the
        grasp's force and torque on the hand, and where they act, m; what `in_port` returns.
    """
    tcp = _add(p_hand, _rotate(q_hand, p_hand_tcp))
    v_tcp = _add(v_hand, _cross(w_hand, _subtract(tcp, hand_com)))
    force, moment, torque, point = spring_wrench(fit, state, tcp, q_hand, v_tcp, w_hand, com, q, v, w)
    lever = _rotate(q, _three(load, BOOT))
    pull = _subtract(_three(load, PULL), _scale(_add(v, _cross(w, lever)), load[PULL_DAMPING]))
    twist = _subtract(_three(load, TWIST), _scale(w, load[TWIST_DAMPING]))
    total = _add(force, pull)
    total_torque = _add(torque, _add(twist, _cross(lever, pull)))
    place = in_port(port, weight_n, com, q, v, w, total)
    return total, total_torque, force, torque, _scale(force, -1.0), _scale(moment, -1.0), point, place
