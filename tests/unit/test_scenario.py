"""Scenario files: what they may say, what is refused in one line, and that content alone decides their hash."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from cablecell.composition.scenario_files import load_scenario
from cablecell.configuration import config_folder
from cablecell.core.config.documents import DocumentError
from cablecell.core.config.scenario import CARD_YAW_RAD
from cablecell.core.config.trial import Trial
from cablecell.evaluation.draw import draw_run

TRIAL = {"file": "trials/aic_sample.yaml", "name": "trial_1"}
ANYWHERE = config_folder() / "scenarios" / "anywhere_sfp.yaml"


def written(folder: Path, **keys) -> Path:
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump({"name": "mine", "trial": TRIAL, **keys}), encoding="utf-8")
    return path


def refusal(folder: Path, **keys) -> str:
    with pytest.raises(DocumentError) as caught:
        load_scenario(written(folder, **keys))
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("path", sorted((config_folder() / "scenarios").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_scenario_of_the_repository_loads_under_its_own_name(path):
    assert load_scenario(path).name == path.stem


def test_the_hash_is_that_of_the_content_and_not_of_the_text(tmp_path):
    short = load_scenario(written(tmp_path))
    trial = load_scenario().trial.model_dump()
    spelt_out = load_scenario(
        written(tmp_path, description="the same, said at length", seed=7, trial=trial, connectors={"sc": "sc"})
    )
    assert spelt_out.content_hash == short.content_hash


@pytest.mark.parametrize(
    "change",
    [
        {"simulation": {"grasp": {"error_m": 0.001}}},
        {"simulation": {"wrench_sensor": {"noise_n": 0.11}}},
        {"insertion": {"insert_speed": 0.039}},
        {"control": {"linear_speed": 0.24}},
        {"estimates": {"port_sigma_m": 0.0004}},
        {"seeing": {}},
        {"seeing": {"views": 2}},
        {"randomise": {"friction_scale": [0.9, 1.1]}},
        {"home": {"wrist_3_joint": 1.4}},
        {"trial": {"file": "trials/aic_sample.yaml", "name": "trial_2"}},
    ],
)
def test_whatever_decides_a_run_changes_the_hash(tmp_path, change):
    assert load_scenario(written(tmp_path, **change)).content_hash != load_scenario(written(tmp_path)).content_hash


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (
            {"randomise": {"board": {"x_m": [-0.2, 0.0]}}},
            "randomise.board.x_m: [-0.2, 0.0] m is outside the allowed [-0.1, 0.1] m",
        ),
        (
            {"randomise": {"board": {"yaw_rad": [0.1, -0.1]}}},
            "randomise.board.yaw_rad: [0.1, -0.1] rad must be [lowest, highest]",
        ),
        (
            {"randomise": {"cards": {"translation_m": [-0.06, 0.0]}}},
            "[-0.06, 0.0] m is outside the allowed [-0.048, 0.036] m",
        ),
        (
            {"randomise": {"cards": {"translation_m": [0.0, 0.0], "yaw_rad": [-0.2, 0.0]}}},
            f"[-0.2, 0.0] rad is outside the allowed [-{CARD_YAW_RAD}, {CARD_YAW_RAD}] rad",
        ),
        (
            {"randomise": {"cards": {"count": [1, 6], "translation_m": [0.0, 0.0]}}},
            "randomise.cards.count: [1, 6] is outside the allowed [1, 5]",
        ),
        ({"randomise": {"friction_scale": [0.0, 1.0]}}, "[0.0, 1.0] is outside the allowed [0.1, 3.0]"),
        (
            {"simulation": {"grasp": {"error_m": 0.02}}},
            "simulation.grasp.error_m = 0.02 m is above the maximum of 0.01 m",
        ),
        ({"estimates": {"port_sigma_m": -0.001}}, "estimates.port_sigma_m = -0.001 m is below the minimum of 0.0 m"),
        (
            {"fixture": {"connector": "sfp", "z_m": 0.03}},
            "z_m = 0.03 m is below 0.0599 m: the walls of connector 'sfp' reach 0.0479 m down",
        ),
        ({"fixture": {"connector": "hdmi"}}, "fixture.connector = 'hdmi' is not in config/connectors; valid are"),
        (
            {"fixture": {"connector": "mine_too.yaml"}},
            "fixture.connector = 'mine_too.yaml' is neither beside it nor in config/",
        ),
        (
            {"trial": {"file": "trials/aic_sample.yaml", "name": "trial_9"}},
            "trial.name = 'trial_9' is not in aic_sample.yaml; valid are trial_1, trial_2, trial_3",
        ),
        (
            {"control": {"rate_hz": 300.0}},
            "control.rate_hz = 300.0 Hz must divide simulation.physics.rate_hz = 2000 Hz",
        ),
        (
            {"randomise": {"distractors": {"count": [0, 2], "parts": [0, 3], "translation_m": [0.0, 0.0]}}},
            "parts = [0, 3] are more than the fixtures that hold them: count = [0, 2]",
        ),
        ({"randomize": {}}, "unknown key 'randomize' = {}; did you mean 'randomise'?"),
        (
            {"randomise": {"fixture_yaw_rad": [0.0, 0.1]}},
            "randomise.fixture_yaw_rad is given, but there is no fixture",
        ),
    ],
)
def test_a_mistake_is_one_line_with_key_value_limit_and_unit(tmp_path, keys, line):
    text = refusal(tmp_path, **keys)
    assert re.match(r"mine\.yaml:\d+: ", text)
    assert line in text


def test_a_connector_without_a_place_in_the_scenario_is_refused(tmp_path):
    connector = load_scenario().connectors["sfp"].model_copy(update={"name": "unheard_of"})
    path = tmp_path / "unheard_of.yaml"
    path.write_text(yaml.safe_dump(connector.model_dump()), encoding="utf-8")
    with pytest.raises(DocumentError, match="connector 'unheard_of' has no place in this scenario: the board's ports"):
        load_scenario(written(tmp_path), path)
    # Without a scenario it goes into the bench fixture, and no code has to know it.
    assert load_scenario(None, path).fixture.connector == connector
    assert (
        load_scenario(None, path).content_hash != load_scenario(config_folder() / "scenarios/fixture.yaml").content_hash
    )


def test_draws_are_repeatable_differ_by_seed_and_stay_within_their_limits():
    scenario = load_scenario(ANYWHERE)
    assert draw_run(scenario, 4) == draw_run(scenario, 4)
    base, spread = scenario.trial.scene.task_board.pose, scenario.randomise
    targets, cards, distractors, parts, x, yaws = set(), set(), set(), set(), [], []
    for seed in range(200):
        draw = draw_run(scenario, seed)
        board, task = draw.trial.scene.task_board, draw.trial.task
        Trial.model_validate(draw.trial.model_dump())
        mounted = [rail for name, rail in board.rails() if rail.entity_present and name.startswith("nic")]
        cards.add(len(mounted))
        distractors.add(sum(r.entity_present for name, r in board.rails() if "mount" in name))
        held = [r.entity_present for _, r in board.rails() if r.part_present]
        assert all(held)
        parts.add(len(held))
        targets.add((task.target_module_name, task.port_name))
        assert task.target_module_name in board.modules()
        for rail in mounted:
            assert spread.cards.translation_m[0] <= rail.entity_pose.translation <= spread.cards.translation_m[1]
            yaws.append(rail.entity_pose.yaw)
        x.append(board.pose.x - base.x)
        assert 0.75 <= draw.simulation.physics.friction_scale <= 1.5
    assert cards == {1, 2, 3, 4, 5}
    assert distractors == parts == {0, 1, 2, 3, 4, 5, 6}
    assert targets == {(f"nic_card_mount_{i}", f"sfp_port_{k}") for i in range(5) for k in (0, 1)}
    # A uniform draw reaches both ends of its range and is centred: the mean's deviation is width / sqrt(12 n).
    assert min(x) < -0.019 < 0.019 < max(x)
    assert abs(sum(x) / len(x)) < 4 * 0.04 / (12 * len(x)) ** 0.5
    assert max(map(abs, yaws)) <= CARD_YAW_RAD


def test_one_more_draw_leaves_the_others_as_they_were():
    scenario = load_scenario(ANYWHERE)
    fewer = scenario.model_copy(update={"randomise": scenario.randomise.model_copy(update={"friction_scale": None})})
    assert draw_run(fewer, 9).trial == draw_run(scenario, 9).trial


def test_spare_connectors_are_drawn_without_moving_anything_else():
    scenario = load_scenario(ANYWHERE)
    spread = scenario.randomise.distractors.model_copy(update={"parts": [0, 0]})
    bare = scenario.model_copy(update={"randomise": scenario.randomise.model_copy(update={"distractors": spread})})
    for seed in range(20):
        data, without = draw_run(scenario, seed).trial.model_dump(), draw_run(bare, seed).trial.model_dump()
        for rail in data["scene"]["task_board"].values():
            if "part_present" in rail:
                rail["part_present"] = False
        assert data == without


@pytest.mark.parametrize(
    ("rail", "what", "line"),
    [
        ("nic_rail_1", {"entity_present": False, "part_present": True}, "part_present = True needs entity_present"),
        ("nic_rail_0", {"part_present": True}, "nic_rail_0.part_present = True, but only lc_mount_rail_0"),
        ("lc_mount_rail_0", {"entity_present": False, "part_present": True}, "there is no fixture to hold it"),
    ],
)
def test_a_spare_connector_needs_a_fixture(rail, what, line):
    data = load_scenario().trial.model_dump()
    data["scene"]["task_board"][rail].update(what)
    with pytest.raises(ValueError, match=line):
        Trial.model_validate(data)
