"""The `cablecell` command: a short table of verbs; each verb's work is done elsewhere.

Heavy modules (rclpy, pytest) are imported by the verb that needs them, so that every command answers quickly.
"""

from __future__ import annotations

import importlib
import os
import shutil
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from cablecell.calib_verbs import app as calib
from cablecell.installation import environment
from cablecell.job_verbs import app as job
from cablecell.recipe_verbs import app as recipe
from cablecell.ros.verbs import groups

_PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


class _Verbs(TyperGroup):
    """The verbs of this file, plus the `ros2` verbs, which are imported only when asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return all verbs: the cell's own first."""
        return [*super().list_commands(ctx), *groups()]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return one verb; the `ros2` verbs are handed to the real tool where there is one."""
        known = groups()
        if cmd_name not in known:
            return super().get_command(ctx, cmd_name)
        if not environment.uses_wheels() and shutil.which("ros2"):
            return typer.main.get_command(_real_ros2(cmd_name))
        module, _, attribute = known[cmd_name].partition(":")
        command = typer.main.get_command(getattr(importlib.import_module(module), attribute))
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=_Verbs,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="cablecell: an open ROS 2 workcell that plugs cables.",
)


@app.command(context_settings=_PASS_ON)
def test(ctx: typer.Context) -> None:
    """Check style, types, layering and behaviour; arguments go to pytest (then only pytest runs)."""
    from cablecell.installation import selfcheck

    raise typer.Exit(selfcheck.run(list(ctx.args)))


@app.command(context_settings=_PASS_ON)
def launch(ctx: typer.Context) -> None:
    """Run a launch file: `launch [PACKAGE] FILE [NAME:=VALUE ...]`, as `ros2 launch` does."""
    if not environment.uses_wheels() and shutil.which("ros2"):
        words = list(ctx.args)
        positional = [w for w in words if not w.startswith("-") and ":=" not in w]
        if len(positional) == 1 and not Path(positional[0]).exists():
            words.insert(words.index(positional[0]), "cablecell")
        os.execvp("ros2", ["ros2", "launch", *words])
    from cablecell.composition.checked_launch import main as run_launch

    raise typer.Exit(run_launch(list(ctx.args)))


@app.command(context_settings=_PASS_ON)
def run(ctx: typer.Context) -> None:
    """Run one executable: `run PACKAGE EXECUTABLE [ARG ...]`, as `ros2 run` does."""
    if not environment.uses_wheels() and shutil.which("ros2"):
        os.execvp("ros2", ["ros2", "run", *ctx.args])
    from cablecell.installation.executables import find_executable

    if len(ctx.args) < 2:
        typer.echo("usage: run PACKAGE EXECUTABLE [ARG ...]", err=True)
        raise typer.Exit(0 if "--help" in ctx.args else 2)
    try:
        path = find_executable(ctx.args[0], ctx.args[1])
    except LookupError as error:
        typer.echo(str(error.args[0]), err=True)
        raise typer.Exit(2) from error
    os.execv(path, [str(path), *ctx.args[2:]])


@app.command()
def demo(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME:=VALUE", help="Launch arguments, for example hardware:=ros2_control."),
    ] = None,
    headless: Annotated[bool, typer.Option("--headless", help="Plain lines instead of a live display.")] = False,
    json: Annotated[str, typer.Option("--json", metavar="FILE", help="Write the results here too.")] = "",
    trials: Annotated[str, typer.Option("--trials", metavar="FILE", help="Trials; the AIC sample by default.")] = "",
    trial: Annotated[
        list[str] | None, typer.Option("--trial", metavar="NAME", help="Run only this one; repeat.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    runs: Annotated[str, typer.Option("--runs", metavar="DIR", help="Folder of the run folders.")] = "runs",
    launch_file: Annotated[
        str, typer.Option("--launch", metavar="FILE", help="Launch file that brings up the cell and its recorder.")
    ] = "demo.launch.xml",
) -> None:
    """Bring up the cell in simulation, plug the trials, print a table and leave a run folder with a report."""
    from cablecell.evaluation import demo as demonstration

    options = demonstration.DemoOptions(
        trials_file=Path(trials) if trials else None,
        trials=tuple(trial or ()),
        seed=seed,
        runs=Path(runs),
        json_file=Path(json) if json else None,
        is_headless=headless,
        launch_file=" ".join([launch_file, *(arguments or ())]),
    )
    raise typer.Exit(demonstration.run(options))


@app.command()
def bench(
    name: Annotated[str, typer.Argument(help="Benchmark; `list` names them all.")],
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
        str, typer.Option(metavar="FILE", help="Connector file or name (insertion, clearance, comparators).")
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


@app.command()
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
        str, typer.Option(metavar="FILE", help="Connector in the place of the scenario's, or in the bench fixture.")
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


scene = typer.Typer(no_args_is_help=True, help="Pictures of what is simulated.")
app.add_typer(scene, name="scene")
app.add_typer(calib, name="calib")


@scene.command()
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


@scene.command(name="trials")
def scene_trials(
    file: Annotated[str, typer.Argument(metavar="FILE", help="An AIC trial file.")],
    drawn: Annotated[bool, typer.Option("--drawn", help="Mount what they have anew, within AIC's ranges.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of what is drawn.")] = 0,
    out: Annotated[str, typer.Option("--out", metavar="DIR", help="Draw cell and port of every trial here.")] = "",
) -> None:
    """Print what the trials of a file ask for, and draw them; exit code 2 when the file has a mistake."""
    from cablecell.evaluation import scene_pictures

    raise typer.Exit(scene_pictures.show_trials(file, is_drawn=drawn, seed=seed, out=Path(out) if out else None))


ledger = typer.Typer(no_args_is_help=True, help="What a cell has done, from its ledger.")
app.add_typer(ledger, name="ledger")
app.add_typer(job, name="job")
app.add_typer(recipe, name="recipe")


@ledger.command(name="show")
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


@ledger.command(name="backup")
def ledger_backup(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The ledger; a cell may be writing it.")],
    target: Annotated[str, typer.Argument(metavar="COPY", help="File to make; it must not exist.")],
) -> None:
    """Copy a ledger as it is at one moment, and check the copy."""
    from cablecell.records import ledger_command

    raise typer.Exit(ledger_command.back_up(Path(file), Path(target)))


@ledger.command(name="restore")
def ledger_restore(
    backup: Annotated[str, typer.Argument(metavar="COPY", help="What `backup` made.")],
    target: Annotated[str, typer.Argument(metavar="FILE", help="The ledger to make; it must not exist.")],
) -> None:
    """Make a ledger from a backup, after checking it; an existing file is never overwritten."""
    from cablecell.records import ledger_command

    raise typer.Exit(ledger_command.back_up(Path(backup), Path(target)))


@app.command()
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
    from cablecell.evaluation import shift_report

    raise typer.Exit(
        shift_report.run(Path(file), begin=begin, end=end, planned_s=planned or None, as_json=json, report=report)
    )


@app.command()
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


@app.command()
def doctor(
    json: Annotated[str, typer.Option("--json", metavar="FILE", help="Write the findings as JSON.")] = "",
    graph: Annotated[bool, typer.Option(help="Also start two nodes and exchange messages.")] = True,
) -> None:
    """Name every part with its version, and say what is missing; exit code 1 when something is."""
    from cablecell.installation import doctor as examination

    raise typer.Exit(examination.run(with_graph=graph, json_file=json))


@app.command()
def status(
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a line.")] = False,
    timeout: Annotated[float, typer.Option(min=0.1, help="Longest wait for the cell's answer, s.")] = 5.0,
) -> None:
    """Say what the cell is doing; exit code 1 when there is none, or when it cannot work."""
    from cablecell.ros.verbs.status import show_status

    show_status(as_json=json, timeout_s=timeout)


@app.command()
def command(
    name: Annotated[
        str, typer.Argument(help="reset, start, stop, hold, unhold, suspend, unsuspend, abort, clear, complete.")
    ],
    reason: Annotated[str, typer.Option(help="Why; it stands in the state of the cell and in the log.")] = "",
    timeout: Annotated[float, typer.Option(min=0.1, help="Longest wait for the cell's answer, s.")] = 5.0,
) -> None:
    """Give the running cell a PackML command; exit code 1 when it is refused, with what is possible."""
    from cablecell.ros.verbs.packml import give_command

    give_command(name, reason=reason, timeout_s=timeout)


@app.command()
def mode(
    name: Annotated[str, typer.Argument(help="production, maintenance or manual.")],
    reason: Annotated[str, typer.Option(help="Why; it stands in the state of the cell and in the log.")] = "",
    timeout: Annotated[float, typer.Option(min=0.1, help="Longest wait for the cell's answer, s.")] = 5.0,
) -> None:
    """Change the PackML mode of the running cell; exit code 1 when it is refused."""
    from cablecell.ros.verbs.packml import change_mode

    change_mode(name, reason=reason, timeout_s=timeout)


def _real_ros2(verb: str) -> typer.Typer:
    passed = typer.Typer()

    @passed.command(name=verb, context_settings=_PASS_ON, help=f"Handed to `ros2 {verb}`.")
    def hand_over(ctx: typer.Context) -> None:
        os.execvp("ros2", ["ros2", verb, *ctx.args])

    return passed


def main() -> None:
    """Entry point of the `cablecell` command."""
    environment.apply()
    # A reader that went away (`| head`) is not an error worth a traceback.
    try:
        app()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
