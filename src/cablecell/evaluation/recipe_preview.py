"""`recipe check`, `preview` and `release`: a recipe is read, run in the simulator, and let into the queue."""

from __future__ import annotations

import getpass
import json
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from cablecell.composition.recipe_book import RecipeBook
from cablecell.composition.task_knowledge import TaskKnowledge
from cablecell.configuration import load_connectors, load_simulation, load_trials, recipes_folder
from cablecell.core.errors import WorkcellError
from cablecell.core.supervision.jobs import Recipe, recipe_hash
from cablecell.records.ledger import Ledger
from cablecell.records.ledger_releases import release

_COLUMNS = ("step", "layout", "is_good", "outcome", "cycle_s", "peak_force_n", "offlimit_contacts")


def find_recipe(name: str, *, recipes: str, trials: str) -> Recipe:
    """Return a recipe all of whose layouts exist.

    Raises:
        DocumentError: A file cannot be read or has a mistake (code 910).
        UnknownRecipeError: There is no such recipe (code 933).
        UnknownLayoutError: A step names a layout that is not in the trial file (code 930).
    """
    knowledge = TaskKnowledge(Path(trials) if trials else None)
    recipe = RecipeBook(recipes_folder(recipes), knowledge.layouts).find(name)
    for step in recipe.steps:
        knowledge.task(step.layout)
    return recipe


def preview(recipe: Recipe, *, trials: str, seed: int) -> list[dict[str, Any]]:
    """Run each step once in the simulator, with the skill's own settings; return a row a step.

    A step is good when the plug is truly seated and nothing was touched that must not be.
    """
    from cablecell.evaluation.rollout import Rollout

    layouts, rows = load_trials(Path(trials) if trials else None).trials, []
    for number, step in enumerate(recipe.steps):
        row: dict[str, Any] = {"step": step.name, "layout": step.layout, "is_good": False}
        rollout: Rollout | None = None
        try:
            rollout = Rollout(layouts[step.layout], load_connectors(), seed=seed + number, simulation=load_simulation())
            done = rollout.run()
        except WorkcellError as error:
            row["outcome"] = f"code {error.code}: {error}"
        else:
            row |= {
                "is_good": done.is_seated and not done.offlimit_contacts,
                "outcome": done.skill.outcome.name.lower(),
                "cycle_s": done.cycle_s,
                "peak_force_n": done.peak_force_n,
                "offlimit_contacts": len(done.offlimit_contacts),
            }
        finally:
            if rollout is not None:
                rollout.close()
        rows.append(row)
    return rows


def run(
    what: str, name: str, *, ledger: str = "", recipes: str = "", trials: str = "", seed: int = 0, as_json: bool = False
) -> int:
    """Check, preview or release a recipe; return the exit code: 1 where it is not good."""
    try:
        recipe = find_recipe(name, recipes=recipes, trials=trials)
        facts: dict[str, Any] = {
            "recipe": recipe.name,
            "version": recipe.version,
            "recipe_hash": recipe_hash(recipe),
            "steps": len(recipe.steps),
        }
        rows = [] if what == "check" else preview(recipe, trials=trials, seed=seed)
        if what == "release":
            with Ledger(Path(ledger)) as book:
                requester = f"{getpass.getuser()} (command line)"
                release(book, recipe, rows, requester=requester, now_ns=time.time_ns())
            facts["is_released"] = True
    except WorkcellError as error:
        sys.stderr.write(f"code {error.code}: {error}\n")
        return 1
    if as_json:
        sys.stdout.write(json.dumps({**facts, "preview": rows}) + "\n")
    else:
        sys.stdout.write(", ".join(f"{key} {value}" for key, value in facts.items()) + "\n")
        if rows:
            table = Table(*_COLUMNS, box=None)
            for row in rows:
                table.add_row(*(_text(row.get(column, "")) for column in _COLUMNS))
            Console(width=None if sys.stdout.isatty() else 160).print(table)
    return 0 if all(row["is_good"] for row in rows) else 1


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
