"""Puts the steps of a build together: from interface packages to a tree with everything a wheel installs."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rosidl_pip.compilation import UNITS, Toolchain, compile_unit, find_toolchain, link_package
from rosidl_pip.generation import GENERATORS, Workspace, adapt, describe, generate, prepare_worker
from rosidl_pip.interface_check import check_interfaces
from rosidl_pip.packages import InterfacePackage, closure
from rosidl_pip.schedule import Task, run_tasks, worker_count

__all__ = ["build_tree", "plan_tasks"]

# Sources a compiler call gets at most: few calls read headers seldom, many keep all processors busy.
_SOURCES_PER_CALL = 12


def build_tree(packages: Sequence[InterfacePackage], prefix: Path, destination: Path) -> None:
    """Generates, compiles and links interface packages.

    Args:
        packages: The packages, in dependency order.
        prefix: Prefix of the installed ROS packages.
        destination: Folder to write, existing and empty. `python/` in it holds the Python packages, `share/` what goes
            to `share` of the environment.

    Raises:
        RosidlPipError: Any step failed; nothing is cleaned up in `destination`.
    """
    check_interfaces(packages, prefix / "share")
    tools = find_toolchain()
    with tempfile.TemporaryDirectory(prefix="rosidl-pip-") as folder:
        work = Workspace(Path(folder), prefix)
        for package in packages:
            for relative, path in package.files.items():
                copy = work.source(package.name) / relative
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
        run_tasks(plan_tasks(packages, work, tools), worker_count(), prepare_worker)
        shutil.move(work.output(), destination / "python")
        for package in packages:
            _install_share(package, work, destination / "share")


def plan_tasks(packages: Sequence[InterfacePackage], work: Workspace, tools: Toolchain) -> list[Task]:
    """Lists the steps of a build in the order of their urgency, each with the steps it needs.

    Args:
        packages: The packages, in dependency order.
        work: Folders of this build.
        tools: Compilers, as `find_toolchain` returns them.

    Returns:
        Tasks: parse, describe, generate, compile, link.
    """
    share = work.prefix / "share"
    needs = {package.name: closure(package, packages, share) for package in packages}
    own = {name: [other for other, is_own in needed.items() if is_own] for name, needed in needs.items()}
    tasks = [Task(f"adapt {p.name}", adapt, (work, p)) for p in packages]
    for p in packages:
        first = frozenset({f"adapt {p.name}", *(f"describe {other}" for other in own[p.name])})
        tasks.append(Task(f"describe {p.name}", describe, (work, p, tuple(needs[p.name])), first))
    for p in packages:
        for generator in GENERATORS:
            arguments = (work, p, tuple(needs[p.name]), generator)
            first = frozenset({f"describe {p.name}"})
            tasks.append(Task(f"generate {p.name} {generator}", generate, arguments, first))
    compiled: dict[str, set[str]] = {p.name: set() for p in packages}
    for unit in UNITS:
        for p in packages:
            headers = frozenset(f"generate {name} {g}" for name in (p.name, *own[p.name]) for g in GENERATORS)
            parts = 1 + (len(p.files) - 1) // _SOURCES_PER_CALL
            for part in range(parts):
                task = Task(
                    f"compile {p.name} {unit} {part}", compile_unit, (work, tools, p.name, unit, part, parts), headers
                )
                tasks.append(task)
                compiled[p.name].add(task.name)
    for p in packages:
        first = frozenset(compiled[p.name] | {f"link {other}" for other in own[p.name]})
        tasks.append(Task(f"link {p.name}", link_package, (work, tools, p.name, tuple(needs[p.name])), first))
    return tasks


def _install_share(package: InterfacePackage, work: Workspace, share: Path) -> None:
    """Lays out `share` as an ament prefix has it, so that index look-ups find the package."""
    names = sorted({name for file in package.files for name in (file, str(Path(file).with_suffix(".idl")))})
    for resource, content in (("packages", ""), ("rosidl_interfaces", "\n".join(names))):
        marker = share / "ament_index" / "resource_index" / resource / package.name
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.write_text(content, encoding="utf-8")
    target = share / package.name
    target.mkdir(parents=True)
    shutil.copyfile(package.manifest, target / "package.xml")
    for relative in package.files:
        stem = Path(relative).with_suffix("")
        (target / stem.parent).mkdir(exist_ok=True)
        shutil.copyfile(work.source(package.name) / relative, target / relative)
        for suffix in (".idl", ".json"):
            shutil.copyfile(work.share(package.name) / f"{stem}{suffix}", target / f"{stem}{suffix}")
