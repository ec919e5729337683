"""Reads launch XML into elements that know their file and line, and checks them against what is supported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from cablecell.launcher.context import Context
from cablecell.launcher.errors import (
    LaunchError,
    LaunchFileError,
    Location,
    PackageError,
    SubstitutionError,
    ValueTypeError,
)
from cablecell.launcher.substitutions import Template, parse_template
from cablecell.launcher.values import coerce


@dataclass(frozen=True)
class Value:
    """An attribute that may hold substitutions, with the place it was written at."""

    element: Element
    attribute: str
    template: Template

    def expand(self, context: Context) -> str:
        """Return the text with every substitution evaluated.

        Raises:
            LaunchFileError: A substitution cannot be evaluated here.
        """
        try:
            return self.template.expand(context)
        except (SubstitutionError, PackageError) as error:
            raise self.error(str(error)) from error

    def expand_bool(self, context: Context) -> bool:
        """Return the expanded text read as a YAML bool, 1 or 0."""
        try:
            return coerce(self.expand(context), "bool") is True
        except ValueTypeError as error:
            raise self.error(str(error)) from error

    def expand_float(self, context: Context) -> float:
        """Return the expanded text read as a number."""
        try:
            return float(str(coerce(self.expand(context), "float")))
        except ValueTypeError as error:
            raise self.error(str(error)) from error

    def error(self, what: str, alternatives: Iterable[str] = ()) -> LaunchFileError:
        """Return an error that points at this attribute."""
        return self.element.error(what, attribute=self.attribute, alternatives=alternatives)


@dataclass(frozen=True)
class Element:
    """One XML element: tag, attributes as written, children, file and line."""

    tag: str
    attributes: Mapping[str, str]
    where: Location
    children: list[Element] = field(default_factory=list)

    def error(self, what: str, *, attribute: str | None = None, alternatives: Iterable[str] = ()) -> LaunchFileError:
        """Return an error that points at this element or one of its attributes."""
        return LaunchFileError(self.where, what, attribute=attribute, alternatives=alternatives)

    def check(self, *, required: Iterable[str], optional: Iterable[str] = (), children: Iterable[str] = ()) -> None:
        """Refuse attributes and children that are not named, and missing required attributes.

        Raises:
            LaunchFileError: With the valid names.
        """
        known = [*required, *optional]
        for name in self.attributes:
            if name not in known:
                raise self.error("unknown attribute", attribute=name, alternatives=known or ("none",))
        for name in required:
            if name not in self.attributes:
                raise self.error("required attribute is missing", attribute=name)
        tags = list(children)
        for child in self.children:
            if child.tag not in tags:
                raise child.error(f"not allowed inside <{self.tag}>", alternatives=tags or ("no child elements",))

    def value(self, attribute: str) -> Value:
        """Parse a required attribute that may hold substitutions."""
        try:
            return Value(self, attribute, parse_template(self.attributes[attribute]))
        except SubstitutionError as error:
            raise self.error(str(error), attribute=attribute) from error

    def optional_value(self, attribute: str) -> Value | None:
        """Parse an optional attribute that may hold substitutions."""
        return self.value(attribute) if attribute in self.attributes else None

    def literal_bool(self, attribute: str, default: bool) -> bool:
        """Read a bool that ros2 launch does not expand."""
        value = self._literal(attribute, "bool")
        return default if value is None else value is True

    def literal_int(self, attribute: str, default: int) -> int:
        """Read an integer that ros2 launch does not expand."""
        value = self._literal(attribute, "int")
        return default if value is None else int(str(value))

    def literal_seconds(self, attribute: str) -> float | None:
        """Read a duration, s, >= 0, that ros2 launch does not expand."""
        value = self._literal(attribute, "float")
        if value is None:
            return None
        seconds = float(str(value))
        if not seconds >= 0.0:
            raise self.error(f"{seconds} s is negative, the limit is 0 s", attribute=attribute)
        return seconds

    def _literal(self, attribute: str, type_name: str) -> object:
        text = self.attributes.get(attribute)
        if text is None:
            return None
        if "$(" in text:
            raise self.error(
                f"takes a plain {type_name}, ros2 launch expands no substitution here", attribute=attribute
            )
        try:
            return coerce(text, type_name)
        except ValueTypeError as error:
            raise self.error(str(error), attribute=attribute) from error


class _TreeBuilder:
    """Collects expat events of one file."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.root: Element | None = None
        self._open: list[Element] = []
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        element = Element(tag, attributes, Location(self.file, self.parser.CurrentLineNumber, tag))
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def _end(self, _: str) -> None:
        self._open.pop()

    def _text(self, text: str) -> None:
        if text.strip():
            place = Location(self.file, self.parser.CurrentLineNumber, self._open[-1].tag)
            raise LaunchFileError(place, f"unexpected text '{text.strip()}': launch files use attributes only")


def read_launch_xml(file: Path) -> Element:
    """Read a launch file and return its `<launch>` element.

    Raises:
        LaunchError: The file cannot be read or is not XML.
        LaunchFileError: It holds text between elements, or the root is not `<launch>`.
    """
    if file.suffix in (".py", ".yaml", ".yml"):
        raise LaunchError(f"{file}: only XML launch files (*.launch.xml) run here, not {file.suffix} files")
    builder = _TreeBuilder(file)
    try:
        builder.parser.Parse(file.read_bytes(), True)
    except OSError as error:
        raise LaunchError(f"cannot read the launch file {file}: {error.strerror}") from error
    except expat.ExpatError as error:
        raise LaunchError(
            f"{file}:{error.lineno}: not well-formed XML: {expat.errors.messages[error.code]} (column {error.offset})"
        ) from error
    if builder.root is None or builder.root.tag != "launch":
        place = builder.root.where if builder.root is not None else Location(file, 1, "?")
        raise LaunchFileError(place, "the root element must be <launch>")
    return builder.root
