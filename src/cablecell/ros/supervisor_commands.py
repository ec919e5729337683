"""Serves `packml_command`: what an operator, a script or a line tells the cell."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from cablecell_interfaces.srv import PackmlCommand
from std_srvs.srv import Trigger

from cablecell.core.errors import SupervisionError, WorkcellError
from cablecell.core.supervision.health import LostNode, NodeLostError
from cablecell.core.supervision.packml import Command, Mode, State
from cablecell.ros.error_codes import fill_result
from cablecell.ros.goals import call
from cablecell.ros.supervisor_control import ArmTakenError
from cablecell.ros.supervisor_state import CellStateTeller

_CLEAR_S = 5.0
"""Longest time the arm takes to leave its stop, s."""

_NOTHING = "nothing"


class NothingToStartError(SupervisionError):
    """Start was commanded, and no job is waiting; nothing was changed."""

    code = 624


class BadCommandRequestError(SupervisionError):
    """A request of `packml_command` names no command and no mode, both, an unknown one, or nobody who asks."""

    code = 625


class CommandDesk:
    """Does PackML commands: legal ones at once, all others are refused and change nothing."""

    def __init__(
        self,
        node: Any,
        cell: CellStateTeller,
        *,
        stop_arm: Callable[[], None],
        is_up: Callable[[], bool],
        is_job_running: Callable[[], bool],
        lost: Callable[[], LostNode | None],
        holder: Callable[[], str],
        note: Callable[[str, str, str, WorkcellError | None], None],
    ) -> None:
        """Create the service.

        Args:
            node: The supervisor.
            cell: State of the cell.
            stop_arm: Tells the arm to stop, without waiting.
            is_up: Whether all nodes are up.
            is_job_running: Whether a job is there to see to its end itself.
            lost: The node that was lost, if one was.
            holder: Who has the arm; empty for nobody.
            note: Keeps who asked, what, why, and why it was refused, or None.
        """
        self._note = note
        self._node, self._cell = node, cell
        self._stop_arm, self._is_up, self._is_job_running = stop_arm, is_up, is_job_running
        self._lost, self._holder = lost, holder
        self._clear_stop = node.create_client(Trigger, "clear_stop")
        self._service = node.create_service(PackmlCommand, "packml_command", self._answer)

    def destroy(self) -> None:
        """Take the service away."""
        self._node.destroy_service(self._service)
        self._node.destroy_client(self._clear_stop)

    def _answer(self, request: Any, response: Any) -> Any:
        error: WorkcellError | None = None
        try:
            self._do(request)
        except WorkcellError as refused:
            error = refused
        is_question = not request.requester and _name(request) == _NOTHING  # only the state is asked for
        if not is_question:
            if error is not None:
                who = request.requester or "somebody"
                self._node.get_logger().warning(f"{who} is refused, code {error.code}: {error}")
            self._note(request.requester, _name(request), request.reason, error)
        response.state, response.mode = int(self._cell.state), int(self._cell.mode)
        return fill_result(response, error)

    def _do(self, request: Any) -> None:
        asked = (request.command != PackmlCommand.Request.COMMAND_NONE) + (request.mode != 0)
        if asked != 1:
            what = "neither a command nor a mode" if asked == 0 else "a command and a mode at once"
            raise BadCommandRequestError(f"the request has {what}; it must have one of them", quantity="command")
        if not request.requester:
            raise BadCommandRequestError("who asks has to say its name", quantity="requester", limit="a name")
        try:
            command, mode = Command(request.command or Command.RESET), Mode(request.mode or Mode.PRODUCTION)
        except ValueError as error:
            raise BadCommandRequestError(str(error), quantity="command", value=request.command) from error
        why = f": {request.reason}" if request.reason else ""
        if request.mode:
            self._change_mode(mode, f"mode {mode.name.lower()} by {request.requester}{why}")
        else:
            self._command(command, f"{command.name.lower()} by {request.requester}{why}")

    def _change_mode(self, mode: Mode, reason: str) -> None:
        holder = self._holder()
        if holder:
            raise ArmTakenError(
                f"{holder} has control of the arm, which is manual mode", quantity="mode", value=mode.name
            )
        self._cell.change_mode(mode, reason)

    def _command(self, command: Command, reason: str) -> None:
        lost = self._lost()
        if lost is not None and command is not Command.ABORT:
            raise NodeLostError(f"the cell ends, because {lost.reason}; start it again")
        if command is Command.START and self._cell.state is State.IDLE:
            raise NothingToStartError("no job is waiting; a job starts by the action run_job")
        if command is Command.ABORT:
            self._stop_arm()  # before anything else, and also where the cell has aborted already
        self._cell.command(command, reason)
        if command is Command.ABORT:
            self._cell.complete(State.ABORTING, reason)
        elif command is Command.CLEAR:
            threading.Thread(target=self._clear, args=(reason,), name="clear", daemon=True).start()
        elif command is Command.STOP and not self._is_job_running():
            self._cell.complete(State.STOPPING, reason)
        elif command is Command.RESET and self._is_up():
            self._cell.complete(State.RESETTING, reason)

    def _clear(self, reason: str) -> None:
        """Let the arm out of its stop; where it does not go, the cell is aborted again."""
        try:
            answer = call(self._clear_stop, Trigger.Request(), _CLEAR_S)
        except WorkcellError as error:
            self._cell.abort(f"clearing failed: {error}", error.code)
            return
        if answer.success:
            self._cell.complete(State.CLEARING, reason)
        else:
            self._cell.abort(f"the arm stays stopped: {answer.message}", SupervisionError.code)


def _name(request: Any) -> str:
    """Return what a request asks for, as it is kept."""
    names = {int(command): command.name.lower() for command in Command}
    modes = {int(mode): f"mode {mode.name.lower()}" for mode in Mode}
    command = names.get(request.command, f"command {request.command}") if request.command else ""
    mode = modes.get(request.mode, f"mode {request.mode}") if request.mode else ""
    return " and ".join(part for part in (command, mode) if part) or _NOTHING
