"""The summary of insertion runs: flat numbers with their unit in the key; every failure stays in the denominator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cablecell.core.statistics import percentile, wilson_interval
from cablecell.evaluation.batch import count_crashes

Row = dict[str, Any]

FORCE_EVENT_S = 1.0
"""Total time above 20 N that counts as an event."""


def summarise(rows: Sequence[Row]) -> dict[str, float]:
    """Return n, success_rate, wilson_low, scores, times, forces, contacts, faults of cables, and speed, of all rows.

    A false success is a seat that is reported and is none, a false failure one that was there and is denied or undone;
    `false_success_wilson_high` is the upper end of the interval of the rate of the first.
    """
    n = len(rows)
    successes = sum(bool(row["success"]) for row in rows)
    false_successes = sum(bool(row["false_success"]) for row in rows)
    scores = [float(row["score"]) for row in rows]
    summary = {
        "n": float(n),
        "success_rate": successes / n,
        "wilson_low": wilson_interval(successes, n)[0],
        "score_mean": sum(scores) / n,
        "score_p5": percentile(scores, 0.05),
        "score_min": min(scores),
        "cycle_median_s": percentile([row["cycle_s"] for row in rows], 0.5),
        "peak_force_p99_n": percentile([row["peak_force_n"] for row in rows], 0.99),
        "over_20n_1s_events": float(sum(row["over_20n_s"] > FORCE_EVENT_S for row in rows)),
        "offlimit_contacts": float(sum(len(row["offlimit_contacts"]) for row in rows)),
        "cable_faults": float(sum(len(row["cable_faults"]) for row in rows)),
        "false_success": float(false_successes),
        "false_success_wilson_high": wilson_interval(false_successes, n)[1],
        # Rows of batches that were begun before it was counted do not have it.
        "false_failure": float(sum(bool(row.get("false_failure", False)) for row in rows)),
        "crashes": float(count_crashes(rows)),
        "rtf": sum(row["simulated_s"] for row in rows) / max(sum(row["wall_s"] for row in rows), 1e-9),
    }
    for name in sorted({row["scenario"] for row in rows}):
        own = [bool(row["success"]) for row in rows if row["scenario"] == name]
        summary[f"success_rate_{name}"] = sum(own) / len(own)
    return summary
