"""Payload identification on the simulated machine with every error of its sensors: a plug that nobody described."""

from __future__ import annotations

import numpy as np
import pytest

from cablecell.core.fusion.payload import PayloadNotRigidError
from cablecell.core.fusion.wrench import TareError
from cablecell.evaluation import bench_control
from cablecell.evaluation.control_rig import ControlRig, Push
from cablecell.ports import CommandMode

PLUG_KG = 0.3
TURN = np.array([0.0, 0.0, 0.0, 0.3, -0.3, 0.4])


def identify(mode, seed):
    """Identify a plug of 0.3 kg that is believed to have 0.08; return what was found, and how wrong that is."""
    rig = ControlRig(mode, seed, has_cable=False, plug_mass_kg=PLUG_KG)
    try:
        rig.run(0.4)
        start, start_s = rig.state().q.copy(), rig.now_s
        sensed, found = rig.identify(apply=True)
        assert rig.now_s - start_s <= 5.0
        assert np.abs(rig.state().q - start).max() < 1e-3, "it ends where it began"
        assert len(rig.machine.truth.contacts) == 0
        return sensed, found, found.centre - rig.plug_centre(), rig.free_wrench(TURN)
    finally:
        rig.close()


@pytest.mark.parametrize("seed", [21, 22])
def test_an_arm_that_is_told_torques_finds_mass_and_centre(seed):
    sensed, found, wrong_m, wrench = identify(CommandMode.EFFORT, seed)
    assert found.mass_kg == pytest.approx(PLUG_KG, abs=0.002)
    assert np.abs(wrong_m).max() < 0.003
    assert abs(sensed.payload.mass_kg - PLUG_KG) < 3.0 * sensed.mass_sigma_kg, "the force sensor is honest"
    assert np.linalg.norm(wrench[:3]) < 0.25, "in free air nothing is felt at another orientation"


def test_an_arm_that_is_told_positions_knows_it_by_its_force_sensor():
    _, found, wrong_m, wrench = identify(CommandMode.POSITION, 21)
    assert 0.005 < found.mass_sigma_kg < 0.015
    assert abs(found.mass_kg - PLUG_KG) < 3.0 * found.mass_sigma_kg
    assert np.abs(wrong_m).max() < 3.0 * found.centre_sigma_m
    assert np.linalg.norm(wrench[:3]) < 0.25


def test_an_arm_that_knows_its_payload_does_not_sag_when_it_becomes_soft():
    before, after = (bench_control.run_one((name, 23)) for name in ("torque_no_motion", "torque_no_motion_identified"))
    assert after["pass"], after
    assert after["joint_update_um"] < 0.7 * before["joint_update_um"]


def test_a_tool_that_is_pulled_at_is_refused():
    rig = ControlRig(CommandMode.EFFORT, 24, has_cable=False)
    try:
        rig.run(0.4)
        rig.push = Push("gripper_base_link_joint", np.array([5.0, 0.0, 0.0]), rig.point_in_world(np.eye(4)))
        before = rig.compensator.payload, rig.compensator.bias.tolist(), rig.machine.arm.payload
        with pytest.raises((PayloadNotRigidError, TareError)):
            rig.identify(apply=True)
        assert (rig.compensator.payload, rig.compensator.bias.tolist(), rig.machine.arm.payload) == before
    finally:
        rig.close()
