"""What every request and every WebSocket has to pass, whatever serves it behind: host, origin, size and login.

A page of any other site, and any program of this machine that shows one, can open connections to a console on loopback
with the cookies of whoever is logged in. So a request that says where it comes from has to come from the console's own
page, a WebSocket and everything that changes something has to say so, and the name by which the console is called has
to be one of its own: that keeps out names that were made to point here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cablecell.console.sessions import COOKIE, Session, Sessions

PUBLIC = frozenset({"/login", "/healthz"})
"""Paths that need no login."""

BODY_LIMIT = 65536
"""Largest body of a request, B: nobody uploads anything."""

_SAFE = frozenset({"GET", "HEAD"})

HEADERS = {
    "x-frame-options": "SAMEORIGIN",
    "x-content-type-options": "nosniff",
    # Not "no-referrer": then the form of the login would not say where it comes from.
    "referrer-policy": "same-origin",
    # The pages are built by scripts inside of them, so these cannot be forbidden; but nothing comes from elsewhere.
    "content-security-policy": (
        "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; frame-ancestors 'self'; form-action 'self'"
    ),
}
"""Sent with every answer."""

_VIOLATION = 1008


class Gate:
    """An ASGI application around another one."""

    def __init__(
        self,
        app: ASGIApp,
        sessions: Sessions,
        hosts: Collection[str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Guard an application.

        Args:
            app: What is guarded; public, because NiceGUI looks there for its own.
            sessions: Knows who is logged in.
            hosts: Names, without a port, by which the console may be called.
            clock: Returns the time, s since the epoch.
        """
        self.app = app
        self._sessions, self._hosts, self._clock = sessions, frozenset(hosts), clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        is_websocket = scope["type"] == "websocket"
        session = session_of(scope, self._sessions, self._clock())
        refusal = self._refusal(scope, session)
        if refusal is not None and is_websocket:
            await send({"type": "websocket.close", "code": _VIOLATION})
        elif refusal is not None:
            await refusal(scope, receive, _with_headers(send))
        elif is_websocket:
            assert session is not None
            line = _Line(receive, send, lambda: self._sessions.is_valid(session, self._clock()))
            await self.app(scope, line.receive, line.send)
        else:
            await self.app(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope, session: Session | None) -> Response | None:
        headers = HTTPConnection(scope).headers
        host, origin = headers.get("host", ""), headers.get("origin")
        is_websocket = scope["type"] == "websocket"
        if _host_name(host) not in self._hosts:
            return PlainTextResponse("this console is not called by that name", 421)
        if origin is None:
            if is_websocket or scope["method"] not in _SAFE:
                return PlainTextResponse("a request that changes something has to say where it comes from", 403)
        elif not _is_same(origin, host):
            return PlainTextResponse("this request comes from a page of somebody else", 403)
        if not is_websocket and (refusal := _size_refusal(headers)) is not None:
            return refusal
        if session is None and scope["path"] not in PUBLIC:
            if not is_websocket and scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
                return RedirectResponse("/login", 303)
            return PlainTextResponse("log in first", 401)
        return None


def session_of(scope: Mapping[str, Any], sessions: Sessions, now_s: float) -> Session | None:
    """Return who sends a request; None where nobody is logged in."""
    cookie: SimpleCookie = SimpleCookie()
    for name, value in scope["headers"]:
        if name == b"cookie":
            try:
                cookie.load(value.decode("latin-1"))
            except CookieError:
                return None
    return sessions.read(cookie[COOKIE].value, now_s) if COOKIE in cookie else None


class _Line:
    """A WebSocket that ends with the session it belongs to."""

    def __init__(self, receive: Receive, send: Send, is_valid: Callable[[], bool]) -> None:
        self._receive, self._send, self._is_valid = receive, send, is_valid
        self._is_closed = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "websocket.receive" and not self._is_valid():
            await self._close()
            return {"type": "websocket.disconnect", "code": _VIOLATION}
        return message

    async def send(self, message: Message) -> None:
        if self._is_closed:
            return
        if message["type"] == "websocket.send" and not self._is_valid():
            await self._close()
            return
        await self._send(message)

    async def _close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            await self._send({"type": "websocket.close", "code": _VIOLATION})


def _size_refusal(headers: Mapping[str, str]) -> Response | None:
    if "transfer-encoding" in headers:
        return PlainTextResponse("say how long it is", 411)
    length = headers.get("content-length", "0")
    if not length.isascii() or not length.isdigit() or int(length) > BODY_LIMIT:
        return PlainTextResponse(f"a request has up to {BODY_LIMIT} B", 413)
    return None


def _host_name(host: str) -> str:
    """Return a `Host` without its port; empty where it is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_same(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc) and parts.netloc.lower() == host.lower()


def _with_headers(send: Send) -> Send:
    async def add(message: Message) -> None:
        if message["type"] == "http.response.start":
            known = {name.lower() for name, _ in message.get("headers", ())}
            more = [(k.encode(), v.encode()) for k, v in HEADERS.items() if k.encode() not in known]
            message = {**message, "headers": [*message.get("headers", ()), *more]}
        await send(message)

    return add
