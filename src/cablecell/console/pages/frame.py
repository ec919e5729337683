"""What is around every page: state of the cell, its commands, the stop, and the way to the other pages."""

from __future__ import annotations

import time
from collections.abc import Callable

from nicegui import ui

from cablecell.console.pages.shared import Visit
from cablecell.console.texts import say
from cablecell.core.supervision.packml import Command, Mode

NAVIGATION = (
    ("/", "overview", "precision_manufacturing"),
    ("/jobs", "jobs", "playlist_play"),
    ("/quality", "quality", "verified"),
    ("/oee", "oee", "speed"),
    ("/alarms", "alarms", "notifications"),
    ("/teleop", "teleop", "gamepad"),
    ("/diagnostics", "diagnostics", "monitor_heart"),
    ("/calibration", "calibration", "straighten"),
    ("/settings", "settings", "settings"),
)
"""Path, key of the title and icon of every page."""

_COMMANDS = (
    ("start", Command.START, "play_arrow"),
    ("hold", Command.HOLD, "pause"),
    ("unhold", Command.UNHOLD, "play_circle"),
    ("stop", Command.STOP, "stop"),
    ("reset", Command.RESET, "restart_alt"),
    ("clear", Command.CLEAR, "cleaning_services"),
)

_COLOURS = {
    "EXECUTE": "positive",
    "IDLE": "primary",
    "COMPLETE": "primary",
    "HELD": "warning",
    "HOLDING": "warning",
    "SUSPENDED": "warning",
    "ABORTED": "negative",
    "ABORTING": "negative",
}

_STOP_ANYHOW = """() => {
  if (window.did_handshake && window.socket && window.socket.connected) return;
  const body = JSON.stringify({command: "stop_arm"});
  fetch("/api/command", {method: "POST", headers: {"content-type": "application/json"}, body});
}"""
"""The stop of a page whose connection is broken, or not there yet: a request of its own."""

THEME = "cablecell_theme"
"""Cookie in which a browser keeps what it likes: dark, light, or neither."""

_STYLE = """
<style>
.nicegui-content { padding: 0.75rem; gap: 0.75rem; }
.cell-stop { font-size: 1.25rem; font-weight: 800; letter-spacing: .08em; line-height: 1.05; }
.cell-stop small { font-size: .6rem; font-weight: 500; letter-spacing: 0; text-transform: none; }
.cell-bar .q-btn { min-height: 2.4rem; }
.cell-nav .q-btn.current { border-bottom: 3px solid currentColor; border-radius: 0; }
.cell-phase { flex: 1 1 0; min-width: 4.2rem; text-align: center; padding: .35rem .2rem; border-radius: .25rem;
  background: #90a4ae33; font-size: .8rem; }
.cell-phase.done { background: #2e7d3288; } .cell-phase.now { background: #1565c0; color: #fff; font-weight: 600; }
.cell-phase.bad { background: #c62828; color: #fff; }
.cell-view { width: 100%; border: 0; display: block; border-radius: .25rem; background: #1b1f23; }
</style>
"""


