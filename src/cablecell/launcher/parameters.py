"""The `<param>` elements of a node: what they may say, and the parameter files they become."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from cablecell.launcher.context import Context
from cablecell.launcher.errors import SubstitutionError, ValueTypeError
from cablecell.launcher.substitutions import Template, parse_template
from cablecell.launcher.values import (
    SCALAR_TYPES,
    TYPE_NAMES,
    Scalar,
    Typed,
    coerce,
    coerce_list,
    is_list_type,
    item_type,
    require_uniform,
)
from cablecell.launcher.xml_reader import Element, Value


@dataclass(frozen=True)
class ParameterText:
    """The content of a parameter file that is written when the node starts."""

    text: str


class ParameterValue:
    """A `value` attribute with its optional `type`: typed at once, or a text that is typed after its expansion."""

    def __init__(self, element: Element) -> None:
        self._element = element
        self._type = element.attributes.get("type")
        if self._type is not None and self._type not in TYPE_NAMES:
            raise element.error(f"unknown type '{self._type}'", attribute="type", alternatives=TYPE_NAMES)
        if self._type == "yaml":
            self._type = None
        try:
            self._value = self._read()
        except (ValueTypeError, SubstitutionError) as error:
            raise element.error(str(error), attribute="value") from error

    def evaluate(self, context: Context) -> Typed:
        """Expand and type the value.

        Raises:
            LaunchFileError: The expanded text does not fit the type.
        """
        if isinstance(self._value, Template):
            text = Value(self._element, "value", self._value).expand(context)
            try:
                return coerce(text, self._type)
            except ValueTypeError as error:
                raise self._element.error(str(error), attribute="value") from error
        if not isinstance(self._value, list):
            return self._value
        scalar = None if self._type is None else item_type(self._type)
        try:
            items = [
                coerce(Value(self._element, "value", item).expand(context), scalar)
                if isinstance(item, Template)
                else item
                for item in self._value
            ]
            return require_uniform(items, self._type)  # type: ignore[arg-type]  # the call checks the item types
        except ValueTypeError as error:
            raise self._element.error(str(error), attribute="value") from error

    def _read(self) -> Scalar | Template | list[Scalar | Template]:
        text = self._element.attributes["value"]
        separator = self._element.attributes.get("value-sep")
        if separator is None:
            value = coerce(text, self._type, lenient=True)
        elif separator:
            value = coerce_list(text.split(separator), self._type, lenient=True)
        else:
            raise ValueTypeError("the separator is empty")
        if isinstance(value, list):
            return self._read_list(value)
        parsed = self._read_text(value) if isinstance(value, str) else value
        if not isinstance(parsed, Template):
            require_uniform(parsed, self._type)
        return parsed

    def _read_list(
        self, items: list[str] | list[int] | list[float] | list[bool] | list[Scalar]
    ) -> list[Scalar | Template]:
        parsed = [self._read_text(item) if isinstance(item, str) else item for item in items]
        kinds = {type(item) for item in parsed if not isinstance(item, Template)}
        if len(kinds) > 1:
            raise ValueTypeError(f"{items} is a list of mixed types")
        if self._type is not None:
            scalar = SCALAR_TYPES[item_type(self._type)]
            if not is_list_type(self._type) or kinds - {scalar} or (not parsed and scalar is not str):
                raise ValueTypeError(f"{items} is not of type {self._type}")
        return parsed

    @staticmethod
    def _read_text(text: str) -> str | Template:
        template = parse_template(text)
        literal = template.literal
        return template if literal is None else literal


class ParameterSet:
    """One `<param name=…>` of a node, with its nested parameters; becomes one parameter file."""

    def __init__(self, element: Element) -> None:
        self._values: list[tuple[tuple[Value, ...], ParameterValue]] = []
        self._add(element, ())

    def evaluate(self, context: Context, node_name: str) -> ParameterText:
        """Return the file content for `node_name` (a full name or `/**`); nested names are joined by dots."""
        parameters = {
            ".".join(name.expand(context) for name in names): value.evaluate(context) for names, value in self._values
        }
        return ParameterText(yaml.safe_dump({node_name: {"ros__parameters": parameters}}, default_flow_style=False))

    def _add(self, element: Element, prefix: tuple[Value, ...]) -> None:
        element.check(required=["name"], optional=["value", "value-sep", "type"], children=["param"])
        names = (*prefix, element.value("name"))
        if "value" in element.attributes:
            if element.children:
                raise element.children[0].error("a parameter has either a value or nested parameters, not both")
            self._values.append((names, ParameterValue(element)))
            return
        for extra in ("type", "value-sep"):
            if extra in element.attributes:
                raise element.error("only together with value", attribute=extra)
        if not element.children:
            raise element.error("needs a value or nested parameters", alternatives=['value="…"', "<param …/> inside"])
        for child in element.children:
            self._add(child, names)


class ParameterFile:
    """One `<param from=…>` of a node: a file passed on, or with `allow_substs` a copy with its `$(…)` expanded."""

    def __init__(self, element: Element) -> None:
        element.check(required=["from"], optional=["allow_substs"])
        self._path = element.value("from")
        self._allow_substitutions = element.literal_bool("allow_substs", default=False)

    def evaluate(self, context: Context, node_name: str) -> Path | ParameterText | None:
        """Return the path, the expanded content, or None (with a warning) where there is no such file.

        Raises:
            LaunchFileError: With `allow_substs`: the file is missing, or not YAML after the expansion.
        """
        path = Path(self._path.expand(context))
        if not self._allow_substitutions:
            if path.is_file():
                return path
            context.warn(f"{self._path.element.where}: Parameter file path is not a file: {path} (skipped)")
            return None
        try:
            text = parse_template(path.read_text()).expand(context)
            yaml.safe_load(text)
        except OSError as error:
            raise self._path.error(f"cannot read the parameter file '{path}': {error.strerror}") from error
        except (SubstitutionError, yaml.YAMLError) as error:
            raise self._path.error(f"in the parameter file '{path}': {' '.join(str(error).split())}") from error
        return ParameterText(text)


def read_parameter(element: Element) -> ParameterSet | ParameterFile:
    """Return what a `<param>` of a node says.

    Raises:
        LaunchFileError: It is neither `name` nor `from`, both, or holds anything else.
    """
    if "from" in element.attributes and "name" not in element.attributes:
        return ParameterFile(element)
    if "name" in element.attributes and "from" not in element.attributes:
        return ParameterSet(element)
    raise element.error("needs exactly one of name and from", alternatives=["name", "from"])
