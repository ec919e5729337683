"""All elements of a launch file by their tags, and the file they stand in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from cablecell.launcher import actions, process_actions
from cablecell.launcher.actions import Action, Argument
from cablecell.launcher.xml_reader import Element, read_launch_xml

if TYPE_CHECKING:
    from cablecell.launcher.planner import Planner


class Group(Action):
    """`<group>`: its children in their own scope of launch configurations and environment."""

    optional = ("scoped", "forwarding")

    def __init__(self, element: Element) -> None:
        super().__init__(element)
        self._scoped = element.literal_bool("scoped", default=True)
        self._forwarding = element.literal_bool("forwarding", default=True)
        self._keeps = actions.read_keeps(element)
        self._children = [read_action(child) for child in element.children if child.tag != "keep"]

    @property
    def nested(self) -> list[Action]:
        """The actions inside."""
        return self._children

    def execute(self, planner: Planner) -> None:
        """Execute the children and, if scoped, restore the state."""
        context = planner.context
        if self._scoped:
            context.push()
        if self._scoped and not self._forwarding:
            context.reset_environment()
            context.reset_configurations({name.expand(context): value.expand(context) for name, value in self._keeps})
        else:
            for name, value in self._keeps:
                context.configurations[name.expand(context)] = value.expand(context)
        planner.execute(self._children)
        if self._scoped:
            context.pop()

    def _child_tags(self) -> tuple[str, ...]:
        return (*ACTIONS, "keep")


class Timer(Action):
    """`<timer>`: its children some seconds later, with the launch configurations the whole file ends with."""

    required = ("period",)

    def __init__(self, element: Element) -> None:
        super().__init__(element)
        self._period = element.value("period")
        self._children = [read_action(child) for child in element.children]

    @property
    def nested(self) -> list[Action]:
        """The actions inside."""
        return self._children

    def execute(self, planner: Planner) -> None:
        """Schedule the children."""
        period_s = self._period.expand_float(planner.context)
        if not period_s >= 0.0:
            raise self._period.error(f"{period_s} s is negative, the limit is 0 s")
        if planner.context.depth:
            planner.context.warn(
                f"{self.element.where}: what a <timer> starts is outside the scope of the <group> around the timer"
            )
        planner.schedule(period_s, self._children)

    def _child_tags(self) -> tuple[str, ...]:
        return tuple(ACTIONS)


ACTIONS: dict[str, type[Action]] = {
    "append_env": actions.AppendEnvironment,
    "arg": Argument,
    "executable": process_actions.Executable,
    "group": Group,
    "include": actions.Include,
    "let": actions.Let,
    "log": actions.Log,
    "node": process_actions.Node,
    "push_ros_namespace": actions.PushNamespace,
    "push-ros-namespace": actions.PushNamespace,
    "reset": actions.Reset,
    "reset_env": actions.ResetEnvironment,
    "set_env": actions.SetEnvironment,
    "set_parameter": actions.SetParameter,
    "set_parameters_from_file": actions.SetParametersFromFile,
    "set_remap": actions.SetRemap,
    "shutdown": actions.Shutdown,
    "timer": Timer,
    "unset_env": actions.UnsetEnvironment,
}


def read_action(element: Element) -> Action:
    """Return the action of an element.

    Raises:
        LaunchFileError: Unknown element, or one of its attributes or children is wrong.
    """
    action_type = ACTIONS.get(element.tag)
    if action_type is None:
        raise element.error("unknown element", alternatives=ACTIONS)
    return action_type(element)


class LaunchFile:
    """A launch file that has been read and checked."""

    def __init__(self, path: Path) -> None:
        root = read_launch_xml(path)
        root.check(required=[], optional=["deprecated"], children=ACTIONS)
        self.path = path
        self.root = root
        self.deprecated = root.attributes.get("deprecated")
        self.actions = [read_action(child) for child in root.children]

    def declared(self) -> list[tuple[Argument, bool]]:
        """Return the `<arg>` elements of this file, and whether each depends on a condition or a timer."""
        return [(action, conditional) for action, conditional in walk(self.actions) if isinstance(action, Argument)]


def walk(actions_: list[Action], conditional: bool = False) -> Iterator[tuple[Action, bool]]:
    """Yield every action depth first, and whether it depends on a condition or a timer."""
    for action in actions_:
        depends = conditional or action.conditional
        yield action, depends
        yield from walk(action.nested, depends or isinstance(action, Timer))
