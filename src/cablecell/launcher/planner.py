"""Evaluates launch files into a plan, without starting anything."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from cablecell.launcher.actions import Action
from cablecell.launcher.context import RESERVED_CONFIGURATIONS, Context
from cablecell.launcher.elements import LaunchFile
from cablecell.launcher.errors import UsageError, ValueTypeError
from cablecell.launcher.plan import Action as PlannedAction
from cablecell.launcher.plan import LaunchPlan, ProcessPlan, Step
from cablecell.launcher.values import coerce
from cablecell.launcher.xml_reader import Element, Value

MAX_INCLUDE_DEPTH = 32


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
        if self._include_depth >= MAX_INCLUDE_DEPTH:
            raise element.error(f"more than {MAX_INCLUDE_DEPTH} includes inside each other, the innermost is {path}")
        self._load(path)
        # From here on ros2 launch answers $(dirname) with the included file, also in the arguments of the include.
        self.context.upstream_file = path
        values: dict[str, str] = {}
        for name, value in arguments:
            key = name.expand(self.context)
            values[key] = self.context.configurations[key] = value.expand(self.context)
        self._include(path, values)
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
