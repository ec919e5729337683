"""Examine the machine and the installation part by part."""

from __future__ import annotations

import importlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from cablecell.installation import environment, system
from cablecell.installation.integrity import find_fault
from cablecell.installation.layout import DISTRIBUTIONS, SetupError, find_layout
from cablecell.installation.lock import read_lock

MESSAGE_PACKAGES = (
    "aic_control_interfaces",
    "aic_engine_interfaces",
    "aic_model_interfaces",
    "aic_task_interfaces",
    "cablecell_interfaces",
    "control_msgs",
    "nexus_alarm_msgs",
    "nexus_orchestrator_msgs",
    "tf2_msgs",
)
PYTHON_PACKAGES = ("tf2_ros", "tf2_geometry_msgs", "interactive_markers")
DISK_NEEDED_BYTES = 1_000_000_000
SHARED_MEMORY_NEEDED_BYTES = 64_000_000


@dataclass(frozen=True)
class Finding:
    """One part that was examined.

    Attributes:
        part: Name of the part.
        version: Version or measured value; empty when there is none.
        is_ok: False when something is missing or broken.
        advice: What to do; empty when all is well.
    """

    part: str
    version: str
    is_ok: bool = True
    advice: str = ""


def run(*, with_graph: bool, json_file: str = "") -> int:
    """Examine everything, print a table, and return 0 when nothing is missing, else 1.

    Args:
        with_graph: Also start two nodes and exchange messages, a service call and an action.
        json_file: Where to write the findings; empty for nowhere.
    """
    findings = list(examine(with_graph=with_graph))
    # A file or a pipe has no width: wide enough that a line stays a line.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
    table = Table(box=None, pad_edge=False)
    for column in ("part", "version", "", "what to do"):
        table.add_column(column, overflow="fold")
    for finding in findings:
        mark = "[green]ok[/]" if finding.is_ok else "[red]missing[/]"
        table.add_row(finding.part, finding.version, mark, finding.advice)
    console.print(table)
    faults = [finding for finding in findings if not finding.is_ok]
    if json_file:
        Path(json_file).write_text(json.dumps([asdict(finding) for finding in findings], indent=2), encoding="utf-8")
    console.print(f"{len(findings)} parts examined, {len(faults)} missing", style="red" if faults else "green")
    return 1 if faults else 0


def examine(*, with_graph: bool) -> Iterator[Finding]:
    """Yield a finding per part, cheap ones first."""
    yield from _examine_machine()
    yield from _examine_installation()
    yield from _examine_packages()
    yield from _examine_middleware()
    if with_graph:
        yield _guarded("ROS graph", _examine_graph)


def _examine_machine() -> Iterator[Finding]:
    yield Finding("operating system", _read_os_name())
    yield Finding("processor", f"{platform.machine()}, {os.cpu_count()} cores")
    yield Finding("Python", f"{platform.python_version()} ({sys.executable})")
    for command, package in (("gcc", "gcc"), ("g++", "g++")):
        yield _examine_tool(command, package)
    for need in system.find_missing():
        yield Finding(need.what, "", False, f"apt-get install {need.package}")
    free = shutil.disk_usage(environment.prefix()).free
    enough = free > DISK_NEEDED_BYTES
    yield Finding("free disk", f"{free / 1e9:.1f} GB", enough, "" if enough else "runs and recordings need 1 GB")


def _examine_tool(command: str, package: str) -> Finding:
    if shutil.which(command) is None:
        return Finding(command, "", False, f"apt-get install {package}")
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=False)
    return Finding(command, done.stdout.splitlines()[0] if done.stdout else "?")


