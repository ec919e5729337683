"""A plug whose yaw is wrong stands in the lead-in of its port: it is turned to either end of what is likely."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cablecell.core.config.insertion import InsertionSettings
from cablecell.core.insertion.insert import Insert
from cablecell.core.insertion.outcome import Phase
from cablecell.core.insertion.phase import Go, Job, Measurement
from cablecell.core.insertion.plan import Uncertainty, make_plan
from cablecell.core.insertion.profile import ConnectorProfile
from cablecell.core.insertion.turn import YawSweep, turn_stiffness

WIDE = ConnectorProfile("wide", (10.8e-3, 4.5e-3), (0.05e-3, 0.05e-3), 0.3e-3, 10.0e-3, friction=0.3)
UNCERTAIN = Uncertainty(lateral_95_m=3.0e-3, axial_sigma_m=1.2e-3, tilt_95_rad=0.05, yaw_95_rad=0.045)
PUSH = np.array([0.0, 0.0, -10.0])


def insert(profile: ConnectorProfile, *, caught_m: float, right_rad: float | None) -> tuple[Job, Go, list[float]]:
    """Insert a plug that friction lets turn only where it is told firmly; at the right yaw it drops.

    Args:
        profile: The plug.
        caught_m: Depth below the land at which it is caught, m.
        right_rad: Yaw within 5 mrad of which it drops; None: it never does.

    Returns:
        What is remembered, what ends the phase, and every yaw that was asked for, rad.
    """
    settings = InsertionSettings()
    job = Job(profile, settings, make_plan(profile, UNCERTAIN, settings), land_m=0.0, searches=1)
    depth, yaw, asked, soft = caught_m, 0.0, [], job.plan.yaw_stiffness
    m = Measurement(0.0, 0.002, np.array([0.0, 0.0, depth]), np.zeros(3), 0.0, PUSH, np.zeros(3), give_m=0.0)
    phase = Insert(job, m)
    for k in range(1500):
        rotvec = np.array([0.0, 0.0, yaw])
        m = replace(m, time_s=0.002 * k, p=np.array([0.0, 0.0, depth]), rotvec=rotvec)
        setpoint, change = phase.step(job, m)
        if change is not None:
            assert isinstance(change, Go)
            return job, change, asked
        asked.append(float(setpoint.rotvec[2]))
        # The rim holds the plug by friction, 15 mNm; what is stiffer takes it along.
        if setpoint.stiffness[5] * abs(setpoint.rotvec[2] - yaw) > 0.015:
            yaw = float(setpoint.rotvec[2]) - np.sign(setpoint.rotvec[2] - yaw) * 0.015 / float(setpoint.stiffness[5])
        if right_rad is not None and abs(yaw - right_rad) < 5.0e-3:
            depth += 4.0e-5
    raise AssertionError(f"nothing was decided; yaw stiffness was {soft}")


@pytest.mark.parametrize("right_rad", [0.03, -0.03])
def test_a_plug_that_is_turned_wrongly_is_turned_until_it_drops(right_rad):
    # An LC duplex plug, 0.034 rad off, stood in its lead-in until the time was over: it was searched for elsewhere.
    job, change, asked = insert(WIDE, caught_m=0.25e-3, right_rad=right_rad)
    assert change.phase is Phase.SEAT, change.reason
    assert job.false_catches == 0
    assert max(map(abs, asked)) <= job.plan.yaw_limit_rad + 1e-9


def test_a_plug_that_drops_at_no_yaw_was_caught_falsely():
    job, change, asked = insert(WIDE, caught_m=0.25e-3, right_rad=None)
    assert change.phase is Phase.SEARCH
    assert "false catch" in change.reason
    assert max(asked) == pytest.approx(job.plan.yaw_limit_rad)
    assert min(asked) == pytest.approx(-job.plan.yaw_limit_rad, abs=1.0e-3)


def test_a_corner_in_the_lead_in_is_no_reason_to_turn():
    _, change, asked = insert(WIDE, caught_m=0.1e-3, right_rad=0.03)
    assert change.phase is Phase.SEARCH
    assert max(map(abs, asked)) < 0.01


def test_a_plug_with_more_play_than_yaw_is_not_turned():
    loose = replace(WIDE, clearance_m=(0.5e-3, 0.5e-3))
    _, change, asked = insert(loose, caught_m=0.25e-3, right_rad=0.03)
    assert change.phase is Phase.SEARCH
    assert max(map(abs, asked)) < 0.01


def test_the_corners_carry_no_more_than_they_may():
    settings = InsertionSettings()
    job = Job(WIDE, settings, make_plan(WIDE, UNCERTAIN, settings))
    # at the far end of the sweep the rim may still hold the plug where it began
    assert turn_stiffness(job) * job.plan.yaw_limit_rad / max(WIDE.size_m) < 4.0 + 1e-9


def test_a_sweep_goes_to_one_end_and_then_to_the_other():
    sweep = YawSweep(0.01, 0.02, is_upward=False)
    seen = []
    while not sweep.is_over:
        sweep.step(0.002)
        seen.append(sweep.yaw_rad)
    assert seen.index(min(seen)) < seen.index(max(seen))
    assert (min(seen), max(seen)) == pytest.approx((-0.02, 0.02))
