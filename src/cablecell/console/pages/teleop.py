"""Teleop: a person moves the arm, by the handle in the live view or by holding a button."""

from __future__ import annotations

from collections.abc import Callable

from nicegui import ui

from cablecell.console.operating import MENU
from cablecell.console.pages.shared import Visit
from cablecell.console.texts import say
from cablecell.core.errors import WorkcellError

_STATES = ("disabled", "enabling", "ready", "moving", "paused")
_LIMITS = ((1, "speed"), (2, "leash"), (4, "box"), (8, "force"), (16, "retract"))
_LEASH_M, _FORCE_N = 0.02, 20.0
"""Ends of the bars: the leash, and the force at which only retreat is left, as `teleop` has them by default."""

_BEAT = """
if (window.cellBeat) clearInterval(window.cellBeat);
window.cellBeat = setInterval(() => { if (!document.hidden) emitEvent('cell_beat'); }, 100);
"""

_JOGS = (("x+", "x-", "y+", "y-", "z+", "z-"), ("rx+", "rx-", "ry+", "ry-", "rz+", "rz-"))
_KEYS = ("WSADQE", "IKJLUO")
"""Keys of the buttons, by their place on an American keyboard."""

_KEYBOARD = """
if (!window.cellKeys) {
  window.cellKeys = true;
  let held = null;
  const touch = (kind) => held.dispatchEvent(new PointerEvent(kind, {bubbles: true}));
  const release = () => { if (held) { touch("pointerup"); held = null; } };
  addEventListener("keydown", (event) => {
    const button = document.querySelector(`[data-key="${event.code}"]`);
    const isOther = event.repeat || event.ctrlKey || event.altKey || event.metaKey;
    if (!button || button.disabled || isOther || event.target.matches("input, textarea")) return;
    release();
    held = button;
    touch("pointerdown");
  });
  addEventListener("keyup", (event) => { if (held && held.dataset.key === event.code) release(); });
  addEventListener("blur", release);
  document.addEventListener("visibilitychange", release);
}
"""
"""A held key is a held button; who looks elsewhere has let go."""


def build(visit: Visit) -> None:
    """Draw the page."""
    operating, person = visit.site.operating, visit.session.number
    if operating is not None:
        ui.on("cell_beat", lambda: operating.beat(person))
        ui.timer(0.3, lambda: ui.run_javascript(_BEAT + _KEYBOARD), once=True)
    with ui.element("div").classes("w-full grid grid-cols-1 md:grid-cols-3 gap-3"):
        with ui.card().classes("md:col-span-2 !p-2"):
            view = ui.element("iframe").props('src="/view/gizmo/" title="3D"').classes("cell-view")
            view.style("height: min(36rem, 62vh)")
        with ui.column().classes("gap-3"):
            _status(visit)
            _jogs(visit)


