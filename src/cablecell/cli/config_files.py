"""What `cablecell config` does: read files and launches, say what they mean or where their mistake is."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from cablecell.core.errors import WorkcellError


def check_files(files: Sequence[Path], *, kind: str, as_json: bool) -> int:
    """Check configuration files and say of each what it is, or its first mistake.

    Args:
        files: The files.
        kind: What all of them are; told by their keys when empty.
        as_json: Print a list of objects instead of lines.

    Returns:
        1 when one has a mistake, else 0.
    """
    from cablecell.composition.config_kinds import check_file

    found: list[dict[str, Any]] = []
    for path in files:
        try:
            found.append({"file": str(path), "kind": check_file(path, kind), "code": 0, "error": ""})
        except WorkcellError as error:
            key = {"key": error.quantity, "value": error.value, "limit": error.limit, "unit": error.unit}
            found.append({"file": str(path), "kind": kind, "code": error.code, "error": str(error), **key})
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        for row in found:
            if row["code"]:
                typer.echo(row["error"], err=True)
            else:
                typer.echo(f"{row['file']}: a good {row['kind']} file")
    return int(any(row["code"] for row in found))


def show_parameters(launch_file: str, arguments: Sequence[str], *, node: str, only_changed: bool, as_json: bool) -> int:
    """Print the parameters that a launch would give to our nodes.

    Args:
        launch_file: A launch file, or its name in the package.
        arguments: Launch arguments, `name:=value`.
        node: Only this node; empty for all.
        only_changed: Leave out what has its default.
        as_json: Print one object, by node and parameter.

    Returns:
        2 when the launch or a file has a mistake or there is no such node, else 0.
    """
    from cablecell.composition.launch_check import effective_parameters
    from cablecell.launcher.cli import find_launch_file, split_words
    from cablecell.launcher.errors import LaunchError
    from cablecell.launcher.log import log_directory
    from cablecell.launcher.planner import Planner

    environment = dict(os.environ)
    try:
        names, given = split_words([launch_file, *arguments])
        planner = Planner(environment, log_directory(environment))
        found = effective_parameters(planner.plan(find_launch_file(names, environment), given))
    except (LaunchError, WorkcellError) as error:
        typer.echo(str(error), err=True)
        return 2
    if node and node not in found:
        typer.echo(f"this launch starts no node '{node}' of ours; there are {', '.join(found)}", err=True)
        return 2
    shown = {
        name: {key: item for key, item in items.items() if not only_changed or item[1] != item[0].default}
        for name, items in found.items()
        if node in ("", name)
    }
    if as_json:
        rows = {
            name: {
                key: {"value": value, "unit": info.unit, "source": source}
                for key, (info, value, source) in rest.items()
            }
            for name, rest in shown.items()
        }
        typer.echo(json.dumps(rows, indent=2, default=str))
        return 0
    console = Console(highlight=False)
    for name, items in ((name, items) for name, items in shown.items() if items):
        table = Table(title=name, title_justify="left", box=None, pad_edge=False)
        for heading in ("parameter", "value", "unit", "from", "meaning"):
            table.add_column(heading, overflow="fold", no_wrap=heading == "parameter")
        for key, (info, value, source) in items.items():
            table.add_row(key, "''" if value == "" else str(value), info.unit, source, info.description)
        console.print(table)
    return 0


def print_schema(name: str) -> int:
    """Print the JSON schema of a kind of file or of a node; return 2 when there is neither of that name."""
    from cablecell.composition.config_kinds import json_schema

    try:
        typer.echo(json.dumps(json_schema(name), indent=2))
    except WorkcellError as error:
        typer.echo(str(error), err=True)
        return 2
    return 0
