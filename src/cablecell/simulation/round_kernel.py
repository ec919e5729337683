"""Contact of a round pin with a round bore, compiled: rings of points, a stiff normal spring and Coulomb friction.

Bullet finds one point of a line contact between cylinders, at mid depth instead of at the rim, and so a lateral force
14 to 28 % too low. Here the edges of the bore are sampled and compared with the exact pin, the edges of the pin with
the exact bore. All points, and the body they act on, are solved together one step ahead: the explicit form explodes as
soon as many points touch at this stiffness.

This is one file because numba keeps compiled code for a file and does not see that another one has changed.

Everything is in the bore's frame: z into the bore, origin in the middle of its mouth. The bore is a 45° cone and then a
cylinder up to its end; the pin's frame has its origin in the middle of its tip, its body at negative z.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]
Vec3 = tuple[float, float, float]
Quat = tuple[float, float, float, float]

POINTS = 48
"""Points per ring; between two of them the gap is 0.2 % of the clearance larger."""
THROAT, MOUTH, END, TIP, SHOULDER, FLOOR, BASE = range(7)
"""Rings: three edges of the bore against the pin, two of the pin against the bore, tip and mouth against the stops."""
RINGS = 7
SLOTS = RINGS * POINTS

# Entries of `fit`: lengths in m, stiffness in N/m, step in s. The pin is a core and all that is within the radius of
# its edges around it; `CORE_CUT` is what the chamfer takes off the core's edge.
PIN_RADIUS, EDGE_RADIUS, CORE_CUT, BORE_RADIUS, LEAD_IN, ENGAGEMENT, FLOOR_Z, BASE_LENGTH, FACE_RADIUS = range(9)
STIFFNESS, FRICTION, STEP, SIDE = range(9, 13)
FIT_SIZE = 13

# Columns of `work`: point from the centre of mass, normal that pushes the plug, depth, deflection, normal force, limit.
_R, _N, _G, _S, _P, _L = 0, 3, 6, 7, 10, 11
NORMAL_X, NORMAL_FORCE = _N, _P
WORK_SIZE = 12
_MAX_ROUNDS, _MAX_TURNS, _LEAST_SHARE = 30, 20, 1.0e-7
_TOLERANCE_J = 1.0e-18
"""Energy of the momentum that may be missing after a step: 80 g at 5 nm/s."""
_LIMIT_TOLERANCE_N = 1.0e-3
_NEAR_M, _MAX_LOOKS = 2.0e-6, 4


@njit(cache=True)
def _matrix(q: Quat) -> Array:
    x, y, z, w = q
    R = np.empty((3, 3))
    R[0, 0], R[0, 1], R[0, 2] = 1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)
    R[1, 0], R[1, 1], R[1, 2] = 2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)
    R[2, 0], R[2, 1], R[2, 2] = 2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)
    return R


@njit(cache=True)
def _towards_segment(r: float, z: float, r0: float, z0: float, r1: float, z1: float) -> tuple[float, float, float]:
    """Return the distance of a point of the half plane (r, z) from a segment, and the direction from there to it."""
    dr, dz = r1 - r0, z1 - z0
    square = dr * dr + dz * dz
    share = min(1.0, max(0.0, ((r - r0) * dr + (z - z0) * dz) / square)) if square > 0.0 else 0.0
    er, ez = r - r0 - share * dr, z - z0 - share * dz
    distance = math.sqrt(er * er + ez * ez)
    if distance == 0.0:
        return 0.0, 0.0, 0.0
    return distance, er / distance, ez / distance


@njit(cache=True)
def _in_pin(fit: Array, x: float, y: float, z: float) -> tuple[float, float, float, float]:
    """Return how deep a point of the pin's frame is in the pin, m, and the outward normal where it would leave.

    The pin is its core, and all that is nearer to it than the radius of the edges.
    """
    rho = math.sqrt(x * x + y * y)
    cx, cy = (x / rho, y / rho) if rho > 0.0 else (1.0, 0.0)
    edge, side, top = fit[EDGE_RADIUS], fit[PIN_RADIUS] - fit[EDGE_RADIUS], -fit[EDGE_RADIUS]
    cut = fit[CORE_CUT]
    slant = (side + top - cut - rho - z) * math.sqrt(0.5)
    depth, nr, nz = side - rho, 1.0, 0.0
    if top - z < depth:
        depth, nr, nz = top - z, 0.0, 1.0
    if slant < depth:
        depth, nr, nz = slant, math.sqrt(0.5), math.sqrt(0.5)
    if depth < 0.0:
        if z <= top - cut:
            depth, nr, nz = side - rho, 1.0, 0.0
        elif rho <= side - cut:
            depth, nr, nz = top - z, 0.0, 1.0
        else:
            distance, er, ez = _towards_segment(rho, z, side, top - cut, side - cut, top)
            if distance > 0.0:
                depth, nr, nz = -distance, er, ez
    return depth + edge, nr * cx, nr * cy, nz


@njit(cache=True)
def _in_bore(fit: Array, x: float, y: float, z: float) -> tuple[float, float, float, float]:
    """Return how deep a point of the bore's frame is in the solid around it, m, and the normal where it would leave."""
    rho = math.sqrt(x * x + y * y)
    cx, cy = (x / rho, y / rho) if rho > 0.0 else (1.0, 0.0)
    bore, lead_in, outer = fit[BORE_RADIUS], fit[LEAD_IN], fit[FACE_RADIUS]
    end = lead_in + fit[ENGAGEMENT]
    depth, nr, nz = rho - bore, -1.0, 0.0
    slant = (rho + z - bore - lead_in) * math.sqrt(0.5)
    if slant < depth:
        depth, nr, nz = slant, -math.sqrt(0.5), -math.sqrt(0.5)
    if z < depth:
        depth, nr, nz = z, 0.0, -1.0
    if outer - rho < depth:
        depth, nr, nz = outer - rho, 1.0, 0.0
    if end - z < depth:
        depth, nr, nz = end - z, 0.0, 1.0
    if depth < 0.0:
        nearest, nr, nz = _towards_segment(rho, z, bore, end, bore, lead_in)
        for other in range(4):
            if other == 0:
                distance, er, ez = _towards_segment(rho, z, bore, lead_in, bore + lead_in, 0.0)
            elif other == 1:
                distance, er, ez = _towards_segment(rho, z, bore + lead_in, 0.0, outer, 0.0)
            elif other == 2:
                distance, er, ez = _towards_segment(rho, z, outer, 0.0, outer, end)
            else:
                distance, er, ez = _towards_segment(rho, z, outer, end, bore, end)
            if distance < nearest:
                nearest, nr, nz = distance, er, ez
        depth = -nearest
    return depth, nr * cx, nr * cy, nz


