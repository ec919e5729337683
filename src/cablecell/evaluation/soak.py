"""Many insertions in a row in one process: does it get slower, does it keep memory, does it end?"""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cablecell.configuration import load_connectors, load_simulation, load_trials
from cablecell.core.config.insertion import InsertionSettings
from cablecell.core.errors import WorkcellError
from cablecell.evaluation.rollout import Rollout

Row = dict[str, Any]

WARM_UP = 0.1
"""Share of the insertions after which caches are taken to be full; growth is counted from there."""
WINDOW = 0.1
"""Share of the insertions that is compared at both ends."""
HOLD_S = 0.1
"""The seat is held this long instead of the rubric's dwell: nothing happens in it that was not there before."""


def run_soak(
    n: int, seed: int, trial: str = "trial_1", log: Path | None = None, on_row: Callable[[Row], None] | None = None
) -> tuple[list[Row], dict[str, float]]:
    """Do `n` insertions, each from home with a world of its own, one after the other in this process.

    Args:
        n: Number of insertions.
        seed: Of the first; the others count on.
        trial: Sample trial that is repeated.
        log: A JSON line per insertion is appended here, so that a run that is cut short has its rows.
        on_row: Called after every insertion.

    Returns:
        A row per insertion, and the summary of `summarise_soak`.
    """
    trials, connectors, simulation = load_trials(), load_connectors(), load_simulation()
    insertion = InsertionSettings(hold_s=HOLD_S)
    rows: list[Row] = []
    for i in range(n):
        wall, cpu = time.perf_counter(), time.process_time()
        rollout = Rollout(trials.trials[trial], connectors, seed=seed + i, simulation=simulation, insertion=insertion)
        try:
            outcome = rollout.run().skill.outcome.name
        except WorkcellError as error:
            outcome = type(error).__name__
        simulated_s = rollout.machine.clock.now_s()
        rollout.close()
        row: Row = {
            "seed": seed + i,
            "outcome": outcome,
            "simulated_s": simulated_s,
            "wall_s": time.perf_counter() - wall,
            "cpu_s": time.process_time() - cpu,
            "rss_bytes": resident_bytes(),
        }
        rows.append(row)
        if log is not None:
            with log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        if on_row is not None:
            on_row(row)
    return rows, summarise_soak(rows)


def summarise_soak(rows: Sequence[Row]) -> dict[str, float]:
    """Return how processor time per simulated second and memory changed from the warmed-up start to the end.

    Keys: soak_n, soak_seated, soak_slow_down, soak_memory_growth (both relative), soak_rss_bytes.
    """
    n = len(rows)
    window = max(1, round(WINDOW * n))
    warm = min(round(WARM_UP * n), n - window)
    first, last = rows[warm : warm + window], rows[n - window :]
    cost = [float(np.median([row["cpu_s"] / row["simulated_s"] for row in part])) for part in (first, last)]
    memory = [float(np.median([row["rss_bytes"] for row in part])) for part in (first, last)]
    return {
        "soak_n": float(n),
        "soak_seated": float(sum(row["outcome"] == "SEATED" for row in rows)),
        "soak_slow_down": cost[1] / cost[0] - 1.0,
        "soak_memory_growth": memory[1] / memory[0] - 1.0,
        "soak_rss_bytes": memory[1],
    }


def resident_bytes() -> float:
    """Return the memory this process holds now, after collecting garbage."""
    gc.collect()
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return 1024.0 * float(line.split()[1])
    raise OSError("/proc/self/status has no VmRSS")
