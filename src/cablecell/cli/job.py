"""`cablecell job …`: the queue of jobs in a ledger; a cell that runs with it takes them one after the other."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cablecell.core.supervision.lookback import Answer

app = typer.Typer(no_args_is_help=True, help="The queue of jobs, in the ledger of a cell.")

_File = Annotated[str, typer.Argument(metavar="LEDGER", help="The ledger of the cell, which may be running.")]
_Job = Annotated[str, typer.Argument(metavar="JOB", help="Name of the job.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def add(
    file: _File,
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="Name of a recipe or layout, or a .yaml file.")],
    name: Annotated[str, typer.Option(help="Name of the job; one is made up where none is given.")] = "",
    priority: Annotated[int, typer.Option(min=-1000, max=1000, help="The highest is first.")] = 0,
    serial: Annotated[list[str] | None, typer.Option(help="Part that gets all steps; repeat.")] = None,
    recipes: Annotated[str, typer.Option(metavar="DIR", help="Folder of recipes; empty is the package's.")] = "",
    trials: Annotated[str, typer.Option(metavar="FILE", help="File of layouts; empty is the sample.")] = "",
    json: _Json = False,
) -> None:
    """Put a job into the queue; the content of its recipe is fixed from here on."""
    from cablecell.records import job_command

    raise typer.Exit(
        job_command.add(
            Path(file),
            recipe,
            name=name,
            priority=priority,
            serials=tuple(serial or ()),
            recipes=recipes,
            trials=trials,
            as_json=json,
        )
    )


@app.command(name="list")
def list_jobs(file: _File, json: _Json = False) -> None:
    """Print the queue, first what is next."""
    from cablecell.records import job_command

    raise typer.Exit(job_command.show(Path(file), as_json=json))


@app.command()
def cancel(file: _File, job: _Job, json: _Json = False) -> None:
    """Take a job out of the queue; one that runs backs out and ends."""
    _change(file, job, "cancel", json)


@app.command()
def pause(file: _File, job: _Job, json: _Json = False) -> None:
    """Let others go first until `resume`; a job that runs is held with `./cell command hold`."""
    _change(file, job, "pause", json)


@app.command()
def resume(file: _File, job: _Job, json: _Json = False) -> None:
    """Have a paused job wait for its turn again."""
    _change(file, job, "resume", json)


@app.command()
def retry(file: _File, job: _Job, json: _Json = False) -> None:
    """Put a job that failed or was cancelled into the queue again; steps that were done are not done again."""
    _change(file, job, "retry", json)


@app.command()
def found(
    file: _File,
    answer: Annotated[
        Answer, typer.Argument(help="What is seen at the port: its plug is seated, or the port is empty.")
    ],
    insertion: Annotated[
        int, typer.Option(help="Number of the insertion in the ledger; 0: the only one that is open.")
    ] = 0,
    json: _Json = False,
) -> None:
    """Say whether a plug is in its port, after the cell ended in the middle of its insertion and cannot tell."""
    from cablecell.records import job_command

    raise typer.Exit(job_command.found(Path(file), answer, insertion, as_json=json))


def _change(file: str, job: str, what: str, as_json: bool) -> None:
    from cablecell.records import job_command

    raise typer.Exit(job_command.change(Path(file), job, what, as_json=as_json))
