"""Which controllers of a robot run: those of the stream while the cell is connected, the others before and after."""

from __future__ import annotations

from cablecell.core.config.robot import RobotControllers
from cablecell.core.errors import ControllerSwitchError
from cablecell.hardware.transport import ControllerTransport

_ACTIVE = "active"
_LIMIT_S = 5.0
"""Longest time until the controllers are as they must be."""

_ANSWER_S = 1.0
"""Time after which the manager is asked again: one that has not met us yet throws its answer away."""


class ControllerSwitch:
    """Switches controllers through the robot's controller manager, and back."""

    def __init__(self, settings: RobotControllers, transport: ControllerTransport) -> None:
        self._settings, self._transport = settings, transport
        self._undo: tuple[list[str], list[str]] | None = None

    def take(self) -> None:
        """Have the controllers of the stream run, and none that would fight them; does nothing when that is so.

        Raises:
            ControllerSwitchError: The manager refused, has no such controller, or does not answer (code 805).
        """
        transport, settings = self._transport, self._settings
        end_s = transport.now_s() + _LIMIT_S
        while True:
            states = transport.controller_states(_ANSWER_S)
            if states is not None:
                self._require_loaded(states)
                start = [name for name in settings.activate if states[name] != _ACTIVE]
                stop = [name for name in settings.deactivate if states.get(name) == _ACTIVE]
                if not start and not stop:
                    return
                # What the answer was lost of has been done all the same: it is undone as a whole.
                before = self._undo or ([], [])
                self._undo = (sorted({*before[0], *stop}), sorted({*before[1], *start}))
                refused = transport.switch_controllers(start, stop, _ANSWER_S)
                if refused:
                    self._undo = None
                    raise _failed(f"{settings.manager} refused to switch: {refused}", refused)
            if transport.now_s() > end_s:
                what = "does not answer" if states is None else f"has not activated {', '.join(settings.activate)}"
                raise _failed(f"{settings.manager} {what} within {_LIMIT_S} s", what)

    def give_back(self) -> None:
        """Let those run again that ran before; never raises: whoever leaves does not wait for it."""
        if self._undo is not None:
            start, stop = self._undo
            self._undo = None
            self._transport.switch_controllers(start, stop, _ANSWER_S)

    def _require_loaded(self, states: dict[str, str]) -> None:
        for name in self._settings.activate:
            if name not in states:
                found = ", ".join(sorted(states)) or "none"
                raise _failed(f"{self._settings.manager} has no controller '{name}'; loaded are {found}", name)


def _failed(message: str, value: object) -> ControllerSwitchError:
    return ControllerSwitchError(message, quantity="controllers", value=value)
