"""`action`: list, type, info, find, send_goal."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cablecell.ros.message_data import message_from_yaml, message_to_yaml
from cablecell.ros.message_data.errors import suggestion
from cablecell.ros.message_data.interfaces import complete_name, find_interface
from cablecell.ros.verbs.command import (
    FromStdin,
    SpinTime,
    TerminatedError,
    VerbError,
    ends_well,
    make_group,
    require,
    yaml_text,
)

app = make_group("List and describe actions, send goals.")

Count = Annotated[bool, typer.Option("--count-actions", "-c", help="Show only how many there are.")]
ActionName = Annotated[str, typer.Argument(metavar="ACTION", help="Name of the action, for example /move_to.")]

_CANCEL_LIMIT_S = 10.0


def _actions(session: Any) -> dict[str, list[str]]:
    from rclpy import action

    return dict(sorted(action.get_action_names_and_types(session.node)))


@app.command("list")
@ends_well
def list_actions(
    show_types: Annotated[bool, typer.Option("--show-types", "-t", help="Show the type, too.")] = False,
    count_actions: Count = False,
    spin_time: SpinTime = None,
) -> None:
    """List the actions."""
    from cablecell.ros.verbs.session import open_session

    with open_session(spin_time) as session:
        actions = _actions(session)
    if count_actions:
        typer.echo(str(len(actions)))
        return
    for name, types in actions.items():
        typer.echo(f"{name} [{', '.join(types)}]" if show_types else name)


@app.command("type")
@ends_well
def show_type(action_name: ActionName, spin_time: SpinTime = None) -> None:
    """Show the type of an action."""
    from cablecell.ros.verbs.session import open_session

    with open_session(spin_time) as session:
        actions = _actions(session)
    for name in actions[require(action_name, list(actions), "Unknown action")]:
        typer.echo(name)


@app.command()
@ends_well
def find(
    action_type: Annotated[str, typer.Argument(metavar="TYPE", help="Type, for example pkg/action/Name.")],
    count_actions: Count = False,
    spin_time: SpinTime = None,
) -> None:
    """List the actions of a type."""
    from cablecell.ros.verbs.session import open_session

    wanted = complete_name(action_type, "action")
    with open_session(spin_time) as session:
        actions = _actions(session)
    found = [name for name, types in actions.items() if wanted in types]
    typer.echo(str(len(found)) if count_actions else "\n".join(found), nl=bool(found) or count_actions)


@app.command()
@ends_well
def info(
    action_name: ActionName,
    show_types: Annotated[bool, typer.Option("--show-types", "-t", help="Show the types, too.")] = False,
    count: Annotated[bool, typer.Option("--count", "-c", help="Show only how many there are.")] = False,
    spin_time: SpinTime = None,
) -> None:
    """Show which nodes serve and use an action."""
    from rclpy import action

    from cablecell.ros.verbs.session import open_session

    with open_session(spin_time) as session:
        name = require(action_name, list(_actions(session)), "Unknown action")
        ends: dict[str, list[str]] = {"clients": [], "servers": []}
        lookups = {
            "clients": action.get_action_client_names_and_types_by_node,
            "servers": action.get_action_server_names_and_types_by_node,
        }
        for node in session.nodes(hidden=True):
            namespace, base = node.rsplit("/", 1)
            for end, lookup in lookups.items():
                for found, types in lookup(session.node, base, namespace or "/"):
                    if found == name:
                        ends[end].append(f"{node} [{', '.join(types)}]" if show_types else node)
    typer.echo(f"Action: {name}")
    for end, lines in ends.items():
        typer.echo(f"Action {end}: {len(lines)}")
        if not count:
            for line in lines:
                typer.echo(f"    {line}")


@app.command("send_goal")
@ends_well
def send_goal(
    action_name: ActionName,
    action_type: Annotated[str, typer.Argument(metavar="TYPE", help="Type, for example pkg/action/Name.")],
    goal: Annotated[str | None, typer.Argument(metavar="[YAML]", help="Fields of the goal.")] = None,
    stdin: FromStdin = False,
    feedback: Annotated[bool, typer.Option("--feedback", "-f", help="Show the feedback, too.")] = False,
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", metavar="S", min=1e-3, help="Longest wait for the action server. Default: for ever."),
    ] = None,
    spin_time: SpinTime = None,
) -> None:
    """Send a goal and show its result; Ctrl-C cancels the goal."""
    from cablecell.ros.verbs.session import open_session, valid_name

    cls = find_interface(action_type, "action")
    wanted = complete_name(action_type, "action")
    message, _ = message_from_yaml(cls.Goal, yaml_text(goal, stdin))
    name = valid_name(action_name)
    with open_session(spin_time) as session:
        actions = _actions(session)
        types = actions.get(name, [])
        if types and wanted not in types:
            raise VerbError(f"Action '{name}' has type {', '.join(types)}, not {wanted}")
        if not types and (hint := suggestion(name, actions)):
            typer.echo(f"There is no action '{name}' yet{hint}", err=True)
        _run_goal(session, cls, name, message, show_feedback=feedback, timeout_s=timeout)


def _run_goal(
    session: Any, cls: type[Any], name: str, goal: Any, *, show_feedback: bool, timeout_s: float | None
) -> None:
    """Send a goal and wait for its end; cancel it if the user gives up.

    Raises:
        VerbError: There is no server, or the goal was rejected or did not succeed.
    """
    from action_msgs.msg import GoalStatus

    from cablecell.ros.action_client import MutualActionClient

    statuses = {
        getattr(GoalStatus, f"STATUS_{label}"): label
        for label in ("ACCEPTED", "EXECUTING", "CANCELING", "SUCCEEDED", "CANCELED", "ABORTED")
    }
    client = MutualActionClient(session.node, cls, name)
    sending = None
    try:
        typer.echo("Waiting for an action server to become available...")
        if not session.spin_until(client.server_is_ready, timeout_s):
            raise VerbError(f"Action '{name}' has no server after {timeout_s:g} s")
        typer.echo(f"Sending goal:\n     {message_to_yaml(goal)}")

        def show(update: Any) -> None:
            typer.echo(f"Feedback:\n    {message_to_yaml(update.feedback)}")

        sending = client.send_goal_async(goal, show if show_feedback else None)
        handle = session.result(sending, f"Action '{name}'")
        if not handle.accepted:
            raise VerbError("Goal was rejected.")
        typer.echo(f"Goal accepted with ID: {bytes(handle.goal_id.uuid).hex()}\n")
        result = session.result(handle.get_result_async(), f"Action '{name}'")
    except (KeyboardInterrupt, TerminatedError):
        if sending is not None:
            _cancel(session, name, sending)
        raise
    finally:
        client.destroy()
    typer.echo(f"Result:\n    {message_to_yaml(result.result)}")
    label = statuses.get(result.status, "UNKNOWN")
    typer.echo(f"Goal finished with status: {label}")
    if label != "SUCCEEDED":
        raise typer.Exit(1)


def _cancel(session: Any, name: str, sending: Any) -> None:
    """Cancel the goal that was being sent or worked on, and wait until the server confirms.

    Raises:
        VerbError: The server did not confirm; it may still be at work.
    """
    handle = session.result(sending, f"Action '{name}'", _CANCEL_LIMIT_S)
    if not handle.accepted:
        return
    typer.echo("Canceling goal...")
    response = session.result(handle.cancel_goal_async(), f"Canceling the goal of '{name}'", _CANCEL_LIMIT_S)
    if not response.goals_canceling:
        raise VerbError(f"Failed to cancel the goal of '{name}' (code {response.return_code})")
    typer.echo("Goal canceled.")
