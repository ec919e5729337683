"""The page of the login, and what becomes of it: the only part of the console that strangers reach."""

from __future__ import annotations

import html
import time
from collections.abc import Callable
from urllib.parse import parse_qs

from fastapi import FastAPI, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from cablecell.console.errors import ConsoleError, LoginRateError, LoginRefusedError
from cablecell.console.gate import session_of
from cablecell.console.login_limit import LoginLimit
from cablecell.console.sessions import COOKIE, Sessions, Tokens
from cablecell.console.texts import LANGUAGE, choose_language, say, speaking

_PAGE = """<!doctype html>
<html lang="{lang}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>
:root {{ color-scheme: light dark; font-family: system-ui, sans-serif }}
body {{ display: grid; place-items: center; min-height: 100vh; margin: 0; background: light-dark(#eef1f4, #14181c) }}
form {{ display: grid; gap: .8rem; width: min(22rem, 84vw); padding: 2rem; border-radius: .6rem;
  background: light-dark(#fff, #1f252b) }}
h1 {{ font-size: 1.3rem; margin: 0 }} label {{ display: grid; gap: .25rem; font-size: .9rem }}
input, button {{ font: inherit; padding: .6rem; border-radius: .3rem; border: 1px solid #8a949e }}
button {{ background: #1565c0; color: #fff; border: 0; cursor: pointer }} p {{ margin: 0; font-size: .85rem }}
.error {{ color: light-dark(#b00020, #ff8a80) }}
</style></head><body><form method="post" action="/login">
<h1>{title}</h1>
<label>{name}<input name="name" maxlength="40" required autocomplete="username" autofocus></label>
<label>{token}<input name="token" type="password" required autocomplete="current-password"></label>
<p class="error" role="alert">{error}</p>
<button type="submit">{enter}</button><p>{hint}</p></form>
<script>
// A link of the launcher has the token behind its #, which browsers send to nobody.
function take() {{
  if (location.hash.length < 2) return;
  document.querySelector("[name=token]").value = decodeURIComponent(location.hash.slice(1));
  history.replaceState(null, "", "/login");
}}
take();
addEventListener("hashchange", take);
</script></body></html>"""


def add_login(
    app: FastAPI,
    tokens: Tokens,
    sessions: Sessions,
    limit: LoginLimit,
    cell_name: str,
    note: Callable[[str, str, ConsoleError | None], None],
    clock: Callable[[], float] = time.time,
) -> None:
    """Add `/login`, `/logout` and `/healthz`.

    Args:
        app: Where to.
        tokens: What opens the console.
        sessions: Makes and ends sessions.
        limit: How often it may fail.
        cell_name: For the title.
        note: Keeps who tried what, and why it was refused, or None.
        clock: Returns the time, s since the epoch.
    """

    def page(request: Request, error: str = "", status: int = 200) -> Response:
        lang = choose_language(request.cookies.get(LANGUAGE, ""), request.headers.get("accept-language", ""))
        with speaking(lang):
            texts = {key: say(f"login.{key}", cell=cell_name) for key in ("title", "name", "token", "enter", "hint")}
        escaped = {key: html.escape(text) for key, text in {**texts, "error": error, "lang": lang}.items()}
        return HTMLResponse(_PAGE.format(**escaped), status, {"cache-control": "no-store"})

    @app.get("/login")
    async def show(request: Request) -> Response:
        return page(request)

    @app.post("/login")
    async def enter(request: Request) -> Response:
        address = request.client.host if request.client else ""
        name, token = await _fields(request)
        try:
            limit.require(address, clock())
            role = tokens.role_of(token)
            session, cookie = sessions.begin(name, role, clock())
        except LoginRateError as error:
            return page(request, str(error), 429)
        except LoginRefusedError as error:
            limit.note_failure(address, clock())
            note(f"somebody at {address}", "console login", error)
            return page(request, str(error), 401)
        note(session.requester, "console login", None)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(
            COOKIE,
            cookie,
            max_age=int(sessions.lifetime_s),
            path="/",
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return answer

    @app.post("/logout")
    async def leave(request: Request) -> Response:
        session = session_of(request.scope, sessions, clock())
        if session is not None:
            sessions.end(session, clock())
            note(session.requester, "console logout", None)
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(COOKIE, path="/")
        return answer

    @app.get("/healthz")
    async def health() -> Response:
        return JSONResponse({"status": "ok"})


async def _fields(request: Request) -> tuple[str, str]:
    """Return name and token of a form; empty where it has none."""
    try:
        body = parse_qs((await request.body()).decode("utf-8", "replace"), max_num_fields=4)
    except ValueError:
        return "", ""
    return body.get("name", [""])[0], body.get("token", [""])[0]
