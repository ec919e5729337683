"""Says in which state the cell is; several threads of the supervisor move it at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from cablecell_interfaces.msg import CellState

from cablecell.core.supervision.cell_states import may_follow


class CellStateTeller:
    """Publishes `cell_state`. Goals, watch, bring-up and executor call it; what it says last is what holds.

    Attributes:
        job_id: Job that is being worked on; empty when there is none.
    """

    def __init__(
        self,
        publish: Callable[[Any], None],
        stamp: Callable[[], Any],
        is_manual: Callable[[], bool],
        log: Callable[[str], object],
    ) -> None:
        """Begin in no state.

        Args:
            publish: Sends the message.
            stamp: Returns the time as a message.
            is_manual: Whether a person has the arm.
            log: Takes a line for every state.
        """
        self._publish, self._stamp, self._is_manual, self._log = publish, stamp, is_manual, log
        self._lock = threading.Lock()
        self._state, self._reason = int(CellState.STATE_UNDEFINED), ""
        self.job_id = ""

    @property
    def reason(self) -> str:
        """Why the cell is where it is."""
        return self._reason

    def enter(self, state: int, reason: str, cause_code: int = 0) -> None:
        """Go to a state and say so; a loss is not undone by what ends after it."""
        with self._lock:
            if may_follow(self._state, state):
                self._say(state, reason, cause_code)

    def stay(self, reason: str) -> None:
        """Say something new about the state the cell is in; after a loss its reason stands."""
        with self._lock:
            if may_follow(self._state, self._state):
                self._say(self._state, reason, 0)

    def _say(self, state: int, reason: str, cause_code: int) -> None:
        message = CellState(
            state=state,
            previous_state=self._state,
            mode=CellState.MODE_MANUAL if self._is_manual() else CellState.MODE_PRODUCTION,
            cause_code=cause_code,
            reason=reason,
            job_id=self.job_id,
        )
        message.header.stamp = self._stamp()
        self._state, self._reason = state, reason
        self._publish(message)
        self._log(f"state {state}: {reason}")