def _status(visit: Visit) -> None:
    state = visit.site.state
    with ui.card().classes("w-full !p-3 gap-1"):
        with ui.row().classes("w-full items-center gap-2"):
            badge = ui.badge("").classes("text-body2").mark("teleop-state")
            holder = ui.label("").classes("text-caption ellipsis").style("max-width: 14rem")
        with ui.row().classes("w-full gap-2"):
            enable = ui.button(say("teleop.enable"), icon="lock_open", on_click=lambda: visit.give("teleop_enable"))
            disable = ui.button(say("teleop.disable"), icon="lock", on_click=lambda: visit.give("teleop_disable"))
            for button, name in ((enable, "teleop_enable"), (disable, "teleop_disable")):
                button.props("dense no-caps").mark(name)
        with ui.row().classes("w-full gap-1 items-center"):
            ui.label(say("teleop.speed")).classes("text-caption")
            speeds = {
                entry: ui.button(entry, on_click=lambda entry=entry: visit.give("teleop_menu", entry=entry))
                for entry in MENU[:3]
            }
            for button in speeds.values():
                button.props("dense no-caps outline").set_enabled(visit.may("teleop_menu"))
            snap = ui.button(say("teleop.snap"), on_click=lambda: visit.give("teleop_menu", entry=MENU[3]))
            snap.props("dense no-caps flat").set_enabled(visit.may("teleop_menu"))
        with ui.row().classes("w-full gap-2 items-center no-wrap"):
            look = ui.button(say("teleop.look"), icon="visibility", on_click=lambda: visit.give("teleop_look"))
            look.props("dense no-caps outline").mark("teleop_look").set_enabled(visit.may("teleop_look"))
            assist = ui.button(say("teleop.assist"), icon="my_location", on_click=lambda: switch_assist())
            assist.props("dense no-caps").mark("teleop_assist")
            snapped = ui.label("").classes("text-caption").mark("teleop-assist").style("line-height: 1.2")
        leash_text = ui.label("").classes("text-caption")
        leash = ui.linear_progress(0.0, show_value=False, size="0.5rem")
        force_text = ui.label("").classes("text-caption")
        force = ui.linear_progress(0.0, show_value=False, size="0.5rem").props("color=orange")
        limits = ui.label("").classes("text-caption")
        error = ui.label("").classes("text-caption text-negative").mark("teleop-error")

    async def switch_assist() -> None:
        is_on = state.teleop is not None and state.teleop.is_assist_on
        await visit.give("teleop_assist", what="off" if is_on else "on")

    def refresh() -> None:
        seen = state.teleop
        assist.set_enabled(seen is not None and visit.may("teleop_assist"))
        if seen is None:
            badge.text = say("teleop.absent")
            enable.set_enabled(False)
            disable.set_enabled(False)
            return
        badge.text = say(f"teleop.{_STATES[seen.state]}") if seen.state < len(_STATES) else ""
        badge.props(f"color={'positive' if seen.state in (2, 3) else 'grey-7'}")
        holder.text = say("teleop.holder", who=seen.holder) if seen.holder else ""
        enable.set_enabled(seen.state == 0 and visit.may("teleop_enable"))
        disable.set_enabled(seen.state != 0 and visit.may("teleop_disable"))
        for entry, button in speeds.items():
            is_chosen = entry == f"{seen.speed_scale:.0%}"
            button.props(f"color={'primary' if is_chosen else 'grey'}")
        assist.props(f"color={'primary' if seen.is_assist_on else 'grey'}")
        snapped.text = say("teleop.snapped", port=seen.assist_port) if seen.assist_port else seen.assist_reason
        snapped.classes(replace=f"text-caption {'text-positive text-bold' if seen.assist_port else ''}")
        leash_text.text = say("teleop.leash", mm=f"{1000.0 * seen.leash_m:.1f}", limit=f"{1000.0 * _LEASH_M:.0f}")
        leash.value = min(1.0, seen.leash_m / _LEASH_M)
        force_text.text = say("teleop.force", n=f"{seen.force_n:.1f}", limit=f"{_FORCE_N:.0f}")
        force.value = min(1.0, seen.force_n / _FORCE_N)
        acting = [say(f"limit.{name}") for bit, name in _LIMITS if seen.limits & bit]
        limits.text = say("teleop.limits", what=", ".join(acting)) if acting else ""
        error.text = f"{seen.error_msg} [{seen.error_code}]" if seen.error_code else ""

    refresh()
    ui.timer(0.2, refresh)


def _jogs(visit: Visit) -> None:
    with ui.card().classes("w-full !p-3 gap-1"):
        with ui.row().classes("w-full items-center justify-between"):
            ui.label(say("teleop.hold")).classes("text-subtitle2")
            frame = ui.toggle({"tool": say("teleop.tool"), "base": say("teleop.base")}, value="tool")
            frame.props("dense no-caps")
        for row, keys in zip(_JOGS, _KEYS, strict=True):
            with ui.element("div").classes("w-full grid grid-cols-6 gap-1"):
                for direction, key in zip(row, keys, strict=True):
                    button = ui.button(direction.upper()).props(f"dense no-caps unelevated stack data-key=Key{key}")
                    with button:
                        ui.label(key).classes("text-caption").style("opacity: .7; line-height: 1")
                    button.classes("select-none").style("touch-action: none").mark(f"jog-{direction}")
                    button.set_enabled(visit.may("teleop_jog"))
                    _hold(visit, button, direction, lambda: str(frame.value))
        ui.label(say("teleop.hint")).classes("text-caption")


def _hold(visit: Visit, button: ui.button, direction: str, frame: Callable[[], str]) -> None:
    """Move while a button is held, and not a moment longer."""
    operating, session = visit.site.operating, visit.session
    if operating is None:
        return
    held: list[bool] = [False]

    async def press() -> None:
        held[0] = True
        try:
            await visit.site.gateway.run(session, "teleop_jog", direction=direction, frame=frame())
        except WorkcellError as error:
            ui.notify(f"{error} [{error.code}]", type="negative")
            return
        if held[0]:  # not let go of meanwhile
            operating.jog(session.number, session.requester, direction, frame())

    def release() -> None:
        held[0] = False
        operating.release(session.number)

    button.on("pointerdown", press)
    for event in ("pointerup", "pointerleave", "pointercancel"):
        button.on(event, release)
