"""Batches: the same rows for any number of processes, resumed without doing a run twice, failures counted and named."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from cablecell.composition.scenario_files import load_scenario
from cablecell.configuration import config_folder
from cablecell.core.config.insertion import InsertionSettings
from cablecell.evaluation import batch
from cablecell.evaluation.batch import BatchError, ResultFile, run_batch
from cablecell.evaluation.insertion_summary import summarise
from cablecell.evaluation.scenario_run import comparable, crashed_row, run_scenario
from tests.support.graph import processes_in_session
from tests.support.wait import wait_until


@pytest.fixture(scope="module")
def scenario():
    """A board drawn anew for every seed; the seat is held shorter than the rubric asks, to save the tests' time."""
    drawn = load_scenario(config_folder() / "scenarios" / "anywhere_sfp.yaml")
    return drawn.model_copy(update={"insertion": InsertionSettings(hold_s=0.05)})


@pytest.fixture(scope="module")
def alone(scenario):
    """Rows of three seeds, run in this process."""
    return [run_scenario(scenario, seed) for seed in range(3)]


def test_rows_do_not_depend_on_the_processes_they_were_made_in(scenario, alone):
    rows = run_batch([(scenario, seed) for seed in (2, 0, 1)], workers=2)
    assert [row["seed"] for row in rows] == [2, 0, 1]
    by_seed = {row["seed"]: comparable(row) for row in rows}
    assert [by_seed[seed] for seed in range(3)] == [comparable(row) for row in alone]
    assert len({row["state_hash"] for row in rows}) == 3


def test_a_batch_goes_on_where_it_ended(tmp_path, scenario, alone, monkeypatch):
    results = ResultFile(tmp_path, resume=False)
    results.append(alone[0])
    results.append(crashed_row(scenario, 1, "its process ended with signal SIGKILL", is_crash=True))
    with results.path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(alone[2])[:70])  # the power went here
    with pytest.raises(BatchError, match=r"results.jsonl holds 2 rows; --resume goes on with them"):
        ResultFile(tmp_path, resume=False)
    asked = []
    real = batch.work_off

    def spied(function, context, jobs, workers, **options):
        asked.extend(seed for _, seed in jobs)
        return real(function, context, jobs, workers, **options)

    monkeypatch.setattr(batch, "work_off", spied)
    rows = run_batch([(scenario, seed) for seed in range(3)], workers=2, results=ResultFile(tmp_path, resume=True))
    assert asked == [1, 2]
    assert [comparable(row) for row in rows] == [comparable(row) for row in alone]
    again = ResultFile(tmp_path, resume=True)
    assert sorted(seed for _, seed in again.done()) == [0, 1, 2]


def test_a_crash_counts_as_a_failure_and_is_named(scenario, alone):
    lost = crashed_row(scenario, 9, "its process ended with signal SIGSEGV", is_crash=True)
    summary = summarise([*alone, lost])
    assert summary["n"] == 4.0
    assert summary["crashes"] == 1.0
    assert summary["success_rate"] == sum(row["success"] for row in alone) / 4
    assert lost["outcome"] == "CRASHED"
    assert set(lost) == set(alone[0])


def test_what_happened_to_the_cable_is_in_the_row_and_counted(scenario, alone):
    assert "pulled" not in alone[0]["cable_faults"]
    cable = scenario.simulation.cable.model_copy(update={"pull_limit_n": 1e-3})
    strict = scenario.model_copy(update={"simulation": scenario.simulation.model_copy(update={"cable": cable})})
    row = run_scenario(strict, 0)
    assert row["cable_faults"] == sorted({*alone[0]["cable_faults"], "pulled"})
    assert summarise([row])["cable_faults"] == len(row["cable_faults"])


def test_an_interrupt_leaves_rows_and_no_process(tmp_path):
    out = tmp_path / "out"
    command = [
        sys.executable,
        "-c",
        "from cablecell.cli import main; main()",
        "rollout",
        "--n",
        "500",
        "--workers",
        "2",
        "--out",
        str(out),
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        wait_until((out / "results.jsonl").exists, timeout_s=30.0, what="the first row")
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "--resume goes on with" in errors
    assert "Traceback" not in errors
    assert ResultFile(out, resume=True).done()
    # The kernel may still be taking the last one down when its parent's pipe closes.
    wait_until(lambda: not list(processes_in_session(process.pid)), timeout_s=5.0, what="every process to be gone")