@njit(cache=True)
def _collect(
    fit: Array, circle: Array, R: Array, t: Array, com: Array, reach: float, slots: NDArray[np.int64], work: Array
) -> int:
    """Find the points within reach of contact and return their number.

    Args:
        fit: Sizes of pin and bore.
        circle: Points of the unit circle, shape (POINTS, 2).
        R: Axes of the pin in the bore's frame, shape (3, 3).
        t: Tip of the pin in the bore's frame, shape (3,), m.
        com: Centre of mass of the plug in the bore's frame, shape (3,), m.
        reach: Largest gap of interest, m.
        slots: Filled with the number of each point.
        work: Filled with each point, its normal and its depth, shape (SLOTS, WORK_SIZE).
    """
    side = fit[SIDE]
    bore, lead_in, edge, cut = fit[BORE_RADIUS], fit[LEAD_IN], fit[EDGE_RADIUS], fit[CORE_CUT]
    side_of_core, top_of_core = fit[PIN_RADIUS] - edge, -edge
    n = 0
    for ring in range(RINGS):
        of_bore = ring in (THROAT, MOUTH, END, BASE)
        if ring == THROAT:
            radius, level = bore, lead_in
        elif ring in (MOUTH, BASE):
            radius, level = bore + lead_in, 0.0
        elif ring == END:
            radius, level = bore, lead_in + fit[ENGAGEMENT]
        elif ring == SHOULDER:
            radius, level = side_of_core, top_of_core - cut
        else:
            radius, level = side_of_core - cut, top_of_core
        if (ring == MOUTH and lead_in == 0.0) or (ring == SHOULDER and cut == 0.0):
            continue
        for i in range(POINTS):
            a, b = radius * circle[i, 0], radius * circle[i, 1]
            if of_bore:
                x, y, z = a, b, level
            else:
                x = t[0] + R[0, 0] * a + R[0, 1] * b + R[0, 2] * level
                y = t[1] + R[1, 0] * a + R[1, 1] * b + R[1, 2] * level
                z = t[2] + R[2, 0] * a + R[2, 1] * b + R[2, 2] * level
            if ring == FLOOR:
                depth, nx, ny, nz = z + edge - fit[FLOOR_Z], 0.0, 0.0, -1.0
                z += edge
            elif of_bore:
                px, py, pz = x - t[0], y - t[1], z - t[2]
                u = R[0, 0] * px + R[1, 0] * py + R[2, 0] * pz
                v = R[0, 1] * px + R[1, 1] * py + R[2, 1] * pz
                w = R[0, 2] * px + R[1, 2] * py + R[2, 2] * pz
                if ring == BASE:
                    depth, nu, nv, nw = -fit[BASE_LENGTH] - w, 0.0, 0.0, 1.0
                else:
                    depth, nu, nv, nw = _in_pin(fit, u, v, w)
                # A face of the pin pushes the bore outwards, and so the pin inwards.
                nx = -(R[0, 0] * nu + R[0, 1] * nv + R[0, 2] * nw)
                ny = -(R[1, 0] * nu + R[1, 1] * nv + R[1, 2] * nw)
                nz = -(R[2, 0] * nu + R[2, 1] * nv + R[2, 2] * nw)
            else:
                depth, nx, ny, nz = _in_bore(fit, x, y, z)
                depth += edge
                x, y, z = x - edge * nx, y - edge * ny, z - edge * nz
            if depth > -reach:
                slots[n] = ring * POINTS + i
                row = work[n]
                row[_R], row[_R + 1], row[_R + 2] = x - com[0], y - com[1], z - com[2]
                row[_N], row[_N + 1], row[_N + 2] = side * nx, side * ny, side * nz
                row[_G], row[_L] = depth, 0.0
                n += 1
    return n


