"""The hooks of PEP 517 and PEP 660. A build front end runs them in the project's folder.

`pyproject.toml` of a project that uses this backend:

    [build-system]
    requires = ["rosidl-pip"]
    build-backend = "rosidl_pip.backend"

    [tool.rosidl-pip]
    interfaces = ["."]                 # folders whose sub-folders are interface packages
    python-packages = "src"            # optional: pure Python packages that go into the same wheel

    [tool.rosidl-pip.distributions.jazzy]
    interfaces = ["interfaces/jazzy"]  # optional: only for this ROS distribution
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from rosidl_pip.build import build_tree
from rosidl_pip.cache import cache_key, cached_tree
from rosidl_pip.configuration import Project, read_project
from rosidl_pip.distribution import Installation, build_requirements, find_installation
from rosidl_pip.errors import RosidlPipError
from rosidl_pip.packages import InterfacePackage, closure, find_packages
from rosidl_pip.wheel import metadata_files, write_sdist, write_wheel

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

_P = ParamSpec("_P")
_R = TypeVar("_R")


def _readable(hook: Callable[_P, _R]) -> Callable[_P, _R]:
    """Makes an expected error appear as one sentence: pip prints what the interpreter prints when the hook raises."""

    @functools.wraps(hook)
    def wrapper(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return hook(*args, **kwargs)
        except RosidlPipError as error:
            sys.tracebacklimit = 0
            raise error from None

    return wrapper


@_readable
def get_requires_for_build_wheel(config_settings: dict[str, Any] | None = None) -> list[str]:
    """Returns what an isolated build must install: ROS, the generators, numpy, for the right distribution."""
    return build_requirements()


@_readable
def get_requires_for_build_editable(config_settings: dict[str, Any] | None = None) -> list[str]:
    """Returns the same as for a wheel."""
    return build_requirements()


def get_requires_for_build_sdist(config_settings: dict[str, Any] | None = None) -> list[str]:
    """Returns nothing: packing sources needs no ROS."""
    return []


@_readable
def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: dict[str, Any] | None = None) -> str:
    """Writes the metadata without compiling anything, so that pip does not build twice."""
    project, installation, packages = _prepare()
    info = Path(metadata_directory) / f"{project.file_stem}.dist-info"
    info.mkdir(parents=True)
    for name, data in metadata_files(project, _pins(installation, packages)).items():
        (info / name).write_bytes(data)
    return info.name


@_readable
def prepare_metadata_for_build_editable(metadata_directory: str, config_settings: dict[str, Any] | None = None) -> str:
    """Writes the same metadata as for a wheel."""
    return prepare_metadata_for_build_wheel(metadata_directory, config_settings)


@_readable
def build_wheel(
    wheel_directory: str, config_settings: dict[str, Any] | None = None, metadata_directory: str | None = None
) -> str:
    """Builds a wheel, or takes the compiled part of it from the cache; returns its file name."""
    return _build(Path(wheel_directory), editable=False)


@_readable
def build_editable(
    wheel_directory: str, config_settings: dict[str, Any] | None = None, metadata_directory: str | None = None
) -> str:
    """Builds a wheel with the compiled interfaces that refers to the pure Python packages where they are."""
    return _build(Path(wheel_directory), editable=True)


@_readable
def build_sdist(sdist_directory: str, config_settings: dict[str, Any] | None = None) -> str:
    """Packs the sources; returns the file name."""
    return write_sdist(read_project(Path.cwd()), Path(sdist_directory))


def _prepare() -> tuple[Project, Installation, list[InterfacePackage]]:
    project = read_project(Path.cwd())
    installation = find_installation()
    return project, installation, find_packages(project.folders(installation.distribution.name))


def _pins(installation: Installation, packages: Sequence[InterfacePackage]) -> list[str]:
    share = installation.prefix / "share"
    needed = {name for package in packages for name, own in closure(package, packages, share).items() if not own}
    return installation.pins(needed)


def _build(folder: Path, *, editable: bool) -> str:
    project, installation, packages = _prepare()
    tree = cached_tree(
        cache_key(packages, installation.versions), lambda empty: build_tree(packages, installation.prefix, empty)
    )
    return write_wheel(project, tree, _pins(installation, packages), folder, editable=editable)
