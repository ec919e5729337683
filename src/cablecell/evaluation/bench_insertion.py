"""Benchmark `insertion`: rollouts of the AIC sample trials with realistic errors, scored from the truth.

Every failure stays in the denominator. The score is "AIC rubric, our PyBullet cell".
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np

from cablecell.configuration import load_connectors, load_simulation, load_trials
from cablecell.core.errors import WorkcellError
from cablecell.evaluation.bench import wilson_interval
from cablecell.evaluation.rollout import EstimateErrors, Rollout, RolloutResult

Row = dict[str, Any]

_FORCE_EVENT_S = 1.0
"""Total time above 20 N that counts as an event."""


def run(*, n: int, seed: int, workers: int, errors: EstimateErrors | None = None) -> tuple[list[Row], dict[str, float]]:
    """Run `n` rollouts, the sample trials in turn, each with its own seed.

    Args:
        n: Number of rollouts.
        seed: Of the first rollout; the others count on.
        workers: Processes.
        errors: Error model of the estimates; None is the default model.

    Returns:
        A row per rollout, and the summary: success_rate, wilson_low, score_mean, score_p5, score_min, cycle_median_s,
        peak_force_p99_n, over_20n_1s_events, offlimit_contacts, false_success, rtf, and success_rate_<trial>.
    """
    names = sorted(load_trials().trials)
    model = errors if errors is not None else EstimateErrors()
    jobs = [(names[i % len(names)], seed + i, model) for i in range(n)]
    if workers > 1:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            rows = list(pool.map(_run_one, jobs))
    else:
        rows = [_run_one(job) for job in jobs]
    return rows, summarise(rows)


def summarise(rows: list[Row]) -> dict[str, float]:
    """Return the summary of rows: flat numbers with their unit in the key."""
    n = len(rows)
    successes = sum(bool(row["success"]) for row in rows)
    scores = np.array([row["score"] for row in rows])
    summary = {
        "n": float(n),
        "success_rate": successes / n,
        "wilson_low": wilson_interval(successes, n)[0],
        "score_mean": float(scores.mean()),
        "score_p5": float(np.percentile(scores, 5)),
        "score_min": float(scores.min()),
        "cycle_median_s": float(np.median([row["cycle_s"] for row in rows])),
        "peak_force_p99_n": float(np.percentile([row["peak_force_n"] for row in rows], 99)),
        "over_20n_1s_events": float(sum(row["over_20n_s"] > _FORCE_EVENT_S for row in rows)),
        "offlimit_contacts": float(sum(len(row["offlimit_contacts"]) for row in rows)),
        "false_success": float(sum(bool(row["false_success"]) for row in rows)),
        "rtf": sum(row["simulated_s"] for row in rows) / max(sum(row["wall_s"] for row in rows), 1e-9),
    }
    for name in sorted({row["trial"] for row in rows}):
        own = [bool(row["success"]) for row in rows if row["trial"] == name]
        summary[f"success_rate_{name}"] = sum(own) / len(own)
    return summary


def _run_one(job: tuple[str, int, EstimateErrors]) -> Row:
    name, seed, errors = job
    rollout = Rollout(
        load_trials().trials[name], load_connectors(), seed=seed, simulation=load_simulation(), errors=errors
    )
    try:
        return _row(name, seed, rollout.run())
    except WorkcellError as error:
        # A planner or controller that gives up is a failed trial, not a failed benchmark.
        return _failed_row(name, seed, error, rollout)
    finally:
        rollout.close()


def _row(name: str, seed: int, result: RolloutResult) -> Row:
    return {
        "trial": name,
        "seed": seed,
        "success": result.is_success,
        "false_success": result.is_false_success,
        "outcome": result.skill.outcome.name,
        "reason": result.skill.reason,
        "seated": result.is_seated,
        "depth_m": result.depth_m,
        "cycle_s": result.cycle_s,
        "insertion_s": result.skill.duration_s,
        "peak_force_n": result.peak_force_n,
        "over_20n_s": result.over_20n_s,
        "offlimit_contacts": list(result.offlimit_contacts),
        "score": result.score.total,
        "smoothness": result.score.smoothness,
        "duration": result.score.duration,
        "efficiency": result.score.efficiency,
        "port_error_m": [float(v) for v in result.port_error_m],
        "tip_error_m": [float(v) for v in result.tip_error_m],
        "simulated_s": result.cycle_s,
        "wall_s": result.wall_s,
    }


def _failed_row(name: str, seed: int, error: WorkcellError, rollout: Rollout) -> Row:
    now = rollout.machine.clock.now_s()
    return {
        "trial": name,
        "seed": seed,
        "success": False,
        "false_success": False,
        "outcome": type(error).__name__,
        "reason": str(error),
        "seated": False,
        "depth_m": rollout.machine.truth.plug_in_port().depth_m,
        "cycle_s": now,
        "insertion_s": 0.0,
        "peak_force_n": 0.0,
        "over_20n_s": 0.0,
        "offlimit_contacts": [f"{contact.link} on {contact.part}" for contact in rollout.machine.truth.contacts],
        "score": 0.0,
        "smoothness": 0.0,
        "duration": 0.0,
        "efficiency": 0.0,
        "port_error_m": [float(v) for v in rollout.port_error_m],
        "tip_error_m": [0.0, 0.0, 0.0],
        "simulated_s": now,
        "wall_s": 0.0,
    }
