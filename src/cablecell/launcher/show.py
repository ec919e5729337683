"""Texts of `--show-args`, `--print` and `--dry-run`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from cablecell.launcher.actions import Argument
from cablecell.launcher.parameters import ParameterText
from cablecell.launcher.plan import LaunchPlan, MessagePlan, ProcessPlan, Step
from cablecell.launcher.xml_reader import Element


def arguments_text(arguments: list[tuple[Argument, bool]]) -> str:
    """Return arguments with descriptions and defaults, laid out like `ros2 launch --show-args`."""
    lines = ["Arguments (pass arguments as '<name>:=<value>'):"]
    for argument, conditional in arguments:
        lines += ["", f"    '{argument.name}':{'*' if conditional else ''}", f"        {argument.description}"]
        if argument.default is not None:
            lines.append(f"        (default: '{argument.element.attributes['default']}')")
    if not arguments:
        lines += ["", "  No arguments."]
    elif any(conditional for _, conditional in arguments):
        lines += ["", "* argument(s) which are only used if specific conditions occur"]
    return "\n".join(lines)


def tree_text(root: Element) -> str:
    """Return the elements of a launch file as a tree, with their lines."""
    return "\n".join([str(root.where.file), *_branches(root, "")])


def _branches(element: Element, indent: str) -> Iterator[str]:
    for number, child in enumerate(element.children, start=1):
        last = number == len(element.children)
        attributes = "".join(f" {name}={shlex.quote(value)}" for name, value in child.attributes.items())
        yield f"{indent}{'└── ' if last else '├── '}{child.tag}{attributes}  (line {child.where.line})"
        yield from _branches(child, indent + ("    " if last else "│   "))


def plan_text(plan: LaunchPlan, environment: Mapping[str, str]) -> str:
    """Return what a launch would do: command lines, environment changes and working directories, in order.

    Args:
        plan: The evaluated launch.
        environment: The environment that changes are relative to.
    """
    lines = [f"warning: {warning}" for warning in plan.warnings]
    for step in plan.steps:
        lines += _step_lines(step, environment)
    return "\n".join(lines)


def _step_lines(step: Step, environment: Mapping[str, str]) -> list[str]:
    action = step.action
    when = f"after {step.at_s:g} s: " if step.at_s else ""
    if isinstance(action, MessagePlan):
        return [f"{when}log: {action.message}"]
    if isinstance(action, ProcessPlan):
        return [f"{when}process [{action.label}]", *(f"  {line}" for line in _process_lines(action, environment))]
    return [f"{when}shutdown: {action.reason}"]


def _process_lines(process: ProcessPlan, environment: Mapping[str, str]) -> list[str]:
    names = iter(f"PARAMETERS_{number}" for number in range(1, len(process.command) + 1))
    files: list[str] = []
    command: list[str] = []
    for part in process.command:
        if isinstance(part, ParameterText):
            name = next(names)
            command.append(name)
            files += [f"{name}:", *(f"  {line}" for line in part.text.splitlines())]
        else:
            command.append(part if process.shell else shlex.quote(part))
    lines = [f"command: {' '.join(command)}{' (in a shell)' if process.shell else ''}", *files]
    changed = sorted(name for name, value in process.environment.items() if environment.get(name) != value)
    lines += [f"set {name}={process.environment[name]}" for name in changed]
    lines += [f"unset {name}" for name in sorted(set(environment) - set(process.environment))]
    if process.directory is not None:
        lines.append(f"directory: {process.directory}")
    return lines
