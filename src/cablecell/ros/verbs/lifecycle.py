"""`lifecycle`: nodes, get, set, list."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cablecell.ros.verbs.command import SpinTime, VerbError, ends_well, full_name, make_group, require

app = make_group("Show and change the state of managed nodes.")

Hidden = Annotated[bool, typer.Option("--include-hidden-nodes", help="Consider hidden nodes as well.")]
NodeName = Annotated[str, typer.Argument(metavar="NODE", help="Name of the node.")]

_STATE_SERVICE = "lifecycle_msgs/srv/GetState"


def _managed(session: Any, hidden: bool) -> list[str]:
    """Return the names of the nodes that have a lifecycle."""
    services = session.services(hidden=hidden)
    names = session.nodes(hidden=hidden)
    return sorted({name for name in names if _STATE_SERVICE in services.get(f"{name}/get_state", [])})


def _require_managed(session: Any, name: str, hidden: bool) -> str:
    """Return the full name of a managed node.

    Raises:
        VerbError: There is no such node, or it has no lifecycle.
    """
    full = full_name(name)
    managed = _managed(session, hidden)
    if full not in managed and full in session.nodes(hidden=True):
        others = f"; nodes with one: {', '.join(managed)}" if managed else ""
        raise VerbError(f"Node '{full}' has no lifecycle{others}")
    return require(name, managed, "Node not found:")


@app.command()
@ends_well
def nodes(
    all_nodes: Annotated[bool, typer.Option("--all", "-a", help="Show hidden nodes as well.")] = False,
    count_nodes: Annotated[bool, typer.Option("--count-nodes", "-c", help="Show only how many there are.")] = False,
    spin_time: SpinTime = None,
) -> None:
    """List the nodes that have a lifecycle."""
    from cablecell.ros.verbs.session import open_session

    with open_session(spin_time) as session:
        names = _managed(session, all_nodes)
    for line in [str(len(names))] if count_nodes else names:
        typer.echo(line)


@app.command()
@ends_well
def get(
    node_name: Annotated[str | None, typer.Argument(metavar="[NODE]", help="Name of the node; all without it.")] = None,
    include_hidden_nodes: Hidden = False,
    spin_time: SpinTime = None,
) -> None:
    """Show the state of a node, or of all."""
    from lifecycle_msgs.srv import GetState

    from cablecell.ros.verbs.session import open_session

    failures = 0
    with open_session(spin_time) as session:
        if node_name is not None:
            names = [_require_managed(session, node_name, include_hidden_nodes)]
        else:
            names = _managed(session, include_hidden_nodes)
        for name in names:
            try:
                state = session.call(GetState, f"{name}/get_state", GetState.Request()).current_state
            except VerbError as error:
                if node_name is not None:
                    raise
                failures += 1
                typer.echo(str(error), err=True)
                continue
            prefix = "" if node_name is not None else f"{name}: "
            typer.echo(f"{prefix}{state.label} [{state.id}]")
    if failures:
        raise typer.Exit(1)


@app.command("list")
@ends_well
def list_transitions(
    node_name: NodeName,
    all_transitions: Annotated[bool, typer.Option("--all", "-a", help="Show those of all states.")] = False,
    include_hidden_nodes: Hidden = False,
    spin_time: SpinTime = None,
) -> None:
    """List the transitions a node can make now."""
    from cablecell.ros.verbs.session import open_session

    with open_session(spin_time) as session:
        name = _require_managed(session, node_name, include_hidden_nodes)
        transitions = _transitions(session, name, "get_transition_graph" if all_transitions else None)
    for each in transitions:
        typer.echo(f"- {each.transition.label} [{each.transition.id}]")
        typer.echo(f"\tStart: {each.start_state.label}")
        typer.echo(f"\tGoal: {each.goal_state.label}")


@app.command("set")
@ends_well
def set_state(
    node_name: NodeName,
    transition: Annotated[str, typer.Argument(metavar="TRANSITION", help="Label or number, for example configure.")],
    include_hidden_nodes: Hidden = False,
    spin_time: SpinTime = None,
) -> None:
    """Make a node change its state."""
    from lifecycle_msgs.srv import ChangeState

    from cablecell.ros.verbs.session import open_session

    with open_session(spin_time) as session:
        name = _require_managed(session, node_name, include_hidden_nodes)
        available = [each.transition for each in _transitions(session, name)]
        by_label = {each.label: each for each in available}
        by_number = {str(each.id): each for each in available}
        chosen = by_label.get(transition) or by_number.get(transition)
        if chosen is None:
            lines = "".join(f"\n- {each.label} [{each.id}]" for each in available)
            raise VerbError(f"Unknown transition requested, available ones are:{lines}")
        request = ChangeState.Request()
        request.transition = chosen
        # Configuring may load models or wait for hardware: no limit here, Ctrl-C ends the wait.
        if not session.call(ChangeState, f"{name}/change_state", request, timeout_s=None).success:
            raise VerbError("Transitioning failed")
    typer.echo("Transitioning successful")


def _transitions(session: Any, name: str, service: str | None = None) -> list[Any]:
    from lifecycle_msgs.srv import GetAvailableTransitions

    address = f"{name}/{service or 'get_available_transitions'}"
    response = session.call(GetAvailableTransitions, address, GetAvailableTransitions.Request())
    return list(response.available_transitions)
