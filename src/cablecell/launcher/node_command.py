"""Command lines: splitting `cmd` and `args` texts, and the ROS arguments of a node."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

from cablecell.launcher.context import Context
from cablecell.launcher.errors import LaunchError
from cablecell.launcher.names import check_namespace, check_node_name, join_namespace, make_absolute
from cablecell.launcher.parameters import ParameterFile, ParameterSet, ParameterText
from cablecell.launcher.substitutions import Call, Template
from cablecell.launcher.xml_reader import Element, Value


def split_command(element: Element, attribute: str) -> list[Value]:
    """Split an attribute into arguments before its substitutions are expanded.

    Plain text is split like a shell line, piece by piece between substitutions; an expanded substitution is never
    split, and joins the text it touches.

    Raises:
        LaunchFileError: A quote is not closed within one piece of text.
    """
    arguments: list[tuple[str | Call, ...]] = []
    current: list[str | Call] = []

    def finish() -> None:
        arguments.append(tuple(current))
        current.clear()

    for part in element.value(attribute).template.parts:
        if isinstance(part, Call):
            current.append(part)
            continue
        try:
            tokens = shlex.split(part)
        except ValueError as error:
            raise element.error(
                f'{error} in the text "{part}"; quotes cannot reach over a substitution', attribute=attribute
            ) from error
        if not tokens:
            finish()
            continue
        if part[0].isspace() and current:
            finish()
        current.append(tokens[0])
        for token in tokens[1:]:
            finish()
            current.append(token)
        if part[-1].isspace():
            finish()
    if current:
        finish()
    return [Value(element, attribute, Template(parts)) for parts in arguments]


def apply_prefix(context: Context, prefix: Value | None, command: list[str]) -> list[str]:
    """Put the launch prefix in front: the attribute, or the launch configuration, which may be filtered by name."""
    if prefix is not None:
        return [*shlex.split(prefix.expand(context)), *command]
    name_filter = context.configurations.get("launch-prefix-filter", "")
    if re.match(name_filter, os.path.basename(command[0])) is None:  # noqa: PTH119  # a text, not a path of ours
        return command
    return [*shlex.split(context.configurations.get("launch-prefix", "")), *command]


class RosArguments:
    """The ROS part of a node: name, namespace, parameters and remaps."""

    def __init__(
        self,
        element: Element,
        parameters: list[ParameterSet | ParameterFile],
        remaps: list[tuple[Value, Value]],
    ) -> None:
        self._element = element
        self._name = element.optional_value("name")
        self._namespace = element.optional_value("namespace")
        self._parameters = parameters
        self._remaps = remaps

    def evaluate(self, context: Context) -> tuple[list[str | ParameterText], str | None]:
        """Return the arguments from the last `--ros-args` on, and the full node name if the launch file sets it.

        Order: name, namespace, global parameters, own parameters in the order given, global remaps, own remaps.

        Raises:
            LaunchFileError: A name is invalid, or a value cannot be expanded or typed.
        """
        arguments: list[str | ParameterText] = ["--ros-args"]
        name = self._node_name(context)
        if name is not None:
            arguments += ["-r", f"__node:={name}"]
        namespace = self._full_namespace(context)
        if namespace is not None:
            arguments += ["-r", f"__ns:={namespace}"]
        full_name = join_namespace(namespace, name) if name is not None and namespace is not None else None
        arguments += self._global_parameters(context)
        for parameter in self._parameters:
            source = parameter.evaluate(context, full_name or "/**")
            if source is not None:
                arguments += ["--params-file", str(source) if isinstance(source, Path) else source]
        rules = [*(context.remaps or []), *((old.expand(context), new.expand(context)) for old, new in self._remaps)]
        for old_name, new_name in rules:
            arguments += ["-r", f"{old_name}:={new_name}"]
        return arguments, full_name

    def _node_name(self, context: Context) -> str | None:
        if self._name is None:
            return None
        name = self._name.expand(context)
        try:
            check_node_name(name)
        except LaunchError as error:
            raise self._name.error(str(error)) from error
        return name

    def _full_namespace(self, context: Context) -> str | None:
        own = None if self._namespace is None else self._namespace.expand(context)
        joined = join_namespace(context.configurations.get("ros_namespace"), own)
        if joined is None:
            return None
        namespace = make_absolute(joined)
        try:
            check_namespace(namespace)
        except LaunchError as error:
            attribute = "namespace" if self._namespace is not None else None
            raise self._element.error(str(error), attribute=attribute) from error
        return namespace

    def _global_parameters(self, context: Context) -> list[str]:
        arguments: list[str] = []
        for parameter in context.global_parameters or ():
            if not isinstance(parameter, Path):
                arguments += ["-p", f"{parameter.name}:={parameter.value}"]
                continue
            path = parameter.absolute()
            if not path.is_file():
                raise self._element.error(f"the file of <set_parameters_from_file> does not exist: {path}")
            arguments += ["--params-file", str(path)]
        return arguments
