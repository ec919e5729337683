"""The socket of a Robotiq gripper: lines `SET VAR n ...` and `GET VAR`, as its URCap offers them."""

from __future__ import annotations

import socket
import threading
from typing import Protocol

FULL = 255
_ACTIVE = 3
_MOVING, _STOPPED_CLOSING, _ARRIVED = 0, 2, 3


class Fingers(Protocol):
    """What the gripper moves."""

    @property
    def width_m(self) -> float:
        """Distance of the fingers, m."""
        ...

    @property
    def force_n(self) -> float:
        """Force they were told last, N."""
        ...

    @property
    def is_holding(self) -> bool:
        """Whether an object stops them."""
        ...

    def move(self, width_m: float, force_n: float) -> None:
        """Move to a width, m, with at most a force, N."""
        ...


class GripperPort:
    """What answers at the socket.

    Attributes:
        values: The registers that keep what they were told.
    """

    def __init__(self, fingers: Fingers, stroke_m: float = 0.05, force_limit_n: float = 130.0) -> None:
        """Be switched on and not activated.

        Args:
            fingers: What it moves.
            stroke_m: Widest opening, m.
            force_limit_n: Force of the count 255, N.
        """
        self._fingers, self._stroke_m, self._force_limit_n = fingers, stroke_m, force_limit_n
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Be as after switching on."""
        self.values = {"ACT": 0, "GTO": 0, "SPE": FULL, "STA": 0, "FLT": 0}
        self._target: int | None = None

    def serve(self, peer: socket.socket) -> None:
        """Answer a client until it leaves."""
        for line in peer.makefile("r", encoding="ascii"):
            with self._lock:
                peer.sendall(f"{self._answer(line.split())}\n".encode())

    def _answer(self, words: list[str]) -> str:
        if words[:1] == ["GET"] and len(words) == 2:
            return f"{words[1]} {self._get(words[1])}"
        if words[:1] == ["SET"] and len(words) % 2 == 1:
            self._set(dict(zip(words[1::2], map(int, words[2::2]), strict=True)))
            return "ack"
        return "?"

    def _get(self, name: str) -> int:
        fingers = self._fingers
        if name == "POS":
            return self._counts(fingers.width_m)
        if name == "FOR":
            return round(FULL * min(fingers.force_n / self._force_limit_n, 1.0))
        if name == "OBJ":
            if fingers.is_holding:
                return _STOPPED_CLOSING
            return _ARRIVED if self._target in (None, self._counts(fingers.width_m)) else _MOVING
        return self.values[name]

    def _set(self, told: dict[str, int]) -> None:
        force = told.pop("FOR", None)
        target = told.pop("POS", None)
        self.values.update(told)
        if "ACT" in told:
            self.values["STA"] = _ACTIVE if told["ACT"] else 0
        if target is not None and self.values["ACT"] and self.values["GTO"]:
            self._target = target
            force_n = self._fingers.force_n if force is None else force / FULL * self._force_limit_n
            self._fingers.move(self._stroke_m * (1.0 - target / FULL), force_n)

    def _counts(self, width_m: float) -> int:
        return round(FULL * (1.0 - min(max(width_m / self._stroke_m, 0.0), 1.0)))
