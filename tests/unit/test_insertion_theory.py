"""Closed forms against the numbers they were checked with, and against each other."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cablecell.core.geometry import exp_so3, make_pose
from cablecell.core.insertion import theory
from cablecell.core.insertion.staging import HEIGHTS_ABOVE_M, poses_above


def stuck_depth(force_n: float, stiffness: float, clearance_m: float, friction: float, tilt: float) -> float | None:
    """Depth of two-point jamming: the smaller root of F l² - 2 mu K theta l + 4 mu K c = 0; None when there is none."""
    b = friction * stiffness * tilt
    discriminant = b * b - 4.0 * force_n * friction * stiffness * clearance_m
    return None if discriminant < 0.0 else (b - math.sqrt(discriminant)) / force_n


@pytest.mark.parametrize(
    ("clearance", "tilt", "limit"),
    [
        (1e-4, 0.02, 32.0),
        (1e-4, 0.04, 8.0),
        (5e-5, 0.02, 16.0),
        (5e-5, 0.04, 4.0),
        (2e-5, 0.02, 6.4),
        (2e-5, 0.04, 1.6),
    ],
)
def test_jam_limit_agrees_with_the_pilot(clearance, tilt, limit):
    assert theory.jam_free_stiffness(8.0, clearance, 0.25, tilt) == pytest.approx(limit, rel=1e-6)


@pytest.mark.parametrize(
    ("clearance", "tilt", "depth"), [(1e-4, 0.04, 5.9e-3), (5e-5, 0.04, 2.7e-3), (2e-5, 0.02, 2.3e-3)]
)
def test_stuck_depth_agrees_with_the_pilot(clearance, tilt, depth):
    # 30 N m/rad in the controller in series with 30 in the grasp
    assert stuck_depth(8.0, 15.0, clearance, 0.25, tilt) == pytest.approx(depth, abs=0.1e-3)


def test_nothing_sticks_below_the_jam_limit_and_something_above():
    limit = theory.jam_free_stiffness(8.0, 1e-4, 0.25, 0.04)
    assert stuck_depth(8.0, 0.99 * limit, 1e-4, 0.25, 0.04) is None
    depth = stuck_depth(8.0, 1.01 * limit, 1e-4, 0.25, 0.04)
    assert depth is not None
    assert depth > 0.0
    # and the force form of the rule is its inverse
    assert theory.jam_free_force(limit, 1e-4, 0.25, 0.04) == pytest.approx(8.0)


def test_friction_lag_agrees_with_the_pilot():
    assert theory.friction_lag(0.25, 8.0, 3000.0) == pytest.approx(0.67e-3, abs=0.01e-3)


def test_capture_shrinks_with_yaw_but_not_below_the_clearance():
    free = theory.capture_half_width(1e-4, 5e-4, 8e-3, 0.0)
    assert free == pytest.approx(4.5e-4)
    assert theory.capture_half_width(1e-4, 5e-4, 8e-3, 0.04) < free
    assert theory.capture_half_width(1e-4, 5e-4, 8e-3, 1.0) == 1e-4


def test_rim_rule_frees_small_yaw_and_bounds_large():
    couple = theory.chamfer_couple(8.0, 8e-3, 0.25)
    assert couple == pytest.approx(0.3 * 8.0 * 8e-3, rel=0.01)
    assert theory.rim_yaw_stiffness(couple, 1e-4, 8e-3, 0.02) is None
    stiffness = theory.rim_yaw_stiffness(couple, 1e-4, 8e-3, 0.04)
    assert stiffness is not None
    assert 0.4 < stiffness < 3.0


def test_drop_speed_and_spiral_radius():
    assert theory.drop_limited_speed(2e-5, 1e-4) == pytest.approx(0.012)
    assert theory.spiral_end_radius(1e-3, 0.0, 5e-4) == pytest.approx(1.25e-3)
    assert theory.spiral_end_radius(1e-3, 1e-3, 0.0) == pytest.approx(math.sqrt(2.0) * 1e-3)


def test_the_arm_comes_over_a_port_on_the_line_of_its_axis():
    axis = np.array([0.6, 0.0, -0.8])
    goal = make_pose(exp_so3(np.array([0.3, -0.2, 1.0])), (0.4, 0.1, 0.2))
    above = poses_above(goal, axis)
    heights = [float(-axis @ (X - goal)[:3, 3]) for X in above]
    assert heights == pytest.approx(sorted(HEIGHTS_ABOVE_M))
    for X, height in zip(above, heights, strict=True):
        assert np.allclose(X[:3, 3] + height * axis, goal[:3, 3])
        assert np.array_equal(X[:3, :3], goal[:3, :3])
