"""The ports of the controller: RTDE on 30004, scripts on 30003, the dashboard on 29999, the gripper on 63352."""

from __future__ import annotations

import contextlib
import itertools
import socket
import struct
import threading
from collections.abc import Callable

from cablecell.simulation.ur import protocol
from cablecell.simulation.ur.controller import PAUSED, PERIOD_S, PLAYING, SAFETY_NORMAL, Controller
from cablecell.simulation.ur.gripper import Fingers, GripperPort
from cablecell.simulation.ur.link import DelayLine, Weather
from cablecell.simulation.ur.protocol import Recipe, frame

RTDE_PORT, SCRIPT_PORT, DASHBOARD_PORT, GRIPPER_PORT = 30004, 30003, 29999, 63352
MOST_BACKLOG = 20
"""Data packages that wait for the network at most; what is late is left out, as a controller does."""


class Session:
    """One client of the RTDE port.

    Attributes:
        outputs: What it wants to know; None before it has said so.
        inputs: What it may set, by the number of the recipe.
        every: In how many periods it wants to be told once.
        is_started: Whether it wants to be told now.
        to_client: The way to it.
    """

    def __init__(self, server: Server, peer: socket.socket, number: int) -> None:
        self.server, self.peer = server, peer
        self.outputs: Recipe | None = None
        self.inputs: dict[int, Recipe] = {}
        self.every, self._steps = 1, 0
        self.is_started = False
        self._buffer = bytearray()
        self.to_client = DelayLine(server.weather, peer.sendall, self._offer, 2 * number)
        self._from_client = DelayLine(server.weather, self._take, self._take, 2 * number + 1)

    def run(self) -> None:
        """Hear the client until it leaves."""
        with contextlib.suppress(OSError):
            while data := self.peer.recv(65536):
                self._from_client.put(data)
        self.close()

    def close(self) -> None:
        """End the connection and free what it held."""
        for line in (self.to_client, self._from_client):
            line.close()
        with contextlib.suppress(OSError):
            self.peer.shutdown(socket.SHUT_RDWR)
        self.peer.close()
        self.server.forget(self)

    def pump(self, values: dict[str, object]) -> None:
        """Send what is due of the period that has just passed."""
        self._steps += 1
        if not self.is_started or self.outputs is None or self._steps % self.every:
            return
        if self.to_client.length > MOST_BACKLOG:
            self.server.skipped += 1
            return
        self.to_client.put(frame(protocol.DATA, b"\x01" + protocol.pack_values(self.outputs, values)))

    def _offer(self, data: bytes) -> bytes:
        """Send what the socket takes at once and return the rest: whoever steps the arm must not wait for a client."""
        try:
            return data[self.peer.send(data, socket.MSG_DONTWAIT) :]
        except BlockingIOError:
            return data
        except OSError:
            return b""  # it has left; who hears it notices

    def _take(self, data: bytes) -> bytes:
        self._buffer += data
        with self.server.lock:
            for kind, payload in protocol.split_frames(self._buffer):
                answer = self._answer(kind, payload)
                if answer is not None:
                    self.to_client.put(frame(kind, answer))
        return b""

    def _answer(self, kind: int, payload: bytes) -> bytes | None:
        server = self.server
        if kind == protocol.REQUEST_VERSION:
            return bytes([struct.unpack(">H", payload)[0] == 2])
        if kind == protocol.CONTROL_VERSION:
            return struct.pack(">4I", *server.version)
        if kind == protocol.SETUP_OUTPUTS:
            return self._set_outputs(payload)
        if kind == protocol.SETUP_INPUTS:
            return self._set_inputs(payload)
        if kind in (protocol.START, protocol.PAUSE):
            self.is_started = kind == protocol.START
            return b"\x01"
        if kind == protocol.DATA:
            self._write(payload)
        return None

    def _set_outputs(self, payload: bytes) -> bytes:
        frequency_hz = struct.unpack_from(">d", payload)[0]
        names = protocol.names_of(payload[8:])
        types = tuple("NOT_FOUND" if n in self.server.absent else protocol.OUTPUTS.get(n, "NOT_FOUND") for n in names)
        if "NOT_FOUND" not in types:
            self.outputs = Recipe(names, types)
            self.every = max(1, round(1.0 / (PERIOD_S * frequency_hz)))
        return b"\x01" + ",".join(types).encode()

    def _set_inputs(self, payload: bytes) -> bytes:
        names = protocol.names_of(payload)
        owners = self.server.owners
        types = tuple(
            "IN_USE" if owners.get(n, self) is not self else protocol.INPUTS.get(n, "NOT_FOUND") for n in names
        )
        number = len(self.inputs) + 1
        if not {"IN_USE", "NOT_FOUND"} & set(types):
            self.inputs[number] = Recipe(names, types)
            owners.update(dict.fromkeys(names, self))
        return bytes([number]) + ",".join(types).encode()

    def _write(self, payload: bytes) -> None:
        recipe = self.inputs.get(payload[0])
        if recipe is None or len(payload) - 1 < recipe.layout.size:
            self.server.bad_packages += 1
            return
        values = recipe.layout.unpack_from(payload, 1)
        for name, value in zip(recipe.names, values, strict=False):
            self.server.controller.write(name, value)


