"""Alarms: what wants a person, why, what to do first; and who commanded what."""

from __future__ import annotations

from nicegui import ui

from cablecell.console.alarms import Alarm, first_action
from cablecell.console.gateway import AuditRow
from cablecell.console.pages.shared import Visit
from cablecell.console.pages.tables import clock, columns, put
from cablecell.console.texts import say

_SHOWN = 30


def build(visit: Visit) -> None:
    """Draw the page."""
    site = visit.site
    ui.label(say("alarms.active")).classes("text-subtitle1")
    active = ui.column().classes("w-full gap-2")
    shown: list[Alarm | None] = [None]

    def refresh_active() -> None:
        alarms = site.state.alarms.active
        if alarms == shown:
            return
        shown[:] = alarms
        active.clear()
        with active:
            if not alarms:
                ui.label(say("alarms.none")).classes("text-caption").mark("no-alarms")
            for alarm in alarms:
                _card(visit, alarm)

    titles = columns("begun", "ended", "source", "code", "cause", "seen")
    with ui.card().classes("w-full !p-2"):
        ui.label(say("alarms.history")).classes("text-subtitle2 q-ml-sm")
        history = ui.table(columns=titles, rows=[], row_key="key", pagination=5).props("dense flat wrap-cells")
        history.classes("w-full").mark("alarm-history")
    with ui.card().classes("w-full !p-2"):
        ui.label(say("alarms.audit")).classes("text-subtitle2 q-ml-sm")
        titles = columns("when", "who", "command", "result")
        audit = ui.table(columns=titles, rows=[], row_key="key", pagination=8)
        audit.props("dense flat wrap-cells").classes("w-full").mark("audit")

    def refresh() -> None:
        refresh_active()
        put(history, [_history_row(alarm) for alarm in site.state.alarms.history[:_SHOWN]])
        put(audit, [_audit_row(row) for row in site.gateway.trail.rows[:_SHOWN]])

    refresh()
    ui.timer(1.0, refresh)


def _card(visit: Visit, alarm: Alarm) -> None:
    stands = alarm.ended_s is None
    with ui.card().classes("w-full !p-3 gap-1").style(f"border-left: 6px solid {'#c62828' if stands else '#f9a825'}"):
        with ui.row().classes("w-full items-center gap-2 no-wrap"):
            ui.badge(str(alarm.code or "-")).props(f"color={'negative' if stands else 'warning'}").classes("text-body2")
            ui.label(alarm.source).classes("text-subtitle2")
            ui.label(clock(alarm.begun_s)).classes("text-caption")
            ui.label(say("alarms.stands" if stands else "alarms.over")).classes("text-caption")
            if alarm.count > 1:
                ui.label(say("alarms.count", count=alarm.count)).classes("text-caption")
            ui.space()
            if alarm.acknowledged_by:
                ui.label(say("alarms.seen_by", who=alarm.acknowledged_by)).classes("text-caption")
            else:
                button = ui.button(
                    say("alarms.acknowledge"),
                    icon="done",
                    on_click=lambda: visit.give("acknowledge", alarm=str(alarm.number)),
                )
                button.props("dense no-caps").mark(f"acknowledge-{alarm.number}").set_enabled(visit.may("acknowledge"))
        ui.label(alarm.cause).classes("text-body2")
        ui.label(say("alarms.first", what=say(f"action.{first_action(alarm.code)}"))).classes("text-caption")


def _history_row(alarm: Alarm) -> dict[str, object]:
    return {
        "key": alarm.number,
        "begun": clock(alarm.begun_s),
        "ended": "" if alarm.ended_s is None else clock(alarm.ended_s),
        "source": alarm.source,
        "code": alarm.code or "",
        "cause": alarm.cause,
        "seen": alarm.acknowledged_by,
    }


def _audit_row(row: AuditRow) -> dict[str, object]:
    return {
        "key": f"{row.stamp_ns} {row.command}",
        "when": clock(row.stamp_ns / 1e9),
        "who": row.requester,
        "command": row.command.removeprefix("console "),
        "result": f"{row.error_code} {row.error_msg}" if row.error_code else say("alarms.done"),
    }
