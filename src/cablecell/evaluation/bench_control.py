"""Benchmark `control`: what the arm controller promises, measured on the simulated machine in one process.

Every check has a target and says by how much it is met or missed; `docs/control.md` is written from it. Errors of the
sensors are on unless a check says that they are off; what is judged is the truth of the simulation.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from rich.table import Table

from cablecell.core.control.command import ComplianceCommand
from cablecell.core.statistics import percentile
from cablecell.evaluation import bench_motion as common
from cablecell.evaluation.control_checks.check import Check, Row, gains
from cablecell.evaluation.control_checks.contact import contact_checks
from cablecell.evaluation.control_checks.moving import moving_checks
from cablecell.evaluation.control_checks.still import still_checks
from cablecell.evaluation.control_rig import ControlRig
from cablecell.ports import CommandMode

TICK_S = 1.5


def tick_cost(mode: CommandMode, seed: int) -> tuple[float, Row]:
    """Hold a pose by a compliance command in every period; return the median processor time of a tick, µs."""
    rig = ControlRig(mode, seed)
    try:
        rig.tare()
        X, K = rig.controller.report.X_base_tcp.copy(), gains(2000.0, 60.0)
        rig.tick_s.clear()
        rig.run(
            TICK_S,
            lambda _: rig.controller.command_compliance(ComplianceCommand(rig.now_s, X, np.eye(4), K), rig.now_s),
        )
        times = 1e6 * np.array(rig.tick_s)
    finally:
        rig.close()
    return float(np.median(times)), {"p99_us": percentile(times, 0.99), "mean_us": float(times.mean())}


@cache
def checks() -> dict[str, Check]:
    """Return all checks by name."""
    costs = [
        Check("torque_tick", "us", math.inf, lambda seed: tick_cost(CommandMode.EFFORT, seed)),
        Check("position_tick", "us", math.inf, lambda seed: tick_cost(CommandMode.POSITION, seed)),
    ]
    return {check.name: check for check in [*still_checks(), *moving_checks(), *contact_checks(), *costs]}


def run(*, n: int, seed: int, workers: int) -> tuple[list[Row], dict[str, float]]:
    """Run every check with `n` seeds.

    Args:
        n: Seeds of each check.
        seed: The first.
        workers: Processes.

    Returns:
        A row per check and seed; per check its worst seed as `<check>_<unit>`, `<check>_pass_rate`; and `checks`,
        `passed` and `pass_rate` over those that have a target.
    """
    jobs = [(name, seed + i) for name in checks() for i in range(n)]
    rows = common.spread(run_one, jobs, workers)
    summary: dict[str, float] = {}
    for name, check in checks().items():
        mine = [row for row in rows if row["check"] == name]
        summary[f"{name}_{check.unit.replace('%', 'percent')}"] = max(row["measured"] for row in mine)
        if math.isfinite(check.target):
            summary[f"{name}_pass_rate"] = float(np.mean([row["pass"] for row in mine]))
    judged = [row for row in rows if row["target"] is not None]
    summary["checks"] = float(len(judged))
    summary["passed"] = float(sum(row["pass"] for row in judged))
    summary["pass_rate"] = summary["passed"] / summary["checks"]
    return rows, summary


def run_one(job: tuple[str, int]) -> Row:
    """Run one check with one seed."""
    name, seed = job
    return checks()[name].run(seed)


def table(rows: list[Row]) -> Table:
    """Return what is printed: median and worst of every check beside its target."""
    shown = Table(box=None, pad_edge=False)
    for title in ("check", "median", "worst", "target", "unit", "met"):
        shown.add_column(title, justify="left" if title in ("check", "unit") else "right")
    for name in dict.fromkeys(row["check"] for row in rows):
        mine = [row for row in rows if row["check"] == name]
        values, target = [row["measured"] for row in mine], mine[0]["target"]
        met = "" if target is None else f"{sum(row['pass'] for row in mine)}/{len(mine)}"
        cells = [f"{np.median(values):.4g}", f"{max(values):.4g}", "" if target is None else f"{target:g}"]
        shown.add_row(name, *cells, mine[0]["unit"], met)
    return shown
