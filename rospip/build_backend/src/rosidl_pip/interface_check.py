"""Checks interface files before anything is generated, so that an error names file, line and field.

The generators themselves stop with a trace-back through a template and no line number.
"""

from __future__ import annotations

import contextlib
import importlib
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

from rosidl_pip.errors import InterfaceError
from rosidl_pip.packages import IMPLICIT_DEPENDENCIES, InterfacePackage

__all__ = ["check_interfaces", "field_types"]

_SECTIONS = {"msg": 1, "srv": 2, "action": 3}


def check_interfaces(packages: Iterable[InterfacePackage], share: Path) -> None:
    """Parses every line of every interface file and looks up every type it names.

    Args:
        packages: The packages to check.
        share: `share` folder of the prefix with the installed ROS packages.

    Raises:
        InterfaceError: A line cannot be parsed, a field name is there twice, a type does not exist or its package is
            not declared in `package.xml`, or a file has the wrong number of `---` sections.
    """
    packages = list(packages)
    known = {
        package.name: {f.split("/")[1].split(".")[0] for f in package.files if f.startswith("msg/")}
        for package in packages
    }
    for package in packages:
        for relative, path in package.files.items():
            for line, owner, name, field in field_types(package.name, relative, path):
                if owner not in known:
                    known[owner] = {file.stem for file in (share / owner / "msg").glob("*.msg")}
                if name not in known[owner]:
                    raise InterfaceError(_unknown_type(path, line, field, owner, name, known))
                if owner not in (package.name, *package.dependencies, *IMPLICIT_DEPENDENCIES[:1]):
                    raise InterfaceError(
                        f"{path}:{line}: field {field!r} uses {owner}/{name}, but {package.manifest} does not depend "
                        f"on {owner}; add <depend>{owner}</depend>."
                    )


def field_types(package: str, relative: str, path: Path) -> list[tuple[int, str, str, str]]:
    """Parses one interface file.

    Args:
        package: Name of its package.
        relative: Its path in the package, for example `srv/Ping.srv`.
        path: The file.

    Returns:
        For each field of a message type: line number, package and name of the type, and name of the field.

    Raises:
        InterfaceError: A line cannot be parsed, a name is there twice, or the number of sections is wrong.
    """
    parser = importlib.import_module("rosidl_adapter.parser")
    kind = relative.split("/")[0]
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InterfaceError(f"{path}: {error}") from error
    sections = 1 + sum(line.strip() == "---" for line in lines)
    if sections != _SECTIONS[kind]:
        raise InterfaceError(
            f"{path}: has {sections} section(s) separated by `---` lines; a .{kind} file has {_SECTIONS[kind]}."
        )
    found = []
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        if line.strip() == "---":
            seen = {}
            continue
        try:
            # It writes to the terminal what it raises, too.
            with contextlib.redirect_stderr(io.StringIO()):
                specification = parser.parse_message_string(package, Path(relative).stem, line)
        except Exception as error:  # its parser raises a dozen unrelated types, among them IndexError and ValueError
            raise InterfaceError(f"{path}:{number}: {line.strip()!r}: {type(error).__name__}: {error}") from error
        for name in (*(f.name for f in specification.fields), *(c.name for c in specification.constants)):
            if name in seen:
                raise InterfaceError(f"{path}:{number}: name {name!r} is already used in line {seen[name]}.")
            seen[name] = number
        for field in specification.fields:
            if not field.type.is_primitive_type():
                found.append((number, field.type.pkg_name, field.type.type, field.name))
    return found


def _unknown_type(path: Path, line: int, field: str, owner: str, name: str, known: Mapping[str, set[str]]) -> str:
    if known[owner]:
        choice = f"{owner} has {', '.join(sorted(known[owner]))}"
    else:
        choice = f"package {owner} is neither in this project nor installed"
    return f"{path}:{line}: field {field!r} is of type {owner}/{name}, which does not exist; {choice}."