def _examine_installation() -> Iterator[Finding]:
    root = Path(__file__).resolve().parents[3]
    yield _examine_distribution("cablecell")
    name = environment.distribution()
    source = "wheels" if environment.uses_wheels() else "install"
    supported = name in DISTRIBUTIONS
    yield Finding(
        "ROS 2", f"{name} ({source})", supported, "" if supported else f"supported: {', '.join(DISTRIBUTIONS)}"
    )
    if not (root / "cell").is_file() or not environment.uses_wheels():
        return
    try:
        fault = find_fault(find_layout(root, {**os.environ, "CELL_ROS": "wheels"}))
    except SetupError as error:
        fault = str(error)
    yield Finding(
        "environment", str(environment.prefix()), fault is None, f"{fault}: run ./cell again" if fault else ""
    )
    wrong = list(_find_deviations(root / "requirements.lock", name))
    advice = f"{'; '.join(wrong[:3])}: run ./cell again" if wrong else ""
    yield Finding("lock file", f"{len(read_lock(root / 'requirements.lock', name))} pins", not wrong, advice)


def _find_deviations(lock: Path, section: str) -> Iterator[str]:
    from packaging.requirements import Requirement

    for line in read_lock(lock, section):
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        try:
            installed = version(requirement.name)
        except PackageNotFoundError:
            yield f"{requirement.name} is not installed"
            continue
        if not requirement.specifier.contains(installed, prereleases=True):
            yield f"{requirement.name} is {installed}, not {str(requirement.specifier).removeprefix('==')}"


def _examine_packages() -> Iterator[Finding]:
    yield _examine_distribution("ros-rclpy" if environment.uses_wheels() else "rclpy")
    for name in ("numpy", "pydantic"):
        yield _examine_distribution(name)
    for name in MESSAGE_PACKAGES:
        yield _guarded(name, _examine_messages)
    for name in PYTHON_PACKAGES:
        yield _guarded(name, _examine_python_package)


def _examine_distribution(name: str) -> Finding:
    try:
        return Finding(name, version(name))
    except PackageNotFoundError:
        return Finding(name, "", False, "run ./cell again")


def _examine_messages(name: str) -> Finding:
    from rclpy.type_support import check_for_type_support

    count = 0
    for kind in ("msg", "srv", "action"):
        try:
            module = importlib.import_module(f"{name}.{kind}")
        except ModuleNotFoundError:
            continue
        types = [value for key, value in vars(module).items() if isinstance(value, type) and not key.startswith("_")]
        count += len(types)
        # Loading one type support proves that the compiled part is there and fits the client library.
        check_for_type_support(types[0])
    return Finding(name, f"{count} types", count > 0, "" if count else "run ./cell again")


def _examine_python_package(name: str) -> Finding:
    module = importlib.import_module(name)
    return Finding(name, str(Path(str(module.__file__)).parent))


def _examine_middleware() -> Iterator[Finding]:
    yield Finding("ROS domain", os.environ.get("ROS_DOMAIN_ID", "0"))
    reach = os.environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE", "SUBNET")
    yield Finding("discovery range", reach, reach != "OFF", "" if reach != "OFF" else "nodes cannot find each other")
    carrier = "up" if environment.has_loopback() else "down: shared memory only, no other machine is reached"
    yield Finding("loopback", carrier)
    try:
        free = shutil.disk_usage("/dev/shm").free
    except OSError:
        yield Finding("shared memory", "", False, "mount a tmpfs on /dev/shm")
        return
    enough = free > SHARED_MEMORY_NEEDED_BYTES
    yield Finding(
        "shared memory", f"{free / 1e6:.0f} MB free", enough, "" if enough else "`fastdds shm clean` frees it"
    )


def _examine_graph(name: str) -> Finding:
    from cablecell.ros.link_check import check_link

    check = check_link()
    advice = "" if check.is_ok else "is another process flooding this domain, or is the loopback interface down?"
    return Finding(name, check.detail, check.is_ok, advice)


def _guarded(name: str, examine_one: Callable[[str], Finding]) -> Finding:
    """Turn whatever goes wrong with one part into a finding: an examination must reach its end."""
    try:
        return examine_one(name)
    except Exception as error:
        return Finding(name, "", False, f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")


def _read_os_name() -> str:
    try:
        lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.platform()
    pairs = dict(line.split("=", 1) for line in lines if "=" in line)
    return pairs.get("PRETTY_NAME", platform.platform()).strip('"')
