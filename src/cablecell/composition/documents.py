"""Read YAML documents; checking them is the core's business."""

from __future__ import annotations

from pathlib import Path

import yaml

from cablecell.core.config.documents import DocumentError


def read_document(path: Path) -> object:
    """Return a parsed YAML file.

    Raises:
        DocumentError: The file cannot be read or is not YAML (code 910).
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DocumentError(f"{path} cannot be read: {error.strerror}", quantity="file", value=path) from error
    return parse_document(text, path.name)


def parse_document(text: str, source: str) -> object:
    """Return parsed YAML.

    Raises:
        DocumentError: It is not YAML (code 910).
    """
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        line = " ".join(str(error).split())
        raise DocumentError(f"{source} is not YAML: {line}", quantity="file", value=source) from error
