"""The cable's rod against beams, the heavy elastica and the catenary."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import brentq  # type: ignore[import-untyped]

from cablecell.core.cable.rod import Hold, Rod, RodEnd, RodProperties, RodSurroundings
from cablecell.evaluation.cable_forms import heavy_elastica
from cablecell.evaluation.physics_checks.check import Check, between

Result = tuple[float, float, dict[str, Any]]
Measure = Callable[[np.random.Generator], Result]

GRAVITY = 9.80665


def _end(x: float = 0.0, z: float = 0.0, below_rad: float = 0.0) -> RodEnd:
    """Return an end whose rod runs in the x-z plane, below +x by an angle."""
    return RodEnd((x, 0.0, z), (math.cos(below_rad), 0.0, -math.sin(below_rad)), (0.0, 1.0, 0.0))


def _rod(length_m: float, weight_n_per_m: float, ei: float, *, segments: int = 40, end_mass_kg: float = 0.0) -> Rod:
    """Return a cantilever along +x, without a table."""
    properties = RodProperties(length_m, weight_n_per_m / GRAVITY, ei, 2.0e4, 0.75 * ei, 0.0)
    return Rod(properties, RodSurroundings(GRAVITY, end_mass_kg=end_mass_kg), _end(), segments=segments)


def _sag(rng: np.random.Generator) -> Result:
    length, ei = between(rng, 0.15, 0.25), between(rng, 0.8e-2, 2.0e-2)
    weight = between(rng, 0.05, 0.1)
    rod = _rod(length, weight, ei, segments=24)
    return -float(rod.nodes[-1, 2]), weight * length**4 / (8.0 * ei), {}


def _elastica(which: str) -> Measure:
    """EI θ'' = w (L - s) cos θ: depth of the free end, or moment at the held one."""

    def measure(rng: np.random.Generator) -> Result:
        length, weight, ei = between(rng, 0.25, 0.35), between(rng, 0.2, 0.4), between(rng, 3.0e-4, 1.5e-3)

        rod = _rod(length, weight, ei)
        tip, moment = heavy_elastica(length, weight, ei)
        if which == "moment":
            return float(rod.torque[1]), -moment, {"ei": ei}
        return float(rod.nodes[-1, 2]), float(tip[1]), {"ei": ei}

    return measure


def _catenary(rng: np.random.Generator) -> Result:
    """Pull of a limp cable between two clips at one height, N."""
    length, weight = between(rng, 0.4, 0.6), between(rng, 0.3, 0.6)
    span = between(rng, 0.7, 0.85) * length
    properties = RodProperties(length, weight / GRAVITY, 1.0e-7, 2.0e4, 0.75e-7, 0.0)
    ends = _end(below_rad=1.0), _end(span, below_rad=-1.0)
    rod = Rod(properties, RodSurroundings(GRAVITY), *ends, Hold.CLIPPED, 100)
    a = brentq(lambda a: 2.0 * a * math.sinh(span / (2.0 * a)) - length, 0.04, 10.0)
    return abs(float(rod.force[0])), weight * float(a), {}


def _smooth(rng: np.random.Generator) -> Result:
    """Largest jump of the force over a way of 10 mm in steps of 0.05 mm, of its change over the whole way."""
    properties = RodProperties(0.4, between(rng, 0.02, 0.05), between(rng, 3.0e-4, 1.0e-3), 2.0e4, 3.0e-4, 1.0e-3)
    surroundings = RodSurroundings(GRAVITY, table_height_m=-0.15)
    rod = Rod(properties, surroundings, _end(below_rad=0.5), segments=40)
    forces = []
    for i in range(200):
        rod.update(_end(z=-5.0e-5 * i, below_rad=0.5), 0.01)
        forces.append(np.array(rod.force))
    jumps = np.abs(np.diff(forces, axis=0)).max()
    return float(jumps), 0.1 * float(np.ptp(np.array(forces), axis=0).max()), {}


def cable_checks() -> list[Check]:
    """Return the checks of the cable."""
    return [
        Check("cable_sag", "stiff cantilever, w L⁴ / 8 EI", "m", 0.02, _sag),
        Check("cable_elastica_tip", "heavy elastica, free end", "m", 0.02, _elastica("tip")),
        Check("cable_elastica_moment", "heavy elastica, moment at the clamp", "N·m", 0.02, _elastica("moment")),
        Check("cable_catenary", "limp cable between two clips", "N", 0.02, _catenary),
        Check("cable_smooth", "jump of the force in steps of 0.05 mm", "N", 1.0, _smooth, kind="limit"),
    ]
