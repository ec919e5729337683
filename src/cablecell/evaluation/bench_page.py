"""The page of a benchmark: what was run, its summary and its figures, one HTML file that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cablecell.evaluation.gallery import Failure


@dataclass(frozen=True)
class Figure:
    """One figure of a page.

    Attributes:
        title: What it shows.
        svg: The drawing.
    """

    title: str
    svg: str


@dataclass(frozen=True)
class Grid:
    """A table of a page.

    Attributes:
        title: What it shows.
        head: Names of the columns.
        lines: Cells as text; the first of a line is its name.
    """

    title: str
    head: Sequence[str]
    lines: Sequence[Sequence[str]]


def write_page(
    path: Path,
    result: Mapping[str, Any],
    figures: Sequence[Figure],
    grids: Sequence[Grid] = (),
    failures: Sequence[Failure] | None = None,
) -> None:
    """Write the page of a result as its JSON file holds it.

    Args:
        path: The file.
        result: Of the benchmark.
        figures: Drawings.
        grids: Tables, before the figures.
        failures: The gallery; None for a benchmark that has none.
    """
    from jinja2 import Environment

    template = resources.files("cablecell.evaluation").joinpath("templates/bench.html.j2").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    path.write_text(
        environment.from_string(template).render(result=result, figures=figures, grids=grids, failures=failures),
        encoding="utf-8",
    )
