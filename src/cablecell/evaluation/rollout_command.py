"""The verb `rollout`: runs of a scenario over processes, with a progress bar, results in a folder, and a summary."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from cablecell.composition.scenario_files import load_scenario
from cablecell.composition.trial_scenarios import load_trial_scenarios
from cablecell.core.config.scenario import Scenario
from cablecell.core.errors import WorkcellError
from cablecell.evaluation.batch import ResultFile, jobs_in_turn, run_batch
from cablecell.evaluation.insertion_summary import summarise
from cablecell.evaluation.strip import encode, run_with_strip

INTERRUPTED = 130


@dataclass(frozen=True)
class RolloutOptions:
    """What the verb was asked for.

    Attributes:
        scenario: Scenario file; None for the default one.
        connector: Connector file that takes the place of one of the scenario; None for none.
        trials: AIC trial file whose trials are run in turn, in the place of a scenario; None for none.
        is_drawn: The trials are drawn anew for every seed, within the published limits.
        n: Runs.
        seed: First seed; None for the scenario's own.
        workers: Processes.
        out: Folder of the results; None for no results but the table.
        resume: Go on with the rows in `out`.
        strip: Where to draw moments of the run, which then is a single one; None for nowhere.
        task: What is done instead of the scenario's task; None for that.
        time_limit_s: A run that takes longer is ended and counted as failed.
    """

    scenario: Path | None
    connector: Path | None
    trials: Path | None
    is_drawn: bool
    n: int
    seed: int | None
    workers: int
    out: Path | None
    resume: bool
    strip: Path | None = None
    task: str | None = None
    time_limit_s: float = 600.0


def _run_with_strip(
    scenario: Scenario, seed: int, path: Path, results: ResultFile | None, show: Callable[[dict[str, Any]], None]
) -> None:
    """Run one seed in this process and draw its strip."""
    row, strip = run_with_strip(scenario, seed)
    if results is not None:
        results.append(row)
    show(row)
    if strip is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(strip))


def _scenarios(options: RolloutOptions) -> list[Scenario]:
    if options.trials is not None:
        return load_trial_scenarios(options.trials, is_drawn=options.is_drawn)
    return [load_scenario(options.scenario, options.connector)]


def run(options: RolloutOptions) -> int:
    """Run the batch; return the exit code: 0 done, 2 refused, 130 interrupted."""
    console, errors = Console(highlight=False), Console(stderr=True, highlight=False)
    try:
        scenarios = _scenarios(options)
        if options.task is not None:
            scenarios = [one.with_task(options.task) for one in scenarios]
        results = ResultFile(options.out, resume=options.resume) if options.out is not None else None
    except WorkcellError as error:
        errors.print(str(error), markup=False, soft_wrap=True)
        return 2
    first = scenarios[0].seed if options.seed is None else options.seed
    name = " ".join(f"{one.name} {one.content_hash}" for one in scenarios)
    if options.out is not None:
        for one in scenarios:
            text = json.dumps({"hash": one.content_hash, **one.model_dump(mode="json")}, indent=2)
            (options.out / f"scenario_{one.content_hash}.json").write_text(text + "\n", encoding="utf-8")
    rows: list[dict[str, Any]] = []
    try:
        with Progress(
            TextColumn(name if len(scenarios) == 1 else f"{len(scenarios)} trials"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[seated]} seated"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=errors,
        ) as progress:
            task = progress.add_task("", total=options.n, seated=0)

            def show(row: dict[str, Any]) -> None:
                rows.append(row)
                progress.update(task, advance=1, seated=sum(bool(r["success"]) for r in rows))
                if not row["success"]:
                    of = f"{row['scenario']}, " if len(scenarios) > 1 else ""
                    line = f"{of}seed {row['seed']}: {row['outcome']}: {row['reason']}"
                    progress.console.print(line, markup=False, soft_wrap=True)

            if options.strip is not None:
                _run_with_strip(scenarios[0], first, options.strip, results, show)
            else:
                jobs = jobs_in_turn(scenarios, options.n, first)
                rows = run_batch(jobs, options.workers, results=results, on_row=show, time_limit_s=options.time_limit_s)
    except KeyboardInterrupt:
        where = f"; --resume goes on with {results.path}" if results is not None else ""
        errors.print(f"interrupted after {len(rows)} of {options.n} runs{where}", markup=False, soft_wrap=True)
        return INTERRUPTED
    summary = summarise(rows)
    title = f"{name}: n = {options.n}, seed = {first}"
    console.print(title, markup=False, soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    table.add_column("AIC rubric, our PyBullet cell")
    table.add_column("value", justify="right")
    for key, value in summary.items():
        table.add_row(key, f"{value:.6g}")
    console.print(table)
    if options.out is not None:
        (options.out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    return 0
