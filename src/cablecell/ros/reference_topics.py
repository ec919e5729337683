"""Which topics the nodes publish, read from the code: nothing has to run for that."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_CREATORS = ("create_publisher", "create_lifecycle_publisher", "make", "_publisher")
"""Methods, and names that modules give them, whose arguments are message class, topic and quality of service."""

_MARKERS = "InteractiveMarkerServer"
"""Class whose second argument is the namespace of a topic `update`."""


@dataclass(frozen=True, order=True)
class Topic:
    """One topic that some module publishes.

    Attributes:
        name: As the code has it: relative, or `~/` and the name; a part in braces is filled in.
        type_name: Class of the message.
        qos: Name of the profile in `cablecell.ros.qos`.
        module: File that publishes it, without its suffix.
    """

    name: str
    type_name: str
    qos: str
    module: str


def published_topics(folder: Path | None = None) -> list[Topic]:
    """Return every topic that a module of `cablecell.ros` publishes, sorted."""
    folder = folder or Path(__file__).parent
    found: set[Topic] = set()
    for path in folder.rglob("*.py"):
        if "verbs" not in path.parts:
            found.update(_topics_of(path))
    return sorted(found)


def _topics_of(path: Path) -> Iterator[Topic]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    constants = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    classes = {
        name.asname: name.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for name in node.names
        if name.asname
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or len(node.args) < 2:
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        name = _text(node.args[1], constants)
        if not name:
            continue
        if called == _MARKERS:
            yield Topic(f"{name}/update", "InteractiveMarkerUpdate", "", path.stem)
        elif called in _CREATORS and isinstance(node.args[0], ast.Name):
            profile = node.args[2].attr if len(node.args) > 2 and isinstance(node.args[2], ast.Attribute) else ""
            type_name = classes.get(node.args[0].id, node.args[0].id)
            yield Topic(name, type_name, profile, path.stem)


def _text(node: ast.expr, constants: dict[str, str]) -> str:
    """Return the text of a constant, a named constant or a formatted string; empty for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Name):
        return constants.get(node.id, "")
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else f"{{{ast.unparse(part.value)}}}"
            for part in node.values
            if isinstance(part, (ast.Constant, ast.FormattedValue))
        )
    return ""
