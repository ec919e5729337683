"""Overview: the cell as it is now, and what it did last."""

from __future__ import annotations

import time
from typing import Any

from cablecell_interfaces.msg import InsertionPhase as Phase
from nicegui import ui

from cablecell.console.pages.shared import Visit
from cablecell.console.texts import say

_STEPS = (
    ("look", (Phase.PHASE_STAGING, Phase.PHASE_OBSERVE, Phase.PHASE_PREPARE)),
    ("approach", (Phase.PHASE_APPROACH,)),
    ("contact", (Phase.PHASE_CONTACT, Phase.PHASE_TOUCH)),
    ("search", (Phase.PHASE_SEARCH,)),
    ("insert", (Phase.PHASE_INSERT, Phase.PHASE_SEAT, Phase.PHASE_HOLD)),
    ("verify", (Phase.PHASE_VERIFY, Phase.PHASE_PULL_TEST)),
    ("retreat", (Phase.PHASE_RETREAT, Phase.PHASE_DONE)),
)
"""What the bar shows, and the phases that count as each."""

_STATUS = ("unknown", "queued", "running", "held", "succeeded", "failed", "cancelled")


def build(visit: Visit) -> None:
    """Draw the page."""
    with ui.element("div").classes("w-full grid grid-cols-1 md:grid-cols-3 gap-3"):
        with ui.card().classes("md:col-span-2 !p-2"):
            ui.element("iframe").props('src="/view/" title="3D"').classes("cell-view").style("height: 21rem")
        with ui.column().classes("gap-3"):
            _camera(visit)
    _phases(visit)
    with ui.element("div").classes("w-full grid grid-cols-1 lg:grid-cols-2 gap-3"):
        _force(visit)
        _insertions(visit)


def _camera(visit: Visit) -> None:
    site = visit.site
    with ui.card().classes("w-full !p-2 items-center"):
        image = ui.interactive_image().style("max-height: 19rem; width: 100%; object-fit: contain").mark("camera")
        ui.label(say("overview.camera")).classes("text-caption")

    def refresh() -> None:
        site.watch_camera()
        if site.state.jpeg:
            image.set_source(f"/api/camera.jpg?{site.state.jpeg_count}")

    refresh()
    ui.timer(0.2, refresh)


def _phases(visit: Visit) -> None:
    state = visit.site.state
    with ui.card().classes("w-full !p-3 gap-1"):
        with ui.row().classes("w-full items-center gap-2"):
            job = ui.label("").classes("text-subtitle2").mark("job")
            step = ui.label("").classes("text-caption")
        with ui.row().classes("w-full gap-1"):
            bars = [ui.label(say(f"phase.{key}")).classes("cell-phase") for key, _ in _STEPS]
        why = ui.label("").classes("text-caption ellipsis w-full").mark("phase-reason")

    def refresh() -> None:
        view, phase = state.job, state.phase
        status = say(f"job.{_STATUS[view.status]}") if view.status < len(_STATUS) else ""
        job.text = say("overview.job", recipe=view.recipe, status=status) if view.job_id else say("overview.no_job")
        step.text = (
            say("overview.steps", done=view.steps_succeeded, all=view.steps_total, step=view.current_step)
            if view.job_id
            else ""
        )
        now = next((n for n, (_, phases) in enumerate(_STEPS) if phase.phase in phases), None)
        is_recovering = phase.phase == Phase.PHASE_RECOVER
        for number, bar in enumerate(bars):
            is_done = now is not None and (number < now or phase.phase == Phase.PHASE_DONE)
            look = "now" if number == now and not is_done else "done" if is_done else ""
            bar.classes(replace=f"cell-phase {'bad' if is_recovering else look}")
        why.text = phase.reason

    refresh()
    ui.timer(0.3, refresh)


def _force(visit: Visit) -> None:
    state, settings = visit.site.state, visit.site.settings
    lines = ((settings.force_warning_n, "#f9a825"), (settings.force_limit_n, "#c62828"))
    options: dict[str, Any] = {
        "animation": False,
        "grid": {"left": 44, "right": 16, "top": 12, "bottom": 26},
        "xAxis": {"type": "value", "min": -30, "max": 0, "axisLabel": {"formatter": "{value} s"}},
        "yAxis": {"type": "value", "min": 0, "axisLabel": {"formatter": "{value} N"}, "splitLine": {"show": False}},
        "series": [
            {
                "type": "line",
                "showSymbol": False,
                "data": [],
                "lineStyle": {"width": 1.5, "color": "#1e88e5"},
                "markLine": {
                    "silent": True,
                    "symbol": "none",
                    "data": [
                        {
                            "yAxis": value,
                            "lineStyle": {"color": colour, "type": "dashed"},
                            "label": {"position": "insideStartTop", "formatter": "{c} N"},
                        }
                        for value, colour in lines
                    ],
                },
            },
            {"type": "line", "showSymbol": False, "data": [], "lineStyle": {"width": 1, "color": "#90caf9"}},
        ],
    }
    with ui.card().classes("w-full !p-2"):
        ui.label(say("overview.force")).classes("text-subtitle2 q-ml-sm")
        chart = ui.echart(options).classes("w-full").style("height: 11rem").mark("force")

    def refresh() -> None:
        rows = state.force.rows(time.monotonic())
        if not rows:
            return
        top = 1.15 * max(settings.force_warning_n, *(high for _, _, high in rows))
        data = [{"data": [[age, round(row[which], 2)] for age, *row in rows]} for which in (1, 0)]
        chart.run_chart_method("setOption", {"series": data, "yAxis": {"max": round(top)}})

    ui.timer(0.2, refresh)


def _insertions(visit: Visit) -> None:
    state = visit.site.state
    columns = [
        {"name": key, "label": say(f"insertion.{key}"), "field": key, "align": "left"}
        for key in ("when", "step", "outcome", "force", "depth", "duration")
    ]
    with ui.card().classes("w-full !p-2"):
        ui.label(say("overview.last")).classes("text-subtitle2 q-ml-sm")
        table = (
            ui.table(columns=columns, rows=[], row_key="key").props("dense flat").classes("w-full").mark("insertions")
        )

    shown: list[Any] = []

    def refresh() -> None:
        newest = list(state.insertions)[:5]
        if newest == shown:
            return
        shown[:] = newest
        table.rows = [
            {
                "key": f"{one.stamp_s}",
                "when": time.strftime("%H:%M:%S", time.localtime(one.stamp_s)),
                "step": one.step,
                "outcome": say("insertion.seated") if one.error_code == 0 else f"{one.error_code} {one.error_msg[:60]}",
                "force": f"{one.peak_force_n:.1f} N",
                "depth": f"{1000.0 * one.depth_m:.1f} mm",
                "duration": f"{one.duration_s:.1f} s",
            }
            for one in newest
        ]
        table.update()

    refresh()
    ui.timer(1.0, refresh)
