"""Calibration: every record that the cell may start with, until when it is good, its residuals, and the way back."""

from __future__ import annotations

from typing import Any

from nicegui import run, ui
from nicegui.events import GenericEventArguments

from cablecell.console.calibrations import RecordView, list_records
from cablecell.console.drawing import Bar, bars
from cablecell.console.pages.shared import Visit
from cablecell.console.pages.tables import clock, columns, put, report_buttons
from cablecell.console.texts import say
from cablecell.core.calibration.record import KINDS, ExpiredRecordError

_PERIOD_S = 5.0
_DAY = "%Y-%m-%d %H:%M"

_STATE_SLOT = """
<q-td :props="props"><q-badge :color="props.row.colour" :label="props.row.state" /></q-td>
"""


def build(visit: Visit) -> None:
    """Draw the page."""
    folders = visit.site.knowledge.records
    with ui.card().classes("w-full !p-3"), ui.row().classes("w-full items-center gap-2"):
        ui.label(say("calibration.used")).classes("text-subtitle2")
        for kind in KINDS:
            text = say(
                "calibration.with" if kind in folders else "calibration.without", kind=say(f"calibration.{kind}")
            )
            ui.badge(text).props(f"color={'primary' if kind in folders else 'grey-7'}").mark(f"kind-{kind}")
    if not folders:
        with ui.card().classes("w-full !p-3"):
            ui.label(say("calibration.none")).mark("no-records")
        return
    _Page(visit)


class _Page:
    """The page with the record that is chosen on it."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._views: list[RecordView] = []
        self._chosen: tuple[str, int] | None = None
        with ui.element("div").classes("w-full grid grid-cols-1 lg:grid-cols-2 gap-3"):
            with ui.card().classes("!p-2"):
                titles = columns("kind", "number", "state", "taken", "expires", "worst")
                self._table = ui.table(columns=titles, rows=[], row_key="key", pagination=15)
                self._table.props("dense flat wrap-cells").classes("w-full cursor-pointer").mark("records")
                self._table.add_slot("body-cell-state", _STATE_SLOT)
                self._table.on("row-click", self._choose)
            with ui.card().classes("!p-3"):
                self._detail = ui.column().classes("w-full gap-2")
        ui.timer(_PERIOD_S, self.refresh, immediate=True)

    async def refresh(self) -> None:
        """Read the records again."""
        site = self._visit.site
        views = await run.io_bound(list_records, site.knowledge.records, site.settings.cell_id)
        if views is None or _keys(views) == _keys(self._views):
            return
        self._views = views
        put(self._table, [_cells(view) for view in views])
        if self._chosen is None and views:
            first = next((view for view in views if view.is_current), views[0])
            self._chosen = (first.kind, first.number)
        self._draw()

    def _choose(self, event: GenericEventArguments) -> None:
        kind, _, number = str(event.args[1]["key"]).partition(" ")
        self._chosen = (kind, int(number))
        self._draw()

    def _draw(self) -> None:
        view = next((one for one in self._views if (one.kind, one.number) == self._chosen), None)
        self._detail.clear()
        with self._detail:
            if view is None:
                ui.label(say("calibration.choose")).classes("text-caption")
            else:
                self._show(view)

    def _show(self, view: RecordView) -> None:
        with ui.row().classes("w-full items-center gap-2"):
            name = say(f"calibration.{view.kind}")
            ui.label(f"{name} {view.number:04d}").classes("text-subtitle2").mark("record")
            ui.badge(_state(view)[0]).props(f"color={_state(view)[1]}")
            ui.space()
            if view.record is not None:
                report_buttons(view.kind, view.number, "record")
        if view.problem is not None:
            ui.label(f"{view.problem} [{view.problem.code}]").classes("text-caption text-negative").mark("problem")
        record = view.record
        if record is None:
            return
        facts = {
            "cell": record.cell,
            "arm": record.arm,
            "method": record.method,
            "software": record.software,
            "sha256": f"{record.sha256[:16]}…",
        }
        with ui.grid(columns="auto 1fr").classes("w-full gap-x-3 gap-y-0 text-caption"):
            for key, text in facts.items():
                ui.label(say(f"column.{key}")).classes("text-grey")
                ui.label(text)
        shares = [
            (name, abs(record.figures[name]), limit)
            for name, limit in record.limits.items()
            if limit > 0.0 and name in record.figures
        ]
        if shares:
            ui.label(say("calibration.residuals")).classes("text-caption")
            rows = [
                Bar(name, value / limit, f"{value:.3g} / {limit:.3g}", "#2e7d32" if value <= limit else "#c62828")
                for name, value, limit in shares
            ]
            ui.html(bars(rows, mark=1.0), sanitize=False).classes("w-full").mark("residuals")
        back = ui.button(say("calibration.back"), icon="history", on_click=lambda: self._ask(view))
        is_possible = self._visit.may("roll_back") and record.passed and not view.is_current
        back.props("dense no-caps").mark("roll-back").set_enabled(is_possible)
        ui.label(say("calibration.back_hint")).classes("text-caption text-grey")

    def _ask(self, view: RecordView) -> None:
        with ui.dialog() as dialog, ui.card():
            name = say(f"calibration.{view.kind}")
            ui.label(say("calibration.sure", kind=name, number=f"{view.number:04d}"))

            async def go_back() -> None:
                dialog.close()
                if await self._visit.give("roll_back", kind=view.kind, number=str(view.number)):
                    await self.refresh()

            with ui.row().classes("w-full justify-end"):
                ui.button(say("start.no"), on_click=dialog.close).props("flat no-caps")
                ui.button(say("calibration.yes"), on_click=go_back).props("no-caps").mark("roll-back-yes")
        dialog.open()


def _keys(views: list[RecordView]) -> list[tuple[object, ...]]:
    return [(one.kind, one.number, one.is_current, one.problem is None) for one in views]


def _state(view: RecordView) -> tuple[str, str]:
    """Return the state of a record as a word, and its colour."""
    if view.record is None:
        return say("calibration.damaged"), "negative"
    if not view.record.passed:
        return say("calibration.failed"), "negative"
    if isinstance(view.problem, ExpiredRecordError):
        return say("calibration.expired"), "negative" if view.is_current else "grey-7"
    if view.problem is not None:
        return say("calibration.foreign"), "negative" if view.is_current else "grey-7"
    return (say("calibration.in_use"), "positive") if view.is_current else (say("calibration.kept"), "blue-grey")


def _cells(view: RecordView) -> dict[str, Any]:
    state, colour = _state(view)
    record, worst = view.record, view.worst
    return {
        "key": f"{view.kind} {view.number}",
        "kind": say(f"calibration.{view.kind}"),
        "number": f"{view.number:04d}",
        "state": state,
        "colour": colour,
        "taken": "" if record is None else clock(record.created_s, _DAY),
        "expires": "" if record is None else clock(record.expires_s, _DAY),
        "worst": "" if worst is None else f"{worst[0]}: {worst[1]:.0%}",
    }
