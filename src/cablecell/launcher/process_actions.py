"""The elements that start processes: `<executable>` and `<node>`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from cablecell.launcher.actions import Action
from cablecell.launcher.context import Context
from cablecell.launcher.errors import LaunchError, PackageError
from cablecell.launcher.node_command import RosArguments, apply_prefix, split_command
from cablecell.launcher.parameters import ParameterText, read_parameter
from cablecell.launcher.plan import OUTPUT_MODES, ProcessPlan
from cablecell.launcher.xml_reader import Element, Value

if TYPE_CHECKING:
    from cablecell.launcher.planner import Planner

#: Attributes that `<executable>` and `<node>` share.
PROCESS_ATTRIBUTES = (
    "name",
    "cwd",
    "output",
    "launch-prefix",
    "on_exit",
    "respawn",
    "respawn_delay",
    "respawn_max_retries",
    "sigterm_timeout",
    "sigkill_timeout",
    "shell",
    "emulate_tty",
)


def read_pairs(element: Element, tag: str, first: str, second: str) -> list[tuple[Value, Value]]:
    """Read the children of one tag as pairs of two required attributes."""
    pairs = [child for child in element.children if child.tag == tag]
    for pair in pairs:
        pair.check(required=[first, second])
    return [(pair.value(first), pair.value(second)) for pair in pairs]


class Process(Action):
    """What `<executable>` and `<node>` have in common: how the process is run and supervised."""

    def __init__(self, element: Element) -> None:
        super().__init__(element)
        self._directory = element.optional_value("cwd")
        self._output = element.optional_value("output")
        self._prefix = element.optional_value("launch-prefix")
        self._respawn = element.optional_value("respawn")
        self._respawn_delay_s = element.literal_seconds("respawn_delay") or 0.0
        self._respawn_max_retries = element.literal_int("respawn_max_retries", default=-1)
        self._sigterm_timeout_s = element.literal_seconds("sigterm_timeout")
        self._sigkill_timeout_s = element.literal_seconds("sigkill_timeout")
        self._shell = element.literal_bool("shell", default=False)
        self._emulate_tty = element.literal_bool("emulate_tty", default=False)
        self._environment = read_pairs(element, "env", "name", "value")
        if element.attributes.get("on_exit", "shutdown") != "shutdown":
            raise element.error(f"'{element.attributes['on_exit']}'", attribute="on_exit", alternatives=["shutdown"])

    def plan(self, planner: Planner, command: list[str], label: Value | None, ros: list[str | ParameterText]) -> str:
        """Add the process to the plan and return its label.

        Args:
            planner: Where to add it.
            command: The executable and its own arguments, without launch prefix.
            label: Name in the output; by default the file name of what is run, which may be the launch prefix.
            ros: ROS arguments that follow.

        Raises:
            LaunchFileError: An attribute does not fit, the executable or the directory does not exist.
        """
        context = planner.context
        prefixed = apply_prefix(context, self._prefix, command)
        name = Path(prefixed[0]).name if label is None else label.expand(context)
        environment = dict(context.environment)
        for key, value in self._environment:
            environment[key.expand(context)] = value.expand(context)
        # Python nodes would keep their output in a buffer, because it goes to a pipe.
        environment.setdefault("PYTHONUNBUFFERED", "1")
        directory = None if self._directory is None else Path(self._directory.expand(context))
        if self._directory is not None and directory is not None and not directory.is_dir():
            raise self._directory.error(f"no such directory: '{directory}'")
        if not self._shell:
            self._check_executable(prefixed[0], environment, directory)
        process = ProcessPlan(
            label=planner.next_label(name),
            command=(*prefixed, *ros),
            environment=environment,
            where=self.element.where,
            directory=directory,
            output=self._output_mode(context),
            shell=self._shell,
            emulate_tty=self._emulate_tty,
            respawn=self._respawn is not None and self._respawn.expand_bool(context),
            respawn_delay_s=self._respawn_delay_s,
            respawn_max_retries=self._respawn_max_retries,
            shutdown_on_exit="on_exit" in self.element.attributes,
            sigterm_timeout_s=self._sigterm_timeout_s,
            sigkill_timeout_s=self._sigkill_timeout_s,
        )
        planner.add(process)
        return process.label

    def _output_mode(self, context: Context) -> str:
        override = context.environment.get("OVERRIDE_LAUNCH_PROCESS_OUTPUT")
        if override is not None:
            if override not in OUTPUT_MODES:
                raise LaunchError(f"OVERRIDE_LAUNCH_PROCESS_OUTPUT is '{override}', valid: {', '.join(OUTPUT_MODES)}")
            return override
        if self._output is None:
            return "log"
        mode = self._output.expand(context)
        if mode not in OUTPUT_MODES:
            raise self._output.error(f"unknown output '{mode}'", alternatives=OUTPUT_MODES)
        return mode

    def _check_executable(self, program: str, environment: Mapping[str, str], directory: Path | None) -> None:
        """Refuse a program that the start would not find, before anything is started."""
        if os.sep in program:
            path = (directory or Path()) / program
            found = path.is_file() and os.access(path, os.X_OK)
        else:
            found = bool(program) and shutil.which(program, path=environment.get("PATH", os.defpath)) is not None
        if not found:
            place = "" if os.sep in program else f" on the PATH {environment.get('PATH', os.defpath)}"
            raise self.element.error(f"no executable file '{program}'{place}")


class Executable(Process):
    """`<executable>`: any program."""

    required: ClassVar[tuple[str, ...]] = ("cmd",)
    optional: ClassVar[tuple[str, ...]] = PROCESS_ATTRIBUTES
    children: ClassVar[tuple[str, ...]] = ("env",)

    def __init__(self, element: Element) -> None:
        super().__init__(element)
        self._command = split_command(element, "cmd")
        self._label = element.optional_value("name")

    def execute(self, planner: Planner) -> None:
        """Plan the process."""
        self.plan(planner, [argument.expand(planner.context) for argument in self._command], self._label, [])


class Node(Process):
    """`<node>`: a ROS node, an executable of a package (or any program) with ROS arguments."""

    required: ClassVar[tuple[str, ...]] = ("exec",)
    optional: ClassVar[tuple[str, ...]] = (
        "pkg", "namespace", "args", "ros_args", "exec_name", *PROCESS_ATTRIBUTES,
    )  # fmt: skip
    children: ClassVar[tuple[str, ...]] = ("param", "remap", "env")

    def __init__(self, element: Element) -> None:
        super().__init__(element)
        self._package = element.optional_value("pkg")
        self._executable = element.value("exec")
        self._arguments = split_command(element, "args") if "args" in element.attributes else []
        self._ros_arguments = split_command(element, "ros_args") if "ros_args" in element.attributes else []
        self._label = element.optional_value("exec_name")
        self._ros = RosArguments(
            element,
            [read_parameter(child) for child in element.children if child.tag == "param"],
            read_pairs(element, "remap", "from", "to"),
        )

    def execute(self, planner: Planner) -> None:
        """Plan the process, and warn about a name that is already taken."""
        context = planner.context
        command = [self._program(context)]
        command += [argument.expand(context) for argument in self._arguments]
        if self._ros_arguments:
            command += ["--ros-args", *(argument.expand(context) for argument in self._ros_arguments)]
        ros, full_name = self._ros.evaluate(context)
        label = self.plan(planner, command, self._label, ros)
        if full_name is not None:
            planner.count_node_name(full_name, label)

    def _program(self, context: Context) -> str:
        name = self._executable.expand(context)
        if self._package is None:
            return name
        package = self._package.expand(context)
        try:
            context.packages.prefix(package)
        except PackageError as error:
            raise self._package.error(str(error)) from error
        try:
            return str(context.packages.executable(package, name))
        except PackageError as error:
            raise self._executable.error(str(error)) from error
