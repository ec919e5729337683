"""Registers the cell with the system orchestrator of its line, and again where that was restarted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nexus_orchestrator_msgs.srv import RegisterWorkcell

SERVICE = "/register_workcell"


class Registration:
    """Asks to be registered until it is; for the executor's thread only.

    Attributes:
        is_registered: Whether the orchestrator that is there has taken the cell.
    """

    def __init__(self, node: Any, describe: Callable[[], Any], may_register: Callable[[], bool]) -> None:
        """Create the client.

        Args:
            node: Owner.
            describe: Returns the `WorkcellDescription`.
            may_register: Whether the cell is up: before that it does not offer itself.
        """
        self._node, self._describe, self._may_register = node, describe, may_register
        self._client = node.create_client(RegisterWorkcell, SERVICE)
        self._pending: Any = None
        self._said = ""
        self.is_registered = False

    def destroy(self) -> None:
        """Take the client away."""
        self._node.destroy_client(self._client)

    def attempt(self) -> None:
        """Ask, where that is to be done; called at a fixed rate."""
        if not self._client.service_is_ready():
            self.is_registered = False  # whoever comes next does not know us
            self._say(f"no system orchestrator serves {SERVICE} yet")
            return
        if self.is_registered or not self._may_register():
            return
        if self._pending is not None:
            self._client.remove_pending_request(self._pending)
        self._pending = self._client.call_async(RegisterWorkcell.Request(description=self._describe()))
        self._pending.add_done_callback(self._hear)

    def _hear(self, future: Any) -> None:
        self._pending = None
        answer = future.result()
        self.is_registered = bool(answer.success)
        if answer.success:
            self._say("registered with the system orchestrator")
        else:
            why = "is not ready" if answer.error_code == answer.ERROR_NOT_READY else "refused"
            self._say(f"the system orchestrator {why}: {answer.message}")

    def _say(self, text: str) -> None:
        if text != self._said:
            self._said = text
            self._node.get_logger().info(text)
