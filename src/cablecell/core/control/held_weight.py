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
        residual_nm: Root mean square of the torques that are not explained, N·m.
    """

    mass_kg: float
    moment_kg_m: Array
    residual_nm: float


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
        return WeightError(float(solution[0]), moment, math.sqrt(float(missing @ missing) / tau.size))


def corrected_payload(
    believed: tuple[float, Array], error: WeightError, carried: CarriedPayload
) -> tuple[float, Array] | None:
    """Return mass, kg, and centre in `tcp`, m, that an arm should believe to carry.

    Args:
        believed: What it believes now.
        error: What it holds beyond that.
        carried: What the force sensor found.

    Returns:
        None where the torques are not those of a weight, or say something else than the force sensor.
    """
    mass = believed[0] + error.mass_kg
    is_same = abs(mass - carried.payload.mass_kg) <= _SIGMAS * carried.mass_sigma_kg
    if error.residual_nm > _RESIDUAL_NM or not is_same or mass <= 0.0:
        return None
    centre: Array = (believed[0] * believed[1] + error.moment_kg_m) / mass
    return mass, centre
