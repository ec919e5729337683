"""Our own skill as a policy of the challenge: one trial through nothing but the public interfaces."""

import pytest
import yaml

from cablecell.configuration import config_folder
from tests.support.cell_launch import MarkedProcess


def test_it_plugs_in_what_it_sees_and_feels(tmp_path):
    sample = yaml.safe_load((config_folder() / "trials" / "aic_sample.yaml").read_text())
    trials = {"only": sample["trials"]["trial_3"]}
    (tmp_path / "trials.yaml").write_text(yaml.safe_dump({**sample, "trials": trials}))
    words = (f"aic_engine_config_file:={tmp_path / 'trials.yaml'}", f"results_dir:={tmp_path}", "seed:=5")
    with MarkedProcess(
        tmp_path, "launch", "aic.launch.xml", "policy:=cablecell.policies.InsertionSkill", *words
    ) as launch:
        assert launch.wait(90.0) == 0, launch.output
        assert launch.left_behind() == []
    scores = yaml.safe_load((tmp_path / "scoring.yaml").read_text())["only"]
    assert scores["tier_1"]["score"] == 1.0
    assert scores["tier_3"]["score"] == pytest.approx(75.0), launch.output
    assert scores["tier_2"]["categories"]["insertion force"]["score"] == 0.0
