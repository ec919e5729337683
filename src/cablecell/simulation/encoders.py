"""Error model of the joint encoders: offset, slow wander, deflection under torque, noise and resolution, all seeded."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from cablecell.core.config.sensors import EncoderSettings


class EncoderErrors:
    """Turns true joint states into measured ones.

    The arm is controlled by what its encoders say, so the errors that last, `error_rad`, are in every command too.

    Attributes:
        offset_rad: Constant error per joint, rad.
        error_rad: Offset, wander and deflection together at the last measurement, per joint, rad.
    """

    def __init__(self, settings: EncoderSettings, joints: int, rng: random.Random) -> None:
        self._settings = settings
        offsets, self._wander_rng, self._noise_rng = (random.Random(rng.getrandbits(64)) for _ in range(3))
        self.offset_rad = [offsets.gauss(0.0, settings.offset_rad) for _ in range(joints)]
        self._wander = [self._wander_rng.gauss(0.0, settings.wander_rad) for _ in range(joints)]
        self._compliance = list(settings.deflection_rad_per_nm)
        self._deflection = [0.0] * joints
        self._step = 2.0 * math.pi / 2**settings.bits if settings.bits else 0.0
        self._stamp_s: float | None = None
        self.error_rad = self._sum()

    def settle(self, torque: Sequence[float]) -> None:
        """Begin with the joints loaded for long.

        Args:
            torque: Of the drive on each joint, N·m.
        """
        self._deflection = [c * t for c, t in zip(self._compliance, torque, strict=True)]
        self.error_rad = self._sum()

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
        s, gauss = self._settings, self._noise_rng.gauss
        elapsed_s = 0.0 if self._stamp_s is None else max(0.0, stamp_s - self._stamp_s)
        self._stamp_s = stamp_s
        if elapsed_s > 0.0:
            self._go_on(elapsed_s, torque)
        step = self._step
        measured = [v + e + gauss(0.0, s.noise_rad) for v, e in zip(q, self.error_rad, strict=True)]
        if step:
            measured = [round(v / step) * step for v in measured]
        return measured, [v + gauss(0.0, s.noise_rad_per_s) for v in dq]

    def _go_on(self, elapsed_s: float, torque: Sequence[float]) -> None:
        s = self._settings
        if s.wander_rad > 0.0:
            # An Ornstein-Uhlenbeck process, exact for any period.
            kept = math.exp(-elapsed_s / s.wander_time_s)
            fresh = s.wander_rad * math.sqrt(1.0 - kept * kept)
            self._wander = [kept * w + self._wander_rng.gauss(0.0, fresh) for w in self._wander]
        share = 1.0 - math.exp(-elapsed_s / s.deflection_time_s)
        self._deflection = [
            d + share * (c * t - d) for d, c, t in zip(self._deflection, self._compliance, torque, strict=True)
        ]
        self.error_rad = self._sum()

    def _sum(self) -> list[float]:
        return [o + w + d for o, w, d in zip(self.offset_rad, self._wander, self._deflection, strict=True)]
