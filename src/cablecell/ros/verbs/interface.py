"""`interface`: show, list, package, packages, proto."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Annotated

import typer

from cablecell.ros.message_data.interfaces import (
    KINDS,
    all_interfaces,
    complete_name,
    definition_path,
    find_interface,
    interface_packages,
    interfaces_of,
)
from cablecell.ros.verbs.command import ends_well, make_group

app = make_group("Show message, service and action types.")

OnlyMessages = Annotated[bool, typer.Option("--only-msgs", "-m", help="Only message types.")]
OnlyServices = Annotated[bool, typer.Option("--only-srvs", "-s", help="Only service types.")]
OnlyActions = Annotated[bool, typer.Option("--only-actions", "-a", help="Only action types.")]

_PRIMITIVE = re.compile(
    r"^(bool|byte|char|float32|float64|u?int(8|16|32|64)|w?string(<=\d+)?)$",
)
# A type at the start of a line, up to its array suffix; what follows is the name.
_FIELD = re.compile(r"^([A-Za-z][\w/]*(?:<=\d+)?)(?:\[[^\]]*\])?\s+\w")


def _kinds(messages: bool, services: bool, actions: bool) -> tuple[str, ...]:
    chosen = dict(zip(KINDS, (messages, services, actions), strict=True))
    return tuple(kind for kind, is_chosen in chosen.items() if is_chosen) or tuple(KINDS)


@app.command("list")
@ends_well
def list_interfaces(
    only_msgs: OnlyMessages = False, only_srvs: OnlyServices = False, only_actions: OnlyActions = False
) -> None:
    """List all types."""
    titles = {"msg": "Messages:", "srv": "Services:", "action": "Actions:"}
    for kind in _kinds(only_msgs, only_srvs, only_actions):
        typer.echo(titles[kind])
        for name in all_interfaces((kind,)):
            typer.echo(f"    {name}")


@app.command()
@ends_well
def package(
    package_name: Annotated[str, typer.Argument(metavar="PACKAGE", help="Name of the package, like sensor_msgs.")],
    only_msgs: OnlyMessages = False,
    only_srvs: OnlyServices = False,
    only_actions: OnlyActions = False,
) -> None:
    """List the types of a package."""
    for name in interfaces_of(package_name, _kinds(only_msgs, only_srvs, only_actions)):
        typer.echo(name)


@app.command()
@ends_well
def packages(
    only_msgs: OnlyMessages = False, only_srvs: OnlyServices = False, only_actions: OnlyActions = False
) -> None:
    """List the packages that define types."""
    kinds = _kinds(only_msgs, only_srvs, only_actions)
    for name in interface_packages():
        if kinds == tuple(KINDS) or interfaces_of(name, kinds):
            typer.echo(name)


@app.command()
@ends_well
def proto(
    type_name: Annotated[str, typer.Argument(metavar="TYPE", help="Type, for example geometry_msgs/msg/Pose.")],
    no_quotes: Annotated[bool, typer.Option("--no-quotes", help="Leave out the outer quotes.")] = False,
) -> None:
    """Show the fields of a type with their default values, as YAML to start from."""
    from cablecell.ros.message_data import message_to_yaml

    full = complete_name(type_name)
    part = {"msg": "", "srv": "Request", "action": "Goal"}[full.split("/")[1]]
    cls = find_interface(full)
    text = message_to_yaml((getattr(cls, part) if part else cls)())
    typer.echo(text if no_quotes else f'"{text}"')


@app.command()
@ends_well
def show(
    type_name: Annotated[str, typer.Argument(metavar="TYPE", help="Type, or - to read it from standard input.")],
    all_comments: Annotated[bool, typer.Option("--all-comments", help="Show comments of nested types, too.")] = False,
    no_comments: Annotated[bool, typer.Option("--no-comments", help="Show no comments and no empty lines.")] = False,
) -> None:
    """Show the definition of a type, with the types inside it."""
    if all_comments and no_comments:
        raise typer.BadParameter("--all-comments and --no-comments exclude each other")
    if type_name == "-":
        type_name = sys.stdin.readline().strip()
        if not type_name:
            raise typer.BadParameter("standard input holds no type name")
    for line in _definition(complete_name(type_name), not no_comments, all_comments):
        typer.echo(line)


def _definition(full: str, comments: bool, nested_comments: bool, depth: int = 0) -> Iterator[str]:
    """Yield the lines of a definition, each nested type below its field and one tab further in."""
    package_name = full.split("/")[0]
    path = definition_path(full)
    lines = path.read_text(encoding="utf-8").splitlines()
    if path.suffix == ".idl":
        # A type defined in OMG IDL has no other text; its syntax is not looked into.
        yield from ("\t" * depth + line.rstrip() for line in lines)
        return
    for line in lines:
        text = line.rstrip()
        code = _without_comment(text)
        if comments:
            yield "\t" * depth + text if text else ""
        elif code:
            yield "\t" * depth + code
        nested = nested_type(code, package_name)
        if nested is not None:
            yield from _definition(nested, nested_comments, nested_comments, depth + 1)


def _without_comment(line: str) -> str:
    """Return a line up to the number sign that starts its comment; one inside quotes starts none."""
    quote = ""
    for index, character in enumerate(line):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character == "#":
            return line[:index].strip()
    return line.strip()


def nested_type(code: str, package_name: str) -> str | None:
    """Return the message type that a line of a definition uses, None if it uses none.

    Args:
        code: The line without its comment.
        package_name: Package that a type without one belongs to.

    Returns:
        Name like `geometry_msgs/msg/Point`.
    """
    match = _FIELD.match(code)
    if match is None or _PRIMITIVE.match(match.group(1)):
        return None
    parts = match.group(1).split("/")
    owner = parts[0] if len(parts) > 1 else package_name
    return f"{owner}/msg/{parts[-1]}"
