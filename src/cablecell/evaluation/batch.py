"""Runs of scenarios over processes, with their results in a file: resumable by (scenario hash, seed).

A row is written when its run is done, so whatever ends the batch, what was done is kept. Rows depend on scenario and
seed only, not on the number of processes or on their order.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from cablecell.core.config.scenario import Scenario
from cablecell.core.errors import ConfigurationError
from cablecell.evaluation.scenario_run import crashed_row, run_scenario
from cablecell.evaluation.workers import work_off

Row = dict[str, Any]
Job = tuple[Scenario, int]

RESULTS = "results.jsonl"
"""Name of the file of rows in a batch's folder."""


class BatchError(ConfigurationError):
    """The folder of a batch holds what must not be mixed with a new one, or cannot be read."""

    code = 911


class ResultFile:
    """The rows of a batch, one JSON object per line."""

    def __init__(self, folder: Path, *, resume: bool) -> None:
        """Open the file of a folder, which is made if needed.

        Args:
            folder: Where the rows are.
            resume: Go on with what is there.

        Raises:
            BatchError: There are rows already and `resume` is not asked for, or a line is not a row (code 911).
        """
        self.path = folder / RESULTS
        folder.mkdir(parents=True, exist_ok=True)
        self.rows = self._read() if self.path.exists() else []
        if self.rows and not resume:
            raise BatchError(
                f"{self.path} holds {len(self.rows)} rows; --resume goes on with them, another --out starts anew",
                quantity="out",
                value=self.path,
            )

    def done(self) -> dict[tuple[str, int], Row]:
        """Return the rows by scenario hash and seed; a run whose process died is not done."""
        return {
            (row["scenario_hash"], row["seed"]): row for row in self.rows if row["outcome"] not in ("CRASHED", "BROKEN")
        }

    def append(self, row: Row) -> None:
        """Write a row; when this returns, it survives the end of the process."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.rows.append(row)

    def _read(self) -> list[Row]:
        text = self.path.read_text(encoding="utf-8")
        lines = text.splitlines()
        rows = []
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
                row["scenario_hash"], row["seed"], row["outcome"]
            except (ValueError, TypeError, KeyError) as error:
                if number == len(lines) and not text.endswith("\n"):
                    break  # the power went while it was written: that run is done again
                raise BatchError(
                    f"{self.path}:{number} is not a row of a batch", quantity="line", value=number
                ) from error
            rows.append(row)
        whole = "".join(json.dumps(row) + "\n" for row in rows)
        if len(rows) < len(lines):
            self.path.write_text(whole, encoding="utf-8")
        return rows


def run_batch(
    jobs: Sequence[Job],
    workers: int,
    *,
    results: ResultFile | None = None,
    on_row: Callable[[Row], None] | None = None,
    time_limit_s: float = 600.0,
) -> list[Row]:
    """Run scenarios and return a row per job in the order of the jobs; rows that are in `results` are not run again.

    Args:
        jobs: Scenario and seed of every run.
        workers: Processes.
        results: Where rows are read from and written to; None for memory only.
        on_row: Called with every row as soon as there is one, in any order.
        time_limit_s: A run that takes longer is ended, named and counted as failed.
    """
    scenarios = list({scenario.content_hash: scenario for scenario, _ in jobs}.values())
    index = {scenario.content_hash: i for i, scenario in enumerate(scenarios)}
    found = results.done() if results is not None else {}
    keys = [(scenario.content_hash, seed) for scenario, seed in jobs]
    rows: dict[tuple[str, int], Row] = {key: found[key] for key in keys if key in found}
    todo = [key for key in dict.fromkeys(keys) if key not in rows]
    for row in rows.values():
        if on_row is not None:
            on_row(row)
    asked = [(index[content], seed) for content, seed in todo]
    with closing(work_off(_run, scenarios, asked, workers, time_limit_s=time_limit_s)) as answers:
        for answer in answers:
            content, seed = todo[answer.index]
            row = answer.value
            if row is None:
                row = crashed_row(scenarios[index[content]], seed, answer.fault, is_crash=answer.is_crash)
            rows[content, seed] = row
            if results is not None:
                results.append(row)
            if on_row is not None:
                on_row(row)
    return [rows[key] for key in keys]


def jobs_in_turn(scenarios: Sequence[Scenario], n: int, seed: int) -> list[Job]:
    """Return `n` jobs, the scenarios in turn, each with its own seed counting up from `seed`."""
    return [(scenarios[i % len(scenarios)], seed + i) for i in range(n)]


def count_crashes(rows: Iterable[Row]) -> int:
    """Return how many runs gave no result of their own."""
    return sum(row["outcome"] in ("CRASHED", "BROKEN") for row in rows)


def _run(scenarios: Sequence[Scenario], job: tuple[int, int]) -> Row:
    return run_scenario(scenarios[job[0]], job[1])
