"""OEE: the key figures of a shift by ISO 22400, what the cell did when, and what kept it from producing."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from pathlib import Path

from nicegui import run, ui

from cablecell.console.drawing import Bar, Stretch, bars, strip
from cablecell.console.pages.shared import Visit
from cablecell.console.pages.tables import clock, ledger_of, report_buttons
from cablecell.console.reports import HOURS
from cablecell.console.texts import say
from cablecell.core.errors import WorkcellError
from cablecell.core.supervision.kpi import OFF, Interval
from cablecell.core.supervision.packml import State
from cablecell.records.shift import Shift, read_shift

_PERIOD_S = 10.0
_WORST = 8

_SHARES = ("oee", "availability", "effectiveness", "quality_ratio", "first_pass_yield")
_FIGURES = (
    ("parts", 1.0, "", 0),
    ("good_parts", 1.0, "", 0),
    ("parts_per_hour", 1.0, "", 1),
    ("cycle_median_s", 1.0, "s", 1),
    ("cycle_p95_s", 1.0, "s", 1),
    ("planned_busy_s", 1.0 / 60.0, "min", 1),
    ("production_s", 1.0 / 60.0, "min", 1),
    ("failures", 1.0, "", 0),
    ("mtbf_s", 1.0 / 60.0, "min", 1),
    ("mttr_s", 1.0 / 60.0, "min", 1),
    ("energy_per_good_part_j", 1.0, "J", 0),
)
"""Key, factor, unit and decimals of each figure."""

_COLOURS = {
    State.EXECUTE: "#2e7d32",
    State.IDLE: "#1565c0",
    State.COMPLETE: "#1565c0",
    State.HELD: "#f9a825",
    State.HOLDING: "#f9a825",
    State.SUSPENDED: "#f9a825",
    State.ABORTED: "#c62828",
    State.ABORTING: "#c62828",
    State.STOPPED: "#6d4c41",
    OFF: "#37474f",
}
_OTHER = "#78909c"
_STRETCHES = 2000
"""Most stretches that are drawn; of more, the longest."""


def build(visit: Visit) -> None:
    """Draw the page."""
    ledger = ledger_of(visit)
    if ledger is None:
        return
    with ui.card().classes("w-full !p-3"), ui.row().classes("w-full items-center gap-3"):
        window = ui.label("").classes("text-subtitle2").mark("window")
        ui.space()
        names = {hours: say("oee.hours", hours=hours) if hours else say("oee.all") for hours in HOURS}
        chosen = ui.toggle(names, value=0).props("dense no-caps").mark("hours")
        downloads = ui.row().classes("gap-1")
    body = ui.column().classes("w-full gap-3")

    async def refresh() -> None:
        hours = int(chosen.value)
        try:
            shift = await run.io_bound(_read, ledger, hours)
        except WorkcellError as error:
            window.text = say("oee.nothing") if error.code != _UNREADABLE else str(error)
            body.clear()
            return
        if shift is None or hours != chosen.value:
            return
        window.text = f"{clock(shift.from_ns / 1e9)} … {clock(shift.to_ns / 1e9)}"
        body.clear()
        with body:
            _draw(shift)

    async def turn() -> None:
        downloads.clear()
        with downloads:
            report_buttons("shift", int(chosen.value), "shift")
        await refresh()

    chosen.on_value_change(turn)
    ui.timer(0.0, turn, once=True)
    ui.timer(_PERIOD_S, refresh, immediate=False)


_UNREADABLE = 640


def _read(ledger: Path, hours: int) -> Shift:
    begin = datetime.now(timezone.utc) - timedelta(hours=hours)
    return read_shift(ledger, begin.isoformat() if hours else "")


def _draw(shift: Shift) -> None:
    figures = shift.figures
    with ui.element("div").classes("w-full grid grid-cols-2 md:grid-cols-5 gap-3"):
        for key in _SHARES:
            with ui.card().classes("!p-3 gap-1 items-start"):
                ui.label(say(f"oee.{key}")).classes("text-caption")
                value = figures[key]
                text = "-" if math.isnan(value) else f"{value:.1%}"
                ui.label(text).classes("text-h5").mark(f"share-{key}")
                ui.linear_progress(0.0 if math.isnan(value) else min(1.0, value), show_value=False, size="0.4rem")
    with ui.card().classes("w-full !p-3 gap-1"):
        ui.label(say("oee.times")).classes("text-subtitle2")
        ui.html(_timeline(shift), sanitize=False).classes("w-full").mark("timeline")
        with ui.row().classes("gap-3 text-caption"):
            for name, colour in _legend(shift.times):
                with ui.row().classes("items-center gap-1"):
                    ui.element("div").style(f"width: .8rem; height: .8rem; background: {colour}; border-radius: 2px")
                    ui.label(name)
    with ui.element("div").classes("w-full grid grid-cols-1 lg:grid-cols-2 gap-3"):
        with ui.card().classes("!p-3 gap-1"):
            ui.label(say("oee.stops")).classes("text-subtitle2")
            rows = _stops(shift)
            if rows:
                ui.html(bars(rows, cumulative=True), sanitize=False).classes("w-full").mark("pareto")
            else:
                ui.label(say("oee.no_stops")).classes("text-caption")
        with ui.card().classes("!p-3 gap-1"):
            ui.label(say("oee.figures")).classes("text-subtitle2")
            with ui.grid(columns="1fr auto").classes("w-full gap-x-3 gap-y-0 text-body2"):
                for key, factor, unit, decimals in _FIGURES:
                    value = figures[key]
                    ui.label(say(f"oee.{key}"))
                    text = "-" if math.isnan(value) else f"{factor * value:.{decimals}f} {unit}".strip()
                    ui.label(text).classes("text-right").mark(f"figure-{key}")
            ui.label(say("oee.norm")).classes("text-caption text-grey")


def _name(state: int) -> str:
    return "OFF" if state == OFF else State(state).name


def _timeline(shift: Shift) -> str:
    whole = max(1, shift.to_ns - shift.from_ns)
    longest = sorted(shift.times, key=lambda one: -one.duration_ns)[:_STRETCHES]
    rows = [
        Stretch(
            (one.begin_ns - shift.from_ns) / whole,
            (one.end_ns - shift.from_ns) / whole,
            _COLOURS.get(one.state, _OTHER),
            f"{_name(one.state)}, {one.duration_ns / 1e9:.1f} s, {clock(one.begin_ns / 1e9)}",
        )
        for one in sorted(longest, key=lambda one: one.begin_ns)
    ]
    return strip(rows, clock(shift.from_ns / 1e9), clock(shift.to_ns / 1e9))


def _legend(times: list[Interval]) -> list[tuple[str, str]]:
    spent: dict[int, int] = {}
    for one in times:
        spent[one.state] = spent.get(one.state, 0) + one.duration_ns
    order = sorted(spent, key=lambda state: -spent[state])[:_WORST]
    return [(f"{_name(state)} {spent[state] / 6e10:.1f} min", _COLOURS.get(state, _OTHER)) for state in order]


def _stops(shift: Shift) -> list[Bar]:
    found = []
    for row in shift.stop_reasons[:_WORST]:
        state = OFF if row["state"] == "OFF" else State[row["state"]]
        label = row["state"] + (f" · {row['cause_code']}" if row["cause_code"] else "")
        said = f"{row['time_s'] / 60.0:.1f} min · {row['count']} x"
        found.append(Bar(label, row["time_s"], said, _COLOURS.get(state, _OTHER)))
    return found
