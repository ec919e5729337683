"""What can be wrong with data meant for a message, or with the name of a type."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

_LEAST_LIKENESS = 0.6
_LIKENESS_SPREAD = 0.15
_MOST_SUGGESTIONS = 3


def suggestion(name: str, candidates: Iterable[str]) -> str:
    """Name the candidates that look most like `name`, as the end of a sentence.

    What counts is the part behind the last slash, whatever its capitals: `/joint_state` finds `/arm/joint_states`,
    and a namespace that all have in common makes nothing alike.

    Args:
        name: What was asked for.
        candidates: What exists.

    Returns:
        `"; did you mean 'a' or 'b'?"`, or an empty text when nothing is alike.
    """

    def tail(path: str) -> str:
        return path.lower().rsplit("/", 1)[-1]

    def likeness(candidate: str) -> tuple[float, float]:
        last = difflib.SequenceMatcher(None, tail(name), tail(candidate)).ratio()
        return last, difflib.SequenceMatcher(None, name, candidate).ratio()

    ranked = sorted(((likeness(candidate), candidate) for candidate in set(candidates)), reverse=True)
    if not tail(name) or not ranked:
        return ""
    least = max(_LEAST_LIKENESS, ranked[0][0][0] - _LIKENESS_SPREAD)
    close = [candidate for (last, _), candidate in ranked if last >= least][:_MOST_SUGGESTIONS]
    return f"; did you mean {' or '.join(map(repr, close))}?" if close else ""


class MessageDataError(ValueError):
    """Data does not fit the message it is meant for.

    Attributes:
        field: Path of the field from the message down, for example `header.stamp.sec` or `points[2]`; empty for the
            message itself, the bare name for a field that does not exist.
        value: The value given.
        expected: What the field takes, in words; empty for a field that does not exist.
        valid_fields: Names the message has; empty if the name is right and the value is not.
    """

    def __init__(
        self, text: str, field: str, value: object, expected: str = "", valid_fields: Sequence[str] = ()
    ) -> None:
        self.field = field
        self.value = value
        self.expected = expected
        self.valid_fields = tuple(valid_fields)
        super().__init__(text)

    @classmethod
    def misfit(cls, message_type: str, field: str, value: object, expected: str) -> MessageDataError:
        """Make the error for a value that the field at path `field` does not take."""
        place = f"field '{field}' of {message_type}" if field else message_type
        shown = repr(value)
        if len(shown) > 80:
            shown = shown[:77] + "..."
        return cls(f"{place}: {shown} does not fit, expected {expected}", field, value, expected)

    @classmethod
    def unknown_field(
        cls, message_type: str, field: str, value: object, valid_fields: Sequence[str]
    ) -> MessageDataError:
        """Make the error for a name that `message_type` does not have."""
        hint = suggestion(field, valid_fields) or ";"
        names = ", ".join(valid_fields) or "none"
        text = f"{message_type} has no field '{field}'{hint} valid fields: {names}"
        return cls(text, field, value, valid_fields=valid_fields)


class UnknownInterfaceError(LookupError):
    """No message, service or action type of this name is installed.

    Attributes:
        name: The name asked for.
    """

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        super().__init__(reason)
