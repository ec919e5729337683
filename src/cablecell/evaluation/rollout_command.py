"""The verb `rollout`: runs of a scenario over processes, with a progress bar, results in a folder, and a summary."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from cablecell.composition.scenario_files import load_scenario
from cablecell.core.errors import WorkcellError
from cablecell.evaluation.batch import ResultFile, run_batch
from cablecell.evaluation.insertion_summary import summarise

INTERRUPTED = 130


@dataclass(frozen=True)
class RolloutOptions:
    """What the verb was asked for.

    Attributes:
        scenario: Scenario file; None for the default one.
        connector: Connector file that takes the place of one of the scenario; None for none.
        n: Runs.
        seed: First seed; None for the scenario's own.
        workers: Processes.
        out: Folder of the results; None for no results but the table.
        resume: Go on with the rows in `out`.
        task: What is done instead of the scenario's task; None for that.
        time_limit_s: A run that takes longer is ended and counted as failed.
    """

    scenario: Path | None
    connector: Path | None
    n: int
    seed: int | None
    workers: int
    out: Path | None
    resume: bool
    task: str | None = None
    time_limit_s: float = 600.0


def run(options: RolloutOptions) -> int:
    """Run the batch; return the exit code: 0 done, 2 refused, 130 interrupted."""
    console, errors = Console(highlight=False), Console(stderr=True, highlight=False)
    try:
        scenario = load_scenario(options.scenario, options.connector)
        if options.task is not None:
            scenario = type(scenario).model_validate({**scenario.model_dump(), "task": options.task})
        results = ResultFile(options.out, resume=options.resume) if options.out is not None else None
    except WorkcellError as error:
        errors.print(str(error), markup=False, soft_wrap=True)
        return 2
    first = scenario.seed if options.seed is None else options.seed
    if options.out is not None:
        text = json.dumps({"hash": scenario.content_hash, **scenario.model_dump(mode="json")}, indent=2)
        (options.out / f"scenario_{scenario.content_hash}.json").write_text(text + "\n", encoding="utf-8")
    rows: list[dict[str, Any]] = []
    try:
        with Progress(
            TextColumn(f"{scenario.name} {scenario.content_hash}"),
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
                    line = f"seed {row['seed']}: {row['outcome']}: {row['reason']}"
                    progress.console.print(line, markup=False, soft_wrap=True)

            jobs = [(scenario, first + i) for i in range(options.n)]
            rows = run_batch(jobs, options.workers, results=results, on_row=show, time_limit_s=options.time_limit_s)
    except KeyboardInterrupt:
        where = f"; --resume goes on with {results.path}" if results is not None else ""
        errors.print(f"interrupted after {len(rows)} of {options.n} runs{where}", markup=False, soft_wrap=True)
        return INTERRUPTED
    summary = summarise(rows)
    title = f"{scenario.name} {scenario.content_hash}: n = {options.n}, seed = {first}"
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
