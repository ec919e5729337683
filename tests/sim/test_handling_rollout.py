"""A plug that was seated in PyBullet is checked, and taken out again; the truth says whether that is so."""

from __future__ import annotations

import pytest

from cablecell.composition.scenario_files import load_scenario
from cablecell.configuration import config_folder
from cablecell.evaluation.handling_rollout import handle_seated
from cablecell.evaluation.rollout import Rollout
from cablecell.evaluation.scenario_run import run_scenario


def scenario(name, **changes):
    found = load_scenario(config_folder() / "scenarios" / f"{name}.yaml")
    return type(found).model_validate({**found.model_dump(), **changes})


@pytest.fixture
def seated(request):
    """A rollout that has seated its plug."""
    rollout = Rollout.of_scenario(scenario(request.param), 940_010)
    assert rollout.run().is_success
    yield rollout
    rollout.close()


def test_a_push_pull_plug_is_unplugged_by_its_shell():
    row = run_scenario(scenario("trial_3", task="unplug"), 940_020)
    assert (row["outcome"], row["success"], row["false_success"]) == ("UNPLUGGED", True, False), row["reason"]
    assert row["handling_moved_m"] > 0.03
    # 18 N open the latch where the gripper holds the plug; the cable would have to be pulled with 40 N.
    assert 15.0 < row["handling_force_n"] < 25.0
    assert row["cable_faults"] == []


@pytest.mark.parametrize("seated", ["trial_1"], indirect=True)
def test_a_plug_whose_latch_has_to_be_opened_first_is_checked_tried_and_left_seated(seated):
    target = seated.machine.world.scene.target
    row = handle_seated(seated, "verify")
    assert (row["outcome"], row["success"]) == ("SEATED", True), row["reason"]
    assert "latch proven by a tug of 10.0 N" in row["reason"]
    row = handle_seated(seated, "unplug")
    assert (row["outcome"], row["success"], row["false_success"]) == ("NOT_RELEASED", False, False), row["reason"]
    assert seated.machine.truth.is_at_stop(target)
    assert seated.machine.truth.latch_engaged()
    # Somebody opens the bail: the same pull takes it out, and a check says that it is not latched.
    seated.machine.world.port_forces.latches.pop(target)
    row = handle_seated(seated, "verify")
    assert (row["outcome"], row["false_success"]) == ("NOT_LATCHED", False), row["reason"]
    assert row["handling_moved_m"] < 1.0e-3
    row = handle_seated(seated, "unplug")
    assert (row["outcome"], row["success"]) == ("UNPLUGGED", True), row["reason"]


def test_another_task_is_another_scenario():
    plain = scenario("trial_3")
    assert scenario("trial_3", task="insert").content_hash == plain.content_hash
    assert scenario("trial_3", task="unplug").content_hash != plain.content_hash
