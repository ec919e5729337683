"""Configuration documents: parsed YAML checked against a schema, with one line per mistake.

Reading the file is the caller's work, so that this stays free of input and output; the caller passes the name of the
file so that the line can say where the mistake is.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from cablecell.core.errors import ConfigurationError

S = TypeVar("S", bound="DocumentSchema")

_RELATIONS = {
    "greater_than_equal": ("ge", "below the minimum of"),
    "greater_than": ("gt", "not above"),
    "less_than_equal": ("le", "above the maximum of"),
    "less_than": ("lt", "not below"),
}

_UNITS = {
    "_kg_m2": "kg·m²",
    "_n_per_m": "N/m",
    "_nm_per_rad": "N·m/rad",
    "_rad": "rad",
    "_hz": "Hz",
    "_kg": "kg",
    "_nm": "N·m",
    "_n": "N",
    "_m": "m",
    "_s": "s",
    "translation": "m",
    "roll": "rad",
    "pitch": "rad",
    "yaw": "rad",
    "time_limit": "s",
}
"""Unit by the end of a key; a longer end comes before one it ends with."""


class DocumentError(ConfigurationError):
    """A configuration file has an unknown key, a missing key, a wrong type or a value outside its range."""

    code = 910


class DocumentSchema(BaseModel):
    """Base of document schemas: immutable, unknown keys refused, no NaN, infinity or silent conversion."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def validate_document(schema: type[S], data: object, source: str) -> S:
    """Return `data` as `schema`.

    Args:
        schema: What the document must be.
        data: The parsed document.
        source: Name of the file, for the message.

    Raises:
        DocumentError: The first mistake, as "file: key = value …limit" (code 910).
    """
    if not isinstance(data, Mapping):
        raise DocumentError(f"{source}: a mapping of keys is expected, not {type(data).__name__}", value=data)
    try:
        return schema.model_validate(data)
    except ValidationError as error:
        raise _explain(schema, error, source) from error


def _explain(schema: type[DocumentSchema], error: ValidationError, source: str) -> DocumentError:
    found = error.errors()
    # A misspelled key is also a missing one: what is written is the better hint.
    first = next((item for item in found if item["type"] == "extra_forbidden"), found[0])
    key, _ = _follow(schema, first["loc"])
    value, kind = first["input"], first["type"]
    if kind == "extra_forbidden":
        valid = sorted(_follow(schema, first["loc"][:-1])[1].model_fields)
        close = difflib.get_close_matches(str(first["loc"][-1]), valid, n=1)
        hint = f"; did you mean '{close[0]}'?" if close else ""
        message = f"{source}: unknown key '{key}' = {_short(value)}{hint} valid are {', '.join(valid)}"
        return DocumentError(message.replace("? valid", "? Valid"), quantity=key, value=value, limit=", ".join(valid))
    if kind == "missing":
        return DocumentError(f"{source}: key '{key}' is missing", quantity=key, limit="required")
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        tag = f"{key}.{first['ctx']['discriminator'].strip(chr(39))}"
        if kind == "union_tag_not_found":
            return DocumentError(f"{source}: key '{tag}' is missing", quantity=tag, limit="required")
        wrong, valid_tags = first["ctx"]["tag"], first["ctx"]["expected_tags"]
        message = f"{source}: {tag} = '{wrong}' is unknown; valid are {valid_tags}"
        return DocumentError(message, quantity=tag, value=wrong, limit=valid_tags)
    if kind in _RELATIONS:
        name, relation = _RELATIONS[kind]
        limit = first["ctx"][name]
        unit = unit_of(key)
        suffix = f" {unit}" if unit else ""
        message = f"{source}: {key} = {_short(value)}{suffix} is {relation} {limit}{suffix}"
        return DocumentError(message, quantity=key, value=value, limit=limit, unit=unit)
    if kind == "value_error":  # a check across fields speaks for itself
        where = f"{key}: " if key else ""
        text = first["msg"].removeprefix("Value error, ")
        return DocumentError(f"{source}: {where}{text}", quantity=key, value=_short(value))
    text = first["msg"][0].lower() + first["msg"][1:]
    if kind == "float_type" and isinstance(value, str):
        text = "not a number; YAML needs a dot and a signed exponent, as in 1.0e-3"
    return DocumentError(f"{source}: {key} = {_short(value)} is refused: {text}", quantity=key, value=value, limit=text)


def unit_of(key: str) -> str:
    """Return the SI unit that the suffix of a key names, or nothing."""
    last = next((part for part in reversed(key.split(".")) if not part.isdigit()), "")
    return next((unit for suffix, unit in _UNITS.items() if last.endswith(suffix)), "")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _follow(schema: type[BaseModel], location: Iterable[int | str]) -> tuple[str, type[BaseModel]]:
    """Return the key that a location is in the document, and the model it ends in.

    pydantic puts the tag of a tagged union into the location, where the document has nothing. Where the location cannot
    be followed, the last model found is returned.
    """
    candidates: list[type[BaseModel]] = [schema]
    key: list[str] = []
    for part in location:
        tagged = [model for model in candidates if len(candidates) > 1 and _has_tag(model, part)]
        if tagged:
            candidates = tagged
            continue
        key.append(str(part))
        # An index or a free name inside a collection is no field: the model of its items is already current.
        field = candidates[0].model_fields.get(str(part))
        candidates = (_models(field.annotation) if field else []) or candidates
    return ".".join(key), candidates[0]


def _has_tag(model: type[BaseModel], tag: int | str) -> bool:
    return any(tag in get_args(field.annotation) for field in model.model_fields.values())


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for item in get_args(annotation) for model in _models(item)]
