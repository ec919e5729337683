"""The same insertions in Bullet and in MuJoCo: forces agree within 10 % down to 50 µm.

MuJoCo is not needed for anything else: `pip install -e .[crosscheck]` adds it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("mujoco", reason="MuJoCo is only for this comparison: pip install -e .[crosscheck]")

from cablecell.evaluation.closed_forms import lead_in_forces, one_point_forces, two_point_forces
from cablecell.simulation.contact_rig import ContactRig, RigSetup
from tests.support.mujoco_rig import MujocoRig

MUJOCO_RATE_HZ = 4000
SETUP = RigSetup(
    half_width_m=3.5e-3,
    lead_in_m=1.2e-3,
    hole_m=12.0e-3,
    friction=0.25,
    support_m=27.0e-3,
    stiffness_n_per_m=16.0e3,
    stiffness_nm_per_rad=25.0,
    offset_m=0.35e-3,
    edge_radius_m=2.0e-5,
)


def rms(values):
    return float(np.sqrt(np.mean(np.square(values))))


def both(setup, speed, seconds):
    rig = ContactRig(setup)  # as the cell steps it
    bullet = rig.lower(speed, seconds, every_steps=rig.rate_hz // 500)
    rig.close()
    return bullet, MujocoRig(setup, MUJOCO_RATE_HZ).lower(speed, seconds)


@pytest.mark.parametrize(
    ("law", "clearance_m", "tilt_rad", "offset_m"),
    [
        (one_point_forces, 2.0e-4, 0.0, 0.35e-3),
        (one_point_forces, 1.0e-4, 0.0, 0.35e-3),
        (one_point_forces, 5.0e-5, 0.0, 0.35e-3),
        (two_point_forces, 7.0e-5, -0.016, 0.5e-3),
        (two_point_forces, 5.0e-5, -0.012, 0.5e-3),
    ],
)
def test_forces_in_the_hole_agree(law, clearance_m, tilt_rad, offset_m):
    setup = replace(SETUP, clearance_m=clearance_m, tilt_rad=tilt_rad, offset_m=offset_m)
    bullet, mujoco = both(setup, 0.01, 1.35)
    there = law(setup, bullet.depth_m).is_valid & law(setup, mujoco.depth_m).is_valid
    assert there.sum() > 20
    # The whole force: pressed against two places, the one across is a small difference, and MuJoCo's trembles.
    across, along = (bullet.lateral_n - mujoco.lateral_n)[there], (bullet.axial_n - mujoco.axial_n)[there]
    assert rms(np.hypot(across, along)) < 0.10 * rms(np.hypot(mujoco.lateral_n[there], mujoco.axial_n[there]))
    assert np.mean(bullet.axial_n[there]) == pytest.approx(np.mean(mujoco.axial_n[there]), rel=0.10)


def test_forces_on_the_lead_in_agree():
    setup = replace(SETUP, offset_m=0.6e-3)
    bullet, mujoco = both(setup, 0.004, 0.55)
    there = lead_in_forces(setup, bullet.depth_m).is_valid & lead_in_forces(setup, mujoco.depth_m).is_valid
    assert there.sum() > 20
    # MuJoCo's box has sharp edges: it meets the lead-in earlier by what the rounding takes off.
    assert rms(bullet.lateral_n[there] - mujoco.lateral_n[there]) < 0.10 * rms(mujoco.lateral_n[there])
    assert rms(bullet.axial_n[there] - mujoco.axial_n[there]) < 0.10 * rms(mujoco.axial_n[there])
