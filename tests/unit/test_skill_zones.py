"""People near the cell: an insertion takes its speeds by the share that zones allow, and ends where they stop it."""

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from cablecell.core.config.insertion import InsertionSettings
from cablecell.ros.skill_messages import sensor_stop
from cablecell.ros.skill_zones import slowed, zone_scale, zone_stop

SPEEDS = ("approach_speed", "contact_speed", "search_speed", "insert_speed", "seat_speed", "retreat_speed")


def said(scale="1.000", held_by="", name="arm_controller: zones"):
    status = DiagnosticStatus(name=name, message=f"stopped by {held_by}" if held_by else "nobody")
    status.values = [KeyValue(key="speed_scale", value=scale), KeyValue(key="held_by", value=held_by)]
    return DiagnosticArray(status=[DiagnosticStatus(name="arm_controller: control loop"), status])


def test_all_speeds_are_shared_and_the_time_grows_with_it():
    whole = InsertionSettings(time_limit_s=20.0)
    half = slowed(whole, 0.5)
    assert [getattr(half, name) for name in SPEEDS] == pytest.approx([0.5 * getattr(whole, name) for name in SPEEDS])
    assert (half.time_limit_s, half.retreat_limit_s) == (40.0, 2.0 * whole.retreat_limit_s)
    assert half.approach_acceleration == pytest.approx(0.25 * whole.approach_acceleration)
    changed = {name for name, value in half.model_dump().items() if value != getattr(whole, name)}
    assert changed == {*SPEEDS, "time_limit_s", "retreat_limit_s", "approach_acceleration"}
    assert slowed(whole, 1.0) is whole


@pytest.mark.parametrize("share", [0.0, 0.01])
def test_the_slowest_pace_is_still_one_that_the_settings_allow(share):
    least = slowed(InsertionSettings(), share)
    assert all(0.0 < getattr(least, name) <= 0.005 for name in SPEEDS)
    assert least.time_limit_s == 600.0


def test_the_share_and_the_stop_are_read_from_what_the_controller_says():
    assert zone_scale(said("0.250")) == 0.25
    assert zone_scale(said("0.250", name="arm_controller: force sensor")) is None
    assert zone_scale(said("none")) is None
    assert zone_stop(said()) is None
    error = zone_stop(said(held_by="near"))
    assert (error.code, str(error)) == (637, "stopped by near")
    assert sensor_stop(said(held_by="near")) is None, "a recovery clears the stops of sensors, never this one"
