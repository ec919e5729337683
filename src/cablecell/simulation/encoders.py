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
    ) -> tuple[list[float], list[float]]:
        """Return measured positions, rad, and velocities, rad/s.

        Args:
            stamp_s: Time, s; decides how far wander and deflection have gone since the last measurement.
            q: True positions, rad.
            dq: True velocities, rad/s.
            torque: Of the drive on each joint, N·m; the joint lags behind the motor by what it yields.
        """
        s, uniform = self._settings, self._noise_rng.random
        elapsed_s = 0.0 if self._stamp_s is None else max(0.0, stamp_s - self._stamp_s)
        self._stamp_s = stamp_s
        if elapsed_s > 0.0:
            self._go_on(elapsed_s, torque)
        noisy = tuple([uniform() for _ in range(4 * self._pairs)])
        measured, speed = kernel.encode(
            self.encoder, tuple(q), tuple(dq), noisy, self._step, s.noise_rad, s.noise_rad_per_s
        )
        return measured.tolist(), speed.tolist()

    def _go_on(self, elapsed_s: float, torque: Sequence[float]) -> None:
        s, kept, fresh = self._settings, 1.0, 0.0
        if s.wander_rad > 0.0:
            # An Ornstein-Uhlenbeck process, exact for any period.
            kept = math.exp(-elapsed_s / s.wander_time_s)
            fresh = s.wander_rad * math.sqrt(1.0 - kept * kept)
        uniform = self._wander_rng.random
        wandering = tuple([uniform() for _ in range(2 * self._pairs)])
        share = 1.0 - math.exp(-elapsed_s / s.deflection_time_s)
        kernel.go_on(self.encoder, tuple(torque), wandering, kept, fresh, share)

    def _sum_up(self) -> None:
        rows = self.encoder
        rows[kernel.ERROR] = rows[kernel.OFFSET] + rows[kernel.WANDER] + rows[kernel.DEFLECTION]


def _row(rows: Array, i: int) -> list[float]:
    values: list[float] = rows[i].tolist()
    return values
