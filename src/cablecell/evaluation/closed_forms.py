"""Planar statics of a compliantly held plug in a chamfered hole: what the contact physics is measured against.

Symbols: r half width, c clearance per side, l depth in the straight hole, U0 and θ0 offset and tilt of the support,
which is a spring K, Kθ at height L above the tip; µ friction.

Source:
    Whitney 1982, quasi-static assembly of compliantly supported rigid parts; own derivation of the corner's depth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cablecell.simulation.contact_rig import RigSetup

Array = NDArray[np.float64]


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


def lead_in_forces(setup: RigSetup, depth_m: Array) -> ContactForces:
    """Return the forces while the tip's edge slides down the 45° lead-in.

    Args:
        setup: The rig.
        depth_m: Depth of the tip on the plug's axis, m. The touching corner is deeper by its half width as the plug
            turns, and a rounded edge meets the slope later by (2 - √2) of its radius.
    """
    half = math.pi / 4.0
    along = math.sin(half) + setup.friction * math.cos(half)
    across = math.cos(half) - setup.friction * math.sin(half)
    rounding = (2.0 - math.sqrt(2.0)) * setup.edge_radius_m
    overlap = abs(setup.offset_m) - setup.clearance_m - (setup.lead_in_m - depth_m) - rounding
    turn_per_n = (across * setup.support_m - along * setup.half_width_m) / setup.stiffness_nm_per_rad
    lever = setup.support_m - setup.half_width_m
    normal = overlap / (across / setup.stiffness_n_per_m + lever * turn_per_n)
    is_valid = (overlap > 0.08e-3) & (depth_m < setup.lead_in_m - 0.12e-3)
    return ContactForces(normal * across, normal * along, is_valid)


def one_point_forces(setup: RigSetup, depth_m: Array) -> ContactForces:
    """Return the forces while the plug's side touches the rim of the straight hole at one place.

    Args:
        setup: The rig; support offset to +x and tilted with its top to +x, or upright.
        depth_m: Depth of the tip, m.
    """
    inside = depth_m - setup.lead_in_m
    normal, tilt = _one_point(setup, inside)
    is_valid = (inside > 0.5e-3) & (normal > 0.2) & (tilt * inside < 1.6 * setup.clearance_m)
    return ContactForces(normal, setup.friction * normal, is_valid)


def two_point_forces(setup: RigSetup, depth_m: Array) -> ContactForces:
    """Return the forces while the plug touches the rim on one side and the opposite wall with its tip.

    Args:
        setup: The rig; support offset to +x and tilted with its top to +x, or upright.
        depth_m: Depth of the tip, m.
    """
    c, L, mu, r = setup.clearance_m, setup.support_m, setup.friction, setup.half_width_m
    inside = np.maximum(depth_m - setup.lead_in_m, 1.0e-6)
    tilt = 2.0 * c / inside
    difference = setup.stiffness_n_per_m * (setup.offset_m + c - tilt * L)
    moment = setup.stiffness_nm_per_rad * (-setup.tilt_rad - tilt)
    # At the rim N1, at the tip N2: N1 - N2 = difference, N1·(l - L + µr) + N2·(L - µr) = moment.
    at_tip = (moment - (inside - L + mu * r) * difference) / inside
    at_rim = at_tip + difference
    _, free_tilt = _one_point(setup, inside)
    is_valid = (free_tilt * inside > 2.3 * c) & (inside < setup.hole_m - 0.5e-3) & (at_tip > 0.5)
    return ContactForces(difference, mu * (at_rim + at_tip), is_valid)


def _one_point(setup: RigSetup, inside: Array) -> tuple[Array, Array]:
    """Return normal force and tilt; a tilt of the support about +y leans its top to -x."""
    lean = -setup.tilt_rad
    lever = inside - setup.support_m
    moment = lever + setup.friction * setup.half_width_m
    normal = (setup.offset_m + lever * lean - setup.clearance_m) / (
        1.0 / setup.stiffness_n_per_m + lever * moment / setup.stiffness_nm_per_rad
    )
    return normal, lean - normal * moment / setup.stiffness_nm_per_rad
