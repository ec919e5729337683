"""`cablecell scene …`: pictures of what is simulated."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Pictures of what is simulated.")


@app.command()
def render(
    connector: Annotated[
        str, typer.Option("--connector", metavar="FILE", help="Draw this connector file, or a shipped one by its name.")
    ] = "",
    clearance: Annotated[
        float | None, typer.Option("--clearance", metavar="M", help="Another clearance on every side, m.")
    ] = None,
    scenario: Annotated[
        str, typer.Option("--scenario", metavar="FILE", help="Draw the cell of this scenario as it begins.")
    ] = "",
    seed: Annotated[int, typer.Option(min=-1, help="Seed of the scenario; -1 is its own.")] = -1,
    out: Annotated[str, typer.Option("--out", metavar="DIR", help="Folder of the pictures.")] = ".",
) -> None:
    """Draw a connector with its dimensions (SVG and PNG), or a scenario; exit code 2 when a file has a mistake."""
    from cablecell.evaluation import scene_pictures

    if bool(connector) == bool(scenario):
        typer.echo("scene render needs either --connector FILE or --scenario FILE", err=True)
        raise typer.Exit(2)
    if scenario:
        raise typer.Exit(scene_pictures.render_scenario(scenario, seed=None if seed < 0 else seed, out=Path(out)))
    raise typer.Exit(scene_pictures.render_connector(connector, clearance_m=clearance, out=Path(out)))


@app.command(name="trials")
def scene_trials(
    file: Annotated[str, typer.Argument(metavar="FILE", help="An AIC trial file.")],
    drawn: Annotated[bool, typer.Option("--drawn", help="Mount what they have anew, within AIC's ranges.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of what is drawn.")] = 0,
    out: Annotated[str, typer.Option("--out", metavar="DIR", help="Draw cell and port of every trial here.")] = "",
) -> None:
    """Print what the trials of a file ask for, and draw them; exit code 2 when the file has a mistake."""
    from cablecell.evaluation import scene_pictures

    raise typer.Exit(scene_pictures.show_trials(file, is_drawn=drawn, seed=seed, out=Path(out) if out else None))
