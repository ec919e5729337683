"""From what a person typed to a message: every value checked against its field before anything is set."""

from __future__ import annotations

import array
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import yaml
from rosidl_parser.definition import (
    AbstractNestedType,
    AbstractString,
    AbstractWString,
    Array,
    BoundedSequence,
    NamespacedType,
)

from cablecell.ros.message_data.errors import MessageDataError
from cablecell.ros.message_data.field_types import (
    FLOAT32_MAX,
    INTEGER_LIMITS,
    fields,
    full_type_name,
    message_class,
    message_name,
    string_bound,
    type_name,
)

_TIME = "builtin_interfaces/msg/Time"
_HEADER = "std_msgs/msg/Header"


def message_from_yaml(cls: type[Any], text: str, *, allow_now: bool = False) -> tuple[Any, list[Any]]:
    """Make a message from YAML text.

    Args:
        cls: Class of the message.
        text: YAML mapping from field names to values; empty text gives the default message.
        allow_now: As in `fill_message`.

    Returns:
        The message, and its stamps to set, as `fill_message` returns them.

    Raises:
        MessageDataError: The text is not YAML, or a value does not fit.
    """
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise MessageDataError.misfit(message_name(cls), "", text, f"YAML ({reason})") from error
    message = cls()
    return message, fill_message(message, {} if data is None else data, allow_now=allow_now)


def fill_message(message: Any, data: Any, *, allow_now: bool = False) -> list[Any]:
    """Set the fields of `message` that `data` names; the others keep their values.

    Numbers written as text are read (`1e3` is text in YAML), a number for a text field becomes its text; anything else
    has to be of the type of the field. Integers have to fit, arrays to be of the right length, texts within their
    bound; `.nan` and `.inf` are values of any float.

    Args:
        message: The message to fill. On an error it may have been filled in part: drop it.
        data: Mapping from field names to values, nested like the message.
        allow_now: Accept `now` for a time and `auto` for a header, meaning "the time when it is sent".

    Returns:
        The times inside the message that were given as `now` or `auto`, to be set with `stamp_now` before sending.

    Raises:
        MessageDataError: A name or value does not fit; it says which, and what would.
    """
    stamps: list[Any] = []
    _Filler(message_name(message), stamps, allow_now).fill(message, data, "")
    return stamps


def stamp_now(stamps: Sequence[Any], now: Any) -> None:
    """Set every time that `fill_message` returned to `now`, a `builtin_interfaces/msg/Time`."""
    for stamp in stamps:
        stamp.sec, stamp.nanosec = now.sec, now.nanosec


class _Filler:
    """Walks message and data together and knows where it is, for the errors."""

    def __init__(self, root: str, stamps: list[Any], allow_now: bool) -> None:
        self._root = root
        self._stamps = stamps
        self._allow_now = allow_now

    def fill(self, message: Any, data: Any, path: str) -> None:
        """Set the fields of one message, which is found at `path` below the root."""
        types = dict(fields(message))
        if not isinstance(data, Mapping):
            expected = f"a mapping of the fields {{{', '.join(types)}}}"
            raise MessageDataError.misfit(self._root, path, data, expected)
        for name, value in data.items():
            where = f"{path}.{name}" if path else str(name)
            if name not in types:
                owner = message_name(message)
                raise MessageDataError.unknown_field(owner, str(name), value, list(types))
            field_type = types[name]
            if isinstance(field_type, NamespacedType):
                self._fill_nested(getattr(message, name), value, field_type, where)
            else:
                setattr(message, name, self._convert(value, field_type, where))

    def _convert(self, value: Any, field_type: Any, path: str) -> Any:
        if isinstance(field_type, AbstractNestedType):
            return self._convert_array(value, field_type, path)
        if isinstance(field_type, NamespacedType):
            message = message_class(field_type)()
            self._fill_nested(message, value, field_type, path)
            return message
        if isinstance(field_type, AbstractString | AbstractWString):
            return self._convert_text(value, field_type, path)
        return self._convert_number(value, str(field_type.typename), path)

    def _fill_nested(self, message: Any, value: Any, field_type: NamespacedType, path: str) -> None:
        name = type_name(field_type)
        if self._allow_now and name == _TIME and value == "now":
            self._stamps.append(message)
        elif self._allow_now and name == _HEADER and value == "auto":
            self._stamps.append(message.stamp)
        else:
            self.fill(message, value, path)

    def _convert_array(self, value: Any, field_type: Any, path: str) -> Any:
        element = field_type.value_type
        if isinstance(value, bytes):
            value = list(value)
        if not isinstance(value, list | tuple | array.array | np.ndarray):
            raise self._misfit(path, value, field_type, "a list")
        if isinstance(field_type, Array) and len(value) != field_type.size:
            raise self._misfit(path, value, field_type, f"{field_type.size} values, got {len(value)}")
        if isinstance(field_type, BoundedSequence) and len(value) > field_type.maximum_size:
            raise self._misfit(path, value, field_type, f"at most {field_type.maximum_size} values, got {len(value)}")
        return [self._convert(item, element, f"{path}[{index}]") for index, item in enumerate(value)]

    def _convert_text(self, value: Any, field_type: Any, path: str) -> str:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self._misfit(path, value, field_type, "text; put it in quotes")
        text = str(value)
        bound = string_bound(field_type)
        if bound is not None and len(text) > bound:
            raise self._misfit(path, value, field_type, f"at most {bound} characters, got {len(text)}")
        return text

    def _convert_number(self, value: Any, name: str, path: str) -> Any:
        if isinstance(value, np.generic):
            value = value.item()
        if name == "boolean":
            if isinstance(value, bool) or (isinstance(value, int) and value in (0, 1)):
                return bool(value)
            raise self._misfit(path, value, name, "true or false")
        if name == "wchar":
            if isinstance(value, str) and len(value) == 1:
                return value
            raise self._misfit(path, value, name, "one character")
        if name in INTEGER_LIMITS:
            return self._convert_integer(value, name, path)
        return self._convert_float(value, name, path)

    def _convert_integer(self, value: Any, name: str, path: str) -> int | bytes:
        low, high = INTEGER_LIMITS[name]
        number: int | None = None
        if name == "octet" and isinstance(value, bytes) and len(value) == 1:
            return value
        if name == "octet" and isinstance(value, str) and len(value) == 1 and ord(value) <= high:
            return value.encode("latin-1")
        if isinstance(value, bool):
            number = None
        elif isinstance(value, int):
            number = value
        elif isinstance(value, float) and value.is_integer():
            number = int(value)
        elif isinstance(value, str):
            try:
                number = int(value, 0)
            except ValueError:
                number = None
        if number is None or not low <= number <= high:
            raise self._misfit(path, value, name, f"an integer from {low} to {high}")
        return bytes([number]) if name == "octet" else number

    def _convert_float(self, value: Any, name: str, path: str) -> float:
        number: float | None = None
        if not isinstance(value, bool) and isinstance(value, int | float | str):
            try:
                number = float(value)
            except (ValueError, OverflowError):
                number = None
        if number is None:
            raise self._misfit(path, value, name, "a number")
        if name == "float" and math.isfinite(number) and abs(number) > FLOAT32_MAX:
            raise self._misfit(path, value, name, f"a number up to ±{FLOAT32_MAX:.7g}")
        return number

    def _misfit(self, path: str, value: Any, field_type: Any, expected: str) -> MessageDataError:
        shown = field_type if isinstance(field_type, str) else full_type_name(field_type)
        return MessageDataError.misfit(self._root, path, value, f"{shown}: {expected}")
