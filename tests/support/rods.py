"""Rods for tests, and the boundary value problems that say how they hang."""

from __future__ import annotations

import numpy as np
from scipy.integrate import solve_bvp
from scipy.spatial.transform import Rotation

from cablecell.core.cable.rod import Hold, Rod, RodEnd, RodProperties, RodSurroundings

G = 9.80665
EAST = Rotation.identity()


def end(position=(0.0, 0.0, 0.0), turn=EAST):
    """An end whose rod runs along +x of a frame that is turned."""
    direction, across = turn.apply([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    return RodEnd(tuple(map(float, position)), tuple(direction.tolist()), tuple(across.tolist()))


def down(angle_rad):
    """The turn of an end whose rod runs in the x-z plane, below the horizontal by an angle."""
    return Rotation.from_euler("y", angle_rad)


def make_rod(
    length_m=0.3,
    weight_n_per_m=0.3,
    ei=1.0e-3,
    near=None,
    far=None,
    hold=Hold.FREE,
    segments=40,
    ea=2.0e4,
    gj=None,
    radius_m=0.0,
    heading_rad=0.0,
    gravity=G,
    **surroundings,
):
    properties = RodProperties(length_m, weight_n_per_m / G, ei, ea, 0.75 * ei if gj is None else gj, radius_m)
    return Rod(
        properties,
        RodSurroundings(gravity_m_per_s2=gravity, **surroundings),
        near or end(),
        far,
        hold,
        segments,
        heading_rad,
    )


def heavy_elastica(length_m, weight_n_per_m, ei, angle_rad=0.0):
    """Tip, shape (2,), and the moment that holds the clamp, of a cantilever in the x-z plane: EI θ'' = w (L - s) cos θ.

    θ is the height of the direction above the horizontal.
    """

    def slope(s, y):
        return np.array([y[1], weight_n_per_m * (length_m - s) * np.cos(y[0]) / ei])

    def ends(a, b):
        return np.array([a[0] - angle_rad, b[1]])

    s = np.linspace(0.0, length_m, 400)
    guess = np.array([angle_rad - (0.5 * np.pi + angle_rad) * np.sqrt(s / length_m), -np.ones_like(s)])
    found = solve_bvp(slope, ends, s, guess, tol=1e-8, max_nodes=50_000)
    assert found.success
    theta = found.sol(s)[0]
    tip = np.array([np.trapezoid(np.cos(theta), s), np.trapezoid(np.sin(theta), s)])
    return tip, ei * found.sol(0.0)[1]


def clamped_elastica(rod, near_angle, far_angle, length_m, weight_n_per_m, ei):
    """Loads (fx, fz, moment about y) on the near holder of a rod in the x-z plane that both ends are clamped of.

    The shape of the discrete rod is the first guess only, so that both find the same of several solutions.
    """
    nodes = rod.nodes[:, [0, 2]]
    span = nodes[-1] - nodes[0]
    s = np.linspace(0.0, length_m, len(nodes))
    edges = np.diff(nodes, axis=0)
    theta = np.unwrap(np.arctan2(edges[:, 1], edges[:, 0]))
    theta = np.interp(s, 0.5 * (s[1:] + s[:-1]), theta)
    guess = np.vstack([theta, np.gradient(theta, s), (nodes - nodes[0]).T])

    # Force in the rod at s, on what is before it, from what is after it: (h, v + w s).
    def slope(s, y, force):
        h, v = force
        return np.vstack(
            [y[1], (h * np.sin(y[0]) - (v + weight_n_per_m * s) * np.cos(y[0])) / ei, np.cos(y[0]), np.sin(y[0])]
        )

    def ends(a, b, force):
        return np.array([a[0] - near_angle, a[2], a[3], b[0] - far_angle, b[2] - span[0], b[3] - span[1]])

    found = solve_bvp(slope, ends, s, guess, p=[rod.force[0], rod.force[2]], tol=1e-8, max_nodes=100_000)
    assert found.success
    h, v = found.p
    # Bending upwards (θ' > 0) pulls the clamp with a moment that turns it upwards, which is about -y.
    return np.array([h, v, -ei * found.sol(0.0)[1]])
