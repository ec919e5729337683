"""docs/teleop.md tells an operator the truth."""

import math
import re
from pathlib import Path

from cablecell.core.config.teleop import TeleopParameters
from cablecell.core.errors import all_error_classes
from cablecell.ros.reference import import_every_module

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "teleop.md").read_text()


def test_it_says_that_nothing_is_safety_rated():
    assert "None of this is safety-rated" in DOCUMENT
    assert "do not replace an emergency stop" in DOCUMENT


def test_every_code_it_names_exists():
    import_every_module()
    codes = {cls.code for cls in all_error_classes()}
    named = {int(code) for code in re.findall(r"\((\d{3})\)", DOCUMENT)}
    assert len(named) > 10
    assert named <= codes


def test_the_numbers_are_those_of_the_parameters():
    defaults = TeleopParameters()
    for text in (
        f"{1000 * defaults.linear_speed:.0f} mm/s, {defaults.linear_acceleration:.0f} m/s²",
        f"{defaults.angular_speed} rad/s, {defaults.angular_acceleration:.0f} rad/s²",
        f"farther than {1000 * defaults.leash_m:.0f} mm",
        f"From {defaults.slow_force_n:.0f} N ({defaults.slow_torque_nm:.0f} N·m)",
        f"at {defaults.stop_force_n:.0f} N ({defaults.stop_torque_nm} N·m)",
        f"Silence of {defaults.marker_timeout_s} s brakes",
        f"silence of {defaults.lease_s} s ends control",
        f"poses brake after {defaults.command_timeout_s} s",
        f"force for {defaults.state_age_limit_s} s teleoperation disables",
        f"comes within {1000 * defaults.assist_radius_m:.0f} mm of the axis",
        f"at most {1000 * defaults.assist_height_m:.0f} mm before its mouth",
        f"less than {math.degrees(defaults.assist_angle_rad):.0f} degrees",
        f"worse than {1000 * defaults.assist_sigma_m:.1f} mm",
        f"more than {defaults.assist_age_limit_s:.0f} s ago",
        f"{1000 * defaults.assist_speed:.0f} mm/s are the most",
        f"{defaults.assist_stiffness:.0f} N/m across the axis",
        f"Who pulls {1000 * defaults.assist_radius_m:.0f} mm is let go",
    ):
        assert text in DOCUMENT, text
