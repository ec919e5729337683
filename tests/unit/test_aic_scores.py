"""Entries of scoring.yaml against values computed by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from action_msgs.msg import GoalStatus

from cablecell.evaluation.aic_engine import judge
from cablecell.evaluation.aic_scores import Heard, failed_entry, score_run, total, write_scores
from cablecell.evaluation.demo_trial import TrialRun, TruthSample

TARGET = "nic_card_mount_0/sfp_port_0"


def truth(time_s, **changes):
    facts = {
        "is_seated": False,
        "inserted": "",
        "depth_m": -0.1,
        "lateral_m": 0.0,
        "port_distance_m": 0.1458,
        "offlimit_contacts": 0,
    }
    return TruthSample(time_s=time_s, trial="t", **{**facts, **changes})


def heard(*, weight=(0.0, 0.0, 9.81), push=0.0, push_s=0.0):
    """Return 10 s of a straight way of 0.2 m, and a sensor that feels a weight, which is tared, and a push."""
    found = Heard()
    for t in np.arange(0.0, 10.0, 0.004).tolist():
        found.states.append((t, 0.02 * t, 0.0, 0.0, 0.02, 0.0, 0.0))
        found.tares.append((t, *weight))
    for t in np.arange(0.0, 10.0, 0.02).tolist():
        felt = push if 5.0 <= t < 5.0 + push_s else 0.0
        found.forces.append((t, weight[0], weight[1], weight[2] + felt))
    return found


def run(*last, end_s=10.0, code=0, text=""):
    samples = [truth(0.0), *last]
    return TrialRun("t", TARGET, 0, start_s=0.0, end_s=end_s, error_code=code, error_msg=text, truth=samples)


def test_an_insertion():
    entry = score_run(run(truth(10.0, is_seated=True, inserted=TARGET)), heard())
    assert entry["tier_1"]["score"] == 1.0
    assert entry["tier_3"]["score"] == 75.0
    categories = {name: one["score"] for name, one in entry["tier_2"]["categories"].items()}
    # 10 s lie 50 of 55 s before the worst; 0.2 m is 0.0542 m longer than the distance at the start; no jerk at all.
    assert categories == {
        "contacts": 0.0,
        "duration": pytest.approx(12.0 * 50.0 / 55.0, abs=1e-5),
        "insertion force": 0.0,
        "trajectory efficiency": pytest.approx(6.0 * (1.0 - (0.02 * 9.996 - 0.1458)), abs=1e-5),
        "trajectory smoothness": pytest.approx(6.0, abs=1e-5),
    }
    assert entry["tier_2"]["score"] == pytest.approx(sum(categories.values()), abs=1e-5)
    assert TARGET in entry["tier_3"]["message"]


def test_the_weight_of_the_tool_is_no_force_and_a_push_is():
    seated = truth(10.0, is_seated=True, inserted=TARGET)
    light = score_run(run(seated), heard(push=19.0, push_s=3.0))
    hard = score_run(run(seated), heard(push=21.0, push_s=1.5))
    short = score_run(run(seated), heard(push=21.0, push_s=0.5))
    force = [entry["tier_2"]["categories"]["insertion force"] for entry in (light, hard, short)]
    assert [one["score"] for one in force] == [0.0, -12.0, 0.0]
    assert "peak 21.0 N" in force[1]["message"]


def test_a_seated_plug_counts_nothing_when_the_policy_did_not_say_so():
    seated = truth(10.0, is_seated=True, inserted=TARGET, offlimit_contacts=2)
    entry = score_run(run(seated, code=1, text="the policy did not succeed: False"), heard())
    assert (entry["tier_1"]["score"], entry["tier_2"]["score"], entry["tier_3"]["score"]) == (1.0, -24.0, 0.0)
    assert entry["tier_3"]["message"] == "the policy did not succeed: False"


def test_beside_the_port_in_the_wrong_one_and_half_way():
    wrong = score_run(run(truth(10.0, inserted="nic_card_mount_0/sfp_port_1")), heard())
    assert wrong["tier_3"]["score"] == -12.0
    half = score_run(run(truth(10.0, depth_m=0.0229, port_distance_m=0.0229)), heard())
    assert half["tier_3"]["score"] == pytest.approx(44.0, abs=1e-3)
    far = score_run(run(truth(10.0)), heard())
    # 0.1 m above the entrance, of a reach of half the distance at the start.
    assert far["tier_3"]["score"] == pytest.approx(max(0.0, 25.0 * (1.0 - 0.1 / (0.5 * 0.1458))), abs=1e-3)
    assert "100.0 mm" in far["tier_3"]["message"]


def test_the_file(tmp_path):
    entries = {
        "trial_2": failed_entry("no node aic_model within 30 s"),
        "trial_1": score_run(run(truth(10.0, is_seated=True, inserted=TARGET)), heard()),
    }
    path = write_scores(tmp_path / "new", entries)
    text = path.read_text()
    document = yaml.safe_load(text)
    assert document["total"] == pytest.approx(total(entries["trial_1"]))
    assert document["trial_2"]["tier_1"] == {"score": 0.0, "message": "no node aic_model within 30 s"}
    assert next(line for line in text.splitlines() if not line.startswith(" ")).startswith("total:")
    assert list(document["trial_1"]["tier_2"]["categories"]) == [
        "contacts",
        "duration",
        "insertion force",
        "trajectory efficiency",
        "trajectory smoothness",
    ]


@pytest.mark.parametrize(
    ("status", "success", "code"),
    [
        (GoalStatus.STATUS_SUCCEEDED, True, 0),
        (GoalStatus.STATUS_SUCCEEDED, False, 1),
        (GoalStatus.STATUS_ABORTED, True, 1),
    ],
)
def test_only_a_success_in_time_is_one(status, success, code):
    answer = SimpleNamespace(status=status, result=SimpleNamespace(success=success, message="because"))
    assert judge(answer, 180)[0] == code
    assert judge(None, 180) == (1, "no result within the 180 s of the task")
