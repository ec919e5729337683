"""`up` and `down`: a cell that runs on without a terminal, at most one in each ROS domain."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import typer

from cablecell.installation.layout import state_folder
from cablecell.ros.verbs.command import VerbError, ends_well
from cablecell.ros.verbs.status import constant_name

_POLL_S = 0.05
_TAIL_LINES = 15
_KILL_GRACE_S = 5.0

_COMES_UP = frozenset({"UNDEFINED", "RESETTING", "STOPPED", "CLEARING"})
"""PackML states on the way from nothing to a cell that takes jobs."""


@dataclass(frozen=True)
class BackgroundCell:
    """A launcher that `up` started.

    Attributes:
        pid: Its process.
        started: Start of that process in clock ticks since boot; a later process of the same number has another.
        log: File with everything it prints.
        namespace: ROS namespace of the cell; empty or with a leading slash.
    """

    pid: int
    started: int
    log: str
    namespace: str

    @property
    def is_alive(self) -> bool:
        """Whether that very process runs."""
        return start_ticks(self.pid) == self.started


def start_ticks(pid: int) -> int:
    """Return when a process started, in clock ticks since boot; 0 where there is none, or only its remains."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return 0
    fields = text.rpartition(")")[2].split()
    return 0 if fields[0] in "ZX" else int(fields[19])


def find_cell() -> BackgroundCell | None:
    """Return the cell that `up` started in this ROS domain, where it still runs."""
    try:
        cell = BackgroundCell(**json.loads(_note().read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return cell if cell.is_alive else None


@ends_well
def start_cell(arguments: Sequence[str], *, launch_file: str, timeout_s: float) -> None:
    """Start a cell in the background and wait until it takes jobs.

    Args:
        arguments: Launch arguments, `name:=value`.
        launch_file: Launch file that brings up a cell.
        timeout_s: Longest wait for it to be ready, s.

    Raises:
        typer.Exit: With 1 when there is one already, or when it ends or does not come up; then nothing is left running.
    """
    wrong = next((word for word in arguments if ":=" not in word), None)
    if wrong is not None:
        raise VerbError(f"'{wrong}' is no launch argument; they are NAME:=VALUE")
    there = find_cell()
    if there is not None:
        raise VerbError(f"a cell is up already in ROS domain {_domain()} (process {there.pid}); end it with `down`")
    begin = time.monotonic()
    cell, process = _launch(arguments, launch_file)
    try:
        state = _wait_ready(process, cell, timeout_s)
    except BaseException:
        _end(cell, process.poll, grace_s=15.0)
        _note().unlink(missing_ok=True)
        raise
    where = f"ROS domain {_domain()}, process {cell.pid}, log {cell.log}"
    typer.echo(f"{state} after {time.monotonic() - begin:.1f} s ({where})")


@ends_well
def end_cell(*, timeout_s: float) -> None:
    """End the cell that `up` started in this ROS domain.

    Args:
        timeout_s: Longest wait for its orderly end, s; then it is killed.

    Raises:
        typer.Exit: With 1 when there is none, or when it had to be killed.
    """
    cell = find_cell()
    if cell is None:
        _note().unlink(missing_ok=True)
        raise VerbError(f"no cell that `up` started is running in ROS domain {_domain()}")
    begin = time.monotonic()
    is_orderly = _end(cell, lambda: None if cell.is_alive else 0, grace_s=timeout_s)
    _note().unlink(missing_ok=True)
    if not is_orderly:
        raise VerbError(f"the cell did not end within {timeout_s:g} s and was killed; its log is {cell.log}")
    typer.echo(f"the cell ended after {time.monotonic() - begin:.1f} s")


def _domain() -> str:
    return os.environ.get("ROS_DOMAIN_ID", "0")


def _note() -> Path:
    return state_folder() / f"domain_{_domain()}.json"


def _launch(arguments: Sequence[str], launch_file: str) -> tuple[BackgroundCell, subprocess.Popen[bytes]]:
    folder = state_folder()
    log = folder / f"domain_{_domain()}.log"
    command = [sys.executable, "-m", "cablecell.cli", "launch", launch_file, *arguments]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as stream:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True
            )
    except OSError as error:
        raise VerbError(f"the cell cannot be started: {error}") from error
    given = dict(word.split(":=", 1) for word in arguments).get("namespace", "").strip("/")
    cell = BackgroundCell(process.pid, start_ticks(process.pid), str(log), f"/{given}" if given else "")
    fresh = _note().with_suffix(".new")
    fresh.write_text(json.dumps(asdict(cell)), encoding="utf-8")
    fresh.replace(_note())
    return cell, process


def _wait_ready(process: subprocess.Popen[bytes], cell: BackgroundCell, timeout_s: float) -> str:
    """Return state and reason of the cell once it takes jobs."""
    from cablecell_interfaces.msg import CellState

    from cablecell.ros import qos
    from cablecell.ros.verbs.session import open_session

    states: list[Any] = []
    with open_session() as session:
        session.node.create_subscription(CellState, f"{cell.namespace}/cell_state", states.append, qos.STATE)

        def name() -> str:
            return constant_name(CellState, "STATE_", states[-1].state) if states else "UNDEFINED"

        settled = session.spin_until(lambda: process.poll() is not None or name() not in _COMES_UP, timeout_s)
    if process.poll() is not None:
        raise VerbError(f"the cell ended with exit code {process.returncode}:\n{_tail(cell)}")
    if not settled:
        last = f"{name()}: {states[-1].reason}" if states else "it says nothing on cell_state"
        raise VerbError(f"the cell is not ready within {timeout_s:g} s ({last}); it was ended:\n{_tail(cell)}")
    if name() in ("ABORTING", "ABORTED", "STOPPING"):
        raise VerbError(f"the cell came up {name()}: {states[-1].reason}; it was ended:\n{_tail(cell)}")
    return f"{name()}: {states[-1].reason}"


def _tail(cell: BackgroundCell) -> str:
    lines = Path(cell.log).read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join([*lines[-_TAIL_LINES:], f"(all of it: {cell.log})"])


def _end(cell: BackgroundCell, poll: Callable[[], int | None], *, grace_s: float) -> bool:
    """End a launcher, which ends its nodes; return whether it did so by itself.

    Its guardian ends the nodes of a launcher that is killed.
    """
    if poll() is not None or _ends_by(signal.SIGINT, cell, poll, grace_s):
        return True
    _ends_by(signal.SIGKILL, cell, poll, _KILL_GRACE_S)
    return False


def _ends_by(number: int, cell: BackgroundCell, poll: Callable[[], int | None], limit_s: float) -> bool:
    os.kill(cell.pid, number)
    deadline = time.monotonic() + limit_s
    while poll() is None and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    return poll() is not None
