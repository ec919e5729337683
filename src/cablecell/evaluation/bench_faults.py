"""Benchmark of supervision: faults of the table, one a job, on a stand-in cell with a simulated clock; and `kill -9`.

Real: the monitors, the PackML machine, the plans of recovery and their tree, the ledger on a disk. Stand-ins: arm,
skill, parts, and the typed outcomes of what those notice; their delay is not counted. No physics is simulated.
"""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any

from cablecell.configuration import load_faults
from cablecell.core.supervision.faults import Fault, FaultTable, Reaction
from cablecell.evaluation.bench import percentile, wilson_interval
from cablecell.evaluation.faults.audit import Audit
from cablecell.evaluation.faults.full_disk import FillableLedger
from cablecell.evaluation.faults.injection import TOLD, draw
from cablecell.evaluation.faults.kills import run_kills
from cablecell.evaluation.faults.night_shift import NightShift
from cablecell.evaluation.faults.outcome import OperatorNeededError, Outcome
from cablecell.evaluation.faults.stand_in import StandInCell
from cablecell.records.ledger import check_ledger

Row = dict[str, Any]
Summary = dict[str, float]

_PARTS = 2
_SHIFT_NS = 1_000_000_000_000


def run(*, n: int, seed: int, workers: int) -> tuple[list[Row], Summary]:
    """Run the benchmark.

    Args:
        n: Number of faults; a fifth as many times a process is killed.
        seed: Seed of everything random; the instants of the kills depend on the machine as well.
        workers: One process runs all, whatever is said here.

    Returns:
        One row a fault, and the summary.
    """
    table = load_faults()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        ledger = FillableLedger(path)
        with ledger:
            rows = [run_fault(table, ledger, seed, index) for index in range(n)]
        summary = summarise(rows)
        summary["ledger_damaged"] = float(bool(check_ledger(path)))
        summary |= run_kills(Path(folder), kills=max(1, n // 5), seed=seed)
    return rows, summary


def run_fault(table: FaultTable, ledger: FillableLedger, seed: int, index: int) -> Row:
    """Return the row of one fault: a cell is started, does a job of two parts, and gets the fault on the way."""
    dice = random.Random(f"{seed}/{index}")
    fault = table.faults[index % len(table.faults)]
    injection = draw(fault.name, _PARTS, dice)
    job = f"job {seed}/{index}"
    serials = [f"{job} part {number}" for number in range(_PARTS)]
    audit = Audit(fault.reaction)
    shift = NightShift(StandInCell(dice), ledger, table, dice, index * _SHIFT_NS)
    outcome = shift.run(job, serials, injection, audit)
    ledger.is_full = False
    row: Row = {"fault": fault.name, "job": job, "part": injection.part, "phase": injection.phase}
    row |= _judge(fault, outcome, audit) | _account(ledger, job, outcome)
    return row


def _judge(fault: Fault, outcome: Outcome, audit: Audit) -> Row:
    is_borne = fault.reaction is Reaction.GO_ON
    is_noticed = outcome.noticed_s is not None
    is_right = not is_noticed if is_borne else is_noticed and outcome.first_code in fault.codes
    delay_s: float | None = None
    if is_noticed and not is_borne and fault.name not in TOLD and fault.name != "disk_full":
        assert outcome.noticed_s is not None
        assert outcome.injected_s is not None
        delay_s = outcome.noticed_s - outcome.injected_s
    return {
        "is_injected": outcome.injected_s is not None,
        "is_noticed": is_noticed,
        "is_borne": is_borne,
        "code": outcome.first_code,
        "is_right_code": is_right,
        "detected_s": delay_s,
        "unsafe": sorted(audit.unsafe),
        "is_recoverable": fault.recoverable,
        "is_recovered": outcome.ended_by is None,
        "asked_operator": isinstance(outcome.ended_by, OperatorNeededError),
        "recoveries": outcome.recoveries,
        "good": len(outcome.good),
        "flagged": len(outcome.flagged),
        "false_good": len(set(outcome.good) - set(outcome.seated)),
    }


def _account(ledger: FillableLedger, job: str, outcome: Outcome) -> Row:
    """Compare the ledger with what was done."""
    with ledger.transaction() as db:
        rows = db.execute("SELECT step, error_code FROM insertions WHERE job_id = ?", (job,)).fetchall()
    done = [row["step"] for row in rows if row["error_code"] == 0]
    return {
        "ledger_lost": max(0, outcome.begun - len(rows)) + len(set(outcome.good) - set(done)),
        "ledger_doubled": max(0, len(rows) - outcome.begun) + len(done) - len(set(done)),
    }


def summarise(rows: list[Row]) -> Summary:
    """Return the summary over all faults."""
    noticeable = [row for row in rows if not row["is_borne"]]
    borne = [row for row in rows if row["is_borne"]]
    times = [row["detected_s"] for row in noticeable if row["detected_s"] is not None]
    repairable = [row for row in noticeable if row["is_recoverable"]]
    recovered = sum(row["is_recovered"] for row in repairable)
    complete = sum(row["is_recovered"] and not row["flagged"] for row in repairable)
    right = sum(row["is_right_code"] for row in rows)
    summary: Summary = {
        "injected": float(sum(row["is_injected"] for row in rows)),
        "noticed_rate": sum(row["is_noticed"] for row in noticeable) / len(noticeable),
        "timed": float(len(times)),
        "detected_median_s": percentile(times, 0.5),
        "detected_p99_s": percentile(times, 0.99),
        "detected_max_s": max(times, default=float("nan")),
        "unsafe_continuations": float(sum(bool(row["unsafe"]) for row in rows)),
        "false_alarms": float(sum(row["is_noticed"] for row in borne)),
        "right_code_rate": right / len(rows),
        "right_code_wilson_low": wilson_interval(right, len(rows))[0],
        "recoverable": float(len(repairable)),
        "auto_recovered_rate": recovered / len(repairable),
        "auto_recovered_wilson_low": wilson_interval(recovered, len(repairable))[0],
        "all_parts_good_rate": complete / len(repairable),
        "false_good": float(sum(row["false_good"] for row in rows)),
        "flagged": float(sum(row["flagged"] for row in rows)),
        "ledger_lost": float(sum(row["ledger_lost"] for row in rows)),
        "ledger_doubled": float(sum(row["ledger_doubled"] for row in rows)),
    }
    return summary
