"""The fingers of a gripper that move at one speed; `blocked_at_m` is the width at which an object stops them."""

from __future__ import annotations

import time

STROKE_M = 0.05
SPEED_M_PER_S = 0.1


class KinematicFingers:
    def __init__(self) -> None:
        self._width_m = self._target_m = STROKE_M
        self._moved_s = time.monotonic()
        self.blocked_at_m: float | None = None
        self.force_n = 0.0

    def move(self, width_m: float, force_n: float) -> None:
        self._target_m, self.force_n = width_m, force_n

    @property
    def width_m(self) -> float:
        now_s = time.monotonic()
        step, self._moved_s = SPEED_M_PER_S * (now_s - self._moved_s), now_s
        self._width_m += min(max(self._target_m - self._width_m, -step), step)
        if self.blocked_at_m is not None:
            self._width_m = max(self._width_m, self.blocked_at_m)
        return self._width_m

    @property
    def is_holding(self) -> bool:
        return (
            self.blocked_at_m is not None and self.width_m == self.blocked_at_m and self._target_m < self.blocked_at_m
        )
