"""What every starting point has in common: a name that may be, a place outside the checkout, nothing overwritten."""

from __future__ import annotations

import importlib.util
import keyword
import sys
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from cablecell.configuration import config_folder
from cablecell.core.errors import ConfigurationError
from cablecell.plugins import INTERFACE_VERSION, NAME_PATTERN, PluginKind, PluginNameError, plugin_names


class ScaffoldPlaceError(ConfigurationError):
    """A starting point cannot be written where it was asked for; nothing was written."""

    code = 963


def require_name(name: str, kind: PluginKind, taken: list[str]) -> None:
    """Refuse a name that a plug-in may not have, or that is in use.

    Args:
        name: The name.
        kind: What it is to be the name of.
        taken: Names of this kind that the cell itself uses.

    Raises:
        PluginNameError: It may not be (code 962).
    """
    allowed = "lower-case letters, digits and '_', a letter first, at most 60"
    if not NAME_PATTERN.fullmatch(name):
        raise PluginNameError(f"name = '{name}' may not be; valid are {allowed}", quantity="name", value=name)
    if keyword.iskeyword(name) or name in sys.stdlib_module_names:
        raise PluginNameError(f"name = '{name}' is a word of Python's own", quantity="name", value=name, limit=allowed)
    known = sorted({*taken, *plugin_names(kind)})
    if name in known:
        listed = ", ".join(known)
        raise PluginNameError(
            f"name = '{name}': there is a {kind.name.lower()} of this name; taken are {listed}",
            quantity="name",
            value=name,
            limit=listed,
        )


def require_module_name(name: str) -> None:
    """Refuse the name of a package that would hide an installed one.

    Raises:
        PluginNameError: It would (code 962).
    """
    if importlib.util.find_spec(name) is not None:
        raise PluginNameError(
            f"name = '{name}': a Python package of this name is installed, and would be hidden",
            quantity="name",
            value=name,
        )


def write_all(folder: Path, files: Mapping[str, str]) -> list[Path]:
    """Write files below a folder, all or none, and return their paths.

    Args:
        folder: The folder; it is made where it is missing.
        files: Text of every file, by its path relative to the folder.

    Raises:
        ScaffoldPlaceError: The folder is in the checkout of the cell, one of the files is there already, or it cannot
            be written (code 963).
    """
    checkout = config_folder().resolve().parent
    if folder.resolve().is_relative_to(checkout):
        raise ScaffoldPlaceError(
            f"{folder.resolve()} is inside the cell's own folder {checkout}, which updates replace; give one outside "
            "it with --out",
            quantity="out",
            value=folder,
        )
    paths = [folder / name for name in files]
    for path in paths:
        if path.exists() or path.is_symlink():
            raise ScaffoldPlaceError(
                f"{path} is there already; nothing was written: give another name or --out", quantity="file", value=path
            )
    try:
        for path, text in zip(paths, files.values(), strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as stream:
                stream.write(text)
    except OSError as error:
        raise ScaffoldPlaceError(
            f"{error.filename} cannot be written: {error.strerror}", quantity="file", value=error.filename
        ) from error
    return paths


def render(template: str, **values: object) -> str:
    """Return the text of a template of this package.

    Args:
        template: Its name, without `.j2`.
        values: What it names.
    """
    from jinja2 import Environment, StrictUndefined

    text = resources.files("cablecell.scaffold").joinpath(f"templates/{template}.j2").read_text(encoding="utf-8")
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True)
    environment.filters["metres"] = metres
    return environment.from_string(text).render(version=INTERFACE_VERSION, **values)


def metres(value: float) -> str:
    """Return a length as the files of the catalogue write it: in mm, with the exponent that makes it m."""
    text = f"{1.0e3 * value:.6f}".rstrip("0")
    return f"{text}0e-3" if text.endswith(".") else f"{text}e-3"
