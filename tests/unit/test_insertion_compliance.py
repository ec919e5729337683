"""The target of a plug in its hole: it turns with the plug and never winds up against it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cablecell.core.config.insertion import InsertionSettings
from cablecell.core.insertion.insert import Compliance
from cablecell.core.insertion.phase import Job, Measurement
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
