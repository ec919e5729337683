"""`cablecell conform`: checks a machine against the contract of all machines, and writes a signed report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from cablecell.core.errors import WorkcellError

if TYPE_CHECKING:
    from cablecell.composition.machines import MachineOptions

_USAGE = (
    "usage: conform hardware:=NAME [robot:=FILE] [robot_ip:=ADDRESS] [trials_file:=FILE] [trial:=NAME] [seed:=N] "
    '--name "YOUR NAME" [--serial TEXT] [--out FILE.json] [--yes]'
)


def conform(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="NAME:=VALUE", help="hardware:=NAME and what it needs.")
    ] = None,
    name: Annotated[str, typer.Option(help="Your name; it stands in the report.")] = "",
    serial: Annotated[str, typer.Option(help="Serial number of the robot, as on its plate.")] = "",
    out: Annotated[Path, typer.Option(metavar="FILE", help="Report, .json; .html beside it.")] = Path("conform.json"),
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing; for simulated machines only.")] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Only say whether the report --out is as signed.")] = False,
) -> None:
    """Check a machine against the contract; it moves only after your yes. Exit code 1 when not all is passed."""
    from cablecell.evaluation.conform import PASSED, SIMULATED, ConformOptions, Procedure
    from cablecell.evaluation.reports import conformance

    try:
        if verify:
            report = conformance.read_report(out)
            typer.echo(f"{report['verdict']}: {report['hardware']}, by {report['person']}, {report['begun']}")
            raise typer.Exit(0 if report["verdict"] == PASSED else 1)
        hardware, machine = _options(words or [])
        if yes and hardware not in SIMULATED:
            _refuse(f"--yes is for {' and '.join(SIMULATED)} only: at '{hardware}' a person agrees to each motion")
        if not name.strip():
            _refuse('conform needs the name of the person beside the machine: --name "YOUR NAME"')
        conformance.require_new(out)
        options = ConformOptions(hardware, machine, name.strip(), serial, yes)
        report = Procedure(options, _ask, typer.echo).run()
        conformance.write_report(out, report)
    except WorkcellError as error:
        typer.echo(f"code {error.code}: {error}", err=True)
        raise typer.Exit(2) from error
    typer.echo(f"{report['verdict']}: {out} and {out.with_suffix('.html')}")
    raise typer.Exit(0 if report["verdict"] == PASSED else 1)


def _ask(question: str) -> bool:
    typer.echo(f"\n{question}")
    return str(typer.prompt("Type yes to go on, anything else to leave it out", default="no")).strip().lower() == "yes"


def _options(words: list[str]) -> tuple[str, MachineOptions]:
    """Return the kind of machine, and what is configured about it."""
    from cablecell.composition.machines import MachineOptions
    from cablecell.launcher.cli import split_words
    from cablecell.launcher.errors import LaunchError

    known = ("hardware", "robot", "robot_ip", "trials_file", "trial", "seed")
    try:
        names, given = split_words(words)
    except LaunchError as error:
        _refuse(str(error))
    wrong = [*names, *(key for key in given if key not in known)]
    if wrong or "hardware" not in given:
        _refuse(f"'{wrong[0]}' is not known; {_USAGE}" if wrong else _USAGE)
    if not given.get("seed", "0").isdigit():
        _refuse(f"seed:={given['seed']} is no whole number")
    options = MachineOptions(
        trials_file=given.get("trials_file", ""),
        trial=given.get("trial", "trial_1"),
        seed=int(given.get("seed", "0")),
        robot_file=given.get("robot", ""),
        robot_ip=given.get("robot_ip", ""),
    )
    return given["hardware"], options


def _refuse(why: str) -> NoReturn:
    typer.echo(why, err=True)
    raise typer.Exit(2)