@njit(cache=True)
def _push(
    fit: Array, row: Array, old: Array, twist: Array, f: Array, C: Array, is_coupled: bool
) -> tuple[float, float]:
    """Put the force of a point on the plug at a twist into `f`, its slope against velocity into `C`.

    Args:
        fit: Stiffness, friction and step.
        row: The point.
        old: Its tangential deflection so far, shape (3,), m.
        twist: Velocity and angular velocity of the plug at the end of the step, shape (6,).
        f: Filled, shape (3,), N.
        C: Filled with -df/du, shape (3, 3), N·s/m.
        is_coupled: Whether friction follows the normal force, or stays below the limit in `row`.

    Returns:
        Normal force, N, 0 where the point is open; energy in normal and tangential spring, J.
    """
    k, mu, dt = fit[STIFFNESS], fit[FRICTION], fit[STEP]
    nx, ny, nz = row[_N], row[_N + 1], row[_N + 2]
    ux = twist[0] + twist[4] * row[_R + 2] - twist[5] * row[_R + 1]
    uy = twist[1] + twist[5] * row[_R] - twist[3] * row[_R + 2]
    uz = twist[2] + twist[3] * row[_R + 1] - twist[4] * row[_R]
    closing = nx * ux + ny * uy + nz * uz
    press = k * (row[_G] - dt * closing)
    if press <= 0.0:
        return 0.0, 0.0
    limit = mu * press if is_coupled else row[_L]
    # The deflection at the end of the step, in the tangent plane.
    along = old[0] * nx + old[1] * ny + old[2] * nz + dt * closing
    sx, sy, sz = old[0] + dt * ux - along * nx, old[1] + dt * uy - along * ny, old[2] + dt * uz - along * nz
    length = math.sqrt(sx * sx + sy * sy + sz * sz)
    slips = k * length > limit
    grip = limit / length if slips else k
    f[0], f[1], f[2] = press * nx - grip * sx, press * ny - grip * sy, press * nz - grip * sz
    row[_S], row[_S + 1], row[_S + 2] = grip / k * sx, grip / k * sy, grip / k * sz
    n = (nx, ny, nz)
    follows = mu if is_coupled else 0.0
    energy = 0.5 * press * press / k
    if slips:
        energy += limit * (length - 0.5 * limit / k)
        d = (sx / length, sy / length, sz / length)
        for i in range(3):
            for j in range(3):
                C[i, j] = dt * (k * (n[i] - follows * d[i]) * n[j] - grip * (n[i] * n[j] + d[i] * d[j]))
            C[i, i] += dt * grip
    else:
        energy += 0.5 * k * length * length
        for i in range(3):
            for j in range(3):
                C[i, j] = 0.0
            C[i, i] = dt * k
    return press, energy


