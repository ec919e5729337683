"""The live view: the robot, its ports and the trail of its tool, drawn by viser behind the console's own door.

viser has no login of its own. It listens on loopback at a port of its choice, and whoever reaches for that port without
the secret that only the console's proxy knows is cut off before anything of theirs counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import secrets
import xml.etree.ElementTree as ElementTree
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import viser
from viser.infra import WebsockClientConnection

from cablecell.console.sessions import Session
from cablecell.console.state import PortView
from cablecell.ros.arm_description import FrameJoint, quat_from_rpy, read_joints

SECRET_HEADER = "x-cablecell-view"
PERSON_HEADER = "x-cablecell-session"
GIZMO_HEADER = "x-cablecell-gizmo"

EYE, LOOKED_AT, FIELD_RAD = (0.62, -0.72, 1.78), (0.0, 0.1, 1.45), 0.95
"""Where a browser looks from and to at first, m in world, and the angle of its view from top to bottom."""

_TRAIL = 120
_TRAIL_STEP_M = 0.003
_STILL = 1e-4
_ROOT = "world"
_BACKGROUND = (52, 62, 72)
_LEFT_OUT = "enclosure"
"""Begin of the names of links that are not drawn: they would stand between the eye and the arm."""


class PrivateViser(viser.ViserServer):
    """A viser that opens no tunnel to the outside, whoever asks for it."""

    def request_share_url(self, verbose: bool = True) -> str | None:
        """Do nothing: a cell is not shared with the world by a message of a browser."""
        return None

    def disconnect_share_url(self) -> None:
        """Do nothing."""


class SceneView:
    """The scene that every browser sees.

    Attributes:
        secret: What the proxy has to show.
        people: Number of the session behind each connection, by viser's number of the connection.
        sessions: Sessions that the proxy has led here, by their number.
    """

    def __init__(self) -> None:
        """Begin with an empty cell, on loopback, at a free port."""
        self.secret = secrets.token_urlsafe(32)
        self.people: dict[int, str] = {}
        self.sessions: dict[str, Session] = {}
        with contextlib.redirect_stdout(io.StringIO()):  # it would tell the people its address, which they must not use
            self._server = PrivateViser(host="127.0.0.1", port=0, verbose=False)
        # Of the transport below: viser's own event waits until a browser has said where its camera is.
        self._server._websock_server.on_client_connect(self._admit)
        self._server._websock_server.on_client_disconnect(self._forget)
        gui, scene = self._server.gui, self._server.scene
        gui.configure_theme(show_logo=False, show_share_button=False, dark_mode=True)
        scene.set_up_direction("+z")
        scene.configure_default_lights(cast_shadow=False)
        scene.add_light_ambient("/light", intensity=2.0)
        scene.set_background_image(np.full((2, 2, 3), _BACKGROUND, dtype=np.uint8))
        self._server.initial_camera.position = EYE
        self._server.initial_camera.look_at = LOOKED_AT
        self._server.initial_camera.fov = FIELD_RAD
        self._frames: dict[str, Any] = {}
        self._moving: list[tuple[FrameJoint, str]] = []
        self._drawn: dict[str, float] = {}
        self._description = ""
        self._ports: tuple[PortView, ...] = ()
        self._port_nodes: list[Any] = []
        self._base = ""
        self._trail: deque[tuple[float, float, float]] = deque(maxlen=_TRAIL)
        self._trail_node: Any = None
        self._with_gizmo: set[int] = set()
        self._known: dict[int, str] = {}

    @property
    def port(self) -> int:
        """Where it listens, on loopback."""
        return int(self._server.get_port())

    def close(self) -> None:
        """Stop."""
        self._server.stop()

    def show_robot(self, urdf: str) -> None:
        """Draw a robot in place of the one before; nothing where it is the same."""
        if urdf == self._description:
            return
        self._description = urdf
        for frame in self._frames.values():
            frame.remove()
        joints = read_joints(urdf)
        paths = _paths(joints)
        above = {joint.child: joint for joint in joints}
        scene = self._server.scene
        self._frames, self._drawn, self._moving = {}, {}, []
        with self._server.atomic():
            for link, path in sorted(paths.items(), key=lambda item: item[1].count("/")):
                joint = above.get(link)
                q, p = ((0.0, 0.0, 0.0, 1.0), (0.0, 0.0, 0.0)) if joint is None else (joint.q, joint.p)
                self._frames[link] = scene.add_frame(path, show_axes=False, position=p, wxyz=(q[3], *q[:3]))
                if joint is not None and joint.kind != "fixed":
                    self._moving.append((joint, link))
            _draw_links(scene, urdf, paths)
            self._base = paths.get("base_link", f"/{_ROOT}")
            scene.add_grid(f"{self._base}/floor", 1.6, 1.6, cell_size=0.1, section_size=0.5, cell_color=(90, 104, 118))
            tool = paths.get("tcp")
            if tool is not None:
                scene.add_frame(f"{tool}/axes", axes_length=0.05, axes_radius=0.0015)
        self._ports = ()

    def show_joints(self, positions: Mapping[str, float]) -> None:
        """Move the robot to joint positions, rad and m, by name; what did not move is not sent."""
        with self._server.atomic():
            for joint, link in self._moving:
                value = positions.get(joint.source)
                if value is None or abs(self._drawn.get(joint.source + link, 1e9) - value) < _STILL:
                    continue
                self._drawn[joint.source + link] = value
                frame, (p, q) = self._frames[link], joint.place(value)
                if joint.kind == "prismatic":
                    frame.position = p
                else:
                    frame.wxyz = (q[3], *q[:3])

    def show_ports(self, ports: Sequence[PortView]) -> None:
        """Draw where the cell believes its ports to be: green was seen, yellow is the design of the board."""
        if tuple(ports) == self._ports or not self._base:
            return
        self._ports = tuple(ports)
        scene = self._server.scene
        with self._server.atomic():
            for node in self._port_nodes:
                node.remove()
            self._port_nodes = []
            for port in self._ports:
                x, y, z, w = port.quat_xyzw
                path = f"{self._base}/ports/{port.name}"
                colour = (60, 200, 60) if port.is_seen else (230, 200, 40)
                self._port_nodes.append(
                    scene.add_frame(
                        path,
                        axes_length=0.02,
                        axes_radius=0.0008,
                        origin_radius=0.003,
                        origin_color=colour,
                        position=port.position,
                        wxyz=(w, x, y, z),
                    )
                )
                self._port_nodes.append(
                    scene.add_icosphere(
                        f"{path}/sigma", max(0.003, 3.0 * port.sigma_m), colour, subdivisions=2, opacity=0.35
                    )
                )

    def show_trail(self, position: tuple[float, float, float]) -> None:
        """Draw where the tool has been, in `base_link`."""
        if not self._base:
            return
        if self._trail and float(np.abs(np.subtract(self._trail[-1], position)).max()) < _TRAIL_STEP_M:
            return
        self._trail.append(position)
        if len(self._trail) < 2:
            return
        points = np.array(self._trail)
        segments = np.stack([points[:-1], points[1:]], axis=1)
        colours = np.full((len(segments), 2, 3), (255, 150, 30), dtype=np.uint8)
        self._trail_node = self._server.scene.add_line_segments(
            f"{self._base}/trail", segments, colours, thickness=2.0, thickness_units="screen"
        )

    @property
    def base(self) -> str:
        """Path of `base_link` in the scene."""
        return self._base or f"/{_ROOT}"

    def on_viewer(
        self, came: Callable[[viser.ClientHandle, Session], None], went: Callable[[int, Session | None], None]
    ) -> None:
        """Have two functions told of every browser that shows the view and asked for the gizmo.

        Args:
            came: Called with the browser and who sits at it.
            went: Called with the number of any connection that has ended, and who it was.
        """

        def meet(client: viser.ClientHandle) -> None:
            session = self.sessions.get(self.people.get(client.client_id, ""))
            if session is not None and client.client_id in self._with_gizmo:
                came(client, session)

        def part(client: viser.ClientHandle) -> None:
            went(client.client_id, self.sessions.get(self._known.pop(client.client_id, "")))

        self._server.on_client_connect(meet)
        self._server.on_client_disconnect(part)

    @property
    def is_watched(self) -> bool:
        """Whether any browser shows it."""
        return bool(self.people)

    async def _admit(self, client: WebsockClientConnection) -> None:
        """Cut off whoever does not come through the proxy."""
        connection = self._server._websock_server._live_connections[client.client_id]
        request = connection.request
        shown = "" if request is None else request.headers.get(SECRET_HEADER, "")
        if request is not None and secrets.compare_digest(shown.encode(), self.secret.encode()):
            person = request.headers.get(PERSON_HEADER, "")
            if request.headers.get(GIZMO_HEADER):
                self._with_gizmo.add(client.client_id)
            self.people[client.client_id] = self._known[client.client_id] = person
        else:
            await asyncio.wait_for(connection.close(1008, "come through the console"), 1.0)

    def _forget(self, client: WebsockClientConnection) -> None:
        self.people.pop(client.client_id, None)
        self._with_gizmo.discard(client.client_id)


def _paths(joints: Sequence[FrameJoint]) -> dict[str, str]:
    """Return the path of every link in the tree of the scene."""
    parents = {joint.child: joint.parent for joint in joints}
    links = {*parents, *parents.values()}

    def path(link: str) -> str:
        name = link.replace("/", "_")
        return f"{path(parents[link])}/{name}" if link in parents else f"/{name}"

    return {link: path(link) for link in links}


def _draw_links(scene: Any, urdf: str, paths: Mapping[str, str]) -> None:
    """Draw the visuals of a URDF that are boxes, cylinders and spheres; a mesh is left out."""
    robot = ElementTree.fromstring(urdf)
    colours = {
        one.get("name", ""): _numbers(one.find("color"), "rgba", (0.6, 0.6, 0.6, 1.0))
        for one in robot.iter("material")
        if one.find("color") is not None
    }
    for link in robot.findall("link"):
        if link.get("name", "").startswith(_LEFT_OUT):
            continue
        for number, visual in enumerate(link.findall("visual")):
            geometry, material = visual.find("geometry"), visual.find("material")
            if geometry is None or not len(geometry):
                continue
            name = "" if material is None else material.get("name", "")
            own = None if material is None else material.find("color")
            rgba = _numbers(own, "rgba", colours.get(name, (0.6, 0.6, 0.6, 1.0)))
            origin = visual.find("origin")
            q = quat_from_rpy(_numbers(origin, "rpy", (0.0, 0.0, 0.0)))
            look: dict[str, Any] = {
                "color": tuple(round(255 * part) for part in rgba[:3]),
                "opacity": None if rgba[3] >= 1.0 else rgba[3],
                "position": _numbers(origin, "xyz", (0.0, 0.0, 0.0)),
                "wxyz": (q[3], *q[:3]),
                "cast_shadow": False,
                "receive_shadow": False,
            }
            path, shape = f"{paths[link.get('name', '')]}/visual_{number}", geometry[0]
            if shape.tag == "box":
                scene.add_box(path, dimensions=_numbers(shape, "size", (0.01, 0.01, 0.01)), **look)
            elif shape.tag == "cylinder":
                size = float(shape.get("radius", "0")), float(shape.get("length", "0"))
                scene.add_cylinder(path, *size, radial_segments=20, **look)
            elif shape.tag == "sphere":
                scene.add_icosphere(path, float(shape.get("radius", "0")), subdivisions=2, **look)


def _numbers(element: Any, key: str, default: tuple[float, ...]) -> Any:
    text = None if element is None else element.get(key)
    return default if text is None else tuple(float(word) for word in text.split())
