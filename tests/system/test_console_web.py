"""The console as a server, without a cell: every WebSocket it has, and who gets through to it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from types import SimpleNamespace

import httpx
import pytest
import uvicorn
import viser
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from cablecell.console.gateway import RULES, AuditTrail, CommandGateway
from cablecell.console.pages.shared import Site
from cablecell.console.pages.site import add_pages
from cablecell.console.proxy import add_view
from cablecell.console.scene import SceneView
from cablecell.console.sessions import COOKIE, Role, Sessions, load_tokens
from cablecell.console.state import ConsoleState
from cablecell.console.web import Doors, make_web
from cablecell.core.config.console import ConsoleParameters
from tests.support.console_desk import told
from tests.support.wait import wait_until

VISER = Subprotocol(f"viser-v{viser.__version__}")
SOCKETS = {
    "NiceGUI": ("/_nicegui_ws/socket.io/?EIO=4&transport=websocket", None),
    "live view": ("/view/", [VISER]),
}


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    tokens = load_tokens(tmp_path_factory.mktemp("state") / "console.json")
    sessions = Sessions(tokens.cookie_key, 3600.0)
    done = []
    actions = {name: lambda who, name=name, **arguments: done.append(name) or "done" for name in RULES}
    gateway = CommandGateway(sessions, actions, AuditTrail(lambda row: None))
    scene = SceneView()
    settings = ConsoleParameters()
    site = Site(settings, ConsoleState(), gateway, sessions, told(settings))

    def extend(app):
        add_view(app, scene, sessions)
        add_pages(app, site)

    web = make_web(Doors(tokens, sessions, [], "cell"), gateway, extend)
    server = uvicorn.Server(uvicorn.Config(web, port=0, log_level="warning", lifespan="on", ws="websockets-sansio"))
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started, what="the server")
    port = server.servers[0].sockets[0].getsockname()[1]
    yield SimpleNamespace(
        here=f"127.0.0.1:{port}",
        scene=scene,
        sessions=sessions,
        cookie=lambda role=Role.VIEWER: sessions.begin("Anna", role, time.time()),
    )
    server.should_exit = True
    thread.join()
    scene.close()


def _connect(house, name, *, cookie=None, origin="same", host=None):
    path, subprotocols = SOCKETS[name]
    headers = {} if cookie is None else {"cookie": f"{COOKIE}={cookie}"}
    given = f"http://{house.here}" if origin == "same" else origin
    return connect(
        f"ws://{host or house.here}{path}",
        origin=given,
        additional_headers=headers,
        subprotocols=subprotocols,
        proxy=None,
        open_timeout=20.0,
    )


def _talk(line, message=None):
    """Listen, and say something each time if there is something to say, until the line ends."""
    for _ in range(1000):
        if message is not None:
            line.send(message)
        line.recv(timeout=20.0)


@pytest.mark.parametrize("name", SOCKETS)
class TestEveryWebSocket:
    def test_opens_for_a_page_of_the_console(self, house, name):
        with _connect(house, name, cookie=house.cookie()[1]) as line:
            assert line.recv(timeout=20.0)

    @pytest.mark.parametrize("origin", [None, "http://evil.example", "http://127.0.0.1:1", "https://localhost", "null"])
    def test_refuses_pages_of_others_with_the_cookie_of_an_engineer(self, house, name, origin):
        with pytest.raises(InvalidStatus) as refused:
            _connect(house, name, cookie=house.cookie(Role.ENGINEER)[1], origin=origin)
        assert refused.value.response.status_code == 403

    @pytest.mark.parametrize("cookie", [None, "", "forged.0000"])
    def test_refuses_who_is_not_logged_in(self, house, name, cookie):
        with pytest.raises(InvalidStatus) as refused:
            _connect(house, name, cookie=cookie)
        assert refused.value.response.status_code == 403

    def test_ends_with_the_session(self, house, name):
        session, cookie = house.cookie()
        with _connect(house, name, cookie=cookie) as line:
            line.recv(timeout=20.0)
            house.sessions.end(session, 0.0)
            with pytest.raises(ConnectionClosed):
                _talk(line, b"\x80" if name == "live view" else "3")


class TestPolling:
    """NiceGUI's sockets fall back to plain requests, which need no WebSocket."""

    PATH = "/_nicegui_ws/socket.io/?EIO=4&transport=polling"

    def ask(self, house, cookie, **headers):
        with httpx.Client(base_url=f"http://{house.here}", cookies={COOKIE: cookie}) as client:
            return client.get(self.PATH, headers=headers)

    def test_is_as_closed_as_the_sockets(self, house):
        cookie = house.cookie(Role.ENGINEER)[1]
        assert self.ask(house, cookie).status_code == 200
        assert self.ask(house, "").status_code == 401
        assert self.ask(house, cookie, origin="http://evil.example").status_code == 403


class TestLiveView:
    def test_a_file_outside_of_its_folder_is_not_there(self, house):
        with httpx.Client(base_url=f"http://{house.here}", cookies={COOKIE: house.cookie()[1]}) as client:
            assert "<html" in client.get("/view/").text
            for path in ("/view/..%2f..%2f__init__.py", "/view/%2fetc%2fpasswd", "/view/nothing.js"):
                assert client.get(path).status_code == 404

    @pytest.mark.parametrize("headers", [{}, {"x-cablecell-view": "guess"}, {"x-cablecell-session": "1"}])
    def test_who_goes_past_the_console_is_cut_off_and_is_nobody(self, house, headers):
        before = dict(house.scene.people)
        with connect(
            f"ws://127.0.0.1:{house.scene.port}", additional_headers=headers, subprotocols=[VISER], proxy=None
        ) as line:
            with pytest.raises(ConnectionClosed) as closed:
                _talk(line)
            assert closed.value.rcvd.code == 1008
        assert house.scene.people == before

    def test_no_message_opens_a_tunnel_to_the_outside(self, house):
        assert house.scene._server.request_share_url() is None
        assert house.scene._server._share_tunnel is None

    def test_people_are_known_by_their_session(self, house):
        session, cookie = house.cookie()
        with _connect(house, "live view", cookie=cookie) as line:
            line.recv(timeout=20.0)
            wait_until(lambda: session.number in house.scene.people.values(), what="the person")
        wait_until(lambda: session.number not in house.scene.people.values(), what="the end of the person")

    def test_a_message_without_measure_ends_the_line(self, house):
        with _connect(house, "live view", cookie=house.cookie()[1]) as line:
            with contextlib.suppress(ConnectionClosed):
                line.send(b"x" * 100_000)
            with pytest.raises(ConnectionClosed):
                _talk(line)


def test_pages_need_the_login_and_tell_what_they_are(house):
    async def ask(cookie):
        async with httpx.AsyncClient(base_url=f"http://{house.here}", cookies={COOKIE: cookie}) as client:
            return await client.get("/", headers={"accept": "text/html"})

    assert asyncio.run(ask("")).status_code == 303
    page = asyncio.run(ask(house.cookie()[1]))
    assert page.status_code == 200
    assert "STOP" in page.text
