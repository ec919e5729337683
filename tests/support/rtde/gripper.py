"""The socket of a Robotiq gripper: lines `SET VAR n ...` and `GET VAR`, as its URCap offers them."""

from __future__ import annotations

import socket
import threading
import time

FULL = 255
STROKE_PER_S = FULL * 2.0 / 1.0
"""Counts per second: 50 mm in half a second."""


class Gripper:
    """Fingers that move at one speed; `blocked_at` is the position at which an object stops them."""

    def __init__(self) -> None:
        self.values = {"ACT": 0, "GTO": 0, "POS": 3, "SPE": FULL, "FOR": 0, "STA": 0, "FLT": 0}
        self._at, self._target = 3.0, 3
        self._moved_s = time.monotonic()
        self.blocked_at: float | None = None
        self._lock = threading.Lock()

    def serve(self, peer: socket.socket) -> None:
        for line in peer.makefile("r", encoding="ascii"):
            with self._lock:
                peer.sendall(f"{self._answer(line.split())}\n".encode())

    def _answer(self, words: list[str]) -> str:
        self._move()
        if words[:1] == ["GET"] and len(words) == 2:
            return f"{words[1]} {self._get(words[1])}"
        if words[:1] == ["SET"] and len(words) % 2 == 1:
            for name, value in zip(words[1::2], words[2::2], strict=True):
                self.values[name] = int(value)
                if name == "ACT":
                    self.values["STA"] = 3 if int(value) else 0
                if name == "POS":
                    self._target = int(value)
            return "ack"
        return "?"

    def _get(self, name: str) -> int:
        if name == "POS":
            return round(self._at)
        if name == "OBJ":
            if self.blocked_at is not None and self._at == self.blocked_at and self._target > self._at:
                return 2
            return 3 if abs(self._at - self._target) < 0.5 else 0
        return self.values[name]

    def _move(self) -> None:
        now_s = time.monotonic()
        step, self._moved_s = STROKE_PER_S * (now_s - self._moved_s), now_s
        if not (self.values["ACT"] and self.values["GTO"]):
            return
        self._at += min(max(self._target - self._at, -step), step)
        if self.blocked_at is not None:
            self._at = min(self._at, self.blocked_at)
