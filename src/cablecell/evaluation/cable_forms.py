"""Statics of heavy elastic rods in a plane, solved as boundary value problems: what the cable is measured against.

θ is the height of the rod's direction above the horizontal, s the length from the near end, w weight per length.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_bvp  # type: ignore[import-untyped]

Array = NDArray[np.float64]

_TOLERANCE, _NODES = 1.0e-8, 100_000


def heavy_elastica(length_m: float, weight_n_per_m: float, ei: float, angle_rad: float = 0.0) -> tuple[Array, float]:
    """Return the tip of a cantilever in the x-z plane, shape (2,), m, and the moment that holds its clamp, N·m.

    EI θ'' = w (L - s) cos θ, with θ given at the clamp and no moment at the tip.

    Args:
        length_m: L.
        weight_n_per_m: w.
        ei: Bending stiffness, N·m².
        angle_rad: θ at the clamp.

    Raises:
        ValueError: No solution was found.
    """

    def slope(s: Array, y: Array) -> Array:
        return np.array([y[1], weight_n_per_m * (length_m - s) * np.cos(y[0]) / ei])

    def ends(a: Array, b: Array) -> Array:
        return np.array([a[0] - angle_rad, b[1]])

    s = np.linspace(0.0, length_m, 400)
    guess = np.array([angle_rad - (0.5 * np.pi + angle_rad) * np.sqrt(s / length_m), -np.ones_like(s)])
    found = solve_bvp(slope, ends, s, guess, tol=_TOLERANCE, max_nodes=_NODES)
    if not found.success:
        raise ValueError(f"no elastica found: {found.message}")
    theta = found.sol(s)[0]
    tip = np.array([_integral(np.cos(theta), s), _integral(np.sin(theta), s)])
    return tip, float(ei * found.sol(0.0)[1])


def clamped_elastica(
    nodes: Array, angles_rad: tuple[float, float], length_m: float, weight_n_per_m: float, ei: float, force: Array
) -> Array:
    """Return the loads on the near holder of a rod that both ends are clamped of: fx, fz, N, moment about y, N·m.

    Args:
        nodes: About the shape, in the x-z plane, shape (n, 2), m, to begin with: so the same of several solutions is
            found. Its first and last point are where the ends are.
        angles_rad: θ at the near and the far end.
        length_m: Length of the rod.
        weight_n_per_m: Its weight.
        ei: Bending stiffness, N·m².
        force: About the force, fx and fz, N, to begin with.

    Raises:
        ValueError: No solution was found.
    """
    span = nodes[-1] - nodes[0]
    s = np.linspace(0.0, length_m, len(nodes))
    edges = np.diff(nodes, axis=0)
    theta = np.unwrap(np.arctan2(edges[:, 1], edges[:, 0]))
    theta = np.interp(s, 0.5 * (s[1:] + s[:-1]), theta)
    guess = np.vstack([theta, np.gradient(theta, s), (nodes - nodes[0]).T])

    # Force in the rod at s, on what is before it, from what is after it: (h, v + w s).
    def slope(s: Array, y: Array, force: Array) -> Array:
        h, v = force
        return np.vstack(
            [y[1], (h * np.sin(y[0]) - (v + weight_n_per_m * s) * np.cos(y[0])) / ei, np.cos(y[0]), np.sin(y[0])]
        )

    def ends(a: Array, b: Array, _: Array) -> Array:
        near, far = angles_rad
        return np.array([a[0] - near, a[2], a[3], b[0] - far, b[2] - span[0], b[3] - span[1]])

    found = solve_bvp(slope, ends, s, guess, p=force, tol=_TOLERANCE, max_nodes=_NODES)
    if not found.success:
        raise ValueError(f"no elastica found: {found.message}")
    h, v = found.p
    # Bending upwards (θ' > 0) pulls the clamp with a moment that turns it upwards, which is about -y.
    return np.array([h, v, -ei * found.sol(0.0)[1]])


def _integral(values: Array, s: Array) -> float:
    return float(np.sum(0.5 * (values[1:] + values[:-1]) * np.diff(s)))
