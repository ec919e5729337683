"""Generate the tables of `docs/connectors.md` from `config/connectors`; the prose around them is written by hand.

`python -m cablecell.evaluation.connector_page` rewrites the file; a test compares it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cablecell.configuration import config_folder, load_connectors
from cablecell.core.config.connector import Connector
from cablecell.evaluation.connector_facts import clearance_of, mating_span, opening_span

BEGIN, END = "<!-- generated: begin -->", "<!-- generated: end -->"
PAGE = Path(__file__).resolve().parents[3] / "docs" / "connectors.md"

_MM = 1.0e3


def render() -> str:
    """Return the generated part of the page."""
    connectors = load_connectors(config_folder() / "connectors")
    rows = [_SIZES, _FORCES]
    tables = [_table(columns, connectors) for columns in rows]
    sources = ["### Where the numbers come from\n"]
    for name, connector in connectors.items():
        sources.append(f"**`{name}`**\n")
        sources += [f"- `{key}`: {' '.join(text.split())}" for key, text in connector.sources.items()]
        sources.append("")
    parts = ["### Sizes, mm\n", tables[0], "### Forces, N\n", tables[1], *sources]
    return "\n".join(parts)


def insert(page: str, generated: str) -> str:
    """Return the page with its generated part replaced."""
    before, rest = page.split(BEGIN, 1)
    _, after = rest.split(END, 1)
    return f"{before}{BEGIN}\n\n{generated}\n{END}{after}"


def _table(columns: dict[str, Callable[[Connector], str]], connectors: dict[str, Connector]) -> str:
    lines = [f"| {' | '.join(['connector', *columns])} |", f"|{'---|' * (len(columns) + 1)}"]
    for name, connector in connectors.items():
        lines.append(f"| {' | '.join([f'`{name}`', *(cell(connector) for cell in columns.values())])} |")
    return "\n".join([*lines, ""])


def _plug(connector: Connector) -> str:
    return _section([mating_span(connector, axis) for axis in (0, 1)], is_round=connector.round_fit is not None)


def _port(connector: Connector) -> str:
    return _section([opening_span(connector, axis) for axis in (0, 1)], is_round=connector.round_fit is not None)


def _section(spans: list[tuple[float, float] | None], *, is_round: bool) -> str:
    sizes = ["open" if span is None else f"{(span[1] - span[0]) * _MM:.2f}" for span in spans]
    return f"Ø {sizes[0]}" if is_round else " x ".join(sizes)


def _lead_in(connector: Connector) -> str:
    fit = connector.round_fit
    if fit is not None:
        return f"{fit.lead_in_m * _MM:g} + {fit.tip_chamfer_m * _MM:g}"
    heights = sorted({lead.height_m * _MM for wall in connector.port.walls for lead in wall.lead_in})
    return " to ".join(dict.fromkeys(f"{height:g}" for height in (heights[0], heights[-1]))) if heights else "none"


def _materials(connector: Connector) -> str:
    plug, port = connector.plug.material, connector.port.material
    return plug if plug == port else f"{plug} / {port}"


def _latch(connector: Connector) -> str:
    latch = connector.latch
    return "none" if latch is None else f"{latch.model}: closes {latch.engage_n:.0f}, holds {latch.retention_n:.0f}"


_SIZES: dict[str, Callable[[Connector], str]] = {
    "plug": _plug,
    "port": _port,
    "clearance a side": clearance_of,
    "lead-in": _lead_in,
    "stop": lambda connector: f"{connector.port.stop_depth_m * _MM:.2f} ± {connector.port.seat_tolerance_m * _MM:.1f}",
    "hold": lambda connector: "; ".join(
        f"{surface.name} {surface.width_m * _MM:.1f}" for surface in connector.grasp.surfaces
    ),
    "material, plug / port": _materials,
}

_FORCES: dict[str, Callable[[Connector], str]] = {
    "friction": lambda connector: f"{connector.friction:g}",
    "insertion at most": lambda connector: f"{connector.forces.insertion_max_n:g}",
    "across at most": lambda connector: f"{connector.forces.lateral_max_n:g}",
    "damage from": lambda connector: f"{connector.forces.damage_n:g}",
    "latch": _latch,
    "cable, g/m": lambda connector: f"{connector.cable.mass_kg_per_m * 1.0e3:.1f}",
    "cable, N·m²": lambda connector: f"{connector.cable.bending_stiffness_nm2:.1e}",
    "cable's bend, mm": lambda connector: f"{connector.cable.min_bend_radius_m * _MM:.0f}",
}


if __name__ == "__main__":
    PAGE.write_text(insert(PAGE.read_text(encoding="utf-8"), render()), encoding="utf-8")
