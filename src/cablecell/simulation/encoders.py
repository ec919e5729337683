"""Error model of the joint encoders: a constant offset per joint, and noise on position and velocity."""

from __future__ import annotations

import random
from collections.abc import Sequence

from cablecell.core.config.simulation import EncoderSettings


class EncoderErrors:
    """Turns true joint states into measured ones.

    Attributes:
        offset_rad: Constant error per joint, rad; commanded positions have it too.
    """

    def __init__(self, settings: EncoderSettings, joints: int, rng: random.Random) -> None:
        self._settings = settings
        self._rng = rng
        self.offset_rad = [rng.gauss(0.0, settings.offset_rad) for _ in range(joints)]

    def measure(self, q: Sequence[float], dq: Sequence[float]) -> tuple[list[float], list[float]]:
        """Return measured positions, rad, and velocities, rad/s."""
        gauss, s = self._rng.gauss, self._settings
        return (
            [v + o + gauss(0.0, s.noise_rad) for v, o in zip(q, self.offset_rad, strict=True)],
            [v + gauss(0.0, s.noise_rad_per_s) for v in dq],
        )
