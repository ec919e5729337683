"""Error model of the force/torque sensor: what a strain-gauge sensor makes of the true wrench, all seeded.

Gain and crosstalk, bias and drift, saturation, filter, noise, resolution, latency, in that order. Every effect draws
from a stream of its own: switching one off leaves the others as they are.
"""

from __future__ import annotations

import math
import random
from collections import deque

import numpy as np

from cablecell.core.config.sensors import WrenchSensorSettings
from cablecell.simulation import sensor_kernel as kernel

Wrench = tuple[float, float, float, float, float, float]

OVERLOAD = 1.05
"""Share of the range at which an axis saturates, and above which the axes that load the same beams together say so."""

_STILL: Wrench = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


class WrenchErrors:
    """Turns the true wrench at the sensor into what the sensor reports.

    Attributes:
        reading: Newest report, fx, fy, fz in N and tx, ty, tz in N·m.
        stamp_s: Time the reading is valid for, s.
        is_overloaded: Whether the load of that reading is outside the sensor's range; the reading is then too small.
        overloads: Number of overloaded samples so far.
    """

    def __init__(self, settings: WrenchSensorSettings, rng: random.Random) -> None:
        s = self._settings = settings
        gains, biases, self._drift_rng, self._noise_rng = (random.Random(rng.getrandbits(64)) for _ in range(4))
        period_s = 1.0 / s.rate_hz
        self._gain = np.array([[_gain(i, j, s, gains) for j in range(6)] for i in range(6)])
        rows = self._rows = np.empty((kernel.SENSOR_ROWS, 6))
        rows[kernel.BIAS] = [biases.gauss(0.0, s.bias_n if i < 3 else s.bias_nm) for i in range(6)]
        rows[kernel.FILTERED] = math.nan
        # A random walk that has the stated spread after a minute.
        per_step = math.sqrt(period_s / 60.0)
        rows[kernel.DRIFT] = (s.drift_n_per_min * per_step,) * 3 + (s.drift_nm_per_min * per_step,) * 3
        ranges = (s.range_xy_n, s.range_xy_n, s.range_z_n, s.range_nm, s.range_nm, s.range_nm)
        rows[kernel.RANGE] = [limit if limit > 0.0 else math.inf for limit in ranges]
        rows[kernel.LIMIT] = OVERLOAD * rows[kernel.RANGE]
        rows[kernel.NOISE] = (s.noise_n,) * 3 + (s.noise_nm,) * 3
        rows[kernel.RESOLUTION] = (s.resolution_n,) * 3 + (s.resolution_nm,) * 3
        self._share = 1.0 - math.exp(-2.0 * math.pi * s.filter_hz * period_s) if s.filter_hz > 0.0 else 1.0
        self._waiting: deque[tuple[float, Wrench, bool]] = deque(maxlen=round(s.latency_s * s.rate_hz) + 1)
        self.reading: Wrench = _STILL
        self.stamp_s = 0.0
        self.is_overloaded = False
        self.overloads = 0

    def update(self, stamp_s: float, wrench: Wrench) -> None:
        """Take one true sample.

        Args:
            stamp_s: Time of the sample, s.
            wrench: True wrench of the environment on the tool at `ft_frame`.
        """
        if not self._settings.has_errors:
            self.reading, self.stamp_s = wrench, stamp_s
            return
        drift, noise = self._drift_rng.random, self._noise_rng.random
        drifting, noisy = tuple([drift() for _ in range(6)]), tuple([noise() for _ in range(6)])
        report, bending, pressing = kernel.sense(wrench, drifting, noisy, self._gain, self._rows, self._share)
        # The axes that share beams may use no more than the range together.
        is_overloaded = bending > OVERLOAD or pressing > OVERLOAD
        self.overloads += is_overloaded
        self._waiting.append((stamp_s, report, is_overloaded))
        # The stamp is the sample's own time: a reader can see how old it is.
        self.stamp_s, self.reading, self.is_overloaded = self._waiting[0]


def _gain(i: int, j: int, settings: WrenchSensorSettings, rng: random.Random) -> float:
    """Return an entry of the gain matrix; drawn in any case, so that sizes do not change the other draws."""
    draw = rng.gauss(0.0, 1.0)
    if i == j:
        return 1.0 + settings.gain_error * draw
    return settings.crosstalk * draw if (i < 3) == (j < 3) else 0.0
