"""A night without people, in simulated time: one cell, one ledger, faults at a stated rate, thousands of parts.

Only faults that have to be repaired without a person are drawn, and those that have to be borne; the others end a night
by design. What is real and what is a stand-in is as in `evaluation.bench_faults`. A part whose port is covered or
fouled for good is hopeless: it can only be flagged. Any other part that is flagged was lost by the supervision.
"""

from __future__ import annotations

import json
import math
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from cablecell.configuration import load_faults
from cablecell.core.errors import WorkcellError
from cablecell.core.supervision.faults import Reaction
from cablecell.evaluation.bench import describe_machine
from cablecell.evaluation.faults.audit import Audit
from cablecell.evaluation.faults.full_disk import FillableLedger
from cablecell.evaluation.faults.injection import Injection, draw
from cablecell.evaluation.faults.night_shift import NightShift
from cablecell.evaluation.faults.stand_in import StandInCell
from cablecell.evaluation.soak import resident_bytes
from cablecell.records.ledger import check_ledger
from cablecell.records.shift import read_shift

_PARTS = 10
"""Parts of a job; at most one fault comes in each."""
_PART_S = 9.8
"""Time that a part takes where nothing goes wrong, s."""
_BEGIN_NS = 1_767_225_600_000_000_000
"""The night begins with the year 2026."""
_WARM = 0.1
"""Share of the night after which caches are taken to be full."""


def run_night(
    path: Path, *, hours: float, rate_per_hour: float, seed: int, tell: Callable[[str], object] | None = None
) -> dict[str, float]:
    """Let a cell work through a night; return what came of it.

    Args:
        path: Ledger to make.
        hours: Simulated time, h.
        rate_per_hour: Faults an hour of simulated time.
        seed: Seed of everything random.
        tell: Takes a line for every simulated hour.

    Raises:
        LedgerError: It cannot be made or written (code 640).
    """
    table, dice = load_faults(), random.Random(seed)
    kinds = [fault for fault in table.faults if fault.recoverable]
    chance = min(1.0, rate_per_hour * _PARTS * _PART_S / 3600.0)
    counts = dict.fromkeys(
        (
            "jobs",
            "parts",
            "good",
            "seated",
            "flagged",
            "hopeless",
            "lost",
            "faults",
            "wrong_code",
            "unsafe",
            "stops",
            "false_good",
            "begun",
        ),
        0,
    )
    memory: list[tuple[float, float]] = []
    ledger = FillableLedger(path)
    with ledger:
        cell = StandInCell(dice)
        shift = NightShift(cell, ledger, table, dice, _BEGIN_NS)
        while cell.now_s < 3600.0 * hours:
            job = f"job {counts['jobs']}"
            serials = [f"{counts['jobs']}-{number}" for number in range(_PARTS)]
            fault = dice.choice(kinds) if dice.random() < chance else None
            injection: Injection | None = None if fault is None else draw(fault.name, _PARTS, dice)
            audit = Audit(None if fault is None else fault.reaction)
            outcome = shift.run(job, serials, injection, audit)
            counts["jobs"] += 1
            counts["parts"] += len(outcome.good) + len(outcome.flagged)
            counts["begun"] += outcome.begun
            counts["good"] += len(outcome.good)
            counts["seated"] += len(outcome.seated)
            counts["flagged"] += len(outcome.flagged)
            counts["hopeless"] += len(outcome.hopeless)
            counts["lost"] += len(set(outcome.flagged) - set(outcome.hopeless))
            counts["false_good"] += len(set(outcome.good) - set(outcome.seated))
            counts["unsafe"] += bool(audit.unsafe)
            if fault is not None:
                is_borne = fault.reaction is Reaction.GO_ON
                counts["faults"] += outcome.injected_s is not None
                is_right = outcome.noticed_s is None if is_borne else outcome.first_code in fault.codes
                counts["wrong_code"] += not is_right
            if outcome.ended_by is not None:
                counts["stops"] += 1
                shift.be_helped()
            if cell.now_s // 3600.0 != (memory[-1][0] // 3600.0 if memory else -1.0):
                memory.append((cell.now_s, resident_bytes()))
                if tell is not None:
                    tell(f"{cell.now_s / 3600.0:5.1f} h: {counts['parts']} parts, {counts['faults']} faults")
        memory.append((cell.now_s, resident_bytes()))
        rows = len(ledger.rows("insertions"))
    warm = next(size for at_s, size in memory if at_s >= _WARM * memory[-1][0])
    figures = read_shift(path).figures
    summary = {name: float(value) for name, value in counts.items()}
    summary |= {
        "simulated_h": memory[-1][0] / 3600.0,
        "good_rate": counts["good"] / counts["parts"],
        "ledger_lost": float(max(0, counts["begun"] - rows)),
        "ledger_doubled": float(max(0, rows - counts["begun"])),
        "ledger_damaged": float(bool(check_ledger(path))),
        "memory_growth": memory[-1][1] / warm - 1.0,
        **{name: figures[name] for name in ("oee", "availability", "effectiveness", "quality_ratio")},
        **{name: figures[name] for name in ("first_pass_yield", "mtbf_s", "mttr_s", "cycle_median_s", "cycle_p95_s")},
    }
    return summary


def run(path: Path, *, hours: float, rate_per_hour: float, seed: int, json_file: str) -> int:
    """Run a night, print what came of it, and return the exit code."""
    console = Console(highlight=False)
    try:
        summary = run_night(path, hours=hours, rate_per_hour=rate_per_hour, seed=seed, tell=console.print)
    except WorkcellError as error:
        sys.stderr.write(f"code {error.code}: {error}\n")
        return 1
    table = Table("a night in simulated time, arm and parts are stand-ins", "value", box=None)
    table.columns[1].justify = "right"
    for name, value in summary.items():
        table.add_row(name, f"{value:.6g}")
    console.print(table)
    console.print(f"ledger: {path}; its shift report: ./cell oee {path} --report shift.html", soft_wrap=True)
    if json_file:
        settings = {"hours": hours, "faults_per_hour": rate_per_hour, "seed": seed}
        numbers: dict[str, Any] = {name: None if math.isnan(value) else value for name, value in summary.items()}
        document = {"name": "soak", "machine": describe_machine(), "settings": settings, "summary": numbers}
        Path(json_file).write_text(json.dumps(document, indent=2), encoding="utf-8")
    return 0
