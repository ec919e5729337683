"""`cablecell recipe …`: look at a recipe, run it in the simulator, and release it for the queue."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Check, preview and release recipes.")

_Recipe = Annotated[str, typer.Argument(metavar="RECIPE", help="Name of a recipe or layout, or a .yaml file.")]
_Recipes = Annotated[str, typer.Option("--recipes", metavar="DIR", help="Folder of recipes; empty is the package's.")]
_Trials = Annotated[str, typer.Option("--trials", metavar="FILE", help="File of layouts; empty is the sample.")]
_Seed = Annotated[int, typer.Option(min=0, help="Seed of the simulated cell.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def check(recipe: _Recipe, recipes: _Recipes = "", trials: _Trials = "", json: _Json = False) -> None:
    """Read a recipe and print its version and hash; exit code 1 with the first mistake."""
    from cablecell.evaluation import recipe_preview

    raise typer.Exit(recipe_preview.run("check", recipe, recipes=recipes, trials=trials, as_json=json))


@app.command()
def preview(
    recipe: _Recipe, recipes: _Recipes = "", trials: _Trials = "", seed: _Seed = 0, json: _Json = False
) -> None:
    """Run every step once in the simulator: is it seated, what is touched, how long it takes."""
    from cablecell.evaluation import recipe_preview

    raise typer.Exit(recipe_preview.run("preview", recipe, recipes=recipes, trials=trials, seed=seed, as_json=json))


@app.command()
def release(
    ledger: Annotated[str, typer.Argument(metavar="LEDGER", help="The ledger of the cell.")],
    recipe: _Recipe,
    recipes: _Recipes = "",
    trials: _Trials = "",
    seed: _Seed = 0,
    json: _Json = False,
) -> None:
    """Preview a recipe and, where every step is good, let its content into the queue of a ledger."""
    from cablecell.evaluation import recipe_preview

    code = recipe_preview.run("release", recipe, ledger=ledger, recipes=recipes, trials=trials, seed=seed, as_json=json)
    raise typer.Exit(code)
