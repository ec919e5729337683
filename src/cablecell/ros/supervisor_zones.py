"""What the supervisor does about zones of people: keeps every change, and ends the attempt that a stop cut short."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray

from cablecell.core.control.zones import ZoneHoldError
from cablecell.core.errors import WorkcellError
from cablecell.ros import qos

_NAME = ": zones"


class ZoneWatch:
    """Hears on `/diagnostics` what the zones of `arm_controller` ask for."""

    def __init__(
        self,
        node: Any,
        note: Callable[[str, str, str, WorkcellError | None], None],
        interrupt: Callable[[WorkcellError], None],
    ) -> None:
        """Begin to listen.

        Args:
            node: The supervisor.
            note: Keeps a change: who, what, why, and the error where the arm was stopped.
            interrupt: Ends the attempt that is being made.
        """
        self._node, self._note, self._interrupt = node, note, interrupt
        self._said: dict[str, str] = {}
        self._hearing = node.create_subscription(DiagnosticArray, "diagnostics", self._hear, qos.DIAGNOSTICS)

    def destroy(self) -> None:
        """Stop listening."""
        self._node.destroy_subscription(self._hearing)

    def _hear(self, message: Any) -> None:
        for status in message.status:
            if not status.name.endswith(_NAME) or self._said.get(status.name) == status.message:
                continue
            values = {pair.key: pair.value for pair in status.values}
            was_held = "stopped by" in self._said.get(status.name, "")
            self._said[status.name] = status.message
            error = ZoneHoldError(status.message) if values.get("held_by") else None
            self._note(status.name, "zones", status.message, error)
            if error is not None and not was_held:
                self._interrupt(error)
