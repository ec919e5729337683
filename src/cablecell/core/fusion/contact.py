"""Detect contact during motion: a cumulative-sum test on the force that weight, bias and inertia do not explain.

The residual is divided by the noise that the motion of the moment makes likely, so that fast moves raise no alarms and
slow ones notice early. The sum is vectorial: a shift in any direction is found.

Source:
    Crosier, "Multivariate generalizations of cumulative sum quality-control schemes", Technometrics 1988.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cablecell.core.config.parameters import ParameterSchema, parameter
from cablecell.core.fusion import contact_kernel as kernel
from cablecell.core.fusion.wrench import Payload
from cablecell.core.geometry import Array


class ContactSettings(ParameterSchema):
    """How contact is told from noise and motion. Values measured by benchmark `contact`, docs/contact.md."""

    noise_n: float = parameter(0.11, "Noise of each axis of the force at rest.", unit="N", minimum=0.005, maximum=5.0)
    inertia_share: float = parameter(
        0.06, "Share of the inertial force that compensation may leave.", minimum=0.0, maximum=1.0
    )
    jerk_lag_s: float = parameter(
        0.002, "Disagreement in time between force and acceleration.", unit="s", minimum=0.0, maximum=0.05
    )
    acceleration_cutoff_hz: float = parameter(
        30.0, "Low-pass of the measured acceleration.", unit="Hz", minimum=1.0, maximum=200.0
    )
    baseline_time_s: float = parameter(
        0.4, "Time in which slow changes of the free force are learned.", unit="s", minimum=0.02, maximum=60.0
    )
    shift_n: float = parameter(0.5, "Force that is to be found fast.", unit="N", minimum=0.05, maximum=20.0)
    limit: float = parameter(
        5.0, "Cumulative sum that is a contact, in standard deviations.", minimum=1.0, maximum=100.0
    )
    force_limit_n: float = parameter(
        3.0,
        "Force against the last tare that is a contact however slowly it came.",
        unit="N",
        minimum=0.1,
        maximum=50.0,
    )


@dataclass(frozen=True)
class ContactReading:
    """What one sample says.

    Attributes:
        is_contact: True when something is touched.
        evidence: Cumulative sum over its limit; contact from 1 on.
        force: What weight, bias, inertia and drift do not explain, in tcp axes, shape (3,), N.
        sigma_n: Standard deviation of each axis of it now, N.
    """

    is_contact: bool
    evidence: float
    force: Array
    sigma_n: float


class ContactDetector:
    """Finds contact from compensated wrench and measured motion; no clock, one call per sample of the sensor."""

    def __init__(self, settings: ContactSettings, payload: Payload, X_tcp_ft: Array) -> None:
        """Begin.

        Args:
            settings: Of the test.
            payload: What the sensor carries, as the compensation of its weight has it.
            X_tcp_ft: Where the sensor is, shape (4, 4).
        """
        kernel.warm_up()
        self._settings = settings
        self._centre = X_tcp_ft[:3, :3] @ payload.centre + X_tcp_ft[:3, 3]
        self._memory = np.zeros((kernel.ROWS, 3))
        self._last_s: float | None = None
        self._age = 0
        self._numbers = np.array(
            [
                payload.mass_kg,
                settings.acceleration_cutoff_hz,
                settings.noise_n,
                settings.inertia_share,
                settings.baseline_time_s,
                0.5 * settings.shift_n / settings.noise_n,
                settings.limit,
                settings.jerk_lag_s,
            ]
        )

    def reset(self) -> None:
        """Forget the baseline and all evidence: the next sample is taken to be free."""
        self._last_s, self._age = None, 0

    def distrust(self, noise_n: float) -> None:
        """Work with another noise from now on, N: what a check of the sensor has found; the shift it finds grows."""
        self._numbers[2] = max(noise_n, self._settings.noise_n)
        self._numbers[5] = 0.5 * self._settings.shift_n / self._settings.noise_n

    def update(self, time_s: float, wrench_tcp: Array, twist_base: Array, R_base_tcp: Array) -> ContactReading:
        """Take one sample.

        Args:
            time_s: Of the sample, s.
            wrench_tcp: Environment on tool at the tcp in tcp axes, bias and weight removed, shape (6,).
            twist_base: Measured twist of the tcp in `base_link`, shape (6,).
            R_base_tcp: Orientation of the tcp, shape (3, 3).
        """
        dt_s = 0.0 if self._last_s is None else time_s - self._last_s
        self._last_s = time_s
        total, sigma = kernel.watch(
            wrench_tcp, twist_base, R_base_tcp, self._centre, self._memory, dt_s, self._numbers, self._age
        )
        self._age += 1
        settings = self._settings
        residual = self._memory[kernel.RESIDUAL].copy()
        x, y, z = (residual + self._memory[kernel.BASELINE]).tolist()
        slow = math.sqrt(x * x + y * y + z * z) > settings.force_limit_n + 3.0 * sigma
        return ContactReading(total > settings.limit or slow, total / settings.limit, residual, sigma)
