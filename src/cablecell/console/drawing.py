"""Drawings of the pages as SVG; text takes the colour of the page, so that they look well in the dark too."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

_WIDTH = 640
_ROW, _BAR = 26, 16
_LEFT, _RIGHT = 190, 96
_STRIP = 34


@dataclass(frozen=True)
class Bar:
    """One bar.

    Attributes:
        label: Left of it.
        value: Its length.
        said: Right of it.
        colour: Of the bar.
    """

    label: str
    value: float
    said: str
    colour: str


@dataclass(frozen=True)
class Stretch:
    """One part of a strip.

    Attributes:
        begin: Where it begins, 0 to 1.
        end: Where it ends.
        colour: Of it.
        said: Shown where the mouse rests on it.
    """

    begin: float
    end: float
    colour: str
    said: str


def bars(rows: Sequence[Bar], *, mark: float | None = None, cumulative: bool = False) -> str:
    """Return horizontal bars.

    Args:
        rows: From above.
        mark: Value at which a line is drawn over all of them; None for none.
        cumulative: Draw beside each what share of the sum it and those above it are: a Pareto chart.
    """
    longest = max([*(row.value for row in rows), mark or 0.0], default=0.0) or 1.0
    room, height = _WIDTH - _LEFT - _RIGHT, _ROW * max(1, len(rows)) + 8
    total, so_far = sum(row.value for row in rows) or 1.0, 0.0
    parts, points = [], []
    for number, row in enumerate(rows):
        top, so_far = 4 + _ROW * number, so_far + row.value
        length = max(1.0, room * row.value / longest)
        middle = top + _ROW / 2
        parts.append(
            f'<text x="{_LEFT - 8}" y="{middle + 4:.0f}" text-anchor="end">{_cut(row.label)}</text>'
            f'<rect x="{_LEFT}" y="{middle - _BAR / 2:.0f}" width="{length:.1f}" height="{_BAR}" rx="2" '
            f'fill="{row.colour}"/>'
            f'<text x="{_WIDTH - 4}" y="{middle + 4:.0f}" text-anchor="end">{html.escape(row.said)}</text>'
        )
        points.append(f"{_LEFT + room * so_far / total:.1f},{middle:.0f}")
    if cumulative and len(points) > 1:
        line = " ".join(points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="currentColor" stroke-width="1.5" opacity="0.7"/>')
    if mark is not None:
        x = _LEFT + room * mark / longest
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height}" stroke="#c62828" stroke-dasharray="4 3"/>')
    return _svg(height, parts)


def strip(rows: Sequence[Stretch], begin: str, end: str) -> str:
    """Return one strip of time with what it begins and ends with written below."""
    parts = [
        f'<rect x="{_WIDTH * row.begin:.2f}" y="2" width="{max(0.4, _WIDTH * (row.end - row.begin)):.2f}" '
        f'height="{_BAR + 2}" fill="{row.colour}"><title>{html.escape(row.said)}</title></rect>'
        for row in rows
    ]
    parts.append(f'<text x="0" y="{_STRIP}">{html.escape(begin)}</text>')
    parts.append(f'<text x="{_WIDTH}" y="{_STRIP}" text-anchor="end">{html.escape(end)}</text>')
    return _svg(_STRIP + 6, parts)


def _cut(text: str, length: int = 27) -> str:
    return html.escape(text if len(text) <= length else text[: length - 1] + "…")


def _svg(height: int, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" width="100%" role="img" fill="currentColor" font-size="12">'
        f"{''.join(parts)}</svg>"
    )
