"""Jobs: what waits, what runs, what was done, and what is put in next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nicegui import run, ui

from cablecell.console.pages.shared import Visit
from cablecell.console.pages.tables import clock, columns, ledger_of, put
from cablecell.console.texts import say
from cablecell.core.errors import WorkcellError
from cablecell.records import ledger_queue
from cablecell.records.ledger import Ledger

_PERIOD_S = 2.0
_HISTORY = 50

_ACTIONS = {
    "waiting": ("pause", "cancel"),
    "paused": ("resume", "cancel"),
    "running": ("cancel",),
    "failed": ("retry",),
    "cancelled": ("retry",),
}
"""What a person may do with a job, by its state."""

_BUTTONS = """
<q-td :props="props">
  <q-btn v-for="what in props.row.actions" :key="what.key" :label="what.label" dense flat no-caps color="primary"
    @click="$parent.$emit('change', {job: props.row.job_id, what: what.key})" />
</q-td>
"""


def build(visit: Visit) -> None:
    """Draw the page."""
    ledger = ledger_of(visit)
    if ledger is None:
        return
    if visit.may("add_job"):
        _add_form(visit)
    queue = _table("queue", ("job_id", "recipe", "state", "priority", "serials", "requester", "error", "actions"))
    queue.add_slot("body-cell-actions", _BUTTONS)

    async def change(event: Any) -> None:
        await visit.give("change_job", job_id=str(event.args["job"]), what=str(event.args["what"]))
        await refresh()

    queue.on("change", change)
    history = _table("history", ("when", "job_id", "step", "outcome", "attempts", "force", "depth", "duration"))

    async def refresh() -> None:
        try:
            found = await run.io_bound(_read, ledger)
        except WorkcellError:
            return  # the cell has not made it yet
        if found is None:
            return  # the console is about to end
        jobs, insertions = found
        put(queue, [_queue_row(row, visit) for row in jobs])
        put(history, [_history_row(row) for row in insertions])

    ui.timer(_PERIOD_S, refresh, immediate=True)


def _add_form(visit: Visit) -> None:
    with ui.card().classes("w-full !p-3"):
        ui.label(say("jobs.add")).classes("text-subtitle2")
        with ui.row().classes("w-full items-end gap-3"):
            recipes = list(visit.site.knowledge.recipes)
            recipe = ui.select(recipes, value=recipes[0], label=say("start.recipe")).classes("w-44").mark("job-recipe")
            name = ui.input(say("jobs.name")).classes("w-36").mark("job-name")
            serials = ui.input(say("jobs.serials")).classes("w-48").mark("job-serials")
            rank = ui.number(say("jobs.priority"), value=0, precision=0, min=-100, max=100).classes("w-20")

            async def add() -> None:
                words = {"name": name.value or "", "serials": serials.value or "", "priority": f"{rank.value or 0:.0f}"}
                if await visit.give("add_job", recipe=str(recipe.value), **words):
                    name.value = serials.value = ""

            ui.button(say("jobs.put"), icon="playlist_add", on_click=add).props("no-caps").mark("job-add")
        ui.label(say("jobs.hint")).classes("text-caption")


def _table(key: str, names: tuple[str, ...]) -> ui.table:
    with ui.card().classes("w-full !p-2"):
        ui.label(say(f"jobs.{key}")).classes("text-subtitle2 q-ml-sm")
        table = ui.table(columns=columns(*names), rows=[], row_key="key", pagination=10).props("dense flat wrap-cells")
        return table.classes("w-full").mark(key)


def _read(path: Path) -> tuple[Any, Any]:
    with Ledger(path, writes=False) as ledger:
        return ledger_queue.listed(ledger), ledger.latest("insertions", _HISTORY)


def _queue_row(row: dict[str, Any], visit: Visit) -> dict[str, Any]:
    actions = _ACTIONS.get(row["state"], ()) if visit.may("change_job") else ()
    return {
        "key": row["job_id"],
        "job_id": row["job_id"],
        "recipe": row["recipe"],
        "state": row["state"],
        "priority": row["priority"],
        "serials": " ".join(row["serials"]),
        "requester": row["requester"],
        "error": f"{row['error_code']} {row['error_msg'][:80]}" if row["error_code"] else "",
        "actions": [{"key": what, "label": say(f"jobs.{what}")} for what in actions],
    }


def _history_row(row: dict[str, Any]) -> dict[str, Any]:
    is_over = row["ended_ns"] is not None and row["error_code"] is not None
    failed = f"{row['error_code']} {(row['error_msg'] or '')[:80]}"
    return {
        "key": row["id"],
        "when": clock(row["begun_ns"] / 1e9),
        "job_id": row["job_id"],
        "step": row["step"],
        "outcome": (failed if row["error_code"] else say("insertion.seated")) if is_over else say("insertion.running"),
        "attempts": row["attempts"] if is_over else "",
        "force": f"{row['peak_force_n']:.1f} N" if is_over else "",
        "depth": f"{1000.0 * row['depth_m']:.1f} mm" if is_over else "",
        "duration": f"{row['duration_s']:.1f} s" if is_over else "",
    }
