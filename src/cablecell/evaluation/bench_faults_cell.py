"""Benchmark `faults_cell`: transient faults at random instants of jobs in the running cell, with all of its physics.

Every job is one insertion. A fault of the sensors comes at a random instant and goes after its time; a board is bumped
for good. Counted is what becomes of the job, judged from the truth of the simulation: a part that is said to be good
and is not seated would be the worst. What the stand-in cell of `faults` cannot show is here: whether arm, skill,
planner and estimator really do what the plans of `config/faults.yaml` say.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cablecell.core.errors import SupervisionError
from cablecell.evaluation.bench import Progress, no_progress, percentile, wilson_interval
from cablecell.evaluation.bench_health_cell import BUMP_M, HealthClient
from cablecell.evaluation.demo_cell import CellProcess
from cablecell.records.ledger import Ledger

Row = dict[str, Any]
Summary = dict[str, float]

TRIAL = "trial_1"
INSTANT_S = 8.0
"""Latest instant of a fault after the job began, s: an undisturbed one takes nine."""

_READY_S, _JOB_S, _SETTLE_S = 90.0, 150.0, 1.5
_SIDES = ("left", "center", "right")
_Make = Callable[[np.random.Generator], dict[str, object]]


def _camera(kind: str) -> _Make:
    return lambda rng: {"cameras": {str(rng.choice(_SIDES)): kind}}


FAULTS: dict[str, tuple[_Make, float | None]] = {
    "camera_frozen": (_camera("frozen"), 3.0),
    "camera_black": (_camera("black"), 3.0),
    "camera_silent": (_camera("silent"), 3.0),
    "wrench_silent": (lambda _: {"wrench": {"kind": "silent"}}, 0.6),
    "wrench_drift": (lambda rng: {"wrench": {"kind": "drift", "axis": int(rng.integers(3)), "rate": 4.0}}, 1.0),
    "board_bumped": (lambda _: {"board": BUMP_M}, None),
}
"""What is broken, and for how long, s; None for good."""


def run(*, n: int, seed: int, workers: int, progress: Progress = no_progress) -> tuple[list[Row], Summary]:
    """Run the benchmark; interrupted, it ends with the faults that are done.

    Args:
        n: Faults; the kinds take turns.
        seed: Of the cell, of instants and of what is hit.
        workers: One cell runs, whatever is said here.
        progress: Told how many faults are done.
    """
    rows: list[Row] = []
    rng = np.random.default_rng([seed, 61_000])
    with tempfile.TemporaryDirectory() as folder:
        ledger = Path(folder) / "ledger.db"
        words = ["cell.launch.xml", f"seed:={seed}", f"ledger:={ledger}"]
        cell = CellProcess(words, Path(folder) / "cell.log")
        client = HealthClient(cell.check)
        try:
            if not client.spin_until(client.is_ready, _READY_S):
                raise SupervisionError(f"the cell is not ready after {_READY_S} s")
            for index in range(n):
                rows.append(_one(client, ledger, list(FAULTS)[index % len(FAULTS)], seed + index, rng))
                progress(index + 1, n)
        except KeyboardInterrupt:
            pass
        finally:
            client.close()
            cell.stop()
    return rows, summarise(rows)


def _one(client: HealthClient, ledger: Path, kind: str, seed: int, rng: np.random.Generator) -> Row:
    make, lasts_s = FAULTS[kind]
    client.inject()
    client.clear_stop()
    client.load_trial(TRIAL, seed)
    client.spin_until(client.is_ready, _READY_S)
    client.truth.clear()
    client.phases.clear()
    known = _counts(ledger)
    handle, _ = client.start_job(TRIAL)
    begun_s, instant_s = time.monotonic(), float(rng.uniform(0.0, INSTANT_S))
    done = handle.get_result_async()
    client.spin_until(done.done, instant_s)
    is_in_time, phase = not done.done(), client.phases[-1].phase if client.phases else ""
    injected_s = client.inject(**make(rng))
    if lasts_s is not None:
        client.spin_until(lambda: False, lasts_s)
    codes = sorted({code for at_s, code in client.told if at_s >= injected_s})
    if lasts_s is not None:
        client.inject()
    if not client.spin_until(done.done, _JOB_S):
        raise SupervisionError(f"the job with {kind} did not end within {_JOB_S} s")
    took_s = time.monotonic() - begun_s
    client.spin_until(lambda: False, _SETTLE_S)  # a seat counts when it stays
    result, rows = done.result().result, _counts(ledger)
    is_good, is_seated = result.error_code == 0, bool(client.truth) and client.truth[-1].is_seated
    return {
        "fault": kind,
        "seed": seed,
        "instant_s": instant_s,
        "phase": phase,
        "is_in_time": is_in_time,
        "codes": codes,
        "error_code": int(result.error_code),
        "error_msg": result.error_msg,
        "is_good": is_good,
        "is_seated": is_seated,
        "attempts": rows["insertions"] - known["insertions"],
        "recoveries": rows["recoveries"] - known["recoveries"],
        "ledger_agrees": rows["good"] - known["good"] == int(is_good) and rows["open"] == 0,
        "offlimit_contacts": max((sample.offlimit_contacts for sample in client.truth), default=0),
        "job_s": took_s,
    }


def _counts(path: Path) -> dict[str, int]:
    with Ledger(path, writes=False) as ledger:
        made, deeds = ledger.rows("insertions"), ledger.rows("recoveries")
    return {
        "insertions": len(made),
        "good": sum(row["error_code"] == 0 for row in made),
        "open": sum(row["ended_ns"] is None for row in made),
        "recoveries": len(deeds),
    }


def summarise(rows: list[Row]) -> Summary:
    """Return the summary over all faults that came while the job ran, and by kind."""
    hit = [row for row in rows if row["is_in_time"]]
    good = sum(row["is_good"] and row["is_seated"] for row in hit)
    low, high = wilson_interval(good, len(hit)) if hit else (0.0, 1.0)
    summary: Summary = {
        "faults": float(len(hit)),
        "too_late": float(len(rows) - len(hit)),
        "good_rate": good / len(hit) if hit else float("nan"),
        "good_wilson_low": low,
        "good_wilson_high": high,
        "false_good": float(sum(row["is_good"] and not row["is_seated"] for row in rows)),
        "seated_but_flagged": float(sum(row["is_seated"] and not row["is_good"] for row in rows)),
        "offlimit_contacts": float(sum(row["offlimit_contacts"] > 0 for row in rows)),
        "recovered_after_failure": float(sum(row["is_good"] and row["recoveries"] > 0 for row in hit)),
        "ledger_disagrees": float(sum(not row["ledger_agrees"] for row in rows)),
        "job_median_s": percentile([row["job_s"] for row in hit], 0.5) if hit else float("nan"),
    }
    for kind in FAULTS:
        some = [row for row in hit if row["fault"] == kind]
        summary |= {f"{kind}_n": float(len(some)), f"{kind}_good": float(sum(row["is_good"] for row in some))}
    return summary
