"""Node parameters as one frozen schema per node: defaults, units, bounds, descriptions in one place.

A schema is a pydantic model made of fields by `parameter`. `cablecell.ros.params` declares them on a node, checks
a candidate as a whole, and the tables in `docs/` are generated from the same fields.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import annotated_types
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cablecell.core.errors import ParameterError

S = TypeVar("S", bound="ParameterSchema")


class ParameterSchema(BaseModel):
    """Base of parameter schemas: immutable, unknown names refused, no NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


@dataclass(frozen=True)
class FieldInfo:
    """What a person or a ROS descriptor needs to know about one parameter.

    Attributes:
        name: Dotted name.
        default: Value when nothing is configured.
        unit: SI unit; empty for a pure number, a name or a switch.
        description: One sentence.
        minimum: Lowest allowed value, or None.
        maximum: Highest allowed value, or None.
        read_only: True when it cannot change after the start of the node.
    """

    name: str
    default: object
    unit: str
    description: str
    minimum: float | None
    maximum: float | None
    read_only: bool


def parameter(
    default: Any,
    description: str,
    *,
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    read_only: bool = False,
) -> Any:
    """Return a schema field; the type is taken from the annotation of the attribute.

    Args:
        default: Value when nothing is configured.
        description: One sentence for people.
        unit: SI unit, empty for a pure number, a name or a switch.
        minimum: Lowest allowed value, in `unit`.
        maximum: Highest allowed value, in `unit`.
        read_only: True when it cannot change after the start of the node.
    """
    return Field(
        default=default,
        description=description,
        ge=minimum,
        le=maximum,
        json_schema_extra={"unit": unit, "read_only": read_only},
    )


def describe(schema: type[ParameterSchema]) -> Iterator[FieldInfo]:
    """Yield every parameter of a schema in the order of definition."""
    for name, field in schema.model_fields.items():
        extra = cast("dict[str, Any]", field.json_schema_extra or {})
        bounds = {type(item): item for item in field.metadata}
        lowest, highest = bounds.get(annotated_types.Ge), bounds.get(annotated_types.Le)
        yield FieldInfo(
            name=name,
            default=field.default,
            unit=str(extra.get("unit", "")),
            description=field.description or "",
            minimum=None if lowest is None else float(lowest.ge),
            maximum=None if highest is None else float(highest.le),
            read_only=bool(extra.get("read_only", False)),
        )


def validate(schema: type[S], values: Mapping[str, object]) -> S:
    """Return the schema filled with `values`; parameters that are not given have their defaults.

    Raises:
        ParameterError: An unknown name, a wrong type, a value out of range, or fields that contradict each other
            (code 901). The message names the first offender with its value, limit and unit.
    """
    try:
        return schema(**values)
    except ValidationError as error:
        raise _explain(schema, error) from error


def _explain(schema: type[ParameterSchema], error: ValidationError) -> ParameterError:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    value = first["input"]
    if first["type"] == "extra_forbidden":
        valid = ", ".join(schema.model_fields)
        return ParameterError(f"unknown parameter '{name}'; valid are {valid}", quantity=name, value=value, limit=valid)
    info = next((item for item in describe(schema) if item.name == name), None)
    unit = info.unit if info else ""
    suffix = f" {unit}" if unit else ""
    context = first.get("ctx", {})
    if first["type"] in ("greater_than_equal", "less_than_equal"):
        limit = context["ge" if first["type"] == "greater_than_equal" else "le"]
        relation = "below the minimum" if first["type"] == "greater_than_equal" else "above the maximum"
        message = f"{name} = {value}{suffix} is {relation} of {limit}{suffix}"
        return ParameterError(message, quantity=name, value=value, limit=limit, unit=unit)
    if not name:  # a check across fields speaks for itself
        return ParameterError(first["msg"].removeprefix("Value error, "), value=value)
    message = f"{name} = {value!r} is refused: {first['msg'][0].lower()}{first['msg'][1:]}"
    return ParameterError(message, quantity=name, value=value, limit=first["msg"], unit=unit)