def frame(visit: Visit, path: str) -> None:
    """Draw the header of a page and keep it true."""
    site, session = visit.site, visit.session
    ui.add_head_html(_STYLE)
    theme = visit.cookies.get(THEME, "")
    dark = ui.dark_mode({"dark": True, "light": False}.get(theme))
    with ui.header(elevated=True).classes("q-pa-sm column gap-1").style("background: #263238"):
        with ui.row().classes("w-full items-center gap-2 no-wrap"):
            ui.label(site.settings.cell_name).classes("text-h6 ellipsis").style("min-width: 0")
            is_simulated = site.settings.hardware in ("sim", "mock")
            badge = ui.badge(say("header.sim" if is_simulated else "header.real"))
            badge.props(f"color={'blue-grey' if is_simulated else 'deep-orange'}").mark("machine")
            state = ui.badge("").classes("text-body1 q-px-sm").mark("state")
            mode = ui.label("").classes("text-caption").mark("mode")
            alarms = ui.button("0", icon="notifications", on_click=lambda: ui.navigate.to("/alarms"))
            alarms.props("flat dense no-caps color=white").mark("alarm-count").tooltip(say("page.alarms"))
            ui.space()
            ui.label(f"{session.name} · {say(f'role.{session.role.name.lower()}')}").classes("text-caption ellipsis")
            _more(visit)
            ui.button(icon="contrast", on_click=lambda: _turn(dark)).props("flat round dense color=white").tooltip(
                say("header.theme")
            )
            ui.button(icon="logout", on_click=_log_out).props("flat round dense color=white").tooltip(
                say("header.logout")
            )
            stop = ui.button(on_click=lambda: visit.give("stop_arm")).props("color=negative no-caps").mark("stop_arm")
            stop.on("click", js_handler=_STOP_ANYHOW)
            with stop:
                ui.html(
                    f'<span class="cell-stop">{say("header.stop")}<br><small>{say("header.software")}</small></span>'
                )
        with ui.row().classes("w-full items-center gap-1 justify-between"):
            with ui.row().classes("gap-0 cell-nav"):
                for target, key, icon in NAVIGATION:
                    link = ui.button(
                        say(f"page.{key}"), icon=icon, on_click=lambda target=target: ui.navigate.to(target)
                    )
                    link.props("flat dense no-caps color=white").classes("current" if target == path else "")
            with ui.row().classes("gap-1 cell-bar"):
                buttons = {
                    command: ui.button(say(f"command.{name}"), icon=icon, on_click=_giver(visit, name))
                    .props("dense no-caps unelevated color=blue-grey-7")
                    .mark(name)
                    for name, command, icon in _COMMANDS
                }
        reason = ui.label("").classes("text-caption ellipsis w-full").mark("reason")

    def refresh() -> None:
        cell, is_up = site.state.cell, site.state.is_cell_up(time.monotonic())
        state.text = cell.name if is_up else say("header.nobody")
        state.props(f"color={_COLOURS.get(cell.name, 'grey-7') if is_up else 'negative'}")
        mode.text = say(f"mode.{Mode(cell.mode).name.lower()}") if cell.mode in list(Mode) else ""
        reason.text = cell.reason
        count = len(site.state.alarms.active)
        alarms.text = str(count)
        alarms.props(f"color={'amber' if count else 'white'}")
        for name, command, _ in _COMMANDS:
            buttons[command].set_enabled(is_up and cell.allows(command) and visit.may(name))

    refresh()
    ui.timer(0.5, refresh)


def _more(visit: Visit) -> None:
    """What is rarely needed: modes, the way out of a stop, the tare."""
    entries: list[tuple[str, str, dict[str, str]]] = [
        *((f"mode.to_{mode}", "mode", {"mode": mode}) for mode in ("production", "maintenance")),
        ("command.release_stop", "release_stop", {}),
        ("command.tare", "tare", {}),
    ]
    allowed = [entry for entry in entries if visit.may(entry[1])]
    if not allowed:
        return
    with ui.button(icon="more_vert").props("flat round dense color=white").mark("more"), ui.menu():
        for key, command, arguments in allowed:
            item = ui.menu_item(say(key), lambda command=command, arguments=arguments: visit.give(command, **arguments))
            item.mark(key)


def _giver(visit: Visit, command: str) -> Callable[[], object]:
    if command == "start":
        return lambda: _ask_recipe(visit)
    return lambda: visit.give(command)


def _ask_recipe(visit: Visit) -> None:
    """Let the person choose what is started."""
    with ui.dialog().props("transition-duration=0") as dialog, ui.card().classes("w-80"):
        ui.label(say("start.title")).classes("text-h6")
        recipes = list(visit.site.knowledge.recipes)
        choice = ui.select(recipes, value=recipes[0], label=say("start.recipe")).classes("w-full").mark("recipe")

        async def begin() -> None:
            dialog.close()
            await visit.give("start", recipe=str(choice.value))

        with ui.row().classes("w-full justify-end"):
            ui.button(say("start.no"), on_click=dialog.close).props("flat no-caps")
            ui.button(say("start.yes"), icon="play_arrow", on_click=begin).props("no-caps").mark("start-yes")
    dialog.open()


def keep_choice(cookie: str, value: str) -> None:
    """Have this browser keep a choice for good, and draw the page anew with it."""
    ui.run_javascript(f"document.cookie = '{_kept(cookie, value)}'; location.reload()")


def _kept(cookie: str, value: str) -> str:
    return f"{cookie}={value}; path=/; max-age=31536000; samesite=strict"


def _turn(dark: ui.dark_mode) -> None:
    """Change between dark and light, for this browser and for good."""
    dark.value = not dark.value
    name = "dark" if dark.value else "light"
    ui.run_javascript(f"document.cookie = '{_kept(THEME, name)}'")


def _log_out() -> None:
    ui.run_javascript("fetch('/logout', {method: 'POST'}).then(() => location.assign('/login'))")
