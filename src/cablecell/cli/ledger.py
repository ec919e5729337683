"""`cablecell ledger …`: what a cell has done."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="What a cell has done, from its ledger.")


@app.command(name="show")
def ledger_show(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The ledger.")],
    table: Annotated[
        str,
        typer.Option(
            help="jobs, insertions, states, commands, recoveries, quarantine, queue, releases, answers or energy."
        ),
    ] = "insertions",
    json: Annotated[bool, typer.Option("--json", help="Print all columns as JSON.")] = False,
) -> None:
    """Print the rows of a ledger, also while a cell writes it."""
    from cablecell.records import ledger_command

    raise typer.Exit(ledger_command.show(Path(file), table, as_json=json))


@app.command(name="backup")
def ledger_backup(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The ledger; a cell may be writing it.")],
    target: Annotated[str, typer.Argument(metavar="COPY", help="File to make; it must not exist.")],
) -> None:
    """Copy a ledger as it is at one moment, and check the copy."""
    from cablecell.records import ledger_command

    raise typer.Exit(ledger_command.back_up(Path(file), Path(target)))


@app.command(name="restore")
def ledger_restore(
    backup: Annotated[str, typer.Argument(metavar="COPY", help="What `backup` made.")],
    target: Annotated[str, typer.Argument(metavar="FILE", help="The ledger to make; it must not exist.")],
) -> None:
    """Make a ledger from a backup, after checking it; an existing file is never overwritten."""
    from cablecell.records import ledger_command

    raise typer.Exit(ledger_command.back_up(Path(backup), Path(target)))
