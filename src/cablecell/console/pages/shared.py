"""What every page gets: settings, snapshot, gateway, and who looks at it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from nicegui import ui

from cablecell.console.curves import Recordings
from cablecell.console.gateway import CommandGateway
from cablecell.console.node_parameters import NodeParameters
from cablecell.console.operating import Operating
from cablecell.console.sessions import Session, Sessions
from cablecell.console.state import ConsoleState
from cablecell.console.texts import language, speaking
from cablecell.core.config.console import ConsoleParameters
from cablecell.core.errors import WorkcellError

_WATCHED_S = 2.0


class Knowledge(Protocol):
    """What pages ask beside the snapshot."""

    @property
    def recipes(self) -> tuple[str, ...]:
        """Names of all recipes."""

    @property
    def ledger(self) -> Path | None:
        """File of the ledger; None where the cell keeps none."""

    @property
    def records(self) -> Mapping[str, Path]:
        """Folders of calibration records by kind; kinds without one are not there."""

    @property
    def recordings(self) -> Recordings:
        """Recordings of the cell."""

    @property
    def parameters(self) -> NodeParameters:
        """What the nodes are set to."""


@dataclass
class Site:
    """What all pages share.

    Attributes:
        settings: Parameters of the console.
        state: Snapshot of the cell.
        gateway: Does commands.
        sessions: Knows who is logged in.
        knowledge: Recipes and ledger.
        operating: Moves the arm for people; None where nothing can be moved.
    """

    settings: ConsoleParameters
    state: ConsoleState
    gateway: CommandGateway
    sessions: Sessions
    knowledge: Knowledge
    operating: Operating | None = None
    _camera_seen_s: float = field(default=float("-inf"))

    def watch_camera(self) -> None:
        """Say that somebody looks at the wrist image now."""
        self._camera_seen_s = time.monotonic()

    @property
    def is_camera_watched(self) -> bool:
        """Whether somebody looked lately."""
        return time.monotonic() - self._camera_seen_s < _WATCHED_S


@dataclass(frozen=True)
class Visit:
    """One page in one browser.

    Attributes:
        site: What all pages share.
        session: Who it is.
        cookies: Cookies that came with the request of the page.
    """

    site: Site
    session: Session
    cookies: Mapping[str, str]

    def may(self, command: str) -> bool:
        """Return whether the role of this person allows a command."""
        return self.site.gateway.may(self.session, command)

    async def give(self, command: str, **arguments: str) -> bool:
        """Give a command and show what came of it; return whether it was done."""
        try:
            with speaking(language()):
                said = await self.site.gateway.run(self.session, command, **arguments)
        except WorkcellError as error:
            ui.notify(f"{error} [{error.code}]", type="negative", multi_line=True, timeout=10000, close_button=True)
            return False
        ui.notify(said, type="positive")
        return True
