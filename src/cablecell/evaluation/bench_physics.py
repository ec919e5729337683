"""Benchmark `physics`: the simulated physics against laws and closed forms, one entry per check.

Every check says what was measured, what was expected, the error and whether it is within tolerance, at parameters that
are drawn anew for every repetition. `docs/physics.md` is made from it.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
from rich.table import Table

from cablecell.evaluation.physics_checks.cable import cable_checks
from cablecell.evaluation.physics_checks.check import Check, Row
from cablecell.evaluation.physics_checks.contact import contact_checks
from cablecell.evaluation.physics_checks.holding import holding_checks
from cablecell.evaluation.physics_checks.latch import latch_checks
from cablecell.evaluation.physics_checks.machine import machine_checks
from cablecell.evaluation.physics_checks.sizes import size_checks

CHECKS: dict[str, Check] = {
    check.name: check
    for check in [
        *size_checks(),
        *contact_checks(),
        *latch_checks(),
        *cable_checks(),
        *holding_checks(),
        *machine_checks(),
    ]
}
"""All checks by name."""


def run(*, n: int, seed: int, workers: int) -> tuple[list[Row], dict[str, float]]:
    """Run every check `n` times at random parameters.

    Args:
        n: Repetitions of each check.
        seed: Of the parameters.
        workers: Processes.

    Returns:
        A row per repetition, and per check its worst repetition: `<check>_measured`, `_expected`, `_error`, `_pass`;
        besides `checks`, `passed` and `pass_rate`.
    """
    jobs = [(name, seed, i) for name in CHECKS for i in range(n)]
    if workers > 1:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            rows = list(pool.map(run_one, jobs))
    else:
        rows = [run_one(job) for job in jobs]
    summary: dict[str, float] = {}
    for row in worst_rows(rows):
        summary |= {f"{row['check']}_{key}": float(row[key]) for key in ("measured", "expected", "error", "pass")}
    summary["checks"] = float(len(rows))
    summary["passed"] = float(sum(row["pass"] for row in rows))
    summary["pass_rate"] = summary["passed"] / summary["checks"]
    return rows, summary


def run_one(job: tuple[str, int, int]) -> Row:
    """Run one repetition of one check: its name, the seed, and the number of the repetition."""
    name, seed, repetition = job
    # By name, so that a new check does not change the parameters of the others.
    rng = np.random.default_rng([seed, repetition, *name.encode()])
    return {"repetition": repetition, **CHECKS[name].run(rng)}


def worst_rows(rows: list[Row]) -> list[Row]:
    """Return the repetition with the largest error of every check, in the order of the checks."""
    return [
        max((row for row in rows if row["check"] == name), key=lambda row: float(row["error"]))
        for name in CHECKS
        if any(row["check"] == name for row in rows)
    ]


def table(rows: list[Row]) -> Table:
    """Return what is printed: the worst repetition of every check."""
    shown = Table(box=None, pad_edge=False)
    for title in ("check", "measured", "expected", "unit", "error", "tolerance", "pass"):
        shown.add_column(title, justify="left" if title in ("check", "unit", "pass") else "right")
    for row in worst_rows(rows):
        cells = [f"{row[key]:.6g}" for key in ("measured", "expected")]
        errors = [f"{row[key]:.3g}" for key in ("error", "tolerance")]
        shown.add_row(row["check"], *cells, row["unit"], *errors, "yes" if row["pass"] else "NO")
    return shown
