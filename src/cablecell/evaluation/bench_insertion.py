"""Benchmark `insertion`: rollouts with realistic errors, scored from the truth; by default of the AIC sample trials.

Every failure stays in the denominator. The score is "AIC rubric, our PyBullet cell".
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cablecell.composition.scenario_files import load_scenario
from cablecell.configuration import config_folder
from cablecell.core.config.scenario import EstimateErrors, Scenario
from cablecell.evaluation.batch import jobs_in_turn, run_batch
from cablecell.evaluation.bench_page import Figure, Grid
from cablecell.evaluation.insertion_page import outcome_grid, time_force_figure
from cablecell.evaluation.insertion_summary import summarise

Row = dict[str, Any]

SAMPLE_TRIALS = ("trial_1", "trial_2", "trial_3")
SEEING_SCENARIOS = ("seen_sfp", "seen_sc")


def run(
    *,
    n: int,
    seed: int,
    workers: int,
    scenario: Path | None = None,
    connector: Path | None = None,
    errors: EstimateErrors | None = None,
) -> tuple[list[Row], dict[str, float]]:
    """Run `n` rollouts, the scenarios in turn, each with its own seed.

    Args:
        n: Number of rollouts.
        seed: Of the first rollout; the others count on.
        workers: Processes.
        scenario: Scenario file instead of the sample trials.
        connector: Connector file that takes the place of the one of its name, or is what the bench fixture holds.
        errors: Error model of the estimates instead of the scenarios' own.

    Returns:
        A row per rollout, and the summary: success_rate, wilson_low, score_mean, score_p5, score_min, cycle_median_s,
        peak_force_p99_n, over_20n_1s_events, offlimit_contacts, false_success, its wilson_high, false_failure, crashes,
        rtf, success_rate_<scenario>.
    """
    scenarios = _scenarios(scenario, connector)
    if errors is not None:
        scenarios = [one.model_copy(update={"estimates": errors}) for one in scenarios]
    rows = run_batch(jobs_in_turn(scenarios, n, seed), workers)
    return rows, summarise(rows)


def run_seeing(*, n: int, seed: int, workers: int) -> tuple[list[Row], dict[str, float]]:
    """Run `n` rollouts in which the wrist cameras find port and plug, SFP and SC in turn, as `run` does.

    The design of the board, about where it was put and the design of the grasp are known; images, the force sensor and
    the arm's encoders tell the rest.
    """
    rows = run_batch(jobs_in_turn(_shipped(SEEING_SCENARIOS), n, seed), workers)
    return rows, summarise(rows)


def scenarios(name: str, *, scenario: Path | None = None, connector: Path | None = None) -> list[Scenario]:
    """Return what the benchmark of a name runs with these options."""
    return _shipped(SEEING_SCENARIOS) if name == "rubric" else _scenarios(scenario, connector)


def grids(rows: Sequence[Row]) -> list[Grid]:
    """Return the tables of the page: success, time, force and false answers by scenario."""
    groups = {name: [row for row in rows if row["scenario"] == name] for name in sorted({r["scenario"] for r in rows})}
    return [outcome_grid("Success, time and force", "scenario", groups)]


def figures(name: str, rows: Sequence[Row]) -> list[Figure]:
    """Return the figures of the page."""
    return [Figure("Peak force and time of every run", time_force_figure(rows))]


def _scenarios(scenario: Path | None, connector: Path | None) -> list[Scenario]:
    if scenario is not None or connector is not None:
        return [load_scenario(scenario, connector)]
    return _shipped(SAMPLE_TRIALS)


def _shipped(names: Sequence[str]) -> list[Scenario]:
    return [load_scenario(config_folder() / "scenarios" / f"{name}.yaml") for name in names]
