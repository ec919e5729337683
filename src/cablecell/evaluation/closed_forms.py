"""Planar statics of a compliantly held plug in a chamfered hole: what the contact physics is measured against.

Symbols: r half width, c clearance per side, U0 and θ0 offset and tilt of the support, which is a spring K, Kθ; µ
friction. Two places can touch: A, fixed in the port (the rim of a hole, or the edge of a post), and B, fixed in the
plug (the edge of its tip, or the rim of its bore); l is the depth of B below A and L the height of the support above B.
A socket touches the far side of its post, so its r counts negative.

Source:
    Whitney 1982, quasi-static assembly of compliantly supported rigid parts; own derivation of the corner's depth, of
    rounded and chamfered edges and of the socket.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cablecell.simulation.contact_rig import RigSetup

Array = NDArray[np.float64]

_ROUNDING = 2.0 - math.sqrt(2.0)
"""A rounded edge meets a 45° slope later than a sharp one by this part of its radius."""


@dataclass(frozen=True)
class ContactForces:
    """Forces of the hole on the plug, N, and where the formula holds.

    Attributes:
        lateral_n: Across the hole, magnitude.
        axial_n: Against the insertion.
        is_valid: Where this kind of contact exists.
    """

    lateral_n: Array
    axial_n: Array
    is_valid: NDArray[np.bool_]


@dataclass(frozen=True)
class _Edges:
    """Where plug and port touch.

    Attributes:
        a_m: Depth of A in the port.
        b_m: Height of B above the plug's tip.
        radius_m: r with its sign.
    """

    a_m: float
    b_m: float
    radius_m: float


def _edges(setup: RigSetup) -> _Edges:
    cut = max(0.0, setup.tip_chamfer_m - _ROUNDING * setup.edge_radius_m)
    edge = setup.edge_radius_m + cut
    if setup.shape == "socket":
        return _Edges(edge, setup.lead_in_m, -setup.half_width_m)
    return _Edges(setup.lead_in_m, edge, setup.half_width_m)


def lead_in_forces(setup: RigSetup, depth_m: Array) -> ContactForces:
    """Return the forces while the edge of tip or post slides along the 45° lead-in.

    Args:
        setup: The rig.
        depth_m: Depth of the tip on the plug's axis, m. The touching corner is deeper by its half width as the plug
            turns, and a rounded or chamfered edge meets the slope later.
    """
    half = math.pi / 4.0
    along = math.sin(half) + setup.friction * math.cos(half)
    across = math.cos(half) - setup.friction * math.sin(half)
    late = max(setup.tip_chamfer_m, _ROUNDING * setup.edge_radius_m)
    overlap = abs(setup.offset_m) - setup.clearance_m - (setup.lead_in_m - depth_m) - late
    radius = _edges(setup).radius_m
    height = setup.support_m - (depth_m if setup.shape == "socket" else 0.0)
    turn_per_n = (across * height - along * radius) / setup.stiffness_nm_per_rad
    normal = overlap / (across / setup.stiffness_n_per_m + (height - radius) * turn_per_n)
    is_valid = (overlap > 0.08e-3) & (depth_m < setup.lead_in_m + late - 0.12e-3)
    return ContactForces(normal * across, normal * along, is_valid)


def one_point_forces(setup: RigSetup, depth_m: Array) -> ContactForces:
    """Return the forces while the plug's side touches the rim of the straight hole at one place.

    Args:
        setup: The rig; support offset to +x and tilted with its top to +x, or upright.
        depth_m: Depth of the tip, m.
    """
    edges = _edges(setup)
    inside = depth_m - edges.a_m - edges.b_m
    normal, tilt = _one_point(setup, edges, inside)
    is_valid = (inside > 0.5e-3) & (normal > 0.2) & (tilt * inside < 1.6 * setup.clearance_m)
    return ContactForces(normal, setup.friction * normal, is_valid)


def two_point_forces(setup: RigSetup, depth_m: Array) -> ContactForces:
    """Return the forces while the plug touches the rim on one side and the opposite wall with its tip.

    Args:
        setup: The rig; support offset to +x and tilted with its top to +x, or upright.
        depth_m: Depth of the tip, m.
    """
    edges = _edges(setup)
    c, mu, r, L = setup.clearance_m, setup.friction, edges.radius_m, setup.support_m - edges.b_m
    inside = np.maximum(depth_m - edges.a_m - edges.b_m, 1.0e-6)
    tilt = 2.0 * c / inside
    difference = setup.stiffness_n_per_m * (setup.offset_m + c - tilt * L)
    moment = setup.stiffness_nm_per_rad * (-setup.tilt_rad - tilt)
    # At A N1, at B N2: N1 - N2 = difference, N1·(l - L + µr) + N2·(L - µr) = moment.
    at_b = (moment - (inside - L + mu * r) * difference) / inside
    at_a = at_b + difference
    _, free_tilt = _one_point(setup, edges, inside)
    is_valid = (free_tilt * inside > 2.3 * c) & (inside < setup.hole_m - 0.5e-3) & (at_b > 0.5)
    return ContactForces(difference, mu * (at_a + at_b), is_valid)


def two_point_onset_m(setup: RigSetup) -> float:
    """Return the depth of B below A at which the second place begins to touch, m; infinite where it never does."""
    edges = _edges(setup)
    inside = np.linspace(0.2e-3, setup.hole_m, 20001)
    _, tilt = _one_point(setup, edges, inside)
    touching = np.flatnonzero(tilt * inside >= 2.0 * setup.clearance_m)
    return float(inside[touching[0]]) if len(touching) else math.inf


def inside_m(setup: RigSetup, depth_m: Array) -> Array:
    """Return the depth l of B below A at depths of the tip, m."""
    edges = _edges(setup)
    return depth_m - edges.a_m - edges.b_m


def jam_force_n(setup: RigSetup, depth_m: float, moment_nm: float) -> float:
    """Return the axial force that moves a plug that a pure moment presses against both places: 2µM/l, N."""
    return 2.0 * setup.friction * abs(moment_nm) / float(inside_m(setup, np.array(depth_m)))


def _one_point(setup: RigSetup, edges: _Edges, inside: Array) -> tuple[Array, Array]:
    """Return normal force and tilt; a tilt of the support about +y leans its top to -x."""
    lean = -setup.tilt_rad
    lever = inside - (setup.support_m - edges.b_m)
    moment = lever + setup.friction * edges.radius_m
    normal = (setup.offset_m + lever * lean - setup.clearance_m) / (
        1.0 / setup.stiffness_n_per_m + lever * moment / setup.stiffness_nm_per_rad
    )
    return normal, lean - normal * moment / setup.stiffness_nm_per_rad
