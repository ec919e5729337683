"""`cablecell config …`: check configuration files, show what nodes get, print schemas for editors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Check, show and describe configuration.")


def _kinds(incomplete: str) -> list[str]:
    from cablecell.composition.config_kinds import kind_names

    return [name for name in kind_names() if name.startswith(incomplete)]


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Configuration files of any kind.")],
    kind: Annotated[
        str,
        typer.Option(help="What they are; told by their keys by default.", autocompletion=_kinds),
    ] = "",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Read files as the cell would; exit code 1 with file, line, key and limit of the first mistake in each."""
    from cablecell.cli.config_files import check_files

    raise typer.Exit(check_files(files, kind=kind, as_json=json))


@app.command()
def show(
    launch_file: Annotated[str, typer.Argument(metavar="[LAUNCH]", help="Launch file.")] = "cell.launch.xml",
    arguments: Annotated[list[str] | None, typer.Argument(metavar="NAME:=VALUE", help="Launch arguments.")] = None,
    node: Annotated[str, typer.Option(help="Only this node.")] = "",
    changed: Annotated[bool, typer.Option("--changed", help="Only what differs from the default.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print every parameter that a launch would give to its nodes: value, unit, and where it comes from."""
    from cablecell.cli.config_files import show_parameters

    raise typer.Exit(show_parameters(launch_file, arguments or [], node=node, only_changed=changed, as_json=json))


@app.command()
def schema(
    kind: Annotated[
        str, typer.Argument(help="Kind of file (connector, recipe, trials …) or a node.", autocompletion=_kinds)
    ],
) -> None:
    """Print the JSON schema of a kind of file, or of a node's parameters, for an editor."""
    from cablecell.cli.config_files import print_schema

    raise typer.Exit(print_schema(kind))
