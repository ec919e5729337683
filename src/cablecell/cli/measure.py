"""Verbs that measure: `bench`, `rollout`, `oee`, `soak`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from cablecell.cli.completion import bench_names, connector_names


def bench(
    name: Annotated[str, typer.Argument(help="Benchmark; `list` names them all.", autocompletion=bench_names)],
    n: Annotated[int, typer.Option("--n", min=1, help="Number of trials.")] = 20,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes that run trials.")] = 1,
    json: Annotated[
        str, typer.Option("--json", metavar="FILE", help="Write settings, raw rows, summary; and figures.")
    ] = "",
    scenario: Annotated[
        str, typer.Option(metavar="FILE", help="Scenario (insertion, clearance) instead of the default.")
    ] = "",
    connector: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="Connector file or name (insertion, clearance, comparators).",
            autocompletion=connector_names,
        ),
    ] = "",
    soak: Annotated[int, typer.Option(min=0, help="Insertions in a row in one process (sim).")] = 0,
) -> None:
    """Run one benchmark, print a table and optionally write JSON."""
    from cablecell.evaluation import bench as benchmarks

    options: dict[str, Any] = {
        key: Path(value) for key, value in (("scenario", scenario), ("connector", connector)) if value
    }
    if soak:
        options["soak"] = soak
    code = benchmarks.run_from_cli(name, n=n, seed=seed, workers=workers, json_file=json, options=options)
    raise typer.Exit(code)


def rollout(
    scenario: Annotated[
        str, typer.Argument(metavar="[SCENARIO]", help="Scenario file; the first sample trial by default.")
    ] = "",
    n: Annotated[int, typer.Option("--n", min=1, help="Number of runs.")] = 20,
    seed: Annotated[int, typer.Option(min=-1, help="First seed; -1 is the scenario's own.")] = -1,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    out: Annotated[str, typer.Option(metavar="DIR", help="Keep a line per run, scenario and summary here.")] = "",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the runs that are in --out.")] = False,
    connector: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="Connector in the place of the scenario's, or in the bench fixture.",
            autocompletion=connector_names,
        ),
    ] = "",
    trials: Annotated[
        str,
        typer.Option(metavar="FILE", help="Run the trials of an AIC trial file in turn, in the place of a scenario."),
    ] = "",
    drawn: Annotated[
        bool, typer.Option("--drawn", help="Mount what the trials have anew for every seed, within AIC's ranges.")
    ] = False,
    strip: Annotated[
        str, typer.Option(metavar="FILE", help="Draw moments of the run side by side (PNG); needs --n 1.")
    ] = "",
    task: Annotated[
        Literal["insert", "unplug", "verify"] | None,
        typer.Option(
            help="Insert, or then check the seat (verify) or take the plug out (unplug); else the scenario's."
        ),
    ] = None,
) -> None:
    """Run insertions of a scenario in simulation, without ROS and as fast as the processor allows."""
    from cablecell.evaluation import rollout_command

    if trials and (scenario or connector):
        typer.echo("rollout takes either --trials FILE or a scenario and a connector", err=True)
        raise typer.Exit(2)
    if strip and n != 1:
        typer.echo(f"--strip draws one run: it needs --n 1, not {n}", err=True)
        raise typer.Exit(2)
    if drawn and not trials:
        typer.echo("--drawn is for --trials FILE; a scenario says itself what is drawn", err=True)
        raise typer.Exit(2)
    options = rollout_command.RolloutOptions(
        scenario=Path(scenario) if scenario else None,
        connector=Path(connector) if connector else None,
        trials=Path(trials) if trials else None,
        is_drawn=drawn,
        n=n,
        seed=None if seed < 0 else seed,
        workers=workers,
        out=Path(out) if out else None,
        resume=resume,
        strip=Path(strip) if strip else None,
        task=task,
    )
    raise typer.Exit(rollout_command.run(options))


def oee(
    file: Annotated[str, typer.Argument(metavar="LEDGER", help="The ledger; a cell may be writing it.")],
    begin: Annotated[str, typer.Option("--from", metavar="TIME", help="ISO 8601, UTC; the first row by default.")] = "",
    end: Annotated[str, typer.Option("--to", metavar="TIME", help="Likewise; the last row by default.")] = "",
    planned: Annotated[
        float,
        typer.Option(metavar="S", min=0.0, help="Planned time of a part, s; 0: what a tenth of the good ones kept."),
    ] = 0.0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    report: Annotated[str, typer.Option(metavar="FILE", help="Write a shift report: .html, or .pdf.")] = "",
) -> None:
    """Print OEE and the other key figures of a shift, from the ledger alone; exit code 1 when it cannot be read."""
    from cablecell.evaluation.reports import shift

    raise typer.Exit(
        shift.run(Path(file), begin=begin, end=end, planned_s=planned or None, as_json=json, report=report)
    )


def soak(
    hours: Annotated[float, typer.Option(min=0.01, max=1000.0, help="Simulated time, h.")] = 1.0,
    accelerated: Annotated[
        bool, typer.Option("--accelerated", help="In simulated time, with stand-ins for arm, skill and parts.")
    ] = False,
    rate: Annotated[float, typer.Option(min=0.0, max=360.0, help="Faults an hour of simulated time.")] = 8.0,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    ledger: Annotated[str, typer.Option(metavar="FILE", help="Ledger to make; it must not exist.")] = "soak.db",
    json: Annotated[str, typer.Option("--json", metavar="FILE", help="Write settings and summary.")] = "",
) -> None:
    """Let the cell's supervision work through a night with faults, and print what came of it."""
    from cablecell.evaluation.faults import soak as night

    if not accelerated:
        typer.echo("a soak runs in simulated time only; say so with --accelerated", err=True)
        raise typer.Exit(2)
    if Path(ledger).exists():
        typer.echo(f"{ledger} is there already", err=True)
        raise typer.Exit(2)
    raise typer.Exit(night.run(Path(ledger), hours=hours, rate_per_hour=rate, seed=seed, json_file=json))
