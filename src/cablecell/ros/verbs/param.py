"""`param`: list, get, set, describe, dump, load."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from cablecell.ros.message_data.errors import suggestion
from cablecell.ros.message_data.writing import data_to_yaml
from cablecell.ros.verbs.command import SpinTime, VerbError, ends_well, full_name, make_group, require

app = make_group("List, read and change parameters of nodes.")

Hidden = Annotated[bool, typer.Option("--include-hidden-nodes", help="Consider hidden nodes as well.")]
NodeName = Annotated[str, typer.Argument(metavar="NODE", help="Name of the node.")]
Timeout = Annotated[float, typer.Option("--timeout", metavar="S", min=0.0, help="Longest wait for the node, s.")]

_LABELS = {
    1: "Boolean value is:",
    2: "Integer value is:",
    3: "Double value is:",
    4: "String value is:",
    5: "Byte values are:",
    6: "Boolean values are:",
    7: "Integer values are:",
    8: "Double values are:",
    9: "String values are:",
}
"""What `get` says before a value, by the number of its type in rcl_interfaces/msg/ParameterType."""

_TYPES = (
    "not set",
    "boolean",
    "integer",
    "double",
    "string",
    "byte array",
    "boolean array",
    "integer array",
    "double array",
    "string array",
)


@app.command("list")
@ends_well
def list_parameters(
    node_name: Annotated[str | None, typer.Argument(metavar="[NODE]", help="Name of the node; all without it.")] = None,
    regex: Annotated[str | None, typer.Option("--filter", metavar="REGEX", help="Only names that match.")] = None,
    prefixes: Annotated[
        list[str] | None, typer.Option("--param-prefixes", metavar="PREFIX", help="Only names below it; repeatable.")
    ] = None,
    param_type: Annotated[bool, typer.Option("--param-type", help="Show the types, too.")] = False,
    include_hidden_nodes: Hidden = False,
    spin_time: SpinTime = None,
) -> None:
    """List the parameters of a node, or of all."""
    from cablecell.ros.verbs.session import open_session

    try:
        pattern = re.compile(regex or "")
    except re.error as error:
        raise typer.BadParameter(f"--filter {regex!r} is not a regular expression: {error}") from None
    failures = 0
    with open_session(spin_time) as session:
        if node_name is not None:
            names = [_find_node(session, node_name, include_hidden_nodes, 1.0)]
        else:
            services = session.services(hidden=True)
            everyone = dict.fromkeys(session.nodes(hidden=include_hidden_nodes))
            names = [name for name in everyone if f"{name}/list_parameters" in services]
        for name in names:
            try:
                found = [each for each in _names(session, name, prefixes or []) if pattern.match(each)]
                types = _types(session, name, found) if param_type else {}
            except VerbError as error:
                if node_name is not None:
                    raise
                failures += 1
                typer.echo(str(error), err=True)
                continue
            if node_name is None and found:
                typer.echo(f"{name}:")
            for each in found:
                typer.echo(f"  {each} (type: {types[each]})" if param_type else f"  {each}")
    if failures:
        raise typer.Exit(1)


@app.command()
@ends_well
def get(
    node_name: NodeName,
    parameter_name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the parameter.")],
    hide_type: Annotated[bool, typer.Option("--hide-type", help="Show the value only.")] = False,
    include_hidden_nodes: Hidden = False,
    timeout: Timeout = 1.0,
    spin_time: SpinTime = None,
) -> None:
    """Show the value of a parameter."""
    from cablecell.ros.verbs.session import open_session

    with open_session(spin_time) as session:
        node = _find_node(session, node_name, include_hidden_nodes, timeout)
        values = _values(session, node, [parameter_name])
        if not values:
            raise _not_set(session, node, parameter_name)
    value = values[0]
    if value.type == 0:
        typer.echo("None" if hide_type else "Parameter not set.")
    else:
        shown = str(_plain(value))
        typer.echo(shown if hide_type else f"{_LABELS[value.type]} {shown}")


@app.command("set", context_settings={"ignore_unknown_options": True})
@ends_well
def set_parameter(
    node_name: NodeName,
    parameter_name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the parameter.")],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="Value as YAML, for example 0.5 or '[1, 2]'.")],
    include_hidden_nodes: Hidden = False,
    timeout: Timeout = 1.0,
    spin_time: SpinTime = None,
) -> None:
    """Change the value of a parameter."""
    from rcl_interfaces.msg import Parameter
    from rclpy.parameter import get_parameter_value

    from cablecell.ros.verbs.session import open_session

    # Unknown options are let through for the sake of values like -0.5 and -.inf.
    for text in (node_name, parameter_name, value):
        if re.match(r"-+[A-Za-z]", text):
            raise typer.BadParameter(f"no such option: {text}")
    with open_session(spin_time) as session:
        node = _find_node(session, node_name, include_hidden_nodes, timeout)
        parameter = Parameter(name=parameter_name, value=get_parameter_value(value))
        [result] = _set(session, node, [parameter])
    remark = f": {result.reason}" if result.reason else ""
    if not result.successful:
        raise VerbError(f"Setting parameter failed{remark}")
    typer.echo(f"Set parameter successful{remark}")


@app.command()
@ends_well
def describe(
    node_name: NodeName,
    parameter_names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Names of the parameters.")],
    include_hidden_nodes: Hidden = False,
    timeout: Timeout = 1.0,
    spin_time: SpinTime = None,
) -> None:
    """Show type, meaning and limits of parameters."""
    from cablecell.ros.verbs.session import open_session

    with open_session(spin_time) as session:
        node = _find_node(session, node_name, include_hidden_nodes, timeout)
        descriptors = _descriptors(session, node, parameter_names)
        if len(descriptors) < len(parameter_names):
            known = _names(session, node, [])
            missing = next(name for name in parameter_names if name not in known)
            raise _not_set(session, node, missing)
    for descriptor in descriptors:
        _describe(descriptor)


@app.command()
@ends_well
def dump(
    node_name: NodeName,
    include_hidden_nodes: Hidden = False,
    timeout: Timeout = 1.0,
    spin_time: SpinTime = None,
) -> None:
    """Show all parameters of a node as a parameter file."""
    from cablecell.ros.verbs.session import open_session

    with open_session(spin_time) as session:
        node = _find_node(session, node_name, include_hidden_nodes, timeout)
        names = _names(session, node, [])
        values = _values(session, node, names)
    tree: dict[str, Any] = {}
    for name, value in zip(names, values, strict=True):
        *groups, leaf = name.split(".")
        branch = tree
        for group in groups:
            branch = branch.setdefault(group, {})
        branch[leaf] = _plain(value)
    typer.echo(data_to_yaml({node: {"ros__parameters": tree}}))


@app.command()
@ends_well
def load(
    node_name: NodeName,
    parameter_file: Annotated[Path, typer.Argument(metavar="FILE", help="Parameter file.")],
    no_use_wildcard: Annotated[bool, typer.Option("--no-use-wildcard", help="Leave out the section '/**'.")] = False,
    include_hidden_nodes: Hidden = False,
    timeout: Timeout = 1.0,
    spin_time: SpinTime = None,
) -> None:
    """Set the parameters of a node from a parameter file."""
    from cablecell.ros.verbs.parameter_file import read_parameters
    from cablecell.ros.verbs.session import open_session

    with open_session(spin_time) as session:
        node = _find_node(session, node_name, include_hidden_nodes, timeout)
        parameters = read_parameters(parameter_file, node, use_wildcard=not no_use_wildcard)
        results = _set(session, node, parameters)
    failures = 0
    for parameter, result in zip(parameters, results, strict=True):
        remark = f": {result.reason}" if result.reason else ""
        outcome = "successful" if result.successful else "failed"
        failures += not result.successful
        typer.echo(f"Set parameter {parameter.name} {outcome}{remark}", err=not result.successful)
    if failures:
        raise typer.Exit(1)


def _find_node(session: Any, name: str, hidden: bool, timeout_s: float) -> str:
    """Return the full name of a node with parameters, after waiting for it if it is not there yet.

    Raises:
        VerbError: There is no such node, or it does not serve its parameters.
    """
    full = full_name(name)
    session.spin_until(lambda: full in session.nodes(hidden=hidden), timeout_s)
    require(full, session.nodes(hidden=hidden), "Node not found:")
    if f"{full}/list_parameters" not in session.services(hidden=True):
        raise VerbError(f"Node '{full}' does not serve its parameters")
    return full


def _names(session: Any, node: str, prefixes: list[str]) -> list[str]:
    from rcl_interfaces.srv import ListParameters

    response = session.call(ListParameters, f"{node}/list_parameters", ListParameters.Request(prefixes=prefixes))
    return sorted(response.result.names)


def _values(session: Any, node: str, names: list[str]) -> list[Any]:
    from rcl_interfaces.srv import GetParameters

    return list(session.call(GetParameters, f"{node}/get_parameters", GetParameters.Request(names=names)).values)


def _descriptors(session: Any, node: str, names: list[str]) -> list[Any]:
    from rcl_interfaces.srv import DescribeParameters

    request = DescribeParameters.Request(names=names)
    return list(session.call(DescribeParameters, f"{node}/describe_parameters", request).descriptors)


def _types(session: Any, node: str, names: list[str]) -> dict[str, str]:
    return {each.name: _TYPES[each.type] for each in _descriptors(session, node, names)}


def _set(session: Any, node: str, parameters: list[Any]) -> list[Any]:
    from rcl_interfaces.srv import SetParameters

    request = SetParameters.Request(parameters=parameters)
    return list(session.call(SetParameters, f"{node}/set_parameters", request).results)


def _plain(value: Any) -> Any:
    """Return the value inside a parameter value, lists as lists."""
    from rclpy.parameter import parameter_value_to_python

    return parameter_value_to_python(value)


def _not_set(session: Any, node: str, name: str) -> VerbError:
    return VerbError(
        f"Parameter not set: '{node}' has no parameter '{name}'{suggestion(name, _names(session, node, []))}"
    )


def _describe(descriptor: Any) -> None:
    typer.echo(f"Parameter name: {descriptor.name}")
    typer.echo(f"  Type: {_TYPES[descriptor.type]}")
    if descriptor.description:
        typer.echo(f"  Description: {descriptor.description}")
    typer.echo("  Constraints:")
    if descriptor.read_only:
        typer.echo("    Read only: true")
    for limits in (*descriptor.floating_point_range, *descriptor.integer_range)[:1]:
        typer.echo(f"    Min value: {limits.from_value}")
        typer.echo(f"    Max value: {limits.to_value}")
        if limits.step:
            typer.echo(f"    Step: {limits.step}")
    if descriptor.additional_constraints:
        typer.echo(f"    Additional constraints: {descriptor.additional_constraints}")
