"""A Robotiq gripper over the socket of its URCap at the robot: lines `SET VAR n ...` and `GET VAR`."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable

_CLOSED = 255
_ACTIVE = 3
_BLOCKED = (1, 2)
_POLL_S = 0.02
_ANSWER_LIMIT_S = 1.0
_ACTIVATION_LIMIT_S = 8.0
_FULL_SPEED = 255


class RobotiqSocket:
    """Moves the fingers and knows where they are; a thread of its own asks.

    Attributes:
        width_m: Distance of the fingers, m.
        grip_n: Force that was asked for while an object stops the fingers, N; 0 otherwise: it is not measured.
    """

    def __init__(
        self, host: str, port: int, width_limit_m: float, force_limit_n: float, on_loss: Callable[[str], None]
    ) -> None:
        """Connect, and activate the gripper if it is not: that moves its fingers.

        Args:
            host: Address of the robot.
            port: Port of the URCap.
            width_limit_m: Opening at position 0, m.
            force_limit_n: Force at 255, N.
            on_loss: Called by the thread, with why, when the gripper does not answer any more.

        Raises:
            OSError: Nobody answers there, or it does not become active.
        """
        self._width_limit_m, self._force_limit_n, self._on_loss = width_limit_m, force_limit_n, on_loss
        self._socket = socket.create_connection((host, port), timeout=_ANSWER_LIMIT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._lines = self._socket.makefile("r", encoding="ascii")
        self._force_n = 0.0
        self._wanted: tuple[float, float] | None = None
        self._ending = threading.Event()
        self._activate()
        # Something may be held since before this process.
        self._force_n = self._get("FOR") / 255.0 * force_limit_n
        self._look()
        self._thread = threading.Thread(target=self._run, name="gripper", daemon=True)
        self._thread.start()

    def move(self, width_m: float, force_n: float) -> None:
        """Move to a width, m, with at most a force, N; returns at once."""
        self._wanted = (width_m, force_n)

    def close(self) -> None:
        """Leave the fingers as they are."""
        self._ending.set()

    def _activate(self) -> None:
        if self._get("STA") != _ACTIVE:
            self._say("SET ACT 1")
        self._say("SET GTO 1")
        end_s = time.monotonic() + _ACTIVATION_LIMIT_S
        while self._get("STA") != _ACTIVE:
            if time.monotonic() > end_s:
                raise OSError(f"the gripper is not active after {_ACTIVATION_LIMIT_S} s")
            time.sleep(_POLL_S)

    def _run(self) -> None:
        try:
            while not self._ending.wait(_POLL_S):
                wanted, self._wanted = self._wanted, None
                if wanted is not None:
                    self._send(*wanted)
                self._look()
        except (OSError, ValueError) as error:
            self._on_loss(f"the gripper does not answer: {error}")

    def _send(self, width_m: float, force_n: float) -> None:
        position = round(_CLOSED * (1.0 - width_m / self._width_limit_m))
        force = round(255.0 * force_n / self._force_limit_n)
        self._say(f"SET POS {position} SPE {_FULL_SPEED} FOR {force}")
        self._force_n = force_n

    def _look(self) -> None:
        if fault := self._get("FLT"):
            raise OSError(f"fault {fault} of the gripper")
        self.width_m = self._width_limit_m * (1.0 - self._get("POS") / _CLOSED)
        self.grip_n = self._force_n if self._get("OBJ") in _BLOCKED else 0.0

    def _get(self, name: str) -> int:
        answer = self._ask(f"GET {name}").split()
        if len(answer) != 2 or answer[0] != name:
            raise OSError(f"'GET {name}' was answered by '{' '.join(answer)}'")
        return int(answer[1])

    def _say(self, line: str) -> None:
        if (answer := self._ask(line)) != "ack":
            raise OSError(f"'{line}' was answered by '{answer}'")

    def _ask(self, line: str) -> str:
        self._socket.sendall(f"{line}\n".encode("ascii"))
        return self._lines.readline().strip()
