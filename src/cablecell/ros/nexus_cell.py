"""What the adapter of a line knows of its cell, and what it asks of it: by what an operator's console uses too."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from cablecell_interfaces.msg import CellState, JobStatus, LinkHeartbeat
from cablecell_interfaces.srv import PackmlCommand
from std_srvs.srv import Trigger

from cablecell.core.supervision.line import REQUESTER
from cablecell.core.supervision.packml import Command, Mode, State
from cablecell.ros import qos

_UNABLE = (State.STOPPING, State.STOPPED, State.ABORTING, State.ABORTED, State.CLEARING)
_ABORTED = (State.ABORTING, State.ABORTED, State.CLEARING)
_AT_REST = (State.IDLE, State.COMPLETE, State.RESETTING, State.STOPPED, State.ABORTED, State.CLEARING)
_AGAIN_S = 1.0
"""Time after which something is asked again that was not answered, s."""


class CellLink:
    """Listens to the supervisor and commands it; for the executor's thread only."""

    def __init__(self, node: Any, silence_limit_s: float, hear_job: Callable[[Any], None]) -> None:
        """Create the interfaces.

        Args:
            node: Their owner.
            silence_limit_s: Silence of the supervisor after which the cell counts as down, s.
            hear_job: Gets every `JobStatus`.
        """
        self._node, self._silence_limit_s = node, silence_limit_s
        self._state: Any = None
        self._heard_s = float("-inf")
        self._asked: dict[str, float] = {}
        self._is_held_by_us = False
        self._subscriptions = [
            node.create_subscription(CellState, "cell_state", self._hear_state, qos.STATE),
            node.create_subscription(JobStatus, "job_status", hear_job, qos.STATE),
            node.create_subscription(LinkHeartbeat, "cell/heartbeat", self._hear_beat, qos.HEARTBEAT),
        ]
        self._packml = node.create_client(PackmlCommand, "packml_command")
        self._stop = node.create_client(Trigger, "stop")

    def destroy(self) -> None:
        """Take the interfaces away."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._node.destroy_client(self._packml)
        self._node.destroy_client(self._stop)

    @property
    def unable(self) -> str:
        """Why the cell cannot do a task now; empty where it can."""
        if self._state is None or time.monotonic() - self._heard_s > self._silence_limit_s:
            return "the cell is not up"
        state = State(self._state.state)
        if state in _UNABLE:
            return f"the cell is {state.name}: {self._state.reason}"
        if self._state.mode != Mode.PRODUCTION:
            return f"the cell is in mode {Mode(self._state.mode).name}"
        return ""

    @property
    def job_id(self) -> str:
        """The job that the cell works on; empty for none. At rest the last state still names the last job."""
        if self._state is None or self.is_down or State(self._state.state) in _AT_REST:
            return ""
        return str(self._state.job_id)

    @property
    def is_down(self) -> bool:
        """Whether the supervisor is silent."""
        return time.monotonic() - self._heard_s > self._silence_limit_s

    def stop_all(self) -> None:
        """Stop the arm by its controller and have the cell abort, until it has; to be called again and again."""
        if self._is_due("stop"):
            if self._stop.service_is_ready():
                self._stop.call_async(Trigger.Request())
            if self._state is None or State(self._state.state) not in _ABORTED:
                self._command(Command.ABORT, "emergency stop of the line")

    def pause(self, task_id: str, *, wanted: bool) -> None:
        """Hold the job of a task after what it does, or let it go on where it was held here; called again and again."""
        if self._state is None or self.is_down:
            self._is_held_by_us = False
            return
        state = State(self._state.state)
        if wanted and state is State.EXECUTE and self._state.job_id == task_id and not self._is_held_by_us:
            if self._is_due("hold"):
                self._command(Command.HOLD, "paused by the line", self._note_held)
        elif not wanted and self._is_held_by_us:
            if state is State.HELD and self._is_due("unhold"):
                self._command(Command.UNHOLD, "the line goes on")
            elif state not in (State.HOLDING, State.HELD):
                self._is_held_by_us = False

    def _note_held(self) -> None:
        self._is_held_by_us = True

    def _command(self, command: Command, reason: str, then: Callable[[], None] | None = None) -> None:
        if not self._packml.service_is_ready():
            return
        request = PackmlCommand.Request(command=int(command), requester=REQUESTER, reason=reason)

        def hear(future: Any) -> None:
            answer = future.result()
            if answer.error_code:
                self._node.get_logger().warning(
                    f"{command.name.lower()} was refused, code {answer.error_code}: {answer.error_msg}"
                )
            elif then is not None:
                then()

        self._packml.call_async(request).add_done_callback(hear)

    def _is_due(self, what: str) -> bool:
        now_s = time.monotonic()
        if now_s - self._asked.get(what, float("-inf")) < _AGAIN_S:
            return False
        self._asked[what] = now_s
        return True

    def _hear_state(self, message: Any) -> None:
        self._state = message

    def _hear_beat(self, _: Any) -> None:
        self._heard_s = time.monotonic()
