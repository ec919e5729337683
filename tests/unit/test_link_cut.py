"""The watch of an arm whose link was cut: when it stood, and how hard it pressed."""

from __future__ import annotations

import numpy as np
import pytest

from cablecell.simulation.link_cut import REST_M_PER_S, CutWatch

PERIOD_S = 0.002
FREE_N = np.array([0.0, 0.0, -10.0])


def watch(speed, force_z):
    """Return the report of an arm with these courses of speed, rad/s, and of force beyond the free one, N."""
    found = CutWatch(FREE_N)
    for i in range(1000):
        t = i * PERIOD_S
        dq = np.array([0.0, speed(t), 0.001, 0.0, 0.0, 0.0])
        report = found.look(5.0 + t, dq, 0.6 * speed(t), FREE_N + np.array([0.0, 0.0, force_z(t)]))
        if report is not None:
            return report
    raise AssertionError("it never ends")


def test_an_arm_that_brakes_stands_when_its_last_joint_does():
    report = watch(lambda t: max(0.0, 1.0 - t / 0.15), lambda t: 3.0 + 4.0 * (t > 0.1))
    assert report.to_rest_s == pytest.approx(0.15 * (1.0 - REST_M_PER_S / 0.6), abs=PERIOD_S)
    assert report.is_at_rest
    assert (report.speed_rad_per_s, report.force_at_cut_n, report.peak_force_n) == pytest.approx((1.0, 3.0, 7.0))
    assert report.change_rad_per_s2 == pytest.approx(1.0 / 0.15)
    braked = "its joints slowed by at most 6.7 rad/s^2"
    said = "1.000 rad/s, 600.0 mm/s at the tool and 3.0 N at the cut, 7.0 N at most since"
    assert str(report) == f"the arm stood after {report.to_rest_s:.3f} s, {braked}; {said}"


def test_an_arm_that_goes_on_is_said_to():
    report = watch(lambda t: 0.3, lambda t: 0.0)
    assert not report.is_at_rest
    assert "the arm goes on moving" in str(report)


def test_an_arm_that_stands_stood_at_once():
    report = watch(lambda t: 0.0015, lambda t: 0.0)
    assert (report.to_rest_s, report.is_at_rest) == (0.0, True)
