"""`job add`, `list`, `cancel`, `pause`, `resume`, `retry`, `found`."""

from __future__ import annotations

import getpass
import json
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from cablecell.composition.recipe_book import RecipeBook
from cablecell.composition.task_knowledge import TaskKnowledge
from cablecell.configuration import recipes_folder
from cablecell.core.errors import WorkcellError
from cablecell.core.supervision.jobs import recipe_hash
from cablecell.core.supervision.lookback import Answer
from cablecell.records import ledger_found, ledger_queue
from cablecell.records.ledger import Ledger
from cablecell.records.ledger_releases import require_released

_COLUMNS = ("job_id", "recipe", "priority", "serials", "state", "requester", "error_code", "error_msg")


def add(
    path: Path,
    recipe: str,
    *,
    name: str,
    priority: int,
    serials: tuple[str, ...],
    recipes: str,
    trials: str,
    as_json: bool,
) -> int:
    """Put a job into the queue; return the exit code."""
    try:
        layouts = TaskKnowledge(Path(trials) if trials else None).layouts
        found = RecipeBook(recipes_folder(recipes), layouts).find(recipe)
        now_ns = time.time_ns()
        where = str(Path(recipe).absolute()) if recipe.endswith((".yaml", ".yml")) else recipe
        job = ledger_queue.QueuedJob(
            name or f"job_{now_ns}", where, recipe_hash(found), serials, priority, "", _requester()
        )
        with Ledger(path) as ledger:
            require_released(ledger, found)
            ledger_queue.add(ledger, job, now_ns)
    except WorkcellError as error:
        return _refuse(error)
    steps = len(found.steps) * max(len(serials), 1)
    _say({"job_id": job.job_id, "recipe_hash": job.recipe_hash, "steps": steps}, as_json=as_json)
    return 0


def show(path: Path, *, as_json: bool) -> int:
    """Print the queue; return the exit code."""
    try:
        with Ledger(path, writes=False) as ledger:
            rows = ledger_queue.listed(ledger)
    except WorkcellError as error:
        return _refuse(error)
    if as_json:
        sys.stdout.write(json.dumps(rows) + "\n")
        return 0
    drawn = Table(*_COLUMNS)
    for row in rows:
        serials = row["serials"]
        assert isinstance(serials, list)
        texts = {**row, "serials": " ".join(serials)}
        drawn.add_row(*(str(texts[name]) for name in _COLUMNS))
    Console(width=None if sys.stdout.isatty() else 200).print(drawn)
    return 0


def change(path: Path, job_id: str, what: str, *, as_json: bool) -> int:
    """Cancel, pause, resume or retry a job; return the exit code."""
    try:
        with Ledger(path) as ledger:
            if what == "retry":
                job_id = ledger_queue.retry(ledger, job_id, _requester(), time.time_ns()).job_id
                state = "waiting"
            else:
                state = ledger_queue.change(ledger, job_id, what, time.time_ns())
    except WorkcellError as error:
        return _refuse(error)
    _say({"job_id": job_id, "state": state}, as_json=as_json)
    return 0


def found(path: Path, answer: Answer, row: int, *, as_json: bool) -> int:
    """Say what a person has seen of an insertion that is open; return the exit code."""
    try:
        with Ledger(path) as ledger:
            begun = ledger_found.note_answer(ledger, answer, _requester(), time.time_ns(), row)
    except WorkcellError as error:
        return _refuse(error)
    _say({"insertion": begun.row, "port": begun.port, "answer": answer.value}, as_json=as_json)
    return 0


def _requester() -> str:
    return f"{getpass.getuser()} (command line)"


def _say(facts: dict[str, object], *, as_json: bool) -> None:
    line = json.dumps(facts) if as_json else ", ".join(f"{key} {value}" for key, value in facts.items())
    sys.stdout.write(line + "\n")


def _refuse(error: WorkcellError) -> int:
    sys.stderr.write(f"code {error.code}: {error}\n")
    return 1
