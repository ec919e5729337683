"""Which message, service and action types are installed, by name."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any

from ament_index_python import get_resource, get_resources
from ament_index_python.packages import get_package_share_directory

from cablecell.ros.message_data.errors import UnknownInterfaceError, suggestion

KINDS = {"msg": "message", "srv": "service", "action": "action"}
"""Folder of a kind of interface, and what it is called."""


def _index_prefix() -> None:
    """Make the index of the running environment readable when nobody set it up: wheels do not set the variable."""
    if not os.environ.get("AMENT_PREFIX_PATH"):
        os.environ["AMENT_PREFIX_PATH"] = sys.prefix


def interface_packages() -> list[str]:
    """Return the sorted names of all packages that define interfaces."""
    _index_prefix()
    return sorted(get_resources("rosidl_interfaces"))


def interfaces_of(package: str, kinds: tuple[str, ...] = tuple(KINDS)) -> list[str]:
    """Return the sorted names of the interfaces of one package.

    Args:
        package: Name of the package.
        kinds: Which kinds to return, of the keys of `KINDS`.

    Returns:
        Names like `geometry_msgs/msg/Point`.

    Raises:
        UnknownInterfaceError: There is no package of this name with interfaces.
    """
    _index_prefix()
    try:
        listing, _ = get_resource("rosidl_interfaces", package)
    except (LookupError, ValueError) as error:
        hint = suggestion(package, interface_packages())
        raise UnknownInterfaceError(package, f"Unknown package '{package}'{hint}") from error
    # A name with an underscore is a part that the generators made, for example a service's request.
    stems = {line.rsplit(".", 1)[0] for line in listing.splitlines() if "_" not in line}
    return sorted(f"{package}/{stem}" for stem in stems if stem.split("/")[0] in kinds)


def all_interfaces(kinds: tuple[str, ...] = tuple(KINDS)) -> list[str]:
    """Return the sorted names of all installed interfaces of these kinds."""
    return [name for package in interface_packages() for name in interfaces_of(package, kinds)]


def find_interface(name: str, kind: str | None = None) -> type[Any]:
    """Import the class of an interface.

    Args:
        name: `package/kind/Name`, or `package/Name` if `kind` is given.
        kind: `msg`, `srv` or `action` if it has to be of this kind.

    Returns:
        The class.

    Raises:
        UnknownInterfaceError: The name is malformed, of another kind, or nothing of this name is installed.
    """
    full_name = complete_name(name, kind)
    package, folder, stem = full_name.split("/")
    try:
        module = importlib.import_module(f"{package}.{folder}")
    except ModuleNotFoundError as error:
        raise _unknown(full_name, folder) from error
    found: type[Any] | None = getattr(module, stem, None)
    if not isinstance(found, type):
        raise _unknown(full_name, folder)
    return found


def complete_name(name: str, kind: str | None = None) -> str:
    """Return `package/kind/Name` for a name a person typed, which may leave out the kind where it is clear.

    Raises:
        UnknownInterfaceError: The name is malformed or of another kind.
    """
    parts = name.split("/")
    if len(parts) == 2 and kind is not None:
        parts.insert(1, kind)
    if len(parts) != 3 or not all(part.isidentifier() for part in parts) or parts[1] not in KINDS:
        example = {"srv": "std_srvs/srv/Trigger", "action": "pkg/action/Name"}.get(kind or "", "std_msgs/msg/String")
        raise UnknownInterfaceError(name, f"Invalid type name '{name}', expected a name like {example}")
    if kind is not None and parts[1] != kind:
        reason = f"'{name}' is a {KINDS[parts[1]]} type, expected a {KINDS[kind]} type"
        raise UnknownInterfaceError(name, reason)
    return "/".join(parts)


def definition_path(full_name: str) -> Path:
    """Return the file that defines an interface, the `.msg`, `.srv` or `.action` text where there is one.

    Raises:
        UnknownInterfaceError: No such interface is installed.
    """
    _index_prefix()
    package, folder, stem = full_name.split("/")
    try:
        share = Path(get_package_share_directory(package))
    except (LookupError, ValueError) as error:
        raise _unknown(full_name, folder) from error
    for suffix in (folder, "idl"):
        path = share / folder / f"{stem}.{suffix}"
        if path.is_file():
            return path
    raise _unknown(full_name, folder)


def _unknown(full_name: str, folder: str) -> UnknownInterfaceError:
    package = full_name.split("/")[0]
    packages = interface_packages()
    if package in packages:
        hint = suggestion(full_name, interfaces_of(package, (folder,)))
        return UnknownInterfaceError(full_name, f"Unknown {KINDS[folder]} type '{full_name}'{hint}")
    return UnknownInterfaceError(
        full_name, f"Unknown package '{package}' in '{full_name}'{suggestion(package, packages)}"
    )