@njit(cache=True)
def _add_slope(A: Array, row: Array, C: Array, factor: float) -> None:
    """Add a point's slope C, carried over to the centre of mass, to A, times a factor."""
    x, y, z = row[_R], row[_R + 1], row[_R + 2]
    for j in range(6):
        # Column j of C times the point's Jacobian.
        if j < 3:
            p, q, r = C[0, j], C[1, j], C[2, j]
        elif j == 3:
            p, q, r = C[0, 2] * y - C[0, 1] * z, C[1, 2] * y - C[1, 1] * z, C[2, 2] * y - C[2, 1] * z
        elif j == 4:
            p, q, r = C[0, 0] * z - C[0, 2] * x, C[1, 0] * z - C[1, 2] * x, C[2, 0] * z - C[2, 2] * x
        else:
            p, q, r = C[0, 1] * x - C[0, 0] * y, C[1, 1] * x - C[1, 0] * y, C[2, 1] * x - C[2, 0] * y
        A[0, j] += factor * p
        A[1, j] += factor * q
        A[2, j] += factor * r
        A[3, j] += factor * (y * r - z * q)
        A[4, j] += factor * (z * p - x * r)
        A[5, j] += factor * (x * q - y * p)


@njit(cache=True)
def _eliminate(A: Array, b: Array) -> None:
    """Replace b by the solution of A x = b, shapes (6, 6) and (6,); A is destroyed."""
    for i in range(6):
        pivot = i
        for j in range(i + 1, 6):
            if abs(A[j, i]) > abs(A[pivot, i]):
                pivot = j
        if pivot != i:
            for c in range(i, 6):
                A[i, c], A[pivot, c] = A[pivot, c], A[i, c]
            b[i], b[pivot] = b[pivot], b[i]
        for j in range(i + 1, 6):
            factor = A[j, i] / A[i, i]
            for c in range(i + 1, 6):
                A[j, c] -= factor * A[i, c]
            b[j] -= factor * b[i]
    for i in range(5, -1, -1):
        for c in range(i + 1, 6):
            b[i] -= A[i, c] * b[c]
        b[i] /= A[i, i]


