"""The link to a UR for the control loop: a socket to the process that talks to the robot, and a thread that listens."""

from __future__ import annotations

import importlib.util
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

from cablecell.core.config.ur import UrSettings
from cablecell.core.errors import DriverMissingError, MachineMissingError
from cablecell.hardware import ur_messages as messages
from cablecell.hardware.transport import JointReport, WrenchReport

_LIBRARY = "ur-rtde==1.6.5"
_LEAVE_LIMIT_S = 1.5
FLANGE = "tool0"
"""Frame of the wrench: the TCP of the robot is put there."""


def require_library() -> None:
    """Refuse to go on without the client library.

    Raises:
        DriverMissingError: It is not installed (code 807).
    """
    if importlib.util.find_spec("rtde_control") is None:
        raise DriverMissingError(
            f"hardware 'ur_rtde' needs a library that is not installed; install it with: pip install {_LIBRARY} "
            "(it exists for CPython up to 3.12 on Linux x86_64)",
            quantity="library",
            value=_LIBRARY,
        )


class UrTransport:
    """`RobotTransport` over RTDE.

    Attributes:
        speed: Share of its speed at which the robot moves, by its last report.
    """

    def __init__(self, address: str, settings: UrSettings, payload: Sequence[float]) -> None:
        """Connect to nothing yet.

        Args:
            address: Of the robot.
            settings: The robot.
            payload: What hangs on its flange from the start: mass, kg, and centre in the flange, m; shape (4,).
        """
        self._address, self._settings, self._payload = address, settings, list(payload)
        self._names = (*settings.joints, settings.gripper.joint)
        self._process: subprocess.Popen[bytes] | None = None
        self._news = threading.Event()
        self._joints: JointReport | None = None
        self._wrench: WrenchReport | None = None
        self._lost = ""
        self.speed = 0.0

    @property
    def joints(self) -> JointReport | None:
        """Newest joint state; None before the first."""
        return self._joints

    @property
    def wrench(self) -> WrenchReport | None:
        """Newest wrench; None before the first."""
        return self._wrench

    def open(self) -> None:
        """Start the process and wait until it has the robot.

        Raises:
            MachineMissingError: It does not get it (code 804).
        """
        if self._process is not None:
            return
        self._joints = self._wrench = None
        self._lost = ""
        self._peer, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        orders = json.dumps([self._settings.model_dump(), self._payload])
        words = [sys.executable, "-m", "cablecell.hardware.ur_process", self._address, orders, str(theirs.fileno())]
        self._process = subprocess.Popen(words, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        theirs.close()
        limit_s = self._settings.watch.connect_limit_s
        self._peer.settimeout(limit_s)
        try:
            answer = self._peer.recv(messages.LARGEST)
        except TimeoutError:
            answer = messages.FAILED + f"it does not answer within {limit_s} s".encode()
        if answer[:1] != messages.READY:
            self.close()
            why = answer[1:].decode() or "the process that talks to it has ended"
            raise MachineMissingError(
                f"robot '{self._settings.name}' at {self._address} cannot be used: {why}", quantity="robot", value=why
            )
        self._peer.settimeout(None)
        self._thread = threading.Thread(target=self._listen, name="robot_link", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Have the program at the robot ended, and end; may be called twice."""
        process, self._process = self._process, None
        if process is None:
            return
        self._tell(messages.END)
        try:
            process.wait(_LEAVE_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()  # the watchdog of the robot ends its program
            process.wait()
        self._peer.close()

    def now_s(self) -> float:
        """Return the monotonic time, s."""
        return time.monotonic()

    def pause(self, duration_s: float) -> None:
        """Let time pass, s."""
        time.sleep(duration_s)

    def wait_for_joints(self, newer_than_s: float, timeout_s: float) -> bool:
        """Wait for a joint state that arrived after a time; return False when none does within the limit."""
        end_s = time.monotonic() + timeout_s
        while True:
            self._news.clear()
            report = self._joints
            if report is not None and report.received_s > newer_than_s:
                return True
            left_s = end_s - time.monotonic()
            if left_s <= 0.0 or not self._thread.is_alive() or not self._news.wait(left_s):
                return False

    def missing(self) -> list[str]:
        """Return nothing: what is missing does not let the process connect."""
        return []

    def control_lost(self) -> str:
        """Return why the robot takes no commands any more; empty while it does."""
        return self._lost

    def send_positions(self, positions: Sequence[float]) -> None:
        """Send joint positions, rad."""
        self._tell(messages.pack_floats(messages.POSITIONS, *positions))

    def send_gripper(self, position: float, max_effort_n: float) -> None:
        """Send a position in the unit of the gripper's joint, and a force, N."""
        width_m = position * self._settings.gripper.width_per_position
        self._tell(messages.pack_floats(messages.GRIP, width_m, max_effort_n))

    def set_payload(self, mass_kg: float, centre_m: Sequence[float]) -> None:
        """Tell the robot what hangs on its flange from now on: mass, kg, and centre in the flange, m."""
        self._payload = [mass_kg, *centre_m]
        if self._process is None:
            return  # it is told when it connects
        self._tell(messages.pack_floats(messages.PAYLOAD, mass_kg, *centre_m))

    def _tell(self, packet: bytes) -> None:
        try:
            self._peer.send(packet, socket.MSG_DONTWAIT)
        except BlockingIOError:
            self._lost = self._lost or "the process that talks to it does not take commands"
        except OSError:
            self._lost = self._lost or "the process that talks to it has ended"

    def _listen(self) -> None:
        while packet := self._hear(0):
            state = b""
            while packet:
                if packet[:1] == messages.STATE:
                    state = packet
                elif packet[:1] == messages.LOST:
                    self._lost = packet[1:].decode()
                # Of what has waited while this process did something else only the newest is how it is now.
                packet = self._hear(socket.MSG_DONTWAIT)
            if state:
                self._take(messages.unpack_state(state))
        self._lost = self._lost or "the process that talks to it has ended"
        self._news.set()

    def _hear(self, flags: int) -> bytes:
        try:
            return self._peer.recv(messages.LARGEST, flags)
        except OSError:
            return b""

    def _take(self, state: messages.UrState) -> None:
        position = state.width_m / self._settings.gripper.width_per_position
        self.speed = state.speed
        self._wrench = WrenchReport(state.received_s, FLANGE, state.wrench)
        self._joints = JointReport(
            state.received_s,
            self._names,
            (*state.q, position),
            (*state.dq, 0.0),
            (*state.torques, state.grip_n),
            state.is_stopped_for_safety,
        )
        self._news.set()
