"""`kill -9` of what works a queue off, at random instants: jobs go on where they were, no part twice, none left out.

A part takes some milliseconds here. Where the process dies after the plug is in and before that is written, the next
one finds out from the shop (`kill_found`), as the supervisor does from the report of the skill: no part is done again.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from cablecell.core.errors import SupervisionError
from cablecell.records import ledger_queue
from cablecell.records.ledger import Ledger, check_ledger
from cablecell.records.ledger_queue import QueuedJob

_PARTS = 40
_LONGEST_S = 0.25

CHILD = """
import sys, time
from pathlib import Path
from cablecell.core.supervision.packml import Command, COMPLETES, PackmlMachine, State
from cablecell.records import ledger_queue
from cablecell.records.ledger import Ledger
from cablecell.records.ledger_found import open_insertions
from cablecell.records.ledger_rows import InsertionBegin, InsertionEnd, JobRecord
machine = PackmlMachine()
with Ledger(Path(sys.argv[1])) as ledger, open(sys.argv[2], "a", buffering=1) as shop:
    def say(before):
        ledger.note_state(time.time_ns(), state=int(machine.state), previous=int(before), mode=1, cause_code=0,
                          reason="", job_id="")
    def do(command):
        before = machine.state
        machine.command(command)
        say(before)
        while machine.state in COMPLETES and machine.state is not State.EXECUTE:
            before = machine.state
            machine.complete(before)
            say(before)
    say(0)
    ledger_queue.put_back(ledger, time.time_ns())
    do(Command.RESET)
    print("up", flush=True)
    while (job := ledger_queue.take_next(ledger, time.time_ns())) is not None:
        do(Command.START)
        ledger.begin_job(JobRecord(job.job_id, job.recipe, job.recipe_hash, "{}", "1"), 2, time.time_ns())
        seated = Path(sys.argv[2]).read_text().split()
        for begun in open_insertions(ledger):
            end = InsertionEnd(0 if begun.step in seated else 641, found="report")
            ledger.end_insertion(begun.row, end, time.time_ns())
        done = ledger.steps_done(job.job_id)
        for serial in job.serials:
            if serial in done:
                continue
            row = ledger.begin_insertion(job.job_id, serial, InsertionBegin("sfp", "p", serial, "1", 0.0, 0.0, serial),
                                         time.time_ns())
            shop.write(serial + "\\n")  # the plug is in: this happens in the world, and nobody has written it yet
            ledger.end_insertion(row, InsertionEnd(0, attempts=1), time.time_ns())
        ledger.end_job(job.job_id, 4, 0, "", time.time_ns())
        ledger_queue.end(ledger, job.job_id, None, time.time_ns())
        do(Command.COMPLETE)
        do(Command.RESET)
"""


def run_kills(folder: Path, *, kills: int, seed: int) -> dict[str, float]:
    """Kill a process that works a queue off, as often as said, and let the last one end.

    Args:
        folder: Where to work.
        kills: How often.
        seed: Of the instants.

    Raises:
        SupervisionError: The process ended with an error (code 600).
    """
    path, shop, dice = folder / "killed.db", folder / "shop.txt", random.Random(seed)
    jobs, killed, added = 0, 0, list[str]()
    with Ledger(path) as ledger:
        while killed < kills:
            waiting = [row for row in ledger_queue.listed(ledger) if row["state"] in ("waiting", "running")]
            while len(waiting) < 3:  # always enough to do for the time until it is killed
                serials = tuple(f"{jobs}.{part}" for part in range(_PARTS))
                job = QueuedJob(f"job {jobs}", "r", "h", serials)
                ledger_queue.add(ledger, job, time.time_ns())
                waiting.append({"job_id": job.job_id})
                added += serials
                jobs += 1
            killed += _run_child(path, shop, dice.uniform(0.0, _LONGEST_S))
        _run_child(path, shop, None)
        done = [row["step"] for row in ledger.rows("insertions") if row["error_code"] == 0]
        open_jobs = sum(row["state"] != "done" for row in ledger.rows("queue"))
        interrupted = sum(row["error_code"] == 641 for row in ledger.rows("insertions"))
        found = sum(row["error_code"] == 0 and bool(row["found"]) for row in ledger.rows("insertions"))
    made = shop.read_text(encoding="utf-8").split()
    return {
        "kills": float(killed),
        "kill_parts": float(len(added)),
        "kill_interrupted": float(interrupted),
        "kill_found": float(found),
        "kill_redone": float(len(made) - len(set(made))),
        "kill_done_twice": float(len(done) - len(set(done))),
        "kill_left_out": float(len(set(added) - set(done)) + len(set(added) - set(made)) + open_jobs),
        "kill_ledger_damaged": float(bool(check_ledger(path))),
    }


def _run_child(path: Path, shop: Path, until_s: float | None) -> int:
    """Run one process; return whether it was killed before it ended by itself.

    Raises:
        SupervisionError: It ended with an error (code 600).
    """
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(path), str(shop)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    if until_s is not None:
        try:
            child.wait(until_s)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    if child.returncode not in (0, -signal.SIGKILL):
        raise SupervisionError(f"the process that works the queue off ended with {child.returncode}")
    return int(child.returncode == -signal.SIGKILL)
