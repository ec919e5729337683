"""PackML (ISA-TR88.00.02): states, commands and modes of the cell as data, and the machine that keeps to them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from transitions import Machine

from cablecell.core.errors import SupervisionError


class State(IntEnum):
    """States, numbered as `cablecell_interfaces/CellState` and the report number them."""

    CLEARING = 1
    STOPPED = 2
    STARTING = 3
    IDLE = 4
    SUSPENDED = 5
    EXECUTE = 6
    STOPPING = 7
    ABORTING = 8
    ABORTED = 9
    HOLDING = 10
    HELD = 11
    UNHOLDING = 12
    SUSPENDING = 13
    UNSUSPENDING = 14
    RESETTING = 15
    COMPLETING = 16
    COMPLETE = 17


class Command(IntEnum):
    """Commands, numbered as `cablecell_interfaces/PackmlCommand` and the report number them."""

    RESET = 1
    START = 2
    STOP = 3
    HOLD = 4
    UNHOLD = 5
    SUSPEND = 6
    UNSUSPEND = 7
    ABORT = 8
    CLEAR = 9
    COMPLETE = 10


class Mode(IntEnum):
    """Unit modes: jobs run in production only."""

    PRODUCTION = 1
    MAINTENANCE = 2
    MANUAL = 3


_NOT_STOPPED_FROM = {State.STOPPED, State.STOPPING, State.CLEARING, State.ABORTING, State.ABORTED}
_NOT_ABORTED_FROM = {State.ABORTING, State.ABORTED}

COMMANDS: Mapping[Command, Mapping[State, State]] = {
    Command.RESET: {State.STOPPED: State.RESETTING, State.COMPLETE: State.RESETTING},
    Command.START: {State.IDLE: State.STARTING},
    Command.STOP: {state: State.STOPPING for state in State if state not in _NOT_STOPPED_FROM},
    Command.HOLD: {State.EXECUTE: State.HOLDING},
    Command.UNHOLD: {State.HELD: State.UNHOLDING},
    Command.SUSPEND: {State.EXECUTE: State.SUSPENDING},
    Command.UNSUSPEND: {State.SUSPENDED: State.UNSUSPENDING},
    Command.ABORT: {state: State.ABORTING for state in State if state not in _NOT_ABORTED_FROM},
    Command.CLEAR: {State.ABORTED: State.CLEARING},
    Command.COMPLETE: {State.EXECUTE: State.COMPLETING},
}
"""Where each command leads, by the state it is given in; it is refused in every other."""

COMPLETES: Mapping[State, State] = {
    State.STARTING: State.EXECUTE,
    State.EXECUTE: State.COMPLETING,
    State.COMPLETING: State.COMPLETE,
    State.RESETTING: State.IDLE,
    State.HOLDING: State.HELD,
    State.UNHOLDING: State.EXECUTE,
    State.SUSPENDING: State.SUSPENDED,
    State.UNSUSPENDING: State.EXECUTE,
    State.STOPPING: State.STOPPED,
    State.ABORTING: State.ABORTED,
    State.CLEARING: State.STOPPED,
}
"""Where each acting state leads when what it is for is done; the other states wait for a command."""

MODE_CHANGES: frozenset[State] = frozenset({State.STOPPED, State.IDLE, State.ABORTED})
"""States in which the mode may be changed."""

_DONE = "state_complete"


class IllegalCommandError(SupervisionError):
    """A PackML command is not one of those that the state of the cell allows; nothing was changed."""

    code = 621


class IllegalModeError(SupervisionError):
    """The mode cannot be changed now, or does not allow what was asked; nothing was changed."""

    code = 622


class PackmlMachine:
    """The state of one cell; not for several threads at once.

    Attributes:
        mode: Unit mode.
    """

    def __init__(self) -> None:
        """Begin stopped, in production."""
        rows = [
            {"trigger": command.name, "source": source.name, "dest": goal.name}
            for command, goals in COMMANDS.items()
            for source, goal in goals.items()
        ]
        rows += [{"trigger": _DONE, "source": state.name, "dest": goal.name} for state, goal in COMPLETES.items()]
        self._machine = Machine(
            states=[state.name for state in State],
            transitions=rows,
            initial=State.STOPPED.name,
            auto_transitions=False,
        )
        self.mode = Mode.PRODUCTION

    @property
    def state(self) -> State:
        """Where the cell is."""
        return State[str(self._machine.state)]

    @property
    def allowed(self) -> tuple[Command, ...]:
        """Commands that the state allows."""
        return tuple(command for command in Command if self.state in COMMANDS[command])

    def require(self, command: Command) -> None:
        """Do nothing where a command is allowed.

        Raises:
            IllegalCommandError: The state does not allow it (code 621).
        """
        if command not in self.allowed:
            names = ", ".join(allowed.name.lower() for allowed in self.allowed)
            raise IllegalCommandError(
                f"{command.name.lower()} is not possible while the cell is {self.state.name}; "
                f"possible: {names or 'none'}",
                quantity="command",
                value=command.name,
                limit=names,
            )

    def command(self, command: Command) -> State:
        """Give a command; return the state it leads to.

        Raises:
            IllegalCommandError: The state does not allow it (code 621).
        """
        self.require(command)
        self._machine.trigger(command.name)
        return self.state

    def complete(self, state: State) -> bool:
        """Say that what an acting state is for is done; return False where the cell has left that state meanwhile.

        Raises:
            ValueError: It is no acting state.
        """
        if state not in COMPLETES:
            raise ValueError(f"{state.name} waits for a command; nothing in it can be done")
        if self.state is not state:
            return False
        self._machine.trigger(_DONE)
        return True

    def change_mode(self, mode: Mode) -> None:
        """Change the mode.

        Raises:
            IllegalModeError: Not in this state (code 622).
        """
        if self.state not in MODE_CHANGES:
            names = ", ".join(state.name for state in State if state in MODE_CHANGES)
            raise IllegalModeError(
                f"the mode cannot be changed to {mode.name} while the cell is {self.state.name}; it can in {names}",
                quantity="mode",
                value=mode.name,
                limit=names,
            )
        self.mode = mode
