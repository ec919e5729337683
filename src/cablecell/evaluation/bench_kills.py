"""Benchmark `kills`: `kill -9` of the supervisor of a working cell, at random instants, again and again.

Real: the supervisor's process, the middleware, the ledger on a disk, the queue, the report of the skill and its file.
Stand-in: estimator, skill and ports (`faults/workbench.py`). Each fourth kill takes the skill as well. Where the
supervisor asks a question, a person is played who looks at the port. The ports' own log is compared with the ledger.
"""

from __future__ import annotations

import contextlib
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from cablecell.composition.recipe_book import RecipeBook
from cablecell.composition.task_knowledge import TaskKnowledge
from cablecell.configuration import recipes_folder
from cablecell.core.errors import SupervisionError
from cablecell.core.supervision.jobs import recipe_hash
from cablecell.core.supervision.lookback import Answer
from cablecell.core.supervision.packml import State
from cablecell.evaluation.bench import Progress, no_progress, percentile
from cablecell.evaluation.faults.workbench import Entry, key, read_log, seated
from cablecell.records import ledger_queue
from cablecell.records.ledger import Ledger, check_ledger
from cablecell.records.ledger_found import note_answer, open_insertions
from cablecell.records.ledger_queue import QueuedJob

Row = dict[str, Any]
Summary = dict[str, float]

PARTS = 6
"""Parts of a job."""
LONGEST_S = 3.0
"""Longest time from the end of the bring-up to the kill, s."""
EARLY = 0.1
"""Share of the kills that come during the bring-up."""
WHOLE = 0.25
"""Share of the kills that take the skill as well."""

_NAMESPACE = "/kills"
_RECIPE = "trial_1"
_UP = "ready after"
_UP_S, _DONE_S, _POLL_S = 60.0, 120.0, 0.05
_SUPERVISOR = "from cablecell.ros.nodes.cell_supervisor import main; main()"
_WORKBENCH = "from cablecell.evaluation.faults.workbench import main; main()"


def run(*, n: int, seed: int, workers: int, progress: Progress = no_progress) -> tuple[list[Row], Summary]:
    """Run the benchmark; interrupted, the cell is not killed any more and ends its jobs.

    Args:
        n: Kills.
        seed: Of the instants, of what is killed and of what the stand-in does; what is hit depends on the machine too.
        workers: One cell runs, whatever is said here.
        progress: Told how many kills are done.

    Raises:
        SupervisionError: The cell did not come up again, or did not finish its jobs (code 600).
    """
    with tempfile.TemporaryDirectory() as folder:
        cell = KilledCell(Path(folder), seed)
        rows = []
        try:
            with contextlib.suppress(KeyboardInterrupt):
                for number in range(n):
                    rows.append(cell.kill_once(number))
                    progress(number + 1, n)
            cell.finish()
        finally:
            cell.close()
        return rows, summarise(rows, read_log(cell.log), cell.ledger, cell.added)


