"""Which values a parameter file holds for one node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from cablecell.ros.verbs.command import VerbError

_KEY = "ros__parameters"
_WILDCARD = "/**"


def read_parameters(path: Path, node: str, *, use_wildcard: bool = True) -> list[Any]:
    """Read the parameters that a file holds for a node.

    A section for the node itself, by its full name or nested in its namespace, counts more than the wildcard section.

    Args:
        path: The file.
        node: Full name of the node.
        use_wildcard: Read the section `/**`, too.

    Returns:
        Messages of type rcl_interfaces/msg/Parameter, nested names joined by dots.

    Raises:
        VerbError: The file cannot be read, is not a parameter file, or has nothing for this node.
    """
    values = flatten(sections_for(_load(path), node, use_wildcard=use_wildcard))
    if not values:
        raise VerbError(f"{path}: no parameters for node '{node}'")
    return [_message(path, name, value) for name, value in values.items()]


def sections_for(tree: dict[str, Any], node: str, *, use_wildcard: bool = True) -> dict[str, Any]:
    """Merge the sections of a parameter file that apply to a node, the most specific one last."""
    namespace, name = node.rsplit("/", 1)
    merged: dict[str, Any] = {}
    wildcard = [(_WILDCARD,)] if use_wildcard else []
    for keys in (*wildcard, (name,) if not namespace else (namespace, name), (node,)):
        section: Any = tree
        for key in (*keys, _KEY):
            section = section.get(key) if isinstance(section, dict) else None
        if isinstance(section, dict):
            merged.update(flatten(section))
    return merged


def flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested names as one level: `{a: {b: 1}}` becomes `{a.b: 1}`."""
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            flat.update(flatten(value, f"{prefix}{name}."))
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _load(path: Path) -> dict[str, Any]:
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise VerbError(f"{path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise VerbError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(tree, dict):
        raise VerbError(f"{path}: not a parameter file, expected sections with the key '{_KEY}'")
    return tree


def _message(path: Path, name: str, value: Any) -> Any:
    from rclpy.parameter import Parameter

    try:
        return Parameter(name, value=value).to_parameter_msg()
    except (TypeError, ValueError, AssertionError) as error:
        raise VerbError(f"{path}: parameter '{name}': {value!r} is not a parameter value") from error
