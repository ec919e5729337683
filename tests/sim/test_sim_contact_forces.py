"""Contact forces against closed forms: lead-in crossing, one-point contact, step size, symmetry, penetration."""

from __future__ import annotations

import numpy as np
import pybullet as p
import pytest
from tests.support.sim_rig import (
    HALF_WIDTH_M,
    HOLE_M,
    K_N_PER_M,
    K_NM_PER_RAD,
    LEAD_IN_M,
    SUPPORT_M,
    Rig,
)

MU = 0.2
A = np.sin(np.pi / 4) + MU * np.cos(np.pi / 4)
B = np.cos(np.pi / 4) - MU * np.sin(np.pi / 4)


@pytest.mark.parametrize("edge_radius_m", [2.0e-5, 1.0e-4])
def test_the_lead_in_pushes_as_the_wedge_says(edge_radius_m):
    clearance, offset = 5.0e-5, 0.4e-3
    rig = Rig(clearance, offset, edge_radius_m=edge_radius_m)
    rig.lower(0.01, 0.21)
    rows = rig.lower(0.0005, 0.9)  # slowly: the support's damper would add to the force
    rig.close()
    depth, fx, fz = rows[:, 0], rows[:, 1], rows[:, 2]
    # A rounded edge meets a 45° slope later by (2 - √2) of its radius.
    overlap = offset - clearance - (LEAD_IN_M - depth) - (2.0 - np.sqrt(2.0)) * edge_radius_m
    # Depth is measured on the plug's axis: as the plug turns, the corner that touches goes deeper by its half width.
    turn_per_n = (B * SUPPORT_M - A * HALF_WIDTH_M) / K_NM_PER_RAD
    normal = overlap / (B / K_N_PER_M + (SUPPORT_M - HALF_WIDTH_M) * turn_per_n)
    on_slope = (overlap > 0.08e-3) & (depth < LEAD_IN_M - 0.12e-3)
    assert on_slope.sum() > 20
    assert -fx[on_slope] == pytest.approx(normal[on_slope] * B, rel=0.05)
    assert -fz[on_slope] == pytest.approx(normal[on_slope] * A, rel=0.05)


@pytest.mark.parametrize("clearance_m", [5.0e-5, 2.0e-5])
def test_one_point_contact_pushes_as_statics_say(clearance_m):
    offset = 0.3e-3
    rig = Rig(clearance_m, offset)
    rows = rig.lower(0.008, 1.1)
    rig.close()
    depth, fx, fz = rows[:, 0], rows[:, 1], rows[:, 2]
    inside = depth - LEAD_IN_M
    lever = inside - SUPPORT_M
    normal = (offset - clearance_m) / (1.0 / K_N_PER_M + lever * (lever + MU * HALF_WIDTH_M) / K_NM_PER_RAD)
    # Well below the lead-in, and before two-point contact: tilt times depth below the play.
    tilt = np.abs(normal * (lever + MU * HALF_WIDTH_M) / K_NM_PER_RAD)
    there = (inside > 0.5e-3) & (tilt * inside < 1.6 * clearance_m)
    assert there.sum() > 10
    assert -fx[there] == pytest.approx(normal[there], rel=0.01)
    assert np.mean(-fz[there]) == pytest.approx(MU * np.mean(normal[there]), rel=0.06)


def test_both_sides_push_alike():
    right, left = Rig(5.0e-5, 0.3e-3), Rig(5.0e-5, -0.3e-3)
    a, b = right.lower(0.01, 0.6), left.lower(0.01, 0.6)
    right.close()
    left.close()
    strong = np.abs(a[:, 1]) > 0.5
    assert strong.any()
    assert a[strong, 1] == pytest.approx(-b[strong, 1], rel=0.02)
    assert a[strong, 2] == pytest.approx(b[strong, 2], rel=0.05, abs=0.05)


def test_steady_contact_hardly_sinks_in():
    rig = Rig(5.0e-5, 0.3e-3)
    rig.lower(0.01, 0.5)
    rig.lower(0.0, 0.2)
    deepest = min(
        point[8] for body in rig.port for point in p.getContactPoints(rig.plug, body, physicsClientId=rig.client)
    )
    assert -2.0e-6 < deepest < 1.0e-6
    rig.close()


def test_the_floor_stops_the_plug_with_the_springs_force():
    rig = Rig(2.0e-4, 0.0)
    rig.lower(0.02, (LEAD_IN_M + HOLE_M + 1.0e-3 + 0.2e-3) / 0.02)
    rows = rig.lower(0.0, 0.3)
    rig.close()
    assert rows[-1, 0] == pytest.approx(LEAD_IN_M + HOLE_M, abs=2e-6)
    assert -rows[-1, 2] == pytest.approx(K_N_PER_M * 0.2e-3, rel=0.01)


@pytest.mark.parametrize("seed", range(6))
def test_no_rim_catches_a_plug_that_comes_in_crooked(seed):
    rng = np.random.default_rng(seed)
    rig = Rig(5.0e-5, float(rng.uniform(-0.9e-3, 0.9e-3)), tilt_rad=float(rng.uniform(-0.01, 0.01)))
    rows = rig.lower(0.02, (LEAD_IN_M + HOLE_M + 1.0e-3 - 2.0e-3) / 0.02)
    rig.close()
    at_rim = np.abs(rows[:, 0]) < 0.1e-3
    assert np.abs(rows[at_rim, 2]).max() < 60.0
    assert rows[-1, 0] > LEAD_IN_M + HOLE_M - 4.0e-3
