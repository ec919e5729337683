"""The gate in front of the console, request by request: host, origin, size, login, cookie, headers."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from cablecell.console.gate import BODY_LIMIT
from cablecell.console.gateway import RULES, AuditTrail, CommandGateway
from cablecell.console.sessions import COOKIE, Role, Sessions, load_tokens
from cablecell.console.web import Doors, make_web

HERE = "http://127.0.0.1:8080"
FORM = {"content-type": "application/x-www-form-urlencoded", "origin": HERE}


class House:
    """A console without a cell."""

    def __init__(self, folder):
        self.tokens = load_tokens(folder / "console.json")
        self.sessions = Sessions(self.tokens.cookie_key, 3600.0)
        self.kept, self.done = [], []
        self.now_s = 1000.0
        actions = {name: lambda who, name=name, **arguments: self.done.append(name) or "done" for name in RULES}
        self.gateway = CommandGateway(self.sessions, actions, AuditTrail(self.kept.append), self.clock)
        doors = Doors(self.tokens, self.sessions, ["cell.example"], "cell <7>")
        self.web = make_web(doors, self.gateway, self._pages, self.clock)

    def clock(self):
        return self.now_s

    @staticmethod
    def _pages(app):
        @app.get("/")
        async def home():
            return "the cell"

    def ask(self, method, path, *, cookie="", **words):
        async def send():
            transport = httpx.ASGITransport(self.web, client=("192.0.2.1", 5000))
            cookies = {COOKIE: cookie} if cookie else None
            async with httpx.AsyncClient(transport=transport, base_url=HERE, cookies=cookies) as client:
                return await client.request(method, path, **words)

        return asyncio.run(send())

    def log_in(self, token, name="Anna", **headers):
        return self.ask("POST", "/login", data={"name": name, "token": token}, headers={**FORM, **headers})

    def cookie(self, role):
        return self.sessions.begin("Anna", role, self.now_s)[1]

    def command(self, cookie, body, **headers):
        given = {"origin": HERE, "content-type": "application/json", **headers}
        return self.ask("POST", "/api/command", cookie=cookie, content=body, headers=given)


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


class TestWithoutLogin:
    def test_a_browser_is_led_to_the_login_and_a_program_is_refused(self, house):
        answer = house.ask("GET", "/", headers={"accept": "text/html"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
        for path in ("/", "/view/", "/api/camera.jpg", "/_nicegui/3/static/nicegui.js", "/docs", "/openapi.json"):
            assert house.ask("GET", path).status_code == 401
        assert house.command("", '{"command": "stop_arm"}').status_code == 401
        assert house.done == []

    def test_health_says_nothing_about_the_cell(self, house):
        assert house.ask("GET", "/healthz").json() == {"status": "ok"}

    def test_the_page_of_the_login_escapes_what_it_shows(self, house):
        page = house.ask("GET", "/login")
        assert page.status_code == 200
        assert "cell &lt;7&gt;" in page.text
        assert "<7>" not in page.text


class TestLogin:
    def test_a_token_is_exchanged_for_a_cookie_that_scripts_and_other_sites_cannot_use(self, house):
        answer = house.log_in(house.tokens.by_role[Role.OPERATOR])
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        words = {word.strip().lower() for word in answer.headers["set-cookie"].split(";")}
        assert {"httponly", "samesite=strict", "path=/", "max-age=3600"} <= words
        assert house.tokens.by_role[Role.OPERATOR] not in answer.headers["set-cookie"]
        cookie = answer.cookies[COOKIE]
        assert house.ask("GET", "/", cookie=cookie).text == '"the cell"'
        assert [(row.requester, row.command) for row in house.kept] == [("Anna (operator, console)", "console login")]

    def test_a_wrong_token_is_refused_and_kept_without_it(self, house):
        answer = house.log_in("secret-guess")
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
        assert [(row.requester, row.error_code) for row in house.kept] == [("somebody at 192.0.2.1", 722)]
        assert "secret-guess" not in repr(house.kept) + answer.text

    def test_it_is_closed_after_five_failures_also_for_the_right_token(self, house):
        for _ in range(5):
            assert house.log_in("wrong").status_code == 401
        assert house.log_in(house.tokens.by_role[Role.VIEWER]).status_code == 429
        house.now_s += 61.0
        assert house.log_in(house.tokens.by_role[Role.VIEWER]).status_code == 303

    @pytest.mark.parametrize("body", [b"", b"token", b"&&&&&&&&&&&&&&&", b"\xff=\xfe", b"name=a&name=b&token="])
    def test_what_is_no_form_is_a_failed_login(self, house, body):
        assert house.ask("POST", "/login", content=body, headers=FORM).status_code == 401

    def test_a_logged_out_cookie_is_worth_nothing(self, house):
        cookie = house.cookie(Role.ENGINEER)
        assert house.ask("POST", "/logout", cookie=cookie, headers={"origin": HERE}).status_code == 303
        assert house.ask("GET", "/", cookie=cookie).status_code == 401
        assert house.command(cookie, '{"command": "stop_arm"}').status_code == 401


class TestOriginAndHost:
    @pytest.mark.parametrize(
        "origin",
        ["http://evil.example", "http://127.0.0.1:3000", "http://localhost:8080", "null", "file://", "", "http://["],
    )
    def test_a_request_from_a_page_of_somebody_else_is_refused_whatever_it_asks(self, house, origin):
        cookie = house.cookie(Role.ENGINEER)
        assert house.command(cookie, '{"command": "stop_arm"}', origin=origin).status_code == 403
        assert house.ask("GET", "/", cookie=cookie, headers={"origin": origin}).status_code == 403
        assert house.log_in(house.tokens.by_role[Role.VIEWER], origin=origin).status_code == 403
        assert house.done == []

    def test_what_changes_something_has_to_say_where_it_comes_from(self, house):
        headers = {"content-type": "application/json"}
        answer = house.ask(
            "POST", "/api/command", cookie=house.cookie(Role.ENGINEER), content='{"command": "hold"}', headers=headers
        )
        assert answer.status_code == 403
        assert house.done == []

    @pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "", "[", "a@b"])
    def test_a_name_that_was_made_to_point_here_is_refused(self, house, host):
        answer = house.ask("GET", "/", cookie=house.cookie(Role.ENGINEER), headers={"host": host})
        assert answer.status_code == 421

    @pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "[::1]:8080", "cell.example"])
    def test_its_own_names_are_served(self, house, host):
        assert house.ask("GET", "/", cookie=house.cookie(Role.VIEWER), headers={"host": host}).status_code == 200


class TestCommand:
    def test_the_server_asks_for_the_role(self, house):
        refused = house.command(house.cookie(Role.VIEWER), '{"command": "hold"}')
        assert (refused.status_code, refused.json()["error_code"]) == (403, 725)
        assert house.done == []
        assert house.command(house.cookie(Role.VIEWER), '{"command": "stop_arm"}').json()["error_code"] == 0
        assert house.command(house.cookie(Role.OPERATOR), '{"command": "hold"}').status_code == 200
        assert house.done == ["stop_arm", "hold"]

    @pytest.mark.parametrize(
        "body",
        ["", "[]", "hold", '{"comand": "hold"}', '{"command": 3}', '{"command": "hold", "session": "x"}', '{"a": {}}'],
    )
    def test_what_is_no_command_is_refused(self, house, body):
        answer = house.command(house.cookie(Role.ENGINEER), body)
        assert (answer.status_code, answer.json()["error_code"]) == (409, 726)
        assert house.done == []

    def test_a_form_of_a_page_elsewhere_cannot_be_a_command(self, house):
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
            answer = house.command(house.cookie(Role.ENGINEER), '{"command": "hold"}', **{"content-type": kind})
            assert answer.json()["error_code"] == 726
        assert house.done == []

    def test_nobody_uploads_anything(self, house):
        answer = house.command(house.cookie(Role.ENGINEER), "x" * (BODY_LIMIT + 1))
        assert answer.status_code == 413
        assert house.command(house.cookie(Role.ENGINEER), "{}", **{"content-length": "-1"}).status_code == 413

        async def endless():
            yield b"x"

        answer = house.ask(
            "POST", "/login", content=endless(), headers={"origin": HERE, "transfer-encoding": "chunked"}
        )
        assert answer.status_code == 411


def test_every_answer_forbids_frames_of_others_and_content_from_elsewhere(house):
    for answer in (house.ask("GET", "/login"), house.ask("GET", "/"), house.ask("GET", "/", headers={"host": "evil"})):
        assert answer.headers["x-frame-options"] == "SAMEORIGIN"
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
