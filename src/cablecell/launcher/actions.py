"""The elements of a launch file that change the state: arguments, scopes, environment, includes, timers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import yaml

from cablecell.launcher.context import GlobalParameter
from cablecell.launcher.errors import LaunchError
from cablecell.launcher.names import check_namespace, join_namespace, make_absolute
from cablecell.launcher.plan import MessagePlan, ShutdownPlan
from cablecell.launcher.substitutions import unescape
from cablecell.launcher.xml_reader import Element, Value

if TYPE_CHECKING:
    from cablecell.launcher.planner import Planner

_TRUE, _FALSE = ("true", "1"), ("false", "0")


class Action:
    """One element: reads its attributes when built, acts when executed.

    Subclasses name their attributes and children; `if` and `unless` hold for all of them.
    """

    required: ClassVar[tuple[str, ...]] = ()
    optional: ClassVar[tuple[str, ...]] = ()
    children: ClassVar[tuple[str, ...]] = ()

    def __init__(self, element: Element) -> None:
        element.check(required=self.required, optional=(*self.optional, "if", "unless"), children=self._child_tags())
        if "if" in element.attributes and "unless" in element.attributes:
            raise element.error("takes either if or unless, not both")
        self.element = element
        self._if = element.optional_value("if")
        self._unless = element.optional_value("unless")

    @property
    def conditional(self) -> bool:
        """True if the element has a condition."""
        return self._if is not None or self._unless is not None

    @property
    def nested(self) -> list[Action]:
        """The actions inside this one."""
        return []

    def visit(self, planner: Planner) -> None:
        """Execute the action if its condition holds."""
        if self._if is not None and not _condition(self._if, planner):
            return
        if self._unless is not None and _condition(self._unless, planner):
            return
        self.execute(planner)

    def execute(self, planner: Planner) -> None:
        """Act on the state of the planner."""
        raise NotImplementedError

    def _child_tags(self) -> tuple[str, ...]:
        return self.children


def _condition(value: Value, planner: Planner) -> bool:
    text = value.expand(planner.context).strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise value.error(f"the condition is '{text}'", alternatives=(*_TRUE, *_FALSE))


class Argument(Action):
    """`<arg>`: declares a launch configuration that the user may set."""

    required = ("name",)
    optional = ("default", "description")
    children = ("choice",)

    def __init__(self, element: Element) -> None:
        super().__init__(element)
        self.name = unescape(element.attributes["name"])
        self.default = element.optional_value("default")
        self.choices: list[str] = []
        for choice in element.children:
            choice.check(required=["value"])
            self.choices.append(unescape(choice.attributes["value"]))
        self.description = self._describe(element.attributes.get("description"))

    def _describe(self, text: str | None) -> str:
        if text is None:
            return f"One of: {self.choices}" if self.choices else "no description given"
        described = unescape(text)
        if not self.choices:
            return described
        return f"{described}{'' if described.endswith('.') else '.'} Valid choices are: {self.choices}"

    def execute(self, planner: Planner) -> None:
        """Set the default where nothing else has set the name, and check the choices."""
        configurations = planner.context.configurations
        if self.name not in configurations:
            if self.default is None:
                raise self.element.error(
                    f"argument '{self.name}' ({self.description}) is required, give {self.name}:=…"
                )
            configurations[self.name] = self.default.expand(planner.context)
        value = configurations[self.name]
        if self.choices and value not in self.choices:
            raise self.element.error(f"argument '{self.name}' is '{value}'", alternatives=self.choices)


class Let(Action):
    """`<let>`: sets a launch configuration."""

    required = ("name", "value")

    def __init__(self, element: Element) -> None:
        super().__init__(element)
        self._name, self._value = element.value("name"), element.value("value")

    def execute(self, planner: Planner) -> None:
        """Set the launch configuration in the current scope."""
        name = self._name.expand(planner.context)
        planner.context.configurations[name] = self._value.expand(planner.context)


class Include(Action):
    """`<include>`: evaluates another launch file in the current scope; its arguments stay set afterwards."""

    required = ("file",)
    children = ("arg",)

    def __init__(self, element: Element) -> None:
        super().__init__(element)
        self.file = element.value("file")
        self.arguments: list[tuple[Value, Value]] = []
        for argument in element.children:
            argument.check(required=["name", "value"])
            self.arguments.append((argument.value("name"), argument.value("value")))

    def execute(self, planner: Planner) -> None:
        """Evaluate the other file."""
        path = Path(self.file.expand(planner.context)).absolute()
        if not path.is_file():
            raise self.file.error(f"launch file not found: {path}")
        planner.include(path, self.arguments, self.element)


def read_keeps(element: Element) -> list[tuple[Value, Value]]:
    """Read the `<keep name value>` children of a `<group>` or `<reset>`."""
    keeps = [child for child in element.children if child.tag == "keep"]
    for keep in keeps:
        keep.check(required=["name", "value"])
    return [(keep.value("name"), keep.value("value")) for keep in keeps]


class Reset(Action):
    """`<reset>`: forgets every launch configuration except those it keeps."""

    children = ("keep",)

    def __init__(self, element: Element) -> None:
        super().__init__(element)
        self._keeps = read_keeps(element)

    def execute(self, planner: Planner) -> None:
        """Reset the launch configurations of the current scope."""
        context = planner.context
        context.reset_configurations({name.expand(context): value.expand(context) for name, value in self._keeps})


class PushNamespace(Action):
    """`<push_ros_namespace>`: the namespace of every node started later in the scope."""

    required = ("namespace",)

    def __init__(self, element: Element) -> None:
        super().__init__(element)
        self._namespace = element.value("namespace")

    def execute(self, planner: Planner) -> None:
        """Append to the pushed namespace, or replace it by an absolute one."""
        configurations = planner.context.configurations
        pushed = self._namespace.expand(planner.context)
        namespace = make_absolute(join_namespace(configurations.get("ros_namespace"), pushed) or "")
        try:
            check_namespace(namespace)
        except LaunchError as error:
            raise self._namespace.error(str(error)) from error
        configurations["ros_namespace"] = namespace


class SetEnvironment(Action):
    """`<set_env>`: sets an environment variable of the processes started later in the scope."""

    required = ("name", "value")

    def __init__(self, element: Element) -> None:
        super().__init__(element)
        self._name, self._value = element.value("name"), element.value("value")

    def execute(self, planner: Planner) -> None:
        """Set the variable."""
        name = self._name.expand(planner.context)
        planner.context.environment[name] = self._value.expand(planner.context)


class AppendEnvironment(Action):
    """`<append_env>`: appends (or prepends) to an environment variable, with a separator if it was set."""

    required = ("name", "value")
    optional = ("prepend", "separator")

    def __init__(self, element: Element) -> None:
        super().__init__(element)
        self._name, self._value = element.value("name"), element.value("value")
        self._prepend = element.optional_value("prepend")
        self._separator = element.optional_value("separator")

    def execute(self, planner: Planner) -> None:
        """Append to the variable."""
        context = planner.context
        name, value = self._name.expand(context), self._value.expand(context)
        prepend = self._prepend is not None and self._prepend.expand_bool(context)
        separator = os.pathsep if self._separator is None else self._separator.expand(context)
        old = context.environment.get(name)
        if old is None:
            context.environment[name] = value
        else:
            context.environment[name] = separator.join((value, old) if prepend else (old, value))


class UnsetEnvironment(Action):
    """`<unset_env>`: removes an environment variable."""

    required = ("name",)

    def __init__(self, element: Element) -> None:
        super().__init__(element)
        self._name = element.value("name")

    def execute(self, planner: Planner) -> None:
        """Remove the variable."""
        planner.context.environment.pop(self._name.expand(planner.context), None)


class ResetEnvironment(Action):
    """`<reset_env>`: goes back to the environment the launch was started with."""

    def execute(self, planner: Planner) -> None:
        """Restore the environment."""
        planner.context.reset_environment()


class SetParameter(Action):
    """`<set_parameter>`: a parameter of every node started later in the scope."""

    required = ("name", "value")

    def __init__(self, element: Element) -> None:
        super().__init__(element)
        self._name, self._value = element.value("name"), element.value("value")

    def execute(self, planner: Planner) -> None:
        """Add the parameter; the value is read as YAML."""
        name = self._name.expand(planner.context)
        text = self._value.expand(planner.context)
        try:
            value = yaml.safe_load(text) if text else ""
        except yaml.YAMLError as error:
            raise self._value.error(f"'{text}' is not readable as YAML ({' '.join(str(error).split())})") from error
        if not isinstance(value, (str, int, float, bool)):
            # ros2 launch accepts a list, but hands it to the node as the text "(1, 2)".
            raise self._value.error(
                f"'{text}' is of type {type(value).__name__}, expected a str, int, float or bool; give a list to each"
                " node by <param>"
            )
        planner.context.add_global_parameter(GlobalParameter(name, value))


class SetParametersFromFile(Action):
    """`<set_parameters_from_file>`: a parameter file of every node started later in the scope."""

    required = ("filename",)

    def __init__(self, element: Element) -> None:
        super().__init__(element)
        self._filename = element.value("filename")

    def execute(self, planner: Planner) -> None:
        """Add the file."""
        planner.context.add_global_parameter(Path(self._filename.expand(planner.context)))


class SetRemap(Action):
    """`<set_remap>`: a remap rule of every node started later in the scope."""

    required = ("from", "to")

    def __init__(self, element: Element) -> None:
        super().__init__(element)
        self._from, self._to = element.value("from"), element.value("to")

    def execute(self, planner: Planner) -> None:
        """Add the rule."""
        planner.context.add_remap(self._from.expand(planner.context), self._to.expand(planner.context))


class Log(Action):
    """`<log>`: prints a message; `level` exists only after Jazzy, so it is not accepted."""

    required = ("message",)

    def __init__(self, element: Element) -> None:
        super().__init__(element)
        self._message = element.value("message")

    def execute(self, planner: Planner) -> None:
        """Plan the message."""
        planner.add(MessagePlan(self._message.expand(planner.context)))


class Shutdown(Action):
    """`<shutdown>`: ends the whole launch."""

    optional = ("reason",)

    def __init__(self, element: Element) -> None:
        super().__init__(element)
        self._reason = element.optional_value("reason")

    def execute(self, planner: Planner) -> None:
        """Plan the shutdown."""
        reason = "reason not given" if self._reason is None else self._reason.expand(planner.context)
        planner.add(ShutdownPlan(reason))
