"""What a tool carries, from readings of the force sensor at rest in several orientations."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cablecell.core.errors import WorkcellError
from cablecell.core.fusion.wrench import Payload, PayloadEstimate, Tare, identify_payload
from cablecell.ports import WrenchSample

Array = NDArray[np.float64]

_STEADY_N = 0.5
"""Most that the force may vary (1 sigma) while the arm rests: the noise of the sensor and a cable that swings on."""

_RETURN_N = 1.0
"""Most that the force may differ between the beginning and the end, where the arm is back."""

_RESIDUAL_N = 0.5
"""Most that weight and bias may leave unexplained."""

_SIGMAS = 3.0


class PayloadNotRigidError(WorkcellError):
    """The readings are not those of a rigid payload in free air; nothing was changed."""

    code = 512


class PayloadMassError(WorkcellError):
    """The force sensor carries clearly less than the tool weighs; nothing was changed."""

    code = 513


@dataclass(frozen=True)
class CarriedPayload:
    """What is carried beyond the tool.

    Attributes:
        payload: Mass, and centre in `ft_frame`; zero centre where the mass is within its own uncertainty.
        mass_sigma_kg: One standard deviation of the mass, kg.
        centre_sigma_m: One standard deviation of each coordinate of the centre, m; zero without a centre.
    """

    payload: Payload
    mass_sigma_kg: float
    centre_sigma_m: float


class PayloadReadings:
    """Collects what the force sensor reads at rest, one mean for every look; `identify` when all have been taken."""

    def __init__(self, orientations: tuple[int, ...]) -> None:
        """Expect looks, given by the number of the orientation of each, in order; equal ones are looked at again."""
        self._orientations = orientations
        self._tares = [Tare(force_spread_n=_STEADY_N) for _ in orientations]
        self._rotations: list[Array | None] = [None] * len(orientations)
        self._look = 0

    def add(self, look: int, R_base_ft: Array, sample: WrenchSample) -> None:
        """Take one raw reading of a look; looks come in order, and one is judged as soon as the next begins.

        Raises:
            PayloadNotRigidError: The sensor is overloaded, or reports what is no number (code 512).
            TareError: The look before has too few samples, or the force varied during it (code 510).
        """
        if look != self._look:
            self._tares[self._look].mean()
            self._look = look
        wrench = np.concatenate((sample.force, sample.torque))
        if sample.is_overloaded or not np.isfinite(wrench).all():
            raise PayloadNotRigidError(
                "the force sensor is overloaded or reports NaN; a payload cannot be identified",
                quantity="wrench",
                value=float(np.abs(wrench).max()),
                limit="finite and within range",
                frame="ft_frame",
            )
        self._tares[look].add(wrench)
        self._rotations[look] = R_base_ft

    def identify(self) -> PayloadEstimate:
        """Return everything that hangs on the sensor, and its bias.

        Raises:
            TareError: A look has too few samples, or the force varied during it (code 510).
            PayloadNotRigidError: The force is another one after the way back, or is not explained (code 512).
            PayloadExcitationError: Gravity hardly changed direction (code 511).
        """
        means = [tare.mean() for tare in self._tares]
        merged: dict[int, list[tuple[Array, Array]]] = {}
        for orientation, mean, rotation in zip(self._orientations, means, self._rotations, strict=True):
            assert rotation is not None
            merged.setdefault(orientation, []).append((mean, rotation))
        for readings in merged.values():
            change = float(np.linalg.norm(readings[-1][0][:3] - readings[0][0][:3]))
            if change > _RETURN_N:
                raise PayloadNotRigidError(
                    f"back at the same place the force is another by {change:.2f} N; the limit is {_RETURN_N} N: "
                    "something was touched, slipped, or swings",
                    quantity="force_change",
                    value=change,
                    limit=_RETURN_N,
                    unit="N",
                    frame="ft_frame",
                )
        estimate = identify_payload(
            np.array([readings[0][1] for readings in merged.values()]),
            np.array([np.mean([mean for mean, _ in readings], axis=0) for readings in merged.values()]),
        )
        if estimate.force_residual_n > _RESIDUAL_N:
            raise PayloadNotRigidError(
                f"a rigid payload leaves {estimate.force_residual_n:.2f} N of the readings unexplained; the limit is "
                f"{_RESIDUAL_N} N: something was touched, or what is carried moves",
                quantity="force_residual",
                value=estimate.force_residual_n,
                limit=_RESIDUAL_N,
                unit="N",
                frame="ft_frame",
            )
        return estimate


def carried_payload(estimate: PayloadEstimate, tool: Payload, *, gain_error: float) -> CarriedPayload:
    """Return what of an identified payload is not the tool.

    A sensor that reads one in a hundred too much makes all of it, tool included, one in a hundred heavier. So a light
    plug behind a heavy tool is known by its absolute error, not by its own hundredth.

    Args:
        estimate: All that hangs on the sensor.
        tool: What of it is the tool.
        gain_error: One standard deviation of the gain of an axis of the sensor, relative.

    Raises:
        PayloadMassError: Clearly less than the tool hangs there (code 513).
    """
    whole = estimate.payload
    mass = whole.mass_kg - tool.mass_kg
    # Two axes with gains of their own see the most of the weight that tilting moves about.
    sigma = math.hypot(estimate.mass_sigma_kg, gain_error * whole.mass_kg / math.sqrt(2.0))
    if mass < -_SIGMAS * sigma:
        raise PayloadMassError(
            f"the force sensor carries {whole.mass_kg:.3f} kg and the tool alone weighs {tool.mass_kg:.3f} kg; the "
            f"difference is more than {_SIGMAS:g} standard deviations of {sigma:.3f} kg",
            quantity="mass",
            value=whole.mass_kg,
            limit=tool.mass_kg,
            unit="kg",
        )
    if mass <= _SIGMAS * sigma:
        return CarriedPayload(Payload(mass, np.zeros(3)), sigma, 0.0)
    moment = whole.mass_kg * whole.centre - tool.mass_kg * tool.centre
    centre: Array = moment / mass
    moment_sigma = math.hypot(
        gain_error * float(np.linalg.norm(whole.mass_kg * whole.centre)), estimate.moment_sigma_kg_m
    )
    centre_sigma = math.hypot(moment_sigma, float(np.linalg.norm(centre)) * sigma) / mass
    return CarriedPayload(Payload(mass, centre), sigma, centre_sigma)
