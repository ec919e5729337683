"""Errors of the launcher: every message is one line that says where, what and which alternatives are valid."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


class LaunchError(Exception):
    """A launch description cannot be carried out; nothing has been started when this is raised."""


class UsageError(LaunchError):
    """The command line names a file, package or argument that does not exist."""


class PackageError(LaunchError):
    """A package, or an executable of a package, cannot be found in the ament prefixes."""


class SubstitutionError(LaunchError):
    """A `$(...)` is malformed, unknown, or cannot be evaluated."""


class ValueTypeError(LaunchError):
    """A text cannot be read as the type an attribute or parameter needs."""


@dataclass(frozen=True)
class Location:
    """Where an element stands: file, line and tag."""

    file: Path
    line: int
    tag: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class LaunchFileError(LaunchError):
    """A launch file uses something outside the supported XML, or a value that does not fit.

    Attributes:
        where: File, line and tag of the element.
        attribute: Name of the offending attribute, or None when the element itself is wrong.
    """

    def __init__(
        self, where: Location, what: str, *, attribute: str | None = None, alternatives: Iterable[str] = ()
    ) -> None:
        self.where = where
        self.attribute = attribute
        subject = where.tag if attribute is None else f"{where.tag} {attribute}"
        valid = ", ".join(alternatives)
        super().__init__(f"{where}: <{subject}>: {what}" + (f"; valid: {valid}" if valid else ""))
