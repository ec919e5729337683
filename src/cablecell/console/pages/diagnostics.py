"""Diagnostics: what every component of the cell says about itself, and since when it says nothing."""

from __future__ import annotations

import time

from nicegui import ui
from nicegui.events import GenericEventArguments

from cablecell.console.pages.shared import Visit
from cablecell.console.pages.tables import columns, put
from cablecell.console.state import ComponentView
from cablecell.console.texts import say

STALE_S = 5.0
"""Age at which a status says nothing any more."""

_LEVELS = ("ok", "warn", "error", "stale")

_LEVEL_SLOT = """
<q-td :props="props"><q-badge :color="props.row.colour" :label="props.row.level" /></q-td>
"""

_COLOURS = {"ok": "positive", "warn": "warning", "error": "negative", "stale": "grey-7"}


def level_of(component: ComponentView, now_s: float) -> str:
    """Return the level of a component as a word; one that is silent is stale."""
    if now_s - component.heard_s > STALE_S or component.level >= len(_LEVELS):
        return "stale"
    return _LEVELS[component.level]


def build(visit: Visit) -> None:
    """Draw the page."""
    state = visit.site.state
    chosen: dict[str, str] = {}
    with ui.element("div").classes("w-full grid grid-cols-1 md:grid-cols-3 gap-3"):
        with ui.card().classes("md:col-span-2 !p-2"):
            table = ui.table(
                columns=columns("level", "component", "message", "age"), rows=[], row_key="component", pagination=0
            )
            table.props("dense flat wrap-cells").classes("w-full cursor-pointer").mark("components")
            table.add_slot("body-cell-level", _LEVEL_SLOT)
        with ui.card().classes("!p-3 gap-1"):
            title = ui.label(say("diagnostics.choose")).classes("text-subtitle2").mark("component")
            values = ui.grid(columns="minmax(0, 1.4fr) minmax(0, 1fr)").classes("w-full gap-x-3 gap-y-0 text-caption")
    shown: list[tuple[tuple[str, str], ...]] = [()]

    def choose(event: GenericEventArguments) -> None:
        chosen["name"] = str(event.args[1]["component"])
        refresh()

    def refresh() -> None:
        now_s = time.monotonic()
        components = state.components
        rows = []
        for one in components:
            level = level_of(one, now_s)
            rows.append(
                {
                    "level": say(f"level.{level}"),
                    "colour": _COLOURS[level],
                    "component": one.name,
                    "message": one.message,
                    "age": f"{now_s - one.heard_s:.0f} s",
                }
            )
        put(table, rows)
        picked = next((one for one in components if one.name == chosen.get("name")), None)
        if picked is not None and picked.values != shown[0]:
            shown[0] = picked.values
            title.text = picked.name
            values.clear()
            with values:
                for key, text in picked.values:
                    ui.label(key).classes("ellipsis")
                    ui.label(text).classes("ellipsis")

    table.on("row-click", choose)
    refresh()
    ui.timer(1.0, refresh)
