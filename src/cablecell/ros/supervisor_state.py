"""Says in which state the cell is; several threads of the supervisor move it at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from cablecell_interfaces.msg import CellState

from cablecell.core.supervision.packml import Command, Mode, PackmlMachine, State


class CellStateTeller:
    """Keeps the PackML state and publishes `cell_state`. Goals, watch, bring-up and executor call it.

    Attributes:
        job_id: Job that is being worked on; empty when there is none.
    """

    def __init__(
        self,
        publish: Callable[[Any], None],
        stamp: Callable[[], Any],
        is_manual: Callable[[], bool],
        log: Callable[[str], object],
        note: Callable[[Any], object] | None = None,
    ) -> None:
        """Begin stopped, and say so.

        Args:
            publish: Sends the message.
            stamp: Returns the time as a message.
            is_manual: Whether a person has the arm.
            log: Takes a line for every state.
            note: Keeps every message for good, after it was published.
        """
        self._note = note
        self._publish, self._stamp, self._is_manual, self._log = publish, stamp, is_manual, log
        self._changed = threading.Condition()
        self._machine = PackmlMachine()
        self._reason = ""
        self.job_id = ""
        with self._changed:
            self._say(int(CellState.STATE_UNDEFINED), "configured", 0)

    @property
    def state(self) -> State:
        """Where the cell is."""
        return self._machine.state

    @property
    def mode(self) -> Mode:
        """The unit mode: manual while a person has the arm."""
        return Mode.MANUAL if self._is_manual() else self._machine.mode

    @property
    def reason(self) -> str:
        """Why the cell is where it is."""
        return self._reason

    def require(self, command: Command) -> None:
        """Do nothing where a PackML command is allowed.

        Raises:
            IllegalCommandError: The state does not allow it (code 621).
        """
        self._machine.require(command)

    def command(self, command: Command, reason: str, cause_code: int = 0) -> State:
        """Give a PackML command; return the state it leads to.

        Raises:
            IllegalCommandError: The state does not allow it (code 621); nothing was said.
        """
        with self._changed:
            before = self.state
            after = self._machine.command(command)
            self._say(before, reason, cause_code)
            return after

    def complete(self, state: State, reason: str, cause_code: int = 0) -> bool:
        """Leave an acting state whose work is done; return False where somebody led the cell elsewhere meanwhile."""
        with self._changed:
            if not self._machine.complete(state):
                return False
            self._say(state, reason, cause_code)
            return True

    def abort(self, reason: str, cause_code: int) -> None:
        """Be aborted, for a reason that stands; nothing where the cell already is."""
        with self._changed:
            if Command.ABORT in self._machine.allowed:
                self.command(Command.ABORT, reason, cause_code)
            self.complete(State.ABORTING, reason, cause_code)

    def change_mode(self, mode: Mode, reason: str) -> None:
        """Change the unit mode.

        Raises:
            IllegalModeError: Not in this state (code 622).
        """
        with self._changed:
            self._machine.change_mode(mode)
            self._say(self.state, reason, 0)

    def stay(self, reason: str) -> None:
        """Say something new about the state the cell is in; after a loss its reason stands."""
        with self._changed:
            if self.state not in (State.ABORTING, State.ABORTED):
                self._say(self.state, reason, 0)

    def wait_while(self, state: State, timeout_s: float) -> None:
        """Return when the cell is no longer in a state, or after a time."""
        with self._changed:
            self._changed.wait_for(lambda: self.state is not state, timeout_s)

    def _say(self, before: int, reason: str, cause_code: int) -> None:
        message = CellState(
            state=int(self.state),
            previous_state=int(before),
            mode=int(self.mode),
            cause_code=cause_code,
            reason=reason,
            job_id=self.job_id,
        )
        message.header.stamp = self._stamp()
        self._reason = reason
        self._publish(message)
        self._log(f"{self.state.name}: {reason}")
        if self._note is not None:
            self._note(message)
        self._changed.notify_all()
