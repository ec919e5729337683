"""The work of the contact force: what an insertion takes out of arm and parts, beside its peak force."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

WINDOW_S = 0.02
"""Work is summed with its sign over this time, then without: noise at rest does none, s."""


class ContactWork:
    """Sums |force · way| of a tip.

    Attributes:
        total_j: So far, J.
    """

    def __init__(self) -> None:
        self.total_j = 0.0
        self._sum = np.zeros(3)
        self._count = 0
        self._last: Array | None = None
        self._window_j = 0.0
        self._window_s = 0.0

    def tare(self, force_tcp: Array) -> None:
        """Take a force in free space, shape (3,) in `tcp` axes, N, as one that does no work; the mean of all counts."""
        self._sum = self._sum + force_tcp
        self._count += 1

    def add(self, now_s: float, X_base_tip: Array, force_tcp: Array, R_base_tcp: Array) -> None:
        """Take one sample.

        Args:
            now_s: Clock, s.
            X_base_tip: The tip, shape (4, 4).
            force_tcp: Environment on tool in `tcp` axes, shape (3,), N.
            R_base_tcp: Axes of `tcp`, shape (3, 3).
        """
        p = X_base_tip[:3, 3]
        if self._last is None:
            self._last, self._window_s = p.copy(), now_s
            return
        force = R_base_tcp @ (force_tcp - self._sum / max(self._count, 1))
        self._window_j += float(force @ (p - self._last))
        self._last = p.copy()
        if now_s - self._window_s >= WINDOW_S:
            self.total_j += abs(self._window_j)
            self._window_j, self._window_s = 0.0, now_s
