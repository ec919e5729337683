"""Stops the arm by its controller for an operator, and says so when that may not have happened."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from std_srvs.srv import Trigger

from cablecell.core.errors import WorkcellError
from cablecell.core.teleop.errors import StopUnconfirmedError

SERVICE = "stop"

_TRY_S = 0.5
"""Time after which the stop is asked for again, and an operator is told that it was not confirmed."""

_TRIES = 4
_LOOK_S = 0.05


class ArmStop:
    """Client of the arm controller's `stop`."""

    def __init__(self, node: Any, done: Callable[[WorkcellError | None], None]) -> None:
        """Connect; `done` hears every outcome: None after a stop, otherwise why the arm may still move."""
        self._node, self._done = node, done
        self._client = node.create_client(Trigger, SERVICE)
        self._future: Any = None
        self._asked_s, self._tries_left = 0.0, 0
        self._timer = node.create_timer(_LOOK_S, self._look)
        self._timer.cancel()

    def destroy(self) -> None:
        """Leave the graph."""
        self._node.destroy_timer(self._timer)
        self._node.destroy_client(self._client)

    def ask(self) -> None:
        """Stop the arm, whoever moves it; asks again while there is no answer."""
        self._tries_left = _TRIES
        self._try()
        self._timer.reset()

    def _try(self) -> None:
        self._tries_left -= 1
        self._asked_s = time.monotonic()
        if self._future is not None:
            self._client.remove_pending_request(self._future)
        self._future = self._client.call_async(Trigger.Request()) if self._client.service_is_ready() else None
        if self._future is None:
            self._complain("the arm controller is not there", "not there")

    def _look(self) -> None:
        if self._future is not None and self._future.done():
            answer, self._future = self._future.result(), None
            if answer.success:
                self._timer.cancel()
                self._done(None)
                return
            self._complain(f"the arm controller says: {answer.message}", answer.message)
        if time.monotonic() - self._asked_s < _TRY_S:
            return
        if self._future is not None:
            self._complain(f"the arm controller did not answer within {_TRY_S} s", "no answer")
        if self._tries_left:
            self._try()
        else:
            self._timer.cancel()

    def _complain(self, why: str, value: str) -> None:
        self._done(StopUnconfirmedError(f"the arm may still move: {why}", quantity=SERVICE, value=value))
