"""Error model of the joint encoders: offset, slow wander, deflection under torque, noise and resolution, all seeded."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.sensors import EncoderSettings
from cablecell.simulation import sensor_kernel as kernel

Array = NDArray[np.float64]


class EncoderErrors:
    """Turns true joint states into measured ones.

    The arm is controlled by what its encoders say, so the errors that last, `error_rad`, are in every command too.

    Attributes:
        encoder: What the encoders are and were, as the compiled step takes it.
    """

    def __init__(self, settings: EncoderSettings, joints: int, rng: random.Random) -> None:
        self._settings = settings
        offsets, self._wander_rng, self._noise_rng = (random.Random(rng.getrandbits(64)) for _ in range(3))
        self.encoder = np.zeros((kernel.ENCODER_ROWS, joints))
        self.encoder[kernel.OFFSET] = [offsets.gauss(0.0, settings.offset_rad) for _ in range(joints)]
        self.encoder[kernel.WANDER] = [self._wander_rng.gauss(0.0, settings.wander_rad) for _ in range(joints)]
        self.encoder[kernel.COMPLIANCE] = settings.deflection_rad_per_nm
        self._pairs = (joints + 1) // 2
        self._step = 2.0 * math.pi / 2**settings.bits if settings.bits else 0.0
        self._stamp_s: float | None = None
        self._still = (0.0,) * (2 * self._pairs)
        self._sum_up()

    @property
    def offset_rad(self) -> list[float]:
        """Constant error per joint, rad."""
        return _row(self.encoder, kernel.OFFSET)

    @property
    def error_rad(self) -> list[float]:
        """Offset, wander and deflection together at the last measurement, per joint, rad."""
        return _row(self.encoder, kernel.ERROR)

    def settle(self, torque: Sequence[float]) -> None:
        """Begin with the joints loaded for long.

        Args:
            torque: Of the drive on each joint, N·m.
        """
        self.encoder[kernel.DEFLECTION] = self.encoder[kernel.COMPLIANCE] * np.array(torque)
        self._sum_up()

    def measure(
        self, stamp_s: float, q: Sequence[float], dq: Sequence[float], torque: Sequence[float]
    ) -> tuple[Array, Array]:
        """Return measured positions, shape (n,), rad, and velocities, shape (n,), rad/s.

        Args:
            stamp_s: Time, s; decides how far wander and deflection have gone since the last measurement.
            q: True positions, rad.
            dq: True velocities, rad/s.
            torque: Of the drive on each joint, N·m; the joint lags behind the motor by what it yields.
        """
        s = self._settings
        elapsed_s = 0.0 if self._stamp_s is None else max(0.0, stamp_s - self._stamp_s)
        self._stamp_s = stamp_s
        course, wandering = (1.0, 0.0, 0.0), self._still
        if elapsed_s > 0.0:
            course, uniform = self._course(elapsed_s), self._wander_rng.random
            wandering = tuple([uniform() for _ in wandering])
        uniform = self._noise_rng.random
        noisy = tuple([uniform() for _ in range(4 * self._pairs)])
        noise = (self._step, s.noise_rad, s.noise_rad_per_s)
        measured: tuple[Array, Array] = kernel.encode(
            self.encoder, tuple(q), tuple(dq), tuple(torque), wandering, noisy, course, noise
        )
        return measured

    def _course(self, elapsed_s: float) -> tuple[float, float, float]:
        """Return how much of the wander is kept over a time, what comes to it, rad, and the share of the deflection."""
        s, kept, fresh = self._settings, 1.0, 0.0
        if s.wander_rad > 0.0:
            # An Ornstein-Uhlenbeck process, exact for any period.
            kept = math.exp(-elapsed_s / s.wander_time_s)
            fresh = s.wander_rad * math.sqrt(1.0 - kept * kept)
        return kept, fresh, 1.0 - math.exp(-elapsed_s / s.deflection_time_s)

    def _sum_up(self) -> None:
        rows = self.encoder
        rows[kernel.ERROR] = rows[kernel.OFFSET] + rows[kernel.WANDER] + rows[kernel.DEFLECTION]


def _row(rows: Array, i: int) -> list[float]:
    values: list[float] = rows[i].tolist()
    return values
