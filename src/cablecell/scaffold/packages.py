"""Python packages that bring parts to the cell by their entry points."""

from __future__ import annotations

from pathlib import Path

from cablecell.composition.machines import MACHINES
from cablecell.plugins import PluginKind
from cablecell.scaffold.writing import render, require_module_name, require_name, write_all


def new_driver(name: str, out: Path) -> list[Path]:
    """Write a driver that moves an ideal robot, and return what was written.

    Raises:
        PluginNameError: The name may not be (code 962).
        ScaffoldPlaceError: It cannot be written there (code 963); nothing was.
    """
    require_name(name, PluginKind.DRIVER, [*MACHINES, "driver"])
    require_module_name(name)
    files = {
        f"src/{name}/__init__.py": f'"""The driver `{name}` for the cell."""\n',
        f"src/{name}/driver.py": render("driver.py", name=name),
        f"src/{name}/transport.py": render("transport.py", name=name),
        f"src/{name}/ideal_robot.py": render("ideal_robot.py", name=name),
        f"src/{name}/{name}.yaml": render("robot.yaml", name=name),
        "README.md": render("README_driver.md", name=name),
    }
    return write_all(out / name, _project(name, PluginKind.DRIVER, f"{name}.driver:make_backend") | files)


def new_skill(name: str, out: Path) -> list[Path]:
    """Write a policy that comes down until it feels something, and return what was written.

    Raises:
        PluginNameError: The name may not be (code 962).
        ScaffoldPlaceError: It cannot be written there (code 963); nothing was.
    """
    require_name(name, PluginKind.SKILL, [])
    require_module_name(name)
    class_name = "".join(part.capitalize() for part in name.split("_"))
    files = {
        f"src/{name}/__init__.py": f'"""The skill `{name}` for the cell."""\n',
        f"src/{name}/{class_name}.py": render("Skill.py", name=name, class_name=class_name),
        "README.md": render("README_skill.md", name=name, class_name=class_name),
    }
    # A policy's module is named like its class.
    return write_all(out / name, _project(name, PluginKind.SKILL, f"{name}.{class_name}:{class_name}") | files)


def data_package(name: str, kind: PluginKind, text: str) -> dict[str, str]:
    """Return the files of a package that brings one data file, `NAME.yaml`, by their paths in it.

    Args:
        name: Name of the package, and of the part.
        kind: What it is.
        text: The data file.
    """
    return _project(name, kind, name) | {
        f"src/{name}/__init__.py": f'"""The {kind.name.lower()} `{name}` for the cell."""\n',
        f"src/{name}/{name}.yaml": text,
    }


def _project(name: str, kind: PluginKind, target: str) -> dict[str, str]:
    text = render("pyproject.toml", name=name, group=kind.group, target=target, what=kind.name.lower())
    return {"pyproject.toml": text}
