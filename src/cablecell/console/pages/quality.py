"""Quality: every part that was plugged, what is flagged, and the force over depth of the one that is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nicegui import run, ui
from nicegui.events import GenericEventArguments

from cablecell.configuration import load_connectors
from cablecell.console.curves import Curve
from cablecell.console.pages.shared import Visit
from cablecell.console.pages.tables import clock, columns, ledger_of, put, report_buttons
from cablecell.console.quality import FLAGS, InsertionRow, chosen, read_rows
from cablecell.console.texts import say
from cablecell.core.config.connector import Connector
from cablecell.core.errors import WorkcellError

_PERIOD_S = 3.0
_HISTORY = 100
_COLUMNS = ("number", "when", "serial", "connector", "port", "outcome", "attempts", "force", "flags")

_FLAG_SLOT = """
<q-td :props="props"><q-badge v-for="flag in props.row.flags" :key="flag.key" :label="flag.label"
  :color="flag.colour" class="q-mr-xs" /></q-td>
"""

_GREY = "#78909c"
"""Of what is written beside charts: it can be read in the light and in the dark."""

_COLOURS = {"failed": "negative", "force": "negative", "found": "warning", "again": "blue-grey"}


def build(visit: Visit) -> None:
    """Draw the page."""
    ledger = ledger_of(visit)
    if ledger is None:
        return
    _Page(visit, ledger, load_connectors())


class _Page:
    """The page with what is chosen on it."""

    def __init__(self, visit: Visit, ledger: Path, connectors: Mapping[str, Connector]) -> None:
        self._visit, self._ledger, self._connectors = visit, ledger, connectors
        self._rows: list[InsertionRow] = []
        self._shown: InsertionRow | None = None
        with ui.card().classes("w-full !p-3"), ui.row().classes("w-full items-center gap-3"):
            self._counts = ui.row().classes("gap-2 items-center")
            ui.space()
            families = {"": say("quality.any_connector")}
            self._connector = ui.select(families, value="", on_change=self._draw).props("dense").mark("connector")
            flags = {"": say("quality.all"), **{flag: say(f"flag.{flag}") for flag in FLAGS}}
            self._flag = ui.select(flags, value="", on_change=self._draw).props("dense").mark("flag")
            self._text = ui.input(say("quality.search"), on_change=self._draw).props("dense clearable").mark("search")
        with ui.element("div").classes("w-full grid grid-cols-1 lg:grid-cols-5 gap-3"):
            with ui.card().classes("lg:col-span-3 !p-2"):
                titles = columns(*_COLUMNS)
                for title in titles:
                    if title["name"] in ("serial", "port"):  # names without a space, of any length
                        title["style"] = "overflow-wrap: anywhere; min-width: 6rem"
                self._table = ui.table(columns=titles, rows=[], row_key="number", pagination=15)
                self._table.props("dense flat wrap-cells").classes("w-full cursor-pointer").mark("parts")
                self._table.add_slot("body-cell-flags", _FLAG_SLOT)
                self._table.on("row-click", self._choose)
            with ui.card().classes("lg:col-span-2 !p-3 gap-2"):
                self._detail = ui.column().classes("w-full gap-2")
                with self._detail:
                    ui.label(say("quality.choose")).classes("text-subtitle2")
        ui.timer(_PERIOD_S, self._refresh, immediate=True)

    async def _refresh(self) -> None:
        try:
            rows = await run.io_bound(read_rows, self._ledger, self._connectors)
        except WorkcellError:
            return  # the cell has not made it yet
        if rows is None or rows == self._rows:
            return
        self._rows = rows
        families = sorted({row.connector for row in rows})
        self._connector.set_options({"": say("quality.any_connector"), **{name: name for name in families}})
        self._draw()
        if self._shown is None and rows:
            await self._show(rows[0])

    def _draw(self) -> None:
        wanted = [self._flag.value] if self._flag.value else []
        rows = chosen(self._rows, self._connector.value or "", wanted, self._text.value or "")
        good = sum(row.error_code == 0 for row in rows)
        self._counts.clear()
        with self._counts:
            ui.badge(say("quality.seated", count=good)).props("color=positive").mark("good-count")
            failed = len(rows) - good
            ui.badge(say("quality.failed", count=failed)).props(f"color={'negative' if failed else 'grey-7'}")
            first = sum(row.error_code == 0 and not row.flags for row in rows)
            share = f"{first / len(rows):.0%}" if rows else "-"
            ui.label(say("quality.first", share=share)).classes("text-caption")
        put(self._table, [_cells(row) for row in rows])

    async def _choose(self, event: GenericEventArguments) -> None:
        number = event.args[1]["number"]
        row = next((row for row in self._rows if row.number == number), None)
        if row is not None:
            await self._show(row)

    async def _show(self, row: InsertionRow) -> None:
        self._shown = row
        curve = await run.io_bound(self._visit.site.knowledge.recordings.curve, row.begun_ns, row.ended_ns)
        if self._shown is not row:
            return  # somebody chose another one meanwhile
        connector = self._connectors.get(row.connector)
        self._detail.clear()
        with self._detail:
            _facts(row)
            if curve is None:
                ui.label(say("quality.no_curve")).classes("text-caption").mark("no-curve")
            else:
                _draw_curve(curve, connector)
            _draw_history(row, [one for one in self._rows if one.connector == row.connector], connector)


def _cells(row: InsertionRow) -> dict[str, Any]:
    return {
        "number": row.number,
        "when": clock(row.begun_ns / 1e9),
        "serial": row.serial or "-",
        "connector": row.connector,
        "port": row.port,
        "outcome": say("insertion.seated") if row.error_code == 0 else f"{row.error_code} {row.error_msg[:60]}",
        "attempts": row.attempts,
        "force": "-" if row.peak_force_n is None else f"{row.peak_force_n:.1f} N",
        "flags": [{"key": flag, "label": say(f"flag.{flag}"), "colour": _COLOURS[flag]} for flag in row.flags],
    }


def _facts(row: InsertionRow) -> None:
    with ui.row().classes("w-full items-center gap-2"):
        ui.label(say("quality.title", number=row.number, connector=row.connector, port=row.port)).classes(
            "text-subtitle2"
        ).mark("chosen")
        ui.space()
        report_buttons("insertion", row.number, "report")
    facts = {
        "serial": row.serial or "-",
        "job_id": row.job_id,
        "step": row.step,
        "outcome": say("insertion.seated") if row.error_code == 0 else f"{row.outcome} [{row.error_code}]",
        "depth": f"{1000.0 * row.depth_m:.1f} mm",
        "duration": f"{row.duration_s:.1f} s",
    }
    with ui.grid(columns="auto 1fr auto 1fr").classes("w-full gap-x-3 gap-y-0 text-caption"):
        for key, text in facts.items():
            ui.label(say(f"column.{key}")).classes("text-grey")
            ui.label(text).classes("ellipsis")
    if row.error_msg:
        ui.label(row.error_msg).classes("text-caption text-negative")


def _draw_curve(curve: Curve, connector: Connector | None) -> None:
    series = [
        _line(say("quality.axial"), list(zip(curve.depth_mm, curve.axial_n, strict=True)), "#1e88e5"),
        _line(say("quality.side"), list(zip(curve.depth_mm, curve.side_n, strict=True)), "#ab47bc"),
    ]
    ui.label(say("quality.curve")).classes("text-caption")
    ui.echart(_chart(series, "{value} mm", connector, is_from_zero=False)).classes("w-full").style(
        "height: 14rem"
    ).mark("curve")


def _draw_history(row: InsertionRow, rows: list[InsertionRow], connector: Connector | None) -> None:
    known = [one for one in rows if one.peak_force_n is not None][:_HISTORY]
    points = [
        {
            "value": [one.number, round(one.peak_force_n or 0.0, 2)],
            "itemStyle": {"color": "#e53935" if one.error_code else "#43a047"},
            "symbolSize": 12 if one is row else 6,
        }
        for one in known
    ]
    ui.label(say("quality.history", connector=row.connector)).classes("text-caption")
    series = [{"type": "scatter", "data": points}]
    ui.echart(_chart(series, "{value}", connector, is_from_zero=True)).classes("w-full").style("height: 11rem").mark(
        "forces"
    )


def _line(name: str, points: list[tuple[float, float]], colour: str) -> dict[str, Any]:
    data = [[round(x, 3), round(y, 2)] for x, y in points]
    return {
        "type": "line",
        "name": name,
        "showSymbol": False,
        "data": data,
        "lineStyle": {"width": 1.5, "color": colour},
        "itemStyle": {"color": colour},
    }


def _chart(
    series: list[dict[str, Any]], bottom: str, connector: Connector | None, *, is_from_zero: bool
) -> dict[str, Any]:
    if connector is not None and is_from_zero:
        series[0]["markLine"] = {
            "silent": True,
            "symbol": "none",
            "data": [{"yAxis": connector.forces.damage_n, "lineStyle": {"color": "#c62828", "type": "dashed"}}],
            "label": {"position": "insideEndTop", "formatter": "{c} N", "color": "inherit"},
        }
    return {
        "animation": False,
        "grid": {"left": 48, "right": 16, "top": 26, "bottom": 26},
        "legend": {"top": 0, "textStyle": {"color": _GREY}} if len(series) > 1 else {"show": False},
        "tooltip": {"trigger": "item"},
        "xAxis": {
            "type": "value",
            "scale": True,
            "axisLabel": {"formatter": bottom, "color": _GREY},
            "splitLine": {"show": False},
        },
        "yAxis": {
            "type": "value",
            "axisLabel": {"formatter": "{value} N", "color": _GREY},
            **({"min": 0} if is_from_zero else {}),
            "splitLine": {"lineStyle": {"opacity": 0.25}},
        },
        "series": series,
    }
