"""Python packages that bring parts to the cell by their entry points."""

from __future__ import annotations

from cablecell.plugins import PluginKind
from cablecell.scaffold.writing import render


def data_package(name: str, kind: PluginKind, text: str) -> dict[str, str]:
    """Return the files of a package that brings one data file, `NAME.yaml`, by their paths in it.

    Args:
        name: Name of the package, and of the part.
        kind: What it is.
        text: The data file.
    """
    return {
        "pyproject.toml": render("pyproject.toml", name=name, group=kind.group, target=name, what=kind.name.lower()),
        f"src/{name}/__init__.py": f'"""The {kind.name.lower()} `{name}` for the cell."""\n',
        f"src/{name}/{name}.yaml": text,
    }
