"""`node`: list, info."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cablecell.ros.verbs.command import SpinTime, ends_well, make_group, require

app = make_group("List and describe nodes.")


@app.command("list")
@ends_well
def list_nodes(
    all_nodes: Annotated[bool, typer.Option("--all", "-a", help="Show hidden nodes as well.")] = False,
    count_nodes: Annotated[bool, typer.Option("--count-nodes", "-c", help="Show only how many there are.")] = False,
    spin_time: SpinTime = None,
) -> None:
    """List the nodes."""
    from cablecell.ros.verbs.session import open_session

    with open_session(spin_time) as session:
        names = session.nodes(hidden=all_nodes)
    if count_nodes:
        typer.echo(str(len(names)))
        return
    if len(set(names)) < len(names):
        typer.echo(
            "WARNING: Be aware that there are nodes in the graph that share an exact name, which can have unintended "
            "side effects.",
            err=True,
        )
    for name in names:
        typer.echo(name)


@app.command()
@ends_well
def info(
    node_name: Annotated[str, typer.Argument(metavar="NODE", help="Name of the node, for example /motion_planner.")],
    include_hidden: Annotated[bool, typer.Option("--include-hidden", help="Show hidden names as well.")] = False,
    spin_time: SpinTime = None,
) -> None:
    """Show what a node subscribes, publishes, serves and calls."""
    from rclpy import action

    from cablecell.ros.verbs.session import is_hidden, open_session

    with open_session(spin_time) as session:
        names = session.nodes(hidden=True)
        full = require(node_name, names, "Unable to find node")
        namespace, name = full.rsplit("/", 1)
        key = (name, namespace or "/")
        node = session.node
        parts: dict[str, list[tuple[str, Any]]] = {
            "Subscribers": node.get_subscriber_names_and_types_by_node(*key),
            "Publishers": node.get_publisher_names_and_types_by_node(*key),
            "Service Servers": node.get_service_names_and_types_by_node(*key),
            "Service Clients": node.get_client_names_and_types_by_node(*key),
            "Action Servers": action.get_action_server_names_and_types_by_node(node, *key),
            "Action Clients": action.get_action_client_names_and_types_by_node(node, *key),
        }
    if (count := names.count(full)) > 1:
        typer.echo(
            f'There are {count} nodes in the graph with the exact name "{full}". '
            "You are seeing information about only one of them.",
            err=True,
        )
    typer.echo(full)
    for title, entries in parts.items():
        typer.echo(f"  {title}:")
        for entry, types in entries:
            if include_hidden or not is_hidden(entry):
                typer.echo(f"    {entry}: {', '.join(types)}")
        if not any(include_hidden or not is_hidden(entry) for entry, _ in entries):
            typer.echo("")
