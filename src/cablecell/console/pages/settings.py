"""Settings: what the cell was started with, what its nodes really have, and what this browser likes."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from nicegui import run, ui

from cablecell.configuration import load_zones
from cablecell.console.pages.frame import THEME, keep_choice
from cablecell.console.pages.shared import Visit
from cablecell.console.pages.tables import columns, put
from cablecell.console.texts import LANGUAGE, LANGUAGES, say
from cablecell.core.errors import WorkcellError

_LIBRARIES = ("nicegui", "viser", "rclpy")


def build(visit: Visit) -> None:
    """Draw the page."""
    with ui.element("div").classes("w-full grid grid-cols-1 lg:grid-cols-2 gap-3"):
        with ui.column().classes("gap-3 w-full"):
            _started_with(visit)
        with ui.column().classes("gap-3 w-full"):
            _browser(visit)
            _zones(visit)
            _versions()
    _Parameters(visit)


def _started_with(visit: Visit) -> None:
    settings = visit.site.settings
    rows = {
        "hardware": settings.hardware,
        "cell_id": settings.cell_id,
        "ledger_file": settings.ledger_file,
        "recording_file": settings.recording_file,
        "recipes_folder": settings.recipes_folder or say("settings.packaged"),
        "recipes": ", ".join(visit.site.knowledge.recipes),
        "trials_file": settings.trials_file,
        **{kind: str(folder) for kind, folder in visit.site.knowledge.records.items()},
        "zones_file": settings.zones_file,
        "host": f"{settings.host}:{settings.port}" if settings.port else settings.host,
        "session_hours": f"{settings.session_hours:g} h",
        "force_lines": f"{settings.force_warning_n:g} N, {settings.force_limit_n:g} N",
    }
    with ui.card().classes("w-full !p-3 gap-1"):
        ui.label(say("settings.started")).classes("text-subtitle2")
        with ui.grid(columns="auto minmax(0, 1fr)").classes("w-full gap-x-4 gap-y-1 text-body2"):
            for key, text in rows.items():
                ui.label(say(f"settings.{key}")).classes("text-grey")
                ui.label(text or say("settings.empty")).style("overflow-wrap: anywhere").mark(f"setting-{key}")
        ui.label(say("settings.started_hint")).classes("text-caption text-grey")


def _browser(visit: Visit) -> None:
    with ui.card().classes("w-full !p-3 gap-1"):
        ui.label(say("settings.browser")).classes("text-subtitle2")
        with ui.row().classes("w-full items-center gap-3"):
            ui.label(say("header.theme")).classes("text-body2")
            themes = {name: say(f"theme.{name}") for name in ("auto", "light", "dark")}
            now = visit.cookies.get(THEME, "")
            theme = ui.toggle(themes, value=now if now in themes else "auto").props("dense no-caps").mark("theme")
            theme.on_value_change(lambda: keep_choice(THEME, str(theme.value)))
        with ui.row().classes("w-full items-center gap-3"):
            ui.label(say("settings.language")).classes("text-body2")
            told = visit.cookies.get(LANGUAGE, "")
            spoken = {"auto": say("theme.auto"), **LANGUAGES}
            tongue = ui.toggle(spoken, value=told if told in LANGUAGES else "auto").props("dense no-caps")
            tongue.mark("language").on_value_change(lambda: keep_choice(LANGUAGE, str(tongue.value)))


def _zones(visit: Visit) -> None:
    file = visit.site.settings.zones_file
    with ui.card().classes("w-full !p-3 gap-1"):
        with ui.row().classes("w-full items-center"):
            ui.label(say("settings.zones")).classes("text-subtitle2")
            ui.space()
            speed = ui.label("").classes("text-caption").mark("speed-scale")
        if not file:
            ui.label(say("settings.no_zones")).classes("text-caption")
        else:
            try:
                zones = load_zones(Path(file)).zones
            except WorkcellError as error:
                ui.label(f"{error} [{error.code}]").classes("text-caption text-negative")
                zones = []
            for zone in zones:
                effect = say("settings.holds") if zone.hold else say("settings.slows", share=f"{zone.speed_scale:.0%}")
                corners = " … ".join(", ".join(f"{x:g}" for x in corner) for corner in (zone.low_m, zone.high_m))
                ui.label(f"{zone.name}: {effect} ({corners} m)").classes("text-body2")
        ui.label(say("settings.unsafe")).classes("text-caption text-grey")

    def refresh() -> None:
        speed.text = say("settings.speed", share=f"{visit.site.state.speed_scale:.0%}")

    refresh()
    ui.timer(1.0, refresh)


def _versions() -> None:
    found = {"cablecell": _version("cablecell"), "Python": platform.python_version()}
    found["ROS 2"] = os.environ.get("ROS_DISTRO", "-")
    found |= {name: _version(name) for name in _LIBRARIES}
    with ui.card().classes("w-full !p-3 gap-1"):
        ui.label(say("settings.versions")).classes("text-subtitle2")
        with ui.row().classes("gap-x-4 gap-y-0"):
            for name, text in found.items():
                ui.label(f"{name} {text}").classes("text-body2").mark(f"version-{name}")


class _Parameters:
    """The parameters that nodes really have."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        with ui.card().classes("w-full !p-3 gap-1"):
            with ui.row().classes("w-full items-center gap-3"):
                ui.label(say("settings.parameters")).classes("text-subtitle2")
                ui.space()
                self._node = ui.select([], label=say("settings.node"), on_change=self._refresh)
                self._node.props("dense").classes("w-48").mark("node")
                self._changed = ui.switch(say("settings.changed"), value=True, on_change=self._refresh)
                self._changed.mark("changed-only")
            self._said = ui.label("").classes("text-caption").mark("parameters-said")
            self._table = ui.table(
                columns=columns("parameter", "value", "unit", "meaning"), rows=[], row_key="parameter", pagination=15
            )
            self._table.props("dense flat wrap-cells").classes("w-full").mark("parameters")
            ui.label(say("settings.parameters_hint")).classes("text-caption text-grey")
        ui.timer(0.0, self._find, once=True)

    async def _find(self) -> None:
        names = await run.io_bound(self._visit.site.knowledge.parameters.nodes)
        if not names:
            self._said.text = say("settings.no_nodes")
            return
        self._node.set_options(names, value="cell_supervisor" if "cell_supervisor" in names else names[0])

    async def _refresh(self) -> None:
        name = str(self._node.value or "")
        if not name:
            return
        try:
            found = await run.io_bound(self._visit.site.knowledge.parameters.ask, name)
        except WorkcellError as error:
            self._said.text = f"{error} [{error.code}]"
            put(self._table, [])
            return
        if found is None or name != self._node.value:
            return
        changed = [one for one in found if one.is_changed]
        self._said.text = say("settings.counted", changed=len(changed), all=len(found))
        put(
            self._table,
            [
                {"parameter": one.name, "value": one.value, "unit": one.unit, "meaning": one.meaning}
                for one in (changed if self._changed.value else found)
            ],
        )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "-"  # of a ROS install
