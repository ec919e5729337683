"""Names, bounds and element types of message fields, as rosidl describes them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from rosidl_parser.definition import (
    AbstractNestedType,
    AbstractString,
    AbstractWString,
    Array,
    BasicType,
    BoundedSequence,
    NamespacedType,
)

INTEGER_LIMITS = {
    **{f"int{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": (0, 2**bits - 1) for bits in (8, 16, 32, 64)},
    "octet": (0, 255),
    "char": (0, 255),
}
"""Smallest and largest value of each integer type."""

FLOAT32_MAX = 3.4028234663852886e38
"""Largest finite value of a 32-bit float."""


def fields(message: Any) -> Iterator[tuple[str, Any]]:
    """Yield name and rosidl type of each field of `message`, in the order of its definition."""
    yield from zip(message.get_fields_and_field_types(), message.SLOT_TYPES, strict=True)


def message_name(message: Any) -> str:
    """Return the name a user would type, for example `geometry_msgs/msg/Point`."""
    cls = message if isinstance(message, type) else type(message)
    package, kind = cls.__module__.split(".")[:2]
    return f"{package}/{kind}/{cls.__name__}"


def type_name(field_type: Any) -> str:
    """Return the element or scalar type in words: `uint8`, `double`, `string`, `geometry_msgs/msg/Point`."""
    if isinstance(field_type, AbstractNestedType):
        return type_name(field_type.value_type)
    if isinstance(field_type, BasicType):
        return str(field_type.typename)
    if isinstance(field_type, AbstractString):
        return "string"
    if isinstance(field_type, AbstractWString):
        return "wstring"
    return "/".join(field_type.namespaced_name())


def full_type_name(field_type: Any) -> str:
    """Return the type with its length: `double[9]`, `uint8[<=4]`, `string[]`, `string<=10`."""
    if isinstance(field_type, Array):
        return f"{full_type_name(field_type.value_type)}[{field_type.size}]"
    if isinstance(field_type, BoundedSequence):
        return f"{full_type_name(field_type.value_type)}[<={field_type.maximum_size}]"
    if isinstance(field_type, AbstractNestedType):
        return f"{full_type_name(field_type.value_type)}[]"
    bound = string_bound(field_type)
    return type_name(field_type) + (f"<={bound}" if bound is not None else "")


def string_bound(field_type: Any) -> int | None:
    """Return the longest text a bounded string takes, or None for anything without a bound."""
    if isinstance(field_type, AbstractString | AbstractWString) and field_type.has_maximum_size():
        return int(field_type.maximum_size)
    return None


def message_class(field_type: NamespacedType) -> type[Any]:
    """Import the class of a field that is itself a message."""
    module = importlib.import_module(".".join(field_type.namespaces))
    cls: type[Any] = getattr(module, field_type.name)
    return cls
