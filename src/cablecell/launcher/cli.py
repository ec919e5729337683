"""The command line of the launcher; the part of `ros2 launch` that is needed where there is none."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cablecell.launcher.arguments import static_arguments
from cablecell.launcher.elements import LaunchFile
from cablecell.launcher.errors import LaunchError, PackageError, UsageError
from cablecell.launcher.log import LaunchLog, log_directory
from cablecell.launcher.packages import Packages
from cablecell.launcher.plan import LaunchPlan
from cablecell.launcher.planner import Planner
from cablecell.launcher.show import arguments_text, plan_text, tree_text
from cablecell.launcher.supervisor import Supervisor

DEFAULT_PACKAGE = "cablecell"
EXIT_USAGE = 2
_EXIT_INTERRUPTED = 130


def build_parser() -> argparse.ArgumentParser:
    """Return the argument parser."""
    parser = argparse.ArgumentParser(
        prog="launch",
        description="Run a launch file (*.launch.xml) as `ros2 launch` does.",
        usage="launch [-h] [-s | -p | --dry-run] [--noninteractive] [PACKAGE] FILE [NAME:=VALUE ...]",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "-s", "--show-args", "--show-arguments", action="store_true", help="list the arguments of the launch file"
    )
    what.add_argument(
        "-p", "--print", "--print-description", action="store_true", help="print the elements of the launch file"
    )
    what.add_argument(
        "--dry-run",
        action="store_true",
        help="print the command lines, environment changes and directories, start nothing",
    )
    parser.add_argument(
        "-n",
        "--noninteractive",
        action="store_true",
        help="as in ros2 launch; makes no difference here, processes always get their signals from the launcher",
    )
    parser.add_argument(
        "words",
        nargs="+",
        metavar="[PACKAGE] FILE [NAME:=VALUE ...]",
        help=f"a launch file or its name in the share folder of PACKAGE ({DEFAULT_PACKAGE}), and its arguments",
    )
    return parser


def split_words(words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Separate `[PACKAGE] FILE` from `name:=value`; of equal names the last wins.

    Raises:
        UsageError: A word is neither, or there are too many.
    """
    names: list[str] = []
    arguments: dict[str, str] = {}
    for word in words:
        name, separator, value = word.partition(":=")
        if not separator:
            if arguments or len(names) == 2:
                raise UsageError(f"malformed launch argument '{word}', expected <name>:=<value>")
            names.append(word)
        elif not name or not value:
            raise UsageError(f"malformed launch argument '{word}', expected <name>:=<value>")
        else:
            arguments[name] = value
    return names, arguments


def find_launch_file(names: Sequence[str], environment: Mapping[str, str]) -> Path:
    """Return the launch file that `FILE` or `PACKAGE FILE` means.

    Raises:
        UsageError: There is no such file, or more than one of that name in the package.
        PackageError: There is no such package.
    """
    if not names:
        raise UsageError("no launch file given, usage: launch [PACKAGE] FILE [NAME:=VALUE ...]")
    if len(names) == 1 and Path(names[0]).is_file():
        return Path(names[0]).absolute()
    package, name = names if len(names) == 2 else (DEFAULT_PACKAGE, names[0])
    try:
        share = Packages(environment).share(package)
    except PackageError as error:
        if len(names) == 2:
            raise
        raise UsageError(f"launch file not found: '{name}' is no file, and {error}") from error
    for direct in (share / "launch" / name, share / name):
        if len(names) == 1 and direct.is_file():
            return direct
    matches = sorted(path for path in share.rglob(Path(name).name) if path.is_file() and path.name == name)
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise UsageError(f"'{name}' is found more than once in {share}: {', '.join(map(str, matches))}")
    available = sorted(path.name for path in share.rglob("*.launch.xml"))
    raise UsageError(
        f"launch file not found: '{name}' is neither a file nor in {share}; launch files there:"
        f" {', '.join(available) or 'none'}"
    )


def main(argv: Sequence[str] | None = None, check: Callable[[LaunchPlan], None] = lambda _: None) -> int:
    """Run the launcher.

    Args:
        argv: Arguments without the program name; None for those of the process.
        check: Called with the plan before anything starts; a `LaunchError` it raises ends the launch.

    Returns:
        0 if everything ended cleanly or by an interrupt, 1 if a process died, 2 if nothing could be started or a
        required process refused its configuration with exit code 2.
    """
    options = build_parser().parse_intermixed_args(argv)
    environment = dict(os.environ)
    try:
        names, arguments = split_words(options.words)
        path = find_launch_file(names, environment)
        directory = log_directory(environment)
        planner = Planner(environment, directory)
        if options.show_args:
            sys.stdout.write(arguments_text(static_arguments(path, planner.context)) + "\n")
            return 0
        if options.print:
            sys.stdout.write(tree_text(LaunchFile(path).root) + "\n")
            return 0
        plan = planner.plan(path, arguments)
        if options.dry_run:
            sys.stdout.write(plan_text(plan, environment) + "\n")
            return 0
        check(plan)
    except LaunchError as error:
        sys.stderr.write(f"launch: {error}\n")
        return EXIT_USAGE
    except KeyboardInterrupt:
        return _EXIT_INTERRUPTED
    return _run(plan, directory)


def _run(plan: LaunchPlan, directory: Path) -> int:
    try:
        log = LaunchLog(directory, sys.stdout)
    except OSError as error:
        sys.stderr.write(f"launch: cannot create the log folder {directory}: {error.strerror}; set ROS_LOG_DIR\n")
        return EXIT_USAGE
    log.event("INFO", "launch", f"All log files can be found below {directory}")
    log.event("INFO", "launch", "Default logging verbosity is set to INFO")
    for warning in plan.warnings:
        log.event("WARNING", "launch", warning)
    try:
        return Supervisor(plan, log).run()
    finally:
        log.close()
        if log.screen_closed:
            # What is still in the buffer of stdout cannot be written any more; Python would complain when it exits.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
