"""What the supervisor does about a board, a camera or a grip that is not where it was: nothing new begins."""

from __future__ import annotations

from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus

from cablecell.core.errors import WorkcellError
from cablecell.core.fusion.drift import BoardMovedError
from cablecell.ros import qos
from cablecell.ros.goals import RemoteError

_NAME = ": calibration drift"


class DriftGate:
    """Hears what the drift watch of `port_estimator` finds, and keeps it until an attempt or an insertion would begin.

    What runs is finished: an alarm that a seated plug has raised must not undo the seat. It is kept because the watch
    forgets when the layout is set anew, with which every attempt begins.
    """

    def __init__(self, node: Any) -> None:
        """Begin to listen.

        Args:
            node: The supervisor.
        """
        self._node = node
        self._said: dict[str, str] = {}
        self._pending: WorkcellError | None = None
        self._hearing = node.create_subscription(DiagnosticArray, "diagnostics", self._hear, qos.DIAGNOSTICS)

    def destroy(self) -> None:
        """Stop listening."""
        self._node.destroy_subscription(self._hearing)

    def pass_to_look(self) -> None:
        """Let an attempt begin; that the board was moved is settled by the look with which it does.

        Raises:
            WorkcellError: A camera, the mount or the grip has changed (codes 596 to 598); it is told once.
        """
        if self._pending is not None and self._pending.code == BoardMovedError.code:
            self._pending = None
        self.pass_to_insert()

    def pass_to_insert(self) -> None:
        """Let an insertion begin.

        Raises:
            WorkcellError: Something is not where it was (codes 595 to 598); it is told once.
        """
        error, self._pending = self._pending, None
        if error is not None:
            raise error

    def _hear(self, message: Any) -> None:
        for status in message.status:
            if not status.name.endswith(_NAME):
                continue
            values = {pair.key: pair.value for pair in status.values}
            code = values.get("code", "") if status.level == DiagnosticStatus.ERROR else ""
            if code.isdigit() and code != self._said.get(status.name, ""):
                self._pending = RemoteError.with_code(int(code), status.message)
            self._said[status.name] = code
