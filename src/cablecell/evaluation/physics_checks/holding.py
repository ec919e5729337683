"""What holds cable and plug: clamps, table, friction and torsion; the grasp as a friction clutch behind a spring."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cablecell.core.cable.rod import Hold, Rod, RodEnd, RodProperties, RodSurroundings
from cablecell.core.config.simulation import GraspSettings
from cablecell.core.geometry.scalar import Vec3
from cablecell.evaluation.cable_forms import clamped_elastica
from cablecell.evaluation.physics_checks.check import Check, between
from cablecell.simulation.grasp import GraspSpring
from cablecell.simulation.rigid import IDENTITY, NO_ROTATION

Array = NDArray[np.float64]
Result = tuple[float, float, dict[str, Any]]

_ITEM = "cable: "
_G = 9.80665


def _end(position: Vec3, angle_rad: float = 0.0, turn_rad: float = 0.0) -> RodEnd:
    """Return an end in the x-z plane that runs at an angle above the horizontal and is turned about itself."""
    c, s = math.cos(angle_rad), math.sin(angle_rad)
    across = (-s * math.sin(turn_rad), math.cos(turn_rad), c * math.sin(turn_rad))
    return RodEnd(position, (c, 0.0, s), across)


def _rod(
    length_m: float,
    weight_n_per_m: float,
    ei: float,
    near: RodEnd,
    far: RodEnd | None = None,
    hold: Hold = Hold.FREE,
    *,
    ea: float = 2.0e4,
    gj: float = 0.0,
    table_height_m: float = -math.inf,
    friction: float = 0.0,
    segments: int = 40,
) -> Rod:
    properties = RodProperties(length_m, weight_n_per_m / _G, ei, ea, gj, 0.0)
    surroundings = RodSurroundings(table_height_m=table_height_m, friction=friction)
    return Rod(properties, surroundings, near, far, hold, segments)


def _clamped(which: int) -> Any:
    def measure(rng: np.random.Generator) -> Result:
        length, weight, ei = 0.3, between(rng, 0.1, 0.5), between(rng, 4.0e-4, 1.0e-3)
        angles = (between(rng, -0.9, -0.3), between(rng, 0.3, 0.9))
        far = (between(rng, 0.18, 0.24), 0.0, between(rng, -0.05, 0.05))
        rod = _rod(
            length, weight, ei, _end((0.0, 0.0, 0.0), angles[0]), _end(far, angles[1]), Hold.CLIPPED, segments=60
        )
        force = np.array([rod.force[0], rod.force[2]])
        expected = clamped_elastica(rod.nodes[:, [0, 2]], angles, length, weight, ei, force)
        notes = {"weight_n_per_m": weight, "ei_nm2": ei}
        if which == 0:
            return float(np.linalg.norm(force)), float(np.linalg.norm(expected[:2])), notes
        return rod.torque[1], float(expected[2]), notes

    return measure


def _touch_down(rng: np.random.Generator) -> Result:
    weight, ei, height = between(rng, 0.2, 0.6), between(rng, 1.0e-3, 3.0e-3), between(rng, 0.01, 0.03)
    rod = _rod(1.0, weight, ei, _end((0.0, 0.0, height)), ea=2.0e5, table_height_m=0.0, segments=100)
    lifted = (72.0 * ei * height / weight) ** 0.25
    return -rod.force[2], 2.0 / 3.0 * weight * lifted, {"height_m": height, "ei_nm2": ei}


def _drag(rng: np.random.Generator) -> Result:
    weight, friction = between(rng, 0.2, 0.6), between(rng, 0.1, 0.6)
    rod = _rod(0.5, weight, 1.0e-4, _end((0.0, 0.0, 0.0)), ea=2.0e3, table_height_m=0.0, friction=friction)
    for i in range(400):
        rod.update(_end((-5.0e-5 * i, 0.0, 0.0)), 0.01)
    return rod.force[0], friction * (weight * 0.5 + rod.force[2]), {"friction": friction}


def _torsion(rng: np.random.Generator) -> Result:
    length, gj, turns = between(rng, 0.2, 0.6), between(rng, 1.0e-4, 1.0e-3), between(rng, 0.5, 1.5)
    far = _end((0.999 * length, 0.0, 0.0))
    rod = _rod(length, 0.0, 1.0e-3, _end((0.0, 0.0, 0.0)), far, Hold.PLUGGED, ea=2.0e3, gj=gj)
    for i in range(101):
        rod.update(_end((-0.02 * length, 0.0, 0.0), turn_rad=2.0 * math.pi * turns * i / 100), 0.01)
    return -rod.torque[0], gj * 2.0 * math.pi * turns / length, {"turns": turns}


def _pushed(rng: np.random.Generator, which: str) -> Result:
    """Load a grasp until it slips: the largest load it gives back."""
    settings = GraspSettings(pad_friction=between(rng, 0.1, 0.8), pad_arm_m=between(rng, 0.005, 0.03))
    grip = between(rng, 5.0, 130.0)
    spring = GraspSpring(settings, 0.08, 2.5e-5, IDENTITY, grip)
    direction = rng.normal(size=3)
    direction /= np.linalg.norm(direction)
    still = (0.0, 0.0, 0.0)
    largest = 0.0
    for share in np.linspace(0.0, 2.0, 201):
        limit = 2.0 * settings.pad_friction * grip
        if which == "force":
            shift = direction * (share * limit / settings.stiffness_n_per_m)
            place: Vec3 = (float(shift[0]), float(shift[1]), float(shift[2]))
            force, _, _ = spring.update(still, NO_ROTATION, still, still, place, NO_ROTATION, still, still)
            largest = max(largest, math.hypot(*force))
        else:
            limit *= settings.pad_arm_m
            half = 0.5 * share * limit / settings.stiffness_nm_per_rad
            x, y, z = (math.sin(half) * float(d) for d in direction)
            turned = (x, y, z, math.cos(half))
            _, torque, _ = spring.update(still, NO_ROTATION, still, still, still, turned, still, still)
            largest = max(largest, math.hypot(*torque))
    return largest, limit, {"grip_n": grip, "pad_friction": settings.pad_friction}


def _slip_work(rng: np.random.Generator) -> Result:
    settings, grip = GraspSettings(pad_friction=between(rng, 0.1, 0.5)), between(rng, 10.0, 60.0)
    spring = GraspSpring(settings, 0.08, 2.5e-5, IDENTITY, grip)
    limit, k = 2.0 * settings.pad_friction * grip, settings.stiffness_n_per_m
    amplitude, still = between(rng, 2.0, 6.0) * limit / k, (0.0, 0.0, 0.0)
    angles = np.linspace(0.0, 4.0 * math.pi, 8001)
    path: Array = amplitude * np.sin(angles)
    pull = np.array(
        [
            spring.update(still, NO_ROTATION, still, still, (float(x), 0.0, 0.0), NO_ROTATION, still, still)[0][0]
            for x in path
        ]
    )
    last = angles[:-1] >= 2.0 * math.pi
    work = -float(np.sum((0.5 * (pull[1:] + pull[:-1]) * np.diff(path))[last]))
    return work, 4.0 * limit * (amplitude - limit / k), {"amplitude_m": amplitude}


def holding_checks() -> list[Check]:
    """Return the checks of what holds cable and plug."""
    return [
        Check("cable_clamped_force", _ITEM + "both ends clamped, boundary value problem", "N", 0.02, _clamped(0)),
        Check("cable_clamped_moment", _ITEM + "both ends clamped, boundary value problem", "N·m", 0.02, _clamped(1)),
        Check("cable_touch_down", _ITEM + "2/3 w a, a⁴ = 72 EI h / w", "N", 0.02, _touch_down),
        Check("cable_drag", _ITEM + "µ times what lies on the table", "N", 0.01, _drag),
        Check("cable_torsion", _ITEM + "GJ θ / L over half a turn and more", "N·m", 1.0e-4, _torsion),
        Check("grasp_slip_force", "grasp: 2 µ F", "N", 1.0e-6, lambda rng: _pushed(rng, "force")),
        Check("grasp_slip_torque", "grasp: 2 µ F r", "N·m", 1.0e-6, lambda rng: _pushed(rng, "torque")),
        Check("grasp_slip_work", "grasp: 4 F (A - F / k) a loop", "J", 2.0e-3, _slip_work),
    ]
