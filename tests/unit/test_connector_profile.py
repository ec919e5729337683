"""What the skill makes of every connector of the catalogue: sizes of the file, forces within its budget."""

from __future__ import annotations

import numpy as np
import pytest

from cablecell.configuration import config_folder, load_connector
from cablecell.core.config.connector import parse_connector
from cablecell.core.config.insertion import InsertionSettings
from cablecell.core.insertion.plan import Uncertainty, make_plan
from cablecell.core.insertion.profile import profile_from_connector
from tests.unit.test_connector_checks import round_peg, shipped

FILES = sorted((config_folder() / "connectors").glob("*.yaml"))
SURE = Uncertainty(lateral_95_m=0.5e-3, axial_sigma_m=0.3e-3, tilt_95_rad=0.01, yaw_95_rad=0.01)
UNSURE = Uncertainty(lateral_95_m=3.0e-3, axial_sigma_m=1.0e-3, tilt_95_rad=0.05, yaw_95_rad=0.05)


def plan_of(connector, uncertainty=SURE, **changes):
    settings = InsertionSettings.model_validate({**InsertionSettings().model_dump(), **changes})
    return make_plan(profile_from_connector(connector), uncertainty, settings)


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def connector(request):
    return load_connector(request.param)


def test_sizes_are_those_of_the_file(connector):
    profile = profile_from_connector(connector)
    port = connector.port
    assert profile.clearance_m == (connector.clearance.x_m, connector.clearance.y_m)
    assert 0.0 < profile.chamfer_m <= 2.0e-3
    assert port.rim_depth_m <= profile.rim_m < profile.depth_m == port.stop_depth_m
    assert 0.0 <= profile.nose_m <= profile.rim_m - port.rim_depth_m + 1.0e-9
    assert profile.has_latch == (connector.latch is not None)
    if connector.round_fit is None:
        widest = max(part.size_m[0] for part in connector.plug.parts if part.mates)
        assert profile.size_m[0] >= widest
    else:
        assert profile.size_m == (2.0 * connector.round_fit.pin_radius_m,) * 2


@pytest.mark.parametrize("uncertainty", [SURE, UNSURE])
@pytest.mark.parametrize("clearance_m", [None, 5.0e-5, 2.0e-5])
def test_no_push_is_beyond_the_budget_and_every_latch_closes(connector, uncertainty, clearance_m):
    if clearance_m is not None:
        connector = connector.with_clearance(clearance_m)
    plan, forces = plan_of(connector, uncertainty), connector.forces
    assert 0.0 < plan.insert_force_n <= plan.seat_force_n <= forces.insertion_max_n
    assert plan.force_abort_n <= forces.damage_n
    # Nothing is given up for a force that the skill itself applies.
    assert plan.seat_force_n < plan.force_abort_n
    if connector.latch is not None:
        assert plan.seat_force_n >= 1.1 * connector.latch.engage_n
    assert np.all(np.isfinite([plan.search_pitch_m, plan.search_radius_m, plan.catch_drop_m, plan.entered_m]))
    assert plan.entered_m < connector.port.stop_depth_m or connector.port.stop_depth_m < 1.5e-3


def test_a_stiff_latch_is_closed_and_a_weak_part_is_spared():
    strong = {**shipped("sfp"), "forces": {"insertion_max_n": 40.0, "lateral_max_n": 15.0, "damage_n": 60.0}}
    strong["latch"] = {**strong["latch"], "engage_n": 20.0}
    assert plan_of(parse_connector(strong, "strong.yaml")).seat_force_n == pytest.approx(1.6 * 20.0)
    weak = {**round_peg(), "forces": {"insertion_max_n": 4.0, "lateral_max_n": 2.0, "damage_n": 10.0}}
    plan = plan_of(parse_connector(weak, "weak.yaml"))
    assert (plan.insert_force_n, plan.seat_force_n, plan.force_abort_n) == (4.0, 4.0, 10.0)


def test_the_ferrules_of_lc_lead_and_may_be_off_by_what_the_housing_leaves():
    profile = profile_from_connector(load_connector(config_folder() / "connectors" / "lc.yaml"))
    assert profile.nose_m == pytest.approx(1.8e-3)
    assert profile.rim_m == pytest.approx(1.8e-3)
    assert profile.nose_play_m == pytest.approx((4.52e-3 - 1.11e-3) / 2 + 0.05e-3)
