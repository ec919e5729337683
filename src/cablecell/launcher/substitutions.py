"""Parses `$(name arg arg)` templates: the grammar of the ROS 2 launch frontends.

Text runs up to the next `$(` that has no backslash in front. Inside a substitution exactly one space separates
arguments; an argument is a run of characters and nested substitutions, or one quoted template ('…' or "…", whole
argument, may hold spaces and nested substitutions). Inside a quoted template a nested substitution takes plain
arguments only: the other kind of quote is an ordinary character there. A backslash makes the next character plain.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cablecell.launcher.errors import SubstitutionError

if TYPE_CHECKING:
    from cablecell.launcher.context import Context

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_DOLLAR = r"\$(?!\()|(?<=\\)\$"
_TEXT = re.compile(rf"(?:[^$]|{_DOLLAR})+")
_PLAIN_ARGUMENT = re.compile(rf"""(?:\\["']|\\|[^ '\\"$()]|(?<=\\)[()]|{_DOLLAR})+""")
_QUOTED_TEXT = {quote: re.compile(rf"(?:\\{quote}|\\|[^{quote}\\$]|{_DOLLAR})+") for quote in "'\""}
_QUOTED_ARGUMENT = {quote: re.compile(rf"(?:\\{quote}|\\|[^ {quote}\\$()]|(?<=\\)[()]|{_DOLLAR})+") for quote in "'\""}
_ESCAPE = re.compile(r"\\(.)")


@dataclass(frozen=True)
class Call:
    """One substitution: its name and its arguments, each a template of its own."""

    name: str
    arguments: tuple[Template, ...]

    def expand(self, context: Context) -> str:
        """Evaluate the arguments and the substitution."""
        # Here, because the functions take templates as their arguments: the two modules need each other.
        from cablecell.launcher.substitution_functions import evaluate

        return evaluate(self, context)


@dataclass(frozen=True)
class Template:
    """A text with substitutions; `parts` are plain texts (escapes removed) and calls, in order."""

    parts: tuple[str | Call, ...]

    @property
    def literal(self) -> str | None:
        """The text when there is nothing to expand, else None."""
        if len(self.parts) == 1 and isinstance(self.parts[0], str):
            return self.parts[0]
        return None if self.parts else ""

    def expand(self, context: Context) -> str:
        """Return the text with every substitution evaluated, left to right."""
        return "".join(part if isinstance(part, str) else part.expand(context) for part in self.parts)


def unescape(text: str) -> str:
    """Remove the backslash of every escaped character."""
    return _ESCAPE.sub(r"\1", text)


def parse_template(text: str) -> Template:
    """Parse an attribute text.

    Raises:
        SubstitutionError: The text has a malformed or unknown substitution, or a wrong number of arguments.
    """
    if not text:
        return Template(("",))
    return _Parser(text).template()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def template(self) -> Template:
        parts: list[str | Call] = []
        while self.position < len(self.text):
            parts.append(self._text(_TEXT) or self._call(None))
        return Template(tuple(parts))

    def _text(self, pattern: re.Pattern[str]) -> str | None:
        match = pattern.match(self.text, self.position)
        if match is None:
            return None
        self.position = match.end()
        return unescape(match.group())

    def _call(self, quote: str | None) -> Call:
        """Parse one `$(…)` at the current position, inside quotes of the given kind or outside any."""
        start = self.position
        self.position += 2
        name = _IDENTIFIER.match(self.text, self.position)
        if name is None:
            raise self._error("expected the name of a substitution after '$('")
        self.position = name.end()
        arguments: list[Template] = []
        while self._peek() == " ":
            self.position += 1
            arguments.append(self._argument(quote))
        if self._peek() != ")":
            raise self._error(
                f"expected ')' or one space and an argument in the substitution that starts with"
                f" '{self.text[start : name.end()]}'"
            )
        self.position += 1
        call = Call(name.group(), tuple(arguments))
        from cablecell.launcher.substitution_functions import check

        check(call)
        return call

    def _argument(self, quote: str | None) -> Template:
        opening = self._peek()
        if quote is None and opening in ("'", '"'):
            return self._quoted(opening)
        pattern = _PLAIN_ARGUMENT if quote is None else _QUOTED_ARGUMENT[quote]
        parts: list[str | Call] = []
        while True:
            if self.text.startswith("$(", self.position) and not self._escaped():
                parts.append(self._call(quote))
                continue
            piece = self._text(pattern)
            if piece is None:
                break
            parts.append(piece)
        if not parts:
            raise self._error("expected an argument (one space between arguments, none before ')')")
        return Template(tuple(parts))

    def _quoted(self, quote: str) -> Template:
        start = self.position
        self.position += 1
        parts: list[str | Call] = []
        while self._peek() != quote:
            if self.position >= len(self.text):
                self.position = start
                raise self._error(f"the quote {quote} is never closed")
            piece = self._text(_QUOTED_TEXT[quote])
            parts.append(piece if piece is not None else self._call(quote))
        self.position += 1
        return Template(tuple(parts))

    def _peek(self) -> str:
        return self.text[self.position : self.position + 1]

    def _escaped(self) -> bool:
        return self.position > 0 and self.text[self.position - 1] == "\\"

    def _error(self, what: str) -> SubstitutionError:
        return SubstitutionError(f"{what}, at character {self.position + 1} of '{self.text}'")
