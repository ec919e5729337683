"""The target of a plug in its hole: it turns with the plug and never winds up against it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cablecell.core.config.insertion import InsertionSettings
from cablecell.core.insertion.catch import Search
from cablecell.core.insertion.insert import Compliance, Insert
from cablecell.core.insertion.outcome import Phase
from cablecell.core.insertion.phase import Go, Job, Measurement
from cablecell.core.insertion.plan import Uncertainty, make_plan
from cablecell.core.insertion.profile import ConnectorProfile

SETTINGS = InsertionSettings()
PROFILE = ConnectorProfile("peg", (0.014, 0.0085), (1e-4, 1e-4), chamfer_m=0.4e-3, depth_m=0.045)
UNCERTAIN = Uncertainty(lateral_95_m=3.0e-3, axial_sigma_m=1.2e-3, tilt_95_rad=0.05, yaw_95_rad=0.04)
DT_S = 0.002


def inside() -> tuple[Job, Measurement]:
    """Return a job and a plug that is 20 mm deep, straight, without any force on it."""
    job = Job(PROFILE, SETTINGS, make_plan(PROFILE, UNCERTAIN, SETTINGS), land_m=0.0)
    return job, Measurement(0.0, DT_S, np.array([0.0, 0.0, 0.020]), np.zeros(3), 0.0, np.zeros(3), np.zeros(3))


def test_a_plug_that_the_hole_holds_is_not_wound_up_against():
    # A moment that lasts because the plug cannot turn: an integral of it went to its limit and beyond the other side.
    job, m = inside()
    compliance = Compliance(job, m)
    held = replace(m, rotvec=np.array([0.01, -0.02, 0.005]), moment=np.array([1.0, -1.0, 0.5]))
    for _ in range(1000):
        compliance.follow(job, held)
    assert compliance.rotvec == pytest.approx(held.rotvec, abs=1e-4)


@pytest.mark.parametrize("depth_m", [0.0005, 0.020])
def test_tilt_is_let_go_inside_and_held_at_the_rim_where_yaw_is_free(depth_m):
    job, m = inside()
    compliance = Compliance(job, m)
    turned = replace(m, p=np.array([0.0, 0.0, depth_m]), rotvec=np.array([0.02, 0.01, 0.03]))
    for _ in range(1000):
        compliance.follow(job, turned)
    tilt = [0.0, 0.0] if depth_m < 0.001 else [0.02, 0.01]
    assert compliance.rotvec == pytest.approx([*tilt, 0.03], abs=1e-4)
    assert job.correction == pytest.approx(compliance.rotvec)


def test_a_plug_that_turns_further_than_its_fit_can_ask_for_is_held():
    job, m = inside()
    compliance = Compliance(job, m)
    turned = replace(m, rotvec=np.array([0.3, 0.0, -0.3]))
    for _ in range(1000):
        compliance.settle(job, turned)
    assert compliance.rotvec == pytest.approx([job.plan.tilt_limit_rad, 0.0, -job.plan.yaw_limit_rad])


def test_a_stalled_plug_keeps_the_rotation_that_it_has_found():
    job, m = inside()
    compliance = Compliance(job, m)
    turned = replace(m, p=np.array([1e-3, 0.0, 0.020]), rotvec=np.array([0.02, 0.0, 0.0]))
    for _ in range(1000):
        compliance.follow(job, turned)
    compliance.anchor(turned)
    assert compliance.rotvec[0] == pytest.approx(0.02, abs=1e-4)
    assert compliance.target(turned)[:2] == pytest.approx([1e-3, 0.0])


def test_where_there_was_no_land_no_nose_stood_on_it():
    job, m = inside()
    job.is_on_nose = True
    job.forget_land()
    assert job.land_m is None
    _, change = Insert(job, m).step(job, m)
    assert change is None
    assert not job.is_nose_settled


def seconds_until_false(profile: ConnectorProfile, rate: float) -> float:
    """Return how long a corner that is caught is believed in, while the plug turns at a rate, rad/s."""
    job = Job(profile, SETTINGS, make_plan(profile, UNCERTAIN, SETTINGS), land_m=0.0)
    m = Measurement(0.0, DT_S, np.array([0.0, 0.0, 0.1e-3]), np.zeros(3), 0.0, np.zeros(3), np.zeros(3))
    phase = Insert(job, m)
    while True:
        m = replace(m, time_s=m.time_s + DT_S, rotvec=np.array([0.0, 0.0, rate * m.time_s]))
        _, change = phase.step(job, m)
        if change is not None:
            assert isinstance(change, Go)
            assert change.phase is Phase.SEARCH
            return m.time_s


def test_a_close_fit_is_given_time_to_be_turned_at_its_rim():
    # 40 mrad at 0.1 mm: the rim has to turn the plug before it goes any deeper.
    assert seconds_until_false(PROFILE, 0.05) == pytest.approx(SETTINGS.false_catch_s, abs=0.01)
    assert seconds_until_false(PROFILE, 0.0) == pytest.approx(SETTINGS.stuck_catch_s, abs=0.01)
    wide = replace(PROFILE, clearance_m=(0.5e-3, 0.5e-3))
    assert seconds_until_false(wide, 0.05) == pytest.approx(SETTINGS.stuck_catch_s, abs=0.01)


def follow_spiral(rise_m: float, slope: float = 1.0) -> tuple[float, str]:
    """Search from the bottom of a lead-in of 45 degrees; return how far off it got before it came back, and why."""
    job = Job(PROFILE, SETTINGS, make_plan(PROFILE, UNCERTAIN, SETTINGS), land_m=1.0e-3)
    p, farthest = np.array([0.0, 0.0, 1.0e-3]), 0.0
    force = np.array([0.0, 0.0, -SETTINGS.search_force_n])
    m = Measurement(0.0, DT_S, p, np.zeros(3), 0.0, force, np.zeros(3))
    phase = Search(job, m)
    while m.time_s < 3.0:
        setpoint, change = phase.step(job, m)
        if change is not None:
            return farthest, change.reason
        p = setpoint.p.copy()
        off = float(np.hypot(p[0], p[1]))
        farthest = max(farthest, off)
        p[2] = 1.0e-3 - min(slope * off, rise_m)
        m = replace(m, time_s=m.time_s + DT_S, p=p)
    return farthest, ""


def test_a_search_that_began_in_the_lead_in_goes_back_to_where_it_was_deepest():
    farthest, reason = follow_spiral(rise_m=0.4e-3)
    assert "dropped" in reason
    assert farthest < 2.0e-3
    # A land that rises by less than a catch is a land.
    assert follow_spiral(rise_m=0.2e-3)[1] == ""
