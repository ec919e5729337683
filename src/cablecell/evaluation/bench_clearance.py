"""Benchmark `clearance`: how often insertions succeed as the plug is made to fit ever tighter."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cablecell.composition.scenario_files import load_scenario
from cablecell.core.config.connector import Connector
from cablecell.core.config.scenario import Scenario
from cablecell.evaluation.batch import run_batch
from cablecell.evaluation.bench_page import Figure, Grid
from cablecell.evaluation.insertion_page import clearance_figure, outcome_grid, time_force_figure
from cablecell.evaluation.insertion_summary import summarise

Row = dict[str, Any]

CLEARANCES_UM = (1000, 500, 200, 100, 50, 20)


def run(
    *, n: int, seed: int, workers: int, scenario: Path | None = None, connector: Path | None = None
) -> tuple[list[Row], dict[str, float]]:
    """Run `n` rollouts at every clearance per side, with the same seeds at each.

    Args:
        n: Rollouts per clearance.
        seed: Of the first; the others count on.
        workers: Processes.
        scenario: Scenario file; by default the shipped one whose target the connector fits.
        connector: Connector file, or a name of the catalogue, whose plug is made to fit; by default that of the
            scenario's target.

    Returns:
        A row per rollout with its `clearance_m`, and for every clearance success_rate_<um>, wilson_low_<um>,
        peak_force_p99_<um>_n, cycle_median_<um>_s, false_success_<um> and false_failure_<um>.
    """
    fitted = _fitted(load_scenario(scenario, connector))
    by_hash = {one.content_hash: 1e-6 * um for um, one in fitted.items()}
    found = run_batch([(one, seed + i) for one in fitted.values() for i in range(n)], workers)
    rows = [{**row, "clearance_m": by_hash[row["scenario_hash"]]} for row in found]
    summary: dict[str, float] = {}
    for um, one in fitted.items():
        all_of = summarise([row for row in rows if row["scenario_hash"] == one.content_hash])
        summary[f"success_rate_{um}"] = all_of["success_rate"]
        summary[f"wilson_low_{um}"] = all_of["wilson_low"]
        for key in ("false_success", "false_failure"):
            summary[f"{key}_{um}"] = all_of[key]
        summary[f"peak_force_p99_{um}_n"] = all_of["peak_force_p99_n"]
        summary[f"cycle_median_{um}_s"] = all_of["cycle_median_s"]
    return rows, summary


def scenarios(name: str, *, scenario: Path | None = None, connector: Path | None = None) -> list[Scenario]:
    """Return the scenario of every clearance that the plug can have."""
    return list(_fitted(load_scenario(scenario, connector)).values())


def _fitted(base: Scenario) -> dict[int, Scenario]:
    """Return the scenario of every clearance, µm; a thin shell cannot have the widest, and they are left out."""
    fitted: dict[int, Scenario] = {}
    for um in CLEARANCES_UM:
        with contextlib.suppress(ValueError):
            fitted[um] = with_clearance(base, 1e-6 * um)
    return fitted


def grids(rows: Sequence[Row]) -> list[Grid]:
    """Return the tables of the page: success, time, force and false answers by clearance."""
    groups = {f"{1e6 * clearance_m:.0f} µm": own for clearance_m, own in _by_clearance(rows)}
    return [outcome_grid("Success, time and force", "clearance a side", groups)]


def figures(name: str, rows: Sequence[Row]) -> list[Figure]:
    """Return the figures of the page."""
    return [
        Figure("Seated over clearance, with Wilson intervals of 95 %", clearance_figure(_by_clearance(rows))),
        Figure("Peak force and time of every run", time_force_figure(rows)),
    ]


def _by_clearance(rows: Sequence[Row]) -> list[tuple[float, list[Row]]]:
    values = sorted({row["clearance_m"] for row in rows}, reverse=True)
    return [(value, [row for row in rows if row["clearance_m"] == value]) for value in values]


def target_connector(scenario: Scenario) -> Connector:
    """Return the connector of the port that a scenario's plug goes into."""
    if scenario.fixture is not None:
        return scenario.fixture.connector
    return scenario.connectors[scenario.trial.task.port_type]


def with_clearance(scenario: Scenario, clearance_m: float) -> Scenario:
    """Return the scenario with the target's plug grown or shrunk to a clearance per side, m.

    Raises:
        ValueError: The plug cannot have this clearance.
    """
    connector = target_connector(scenario).with_clearance(clearance_m)
    if scenario.fixture is not None:
        return scenario.model_copy(update={"fixture": scenario.fixture.model_copy(update={"connector": connector})})
    return scenario.model_copy(update={"connectors": {**scenario.connectors, connector.name: connector}})
