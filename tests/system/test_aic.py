"""The drop-in for the challenge as a whole: two trials, a policy that waves and then plugs in by the true poses."""

import copy
import os

import pytest
import yaml

from cablecell.configuration import config_folder
from tests.support.cell_launch import MarkedProcess

POLICY = "tests.support.aic_policies.WaveThenCheat"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return scores, output and exit code of a launch that ends by itself."""
    folder = tmp_path_factory.mktemp("aic")
    sample = yaml.safe_load((config_folder() / "trials" / "aic_sample.yaml").read_text())
    (task,) = sample["trials"]["trial_1"]["tasks"].values()
    trials = {}
    for name in ("wave", "cheat"):
        trials[f"{name}_trial"] = copy.deepcopy(sample["trials"]["trial_1"])
        trials[f"{name}_trial"]["tasks"] = {name: task}
    (folder / "trials.yaml").write_text(yaml.safe_dump({**sample, "trials": trials}, sort_keys=False))
    words = (f"policy:={POLICY}", "ground_truth:=true", "camera_scale:=0.25", f"results_dir:={folder}")
    path = os.environ.get("PYTHONPATH")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([os.curdir, *([path] if path else [])]))
        with MarkedProcess(
            folder, "launch", "aic.launch.xml", f"aic_engine_config_file:={folder / 'trials.yaml'}", *words
        ) as launch:
            code = launch.wait(90.0)
            assert launch.left_behind() == []
    return yaml.safe_load((folder / "scoring.yaml").read_text()), launch.output, code


def test_the_launch_ends_by_itself(run):
    _, output, code = run
    assert code == 0, output
    assert "Traceback" not in output, output
    assert "observations, 7 joints" in output, output


def test_waving_is_a_valid_run_that_earns_at_most_nearness(run):
    wave = run[0]["wave_trial"]
    assert wave["tier_1"]["score"] == 1.0
    assert 0.0 <= wave["tier_3"]["score"] < 25.0
    categories = wave["tier_2"]["categories"]
    assert categories["contacts"]["score"] == categories["insertion force"]["score"] == 0.0


def test_the_true_poses_plug_it_in(run):
    document, output, _ = run
    cheat = document["cheat_trial"]
    assert cheat["tier_1"]["score"] == 1.0
    assert cheat["tier_3"]["score"] == 75.0, output
    assert 15.0 < cheat["tier_2"]["score"] <= 24.0, cheat
    assert document["total"] == pytest.approx(
        sum(document[t][k]["score"] for t in ("wave_trial", "cheat_trial") for k in ("tier_1", "tier_2", "tier_3")),
        abs=1e-4,
    )