@njit(cache=True)
def _residual(
    fit: Array,
    n: int,
    slots: NDArray[np.int64],
    work: Array,
    bristles: Array,
    mass: Array,
    momentum: Array,
    twist: Array,
    contact: Array,
    residual: Array,
    A: Array,
    is_coupled: bool,
) -> tuple[float, float]:
    """Fill the contact's wrench, the momentum that is missing at a twist, and the slope of the latter.

    Returns:
        Energy of the missing momentum, J; and what the solution makes least where friction has fixed limits, J.
    """
    f, C = np.empty(3), np.empty((3, 3))
    stored = 0.0
    contact[:] = 0.0
    A[:] = mass
    for i in range(n):
        row = work[i]
        press, energy = _push(fit, row, bristles[slots[i]], twist, f, C, is_coupled)
        row[_P] = press
        if press == 0.0:
            continue
        stored += energy
        contact[0] += f[0]
        contact[1] += f[1]
        contact[2] += f[2]
        contact[3] += row[_R + 1] * f[2] - row[_R + 2] * f[1]
        contact[4] += row[_R + 2] * f[0] - row[_R] * f[2]
        contact[5] += row[_R] * f[1] - row[_R + 1] * f[0]
        _add_slope(A, row, C, fit[STEP])
    missing, moving = 0.0, 0.0
    for i in range(6):
        inertial = 0.0
        for j in range(6):
            inertial += mass[i, j] * twist[j]
        residual[i] = momentum[i] + fit[STEP] * contact[i] - inertial
        # The mass matrix is diagonal up to small products of inertia.
        missing += residual[i] * residual[i] / mass[i, i]
        moving += twist[i] * (0.5 * inertial - momentum[i])
    return missing, moving + stored


@njit(cache=True)
def _descend(
    fit: Array,
    n: int,
    slots: NDArray[np.int64],
    work: Array,
    bristles: Array,
    mass: Array,
    momentum: Array,
    twist: Array,
    contact: Array,
    is_coupled: bool,
) -> tuple[bool, int]:
    """Find the twist at the end of the step that all forces lead to: Newton's method with a line search.

    With fixed limits of friction the problem is convex and the search cannot fail.

    Args:
        fit: Stiffness, friction and step.
        n: Number of points.
        slots: Number of each point.
        work: The points.
        bristles: Tangential deflections at the begin of the step, shape (SLOTS, 3), m.
        mass: Mass matrix about the centre of mass, shape (6, 6).
        momentum: Momentum at the end of the step without contact, shape (6,).
        twist: Where to begin, shape (6,); becomes the solution.
        contact: Filled with the wrench of the contact about the centre of mass, shape (6,).
        is_coupled: Whether friction follows the normal force.

    Returns:
        Whether it was found, and the rounds that were needed.
    """
    residual, trial, step, A = np.empty(6), np.empty(6), np.empty(6), np.empty((6, 6))
    missing, energy = _residual(fit, n, slots, work, bristles, mass, momentum, twist, contact, residual, A, is_coupled)
    for rounds in range(_MAX_ROUNDS):
        if missing < _TOLERANCE_J:
            return True, rounds
        step[:] = residual
        _eliminate(A, step)
        downhill = 0.0
        for i in range(6):
            downhill += step[i] * residual[i]
        share, accepted = 1.0, False
        while not accepted and share > _LEAST_SHARE:
            for i in range(6):
                trial[i] = twist[i] + share * step[i]
            left, lower = _residual(
                fit, n, slots, work, bristles, mass, momentum, trial, contact, residual, A, is_coupled
            )
            if is_coupled:
                accepted = left < missing * (1.0 - 0.1 * share)
            else:
                accepted = lower < energy - 1.0e-4 * share * downhill or left < _TOLERANCE_J
            share *= 0.5
        if not accepted:
            # The best there is, and the forces that belong to it.
            _residual(fit, n, slots, work, bristles, mass, momentum, twist, contact, residual, A, is_coupled)
            return False, rounds
        twist[:] = trial
        missing, energy = left, lower
    return missing < _TOLERANCE_J, _MAX_ROUNDS


