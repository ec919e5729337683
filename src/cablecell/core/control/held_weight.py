"""What a torque-controlled arm holds at rest beside what its gravity compensation takes: an error of its payload.

The force sensor is a hundredth off, also of the weight of the tool; the arm's own torques are not, where its joints do
not stick. So these say what the arm should believe to carry, and the sensor says what is to be taken from its readings.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cablecell.core.control.model import ArmDynamics
from cablecell.core.fusion.payload import CarriedPayload
from cablecell.core.fusion.wrench import GRAVITY
from cablecell.core.geometry import Array

_RESIDUAL_NM = 0.15
"""Most that a weight may leave unexplained of the torques, root mean square; joints that stick leave more."""

_SIGMAS = 3.0


@dataclass(frozen=True)
class WeightError:
    """What an arm carries beyond what it believes.

    Attributes:
        mass_kg: Mass, kg; below zero where it believes too much.
        moment_kg_m: Mass times centre in `tcp`, shape (3,), kg·m.
        mass_sigma_kg: One standard deviation of the mass, kg.
        moment_sigma_kg_m: One of each coordinate of the moment, kg·m.
        residual_nm: Root mean square of the torques that are not explained, N·m.
    """

    mass_kg: float
    moment_kg_m: Array
    mass_sigma_kg: float
    moment_sigma_kg_m: float
    residual_nm: float


@dataclass(frozen=True)
class HeldPayload:
    """What is carried beyond the tool, at the tcp.

    Attributes:
        mass_kg: Mass, kg.
        centre: Centre in `tcp`, shape (3,), m; zero where the mass is within its own uncertainty.
        mass_sigma_kg: One standard deviation of the mass, kg.
        centre_sigma_m: One of each coordinate of the centre, m; zero without a centre.
    """

    mass_kg: float
    centre: Array
    mass_sigma_kg: float
    centre_sigma_m: float


class HeldTorques:
    """Collects what an arm was told to hold at rest, one mean for every look."""

    def __init__(self, looks: int) -> None:
        self._sums: list[tuple[Array, Array] | None] = [None] * looks
        self._counts = [0] * looks

    def add(self, look: int, q: Array, tau: Array) -> None:
        """Take joint positions, rad, and commanded torques, N·m, of one period at rest."""
        before = self._sums[look]
        self._sums[look] = (q, tau) if before is None else (before[0] + q, before[1] + tau)
        self._counts[look] += 1

    def identify(self, dynamics: Callable[[Array], ArmDynamics]) -> WeightError:
        """Return the weight that explains the torques, by least squares; every look has been taken."""
        rows, torques = [], []
        for sums, count in zip(self._sums, self._counts, strict=True):
            assert sums is not None
            at = dynamics(sums[0] / count)
            J, R = at.J_base_tcp, at.X_base_tcp[:3, :3]
            # A weight m at c in the tool pulls with -m g along z and turns with R m c x (0, 0, -g) about the tcp.
            turning = np.outer(J[3], R[1]) - np.outer(J[4], R[0])
            rows.append(GRAVITY * np.column_stack((J[2], turning)))
            torques.append(sums[1] / count)
        A, tau = np.vstack(rows), np.concatenate(torques)
        solution, *_ = np.linalg.lstsq(A, tau, rcond=None)
        missing = tau - A @ solution
        moment: Array = np.asarray(solution[1:], dtype=np.float64)
        square = float(missing @ missing)
        sigmas = np.sqrt(square / (tau.size - solution.size) * np.diag(np.linalg.inv(A.T @ A)))
        return WeightError(
            float(solution[0]), moment, float(sigmas[0]), float(sigmas[1:].max()), math.sqrt(square / tau.size)
        )


def sensed_payload(carried: CarriedPayload, X_tcp_ft: Array) -> HeldPayload:
    """Return what the force sensor found, at the tcp."""
    has_centre = carried.centre_sigma_m > 0.0
    centre: Array = X_tcp_ft[:3, :3] @ carried.payload.centre + X_tcp_ft[:3, 3] if has_centre else np.zeros(3)
    return HeldPayload(carried.payload.mass_kg, centre, carried.mass_sigma_kg, carried.centre_sigma_m)


def corrected_payload(believed: tuple[float, Array], error: WeightError, carried: CarriedPayload) -> HeldPayload | None:
    """Return what an arm carries by its torques.

    Args:
        believed: Mass, kg, and centre in `tcp`, m, that it believes now.
        error: What it holds beyond that.
        carried: What the force sensor found.

    Returns:
        None where the torques are not those of a weight, or say something else than the force sensor.
    """
    mass, sigma = believed[0] + error.mass_kg, error.mass_sigma_kg
    is_same = abs(mass - carried.payload.mass_kg) <= _SIGMAS * math.hypot(carried.mass_sigma_kg, sigma)
    if error.residual_nm > _RESIDUAL_NM or not is_same or mass < -_SIGMAS * sigma:
        return None
    if mass <= _SIGMAS * sigma:
        return HeldPayload(mass, np.zeros(3), sigma, 0.0)
    centre: Array = (believed[0] * believed[1] + error.moment_kg_m) / mass
    lever = float(np.linalg.norm(centre))
    return HeldPayload(mass, centre, sigma, math.hypot(error.moment_sigma_kg_m, lever * sigma) / mass)
