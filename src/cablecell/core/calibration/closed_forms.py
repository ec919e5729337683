"""Closed forms of the hand-eye equation A X = X B, by five methods: starts for the refinement, and a check of it.

A are motions of the tool between views, B those of the camera, X = X_tcp_optical. All methods agree on exact data; on
real data their spread says how well the motions determine X.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from cablecell.core.calibration.errors import RotationsTooParallelError, TooFewViewsError
from cablecell.core.geometry import (
    exp_so3,
    invert_pose,
    log_so3,
    make_pose,
    quat_from_rotation,
    rotation_from_quat,
    skew,
)

Matrix = NDArray[np.float64]
Motions = list[tuple[Matrix, Matrix]]

LEAST_TURN_RAD = 0.05
"""Motions that turn by less say nothing about an axis."""


def relative_motions(tools: Sequence[Matrix], targets: Sequence[Matrix]) -> Motions:
    """Return the motions (A, B) of tool and camera between all pairs of views.

    Args:
        tools: X_base_tcp of every view.
        targets: X_optical_target of every view, as one camera saw it.
    """
    motions = []
    for i, j in combinations(range(len(tools)), 2):
        A, B = invert_pose(tools[j]) @ tools[i], targets[j] @ invert_pose(targets[i])
        if np.linalg.norm(log_so3(A[:3, :3])) > LEAST_TURN_RAD:
            motions.append((A, B))
    return motions


def rotation_spread(tools: Sequence[Matrix]) -> float:
    """Return by how much tools turn about the second of their axes, root mean square over all pairs, rad.

    Zero when all turns are about one direction: A X = X B then leaves the place along it open.
    """
    turns = [log_so3(a[:3, :3].T @ b[:3, :3]) for a, b in combinations(tools, 2)]
    if not turns:
        return 0.0
    scatter = np.mean([np.outer(w, w) for w in turns], axis=0)
    return float(np.sqrt(max(np.linalg.eigvalsh(scatter)[1], 0.0)))


def require_spread(tools: Sequence[Matrix], least_rad: float) -> float:
    """Return the spread of rotations, which must suffice.

    Raises:
        TooFewViewsError: There are fewer than three (code 571).
        RotationsTooParallelError: The spread is below the limit (code 572).
    """
    if len(tools) < 3:
        raise TooFewViewsError(
            f"{len(tools)} views are too few; two motions about different axes need 3",
            quantity="views",
            value=len(tools),
            limit=3,
        )
    spread = rotation_spread(tools)
    if spread < least_rad:
        raise RotationsTooParallelError(
            f"the tool turns by {spread:.4f} rad about the second of its axes, the limit is {least_rad:.4f} rad: "
            "tilt it about two directions",
            quantity="rotation_spread",
            value=spread,
            limit=least_rad,
            unit="rad",
            frame="tcp",
        )
    return spread


def tsai(motions: Motions) -> Matrix:
    """Return X from half-angle vectors.

    Source:
        Tsai, Lenz 1989, "A new technique for fully autonomous and efficient 3D robotics hand/eye calibration".
    """
    a = [_half_angle(A) for A, _ in motions]
    b = [_half_angle(B) for _, B in motions]
    rows = np.vstack([skew(p + q) for p, q in zip(a, b, strict=True)])
    right = np.concatenate([q - p for p, q in zip(a, b, strict=True)])
    x = np.linalg.lstsq(rows, right, rcond=None)[0]
    return _with_translation(
        exp_so3(2.0 * np.arctan(np.linalg.norm(x)) * x / max(float(np.linalg.norm(x)), 1e-300)), motions
    )


def park(motions: Motions) -> Matrix:
    """Return X from rotation vectors: the rotation that turns those of B onto those of A.

    Source:
        Park, Martin 1994, "Robot sensor calibration: solving AX = XB on the Euclidean group".
    """
    M = sum((np.outer(log_so3(A[:3, :3]), log_so3(B[:3, :3])) for A, B in motions), np.zeros((3, 3)))
    return _with_translation(_nearest_rotation(M), motions)


def horaud(motions: Motions) -> Matrix:
    """Return X from the quaternion that maps the axes of B to those of A best.

    Source:
        Horaud, Dornaika 1995, "Hand-eye calibration", section 4.1.
    """
    M = np.zeros((4, 4))
    for A, B in motions:
        a, b = _axis(A), _axis(B)
        difference = _left(a) - _right(b)
        M += difference.T @ difference
    w, x, y, z = np.linalg.eigh(M)[1][:, 0]
    return _with_translation(rotation_from_quat([x, y, z, w]), motions)


def andreff(motions: Motions) -> Matrix:
    """Return X from one linear system in all entries of R and p.

    Source:
        Andreff, Horaud, Espiau 1999, "On-line hand-eye calibration", equation 9.
    """
    rows, right = [], []
    for A, B in motions:
        top = np.hstack([np.eye(9) - np.kron(A[:3, :3], B[:3, :3]), np.zeros((9, 3))])
        bottom = np.hstack([np.kron(np.eye(3), B[:3, 3]), np.eye(3) - A[:3, :3]])
        rows += [top, bottom]
        right += [np.zeros(9), A[:3, 3]]
    solution = np.linalg.lstsq(np.vstack(rows), np.concatenate(right), rcond=None)[0]
    return _with_translation(_nearest_rotation(solution[:9].reshape(3, 3)), motions)


def daniilidis(motions: Motions) -> Matrix:
    """Return X from dual quaternions, rotation and translation at once.

    Source:
        Daniilidis 1999, "Hand-eye calibration using dual quaternions", section 5.
    """
    blocks = []
    for A, B in motions:
        (a, a_dual), (b, b_dual) = _screw(A), _screw(B)
        first = np.column_stack([a - b, skew(a + b), np.zeros((3, 4))])
        second = np.column_stack([a_dual - b_dual, skew(a_dual + b_dual), a - b, skew(a + b)])
        blocks += [first, second]
    right = np.linalg.svd(np.vstack(blocks))[2]
    u1, v1, u2, v2 = right[6, :4], right[6, 4:], right[7, :4], right[7, 4:]
    quadratic = (float(u1 @ v1), float(u1 @ v2 + u2 @ v1), float(u2 @ v2))
    if abs(quadratic[0]) < 1e-12 * max(abs(quadratic[1]), abs(quadratic[2]), 1e-12):
        candidates = [(1.0, 0.0)]
    else:
        candidates = [(float(np.real(root)), 1.0) for root in np.roots(quadratic)]
    norms = [s * s * (u1 @ u1) + 2.0 * s * t * (u1 @ u2) + t * t * (u2 @ u2) for s, t in candidates]
    best = int(np.argmax(norms))
    s, t = (value / np.sqrt(norms[best]) for value in candidates[best])
    q, q_dual = s * u1 + t * u2, s * v1 + t * v2
    R = rotation_from_quat([q[1], q[2], q[3], q[0]])
    conjugate = np.array([q[0], -q[1], -q[2], -q[3]])
    return make_pose(R, 2.0 * (_left4(q_dual) @ conjugate)[1:])


METHODS: dict[str, Callable[[Motions], Matrix]] = {
    "tsai": tsai,
    "park": park,
    "horaud": horaud,
    "andreff": andreff,
    "daniilidis": daniilidis,
}


def _with_translation(R: Matrix, motions: Motions) -> Matrix:
    """Return X of a rotation with the translation that fits best: (R_A - I) p = R p_B - p_A."""
    rows = np.vstack([A[:3, :3] - np.eye(3) for A, _ in motions])
    right = np.concatenate([R @ B[:3, 3] - A[:3, 3] for A, B in motions])
    return make_pose(R, np.linalg.lstsq(rows, right, rcond=None)[0])


def _nearest_rotation(M: Matrix) -> Matrix:
    U, _, Vt = np.linalg.svd(M)
    return np.asarray(U @ np.diag([1.0, 1.0, np.linalg.det(U) * np.linalg.det(Vt)]) @ Vt)


def _half_angle(X: Matrix) -> Matrix:
    """Return the axis times the tangent of half the angle."""
    w = log_so3(X[:3, :3])
    angle = float(np.linalg.norm(w))
    return np.asarray(np.tan(0.5 * angle) / angle * w)


def _axis(X: Matrix) -> Matrix:
    w = log_so3(X[:3, :3])
    return np.asarray(w / np.linalg.norm(w))


def _left(v: Matrix) -> Matrix:
    """Return the matrix of a pure quaternion multiplied from the left, (w, x, y, z)."""
    return _left4(np.concatenate([[0.0], v]))


def _left4(q: Matrix) -> Matrix:
    M = np.zeros((4, 4))
    M[0, 1:], M[1:, 0] = -q[1:], q[1:]
    M[1:, 1:] = skew(q[1:])
    return np.asarray(M + q[0] * np.eye(4))


def _right(v: Matrix) -> Matrix:
    M = np.zeros((4, 4))
    M[0, 1:], M[1:, 0] = -v, v
    M[1:, 1:] = -skew(v)
    return M


def _screw(X: Matrix) -> tuple[Matrix, Matrix]:
    """Return the vector parts of the dual quaternion of a motion, its scalar part not negative."""
    q = quat_from_rotation(X[:3, :3])
    q = q if q[3] >= 0.0 else -q
    real = np.array([q[3], q[0], q[1], q[2]])
    dual = 0.5 * _left(X[:3, 3]) @ real
    return real[1:], dual[1:]
