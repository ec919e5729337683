"""Error model of the force/torque sensor: gain, bias, drift, filter, noise, resolution and latency, all seeded."""

from __future__ import annotations

import math
import random
from collections import deque

from cablecell.core.config.simulation import WrenchSensorSettings

Wrench = tuple[float, float, float, float, float, float]

_STILL: Wrench = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


class WrenchErrors:
    """Turns the true wrench at the sensor into what the sensor reports.

    Attributes:
        reading: Newest report, fx, fy, fz in N and tx, ty, tz in N·m.
        stamp_s: Time the reading is valid for, s.
    """

    def __init__(self, settings: WrenchSensorSettings, rng: random.Random) -> None:
        self._settings = settings
        self._rng = rng
        s, period = settings, 1.0 / settings.rate_hz
        self._noise = (s.noise_n,) * 3 + (s.noise_nm,) * 3
        self._resolution = (s.resolution_n,) * 3 + (s.resolution_nm,) * 3
        self._bias = [rng.gauss(0.0, s.bias_n) for _ in range(3)] + [rng.gauss(0.0, s.bias_nm) for _ in range(3)]
        self._gain = [[(1.0 if i == j else 0.0) + rng.gauss(0.0, s.gain_error) * (1.0 if i == j else 0.3)
                       if (i < 3) == (j < 3) else 0.0 for j in range(6)] for i in range(6)]  # fmt: skip
        # A random walk that has the stated spread after a minute.
        per_step = math.sqrt(period / 60.0)
        self._drift = (s.drift_n_per_min * per_step,) * 3 + (s.drift_nm_per_min * per_step,) * 3
        self._share = 1.0 - math.exp(-2.0 * math.pi * s.filter_hz * period)
        self._filtered: list[float] | None = None
        delay = round(s.latency_s * s.rate_hz)
        self._waiting: deque[tuple[float, Wrench]] = deque(maxlen=delay + 1)
        self.reading: Wrench = _STILL
        self.stamp_s = 0.0

    def update(self, stamp_s: float, wrench: Wrench) -> None:
        """Take one true sample.

        Args:
            stamp_s: Time of the sample, s.
            wrench: True wrench of the environment on the tool at `ft_frame`.
        """
        if not self._settings.has_errors:
            self.reading, self.stamp_s = wrench, stamp_s
            return
        gauss = self._rng.gauss
        for i in range(6):
            self._bias[i] += gauss(0.0, self._drift[i])
        measured = [
            g[0] * wrench[0]
            + g[1] * wrench[1]
            + g[2] * wrench[2]
            + g[3] * wrench[3]
            + g[4] * wrench[4]
            + g[5] * wrench[5]
            + b
            for g, b in zip(self._gain, self._bias, strict=True)
        ]
        if self._filtered is None:
            self._filtered = measured
        else:
            share = self._share
            self._filtered = [f + share * (m - f) for f, m in zip(self._filtered, measured, strict=True)]
        out = [f + gauss(0.0, n) for f, n in zip(self._filtered, self._noise, strict=True)]
        a, b, c, d, e, f = (round(v / r) * r if r > 0.0 else v for v, r in zip(out, self._resolution, strict=True))
        self._waiting.append((stamp_s, (a, b, c, d, e, f)))
        # The stamp is the sample's own time: a reader can see how old it is.
        self.stamp_s, self.reading = self._waiting[0]
