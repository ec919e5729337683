"""The console at a desk: its pages without browser and cell, with whatever ledger and records a test has."""

from __future__ import annotations

import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

from nicegui.testing import user_simulation

from cablecell.console.calibrations import record_folders
from cablecell.console.curves import Recordings
from cablecell.console.gateway import RULES, AuditTrail, CommandGateway
from cablecell.console.node_parameters import ParameterView
from cablecell.console.pages.shared import Site
from cablecell.console.pages.site import register
from cablecell.console.sessions import COOKIE, Role, Sessions
from cablecell.console.state import CellView, ConsoleState
from cablecell.core.config.console import ConsoleParameters


class FakeParameters:
    """One node with two parameters."""

    def nodes(self):
        return ["cell_supervisor"]

    def ask(self, name):
        return [
            ParameterView("works_queue", "True", "", "Take jobs out of the queue.", True),
            ParameterView("appear_limit_s", "30", "s", "Longest time until a node answers.", False),
        ]


def told(settings):
    """Return what pages are told of a cell with such parameters of its console."""
    return SimpleNamespace(
        recipes=("trial_1", "aic_sample"),
        ledger=Path(settings.ledger_file) if settings.ledger_file else None,
        records=record_folders(settings),
        recordings=Recordings(settings.recording_file, "/contact_state"),
        parameters=FakeParameters(),
    )


class Desk:
    """A console without a cell, and a person at it."""

    def __init__(self, **known):
        """`known` goes into the parameters of the console, and what it tells pages of the cell."""
        self.state, self.given, self.refuses = ConsoleState(), [], None
        self.sessions = Sessions("k" * 40, 3600.0)
        actions = {name: self._action(name) for name in RULES}
        self.gateway = CommandGateway(self.sessions, actions, AuditTrail(lambda row: None))
        settings = ConsoleParameters(cell_name="cell 7", **known)
        self.site = Site(settings, self.state, self.gateway, self.sessions, told(settings))
        self.state.cell_heard_s = time.monotonic() + 1000.0

    def _action(self, name):
        def act(who, **arguments):
            if self.refuses is not None:
                raise self.refuses
            self.given.append((name, arguments))
            return f"{name} done"

        return act

    @asynccontextmanager
    async def at(self, path, role=Role.OPERATOR, **cookies):
        # At its end the simulation throws the modules of the pages out, with all packages they are in; who comes
        # after would get a second `cablecell` beside the first.
        known = dict(sys.modules)
        try:
            async with user_simulation() as user:
                register(self.site)
                self.session, cookie = self.sessions.begin("Anna", role, time.time())
                for name, text in {COOKIE: cookie, **cookies}.items():
                    user.http_client.cookies.set(name, text)
                await user.open(path)
                yield user
        finally:
            sys.modules.update(known)

    def be(self, state, reason=""):
        self.state.cell = CellView(int(state), 1, 0, reason, "")
