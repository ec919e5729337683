"""Puts the parts together to one web application: gate, login, commands, pages and live view."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from cablecell.console.errors import ConsoleError, UnknownCommandError
from cablecell.console.gate import Gate, session_of
from cablecell.console.gateway import AuditRow, CommandGateway
from cablecell.console.login import add_login
from cablecell.console.login_limit import LoginLimit
from cablecell.console.sessions import Sessions, Tokens
from cablecell.core.errors import WorkcellError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""Names that always mean this machine."""


@dataclass(frozen=True)
class Doors:
    """What the console needs to know who comes in.

    Attributes:
        tokens: What opens it.
        sessions: Who is in.
        hosts: Names by which it may be called.
        cell_name: Name of the cell.
    """

    tokens: Tokens
    sessions: Sessions
    hosts: Collection[str]
    cell_name: str


def make_web(
    doors: Doors,
    gateway: CommandGateway,
    extend: Callable[[FastAPI], None] = lambda app: None,
    clock: Callable[[], float] = time.time,
) -> ASGIApp:
    """Return the application.

    Args:
        doors: Who comes in.
        gateway: Does the commands.
        extend: Adds pages and live view, last: pages answer for all paths that are left.
        clock: Returns the time, s since the epoch.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    def note(requester: str, what: str, error: ConsoleError | None) -> None:
        code, text = (0, "") if error is None else (error.code, str(error))
        gateway.trail.note(AuditRow(int(clock() * 1e9), requester, what, code, text), is_kept=False)

    add_login(app, doors.tokens, doors.sessions, LoginLimit(), doors.cell_name, note, clock)

    @app.post("/api/command")
    async def command(request: Request) -> Response:
        """Do one command for a script: a JSON object with `command` and its arguments."""
        session = session_of(request.scope, doors.sessions, clock())
        if session is None:
            return JSONResponse({"error_code": 724, "error_msg": "log in first"}, 401)
        try:
            order = await _order(request)
            said = await gateway.run(session, order.pop("command"), **order)
        except WorkcellError as error:
            return JSONResponse({"error_code": error.code, "error_msg": str(error)}, 403 if error.code == 725 else 409)
        return JSONResponse({"error_code": 0, "message": said})

    extend(app)
    return Gate(app, doors.sessions, {*LOOPBACK, *doors.hosts}, clock)


async def _order(request: Request) -> dict[str, str]:
    """Return the body of a request as `command` and what goes with it."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise UnknownCommandError("a command is a JSON object, of type application/json", quantity="content-type")
    try:
        body = await request.json()
    except ValueError as error:
        raise UnknownCommandError(f"a command is a JSON object: {error}", quantity="body") from error
    is_order = isinstance(body, dict) and "command" in body
    if not is_order or not all(isinstance(text, str) for text in body.values()):
        raise UnknownCommandError("a command is a JSON object of texts, with `command` among them", quantity="body")
    return body
