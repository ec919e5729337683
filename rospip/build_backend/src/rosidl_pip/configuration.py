"""The project's own settings: `[project]` and `[tool.rosidl-pip]` of its `pyproject.toml`."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rosidl_pip.errors import ConfigurationError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["Project", "read_project"]

_TABLE = "tool.rosidl-pip"
_KEYS = ("interfaces", "python-packages", "distributions")
_PROJECT_KEYS = ("name", "version", "description", "license", "requires-python", "dependencies", "scripts")


@dataclass(frozen=True)
class Project:
    """What is to be built.

    Attributes:
        root: Folder of `pyproject.toml`.
        name: Distribution name as written.
        version: Distribution version as written.
        summary: One line for the metadata, may be empty.
        license: SPDX expression, may be empty.
        requires_python: Version specifier, may be empty.
        dependencies: Requirements as written, without the pins the build adds.
        scripts: Console scripts, name to `module:function`.
        interface_folders: Folders whose sub-folders are interface packages, for every ROS distribution.
        distribution_folders: The same, by ROS distribution; their files are added to packages of the same name.
        python_packages: Folder of pure Python packages to include, or None.
    """

    root: Path
    name: str
    version: str
    summary: str
    license: str
    requires_python: str
    dependencies: tuple[str, ...]
    scripts: tuple[tuple[str, str], ...]
    interface_folders: tuple[Path, ...]
    distribution_folders: tuple[tuple[str, tuple[Path, ...]], ...]
    python_packages: Path | None

    @property
    def file_stem(self) -> str:
        """`name-version` as wheel, sdist and dist-info names spell it."""
        return f"{re.sub(r'[-_.]+', '_', self.name).lower()}-{self.version}"

    def folders(self, ros_distribution: str) -> tuple[Path, ...]:
        """Returns the folders that hold interface packages for one ROS distribution."""
        return self.interface_folders + dict(self.distribution_folders).get(ros_distribution, ())


def read_project(root: Path) -> Project:
    """Reads and checks `pyproject.toml`.

    Unknown keys are errors, since a misspelt key would silently leave files out of the wheel.

    Args:
        root: Folder that contains `pyproject.toml`.

    Returns:
        The project's settings, folders resolved and existing.

    Raises:
        ConfigurationError: A key is missing, unknown or of the wrong type, or a folder does not exist.
    """
    path = root / "pyproject.toml"
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path}: {error}") from error
    project = _table(data, "project", path)
    tool = _table(_table(data, "tool", path), "rosidl-pip", path)
    _refuse_unknown(tool, _KEYS, path, _TABLE)
    _refuse_unknown(project, _PROJECT_KEYS, path, "project")
    for key in ("name", "version"):
        if not isinstance(project.get(key), str):
            raise ConfigurationError(f"{path}: [project] needs `{key}` as text.")

    distributions = tool.get("distributions", {})
    per_distribution = []
    for name in sorted(distributions):
        _refuse_unknown(distributions[name], ("interfaces",), path, f"{_TABLE}.distributions.{name}")
        folders = _folders(root, distributions[name].get("interfaces"), path, f"{_TABLE}.distributions.{name}")
        per_distribution.append((name, folders))
    python_packages = tool.get("python-packages")
    license_ = project.get("license", "")
    return Project(
        root=root,
        name=project["name"],
        version=project["version"],
        summary=project.get("description", ""),
        license=license_.get("text", "") if isinstance(license_, dict) else license_,
        requires_python=project.get("requires-python", ""),
        dependencies=tuple(project.get("dependencies", ())),
        scripts=tuple(sorted(project.get("scripts", {}).items())),
        interface_folders=_folders(root, tool.get("interfaces"), path, _TABLE),
        distribution_folders=tuple(per_distribution),
        python_packages=None if python_packages is None else _folder(root, python_packages, path, _TABLE),
    )


def _table(data: dict[str, Any], key: str, path: Path) -> dict[str, Any]:
    value = data.get(key)
    if not isinstance(value, dict):
        raise ConfigurationError(f"{path}: table [{key}] is missing; [project] and [{_TABLE}] are needed.")
    return value


def _refuse_unknown(table: dict[str, Any], known: tuple[str, ...], path: Path, name: str) -> None:
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise ConfigurationError(f"{path}: [{name}] has unknown key(s) {unknown}; valid keys: {list(known)}.")


def _folders(root: Path, value: object, path: Path, table: str) -> tuple[Path, ...]:
    if not isinstance(value, list) or not value:
        raise ConfigurationError(f"{path}: [{table}] needs `interfaces`, a list of at least one folder; got {value!r}.")
    return tuple(_folder(root, item, path, table) for item in value)


def _folder(root: Path, value: object, path: Path, table: str) -> Path:
    folder = (root / str(value)).resolve()
    if not folder.is_dir():
        raise ConfigurationError(f"{path}: [{table}] names folder {value!r}, but {folder} does not exist.")
    return folder
