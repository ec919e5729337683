"""Which moments a picture strip shows, and that a failure's scenario is read back as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from cablecell.composition.scenario_files import load_fixture_scenario, load_scenario
from cablecell.configuration import config_folder
from cablecell.evaluation import bench_comparators
from cablecell.evaluation.gallery import _first_of_each, _reason, _title, replay_command, write_scenario
from cablecell.evaluation.strip import Moment, choose
from cablecell.simulation.scene_state import SceneState

STATE = SceneState(0.0, (0.0,) * 6, 0.0, None, ())


def moments(*phases: tuple[str, int]) -> list[Moment]:
    """Return so many moments of each phase, a tenth of a second apart."""
    found: list[Moment] = []
    for phase, count in phases:
        for k in range(count):
            found.append(Moment(0.1 * len(found), phase, k == 0, 0.0, 0.0, STATE))
    return found


def test_a_strip_has_the_first_the_last_and_the_beginnings_of_phases():
    run = moments(("PREPARE", 3), ("APPROACH", 5), ("INSERT", 4), ("HOLD", 12))
    chosen = choose(run, 6)
    assert len(chosen) == 6
    assert [m.time_s for m in chosen] == sorted(m.time_s for m in chosen)
    assert chosen[0] is run[0]
    assert chosen[-1] is run[-1]
    assert all(m in chosen for m in run if m.is_new)


def test_what_fills_a_strip_is_far_from_the_rest():
    run = moments(("PREPARE", 2), ("INSERT", 21))
    times = [m.time_s for m in choose(run, 4)]
    assert times == pytest.approx([0.0, 0.2, 1.2, 2.2])


def test_more_phases_than_frames_are_spread():
    run = moments(*[(f"P{k}", 2) for k in range(15)])
    chosen = choose(run, 6)
    assert len(chosen) == 6
    assert chosen[0] is run[0]
    assert chosen[-1] is run[-1]


def test_a_short_run_has_fewer_frames():
    assert len(choose(moments(("PREPARE", 3)), 6)) == 3
    assert len(choose(moments(("PREPARE", 1)), 6)) == 1


SCENARIOS = {
    "trial": lambda: load_scenario(),
    "fixture": lambda: load_fixture_scenario(Path("u_fl")),
    "seeing": lambda: load_scenario(config_folder() / "scenarios" / "seen_sfp.yaml"),
    "comparator": lambda: bench_comparators.scenarios("comparators", connector=Path("rj45"))[7],
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_that_is_written_is_read_back_with_the_same_hash(tmp_path, name):
    scenario = SCENARIOS[name]()
    write_scenario(tmp_path / "folder" / "one.yaml", scenario)
    assert load_scenario(tmp_path / "folder" / "one.yaml").content_hash == scenario.content_hash


def row(**change):
    return {
        "scenario": "trial_1",
        "scenario_hash": "aa",
        "seed": 7,
        "outcome": "JAMMED",
        "reason": "stuck 8.0 mm deep",
        "seated": False,
        "depth_m": 0.0081,
        "false_success": False,
        "false_failure": False,
        **change,
    }


def test_every_kind_of_failure_comes_before_a_second_of_one():
    rows = [row(seed=1), row(seed=2), row(seed=3, outcome="NOT_LATCHED"), row(seed=4, scenario_hash="bb"), row(seed=5)]
    assert [r["seed"] for r in _first_of_each(rows)] == [1, 3, 4, 2, 5]


def test_a_failure_says_what_was_said_and_what_was_true():
    assert _title(row(strategy="spiral", offset_m=0.002)) == "trial_1, spiral, 2 mm, seed 7: JAMMED"
    assert _title(row(clearance_m=2e-5)) == "trial_1, 20 µm a side, seed 7: JAMMED"
    assert _reason(row()) == "stuck 8.0 mm deep. True at the end: not seated, 8.1 mm deep."
    assert _reason(row(false_success=True)).startswith("FALSE SUCCESS. Said: stuck")
    assert _reason(row(false_failure=True, seated=True)).startswith("FALSE FAILURE.")


def test_the_command_survives_a_folder_with_a_space():
    assert replay_command(Path("my runs/a.yaml"), 3) == "./cell rollout 'my runs/a.yaml' --n 1 --seed 3 --strip 3.png"
