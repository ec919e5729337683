"""Reads texts as typed values by the rules of `ros2 launch`: YAML 1.1 scalars and uniform lists.

A text that still contains a substitution is kept as text while the file is read (`lenient`) and coerced once the
substitution has been expanded (`strict`); both steps are the same function with a flag, as in the real engine.
"""

from __future__ import annotations

from typing import TypeAlias

import yaml

from cablecell.launcher.errors import ValueTypeError

Scalar: TypeAlias = str | int | float | bool
Typed: TypeAlias = Scalar | list[str] | list[int] | list[float] | list[bool] | list[Scalar]

SCALAR_TYPES: dict[str, type] = {"str": str, "int": int, "float": float, "bool": bool}
TYPE_NAMES = (*SCALAR_TYPES, *(f"list_of_{name}" for name in SCALAR_TYPES), "yaml")


def is_list_type(type_name: str | None) -> bool:
    """Return True for the `list_of_…` types."""
    return type_name is not None and type_name.startswith("list_of_")


def item_type(type_name: str) -> str:
    """Return the scalar type of a `list_of_…` type, or the type itself."""
    return type_name.removeprefix("list_of_")


def _is_valid(value: object, *, lenient: bool) -> bool:
    """Tell whether a YAML result is a scalar or a uniform list; lenient lists may also hold texts."""
    if isinstance(value, list):
        member = next((type(item) for item in value if type(item) is not str), str)
        if value and member not in SCALAR_TYPES.values():
            return False
        allowed = (member, str) if lenient else (member,)
        return all(isinstance(item, allowed) for item in value)
    return isinstance(value, (str, int, float, bool))


def _read_yaml(text: str, *, lenient: bool) -> Typed:
    if not text:
        return text
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        if lenient:
            return text
        raise ValueTypeError(f"'{text}' is not readable as YAML ({' '.join(str(error).split())})") from error
    if not _is_valid(value, lenient=lenient):
        kind = "a list of mixed types" if isinstance(value, list) else f"a YAML {type(value).__name__}"
        raise ValueTypeError(
            f"'{text}' is {kind}, expected a str, int, float or bool or a list of one of them"
            ' (write type="str" for a text)'
        )
    result: Typed = value
    return result


def coerce(text: str, type_name: str | None, *, lenient: bool = False) -> Typed:
    """Read a text as a type.

    Args:
        text: The attribute text, or the expanded text.
        type_name: One of `TYPE_NAMES`, or None/`yaml` for the YAML rules.
        lenient: Keep the text where it does not fit (it may hold a substitution that is expanded later).

    Returns:
        The typed value; with `lenient` possibly the text, or a list that mixes values with texts.

    Raises:
        ValueTypeError: The text does not fit the type.
    """
    if type_name is None or type_name == "yaml":
        return _read_yaml(text, lenient=lenient)
    scalar = SCALAR_TYPES[item_type(type_name)]
    if is_list_type(type_name):
        items = _read_yaml(text, lenient=lenient)
        allowed = (scalar, str) if lenient else (scalar,)
        if not isinstance(items, list) or not all(isinstance(item, allowed) for item in items):
            raise ValueTypeError(f"'{text}' is not a list of {scalar.__name__}")
        return items
    if scalar is str:
        return text
    if scalar is bool:
        return _read_bool(text, lenient=lenient)
    try:
        number: Typed = scalar(text)
    except ValueError as error:
        if lenient:
            return text
        raise ValueTypeError(f"'{text}' is not of type {scalar.__name__}") from error
    return number


def _read_bool(text: str, *, lenient: bool) -> bool | str:
    value = _read_yaml({"1": "true", "0": "false"}.get(text, text), lenient=lenient)
    if isinstance(value, bool) or (lenient and isinstance(value, str)):
        return value
    raise ValueTypeError(f"'{text}' is not a bool (true, false, 1 or 0)")


def coerce_list(texts: list[str], type_name: str | None, *, lenient: bool = False) -> Typed:
    """Read the pieces of a `value-sep` list; the rules of `coerce` hold for each piece."""
    if type_name is not None and type_name != "yaml" and not is_list_type(type_name):
        raise ValueTypeError(f"a value with a separator is a list, it cannot be of type {type_name}")
    scalar = None if type_name in (None, "yaml") else item_type(str(type_name))
    items = [coerce(text, scalar, lenient=lenient) for text in texts]
    if not _is_valid(items, lenient=lenient):
        raise ValueTypeError(f"{texts} is a list of mixed types")
    return items  # type: ignore[return-value]  # _is_valid has just checked that the list is uniform


def require_uniform(value: Typed, type_name: str | None) -> Typed:
    """Check a value that holds no text to expand any more against its declared type.

    Raises:
        ValueTypeError: The value has another type, or a list mixes types.
    """
    if type_name in (None, "yaml"):
        if _is_valid(value, lenient=False):
            return value
        raise ValueTypeError(f"{value} is a list of mixed types")
    scalar = SCALAR_TYPES[item_type(str(type_name))]
    items = value if is_list_type(type_name) and isinstance(value, list) else [value]
    if isinstance(value, list) != is_list_type(type_name) or not all(isinstance(item, scalar) for item in items):
        raise ValueTypeError(f"'{value}' is not of type {type_name}")
    return value
