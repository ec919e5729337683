"""Which pages there are, and how a browser gets to them."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from nicegui import context, ui
from nicegui.language import Language
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from cablecell.console.gate import session_of
from cablecell.console.pages import alarms, calibration, diagnostics, jobs, oee, overview, quality, settings, teleop
from cablecell.console.pages.frame import frame
from cablecell.console.pages.shared import Site, Visit
from cablecell.console.reports import ReportMaker, add_reports
from cablecell.console.texts import language

PAGES: dict[str, Callable[[Visit], None]] = {
    "/": overview.build,
    "/jobs": jobs.build,
    "/quality": quality.build,
    "/oee": oee.build,
    "/alarms": alarms.build,
    "/teleop": teleop.build,
    "/diagnostics": diagnostics.build,
    "/calibration": calibration.build,
    "/settings": settings.build,
}
"""What draws the page of each path."""


def add_pages(app: FastAPI, site: Site) -> None:
    """Add every page, the wrist image and the reports."""

    @app.get("/api/camera.jpg")
    async def camera() -> Response:
        if not site.state.jpeg:
            return PlainTextResponse("no image yet", 404)
        return Response(site.state.jpeg, media_type="image/jpeg", headers={"cache-control": "no-store"})

    knowledge = site.knowledge
    add_reports(app, ReportMaker(knowledge.ledger, knowledge.records, knowledge.recordings))
    register(site)
    ui.run_with(app, title=site.settings.cell_name, show_welcome_message=False, reconnect_timeout=10.0)


def register(site: Site) -> None:
    """Make the pages known to NiceGUI."""
    for path in PAGES:
        ui.page(path)(_page(site, path))


def _speak() -> None:
    """Have the page's own parts, such as the foot of a table, speak the language of who looks."""
    client = context.client
    client.page = copy.copy(client.page)
    client.page.language = _OWN[language()]


_OWN: dict[str, Language] = {"en": "en-US", "de": "de", "es": "es"}


def _page(site: Site, path: str) -> Callable[[Request], Any]:
    def page(request: Request) -> Response | None:
        session = session_of(request.scope, site.sessions, time.time())
        if session is None:  # nobody passes the gate like that; this is for whoever takes the gate away
            return RedirectResponse("/login", 303)
        visit = Visit(site, session, request.cookies)
        _speak()
        frame(visit, path)
        PAGES[path](visit)
        return None

    return page
