"""The one place through which every command of every page goes: session, role, arguments, audit trail."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cablecell.console.errors import RoleError, SessionEndedError, UnknownCommandError
from cablecell.console.sessions import Role, Session, Sessions
from cablecell.core.errors import WorkcellError

Action = Callable[..., str]
"""Does a command: called with the name of who commands and the arguments, blocks, returns what to tell that person.

It raises a `WorkcellError` where the command was refused.
"""

_LENGTH = 200


@dataclass(frozen=True)
class Rule:
    """Who may give a command.

    Attributes:
        role: The lowest role.
        arguments: Names of what goes with it; all are texts.
        is_noted: The cell itself writes it into its ledger, refused or not, once it has been asked.
    """

    role: Role
    arguments: tuple[str, ...] = ()
    is_noted: bool = False


PACKML = ("hold", "unhold", "suspend", "unsuspend", "stop", "abort", "reset", "clear", "complete")
"""Commands that the supervisor takes as they are."""

RULES: Mapping[str, Rule] = {
    # Whoever sees that something goes wrong may stop the arm.
    "stop_arm": Rule(Role.VIEWER),
    **{name: Rule(Role.OPERATOR, is_noted=True) for name in PACKML},
    "mode": Rule(Role.ENGINEER, ("mode",), is_noted=True),
    "start": Rule(Role.OPERATOR, ("recipe",)),
    "release_stop": Rule(Role.OPERATOR),
    "add_job": Rule(Role.OPERATOR, ("recipe", "name", "serials", "priority")),
    "change_job": Rule(Role.OPERATOR, ("job_id", "what")),
    "acknowledge": Rule(Role.OPERATOR, ("alarm",)),
    "teleop_enable": Rule(Role.OPERATOR),
    "teleop_disable": Rule(Role.OPERATOR),
    "teleop_drag": Rule(Role.OPERATOR),
    "teleop_jog": Rule(Role.OPERATOR, ("direction", "frame")),
    "teleop_menu": Rule(Role.OPERATOR, ("entry",)),
    "teleop_assist": Rule(Role.OPERATOR, ("what",)),
    "teleop_look": Rule(Role.OPERATOR),
    "tare": Rule(Role.ENGINEER),
    "roll_back": Rule(Role.ENGINEER, ("kind", "number")),
}
"""Every command there is."""


@dataclass(frozen=True)
class AuditRow:
    """One command, done or refused.

    Attributes:
        stamp_ns: When it was over, ns since the epoch.
        requester: Who gave it.
        command: Its name and arguments.
        error_code: 0, or why it was refused.
        error_msg: The same as a sentence.
    """

    stamp_ns: int
    requester: str
    command: str
    error_code: int
    error_msg: str


class AuditTrail:
    """Keeps a row for each command: the newest in memory, all of them where `keep` puts them."""

    def __init__(self, keep: Callable[[AuditRow], None], length: int = 200) -> None:
        """Begin.

        Args:
            keep: Keeps a row for good; what it raises is the caller's to tell.
            length: How many are kept in memory.
        """
        self._keep = keep
        self._rows: deque[AuditRow] = deque(maxlen=length)

    @property
    def rows(self) -> list[AuditRow]:
        """The newest rows, newest first."""
        return list(reversed(self._rows))

    def note(self, row: AuditRow, *, is_kept: bool) -> None:
        """Take a row; `is_kept` says that the cell has it in its ledger already."""
        self._rows.append(row)
        if not is_kept:
            self._keep(row)


class CommandGateway:
    """Does commands for who may give them."""

    def __init__(
        self,
        sessions: Sessions,
        actions: Mapping[str, Action],
        trail: AuditTrail,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Begin.

        Args:
            sessions: Knows who is logged in.
            actions: What does each command; every one has a rule.
            trail: Gets a row for each.
            clock: Returns the time, s since the epoch.

        Raises:
            ValueError: An action has no rule.
        """
        unruled = set(actions) - set(RULES)
        if unruled:
            raise ValueError(f"commands without a rule: {sorted(unruled)}")
        self._sessions, self._actions, self.trail, self._clock = sessions, actions, trail, clock

    def may(self, session: Session, command: str) -> bool:
        """Return whether somebody's role allows a command; for greying buttons, `run` asks again."""
        return command in self._actions and session.role >= RULES[command].role

    async def run(self, session: Session, command: str, /, **arguments: str) -> str:
        """Do a command, without holding up the pages; return what to tell the person.

        Raises:
            SessionEndedError: Who commands is not logged in any more (code 724).
            RoleError: The role does not allow it (code 725).
            UnknownCommandError: There is no such command, or it takes other arguments (code 726).
            WorkcellError: The cell refused it, with the cell's code.
        """
        is_asked = False
        error: WorkcellError | None = None
        try:
            action = self._require(session, command, arguments)
            is_asked = True
            return await asyncio.to_thread(action, session.requester, **arguments)
        except WorkcellError as refused:
            error = refused
            raise
        finally:
            said = " ".join(
                [f"console {command}"[:_LENGTH], *(f"{k}={v}"[:_LENGTH] for k, v in arguments.items() if v)]
            )
            code, text = (0, "") if error is None else (error.code, str(error))
            row = AuditRow(int(self._clock() * 1e9), session.requester, said, code, text)
            self.trail.note(row, is_kept=is_asked and RULES[command].is_noted)

    def _require(self, session: Session, command: str, arguments: Mapping[str, str]) -> Action:
        if not self._sessions.is_valid(session, self._clock()):
            raise SessionEndedError("the session has ended; log in again", quantity="session")
        if command not in RULES or command not in self._actions:
            names = ", ".join(self._actions)
            raise UnknownCommandError(
                f"there is no command '{command[:_LENGTH]}'; there are {names}", quantity="command", limit=names
            )
        rule = RULES[command]
        if session.role < rule.role:
            raise RoleError(
                f"{command} needs the role {rule.role.name.lower()}; {session.name} is {session.role.name.lower()}",
                quantity="role",
                value=session.role.name.lower(),
                limit=rule.role.name.lower(),
            )
        if set(arguments) != set(rule.arguments):
            wanted = ", ".join(rule.arguments) or "nothing"
            raise UnknownCommandError(f"{command} takes {wanted}", quantity="arguments", limit=wanted)
        for name, text in arguments.items():
            if not isinstance(text, str) or len(text) > _LENGTH or not (text.isprintable() or not text):
                raise UnknownCommandError(
                    f"{name} has to be a text of up to {_LENGTH} printable characters", quantity=name, limit=_LENGTH
                )
        return self._actions[command]
