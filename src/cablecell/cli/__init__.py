"""The `cablecell` command: a short table of verbs; each verb's work is done elsewhere.

Heavy modules (rclpy, pytest) are imported by the verb that needs them, so that every command answers quickly.
"""

from __future__ import annotations

import importlib
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from cablecell.cli import calib, completion, config, conform, job, ledger, measure, new, recipe, report, running, scene
from cablecell.installation import environment
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
def doctor(
    json: Annotated[str, typer.Option("--json", metavar="FILE", help="Write the findings as JSON.")] = "",
    graph: Annotated[bool, typer.Option(help="Also start two nodes and exchange messages.")] = True,
) -> None:
    """Name every part with its version, and say what is missing; exit code 1 when something is."""
    from cablecell.installation import doctor as examination

    raise typer.Exit(examination.run(with_graph=graph, json_file=json))


_VERBS: tuple[Callable[..., None], ...] = (
    *(running.up, running.down, running.status, running.command, running.mode),
    *(measure.bench, measure.rollout, measure.oee, measure.soak),
)
for _verb in _VERBS:
    app.command()(_verb)
app.command(name="completion")(completion.show)
app.command()(new.plugins)
app.command()(conform.conform)
for _name, _group in (
    ("scene", scene),
    ("calib", calib),
    ("config", config),
    ("new", new),
    ("ledger", ledger),
    ("job", job),
    ("recipe", recipe),
    ("report", report),
):
    app.add_typer(_group.app, name=_name)


def _real_ros2(verb: str) -> typer.Typer:
    passed = typer.Typer()

    @passed.command(name=verb, context_settings=_PASS_ON, help=f"Handed to `ros2 {verb}`.")
    def hand_over(ctx: typer.Context) -> None:
        os.execvp("ros2", ["ros2", verb, *ctx.args])

    return passed


def main() -> None:
    """Entry point of the `cablecell` command."""
    environment.apply()
    completion.prepare()
    # A reader that went away (`| head`) is not an error worth a traceback.
    try:
        app(prog_name="cablecell")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
