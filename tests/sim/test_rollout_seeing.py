"""Rollouts in which the wrist cameras find port and plug: what they see decides, and nothing else does."""

from __future__ import annotations

import numpy as np
import pytest

from cablecell.composition.camera_rig import CameraRig
from cablecell.composition.scenario_files import load_scenario
from cablecell.configuration import config_folder
from cablecell.core.geometry import invert_pose
from cablecell.core.insertion.errors import LostEstimateError
from cablecell.core.insertion.outcome import Outcome
from cablecell.evaluation.believed import pose_matrix
from cablecell.evaluation.rollout import robot_model
from cablecell.evaluation.rollout_seeing import SeeingRollout
from cablecell.evaluation.scenario_run import run_scenario
from cablecell.ports import Frame


def scenario(name):
    return load_scenario(config_folder() / "scenarios" / f"{name}.yaml")


@pytest.fixture
def rollout(request):
    made = SeeingRollout.of_scenario(scenario(request.param), 90_300)
    yield made
    made.close()


@pytest.mark.parametrize("rollout", ["seen_sfp", "seen_sc"], indirect=True)
def test_what_the_cameras_find_is_enough_to_seat_a_plug(rollout):
    target = rollout.machine.world.scene.ports[rollout.machine.world.scene.target]
    designed = rollout._port.X
    result = rollout.run()
    assert result.skill.outcome is Outcome.SEATED, result.skill.reason
    assert result.is_seated
    assert result.offlimit_contacts == ()
    assert result.score.total > 95.0
    # The board is up to 3 cm from where it was put, and the module anywhere on its rail.
    X_base_entrance = invert_pose(robot_model().X_world_base) @ pose_matrix(target.X_WE)
    assert np.linalg.norm((designed - X_base_entrance)[:3, 3]) > 5e-3
    assert np.linalg.norm(result.port_error_m) < 2e-3


@pytest.mark.parametrize("seed", [300_063, 300_287])
def test_the_fingers_stay_clear_of_an_adapter_that_they_once_touched(seed):
    # Gripped 2 mm off, a pad stands level with the adapter's outer wall: the plug is pressed to the other side.
    rollout = SeeingRollout.of_scenario(scenario("seen_sc"), seed)
    try:
        result = rollout.run()
    finally:
        rollout.close()
    assert result.is_success, result.skill.reason
    assert result.offlimit_contacts == ()
    assert result.score.total > 95.0


@pytest.mark.parametrize("rollout", ["seen_sfp"], indirect=True)
def test_who_sees_nothing_does_not_insert(rollout, monkeypatch):
    capture = CameraRig.capture

    def dark(self, side, region=None):
        frame = capture(self, side, region)
        return Frame(frame.stamp_s, frame.frame_id, np.zeros_like(frame.pixels), frame.K, frame.region)

    monkeypatch.setattr(CameraRig, "capture", dark)
    with pytest.raises(LostEstimateError, match="was not found"):
        rollout.run()
    assert rollout.machine.truth.plug_in_port().depth_m < 0.0


def test_a_run_that_sees_is_repeatable():
    first, second = (run_scenario(scenario("seen_sfp"), 90_301) for _ in range(2))
    assert first["success"]
    assert first["state_hash"] == second["state_hash"]