@njit(cache=True)
def _solve(
    fit: Array,
    n: int,
    slots: NDArray[np.int64],
    work: Array,
    bristles: Array,
    mass: Array,
    momentum: Array,
    twist: Array,
    contact: Array,
) -> int:
    """Solve all points and the plug one step ahead; arguments as of `_descend`.

    Returns:
        Rounds that were needed.
    """
    begin = twist.copy()
    rounds = 0
    for turn in range(_MAX_TURNS + 1):
        if turn > 0:
            # Wedged with much friction the search can run into a corner: then friction and normal force go in turns.
            change = 0.0
            for i in range(n):
                limit = fit[FRICTION] * work[i, _P]
                change = max(change, abs(limit - work[i, _L]))
                work[i, _L] = limit
            if turn > 1 and change < _LIMIT_TOLERANCE_N:
                break
        if turn == 1:
            twist[:] = begin
        # One call for both: numba compiles anew for every constant.
        found, more = _descend(fit, n, slots, work, bristles, mass, momentum, twist, contact, turn == 0)
        rounds += more
        if turn == 0 and found:
            break
    return rounds


@njit(cache=True)
def _keep(n: int, slots: NDArray[np.int64], work: Array, bristles: Array) -> float:
    """Take over the deflections of the points that touch, forget all others; return the sum of the normal forces, N."""
    total = 0.0
    kept = np.zeros(SLOTS, dtype=np.bool_)
    for i in range(n):
        if work[i, _P] > 0.0:
            total += work[i, _P]
            kept[slots[i]] = True
            for a in range(3):
                bristles[slots[i], a] = work[i, _S + a]
    for slot in range(SLOTS):
        if not kept[slot]:
            bristles[slot, 0], bristles[slot, 1], bristles[slot, 2] = 0.0, 0.0, 0.0
    return total


@njit(cache=True)
def _speed(twist: Array, lever: float) -> float:
    """Return a bound of the speed of all points within a lever of the centre of mass, m/s."""
    linear = math.sqrt(twist[0] ** 2 + twist[1] ** 2 + twist[2] ** 2)
    return linear + lever * math.sqrt(twist[3] ** 2 + twist[4] ** 2 + twist[5] ** 2)


