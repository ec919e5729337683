"""Leads browsers to the live view: pages and WebSocket under `/view/`, behind the gate like everything else."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import viser
from fastapi import FastAPI, WebSocket
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.websockets import WebSocketDisconnect
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from cablecell.console.gate import session_of
from cablecell.console.scene import GIZMO_HEADER, PERSON_HEADER, SECRET_HEADER, SceneView
from cablecell.console.sessions import Sessions

_CLIENT = Path(viser.__file__).parent / "client" / "build"
_GIZMO = "gizmo"
"""Under `/view/`: the same view, with the handle that drags the tool."""

_STYLE = """<style>
.mantine-Notification-root, [data-floating-window], .mantine-Paper-root { display: none !important }
</style>"""
"""viser's own panel and its notes would cover the view; the pages around it have what a person needs."""

_FRAME_LIMIT = 50 * 1024 * 1024
_UPWARD_LIMIT = 65536
"""Largest message of a browser to the live view, B: it sends poses, never files."""


def add_view(app: FastAPI, scene: SceneView, sessions: Sessions, clock: Callable[[], float] = time.time) -> None:
    """Add `/view/` and its WebSocket.

    Args:
        app: Where to.
        scene: The live view.
        sessions: Knows who is logged in.
        clock: Returns the time, s since the epoch.
    """

    @app.get("/view/{path:path}")
    async def page(path: str) -> Response:
        """Return a file of viser's own page."""
        path = path.removeprefix(f"{_GIZMO}/")
        file = (_CLIENT / (path or "index.html")).resolve()
        if not file.is_relative_to(_CLIENT.resolve()) or not file.is_file():
            return PlainTextResponse("not found", 404)
        if file.name == "index.html":
            return HTMLResponse(_page())
        return FileResponse(file)

    @app.websocket("/view/{path:path}")
    @app.websocket("/view")
    async def line(socket: WebSocket, path: str = "") -> None:
        """Relay a WebSocket to viser."""
        offered = [name for name in socket.scope.get("subprotocols", []) if name.startswith("viser-v")]
        session = session_of(socket.scope, sessions, clock())
        if session is None or not offered:
            await socket.close(1008)
            return
        scene.sessions[session.number] = session
        headers = {SECRET_HEADER: scene.secret, PERSON_HEADER: session.number}
        if path.strip("/") == _GIZMO:
            headers[GIZMO_HEADER] = "1"
        async with connect(
            f"ws://127.0.0.1:{scene.port}",
            subprotocols=[Subprotocol(offered[0])],
            additional_headers=headers,
            compression=None,
            max_size=_FRAME_LIMIT,
            proxy=None,
        ) as inner:
            await socket.accept(subprotocol=offered[0])

            async def up() -> None:
                while True:
                    message = await socket.receive_bytes()
                    if len(message) > _UPWARD_LIMIT:
                        return
                    await inner.send(message)

            async def down() -> None:
                async for message in inner:
                    await (socket.send_bytes(message) if isinstance(message, bytes) else socket.send_text(message))

            tasks = [asyncio.create_task(up()), asyncio.create_task(down())]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                for task in tasks:
                    with contextlib.suppress(
                        asyncio.CancelledError, WebSocketDisconnect, ConnectionClosed, KeyError, RuntimeError
                    ):
                        await task


@lru_cache(maxsize=1)
def _page() -> str:
    """Return viser's page."""
    return (_CLIENT / "index.html").read_text(encoding="utf-8").replace("</head>", f"{_STYLE}</head>", 1)
