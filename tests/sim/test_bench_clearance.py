"""The clearance benchmark: the plug is made to fit, and a rollout at every clearance is counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from cablecell.composition.scenario_files import load_scenario
from cablecell.configuration import config_folder
from cablecell.core.insertion.outcome import Outcome
from cablecell.evaluation import bench_clearance
from cablecell.evaluation.bench import wilson_interval
from cablecell.evaluation.rollout import Rollout


@pytest.fixture
def scenario(tmp_path):
    """Sample trial 1 with the seat held shorter than the rubric asks, to save the test's time."""
    data = yaml.safe_load((config_folder() / "scenarios" / "trial_1.yaml").read_text(encoding="utf-8"))
    path = tmp_path / "short.yaml"
    path.write_text(yaml.safe_dump({**data, "insertion": {"hold_s": 0.05}}), encoding="utf-8")
    return path


def test_every_clearance_has_its_rollouts_and_its_numbers(scenario, monkeypatch):
    monkeypatch.setattr(bench_clearance, "CLEARANCES_UM", (500, 200))
    rows, summary = bench_clearance.run(n=1, seed=4, workers=1, scenario=scenario)
    assert sorted(row["clearance_m"] for row in rows) == pytest.approx([200e-6, 500e-6])
    assert len({row["scenario_hash"] for row in rows}) == 2
    for row in rows:
        um = round(1e6 * row["clearance_m"])
        successes = int(row["success"])
        assert summary[f"success_rate_{um}"] == successes
        assert summary[f"wilson_low_{um}"] == pytest.approx(wilson_interval(successes, 1)[0])
        assert summary[f"peak_force_p99_{um}_n"] == pytest.approx(row["peak_force_n"])
        assert summary[f"cycle_median_{um}_s"] == pytest.approx(row["cycle_s"])
    # Held too short for the truth to call it a success.
    assert "SEATED" in {row["outcome"] for row in rows}
    json.dumps([rows, summary])


@pytest.mark.parametrize("clearance_m", [1e-3, 2e-5])
def test_the_plug_leaves_the_clearance_on_every_side(clearance_m):
    base = load_scenario()
    fitted = bench_clearance.target_connector(bench_clearance.with_clearance(base, clearance_m))
    was = bench_clearance.target_connector(base)
    assert (fitted.clearance.x_m, fitted.clearance.y_m) == (clearance_m, clearance_m)
    # What the clearance gains, the parts that mate lose, on both sides; the port stays as it is.
    assert fitted.port == was.port
    for part, before in zip(fitted.plug.parts, was.plug.parts, strict=True):
        for axis, gain in enumerate((clearance_m - was.clearance.x_m, clearance_m - was.clearance.y_m)):
            expected = before.size_m[axis] - (2.0 * gain if before.mates else 0.0)
            assert part.size_m[axis] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "clearances_um"), [("usb_c", [200, 100, 50, 20]), ("u_fl", [500, 200, 100, 50, 20]), ("sc", [1000, 20])]
)
def test_a_clearance_that_a_plug_cannot_have_is_left_out(name, clearances_um, monkeypatch):
    if name == "sc":
        monkeypatch.setattr(bench_clearance, "CLEARANCES_UM", (1000, 20))
    fitted = [
        bench_clearance.target_connector(one) for one in bench_clearance.scenarios("clearance", connector=Path(name))
    ]
    assert [one.name for one in fitted] == [name] * len(clearances_um)
    assert [round(1e6 * one.clearance.x_m) for one in fitted] == clearances_um


@pytest.mark.parametrize("clearance_m", [1e-4, 5e-5])
def test_a_close_fit_is_seated_without_a_stall(clearance_m):
    # The seed at which the arm swung against the grasp, 60 mrad to each side, and the plug jammed at 44 of 47 mm.
    rollout = Rollout.of_scenario(bench_clearance.with_clearance(load_scenario(), clearance_m), 902)
    try:
        result = rollout.run()
    finally:
        rollout.close()
    assert result.skill.outcome is Outcome.SEATED, result.skill.reason
    assert result.is_seated
    assert result.skill.stalls == 0
    assert result.peak_force_n < 18.0
