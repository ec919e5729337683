"""From messages to plain data, YAML and comma-separated values, in the form of `ros2 topic echo`."""

from __future__ import annotations

import array
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import yaml
from rosidl_parser.definition import AbstractNestedType, Array, BoundedSequence

from cablecell.ros.message_data.field_types import fields, type_name

_SEQUENCES = (list, tuple, array.array, np.ndarray)


# Line ends of unicode, which single quotes would turn into spaces when read back.
_UNUSUAL_LINE_ENDS = ("\x85", "\u2028", "\u2029")


class _MessageDumper(yaml.SafeDumper):
    """Dumper that never writes anchors: two equal covariances are printed twice, not once and a reference."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = '"' if any(end in text for end in _UNUSUAL_LINE_ENDS) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_MessageDumper.add_representer(str, _represent_text)


@dataclass(frozen=True)
class Shortening:
    """What to leave out of a message when it is shown.

    Attributes:
        max_length: Longest array, text or byte string kept; the rest becomes `...`. None keeps everything.
        arrays: False replaces every array by a note of its type and length.
        strings: False replaces every text by a note of its length.
    """

    max_length: int | None = None
    arrays: bool = True
    strings: bool = True


_WHOLE = Shortening()


def message_to_data(message: Any, shorten: Shortening = _WHOLE) -> dict[str, Any]:
    """Turn a message into dictionaries, lists, texts and numbers.

    Bytes become the text of the same character codes. The order of the keys is that of the definition.

    Args:
        message: Any ROS message.
        shorten: What to leave out.

    Returns:
        Data that `fill_message` accepts again if nothing was left out.
    """
    return {name: value_to_data(getattr(message, name), shorten, field_type) for name, field_type in fields(message)}


def value_to_data(value: Any, shorten: Shortening = _WHOLE, field_type: Any = None) -> Any:
    """Turn the value of one field into plain data; its rosidl type is needed only to leave out arrays."""
    if isinstance(value, bytes):
        return _cut(value.decode("latin-1"), shorten)
    if isinstance(value, str):
        return _cut(value, shorten) if shorten.strings else f"<string length: <{len(value)}>>"
    if isinstance(value, _SEQUENCES):
        if not shorten.arrays and field_type is not None:
            return _array_note(len(value), field_type)
        kept: Any = value if shorten.max_length is None else value[: shorten.max_length]
        if isinstance(kept, np.ndarray | array.array):
            items = kept.tolist()
        else:
            items = [value_to_data(item, shorten) for item in kept]
        return [*items, "..."] if len(kept) < len(value) else items
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, bool | int | float):
        return value
    return message_to_data(value, shorten)


def data_to_yaml(data: Any, *, flow: bool = False) -> str:
    """Write plain data as YAML: keys in their order, lines of any length, unicode as it is."""
    return yaml.dump(
        data, Dumper=_MessageDumper, allow_unicode=True, width=sys.maxsize, default_flow_style=flow, sort_keys=False
    )


def message_to_yaml(message: Any, shorten: Shortening = _WHOLE, *, flow: bool = False) -> str:
    """Write a message as YAML, ending with a newline; `flow` puts everything on one line in braces."""
    return data_to_yaml(message_to_data(message, shorten), flow=flow)


def message_to_csv(message: Any, shorten: Shortening = _WHOLE) -> str:
    """Write every value of a message, nested ones included, on one line separated by commas."""
    return ",".join(str(value) for value in _leaves(message_to_data(message, shorten)))


def _leaves(data: Any) -> list[Any]:
    """Flatten nested data to its scalars."""
    if isinstance(data, dict):
        return [leaf for value in data.values() for leaf in _leaves(value)]
    if isinstance(data, list):
        # An empty array keeps its place, so that columns do not move from line to line.
        return [leaf for value in data for leaf in _leaves(value)] or [""]
    return [data]


def _cut(text: str, shorten: Shortening) -> str:
    if shorten.max_length is None or len(text) <= shorten.max_length:
        return text
    return text[: shorten.max_length] + "..."


def _array_note(length: int, field_type: AbstractNestedType) -> str:
    """Say type and length of an array that is not shown."""
    name = type_name(field_type)
    if isinstance(field_type, Array):
        return f"<array type: {name}[{field_type.size}]>"
    if isinstance(field_type, BoundedSequence):
        return f"<sequence type: {name}[{field_type.maximum_size}], length: {length}>"
    return f"<sequence type: {name}, length: {length}>"
