"""Benchmark `comparators`: the skill beside simpler strategies, in the same cell, with the same seeds and errors.

The port of one connector stands in the bench fixture; board, yaw and friction are drawn. What a strategy is told of the
port is off by a set distance across its axis, in a random direction, and its covariance says so. Every strategy meets
the same seeds: scene, grasp, sensor noise and errors. Whether the plug is seated is read from the truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from cablecell.composition.scenario_files import load_fixture_scenario
from cablecell.core.config.scenario import EstimateErrors, Scenario, Strategy
from cablecell.core.statistics import percentile, wilson_interval
from cablecell.evaluation.batch import run_batch
from cablecell.evaluation.bench_page import Figure, Grid
from cablecell.evaluation.insertion_page import outcome_grid

Row = dict[str, Any]

STRATEGIES: tuple[Strategy, ...] = ("straight", "passive", "spiral", "tilt", "hybrid", "oracle")
"""In the order of the table."""

OFFSETS_M = (0.0, 0.001, 0.002, 0.005)
"""Distance of the believed port from where it is, m."""

RESIDUAL = EstimateErrors(
    port_sigma_m=1.0e-4, port_sigma_rad=0.003, grasp="measured", grasp_sigma_m=1.0e-4, grasp_sigma_rad=0.005
)
"""Errors that are left at an offset of zero."""


def run(*, n: int, seed: int, workers: int, connector: Path | None = None) -> tuple[list[Row], dict[str, float]]:
    """Run every strategy at every offset with the same `n` seeds.

    Args:
        n: Runs per strategy and offset.
        seed: Of the first; the others count on.
        workers: Processes.
        connector: Connector file, or the name of one of the catalogue; `sfp` by default.

    Returns:
        A row per run with its `strategy` and `offset_m`, and by strategy and offset in mm success_rate, wilson_low,
        wilson_high, insertion_median_s, peak_force_median_n, peak_force_max_n, work_median_j, false_success and
        false_failure.

    Raises:
        DocumentError: The connector cannot be read or has a mistake (code 910).
    """
    chosen = scenarios("comparators", connector=connector)
    offsets = {one.content_hash: one.estimates.port_offset_m for one in chosen}
    rows = run_batch([(one, seed + i) for one in chosen for i in range(n)], workers)
    rows = [{**row, "offset_m": offsets[row["scenario_hash"]]} for row in rows]
    summary: dict[str, float] = {}
    for strategy, offset_m in cells():
        name = f"{strategy}_{1e3 * offset_m:g}mm"
        for key, value in cell_numbers(in_cell(rows, strategy, offset_m)).items():
            stem, _, unit = key.rpartition("_")
            has_unit = unit in ("s", "n", "j")
            summary[f"{stem}_{name}_{unit}" if has_unit else f"{key}_{name}"] = value
    return rows, summary


def cells() -> list[tuple[Strategy, float]]:
    """Return strategy and offset of every cell of the table; the oracle has no offset."""
    return [(s, offset) for s in STRATEGIES for offset in (OFFSETS_M if s != "oracle" else OFFSETS_M[:1])]


def scenarios(name: str, *, connector: Path | None = None) -> list[Scenario]:
    """Return a scenario per cell, in the order of `cells`."""
    base, found = load_fixture_scenario(connector or Path("sfp")), []
    for strategy, offset_m in cells():
        estimates = RESIDUAL.model_copy(update={"port_offset_m": offset_m})
        found.append(base.model_copy(update={"strategy": strategy, "estimates": estimates}))
    return found


def in_cell(rows: Sequence[Row], strategy: str, offset_m: float) -> list[Row]:
    """Return the runs of one cell."""
    return [row for row in rows if row["strategy"] == strategy and row["offset_m"] == offset_m]


def cell_numbers(rows: Sequence[Row]) -> dict[str, float]:
    """Return the numbers of one cell; times, forces and work are of all its runs, failures among them."""
    successes = sum(bool(row["success"]) for row in rows)
    low, high = wilson_interval(successes, len(rows))
    return {
        "success_rate": successes / len(rows),
        "wilson_low": low,
        "wilson_high": high,
        "insertion_median_s": percentile([row["insertion_s"] for row in rows], 0.5),
        "peak_force_median_n": percentile([row["peak_force_n"] for row in rows], 0.5),
        "peak_force_max_n": max(row["peak_force_n"] for row in rows),
        "work_median_j": percentile([row["work_j"] for row in rows], 0.5),
        "jerk_median": percentile([row["jerk_m_per_s3"] for row in rows], 0.5),
        "false_success": float(sum(bool(row["false_success"]) for row in rows)),
        "false_failure": float(sum(bool(row["false_failure"]) for row in rows)),
    }


def table(rows: Sequence[Row]) -> Table:
    """Return what is printed: a line per cell."""
    shown = Table(box=None, pad_edge=False)
    heads = (
        "strategy",
        "error mm",
        "seated",
        "95 %",
        "time s",
        "peak N",
        "max N",
        "work mJ",
        "jerk m/s3",
        "false +",
        "-",
    )
    for head in heads:
        shown.add_column(head, justify="left" if head == "strategy" else "right")
    for strategy, offset_m in cells():
        own = in_cell(rows, strategy, offset_m)
        if not own:
            continue
        c = cell_numbers(own)
        shown.add_row(
            strategy,
            _error(strategy, offset_m),
            f"{sum(bool(row['success']) for row in own)}/{len(own)}",
            f"{100 * c['wilson_low']:.0f}-{100 * c['wilson_high']:.0f}",
            f"{c['insertion_median_s']:.2f}",
            f"{c['peak_force_median_n']:.1f}",
            f"{c['peak_force_max_n']:.1f}",
            f"{1e3 * c['work_median_j']:.0f}",
            f"{c['jerk_median']:.1f}",
            f"{c['false_success']:.0f}",
            f"{c['false_failure']:.0f}",
        )
    return shown


def grids(rows: Sequence[Row]) -> list[Grid]:
    """Return the table of the page: what is printed, and more."""
    groups = {
        f"{strategy}, {_error(strategy, offset)}": in_cell(rows, strategy, offset) for strategy, offset in cells()
    }
    return [outcome_grid("Success, time and force", "strategy and error", groups)]


def _error(strategy: str, offset_m: float) -> str:
    return "true pose" if strategy == "oracle" else f"{1e3 * offset_m:g} mm"


def figures(name: str, rows: Sequence[Row]) -> list[Figure]:
    """Return the figures of the page: success, time and force over the error, a curve per strategy."""
    from cablecell.evaluation.comparator_figures import cell_curves

    curves: dict[str, list[tuple[float, dict[str, float]]]] = {
        strategy: [(offset, cell_numbers(in_cell(rows, strategy, offset))) for s, offset in cells() if s == strategy]
        for strategy in STRATEGIES
    }
    return [
        Figure("Seated, with Wilson intervals of 95 %", cell_curves(curves, "success_rate", "share seated")),
        Figure("Time from staging to the answer, median", cell_curves(curves, "insertion_median_s", "time [s]")),
        Figure("Peak force, median", cell_curves(curves, "peak_force_median_n", "force [N]")),
        Figure("Work of the contact force, median", cell_curves(curves, "work_median_j", "work [J]")),
    ]
