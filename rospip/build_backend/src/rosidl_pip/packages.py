"""Finds interface packages, reads their manifests and puts them in dependency order."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rosidl_pip.errors import DependencyError, InterfaceError, ManifestError

__all__ = ["IMPLICIT_DEPENDENCIES", "KINDS", "InterfacePackage", "closure", "dependency_order", "find_packages"]

KINDS = ("msg", "srv", "action")

# Generated services and actions refer to these even if no interface file does.
IMPLICIT_DEPENDENCIES = ("builtin_interfaces", "service_msgs", "unique_identifier_msgs", "action_msgs")

# The tags whose packages may be named in a field type: they are there when the package is built.
_DEPENDENCY_TAGS = ("depend", "build_depend", "build_export_depend")


@dataclass(frozen=True)
class InterfacePackage:
    """One ROS interface package.

    Attributes:
        name: Package name, also the name of the Python package.
        version: Version from the manifest.
        dependencies: Packages named in the manifest that are there at build time, in order.
        manifest: The `package.xml`.
        files: Interface files by their path in the package, for example `msg/Task.msg`.
    """

    name: str
    version: str
    dependencies: tuple[str, ...]
    manifest: Path
    files: Mapping[str, Path]


def find_packages(folders: Sequence[Path]) -> list[InterfacePackage]:
    """Collects the interface packages below some folders, merged by name and in dependency order.

    A package may be spread over several folders (a common part and one for a ROS distribution); exactly one of them
    holds the manifest, and no file may be there twice.

    Args:
        folders: Folders whose direct sub-folders are interface packages.

    Returns:
        The packages; each comes after those it depends on.

    Raises:
        ManifestError: No manifest, two, or an unreadable one.
        InterfaceError: The same interface file twice, or a package without any.
        DependencyError: The packages depend on each other in a circle.
    """
    parts: dict[str, list[Path]] = {}
    for folder in folders:
        for child in sorted(folder.iterdir()):
            if child.is_dir() and ((child / "package.xml").is_file() or any((child / kind).is_dir() for kind in KINDS)):
                parts.setdefault(child.name, []).append(child)
    return dependency_order(_merge(name, paths) for name, paths in parts.items())


def dependency_order(packages: Iterable[InterfacePackage]) -> list[InterfacePackage]:
    """Sorts packages so that each comes after those it depends on; by name where there is no dependency.

    Raises:
        DependencyError: The packages depend on each other in a circle; the text shows it.
    """
    by_name = {package.name: package for package in packages}
    ordered: dict[str, InterfacePackage] = {}

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            circle = " -> ".join((*path[path.index(name) :], name))
            raise DependencyError(f"The interface packages depend on each other in a circle: {circle}.")
        if name in ordered or name not in by_name:
            return
        for dependency in by_name[name].dependencies:
            visit(dependency, (*path, name))
        ordered[name] = by_name[name]

    for name in sorted(by_name):
        visit(name, ())
    return list(ordered.values())


def closure(package: InterfacePackage, packages: Iterable[InterfacePackage], share: Path) -> dict[str, bool]:
    """Collects all interface packages one package needs, directly or not.

    Args:
        package: The package that is to be built.
        packages: All packages of the project.
        share: `share` folder of the prefix with the installed ROS packages.

    Returns:
        Name of each needed interface package, and whether the project itself builds it.

    Raises:
        DependencyError: A package is neither in the project nor installed.
    """
    own = {item.name: item for item in (*packages, package)}
    needed: dict[str, bool] = {}
    queue = [(name, package.name) for name in (*package.dependencies, *IMPLICIT_DEPENDENCIES)]
    while queue:
        name, wanted_by = queue.pop(0)
        if name in needed or name == package.name:
            continue
        if name in own:
            needed[name] = True
            queue += [(dependency, name) for dependency in own[name].dependencies]
            continue
        manifest = share / name / "package.xml"
        if not manifest.is_file() and wanted_by not in own:
            continue  # an installed package knows best what it can do without
        if not manifest.is_file():
            raise DependencyError(
                f"Interface package {wanted_by!r} depends on {name!r}, which is neither in this project "
                f"({', '.join(sorted(own))}) nor installed ({manifest} does not exist). "
                f"Install it, for example `pip install ros-{name.replace('_', '-')}`, or correct package.xml."
            )
        if any((share / name / kind).is_dir() for kind in KINDS):
            needed[name] = False
            queue += [(dependency, name) for dependency in _read_manifest(manifest)[2]]
    return needed


def _merge(name: str, paths: Sequence[Path]) -> InterfacePackage:
    manifests = [path / "package.xml" for path in paths if (path / "package.xml").is_file()]
    if len(manifests) != 1:
        where = ", ".join(str(path) for path in paths)
        raise ManifestError(f"Interface package {name!r} needs exactly one package.xml, has {len(manifests)}: {where}.")
    declared, version, dependencies = _read_manifest(manifests[0])
    if declared != name:
        raise ManifestError(f"{manifests[0]}: <name> is {declared!r}, but the folder is called {name!r}.")
    files: dict[str, Path] = {}
    for kind in KINDS:
        for path in paths:
            for file in sorted((path / kind).glob(f"*.{kind}")):
                relative = f"{kind}/{file.name}"
                if relative in files:
                    raise InterfaceError(f"{relative} of package {name!r} exists twice: {files[relative]} and {file}.")
                files[relative] = file
    if not files:
        raise InterfaceError(f"Package {name!r} has no interface file in {', '.join(KINDS)} below {paths[0]}.")
    return InterfacePackage(name, version, dependencies, manifests[0], dict(sorted(files.items())))


def _read_manifest(path: Path) -> tuple[str, str, tuple[str, ...]]:
    try:
        root = ET.parse(path).getroot()
    except (OSError, ET.ParseError) as error:
        raise ManifestError(f"{path}: {error}") from error
    texts = {tag: (root.findtext(tag) or "").strip() for tag in ("name", "version")}
    for tag, text in texts.items():
        if root.tag != "package" or not text:
            raise ManifestError(f"{path}: a <package> with a non-empty <{tag}> is needed.")
    # rosidl packages are named as plain build tools or run-time groups too: those are no interfaces.
    names = [(node.text or "").strip() for node in root if node.tag in _DEPENDENCY_TAGS]
    unique = dict.fromkeys(name for name in names if name and not name.startswith("rosidl_"))
    return texts["name"], texts["version"], tuple(unique)
