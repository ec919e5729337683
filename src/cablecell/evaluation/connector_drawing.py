"""Drawing of a connector file that a person can check against a datasheet: sections with dimensions, latch, sources.

Everything in it is in mm and N. matplotlib is imported when the first drawing is made.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cablecell.core.config.connector import Connector
from cablecell.core.config.connector.fit import rooms_of
from cablecell.evaluation.connector_facts import (
    NdPoints,
    entering_span,
    facts_of,
    latch_curves,
    mating_span,
    opening_span,
)
from cablecell.evaluation.connector_sections import Outline, cut_of, face, plane_of, section

_MM = 1.0e3
_NAMES = ("x", "y")
_ENTRANCE_M = 0.0
_BLUE, _RED, _GREY = "#2a6fdb", "#c0392b", "#777777"
_PAPER = {"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.85}
_SOURCE_CHARACTERS = 125

Span = tuple[float, float]


def save_drawing(connector: Connector, stem: Path, title: str) -> list[Path]:
    """Draw a connector and return the files: an SVG and a PNG.

    Args:
        connector: What to draw.
        stem: Files without their suffix; the folder is made when it is not there.
        title: Heading.
    """
    plt = _pyplot()
    figure = _draw(plt, connector, title)
    stem.parent.mkdir(parents=True, exist_ok=True)
    paths = [stem.with_name(f"{stem.name}.{suffix}") for suffix in ("svg", "png")]
    for path in paths:
        metadata = {"Date": None} if path.suffix == ".svg" else {}
        figure.savefig(path, dpi=110, metadata=metadata)
    plt.close(figure)
    return paths


def _draw(plt: Any, connector: Connector, title: str) -> Any:
    figure = plt.figure(figsize=(17.0, 13.0))
    figure.suptitle(title, fontsize=13, fontweight="bold", y=0.985)
    grid = figure.add_gridspec(
        5,
        4,
        height_ratios=(1.0, 1.0, 1.0, 1.0, 0.75),
        left=0.045,
        right=0.985,
        top=0.945,
        bottom=0.01,
        hspace=0.3,
        wspace=0.16,
    )
    seat = connector.port.stop_depth_m
    views = [(axis, depth) for axis in (0, 1) for depth in (seat, _ENTRANCE_M)]
    for row, (axis, depth) in enumerate(views):
        _draw_section(figure.add_subplot(grid[row, :2]), connector, axis, depth)
    cut, rim = cut_of(connector), connector.port.rim_depth_m + 1.0e-6
    _draw_face(figure.add_subplot(grid[0, 2]), connector, cut, seat, f"seated, cut {cut * _MM:.2f} mm deep")
    _draw_face(figure.add_subplot(grid[0, 3]), connector, rim, _ENTRANCE_M, "tip at the entrance, cut at the rim")
    for axis in (0, 1):
        _draw_mouth(figure.add_subplot(grid[1, 2 + axis]), connector, axis)
    _draw_latch(figure.add_subplot(grid[2, 2:]), connector)
    _write_facts(figure.add_subplot(grid[3, 2:]), connector)
    _write_sources(figure.add_subplot(grid[4, :]), connector)
    return figure


def _draw_section(ax: Any, connector: Connector, axis: int, depth_m: float) -> None:
    name, other = _NAMES[axis], _NAMES[1 - axis]
    plane = plane_of(connector, 1 - axis)
    outlines = section(connector, axis, plane, depth_m)
    is_seated = depth_m != _ENTRANCE_M
    z, u = _extent(outlines)
    front, end = (depth_m + value for value in entering_span(connector))
    if not is_seated:  # the whole plug is seen above: here what enters fills the view
        z, u = (1.2 * front * _MM, z[1]), _near(u, opening_span(connector, axis))
    step = _step(ax, z, u)
    _look_at(ax, (z[0] - 2.5 * step, z[1] + 2.5 * step), (u[0] - 2.2 * step, u[1] + 2.2 * step))
    _fill(ax, outlines)
    ax.axvline(0.0, color=_BLUE, linewidth=0.6, linestyle="-.")
    _along(ax, (0.0, connector.port.stop_depth_m * _MM), u[0] - step, "stop", below=True)
    if is_seated:
        _along(ax, (z[0], depth_m * _MM), u[1] + step, "plug")
    else:
        _along(ax, _mm((front, end)), u[1] + step, "enters")
        _name_parts(ax, outlines)
    _across(ax, _mm(mating_span(connector, axis)), z[0] - step if is_seated else 0.12 * front * _MM, "plug")
    opening = opening_span(connector, axis)
    if opening is not None:
        _across(ax, _mm(opening), z[1] + step, "port", right=True)
    if is_seated and connector.latch is not None:
        click = (connector.port.stop_depth_m - connector.latch.click_m) * _MM
        ax.axvline(click, color=_RED, linewidth=0.6, linestyle=":")
        top = (click, ax.get_ylim()[1])
        ax.annotate("clicks", top, xytext=(2, -8), textcoords="offset points", fontsize=7, color=_RED)
    at = "" if plane == 0.0 else f" at {other} = {plane * _MM:.2f} mm"
    what = "seated" if is_seated else "tip at the entrance"
    ax.set_title(f"section z-{name}{at}: {what}", fontsize=9, loc="left")
    ax.set_ylabel(f"{name}, mm", fontsize=7)


def _draw_face(ax: Any, connector: Connector, cut_m: float, depth_m: float, what: str) -> None:
    outlines = face(connector, cut_m, depth_m)
    x, y = (
        _near(span, opening_span(connector, axis))
        for axis, span in enumerate(_extent([outline for outline in outlines if outline.role != "behind"]))
    )
    step = _step(ax, x, y)
    _look_at(ax, (x[0] - 2.5 * step, x[1] + 2.5 * step), (y[0] - 2.5 * step, y[1] + 2.5 * step))
    _fill(ax, outlines)
    # Looking into the port, as the plug comes: x to the right, so y downwards.
    ax.invert_yaxis()
    _along(ax, _mm(mating_span(connector, 0)), y[1] + step, "plug", below=True)
    _across(ax, _mm(mating_span(connector, 1)), x[1] + step, "plug", right=True)
    for axis, at in ((0, y[0] - step), (1, x[0] - step)):
        opening = opening_span(connector, axis)
        if opening is not None:
            (_along if axis == 0 else _across)(ax, _mm(opening), at, "port")
    ax.set_title(f"face x-y: {what}", fontsize=9, loc="left")


def _draw_mouth(ax: Any, connector: Connector, axis: int) -> None:
    """Draw the mouth at one wall with the plug beside it, large enough to see lead-in and clearance."""
    wall_face, plane, height, words = _corner(connector, axis)
    gap = (connector.clearance.x_m, connector.clearance.y_m)[axis] * _MM
    rim = connector.port.rim_depth_m * _MM
    reach = max(1.6 * height, 5.0 * gap, 0.25)
    is_socket = connector.round_fit is not None and connector.round_fit.gender == "socket"
    mouth = rim + 2.0 * height if is_socket else rim
    depth = mouth / _MM if is_socket else connector.port.stop_depth_m
    _look_at(ax, (mouth - 1.0 * reach, mouth + 1.0 * reach), (wall_face - 0.8 * reach, wall_face + 1.2 * reach))
    _fill(ax, section(connector, axis, plane, depth), is_detail=True)
    at = mouth - 0.2 * reach - height if is_socket else mouth + height + 0.3 * reach
    for edge, outside in ((wall_face, 0.4 * reach), (wall_face - gap, -0.4 * reach)):
        arrow = {"arrowstyle": "->", "color": _RED, "linewidth": 0.9}
        ax.annotate("", (at, edge), xytext=(at, edge + outside), arrowprops=arrow)
    low = wall_face - gap - 0.45 * reach
    ax.text(at, low, f"clearance {gap:.3f}", fontsize=8, color=_RED, ha="center", va="top", bbox=_PAPER)
    ax.annotate(
        f"lead-in {height:.2f} x 45°" if height > 0.0 else "no lead-in",
        (mouth + (-0.5 if is_socket else 0.5) * height, wall_face + 0.5 * height),
        xytext=(0.97, 0.92),
        textcoords="axes fraction",
        fontsize=8,
        color=_BLUE,
        ha="right",
        va="top",
        bbox=_PAPER,
        arrowprops={"arrowstyle": "->", "color": _BLUE, "linewidth": 0.9},
    )
    ax.set_title(f"mouth, {_NAMES[axis]}: {words}", fontsize=9, loc="left")


def _corner(connector: Connector, axis: int) -> tuple[float, float, float, str]:
    """Return the inner face of a wall, mm, a plane that shows it, m, the height of its lead-in, mm, and words."""
    fit = connector.round_fit
    if fit is not None:
        words = f"chamfer of the pin {fit.tip_chamfer_m * _MM:.2f} mm"
        return fit.bore_radius_m * _MM, 0.0, fit.lead_in_m * _MM, words
    words = f"edges of the plug R {connector.plug.edge_radius_m * _MM:.2f} mm"
    parts = [part for part in connector.plug.parts if part.mates]
    _, room = rooms_of(parts, connector.port, axis)
    part = next(part for part in parts if part.name == room.part)
    wall = next(wall for wall in connector.port.walls if wall.name == room.wall)
    lows, highs = zip(part.span_m(1 - axis), (wall.x_m, wall.y_m)[1 - axis], strict=True)
    inner = f"-{_NAMES[axis]}"
    height = max((lead.height_m for lead in wall.lead_in if lead.side == inner), default=0.0)
    wall_face = part.span_m(axis)[1] + room.distance_m
    return wall_face * _MM, 0.5 * (max(lows) + min(highs)), height * _MM, words


def _draw_latch(ax: Any, connector: Connector) -> None:
    latch, budget = connector.latch, connector.forces.insertion_max_n
    ax.set_title("latch", fontsize=9, loc="left")
    if latch is None:
        ax.axis("off")
        ax.text(0.5, 0.5, "no latch", ha="center", va="center", fontsize=11, color=_GREY)
        return
    push, pull = latch_curves(latch)
    ax.axhline(budget, color=_GREY, linewidth=0.8, linestyle="--", label=f"largest insertion force {budget:g} N")
    ax.plot(push[:, 0] * _MM, push[:, 1], color=_BLUE, label=f"push: closes at {latch.engage_n:.1f} N")
    ax.plot(pull[:, 0] * _MM, pull[:, 1], color=_RED, label=f"pull: holds {latch.retention_n:.1f} N")
    ax.invert_xaxis()
    ax.set_xlabel("before the stop, mm", fontsize=7, labelpad=1)
    ax.set_ylabel("N", fontsize=7)
    ax.tick_params(labelsize=7)
    ax.set_ylim(0.0, 1.45 * max(latch.engage_n, latch.retention_n, budget))
    ax.legend(fontsize=8, loc="upper right", ncols=3, frameon=False)


def _write_facts(ax: Any, connector: Connector) -> None:
    ax.axis("off")
    rows = facts_of(connector)
    half = (len(rows) + 1) // 2
    for left, part in ((0.0, rows[:half]), (0.46, rows[half:])):
        for i, (name, value) in enumerate(part):
            y = 0.98 - i / half
            ax.text(left, y, name, fontsize=8, color="#555555", va="top", transform=ax.transAxes)
            ax.text(left + 0.16, y, value, fontsize=8, va="top", transform=ax.transAxes)


def _write_sources(ax: Any, connector: Connector) -> None:
    ax.axis("off")
    ax.set_title("sources of the numbers", fontsize=9, loc="left")
    blocks = [
        textwrap.wrap(f"{key}: {' '.join(text.split())}", _SOURCE_CHARACTERS, subsequent_indent="      ")
        for key, text in connector.sources.items()
    ]
    total = sum(len(block) for block in blocks)
    first: list[str] = []
    while blocks and len(first) + len(blocks[0]) <= (total + 1) // 2 + 1:
        first += blocks.pop(0)
    for left, lines in ((0.0, first), (0.5, [line for block in blocks for line in block])):
        ax.text(left, 0.98, "\n".join(lines), fontsize=7, va="top", transform=ax.transAxes, linespacing=1.3)


def _fill(ax: Any, outlines: Iterable[Outline], *, is_detail: bool = False) -> None:
    for outline in outlines:
        points = outline.points * _MM
        if outline.role == "behind":
            if not is_detail:
                ax.fill(points[:, 0], points[:, 1], fill=False, edgecolor="#999999", linestyle=":", linewidth=0.8)
            continue
        # Lighter than in the scene, so that hatch and lettering stay readable.
        share = {"port": 0.35, "floor": 0.35, "plug": 0.55, "void": 0.0}[outline.role]
        color = tuple(1.0 - share * (1.0 - value) for value in outline.rgb)
        hatch = {"port": "////", "floor": "xxxx"}.get(outline.role)
        ax.fill(
            points[:, 0],
            points[:, 1],
            facecolor=color,
            edgecolor="#333333",
            linewidth=0.8,
            hatch=hatch,
            hatch_linewidth=0.4,
        )


def _name_parts(ax: Any, outlines: Iterable[Outline]) -> None:
    """Write the names of the cut parts that are large enough to hold them."""
    (x0, x1), (y0, y1) = ax.get_xlim(), ax.get_ylim()
    cut = [outline for outline in outlines if outline.role == "plug"]
    boxes = [(outline.points.min(axis=0) * _MM, outline.points.max(axis=0) * _MM) for outline in cut]
    for i, (low, high) in enumerate(boxes):
        name = cut[i].name
        low, high = np.maximum(low, (x0, y0)), np.minimum(high, (x1, y1))
        middle = 0.5 * (low + high)
        is_covered = any(np.all(a < middle) and np.all(middle < b) for a, b in boxes[i + 1 :])
        is_wide = high[0] - low[0] > 0.014 * len(name) * (x1 - x0)
        if is_wide and high[1] - low[1] > 0.06 * (y1 - y0) and not is_covered:
            ax.text(middle[0], middle[1], name, fontsize=7, ha="center", va="center")


def _extent(outlines: Sequence[Outline]) -> tuple[Span, Span]:
    points: NdPoints = np.vstack([outline.points for outline in outlines]) * _MM
    (a0, b0), (a1, b1) = points.min(axis=0), points.max(axis=0)
    return (float(a0), float(a1)), (float(b0), float(b1))


def _look_at(ax: Any, across: Span, up: Span) -> None:
    """Show at least these spans, at the same scale on both axes."""
    box, (width, height) = ax.get_position(), ax.figure.get_size_inches()
    shape = (box.width * width) / (box.height * height)
    wide, high = across[1] - across[0], up[1] - up[0]
    wide, high = max(wide, high * shape), max(high, wide / shape)
    middle = (0.5 * (across[0] + across[1]), 0.5 * (up[0] + up[1]))
    ax.set_xlim(middle[0] - 0.5 * wide, middle[0] + 0.5 * wide)
    ax.set_ylim(middle[1] - 0.5 * high, middle[1] + 0.5 * high)
    ax.tick_params(labelsize=7)


def _step(ax: Any, across: Span, up: Span) -> float:
    """Return the distance of a dimension line from what it measures: the room its lettering needs, mm."""
    box, (width, height) = ax.get_position(), ax.figure.get_size_inches()
    per_inch = max((across[1] - across[0]) / (box.width * width), (up[1] - up[0]) / (box.height * height))
    return 0.14 * per_inch * 1.3


def _near(span: Span, opening: Span | None) -> Span:
    """Return a span without what is far from the port's opening: the rest of a large block."""
    if opening is None:
        return span
    low, high = _mm(opening)
    margin = 0.45 * (high - low) + 0.3
    return max(span[0], low - margin), min(span[1], high + margin)


