"""Executable `console`: pages for people, and a node of the cell that moves nothing and is never needed."""

from __future__ import annotations

import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rclpy
import uvicorn
from rclpy.experimental.events_executor import EventsExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from cablecell.console.acting import Acting
from cablecell.console.errors import ConsoleError, ExposedError
from cablecell.console.gateway import AuditRow, AuditTrail, CommandGateway
from cablecell.console.gizmo import Gizmos
from cablecell.console.listening import Listening
from cablecell.console.operating import Operating
from cablecell.console.pages.shared import Site
from cablecell.console.pages.site import add_pages
from cablecell.console.proxy import add_view
from cablecell.console.scene import SceneView
from cablecell.console.sessions import Role, Sessions, Tokens, load_tokens
from cablecell.console.showing import Showing
from cablecell.console.state import ConsoleState
from cablecell.console.web import LOOPBACK, Doors, make_web
from cablecell.core.config.console import ConsoleParameters
from cablecell.core.errors import WorkcellError
from cablecell.installation.layout import state_folder
from cablecell.ros.params import ParameterServer
from cablecell.ros.process_end import end_within

_SPIN_S = 0.1
_LAST_MOMENTS_S = 3.0


class ConsoleNode(Node):
    """The node, with its snapshot of the cell; spun by `Spinning`."""

    def __init__(self) -> None:
        super().__init__("console")
        self.settings = ParameterServer(self, ConsoleParameters).values
        self.state = ConsoleState()
        self.listening = Listening(
            self, self.state, camera=self.settings.camera, joint_rate_hz=self.settings.joint_rate_hz
        )
        self.acting = Acting(self, self.state, self.settings)


class Spinning:
    """Spins a node in a thread, and runs functions there."""

    def __init__(self, node: Any, each: Callable[[], None]) -> None:
        """Begin.

        Args:
            node: What is spun.
            each: Called in the thread, ten times a second or more.
        """
        self._node, self._each = node, each
        self._ending = threading.Event()
        self._executor = EventsExecutor()
        self._executor.add_node(node)
        self._thread = threading.Thread(target=self._run, name="ros", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop; no callback runs after this."""
        self._ending.set()
        self._thread.join()
        self._executor.remove_node(self._node)

    def _run(self) -> None:
        while not self._ending.is_set() and rclpy.ok():
            self._executor.spin_once(timeout_sec=_SPIN_S)
            self._each()


def require_private(settings: ConsoleParameters) -> None:
    """Do nothing where only this machine reaches the console, or somebody said that others may.

    Raises:
        ExposedError: Others would reach it (code 727).
    """
    if settings.host not in LOOPBACK and not settings.is_exposed:
        raise ExposedError(
            f"host {settings.host} can be reached from other machines; set is_exposed, and put TLS in front of it",
            quantity="host",
            value=settings.host,
            limit=", ".join(LOOPBACK),
        )


def announce(tokens: Tokens, path: Path, url: str) -> list[str]:
    """Return what the console says at its start: tokens are told once, when they are made."""
    lines = [f"console: {url}/"]
    if tokens.is_new:
        lines += [f"console: log in as {role.name.lower()}: {url}/login#{tokens.by_role[role]}" for role in Role]
        lines.append(f"console: the tokens are in {path} and are not shown again")
    else:
        lines.append(f"console: the tokens are in {path}")
    return lines


def run(node: ConsoleNode) -> None:
    """Serve until a signal ends it.

    Raises:
        ConsoleError: The tokens cannot be used, or others would reach the console (codes 721, 727).
        OSError: The port is taken.
    """
    settings, state, logger = node.settings, node.state, node.get_logger()
    require_private(settings)
    path = Path(settings.token_file) if settings.token_file else state_folder() / "console.json"
    tokens = load_tokens(path)
    sessions = Sessions(tokens.cookie_key, settings.session_hours * 3600.0)
    listener = socket.create_server((settings.host, settings.port), family=_family(settings.host))

    def keep(row: AuditRow) -> None:
        logger.info(f"{row.requester}: {row.command}" + (f", refused, code {row.error_code}" * bool(row.error_code)))
        try:
            node.acting.keep(row)
        except WorkcellError as error:
            logger.error(f"the audit trail is not kept, code {error.code}: {error}")

    operating = Operating(node, state)
    operating.begin()
    gateway = CommandGateway(sessions, {**node.acting.table(), **operating.table()}, AuditTrail(keep))
    scene = SceneView()
    gizmos = Gizmos(scene, gateway, operating)
    showing = Showing(state, scene, gizmos.follow)
    site = Site(settings, state, gateway, sessions, node.acting, operating)
    doors = Doors(tokens, sessions, [settings.host, *filter(None, settings.called)], settings.cell_name)

    def extend(app: Any) -> None:
        add_view(app, scene, sessions)
        add_pages(app, site)

    web = make_web(doors, gateway, extend)
    config = uvicorn.Config(
        web,
        log_level="warning",
        access_log=False,
        ws="websockets-sansio",
        timeout_graceful_shutdown=1,
        server_header=False,
    )
    server = uvicorn.Server(config)
    spinning = Spinning(node, lambda: node.listening.watch_camera(site.is_camera_watched))
    name = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host
    url = f"http://{f'[{name}]' if ':' in name else name}:{listener.getsockname()[1]}"
    for line in announce(tokens, path, url):
        sys.stdout.write(line + "\n")
    sys.stdout.flush()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)  # the server takes both, and gives them on here after it has ended
    try:
        server.run(sockets=[listener])
    finally:
        end_within(_LAST_MOMENTS_S, 0)
        operating.end()
        showing.end()
        spinning.end()
        scene.close()


def _family(host: str) -> int:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def main() -> None:
    """Run the node."""
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = ConsoleNode()
    except WorkcellError as error:
        sys.stderr.write(f"code {error.code}: {error}\n")
        sys.exit(2)
    code = 0
    try:
        run(node)
    except (ConsoleError, OSError) as error:
        sys.stderr.write(f"code {getattr(error, 'code', ConsoleError.code)}: {error}\n")
        code = 2
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        node.destroy_node()
        rclpy.try_shutdown()
    sys.exit(code)
