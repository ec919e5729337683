"""The trial schema: the published file loads, and every mistake is one line that says where and what."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml

from cablecell.core.config.documents import DocumentError
from cablecell.core.config.trial import parse_trials

SAMPLE = Path(__file__).parents[2] / "config" / "trials" / "aic_sample.yaml"


@pytest.fixture(scope="module")
def sample():
    return yaml.safe_load(SAMPLE.read_text())


def test_the_sample_holds_the_three_published_trials(sample):
    trials = parse_trials(sample, "aic_sample.yaml").trials
    targets = [(t.task.plug_type, t.task.target_module_name, t.task.port_name) for t in trials.values()]
    assert targets == [
        ("sfp", "nic_card_mount_0", "sfp_port_0"),
        ("sfp", "nic_card_mount_1", "sfp_port_0"),
        ("sc", "sc_port_1", "sc_port_base"),
    ]
    assert all(t.task.time_limit == 180 for t in trials.values())
    assert trials["trial_1"].scene.task_board.modules()["nic_card_mount_0"].translation == 0.036
    assert trials["trial_3"].scene.task_board.pose.yaw == 3.0


def test_home_joints_come_in_joint_order(sample):
    home = parse_trials(sample, "aic_sample.yaml").robot.home_joint_positions.in_order()
    assert home == (-0.1597, -1.3542, -1.6648, -1.6933, 1.5710, 1.4110)


def test_the_gripped_plug_follows_from_the_cable(sample):
    trials = parse_trials(sample, "x").trials
    name, cable = trials["trial_3"].gripped_cable
    assert (name, cable.gripped_plug) == ("cable_1", "sc")


def test_recorder_settings_of_the_published_file_are_read(sample):
    data = copy.deepcopy(sample)
    data["scoring"] = {"topics": [{"topic": {"name": "/tf_static", "type": "tf2_msgs/msg/TFMessage", "latched": True}}]}
    data["task_board_limits"] = {"nic_rail": {"min_translation": -0.0215, "max_translation": 0.0234}}
    assert parse_trials(data, "x").trials == parse_trials(sample, "x").trials


def test_limits_inside_a_trial_are_applied(sample):
    data = copy.deepcopy(sample)
    data["trials"]["trial_1"]["task_board_limits"] = {
        "nic_rail": {"min_translation": -0.0215, "max_translation": 0.0234}
    }
    with pytest.raises(
        DocumentError, match=r"nic_rail_0\.entity_pose\.translation = 0\.036 m is outside \[-0\.0215, 0\.0234\]"
    ):
        parse_trials(data, "x")


def at(data, path):
    for key in path[:-1]:
        data = data[key]
    return data, path[-1]


BOARD = ("trials", "trial_1", "scene", "task_board")
TASK = ("trials", "trial_1", "tasks", "task_1")
MISTAKES = [
    ((*BOARD, "nic_rial_0"), {"entity_present": False}, r"unknown key '.*nic_rial_0' .*did you mean 'nic_rail_0'"),
    (
        (*BOARD, "nic_rail_0", "entity_pose", "tranlation"),
        0.01,
        r"unknown key '.*tranlation' .*did you mean 'translation'",
    ),
    (
        (*BOARD, "nic_rail_0", "entity_pose", "translation"),
        0.04,
        r"translation = 0\.04 m is outside \[-0\.048, 0\.036\] m",
    ),
    ((*BOARD, "nic_rail_0", "entity_pose", "translation"), "1e-3", r"translation = '1e-3' is refused: .*1\.0e-3"),
    ((*BOARD, "nic_rail_0", "entity_pose", "yaw"), 10, r"yaw = 10 rad is above the maximum of 6\.2832 rad"),
    ((*BOARD, "nic_rail_0", "entity_pose", "yaw"), float("nan"), r"yaw = nan is refused"),
    ((*BOARD, "nic_rail_1", "entity_present"), "yes", r"nic_rail_1\.entity_present = 'yes' is refused"),
    (
        (*BOARD, "nic_rail_1", "entity_present"),
        True,
        r"nic_rail_1: entity_present = True needs entity_name and entity_pose",
    ),
    (
        (*TASK, "port_name"),
        "sfp_port_2",
        r"port_name = 'sfp_port_2' is not a port of nic_card_mount_0; valid are sfp_port_0",
    ),
    (
        (*TASK, "target_module_name"),
        "nic_card_mount_3",
        r"'nic_card_mount_3' is not mounted; valid are nic_card_mount_0",
    ),
    ((*TASK, "cable_name"), "cable_7", r"cable_name = 'cable_7' is not in the scene; valid are cable_0"),
    ((*TASK, "plug_type"), "sc", r"plug_type = 'sc', but a sfp_sc_cable is gripped at its sfp end"),
    ((*TASK, "time_limit"), 0, r"time_limit = 0 s is not above 0 s"),
]


@pytest.mark.parametrize(("path", "value", "message"), MISTAKES, ids=[f"{m[0][-1]}={m[1]}" for m in MISTAKES])
def test_a_mistake_is_one_line_with_file_key_and_limit(sample, path, value, message):
    data = copy.deepcopy(sample)
    parent, key = at(data, path)
    parent[key] = value
    with pytest.raises(DocumentError, match=message) as caught:
        parse_trials(data, "broken.yaml")
    text = str(caught.value)
    assert text.startswith("broken.yaml: ")
    assert "\n" not in text
    assert caught.value.code == 910


def test_a_missing_key_is_named(sample):
    data = copy.deepcopy(sample)
    del data["trials"]["trial_2"]["tasks"]["task_1"]["port_name"]
    with pytest.raises(
        DocumentError, match=r"broken\.yaml: key 'trials\.trial_2\.tasks\.task_1\.port_name' is missing"
    ):
        parse_trials(data, "broken.yaml")


def test_two_gripped_cables_are_refused(sample):
    data = copy.deepcopy(sample)
    cables = data["trials"]["trial_1"]["scene"]["cables"]
    cables["cable_1"] = copy.deepcopy(cables["cable_0"])
    with pytest.raises(DocumentError, match="at most one cable can be gripped"):
        parse_trials(data, "x")


def test_a_file_that_is_no_mapping_is_refused():
    with pytest.raises(DocumentError, match="a mapping of keys is expected, not list"):
        parse_trials([1, 2], "x")
