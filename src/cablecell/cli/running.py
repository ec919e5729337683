"""Verbs for a running cell: `up`, `down`, `status`, `command`, `mode`."""

from __future__ import annotations

from typing import Annotated

import typer


def up(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME:=VALUE", help="Launch arguments, for example hardware:=mock ledger:=night.db."),
    ] = None,
    launch_file: Annotated[
        str, typer.Option("--launch", metavar="FILE", help="Launch file of a cell.")
    ] = "cell.launch.xml",
    timeout: Annotated[float, typer.Option(min=1.0, help="Longest wait for the cell to be ready, s.")] = 60.0,
) -> None:
    """Start a cell in the background and wait until it takes jobs; exit code 1 when it does not come up."""
    from cablecell.ros.verbs.background import start_cell

    start_cell(arguments or (), launch_file=launch_file, timeout_s=timeout)


def down(
    timeout: Annotated[float, typer.Option(min=0.1, help="Longest wait for its orderly end, s.")] = 15.0,
) -> None:
    """End the cell that `up` started in this ROS domain; exit code 1 when there is none, or it had to be killed."""
    from cablecell.ros.verbs.background import end_cell

    end_cell(timeout_s=timeout)


def status(
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a line.")] = False,
    timeout: Annotated[float, typer.Option(min=0.1, help="Longest wait for the cell's answer, s.")] = 5.0,
) -> None:
    """Say what the cell is doing; exit code 1 when there is none, or when it cannot work."""
    from cablecell.ros.verbs.status import show_status

    show_status(as_json=json, timeout_s=timeout)


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


def mode(
    name: Annotated[str, typer.Argument(help="production, maintenance or manual.")],
    reason: Annotated[str, typer.Option(help="Why; it stands in the state of the cell and in the log.")] = "",
    timeout: Annotated[float, typer.Option(min=0.1, help="Longest wait for the cell's answer, s.")] = 5.0,
) -> None:
    """Change the PackML mode of the running cell; exit code 1 when it is refused."""
    from cablecell.ros.verbs.packml import change_mode

    change_mode(name, reason=reason, timeout_s=timeout)
