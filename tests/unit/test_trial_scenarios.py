"""AIC trial files as scenarios: what the file says is what is run, and what is drawn is within the published limits."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from cablecell.composition import trial_scenarios
from cablecell.composition.trial_scenarios import load_trial_scenarios
from cablecell.configuration import config_folder
from cablecell.core.config.documents import DocumentError
from cablecell.evaluation.draw import draw_run
from cablecell.evaluation.scene_pictures import show_trials

OWN = Path(__file__).parents[1] / "data" / "trials" / "own.yaml"
SAMPLE = config_folder() / "trials" / "aic_sample.yaml"


def spoilt(tmp_path, change) -> Path:
    data = yaml.safe_load(OWN.read_text(encoding="utf-8"))
    change(data["trials"]["far_card"])
    path = tmp_path / "spoilt.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    return path


def test_every_trial_of_the_file_is_a_scenario_that_says_what_the_file_says():
    far, near = load_trial_scenarios(OWN)
    assert (far.name, near.name) == ("far_card", "near_adapter")
    assert far.trial.task.target_module_name == "nic_card_mount_3"
    assert far.trial.task.port_name == "sfp_port_1"
    assert far.trial.task.time_limit == 90
    assert far.trial.gripped_cable is not None
    assert far.trial.gripped_cable[0] == "held"
    assert near.trial.gripped_cable[1].gripped_plug == "sc"
    assert far.home.shoulder_pan_joint == -0.15
    assert far.trial.scene.task_board.pose.yaw == 3.05
    assert far.randomise is None
    assert draw_run(far, 1).trial == draw_run(far, 2).trial == far.trial


def test_the_sample_file_gives_the_shipped_scenarios():
    from cablecell.composition.scenario_files import load_scenario

    for scenario in load_trial_scenarios(SAMPLE):
        shipped = load_scenario(config_folder() / "scenarios" / f"{scenario.name}.yaml")
        assert scenario.content_hash == shipped.content_hash


def test_what_is_drawn_is_as_many_within_the_published_limits_and_keeps_the_target():
    for scenario in load_trial_scenarios(SAMPLE, is_drawn=True) + load_trial_scenarios(OWN, is_drawn=True):
        counts = [sum(rail.entity_present for name, rail in scenario.trial.scene.task_board.rails())]
        places = set()
        for seed in range(30):
            trial = draw_run(scenario, seed).trial
            board = trial.scene.task_board
            assert trial.task == scenario.trial.task
            assert trial.task.target_module_name in board.modules()
            counts.append(sum(rail.entity_present for _, rail in board.rails()))
            for name, rail in board.rails():
                if rail.entity_pose is None:
                    continue
                places.add(rail.entity_pose.translation)
                if name.startswith("nic"):
                    assert -0.0215 <= rail.entity_pose.translation <= 0.0234
                    assert abs(rail.entity_pose.yaw) <= 0.1745
                elif name.startswith("sc_rail"):
                    assert abs(rail.entity_pose.translation) <= 0.055
                else:
                    assert abs(rail.entity_pose.translation) <= 0.09425
                    assert abs(rail.entity_pose.yaw) <= 1.0472
        assert len(set(counts)) == 1
        assert len(places) > 25


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (
            lambda trial: trial["scene"]["cables"]["held"].update(attach_cable_to_gripper=False),
            "trials.far_card: no cable has attach_cable_to_gripper = True",
        ),
        (
            lambda trial: trial["scene"]["task_board"]["nic_rail_3"]["entity_pose"].update(translation=0.06),
            r"nic_rail_3.entity_pose.translation = 0.06 m is outside \[-0.048, 0.036\] m",
        ),
        (
            lambda trial: trial["tasks"]["first"].update(target_module_name="nic_card_mount_0"),
            "'nic_card_mount_0' is not mounted; valid are nic_card_mount_3",
        ),
        (lambda trial: trial["scene"].pop("cables"), "scene.cables"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(tmp_path, change, match, capsys):
    path = spoilt(tmp_path, change)
    with pytest.raises(DocumentError, match=match):
        load_trial_scenarios(path)
    assert show_trials(str(path), is_drawn=False, seed=0, out=None) == 2
    assert capsys.readouterr().err.startswith("spoilt.yaml")


def test_the_verb_lists_what_the_trials_ask_for(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    assert show_trials(str(OWN), is_drawn=False, seed=0, out=None) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert "nic_card_mount_3/sfp_port_1" in lines[1]
    assert "nic_3 -10.0 mm +0.05" in lines[1]
    assert "sc_mount_1 +70.0 mm -0.60" in lines[1]
    assert "sc_port_1/sc_port_base" in lines[2]
    show_trials(str(OWN), is_drawn=True, seed=5, out=None)
    assert "nic_3 -10.0 mm" not in capsys.readouterr().out


def test_the_published_limits_are_those_of_the_scenarios_that_are_shipped():
    shipped = yaml.safe_load((config_folder() / "scenarios" / "anywhere_sfp.yaml").read_text(encoding="utf-8"))
    assert list(trial_scenarios.CARD_TRANSLATION_M) == shipped["randomise"]["cards"]["translation_m"]
    assert list(trial_scenarios.ADAPTER_TRANSLATION_M) == shipped["randomise"]["adapters"]["translation_m"]
