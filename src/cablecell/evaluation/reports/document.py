"""A report as lines, tables and figures, and the two forms it is written in."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib import resources
from pathlib import Path
from typing import Any

from cablecell.core.errors import ConfigurationError

_A4_IN = (8.27, 11.69)
_MARGIN_IN = 0.8
_LINE_IN = 0.19
_SIZE_PT = 9.0
_CHARACTERS = 96
"""How many characters of this size go into a line of the page."""


class ReportFileError(ConfigurationError):
    """A report cannot be written: its name ends in neither .html nor .pdf, or the file cannot be made."""

    code = 918


@dataclass(frozen=True)
class ReportTable:
    """A table of a report.

    Attributes:
        title: What it shows.
        head: Names of the columns; all empty for none.
        rows: Cells as text.
        texts: Columns, from 0, that are read from the left; the first always is.
    """

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    texts: frozenset[int] = frozenset()


@dataclass(frozen=True)
class ReportFigure:
    """A drawing of a report.

    Attributes:
        title: What it shows.
        draw: Makes the matplotlib figure, anew at every call.
    """

    title: str
    draw: Callable[[], Any]


@dataclass(frozen=True)
class ReportDocument:
    """What a report says.

    Attributes:
        title: Its title.
        lines: Sentences below the title.
        tables: Tables.
        figures: Drawings.
        verdict: One or two words that matter most; empty for none.
        is_bad: Whether the verdict is a bad one.
    """

    title: str
    lines: Sequence[str]
    tables: Sequence[ReportTable] = ()
    figures: Sequence[ReportFigure] = ()
    verdict: str = ""
    is_bad: bool = False


def write_document(path: Path, document: ReportDocument) -> None:
    """Write a report as HTML or PDF, by the end of the file's name.

    Raises:
        ReportFileError: It is neither, or cannot be written (code 918).
    """
    kind = path.suffix.lower()
    if kind not in (".html", ".pdf"):
        raise ReportFileError(
            f"a report is an .html or a .pdf file, not '{path.name}'", quantity="file", value=path, limit=".html, .pdf"
        )
    try:
        if kind == ".pdf":
            _write_pdf(path, document)
        else:
            path.write_text(to_html(document), encoding="utf-8")
    except OSError as error:
        raise ReportFileError(f"{path} cannot be written: {error.strerror}", quantity="file", value=path) from error


def to_html(document: ReportDocument) -> str:
    """Return a report as one page that needs nothing beside it."""
    from jinja2 import Environment
    from markupsafe import Markup

    template = resources.files("cablecell.evaluation").joinpath("templates/document.html.j2")
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    drawings = []
    for figure in document.figures:
        text = io.StringIO()
        figure.draw().savefig(text, format="svg", metadata={"Date": None})
        drawings.append((figure.title, Markup(text.getvalue()[text.getvalue().index("<svg") :])))
    return environment.from_string(template.read_text(encoding="utf-8")).render(document=document, figures=drawings)


def number(value: float | None) -> str:
    """Return a number for a cell; a dash where there is none."""
    return "-" if value is None or math.isnan(value) else f"{value:.6g}"


def clock(stamp_ns: int) -> str:
    """Return a time, ns since the epoch, in UTC."""
    return datetime.fromtimestamp(1e-9 * stamp_ns, tz=timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


def _write_pdf(path: Path, document: ReportDocument) -> None:
    from matplotlib.backends.backend_pdf import PdfPages
    from matplotlib.figure import Figure

    per_page = int((_A4_IN[1] - 2 * _MARGIN_IN) / _LINE_IN)
    lines = list(_text_lines(document))
    with PdfPages(path, metadata={"Title": document.title}) as pages:
        for begin in range(0, len(lines), per_page):
            page = Figure(figsize=_A4_IN)
            for row, (text, is_bold) in enumerate(lines[begin : begin + per_page]):
                page.text(
                    _MARGIN_IN / _A4_IN[0],
                    1.0 - (_MARGIN_IN + _LINE_IN * row) / _A4_IN[1],
                    text,
                    family="monospace",
                    size=_SIZE_PT,
                    weight="bold" if is_bold else "normal",
                    parse_math=False,
                )
            pages.savefig(page)
        for figure in document.figures:
            pages.savefig(figure.draw())


def _text_lines(document: ReportDocument) -> Iterator[tuple[str, bool]]:
    """Yield the lines of a page of text, and whether each is bold."""
    yield document.title, True
    if document.verdict:
        yield document.verdict, True
    for line in document.lines:
        for part in textwrap.wrap(line, _CHARACTERS):
            yield part, False
    for table in document.tables:
        yield "", False
        yield table.title, True
        rows = [list(table.head), *([list(row) for row in table.rows] or [["none"]])]
        width = [max((len(row[i]) for row in rows if i < len(row)), default=0) for i in range(len(table.head))]
        for index, row in enumerate(rows):
            if not any(row):
                continue
            cells = [
                cell.ljust(width[i]) if i == 0 or i in table.texts else cell.rjust(width[i])
                for i, cell in enumerate(row)
            ]
            wrapped = textwrap.wrap(
                "  ".join(cells).rstrip(), _CHARACTERS, drop_whitespace=False, subsequent_indent="    "
            )
            for part in wrapped or [""]:
                yield part, index == 0
