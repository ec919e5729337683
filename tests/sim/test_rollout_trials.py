"""`./cell rollout --trials FILE`: the trials of an AIC file in turn, seated in the ports that it names."""

from __future__ import annotations

import json
from pathlib import Path

from cablecell.evaluation import rollout_command

OWN = Path(__file__).parents[1] / "data" / "trials" / "own.yaml"


def options(path: Path, out: Path, n: int = 2) -> rollout_command.RolloutOptions:
    return rollout_command.RolloutOptions(
        scenario=None,
        connector=None,
        trials=path,
        is_drawn=False,
        n=n,
        seed=9100,
        workers=1,
        out=out,
        resume=False,
    )


def test_every_trial_of_the_file_is_run_in_turn(tmp_path):
    assert rollout_command.run(options(OWN, tmp_path)) == 0
    rows = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(row["scenario"], row["seed"], row["target"]) for row in rows] == [
        ("far_card", 9100, "nic_card_mount_3/sfp_port_1"),
        ("near_adapter", 9101, "sc_port_1/sc_port_base"),
    ]
    assert all(row["success"] for row in rows), [row["reason"] for row in rows]
    assert len(list(tmp_path.glob("scenario_*.json"))) == 2
    assert json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))["success_rate_near_adapter"] == 1.0


def test_a_file_that_is_not_there_is_refused_before_anything_runs(tmp_path, capsys):
    assert rollout_command.run(options(tmp_path / "none.yaml", tmp_path)) == 2
    assert "none.yaml" in capsys.readouterr().err
