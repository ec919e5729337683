"""Contact wrench from a raw force/torque reading: bias, weight of the payload, filter, and the shift to the tool.

Model of a raw reading in `ft_frame`, environment on tool: w = w_contact + bias + [m g ; c x m g], where g is gravity in
`ft_frame` (pointing down) and c the centre of mass of everything behind the sensor.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cablecell.core.errors import WorkcellError
from cablecell.core.fusion.wrench_kernel import contact_at_tcp, warm_up
from cablecell.ports import WrenchSample

Array = NDArray[np.float64]

GRAVITY = 9.80665
"""Standard gravity, m/s²."""


class TareError(WorkcellError):
    """A tare was refused: too few samples, or the tool was not at rest in free space; nothing was changed."""

    code = 510


class PayloadExcitationError(WorkcellError):
    """The orientations of a payload identification are too alike to tell weight from bias; nothing was changed."""

    code = 511


@dataclass(frozen=True)
class Payload:
    """What hangs on the sensor.

    Attributes:
        mass_kg: Mass, kg.
        centre: Centre of mass in `ft_frame`, shape (3,), m.
    """

    mass_kg: float
    centre: Array

    def weight(self, R_base_ft: Array) -> Array:
        """Return the wrench of the weight on the sensor in `ft_frame`, shape (6,), at orientation `R_base_ft`."""
        down = -GRAVITY * self.mass_kg
        fx, fy, fz = down * float(R_base_ft[2, 0]), down * float(R_base_ft[2, 1]), down * float(R_base_ft[2, 2])
        x, y, z = self.centre.tolist()
        # Plain numbers: this runs in every control period, and np.cross alone costs more than all of it.
        return np.array([fx, fy, fz, y * fz - z * fy, z * fx - x * fz, x * fy - y * fx])


@dataclass(frozen=True)
class PayloadEstimate:
    """Result of a payload identification.

    Attributes:
        payload: Mass and centre.
        bias: Sensor bias in `ft_frame`, shape (6,), N, N·m.
        mass_sigma_kg: One standard deviation of the mass, kg.
        moment_sigma_kg_m: One standard deviation of mass times centre, its worst coordinate, kg·m.
        force_residual_n: Root mean square of what the model does not explain, N.
    """

    payload: Payload
    bias: Array
    mass_sigma_kg: float
    moment_sigma_kg_m: float
    force_residual_n: float


LEAST_SPREAD = 0.05
"""Smallest `gravity_spread` that tells weight from bias."""


def gravity_spread(directions: Array) -> float:
    """Return the second largest eigenvalue of the scatter of directions of gravity in the tool, shape (k, 3)."""
    return float(np.linalg.eigvalsh(np.cov(directions.T, bias=True))[-2])


def identify_payload(rotations: Array, wrenches: Array) -> PayloadEstimate:
    """Estimate mass, centre of mass and bias from static readings at several orientations, by least squares.

    Forces give mass and force bias (4 unknowns), moments then give m c and moment bias (6 unknowns).

    Args:
        rotations: R_base_ft of each reading, shape (k, 3, 3), k >= 4.
        wrenches: Mean raw reading at each, shape (k, 6), N, N·m.

    Raises:
        PayloadExcitationError: Gravity hardly changes direction in `ft_frame` (code 511).
    """
    k = rotations.shape[0]
    down = np.array([rotation.T @ np.array([0.0, 0.0, -GRAVITY]) for rotation in rotations])
    spread = gravity_spread(down / GRAVITY) if k >= 4 else 0.0
    if spread < LEAST_SPREAD:
        raise PayloadExcitationError(
            f"the {k} orientations spread gravity by {spread:.3f} in the second direction; at least 4 orientations "
            f"and {LEAST_SPREAD} are needed: tilt the tool about two axes",
            quantity="gravity_spread",
            value=spread,
            limit=LEAST_SPREAD,
        )
    A = np.zeros((3 * k, 4))
    A[:, 0] = down.ravel()
    A[:, 1:] = np.tile(np.eye(3), (k, 1))
    forces = wrenches[:, :3].ravel()
    solution, *_ = np.linalg.lstsq(A, forces, rcond=None)
    mass, force_bias = float(solution[0]), solution[1:]
    residual = forces - A @ solution
    sigma = math.sqrt(float(residual @ residual) / max(forces.size - 4, 1))
    mass_sigma = sigma * math.sqrt(float(np.linalg.inv(A.T @ A)[0, 0]))

    B = np.zeros((3 * k, 6))
    for i, g in enumerate(down):
        # (m c) x g = -[g]x (m c)
        B[3 * i : 3 * i + 3, :3] = [[0.0, g[2], -g[1]], [-g[2], 0.0, g[0]], [g[1], -g[0], 0.0]]
        B[3 * i : 3 * i + 3, 3:] = np.eye(3)
    torques = wrenches[:, 3:].ravel()
    moment, *_ = np.linalg.lstsq(B, torques, rcond=None)
    unexplained = torques - B @ moment
    variance = float(unexplained @ unexplained) / max(torques.size - 6, 1)
    moment_sigma = math.sqrt(variance * float(np.diag(np.linalg.inv(B.T @ B))[:3].max()))
    centre: Array = np.zeros(3) if abs(mass) <= 1e-6 else np.asarray(moment[:3], dtype=np.float64) / mass
    return PayloadEstimate(
        payload=Payload(mass, centre),
        bias=np.concatenate((force_bias, moment[3:])),
        mass_sigma_kg=mass_sigma,
        moment_sigma_kg_m=moment_sigma,
        force_residual_n=math.sqrt(float(residual @ residual) / forces.size),
    )


class Tare:
    """Averages readings taken at rest in free space; refuses when they show that the tool was not free or not still."""

    def __init__(self, *, least_samples: int = 20, force_spread_n: float = 1.0) -> None:
        self._least_samples = least_samples
        self._force_spread_n = force_spread_n
        self._sum = np.zeros(6)
        self._squares = np.zeros(6)
        self._count = 0

    @property
    def count(self) -> int:
        """Number of samples so far."""
        return self._count

    def add(self, wrench: Array) -> None:
        """Take one reading, shape (6,), N, N·m."""
        self._sum = self._sum + wrench
        self._squares = self._squares + wrench * wrench
        self._count += 1

    def mean(self) -> Array:
        """Return the mean reading, shape (6,).

        Raises:
            TareError: Too few samples, or the force was not steady (code 510).
        """
        if self._count < self._least_samples:
            raise TareError(
                f"tare has {self._count} samples; at least {self._least_samples} are needed",
                quantity="samples",
                value=self._count,
                limit=self._least_samples,
            )
        mean: Array = self._sum / self._count
        spread = math.sqrt(float(np.maximum(self._squares / self._count - mean * mean, 0.0)[:3].max()))
        if spread > self._force_spread_n:
            raise TareError(
                f"force varied by {spread:.2f} N (1 sigma) during the tare; the limit is {self._force_spread_n} N: "
                "hold the tool still in free space",
                quantity="force_spread",
                value=spread,
                limit=self._force_spread_n,
                unit="N",
            )
        return mean


class WrenchCompensator:
    """Turns raw samples into the contact wrench at the tcp.

    A tare explains the mean reading by the known payload plus a bias, so that the result stays right when the tool is
    turned afterwards; with no payload given the whole reading becomes bias.
    """

    def __init__(self, X_tcp_ft: Array, *, cutoff_hz: float, rate_hz: float, payload: Payload | None = None) -> None:
        self._R_tcp_ft = X_tcp_ft[:3, :3].copy()
        self._p_tcp_ft = X_tcp_ft[:3, 3].copy()
        self._payload = payload if payload is not None else Payload(0.0, np.zeros(3))
        self._blend = 1.0 - math.exp(-2.0 * math.pi * cutoff_hz / rate_hz)
        self._bias = np.zeros(6)
        self._filtered: Array | None = None
        warm_up()

    @property
    def bias(self) -> Array:
        """Bias in `ft_frame`, shape (6,), N, N·m."""
        return self._bias

    @property
    def payload(self) -> Payload:
        """The payload that is subtracted."""
        return self._payload

    def set_payload(self, payload: Payload) -> None:
        """Replace the payload; the bias stays."""
        self._payload = payload

    def set_bias(self, bias: Array) -> None:
        """Replace the bias, shape (6,), N, N·m, for instance by an identified one."""
        self._bias = bias.copy()
        self._filtered = None

    def tare(self, mean_raw: Array, R_base_tcp: Array) -> None:
        """Make a mean raw reading in free space, shape (6,), read zero at this orientation."""
        self.set_bias(mean_raw - self._payload.weight(R_base_tcp @ self._R_tcp_ft))

    def compensate(self, sample: WrenchSample, R_base_tcp: Array) -> Array:
        """Return the filtered contact wrench, environment on tool, at the tcp in tcp axes, shape (6,), N, N·m."""
        blend = self._blend
        if self._filtered is None:
            self._filtered, blend = np.zeros(6), 1.0
        return contact_at_tcp(
            sample.force,
            sample.torque,
            self._bias,
            GRAVITY * self._payload.mass_kg,
            self._payload.centre,
            R_base_tcp,
            self._R_tcp_ft,
            self._p_tcp_ft,
            blend,
            self._filtered,
        )
