"""What other installed packages bring to the cell: drivers, connectors, boards and skills, found by entry points.

A package names a part in the group `cablecell.KIND.v1` of its entry points, for example

    [project.entry-points."cablecell.drivers.v1"]
    my_arm = "my_package.driver:make_backend"

The number in the group is the version of the interface that the part was written for, so it is known without running
any of its code. A part of another version is refused; one that is broken is left out, and the cell starts without it.
"""

from __future__ import annotations

import importlib.util
import logging
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from importlib.metadata import EntryPoint, distributions
from pathlib import Path
from typing import Any

from cablecell.core.errors import ConfigurationError, WorkcellError

INTERFACE_VERSION = 1
"""Version of what the cell and its plug-ins expect of each other; docs/plugins.md says what belongs to it."""

NAME_PATTERN = re.compile(r"[a-z][a-z0-9_]{0,59}")
"""What a plug-in may be called."""

_GROUP = re.compile(r"cablecell\.(?P<kind>[a-z]+)\.v(?P<version>[0-9]+)")
_logger = logging.getLogger(__name__)


class PluginVersionError(ConfigurationError):
    """A plug-in was written for another version of the interface; none of its code was run."""

    code = 960


class PluginBrokenError(ConfigurationError):
    """A plug-in cannot be used: its code does not load, or the file that it names is not there."""

    code = 961


class PluginNameError(ConfigurationError):
    """A plug-in has a name that may not be, that is the cell's own, or that two packages use."""

    code = 962


class PluginKind(Enum):
    """What a plug-in is; the value is the middle of its group's name."""

    DRIVER = "drivers"
    CONNECTOR = "connectors"
    BOARD = "boards"
    SKILL = "skills"

    @property
    def group(self) -> str:
        """The group of entry points of this version."""
        return f"cablecell.{self.value}.v{INTERFACE_VERSION}"


@dataclass(frozen=True)
class Plugin:
    """One part that an installed package names; nothing of it was loaded.

    Attributes:
        kind: What it is.
        name: Its name.
        target: What the entry point leads to, such as `my_package.driver:make_backend`.
        version: Version of the interface that it was written for.
        package: Name and version of the package that brings it.
    """

    kind: PluginKind
    name: str
    target: str
    version: int
    package: str

    def require_version(self) -> None:
        """Refuse a plug-in that was written for another version of the interface.

        Raises:
            PluginVersionError: It was (code 960).
        """
        if self.version != INTERFACE_VERSION:
            raise PluginVersionError(
                f"{self} is written for version {self.version} of the interface; this cell has version "
                f"{INTERFACE_VERSION}: install a release of {self.package.split()[0]} that offers '{self.kind.group}'",
                quantity="interface_version",
                value=self.version,
                limit=INTERFACE_VERSION,
            )

    def load(self) -> Any:
        """Return the object that it leads to.

        Raises:
            PluginVersionError: It was written for another version of the interface (code 960).
            PluginBrokenError: It cannot be loaded (code 961).
        """
        self.require_version()
        try:
            return EntryPoint(self.name, self.target, self.kind.group).load()
        except Exception as error:  # whatever code of others raises
            raise self.broken(f"{type(error).__name__}: {error}") from error

    def file(self) -> Path:
        """Return the file `NAME.yaml` in the folder of the package that it leads to; the package is not run.

        Raises:
            PluginVersionError: It was written for another version of the interface (code 960).
            PluginBrokenError: There is no such package, or no such file in it (code 961).
        """
        self.require_version()
        try:
            spec = importlib.util.find_spec(self.target)
        except Exception as error:  # a package around it is run, and may raise anything
            raise self.broken(f"{type(error).__name__}: {error}") from error
        folders = [] if spec is None else list(spec.submodule_search_locations or ())
        if not folders:
            raise self.broken(f"there is no package '{self.target}'")
        path = Path(folders[0]) / f"{self.name}.yaml"
        if not path.is_file():
            raise self.broken(f"there is no {path.name} in package '{self.target}'")
        return path

    def broken(self, why: str) -> PluginBrokenError:
        """Return the error of this plug-in."""
        return PluginBrokenError(
            f"{self} cannot be used: {' '.join(why.split())}", quantity=self.kind.value, value=self.name
        )

    def __str__(self) -> str:
        return f"{self.kind.name.lower()} '{self.name}' of package {self.package}"


def all_plugins() -> tuple[Plugin, ...]:
    """Return what is installed of every kind and every version, ordered by kind, name and version."""
    return _found(tuple(sys.path))


def plugin_names(kind: PluginKind) -> list[str]:
    """Return the names of what is installed of a kind and written for this version."""
    return sorted({one.name for one in all_plugins() if one.kind is kind and one.version == INTERFACE_VERSION})


def find_plugin(kind: PluginKind, name: str) -> Plugin | None:
    """Return a plug-in by its name; None where nothing of that name is installed.

    Raises:
        PluginVersionError: It is written for other versions of the interface only (code 960).
        PluginNameError: Two packages use this name (code 962).
    """
    of_name = [one for one in all_plugins() if one.kind is kind and one.name == name]
    if not of_name:
        return None
    fitting = [one for one in of_name if one.version == INTERFACE_VERSION]
    if not fitting:
        of_name[-1].require_version()
    if len({one.package for one in fitting}) > 1:
        listed = " and ".join(one.package for one in fitting)
        raise PluginNameError(
            f"{kind.name.lower()} '{name}' is in two packages, {listed}: uninstall one of them",
            quantity=kind.value,
            value=name,
            limit=listed,
        )
    return fitting[0]


def plugin_file(kind: PluginKind, name: str) -> Path | None:
    """Return the file of a connector or board of that name; None where nothing of that name is installed.

    Raises:
        ConfigurationError: There is something, and it cannot be used (codes 960 to 962).
    """
    found = find_plugin(kind, name)
    return None if found is None else found.file()


def leave_out(plugin: Plugin, error: WorkcellError) -> None:
    """Say that the cell goes on without a plug-in that nobody has asked for by name."""
    _logger.warning("left out, code %d: %s", error.code, error if str(plugin) in str(error) else f"{plugin}: {error}")


@lru_cache(maxsize=4)
def _found(path: tuple[str, ...]) -> tuple[Plugin, ...]:
    found = {(one.kind.value, one.name, one.version, one.package): one for one in _named(path)}
    return tuple(found[key] for key in sorted(found))


def _named(path: tuple[str, ...]) -> Iterator[Plugin]:
    kinds = {kind.value: kind for kind in PluginKind}
    seen: set[str] = set()
    for distribution in distributions(path=[part or "." for part in path]):
        matches = ((point, _GROUP.fullmatch(point.group)) for point in distribution.entry_points)
        ours = [(point, group) for point, group in matches if group is not None and group["kind"] in kinds]
        # The first of its name on the path is the one that is imported; the others are shadowed.
        if not ours or (name := distribution.metadata["Name"]) in seen:
            continue
        seen.add(name)
        for point, group in ours:
            label = f"{name} {distribution.version}"
            yield Plugin(kinds[group["kind"]], point.name, point.value, int(group["version"]), label)
