"""Who may move the arm beside the jobs: one node at a time, and never while a job runs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from cablecell_interfaces.srv import RequestControl

from cablecell.core.errors import NotActiveError, SupervisionError, WorkcellError
from cablecell.ros.error_codes import fill_result


class ArmTakenError(SupervisionError):
    """A job, or a person by teleoperation, has control of the arm; nothing was changed."""

    code = 620


class ControlDesk:
    """Serves `request_control`.

    Attributes:
        holder: Node that has the arm; empty when the jobs have it.
    """

    def __init__(
        self,
        node: Any,
        busy: threading.Lock,
        is_ready: Callable[[], bool],
        is_alive: Callable[[str], bool | None],
        changed: Callable[[str], None],
    ) -> None:
        """Create the service.

        Args:
            node: The supervisor.
            busy: Held while a job runs.
            is_ready: Whether the cell is up and well.
            is_alive: Whether the process of a node exists; None where that is not known.
            changed: Called with a sentence when control changes hands.
        """
        self._node, self._busy, self._changed = node, busy, changed
        self._is_ready, self._is_alive = is_ready, is_alive
        self.holder = ""
        self._was_in_graph = False
        self._service = node.create_service(RequestControl, "request_control", self._answer)

    def destroy(self) -> None:
        """Take the service away."""
        self._node.destroy_service(self._service)

    def require_free(self) -> None:
        """Refuse a job while somebody has the arm; call it with `busy` held.

        Raises:
            ArmTakenError: Somebody has it (code 620).
        """
        self._free_of_the_dead()
        if self.holder:
            raise ArmTakenError(
                f"no job can run: {self.holder} has control of the arm; disable it first",
                quantity="holder",
                value=self.holder,
            )

    def _answer(self, request: Any, response: Any) -> Any:
        try:
            if request.take:
                self._give(request.holder)
            else:
                self._take_back(request.holder)
        except WorkcellError as error:
            self._node.get_logger().warning(f"{request.holder} is refused, code {error.code}: {error}")
            return fill_result(response, error)
        return fill_result(response, None)

    def _give(self, holder: str) -> None:
        if not holder:
            raise ArmTakenError("who asks for control has to say its name", quantity="holder", value="", limit="a name")
        if not self._is_ready():
            raise NotActiveError("the cell is not up; nobody can have the arm")
        # A job holds the lock from before its goal is accepted: either it sees the new holder, or we see the lock.
        if not self._busy.acquire(blocking=False):
            raise ArmTakenError("a job is running; stop it, or wait for its end", quantity="holder", value="job")
        try:
            self._free_of_the_dead()
            if self.holder not in ("", holder):
                raise ArmTakenError(
                    f"{self.holder} has control of the arm", quantity="holder", value=holder, limit=self.holder
                )
            is_new, self.holder = self.holder != holder, holder
            self._was_in_graph = self._is_in_graph(holder)
        finally:
            self._busy.release()
        if is_new:
            self._changed(f"{holder} has control of the arm")

    def _free_of_the_dead(self) -> None:
        if self.holder and self._is_gone(self.holder):
            self._node.get_logger().warning(f"{self.holder} had control of the arm and is gone")
            self.holder = ""

    def _is_gone(self, holder: str) -> bool:
        """Return whether a holder has died: by its process, or else because the graph has lost it.

        A process is unknown when it runs on another machine, or died before its first heartbeat was heard. A holder
        that never was in the graph is a person's own program; nothing is known of it, so it keeps the arm.
        """
        is_alive = self._is_alive(holder)
        if is_alive is not None:
            return not is_alive
        is_in_graph = self._is_in_graph(holder)
        self._was_in_graph = self._was_in_graph or is_in_graph
        return self._was_in_graph and not is_in_graph

    def _is_in_graph(self, holder: str) -> bool:
        return any(
            f"{namespace.rstrip('/')}/{name}" == holder
            for name, namespace in self._node.get_node_names_and_namespaces()
        )

    def _take_back(self, holder: str) -> None:
        if self.holder == holder:
            self.holder = ""
            self._changed(f"{holder} gave the arm back")
        elif self.holder:
            raise ArmTakenError(
                f"{self.holder} has control of the arm; only it can give it back",
                quantity="holder",
                value=holder,
                limit=self.holder,
            )
