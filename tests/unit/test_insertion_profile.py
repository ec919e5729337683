"""What the skill derives from the connector files of the catalogue."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cablecell.configuration import load_connectors
from cablecell.core.config.insertion import InsertionSettings
from cablecell.core.insertion.grasp import GraspTolerance
from cablecell.core.insertion.plan import Uncertainty, make_plan
from cablecell.core.insertion.profile import profile_from_connector

CONNECTORS = load_connectors()
TOLERANCE = GraspTolerance()
DESIGNED = Uncertainty(2.448 * TOLERANCE.position_sigma_m, 1.2e-3, 2.448 * TOLERANCE.rotation_sigma_rad, 0.045)
"""What a grasp by design leaves open."""


def test_the_lead_in_is_that_of_the_mouth_and_not_of_what_stands_back():
    # The tongue of USB-C has 0.15 mm, 1.5 mm behind a mouth with 0.3 mm.
    assert profile_from_connector(CONNECTORS["usb_c"]).chamfer_m == pytest.approx(0.3e-3)
    assert profile_from_connector(CONNECTORS["sc"]).chamfer_m == pytest.approx(0.4e-3)


@pytest.mark.parametrize(("name", "reach"), [("usb_c", (9.095e-3, 3.28e-3)), ("u_fl", (2.4e-3, 2.4e-3))])
def test_the_reach_of_the_land_is_half_of_plug_and_part(name, reach):
    assert profile_from_connector(CONNECTORS[name]).land_reach_m == pytest.approx(reach)


def test_a_tooth_begins_to_resist_where_it_meets_the_lip():
    latch = CONNECTORS["rj45"].latch
    assert latch is not None
    profile = profile_from_connector(CONNECTORS["rj45"])
    rise = (profile.latch_reach_m - profile.latch_click_m) * math.tan(latch.front_angle_rad)
    assert rise == pytest.approx(latch.deflection_m)


@pytest.mark.parametrize("name", sorted(CONNECTORS))
def test_every_plug_is_in_its_hole_before_it_is_seated(name):
    profile = profile_from_connector(CONNECTORS[name])
    plan = make_plan(profile, DESIGNED, InsertionSettings())
    assert profile.chamfer_m < plan.entered_m
    assert profile.rim_m + plan.entered_m <= plan.seat_from_m < profile.depth_m
    if profile.has_latch:
        # The push of the insertion alone need not overcome the latch before seating begins.
        assert profile.rim_m + plan.entered_m <= profile.depth_m - profile.latch_reach_m + 1.0e-9


@pytest.mark.parametrize("name", sorted(CONNECTORS))
def test_the_first_spiral_is_over_before_the_time_is(name):
    plan = make_plan(profile_from_connector(CONNECTORS[name]), DESIGNED, InsertionSettings())
    path = np.pi * plan.search_radius_m**2 / plan.search_pitch_m
    assert path / plan.search_speed < 0.5 * InsertionSettings().time_limit_s
