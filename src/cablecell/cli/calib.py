"""`cablecell calib …`: the table of its verbs; heavy modules are imported by the verb that needs them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Calibrate the cell, and keep, show and roll back what was found.")

_Seed = Annotated[int, typer.Option(min=0, help="Seed of the simulated cell; its name is sim-SEED.")]
_Folder = Annotated[
    str, typer.Option("--records", metavar="DIR", envvar="CABLECELL_CALIBRATION", help="Folder of the records.")
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
_Views = Annotated[int, typer.Option(min=4, max=60, help="How many views, or touches, to take.")]
_Kind = Annotated[str, typer.Argument(help="camera, handeye, plug or wrench.")]


def _take(kind: str, seed: int, views: int, records: str, as_json: bool) -> None:
    from cablecell.evaluation import calibration_command as command

    raise typer.Exit(command.take(command.TakeOptions(kind, seed, views, Path(records), as_json)))


@app.command()
def camera(seed: _Seed = 0, views: _Views = 20, records: _Folder = "calibration", json: _Json = False) -> None:
    """Find focal lengths, principal points and distortion from views of the ChArUco plate."""
    _take("camera", seed, views, records, json)


@app.command()
def handeye(seed: _Seed = 0, views: _Views = 20, records: _Folder = "calibration", json: _Json = False) -> None:
    """Find where the cameras sit on the tool, with their lenses, from views of the ChArUco plate."""
    _take("handeye", seed, views, records, json)


@app.command()
def plug(seed: _Seed = 0, touches: _Views = 12, records: _Folder = "calibration", json: _Json = False) -> None:
    """Find the tip of the held plug by touching a fixed point in several orientations."""
    _take("plug", seed, touches, records, json)


@app.command()
def wrench(seed: _Seed = 0, records: _Folder = "calibration", json: _Json = False) -> None:
    """Find bias of the force sensor, and mass and centre of what hangs on it."""
    _take("wrench", seed, 4, records, json)


@app.command()
def show(
    kind: _Kind,
    number: Annotated[int, typer.Option(min=0, help="Which record; 0 is the one in use.")] = 0,
    cell: Annotated[str, typer.Option(metavar="NAME", help="Also check that it belongs to this cell.")] = "",
    records: _Folder = "calibration",
    json: _Json = False,
) -> None:
    """Print one record and whether it may be used; exit code 1 when it may not, 2 when it cannot be read."""
    from cablecell.evaluation import calibration_command as command

    raise typer.Exit(command.show(kind, number or None, Path(records), cell=cell, as_json=json))


@app.command("list")
def list_records(
    kind: Annotated[str, typer.Argument(metavar="[KIND]", help="Only this kind.")] = "",
    records: _Folder = "calibration",
    json: _Json = False,
) -> None:
    """List every record, the ones in use, and the ones that cannot be read."""
    from cablecell.evaluation import calibration_command as command

    raise typer.Exit(command.list_records((kind,) if kind else (), Path(records), as_json=json))


@app.command()
def rollback(
    kind: _Kind,
    to: Annotated[int, typer.Option(min=0, help="Which record; 0 is the one before.")] = 0,
    records: _Folder = "calibration",
) -> None:
    """Use an earlier record again; nothing is deleted."""
    from cablecell.evaluation import calibration_command as command

    raise typer.Exit(command.rollback(kind, to or None, Path(records)))
