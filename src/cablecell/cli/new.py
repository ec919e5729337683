"""`cablecell new …`: starting points for connectors, drivers and skills of one's own; and the list of plug-ins."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from cablecell.cli.completion import connector_names
from cablecell.core.errors import WorkcellError

app = typer.Typer(no_args_is_help=True, help="Start a connector, driver or skill of your own.")

_Name = Annotated[str, typer.Argument(help="Its name: lower-case letters, digits and '_'.")]
_Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder, outside the cell's own.")]


def _length(what: str) -> Any:
    return typer.Option(metavar="M", min=1.0e-5, max=0.2, help=what)


def _force(what: str) -> Any:
    return typer.Option(metavar="N", min=0.0, max=300.0, help=what)


_ASKED = (
    ("width", "Width of what goes into the port (along x), m"),
    ("height", "Its height (along y), m"),
    ("depth", "How deep it goes in, from the rim to the stop, m"),
    ("clearance", "Clearance on every side, m"),
)


@app.command()
def connector(
    name: _Name,
    like: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="Begin as a copy of this one: a name or a file.", autocompletion=connector_names
        ),
    ] = "",
    width: Annotated[float | None, _length("Of what goes into the port, along x, m.")] = None,
    height: Annotated[float | None, _length("Of it, along y, m.")] = None,
    depth: Annotated[float | None, _length("How deep it goes in, from the rim to the stop, m.")] = None,
    clearance: Annotated[float | None, _length("On every side, m.")] = None,
    lead_in: Annotated[float, typer.Option(metavar="M", min=0.0, max=5.0e-3, help="Chamfer of the mouth, m.")] = 4.0e-4,
    latch: Annotated[float, _force("Force that closes the latch, N; 0: there is none.")] = 0.0,
    insertion: Annotated[float, _force("Largest force of a correct insertion, N.")] = 20.0,
    lateral: Annotated[float, _force("Largest force across, N.")] = 8.0,
    damage: Annotated[float, _force("Force from which something suffers, N.")] = 30.0,
    friction: Annotated[float, typer.Option(min=0.0, max=1.5, help="Coefficient of friction.")] = 0.3,
    cable: Annotated[float, typer.Option(metavar="M", min=1.0e-4, max=0.05, help="Diameter of the cable, m.")] = 4.0e-3,
    package: Annotated[bool, typer.Option("--package", help="Write a package that brings it to the cell.")] = False,
    out: _Out = Path(),
) -> None:
    """Write a connector file that is good at once; exit code 2 when it cannot be, and then nothing is written."""
    from cablecell.scaffold.connector import ConnectorSizes, new_connector

    sizes = None
    if not like:
        given = dict(zip((key for key, _ in _ASKED), (width, height, depth, clearance), strict=True))
        asked = {key: _ask(given, key, question) for key, question in _ASKED}
        sizes = ConnectorSizes(
            asked["width"],
            asked["height"],
            asked["depth"],
            asked["clearance"],
            lead_in_m=lead_in,
            latch_n=latch,
            insertion_n=insertion,
            lateral_n=lateral,
            damage_n=damage,
            friction=friction,
            cable_diameter_m=cable,
        )
    written = _write(lambda: new_connector(name, out, sizes=sizes, like=like, as_package=package))
    file = next(path for path in written if path.suffix == ".yaml")
    _say(f"./cell scene render --connector {file} --out {file.parent}", "draws it, to check against the datasheet")
    _say(f"./cell rollout --connector {file} --n 20", "plugs it in simulation")
    if package:
        _say_how_to_install(out / name)


@app.command()
def driver(name: _Name, out: _Out = Path()) -> None:
    """Write a package with a driver for an arm of your own: `hardware:=NAME`; exit code 2 when it cannot be."""
    from cablecell.scaffold.packages import new_driver

    _write(lambda: new_driver(name, out))
    _say_how_to_install(out / name)
    _say(f"./cell launch cell.launch.xml hardware:={name}", "moves the ideal robot that it begins with")


@app.command()
def skill(name: _Name, out: _Out = Path()) -> None:
    """Write a package with a policy of your own: `policy:=NAME`; exit code 2 when it cannot be."""
    from cablecell.scaffold.packages import new_skill

    _write(lambda: new_skill(name, out))
    _say_how_to_install(out / name)
    _say(f"./cell launch aic.launch.xml policy:={name}", "runs it on the sample trials")


def _ask(given: dict[str, float | None], key: str, question: str) -> float:
    value = given[key]
    if value is not None:
        return value
    if not sys.stdin.isatty():
        typer.echo(f"new connector needs --{key} ({question}), or --like NAME", err=True)
        raise typer.Exit(2)
    return float(typer.prompt(question, type=float))


def _write(make: Callable[[], list[Path]]) -> list[Path]:
    try:
        written = make()
    except WorkcellError as error:
        typer.echo(f"code {error.code}: {error}", err=True)
        raise typer.Exit(2) from error
    for path in written:
        typer.echo(f"written: {path}")
    return written


def _say(command: str, what: str) -> None:
    typer.echo(f"  {command}\n      {what}")


def _say_how_to_install(folder: Path) -> None:
    _say(f".venv/bin/pip install --no-deps --no-build-isolation -e {folder}", "brings it to this cell")
    _say("./cell plugins", "says what is installed, and what of it cannot be used")


def plugins(
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List what other packages bring to the cell; exit code 1 when some of it cannot be used."""
    from cablecell.composition.plugin_check import show_plugins

    raise typer.Exit(show_plugins(as_json=json))
