"""Numbers of one insertion, chosen from the connector, the uncertainty of the estimates and the settings."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cablecell.core.config.insertion import InsertionSettings
from cablecell.core.geometry import Array
from cablecell.core.insertion import theory
from cablecell.core.insertion.profile import ConnectorProfile

RADIAL_95 = 2.448
"""95 % of a circular Gaussian lies within this many sigma."""

_LINEAR_95 = 1.96
"""95 % of a Gaussian lies within this many sigma."""


@dataclass(frozen=True)
class Uncertainty:
    """Uncertainty of the tip relative to the port.

    Attributes:
        lateral_95_m: Radius that holds the axis with 95 %, m.
        axial_sigma_m: Standard deviation along the insertion axis, m.
        tilt_95_rad: Angle that holds the tilt with 95 %, rad.
        yaw_95_rad: Likewise about the insertion axis, rad.
    """

    lateral_95_m: float
    axial_sigma_m: float
    tilt_95_rad: float
    yaw_95_rad: float


def combine_uncertainty(port_covariance: Array, tip_covariance: Array, R_port_tip: Array) -> Uncertainty:
    """Return the uncertainty of tip to port from independent covariances, each (6, 6) in its own axes."""
    rotation = np.zeros((6, 6))
    rotation[:3, :3] = R_port_tip
    rotation[3:, 3:] = R_port_tip
    total = port_covariance + rotation @ tip_covariance @ rotation.T
    lateral = float(np.linalg.eigvalsh(total[:2, :2])[-1])
    tilt = float(np.linalg.eigvalsh(total[3:5, 3:5])[-1])
    return Uncertainty(
        lateral_95_m=RADIAL_95 * math.sqrt(lateral),
        axial_sigma_m=math.sqrt(float(total[2, 2])),
        tilt_95_rad=RADIAL_95 * math.sqrt(tilt),
        yaw_95_rad=_LINEAR_95 * math.sqrt(float(total[5, 5])),
    )


@dataclass(frozen=True)
class InsertionPlan:
    """Numbers of one insertion.

    Attributes:
        uncertainty: What they were chosen for.
        is_direct: True when the plug is expected to be caught without a search.
        search_pitch_m: Of the first spiral, m.
        search_radius_m: Commanded end radius of the first spiral, m.
        search_speed: Along the spiral, m/s.
        catch_drop_m: Drop below the land that counts as a catch, m.
        entered_m: Depth below the rim from which the plug is truly in the hole, m.
        seat_from_m: Depth below the entrance at which seating begins, m.
        insert_force_n: Push in the hole, N.
        tilt_stiffness: In the hole, N·m/rad.
        yaw_stiffness: In the hole, N·m/rad.
        tilt_limit_rad: Largest correction of the tilt, rad.
        yaw_limit_rad: Largest correction of the yaw, rad.
        must_turn: True when the plug may be turned by more than the fit leaves free, and the rim has to turn it.
        seat_force_n: Push at the end, N.
        force_abort_n: Contact force at which to give up, N.
    """

    uncertainty: Uncertainty
    is_direct: bool
    search_pitch_m: float
    search_radius_m: float
    search_speed: float
    catch_drop_m: float
    entered_m: float
    seat_from_m: float
    insert_force_n: float
    tilt_stiffness: float
    yaw_stiffness: float
    tilt_limit_rad: float
    yaw_limit_rad: float
    must_turn: bool
    seat_force_n: float
    force_abort_n: float


_LATCH_RESERVE = 1.6
"""Push that surely closes a latch, as a multiple of the force that it is said to need."""

_MIN_ANGLE_RAD = 0.005
"""Smallest angular uncertainty that is planned for."""

_ENTERED_M = 0.3e-3
"""Depth behind the lead-in from which a plug is truly in the hole, where there is that much room before its latch."""

_LIKELY_YAW = 0.5
"""Share of the 95 % yaw that the first spiral is made for: one standard deviation. Later tours are finer."""


def make_plan(profile: ConnectorProfile, uncertainty: Uncertainty, settings: InsertionSettings) -> InsertionPlan:
    """Choose search, forces and stiffnesses by the closed forms of `theory`."""
    clearance = min(profile.clearance_m)
    chamfer, friction = profile.chamfer_m, profile.friction
    width = max(profile.size_m)
    tilt = max(uncertainty.tilt_95_rad, _MIN_ANGLE_RAD)
    yaw = max(uncertainty.yaw_95_rad, _MIN_ANGLE_RAD)

    half_width = theory.capture_half_width(clearance, chamfer, width, _LIKELY_YAW * yaw)
    pitch = 1.6 * half_width
    lag = theory.friction_lag(friction, settings.search_force_n, settings.stiffness_search)

    soft, stiff = settings.rotation_stiffness_limits
    force = min(
        max(settings.insert_force_n, 2.0 * theory.jam_free_force(soft, clearance, friction, tilt)),
        settings.insert_force_limit_n,
        profile.insertion_limit_n,
    )
    tilt_stiffness = min(stiff, max(soft, 0.5 * theory.jam_free_stiffness(force, clearance, friction, tilt)))
    couple = theory.chamfer_couple(force, width, friction)
    rim = theory.rim_yaw_stiffness(couple, clearance, width, yaw)
    yaw_soft, yaw_stiff = settings.yaw_stiffness_limits
    yaw_stiffness = (
        min(yaw_stiff, tilt_stiffness) if rim is None else min(yaw_stiff, tilt_stiffness, max(yaw_soft, rim))
    )
    # Behind the lead-in, and where there is hardly any way: half way from there to where the latch begins to resist.
    room = profile.depth_m - profile.latch_reach_m - profile.rim_m - chamfer
    entered = chamfer + min(_ENTERED_M, max(0.5 * room, 0.0))
    seat_force = max(force, profile.latch_force_n * 1.6 + 5.0 if profile.latch_force_n > 0.0 else force)
    # A latch that needs more than the setting allows gets what closes it, but never more than the connector's budget.
    seat_limit = max(settings.seat_force_limit_n, _LATCH_RESERVE * profile.latch_force_n)
    return InsertionPlan(
        uncertainty=uncertainty,
        is_direct=uncertainty.lateral_95_m < 1.3 * (chamfer + clearance),
        search_pitch_m=pitch,
        search_radius_m=theory.spiral_end_radius(uncertainty.lateral_95_m, lag, pitch),
        search_speed=min(settings.search_speed, theory.drop_limited_speed(clearance, chamfer)),
        # A tilted plug drops with one corner before it is over the hole; a real catch drops at least by the lead-in.
        catch_drop_m=0.06e-3 + min(0.5 * min(profile.size_m) * tilt, 0.7 * chamfer),
        entered_m=entered,
        # A plug that goes in by less than the usual zone has to be in first.
        seat_from_m=max(profile.depth_m - settings.seat_zone_m, profile.rim_m + entered),
        insert_force_n=force,
        tilt_stiffness=tilt_stiffness,
        yaw_stiffness=yaw_stiffness,
        tilt_limit_rad=1.2 * tilt,
        yaw_limit_rad=1.2 * yaw,
        must_turn=rim is not None,
        seat_force_n=min(seat_force, seat_limit, profile.insertion_limit_n),
        force_abort_n=min(settings.force_abort_n, profile.force_limit_n),
    )