class Child:
    """A node as a process, and what it prints."""

    def __init__(self, code: str, parameters: dict[str, object]) -> None:
        words = [word for name, value in parameters.items() for word in ("-p", f"{name}:={value}")]
        self._popen = subprocess.Popen(
            [sys.executable, "-c", code, "--ros-args", "-r", f"__ns:={_NAMESPACE}", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._popen.stdout is not None
        with self._popen.stdout as stream:
            self.lines.extend(stream)

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._popen.poll() is None

    def has_said(self, text: str) -> bool:
        """Return whether it has printed a text."""
        return any(text in line for line in tuple(self.lines))

    def kill(self) -> None:
        """`kill -9`."""
        self._popen.send_signal(signal.SIGKILL)
        self._popen.wait()
        self._reader.join(1.0)


class KilledCell:
    """A supervisor that works a queue off with the stand-in, and is killed.

    Attributes:
        ledger: The ledger.
        log: What really happened.
        added: All jobs and steps there are to do.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.ledger, self.log = folder / "ledger.db", folder / "world.jsonl"
        self._seed, self._dice = seed, random.Random(seed)
        self.added: list[tuple[str, str]] = []
        self._asked = 0
        book = RecipeBook(recipes_folder(), TaskKnowledge().layouts)
        recipe = book.find(_RECIPE)
        self._hash, self._steps = recipe_hash(recipe), [step.name for step in recipe.steps]
        self.log.touch()
        with Ledger(self.ledger):
            pass
        self._workbench: Child | None = None
        self._supervisor: Child | None = None

    def kill_once(self, number: int) -> Row:
        """Start what is not running, kill it at a random instant, and say what was hit."""
        self._add_jobs()
        begun_s = time.monotonic()
        is_early, is_whole = self._dice.random() < EARLY, self._dice.random() < WHOLE
        delay_s = self._dice.uniform(0.0, LONGEST_S)
        supervisor = self._start(number)
        asked, up_s = self._asked, None
        if not is_early:
            self._wait(lambda: supervisor.has_said(_UP), _UP_S, "the cell is not up")
            up_s = time.monotonic() - begun_s
        until_s = time.monotonic() + delay_s
        while time.monotonic() < until_s:
            self._look(supervisor)
        victims = [supervisor, self._workbench] if is_whole else [supervisor]
        for victim in self._dice.sample(victims, len(victims)):
            assert victim is not None
            victim.kill()
        self._supervisor = None
        if is_whole:
            self._workbench = None
        last = next(iter(reversed(read_log(self.log))), None)
        return {
            "kill": number,
            "is_early": is_early,
            "is_whole": is_whole,
            "up_s": up_s,
            "instant_s": time.monotonic() - begun_s,
            "hit_after": "" if last is None else last["what"],
            "is_open": self._is_open(),
            "asked": self._asked - asked,
        }

    def finish(self) -> None:
        """Let the cell end its jobs."""
        if self._supervisor is None:  # else it was not killed, because somebody interrupted
            self._start(-1)
        self._wait(lambda: self._waiting() == 0, _DONE_S, "the queue is not done")

    def close(self) -> None:
        """End what runs."""
        for child in (self._supervisor, self._workbench):
            if child is not None and child.is_running:
                child.kill()

    def _start(self, number: int) -> Child:
        if self._workbench is None:
            given = {"log": self.log, "ledger_file": self.ledger, "seed": self._seed + number + 1}
            self._workbench = Child(_WORKBENCH, given)
        given = {
            "nodes": "[workbench]",
            "autostart": "true",
            "ledger_file": self.ledger,
            "works_queue": "true",
            "appear_limit_s": _UP_S,
            "realtime_priority": 0,
        }
        self._supervisor = Child(_SUPERVISOR, given)
        return self._supervisor

    def _wait(self, is_done: Any, longest_s: float, what: str) -> None:
        end_s = time.monotonic() + longest_s
        while not is_done():
            assert self._supervisor is not None
            self._look(self._supervisor)
            if time.monotonic() > end_s:
                said = "".join(self._supervisor.lines[-20:])
                raise SupervisionError(f"{what} after {longest_s} s: {said}")

    def _look(self, supervisor: Child) -> None:
        """Watch for a moment; answer a question as a person would who looks at the port."""
        if not supervisor.is_running:
            raise SupervisionError("the supervisor ended by itself: " + "".join(supervisor.lines[-20:]))
        time.sleep(_POLL_S)
        if not self._is_asked():
            return
        with Ledger(self.ledger) as ledger:
            for begun in open_insertions(ledger):
                is_in = (begun.job_id, begun.step) in seated(read_log(self.log))
                note_answer(ledger, Answer.SEATED if is_in else Answer.EMPTY, "a person", time.time_ns(), begun.row)
                self._asked += 1
        self._wait(lambda: not self._is_asked(), _UP_S, "the answer was not taken")

    def _is_asked(self) -> bool:
        last = self._sql("SELECT state, reason FROM states ORDER BY id DESC LIMIT 1")
        return bool(last) and last[0][0] == int(State.HELD) and "seated" in last[0][1]

    def _is_open(self) -> bool:
        return bool(self._sql("SELECT 1 FROM insertions WHERE ended_ns IS NULL"))

    def _waiting(self) -> int:
        return len(self._sql("SELECT 1 FROM queue WHERE state NOT IN ('done', 'failed', 'cancelled')"))

    def _add_jobs(self) -> None:
        """Have always enough to do for the time until the next kill."""
        with Ledger(self.ledger) as ledger:
            for _ in range(3 - self._waiting()):
                number = len(self.added)
                serials = tuple(f"part_{number + part}" for part in range(PARTS))
                job = QueuedJob(f"job_{number}", _RECIPE, self._hash, serials)
                ledger_queue.add(ledger, job, time.time_ns())
                self.added += [(job.job_id, f"{serial}/{step}") for serial in serials for step in self._steps]

    def _sql(self, question: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"{self.ledger.as_uri()}?mode=ro", uri=True, timeout=5.0)) as db:
            return db.execute(question).fetchall()


def summarise(rows: list[Row], entries: list[Entry], ledger: Path, added: list[tuple[str, str]]) -> Summary:
    """Compare what really happened with the ledger, by SQL and by the log of the ports alone.

    Args:
        rows: Of the kills.
        entries: Log of the ports.
        ledger: The ledger after all.
        added: All there was to do.
    """
    with closing(sqlite3.connect(ledger)) as db:
        kept = db.execute("SELECT id, job_id, step, ended_ns, error_code, found FROM insertions").fetchall()
        jobs = db.execute("SELECT count(*) FROM queue WHERE state <> 'done'").fetchone()[0]
    done = [(job, step) for _, job, step, _, code, _ in kept if code == 0]
    plugs = seated(entries)
    begun = [entry["row"] for entry in entries if entry["what"] == "begun"]
    known = {(row, job, step) for row, job, step, *_ in kept}
    ups = [row["up_s"] for row in rows if row["up_s"] is not None]
    return {
        "kills": float(len(rows)),
        "kills_of_skill_too": float(sum(row["is_whole"] for row in rows)),
        "kills_in_bring_up": float(sum(row["is_early"] for row in rows)),
        "kills_with_open_insertion": float(sum(row["is_open"] for row in rows)),
        "kills_between_seat_and_row": float(sum(row["is_open"] and row["hit_after"] in _IN for row in rows)),
        "parts": float(len(added)),
        "insertions": float(len(kept)),
        "pushed_into_filled": float(sum(entry["what"] == "pushed_into_filled" for entry in entries)),
        "done_twice": float(len(plugs) - len(set(plugs))),
        "skipped": float(len(set(added) - set(plugs))),
        "jobs_not_done": float(jobs),
        "ledger_lost": float(
            sum((entry["row"], *key(entry)) not in known for entry in entries) + len(set(plugs) - set(done))
        ),
        "ledger_doubled": float(len(done) - len(set(done)) + len(begun) - len(set(begun))),
        "ledger_false": float(len(set(done) - set(plugs))),
        "ledger_open": float(sum(ended is None for _, _, _, ended, _, _ in kept)),
        "ledger_damaged": float(bool(check_ledger(ledger))),
        "found_by_report": float(sum(found == "report" for *_, found in kept)),
        "found_by_person": float(sum(found == "operator" for *_, found in kept)),
        "up_median_s": percentile(ups, 0.5) if ups else float("nan"),
    }


_IN = ("seated", "told")
