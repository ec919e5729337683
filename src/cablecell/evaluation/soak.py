"""Many insertions in a row in one process: does it get slower, does it keep memory, does it end?"""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
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
COMPARED = 7
"""Insertions that are compared with those of a new process."""
HOLD_S = 0.1
"""The seat is held this long instead of the rubric's dwell: nothing happens in it that was not there before."""


def run_soak(
    n: int,
    seed: int,
    trial: str = "trial_1",
    log: Path | None = None,
    on_row: Callable[[Row], None] | None = None,
    compared: int = COMPARED,
) -> tuple[list[Row], dict[str, float]]:
    """Do `n` insertions, each from home with a world of its own, one after the other in this process.

    Args:
        n: Number of insertions.
        seed: Of the first; the others count on.
        trial: Sample trial that is repeated.
        log: A JSON line per insertion is appended here, so that a run that is cut short has its rows.
        on_row: Called after every insertion.
        compared: Insertions that are compared with those of a new process at the end.

    Returns:
        A row per insertion, and the summary of `summarise_soak` with `soak_slow_down`: processor time in this process
        over that in a new one, for the same insertions at the same time, minus 1.
    """
    rows: list[Row] = []
    for i in range(n):
        row = _insert(seed + i, trial)
        rows.append(row)
        if log is not None:
            with log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        if on_row is not None:
            on_row(row)
    ratios = _against_a_new_process([seed + i for i in range(compared)], trial)
    return rows, {**summarise_soak(rows), "soak_slow_down": float(np.median(ratios)) - 1.0}


def _insert(seed: int, trial: str) -> Row:
    """Do one insertion and return what it was and cost."""
    trials, connectors, simulation = load_trials(), load_connectors(), load_simulation()
    wall, cpu = time.perf_counter(), time.process_time()
    insertion = InsertionSettings(hold_s=HOLD_S)
    rollout = Rollout(trials.trials[trial], connectors, seed=seed, simulation=simulation, insertion=insertion)
    try:
        outcome = rollout.run().skill.outcome.name
    except WorkcellError as error:
        outcome = type(error).__name__
    simulated_s = rollout.machine.clock.now_s()
    rollout.close()
    return {
        "seed": seed,
        "outcome": outcome,
        "simulated_s": simulated_s,
        "wall_s": time.perf_counter() - wall,
        "cpu_s": time.process_time() - cpu,
        "rss_bytes": resident_bytes(),
    }


def _against_a_new_process(seeds: Sequence[int], trial: str) -> list[float]:
    """Return processor time here over that in a new process, insertion by insertion.

    Both run at the same time: processor time depends on what else the machine does, by more than what is looked for.
    """
    ratios = []
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        pool.submit(_insert, seeds[0], trial).result()  # what is only done once
        for seed in seeds:
            other = pool.submit(_insert, seed, trial)
            ratios.append(_insert(seed, trial)["cpu_s"] / other.result()["cpu_s"])
    return ratios


def summarise_soak(rows: Sequence[Row]) -> dict[str, float]:
    """Return how processor time per simulated second and memory changed from the warmed-up start to the end.

    Keys: soak_n, soak_seated, soak_drift, soak_memory_growth (both relative), soak_rss_bytes. The drift is that of the
    process and of the machine it shares with others.
    """
    n = len(rows)
    window = max(1, round(WINDOW * n))
    warm = min(round(WARM_UP * n), n - window)
    first, last = rows[warm : warm + window], rows[n - window :]
    # An insertion that was given up before it began took no simulated time; it is among those not seated.
    ran = [[row for row in part if row["simulated_s"] > 0.0] for part in (first, last)]
    cost = [float(np.median([row["cpu_s"] / row["simulated_s"] for row in part])) for part in ran]
    memory = [float(np.median([row["rss_bytes"] for row in part])) for part in (first, last)]
    return {
        "soak_n": float(n),
        "soak_seated": float(sum(row["outcome"] == "SEATED" for row in rows)),
        "soak_drift": cost[1] / cost[0] - 1.0,
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
