"""Evaluates launch files into a plan, without starting anything."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from cablecell.launcher import actions, process_actions
from cablecell.launcher.actions import Action, Argument, Include
from cablecell.launcher.context import RESERVED_CONFIGURATIONS, Context
from cablecell.launcher.errors import LaunchError, LaunchFileError, UsageError, ValueTypeError
from cablecell.launcher.plan import Action as PlannedAction
from cablecell.launcher.plan import LaunchPlan, ProcessPlan, Step
from cablecell.launcher.values import coerce
from cablecell.launcher.xml_reader import Element, Value, read_launch_xml

_MAX_INCLUDE_DEPTH = 32


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
    "include": Include,
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


class Planner:
    """Executes actions in the order of ros2 launch and collects what they plan.

    Timers are carried out in the order of their times, after everything that happens at the start, so substitutions
    inside them are evaluated before the launch starts.
    """

    def __init__(self, environment: Mapping[str, str], log_directory: Path) -> None:
        self.context = Context(environment, log_directory)
        self._steps: list[Step] = []
        self._now_s = 0.0
        self._labels = itertools.count(1)
        self._timers: list[tuple[float, int, list[Action], Path, Path]] = []
        self._timer_order = itertools.count()
        self._node_names: Counter[str] = Counter()
        self._files: dict[Path, LaunchFile] = {}
        self._include_depth = 0

    def plan(self, path: Path, arguments: Mapping[str, str]) -> LaunchPlan:
        """Evaluate a launch file.

        Args:
            path: The launch file.
            arguments: Values given as `name:=value`.

        Raises:
            LaunchError: Anything that cannot be carried out, with the place it is written at.
        """
        self._include(path.absolute(), arguments)
        defaults = dict(self.context.configurations)
        while self._timers:
            self._now_s, _, children, self.context.file, self.context.upstream_file = heapq.heappop(self._timers)
            self.execute(children)
        self._refuse_unknown(arguments)
        return LaunchPlan(
            tuple(replace(step, action=self._with_defaults(step.action, defaults)) for step in self._steps),
            tuple(self.context.warnings),
        )

    def execute(self, actions_: list[Action]) -> None:
        """Visit actions in order."""
        for action in actions_:
            action.visit(self)

    def add(self, action: PlannedAction) -> None:
        """Plan something at the current time."""
        self._steps.append(Step(self._now_s, action))

    def schedule(self, after_s: float, children: list[Action]) -> None:
        """Execute actions some time after the current time, s."""
        entry = (
            self._now_s + after_s,
            next(self._timer_order),
            children,
            self.context.file,
            self.context.upstream_file,
        )
        heapq.heappush(self._timers, entry)

    def next_label(self, name: str) -> str:
        """Return the label of the next process."""
        return f"{name}-{next(self._labels)}"

    def count_node_name(self, full_name: str, label: str) -> None:
        """Note a node name and warn if it is not the first of that name."""
        self._node_names[full_name] += 1
        count = self._node_names[full_name]
        if count > 1:
            self.context.warn(
                f"[{label}] there are now at least {count} nodes with the name {full_name} created within this launch"
            )

    def include(self, path: Path, arguments: list[tuple[Value, Value]], element: Element) -> None:
        """Evaluate an included file, then return to the file that includes it."""
        file = self.context.file
        if self._include_depth >= _MAX_INCLUDE_DEPTH:
            raise element.error(f"more than {_MAX_INCLUDE_DEPTH} includes inside each other, the innermost is {path}")
        self._load(path)
        # From here on ros2 launch answers $(dirname) with the included file, also in the arguments of the include.
        self.context.upstream_file = path
        values: dict[str, str] = {}
        for name, value in arguments:
            key = name.expand(self.context)
            values[key] = self.context.configurations[key] = value.expand(self.context)
        try:
            self._include(path, values)
        except LaunchFileError:
            raise
        except LaunchError as error:
            raise element.error(str(error)) from error
        self.context.file = file

    def _include(self, path: Path, arguments: Mapping[str, str]) -> None:
        launch_file = self._load(path)
        if launch_file.deprecated is not None:
            self.context.warn(f"launch file {path} is deprecated: {launch_file.deprecated}")
        for argument, conditional in launch_file.declared():
            if argument.default is None and not conditional and argument.name not in arguments:
                given = ", ".join(arguments) or "none"
                raise argument.element.error(
                    f"argument '{argument.name}' ({argument.description}) is required and has to be given to this"
                    f" file, given: {given}"
                )
        self.context.configurations.update(arguments)
        self.context.file = self.context.upstream_file = path
        self._include_depth += 1
        self.execute(launch_file.actions)
        self._include_depth -= 1

    def _load(self, path: Path) -> LaunchFile:
        if path not in self._files:
            self._files[path] = LaunchFile(path)
        return self._files[path]

    def _refuse_unknown(self, arguments: Mapping[str, str]) -> None:
        """Refuse a `name:=value` that nothing declares or reads; ros2 launch would ignore it."""
        declared = sorted({argument.name for file in self._files.values() for argument, _ in file.declared()})
        known = {*declared, *self.context.names_read, *RESERVED_CONFIGURATIONS}
        unknown = sorted(set(arguments) - known)
        if unknown:
            raise UsageError(
                f"unknown argument {', '.join(f'{name}:={arguments[name]}' for name in unknown)};"
                f" declared: {', '.join(declared) or 'none'}"
            )

    def _with_defaults(self, action: PlannedAction, defaults: Mapping[str, str]) -> PlannedAction:
        """Apply the launch configurations that ros2 launch reads when a process starts or is shut down."""
        if not isinstance(action, ProcessPlan):
            return action

        def setting(name: str, type_name: str) -> object:
            try:
                return coerce(defaults[name], type_name)
            except ValueTypeError as error:
                raise UsageError(f"launch configuration {name}: {error}") from error

        changed = action
        if "emulate_tty" in defaults:
            changed = replace(changed, emulate_tty=setting("emulate_tty", "bool") is True)
        if changed.sigterm_timeout_s is None and "sigterm_timeout" in defaults:
            changed = replace(changed, sigterm_timeout_s=float(str(setting("sigterm_timeout", "float"))))
        if changed.sigkill_timeout_s is None and "sigkill_timeout" in defaults:
            changed = replace(changed, sigkill_timeout_s=float(str(setting("sigkill_timeout", "float"))))
        return changed


def static_arguments(path: Path, planner: Planner) -> list[tuple[Argument, bool]]:
    """Return every argument a launch file takes, those of its includes with it, first declaration wins.

    Includes are followed where their path can be told from defaults alone.
    """
    found: dict[str, tuple[Argument, bool]] = {}

    def collect(file: Path, conditional: bool, depth: int) -> None:
        planner.context.file = planner.context.upstream_file = file
        for action, depends in walk(LaunchFile(file).actions, conditional):
            if isinstance(action, Argument) and action.name not in found:
                found[action.name] = (action, depends)
                _try_default(action, planner.context)
            elif isinstance(action, Include) and depth < _MAX_INCLUDE_DEPTH:
                planner.context.file = planner.context.upstream_file = file
                included = _try_expand(action.file, planner.context)
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
