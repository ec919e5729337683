"""`status`: what the cell in this ROS domain is doing, for a person, a script or a container's health check."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import typer

from cablecell.ros.verbs.command import VerbError, ends_well

_ILL = frozenset({"UNDEFINED", "STOPPING", "STOPPED", "ABORTING", "ABORTED", "CLEARING"})
"""PackML states in which the cell cannot work before somebody commands it; one that is held could at once."""


@dataclass(frozen=True)
class CellStatus:
    """What the latched topics of a running cell say.

    Attributes:
        state: PackML state, by name.
        is_well: Whether the cell works or could work.
        reason: Why it is in that state, in one sentence.
        cause_code: Error code behind it; 0 for none.
        job: Id of the job at hand, or of the last one; empty before the first.
        job_status: How that job is getting on, by name; empty before the first.
        steps_done: Steps of the job that ended, well or badly.
        steps_total: Steps of the job.
    """

    state: str
    is_well: bool
    reason: str
    cause_code: int
    job: str = ""
    job_status: str = ""
    steps_done: int = 0
    steps_total: int = 0


def summarise(state: Any, job: Any | None) -> CellStatus:
    """Return the status that a `CellState` message and, where there was a job, a `JobStatus` message tell."""
    name = constant_name(type(state), "STATE_", state.state)
    said = (name, name not in _ILL and not name.isdigit(), state.reason, state.cause_code)
    if job is None:
        return CellStatus(*said)
    done = job.steps_succeeded + job.steps_failed
    return CellStatus(*said, job.job_id, constant_name(type(job), "STATUS_", job.status), done, job.steps_total)


def constant_name(message_type: type[Any], prefix: str, value: int) -> str:
    """Return the name of a message constant without its prefix, or the number where no constant has this value."""
    for name in dir(message_type):
        if name.startswith(prefix) and getattr(message_type, name) == value:
            return name[len(prefix) :]
    return str(value)


@ends_well
def show_status(*, as_json: bool, timeout_s: float) -> None:
    """Print what the cell is doing.

    Args:
        as_json: Print the fields of `CellStatus` as JSON instead of a line.
        timeout_s: Longest wait for the cell's answer, s.

    Raises:
        typer.Exit: With 1 when there is no cell, or one that cannot work.
    """
    from cablecell_interfaces.msg import CellState, JobStatus

    from cablecell.ros import qos
    from cablecell.ros.verbs.session import open_session

    states: list[Any] = []
    jobs: list[Any] = []
    with open_session() as session:
        if not session.publishers("/cell_state"):
            raise VerbError("no cell is running in this ROS domain (nothing publishes /cell_state)")
        session.node.create_subscription(CellState, "/cell_state", states.append, qos.STATE)
        session.node.create_subscription(JobStatus, "/job_status", jobs.append, qos.STATE)
        if not session.spin_until(lambda: bool(states), timeout_s):
            raise VerbError(f"the cell does not say its state within {timeout_s:g} s")
        # Both are latched by the same node: what it has said about a job is on its way already.
        session.spin_until(lambda: bool(jobs), 0.2)
    found = summarise(states[-1], jobs[-1] if jobs else None)
    if as_json:
        typer.echo(json.dumps(asdict(found)))
    else:
        job = f"; job {found.job}: {found.job_status}, {found.steps_done} of {found.steps_total} steps"
        typer.echo(f"{found.state}: {found.reason}{job if found.job else ''}")
    if not found.is_well:
        raise typer.Exit(1)
