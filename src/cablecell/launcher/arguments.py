"""Finds the arguments that a launch file takes without evaluating it, for `--show-args`."""

from __future__ import annotations

from pathlib import Path

from cablecell.launcher.actions import Argument, Include
from cablecell.launcher.context import Context
from cablecell.launcher.elements import LaunchFile, walk
from cablecell.launcher.errors import LaunchFileError
from cablecell.launcher.planner import MAX_INCLUDE_DEPTH
from cablecell.launcher.xml_reader import Value


def static_arguments(path: Path, context: Context) -> list[tuple[Argument, bool]]:
    """Return every argument a launch file takes, those of its includes with it, first declaration wins.

    Includes are followed where their path can be told from defaults alone.
    """
    found: dict[str, tuple[Argument, bool]] = {}

    def collect(file: Path, conditional: bool, depth: int) -> None:
        context.file = context.upstream_file = file
        for action, depends in walk(LaunchFile(file).actions, conditional):
            if isinstance(action, Argument) and action.name not in found:
                found[action.name] = (action, depends)
                _try_default(action, context)
            elif isinstance(action, Include) and depth < MAX_INCLUDE_DEPTH:
                context.file = context.upstream_file = file
                included = _try_expand(action.file, context)
                if included is not None and Path(included).is_file():
                    collect(Path(included).absolute(), depends, depth + 1)

    collect(path.absolute(), False, 0)
    return list(found.values())


def _try_expand(value: Value, context: Context) -> str | None:
    try:
        return value.expand(context)
    except LaunchFileError:
        return None


def _try_default(argument: Argument, context: Context) -> None:
    if argument.default is not None:
        default = _try_expand(argument.default, context)
        if default is not None:
            context.configurations.setdefault(argument.name, default)
