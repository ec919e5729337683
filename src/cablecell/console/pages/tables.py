"""What pages share: the ledger, columns, rows and times of tables, and the buttons that take a report away."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nicegui import ui

from cablecell.console.pages.shared import Visit
from cablecell.console.texts import say


def ledger_of(visit: Visit) -> Path | None:
    """Return the file of the ledger; where the cell keeps none, say so on the page."""
    ledger = visit.site.knowledge.ledger
    if ledger is None:
        with ui.card().classes("w-full"):
            ui.label(say("jobs.no_ledger")).mark("no-ledger")
            ui.label(say("jobs.no_ledger_hint")).classes("text-caption")
    return ledger


def columns(*names: str) -> list[dict[str, Any]]:
    """Return the columns of a table by the keys of their titles."""
    return [{"name": name, "label": say(f"column.{name}"), "field": name, "align": "left"} for name in names]


def put(table: ui.table, rows: Sequence[dict[str, Any]]) -> None:
    """Show rows, and say nothing to the browser where they are as before."""
    if table.rows != rows:
        table.rows = list(rows)
        table.update()


def clock(time_s: float, form: str = "%d.%m. %H:%M:%S") -> str:
    """Return a time, s since the epoch, as clocks of this place have it."""
    return time.strftime(form, time.localtime(time_s))


def report_buttons(kind: str, number: int, marker: str) -> None:
    """Draw the two buttons that take a report away."""
    for form, icon in (("html", "description"), ("pdf", "picture_as_pdf")):
        button = ui.button(say(f"report.{form}"), icon=icon).mark(f"{marker}-{form}")
        button.props(f'href="/api/reports/{kind}/{number}.{form}" download outline dense no-caps')