@njit(cache=True)
def contact_wrench(
    fit: Array,
    port: Array,
    plug: Array,
    inertia: Array,
    circle: Array,
    bristles: Array,
    slots: NDArray[np.int64],
    work: Array,
    com: Vec3,
    q: Quat,
    v: Vec3,
    w: Vec3,
    force: Vec3,
    torque: Vec3,
) -> tuple[Vec3, Vec3, float, float, int, int]:
    """Return force and torque of the contact on the plug, and what there is to know about it.

    Args:
        fit: Sizes, stiffness, friction and step, shape (FIT_SIZE,).
        port: Pose in `world` of the part that the port holds (bore or pin), rows of a matrix, shape (3, 4).
        plug: Pose in the plug's frame at its centre of mass of the part that the plug carries, shape (3, 4).
        inertia: Mass, kg, and principal moments, kg·m², of the plug, shape (4,).
        circle: Points of the unit circle, shape (POINTS, 2).
        bristles: Tangential deflections in the bore's frame, shape (SLOTS, 3), m; updated.
        slots: Space for the numbers of the points, shape (SLOTS,).
        work: Space for the points, shape (SLOTS, WORK_SIZE).
        com: Centre of mass of the plug in `world`, m.
        q: Its orientation.
        v: Its velocity, m/s.
        w: Its angular velocity, rad/s.
        force: Everything else that acts on it, gravity included, N.
        torque: The same about the centre of mass, N·m.

    Returns:
        Force, N, and torque about the centre of mass, N·m, in `world`; sum of the normal forces, N; deepest point at
        the begin of the step, m, negative when apart; rounds of the solver; number of points in `work`.
    """
    dt = fit[STEP]
    R_plug = _matrix(q)
    X_part = np.empty((3, 4))
    for i in range(3):
        for j in range(4):
            total = com[i] if j == 3 else 0.0
            for a in range(3):
                total += R_plug[i, a] * plug[a, j]
            X_part[i, j] = total
    bore, pin = (port, X_part) if fit[SIDE] > 0.0 else (X_part, port)
    R, t, at = np.empty((3, 3)), np.empty(3), np.empty(3)
    for i in range(3):
        t[i], at[i] = 0.0, 0.0
        for a in range(3):
            t[i] += bore[a, i] * (pin[a, 3] - bore[a, 3])
            at[i] += bore[a, i] * (com[a] - bore[a, 3])
        for j in range(3):
            R[i, j] = bore[0, i] * pin[0, j] + bore[1, i] * pin[1, j] + bore[2, i] * pin[2, j]
    # The plug's inertia and motion, with the axes of the bore.
    B = np.empty((3, 3))
    for i in range(3):
        for j in range(3):
            B[i, j] = bore[0, i] * R_plug[0, j] + bore[1, i] * R_plug[1, j] + bore[2, i] * R_plug[2, j]
    mass, momentum, twist, contact = np.zeros((6, 6)), np.zeros(6), np.zeros(6), np.empty(6)
    for i in range(3):
        mass[i, i] = inertia[0]
        for a in range(3):
            twist[i] += bore[a, i] * v[a]
            twist[3 + i] += bore[a, i] * w[a]
            momentum[i] += bore[a, i] * (inertia[0] * v[a] + dt * force[a])
            momentum[3 + i] += bore[a, i] * dt * torque[a]
            for j in range(3):
                mass[3 + i, 3 + j] += B[i, a] * inertia[1 + a] * B[j, a]
    for i in range(3):
        for a in range(3):
            momentum[3 + i] += mass[3 + i, 3 + a] * twist[3 + a]
    # Only points near contact are solved. Where the solution moves farther than was looked, more of them are taken.
    lever = abs(plug[0, 3]) + abs(plug[1, 3]) + abs(plug[2, 3]) + fit[FACE_RADIUS]
    sinks = fit[PIN_RADIUS] * math.sqrt(max(0.0, 1.0 - R[2, 2] ** 2))
    is_beside = math.sqrt(t[0] ** 2 + t[1] ** 2) > 2.0 * (fit[FACE_RADIUS] + fit[PIN_RADIUS])
    begin = twist.copy()
    reach, n, rounds = _NEAR_M + 1.5 * dt * _speed(begin, lever), 0, 0
    for _ in range(_MAX_LOOKS):
        n = 0 if is_beside or t[2] + sinks < -reach else _collect(fit, circle, R, t, at, reach, slots, work)
        twist[:] = begin
        if n > 0:
            rounds += _solve(fit, n, slots, work, bristles, mass, momentum, twist, contact)
        else:
            contact[:] = 0.0
            twist[:] = momentum
            _eliminate(mass.copy(), twist)
        way = dt * _speed(twist, lever)
        if way <= reach:
            break
        reach = 1.5 * way
    total = _keep(n, slots, work, bristles)
    deepest = -reach
    for i in range(n):
        deepest = max(deepest, work[i, _G])
    f, m = np.empty(3), np.empty(3)
    for i in range(3):
        f[i] = bore[i, 0] * contact[0] + bore[i, 1] * contact[1] + bore[i, 2] * contact[2]
        m[i] = bore[i, 0] * contact[3] + bore[i, 1] * contact[4] + bore[i, 2] * contact[5]
    return (f[0], f[1], f[2]), (m[0], m[1], m[2]), total, deepest, rounds, n
