"""`command` and `mode`: PackML commands to the cell in this ROS domain, from a terminal."""

from __future__ import annotations

import getpass
import time
from enum import IntEnum

import typer

from cablecell.core.supervision.packml import Command, Mode, State
from cablecell.ros.verbs.command import VerbError, ends_well

_REPEAT_S = 0.5


@ends_well
def give_command(name: str, *, reason: str, timeout_s: float) -> None:
    """Give a command and print the state it led to.

    Args:
        name: Of a PackML command, in any case.
        reason: Why.
        timeout_s: Longest wait for the answer, s.

    Raises:
        VerbError: There is no such command, no cell, or it is refused.
    """
    typer.echo(_ask(command=_find(Command, name), reason=reason, timeout_s=timeout_s))


@ends_well
def change_mode(name: str, *, reason: str, timeout_s: float) -> None:
    """Change the mode and print state and mode.

    Args:
        name: Of a mode, in any case.
        reason: Why.
        timeout_s: Longest wait for the answer, s.

    Raises:
        VerbError: There is no such mode, no cell, or it is refused.
    """
    typer.echo(_ask(mode=_find(Mode, name), reason=reason, timeout_s=timeout_s))


def _find(kind: type[IntEnum], name: str) -> int:
    found = kind.__members__.get(name.upper())
    if found is None:
        names = ", ".join(member.lower() for member in kind.__members__)
        raise VerbError(f"there is no {kind.__name__.lower()} '{name}'; there are {names}")
    return int(found)


def _ask(*, reason: str, timeout_s: float, command: int = 0, mode: int = 0) -> str:
    from cablecell_interfaces.srv import PackmlCommand

    from cablecell.ros.verbs.session import open_session

    with open_session() as session:
        client = session.node.create_client(PackmlCommand, "/packml_command")
        if not session.spin_until(client.service_is_ready, timeout_s):
            raise VerbError("no cell is running in this ROS domain (nothing serves /packml_command)")
        request = PackmlCommand.Request(
            command=command, mode=mode, requester=f"{getpass.getuser()} (command line)", reason=reason
        )
        # A server that has not yet discovered this client throws its answer away, and a command must not be sent twice:
        # first something harmless, as often as it takes.
        end_s = time.monotonic() + timeout_s
        while not session.spin_until(client.call_async(PackmlCommand.Request()).done, _REPEAT_S):
            if time.monotonic() > end_s:
                raise VerbError(f"the cell does not answer within {timeout_s:g} s")
        answer = session.result(client.call_async(request), "the cell", timeout_s)
    if answer.error_code:
        raise VerbError(f"refused, code {answer.error_code}: {answer.error_msg}")
    return f"{State(answer.state).name}, mode {Mode(answer.mode).name}"
