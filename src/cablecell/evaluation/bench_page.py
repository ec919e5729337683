"""The page of a benchmark: what was run, its summary and its figures, one HTML file that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One figure of a page.

    Attributes:
        title: What it shows.
        svg: The drawing.
    """

    title: str
    svg: str


def write_page(path: Path, result: Mapping[str, Any], figures: Sequence[Figure]) -> None:
    """Write the page of a result as its JSON file holds it."""
    from jinja2 import Environment

    template = resources.files("cablecell.evaluation").joinpath("templates/bench.html.j2").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    path.write_text(environment.from_string(template).render(result=result, figures=figures), encoding="utf-8")