class Server:
    """Listens on one loopback address; whoever owns the arm steps it, at 500 Hz.

    Attributes:
        controller: What is behind the ports.
        weather: Of the network.
        gripper: What is behind the gripper's port.
        version: What it says of itself: major, minor, bugfix and build.
        lock: Held while the controller is touched.
        owners: Which session holds an input.
        absent: Outputs that this controller does not know.
        remote_control: What the dashboard says of it.
        bad_packages: Data packages that were too short or of no recipe.
        skipped: Data packages that were left out because the network was late.
        connections: Clients of the RTDE port so far.
        sessions: Those that are here.
        listens: Whether new clients are heard.
    """

    def __init__(self, address: str, controller: Controller, fingers: Fingers, weather: Weather | None = None) -> None:
        """Listen.

        Raises:
            OSError: A port of the address is taken.
        """
        self.address, self.controller = address, controller
        self.version = (5, 13, 0, 0)
        self.weather = weather or Weather()
        self.gripper = GripperPort(fingers)
        self.lock = threading.Lock()
        self.owners: dict[str, Session] = {}
        self.absent: set[str] = set()
        self.remote_control = True
        self.bad_packages = self.skipped = self.connections = 0
        self._numbers = itertools.count()
        self.sessions: list[Session] = []
        self._peers: list[socket.socket] = []
        self.listens = True
        ports = {RTDE_PORT: self._rtde, SCRIPT_PORT: self._script, DASHBOARD_PORT: self._dashboard}
        self._listeners: list[socket.socket] = []
        try:
            for port, serve in {**ports, GRIPPER_PORT: self.gripper.serve}.items():
                listener = socket.create_server((address, port))
                self._listeners.append(listener)
                threading.Thread(target=self._accept, args=(listener, serve), daemon=True).start()
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Close everything."""
        for listener in self._listeners:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # without it who waits there goes on waiting
            listener.close()
        self.close_sessions()

    def forget(self, session: Session) -> None:
        """Free what a session held."""
        with contextlib.suppress(ValueError):
            self.sessions.remove(session)
        for name in [name for name, owner in self.owners.items() if owner is session]:
            del self.owners[name]

    def close_sessions(self) -> None:
        """Close every connection, as a controller that restarts."""
        for session in list(self.sessions):
            session.close()
        for peer in self._peers:
            with contextlib.suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)
        self._peers.clear()

    def _accept(self, listener: socket.socket, serve: Callable[[socket.socket], None]) -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if not self.listens:
                peer.close()
                continue
            threading.Thread(target=self._guard, args=(serve, peer), daemon=True).start()

    def _guard(self, serve: Callable[[socket.socket], None], peer: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            serve(peer)
        peer.close()

    def _rtde(self, peer: socket.socket) -> None:
        session = Session(self, peer, next(self._numbers))
        self.connections += 1
        self.sessions.append(session)
        session.run()

    def step(self, period_s: float = PERIOD_S) -> None:
        """Let a period of the controller pass and report it."""
        with self.lock:
            self.controller.step(period_s)
            values = self.controller.snapshot()
            said = [protocol.text_message(text) for text in self.controller.messages]
            self.controller.messages.clear()
            sessions = list(self.sessions)
            for session in sessions:
                session.pump(values)
                for text in said:
                    session.to_client.put(text)

    def _script(self, peer: socket.socket) -> None:
        self._peers.append(peer)
        for line in peer.makefile("r", encoding="utf-8", errors="replace"):
            # Anything that is not indented and reads "end" closes the program: then it runs.
            if line.rstrip() == "end" and not line[0].isspace():
                with self.lock:
                    self.controller.end_program("another program was sent")
                    self.controller.start_program()

    def _dashboard(self, peer: socket.socket) -> None:
        self._peers.append(peer)
        peer.sendall(b"Connected: Universal Robots Dashboard Server\n")
        for line in peer.makefile("r", encoding="utf-8"):
            peer.sendall(f"{self._told(line.strip())}\n".encode())

    def _told(self, word: str) -> str:
        robot = self.controller
        with self.lock:
            match word:
                case "PolyscopeVersion":
                    return "URSoftware 5.13.0.113898 (Sep 09 2022)"
                case "get serial number":
                    return "20225500001"
                case "is in remote control":
                    return str(self.remote_control).lower()
                case "robotmode":
                    return "Robotmode: RUNNING" if robot.robot_mode == 7 else "Robotmode: POWER_OFF"
                case "safetystatus":
                    return "Safetystatus: NORMAL" if robot.safety_mode == SAFETY_NORMAL else "Safetystatus: STOPPED"
                case "running":
                    return f"Program running: {str(robot.runtime_state == PLAYING).lower()}"
                case "stop":
                    robot.end_program("dashboard: stop")
                    return "Stopped"
                case "play":
                    if robot.runtime_state != PAUSED:
                        return "Failed to execute: play"
                    robot.runtime_state = PLAYING
                    return "Starting program"
                case "unlock protective stop":
                    robot.release()
                    return "Protective stop releasing"
                case "power on" | "brake release" | "close popup" | "close safety popup":
                    return word.capitalize()
                case _:
                    return f"could not understand: '{word}'"
