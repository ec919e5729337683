"""Benchmark `touch`: a port 5 mm from where it is believed to be, found by touching it alone.

The whole cell in one process: arm with its errors, grasp spring, cable, force sensor, controller. The truth is used for
the error that is given at first and for the judgement at the end. Every failure stays in the denominator.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from cablecell.composition.scenario_files import load_scenario
from cablecell.configuration import config_folder
from cablecell.core.config.scenario import Scenario
from cablecell.core.config.touch import TouchSettings
from cablecell.evaluation.bench import percentile, wilson_interval
from cablecell.evaluation.touch_rollout import touch_row
from cablecell.evaluation.workers import work_off

Row = dict[str, Any]

FAMILIES = ("sfp", "sc", "rj45")

LIMIT_S, LIMIT_TOUCHES, LIMIT_N = 6.0, 8, 10.0
"""What a relocalisation may take to count as a success: time, touches, peak force."""

CHI2_95 = 12.592
"""95 % of squared Mahalanobis distances with six degrees of freedom lie below."""


def scenarios(connector: Path | None = None) -> list[Scenario]:
    """Return a fixture with each family's port, or with that of one connector file."""
    base = load_scenario(config_folder() / "scenarios" / "fixture.yaml", None)
    assert base.fixture is not None
    if connector is not None:
        given = load_scenario(None, connector)
        name = connector.stem
        known = given.connectors.get(name) if given.fixture is None else given.fixture.connector
        assert known is not None
        return [base.model_copy(update={"fixture": base.fixture.model_copy(update={"connector": known})})]
    folder = config_folder() / "connectors"
    return [scenarios(folder / f"{name}.yaml")[0] for name in FAMILIES]


def run(*, n: int, seed: int, workers: int, connector: Path | None = None) -> tuple[list[Row], dict[str, float]]:
    """Run `n` relocalisations, the families in turn, each with its own seed.

    Args:
        n: Number of cases.
        seed: Of the first; the others count on.
        workers: Processes.
        connector: Connector file instead of the families.

    Returns:
        A row per case, and the summary: success_rate (found, covered, within time, touches and force), wilson_low and
        wilson_high of it, and what it is made of.
    """
    cases = scenarios(connector)
    jobs = [(i % len(cases), seed + i) for i in range(n)]
    rows: list[Row] = [{} for _ in jobs]
    with closing(work_off(_run, cases, jobs, workers)) as answers:
        for answer in answers:
            index, case_seed = jobs[answer.index]
            fixture = cases[index].fixture
            assert fixture is not None
            rows[answer.index] = answer.value or {
                "connector": fixture.connector.name,
                "seed": case_seed,
                "outcome": "crashed" if answer.is_crash else "broken",
                "reason": answer.fault,
                "is_found": False,
            }
    return rows, summarise(rows)


def _run(cases: list[Scenario], job: tuple[int, int]) -> Row:
    return touch_row(cases[job[0]], TouchSettings(), job[1])


def is_success(row: Row) -> bool:
    """Return whether a case met everything that was asked of it."""
    return bool(
        row["is_found"]
        and row["nees"] <= CHI2_95
        and row["duration_s"] <= LIMIT_S
        and row["touches"] <= LIMIT_TOUCHES
        and row["peak_force_n"] < LIMIT_N
    )


def summarise(rows: list[Row]) -> dict[str, float]:
    """Return the flat summary of rows."""
    n = len(rows)
    won = sum(is_success(row) for row in rows)
    low, high = wilson_interval(won, n)
    ran = [row for row in rows if "error" in row]
    found = [row for row in ran if row["is_found"]]
    summary = {
        "n": float(n),
        "success_rate": won / n,
        "wilson_low": low,
        "wilson_high": high,
        "found_rate": len(found) / n,
        "in_time_rate": sum(row["is_found"] and row["duration_s"] <= LIMIT_S for row in ran) / n,
        "in_touches_rate": sum(row["is_found"] and row["touches"] <= LIMIT_TOUCHES for row in ran) / n,
        "in_force_rate": sum(row["peak_force_n"] < LIMIT_N for row in ran) / n,
        "broken": float(n - len(ran)),
    }
    for key in ("touches", "duration_s", "peak_force_n", "update_s"):
        values = [float(row[key]) for row in ran]
        stem, _, unit = key.rpartition("_")
        name = f"{stem}_{{}}_{unit}" if stem else f"{key}_{{}}"
        summary[name.format("median")] = percentile(values, 0.5)
        summary[name.format("p95")] = percentile(values, 0.95)
    for name, rows_of in (("found", found), ("all", ran)):
        if not rows_of:
            continue
        errors = np.abs([row["error"] for row in rows_of])
        nees = [float(row["nees"]) for row in rows_of]
        position = [float(v) for v in np.linalg.norm(errors[:, :3], axis=1)]
        rotation = [float(v) for v in np.linalg.norm(errors[:, 3:], axis=1)]
        summary |= {
            f"position_error_median_{name}_m": percentile(position, 0.5),
            f"position_error_p95_{name}_m": percentile(position, 0.95),
            f"rotation_error_median_{name}_rad": percentile(rotation, 0.5),
            f"rotation_error_p95_{name}_rad": percentile(rotation, 0.95),
            f"covered_95_{name}_rate": sum(v <= CHI2_95 for v in nees) / len(nees),
            f"nees_median_{name}": percentile(nees, 0.5),
            f"nees_mean_{name}": float(np.mean(nees)),
        }
    if found:
        errors = np.array([row["error"] for row in found])
        for i, axis in enumerate("xyz"):
            summary[f"rms_{axis}_found_m"] = float(np.sqrt(np.mean(errors[:, i] ** 2)))
            summary[f"rms_turn_{axis}_found_rad"] = float(np.sqrt(np.mean(errors[:, 3 + i] ** 2)))
    for family in sorted({row["connector"] for row in rows}):
        own = [row for row in rows if row["connector"] == family]
        summary[f"success_rate_{family}"] = sum(is_success(row) for row in own) / len(own)
        summary[f"found_rate_{family}"] = sum(bool(row["is_found"]) for row in own) / len(own)
    return summary
