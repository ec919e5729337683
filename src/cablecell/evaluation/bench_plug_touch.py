"""Benchmark `plugtouch`: the tip of plugs that the palm hides from the cameras, found by touching a block.

The whole cell in one process: arm with its errors, grasp off by up to 2 mm and 0.04 rad, cable, force sensor and
controller, and a block whose place is known as well as cameras tell it. Truth only judges. Every failure stays in the
denominator.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any

import numpy as np

from cablecell.composition.scenario_files import load_scenario
from cablecell.configuration import config_folder, load_connectors
from cablecell.core.config.scenario import Scenario
from cablecell.evaluation.bench import percentile, wilson_interval
from cablecell.evaluation.plug_touch_rollout import plug_touch_row
from cablecell.evaluation.workers import work_off

Row = dict[str, Any]

FAMILIES = ("rj45", "usb_c", "lc", "jst_ph_4")
"""Families whose plugs the palm hides."""

LIMIT_N = 10.0


def scenarios() -> list[Scenario]:
    """Return a fixture with each family's port and plug."""
    base, connectors = load_scenario(config_folder() / "scenarios" / "fixture.yaml", None), load_connectors()
    assert base.fixture is not None
    return [
        base.model_copy(update={"fixture": base.fixture.model_copy(update={"connector": connectors[name]})})
        for name in FAMILIES
    ]


def run(*, n: int, seed: int, workers: int) -> tuple[list[Row], dict[str, float]]:
    """Run `n` calibrations, the families in turn, each with its own seed.

    Args:
        n: Number of cases.
        seed: Of the first; the others count on.
        workers: Processes.

    Returns:
        A row per case, and the summary: success_rate (all touches felt and in agreement, below 10 N), errors of the tip
        before and after, and of the block as seen from the tip.
    """
    cases = scenarios()
    jobs = [(i % len(cases), seed + i) for i in range(n)]
    rows: list[Row] = [{} for _ in jobs]
    with closing(work_off(_run, cases, jobs, workers)) as answers:
        for answer in answers:
            index, case_seed = jobs[answer.index]
            rows[answer.index] = answer.value or {
                "connector": FAMILIES[index],
                "seed": case_seed,
                "outcome": "crashed" if answer.is_crash else "broken",
                "reason": answer.fault,
                "is_found": False,
            }
    return rows, summarise(rows)


def _run(cases: list[Scenario], job: tuple[int, int]) -> Row:
    return plug_touch_row(cases[job[0]], job[1])


def is_success(row: Row) -> bool:
    """Return whether a case ended well, and gently."""
    return bool(row["is_found"] and row["peak_force_n"] < LIMIT_N)


def summarise(rows: list[Row]) -> dict[str, float]:
    """Return the flat summary of rows; errors are of all cases that ran, found or not."""
    n, won = len(rows), sum(is_success(row) for row in rows)
    low, high = wilson_interval(won, n)
    summary = {"n": float(n), "success_rate": won / n, "wilson_low": low, "wilson_high": high}
    ran = [row for row in rows if "after_error_m" in row]
    for family in ("", *FAMILIES):
        own = [row for row in ran if family in ("", row["connector"])]
        if not own:
            continue
        name = f"{family}_" if family else ""
        for key in ("before_error_m", "before_error_rad", "after_error_m", "after_error_rad", "relative_error_m"):
            values, (stem, _, unit) = [float(row[key]) for row in own], key.rpartition("_")
            summary[f"{name}{stem}_median_{unit}"] = percentile(values, 0.5)
            summary[f"{name}{stem}_p95_{unit}"] = percentile(values, 0.95)
        summary[f"{name}before_nees_mean"] = float(np.mean([row["before_nees"] for row in own]))
        summary[f"{name}after_nees_mean"] = float(np.mean([row["after_nees"] for row in own]))
    for key, unit in (("duration", "s"), ("peak_force", "n")):
        values = [float(row[f"{key}_{unit}"]) for row in ran]
        if values:
            summary[f"{key}_median_{unit}"] = percentile(values, 0.5)
            summary[f"{key}_max_{unit}"] = max(values)
    return summary