def _mm(span: Span) -> Span:
    return span[0] * _MM, span[1] * _MM


def _along(ax: Any, span: Span, at: float, what: str, *, below: bool = False) -> None:
    _arrow(ax, (span[0], at), (span[1], at))
    text = f"{what} {_number(span[1] - span[0])}"
    offset, va = ((0, -2), "top") if below else ((0, 2), "bottom")
    ax.annotate(
        text,
        (0.5 * sum(span), at),
        xytext=offset,
        textcoords="offset points",
        fontsize=7,
        ha="center",
        va=va,
        bbox=_PAPER,
    )


def _across(ax: Any, span: Span, at: float, what: str, *, right: bool = False) -> None:
    _arrow(ax, (at, span[0]), (at, span[1]))
    text = f"{what} {_number(span[1] - span[0])}"
    offset, ha = ((2, 0), "left") if right else ((-2, 0), "right")
    ax.annotate(
        text,
        (at, 0.5 * sum(span)),
        xytext=offset,
        textcoords="offset points",
        fontsize=7,
        rotation=90,
        ha=ha,
        va="center",
        bbox=_PAPER,
    )


def _number(value_mm: float) -> str:
    return f"{value_mm:.3f}".removesuffix("0")


def _arrow(ax: Any, start: Span, end: Span) -> None:
    ax.annotate(
        "",
        start,
        xytext=end,
        arrowprops={"arrowstyle": "<->", "color": "#333333", "linewidth": 0.7, "shrinkA": 0, "shrinkB": 0},
    )


def _pyplot() -> Any:
    import matplotlib

    matplotlib.use("agg")
    # Names inside an SVG are random otherwise.
    matplotlib.rcParams["svg.hashsalt"] = "cablecell"
    # Lettering stays lettering: it can be searched, and the file is small.
    matplotlib.rcParams["svg.fonttype"] = "none"
    from matplotlib import pyplot

    return pyplot
