"""`cablecell report …`: reports for people, as HTML or PDF."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(no_args_is_help=True, help="Reports for people, as HTML or PDF.")
_build = typer.Typer(no_args_is_help=True, help="Make a report; its form is the end of --out: .html or .pdf.")
app.add_typer(_build, name="build")

_Ledger = Annotated[Path, typer.Argument(metavar="LEDGER", help="The ledger; a cell may be writing it.")]


@_build.command()
def insertion(
    file: _Ledger,
    number: Annotated[int, typer.Option(min=0, help="Number of the insertion in the ledger; 0 is the last.")] = 0,
    recording: Annotated[str, typer.Option(metavar="MCAP", help="Recording of the time, for the forces.")] = "",
    out: Annotated[Path, typer.Option(metavar="FILE", help="File to write.")] = Path("insertion.html"),
) -> None:
    """One insertion: what happened, its figures beside those of its connector before, what was recovered."""
    from cablecell.evaluation.reports.build import build
    from cablecell.evaluation.reports.insertion import insertion_report

    recorded = Path(recording) if recording else None
    raise typer.Exit(build(out, lambda: insertion_report(file, number or None, recorded)))


@_build.command()
def shift(
    file: _Ledger,
    begin: Annotated[str, typer.Option("--from", metavar="TIME", help="ISO 8601, UTC; the first row by default.")] = "",
    end: Annotated[str, typer.Option("--to", metavar="TIME", help="Likewise; the last row by default.")] = "",
    out: Annotated[Path, typer.Option(metavar="FILE", help="File to write.")] = Path("shift.html"),
) -> None:
    """A shift: OEE and the other key figures, what kept the cell from producing, failures, recoveries."""
    from cablecell.evaluation.reports.build import build
    from cablecell.evaluation.reports.shift import shift_report
    from cablecell.records.shift import read_shift

    raise typer.Exit(build(out, lambda: shift_report(read_shift(file, begin, end), file.name)))


@_build.command()
def calibration(
    kind: Annotated[Literal["camera", "handeye", "plug", "wrench"], typer.Argument(help="What was calibrated.")],
    records: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the records.")] = Path("calibration"),
    number: Annotated[int, typer.Option(min=0, help="Number of the record; 0 is the one in use.")] = 0,
    out: Annotated[Path, typer.Option(metavar="FILE", help="File to write.")] = Path("calibration.html"),
) -> None:
    """One calibration: residuals beside their limits, what was found, until when it is good."""
    from cablecell.evaluation.reports.build import build
    from cablecell.evaluation.reports.calibration import calibration_report

    raise typer.Exit(build(out, lambda: calibration_report(records, kind, number or None)))


@_build.command()
def bench(
    file: Annotated[Path, typer.Argument(metavar="JSON", help="What `bench --json` wrote.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="File to write, .html.")] = Path("bench.html"),
) -> None:
    """A benchmark: what was run, its summary, tables and figures."""
    from cablecell.evaluation.reports.build import build_bench

    raise typer.Exit(build_bench(file, out))
