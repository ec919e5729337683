"""Contact forces of a box, a pin and a socket against planar statics, at random sizes, stiffnesses and speeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from cablecell.core.config.simulation import PhysicsSettings
from cablecell.evaluation.closed_forms import (
    ContactForces,
    inside_m,
    jam_force_n,
    lead_in_forces,
    one_point_forces,
    two_point_forces,
    two_point_onset_m,
)
from cablecell.evaluation.physics_checks.check import Check, between, rms
from cablecell.simulation.contact_rig import ContactRig, RigSetup, Shape
from cablecell.simulation.plug_rig import RigRows

Measure = Callable[[np.random.Generator], tuple[float, float, dict[str, Any]]]

SHAPES: tuple[Shape, ...] = ("box", "pin", "socket")
CLEARANCES_M = (5.0e-5, 2.0e-5)
_TIGHT = (
    "stepped at 4 kHz, as every box with less than 30 µm is: Bullet's solver gives 1 to 2 µm of extra play at 2 kHz"
)


def random_setup(rng: np.random.Generator, shape: Shape, clearance_m: float) -> RigSetup:
    """Return a set-up with everything but shape and clearance at random."""
    is_box = shape == "box"
    return RigSetup(
        shape=shape,
        clearance_m=clearance_m,
        offset_m=between(rng, 0.25e-3, 0.4e-3),
        friction=between(rng, 0.12, 0.3),
        edge_radius_m=2.0e-5 if is_box else between(rng, 2.0e-5, 1.0e-4),
        tip_chamfer_m=0.0 if is_box else between(rng, 0.0, 3.0e-4),
        half_width_m=between(rng, 2.5e-3, 5.0e-3) if is_box else between(rng, 1.0e-3, 4.0e-3),
        lead_in_m=between(rng, 1.0e-3, 2.0e-3),
        support_m=between(rng, 25.0e-3, 34.0e-3),
        stiffness_n_per_m=between(rng, 10.0e3, 20.0e3),
        stiffness_nm_per_rad=between(rng, 20.0, 30.0),
    )


def _lower(setup: RigSetup, *moves: tuple[float, float], rate_hz: int = 2000) -> RigRows:
    """Return what was measured 500 times a second in the last of several moves, each a speed and a duration."""
    rig = ContactRig(setup, PhysicsSettings(rate_hz=rate_hz))
    try:
        for speed, seconds in moves:
            rows = rig.lower(speed, seconds, every_steps=rig.rate_hz // 500)
    finally:
        rig.close()
    return rows


def _compare(setup: RigSetup, rows: RigRows, expected: ContactForces, what: str) -> tuple[float, float, dict[str, Any]]:
    """Return measured and expected rms force where the closed form holds; the difference of the courses, not of these.

    The first is the expected one times 1 + the relative rms deviation of the courses, so that errors cannot cancel.
    """
    there = expected.is_valid
    measured = np.abs(rows.lateral_n if what == "lateral" else rows.axial_n)[there]
    stated = (expected.lateral_n if what == "lateral" else expected.axial_n)[there]
    notes = {
        "clearance_m": setup.clearance_m,
        "half_width_m": setup.half_width_m,
        "friction": setup.friction,
        "offset_m": setup.offset_m,
        "tilt_rad": setup.tilt_rad,
        "samples": int(there.sum()),
        "mean_measured_n": float(np.mean(measured)),
    }
    deviation = rms(measured - stated)
    sign = 1.0 if rms(measured) >= rms(stated) else -1.0
    return rms(stated) + sign * deviation, rms(stated), notes


def _lead_in(shape: Shape, what: str) -> Measure:
    def measure(rng: np.random.Generator) -> tuple[float, float, dict[str, Any]]:
        setup = random_setup(rng, shape, 5.0e-5)
        setup = replace(setup, offset_m=between(rng, 0.5e-3, 0.7e-3))
        late = max(setup.tip_chamfer_m, 0.586 * setup.edge_radius_m)
        touch = setup.lead_in_m + late - (setup.offset_m - setup.clearance_m)
        slide = setup.offset_m - setup.clearance_m
        rows = _lower(setup, (0.01, (touch - setup.start_m) / 0.01), (0.002, (slide + 0.2e-3) / 0.002))
        return _compare(setup, rows, lead_in_forces(setup, rows.depth_m), what)

    return measure


def _one_point(shape: Shape, clearance_m: float, what: str) -> Measure:
    def measure(rng: np.random.Generator) -> tuple[float, float, dict[str, Any]]:
        setup = random_setup(rng, shape, clearance_m)
        speed = between(rng, 0.006, 0.01)
        rows = _lower(setup, (speed, 0.011 / speed))
        measured, expected, notes = _compare(setup, rows, one_point_forces(setup, rows.depth_m), what)
        if what == "axial":
            there = one_point_forces(setup, rows.depth_m)
            # The plug drops off the lead-in and swings: its mean is compared.
            measured = float(np.mean(rows.axial_n[there.is_valid]))
            expected = float(np.mean(there.axial_n[there.is_valid]))
        return measured, expected, notes

    return measure


def wedged(setup: RigSetup) -> RigSetup:
    """Return a set-up tilted so that the second place touches after a third of the hole."""
    c = setup.clearance_m
    return replace(setup, tilt_rad=-0.006 if c < 3.0e-5 else -0.0085, offset_m=0.30e-3 if c < 3.0e-5 else 0.36e-3)


def _two_point(shape: Shape, clearance_m: float, what: str) -> Measure:
    def measure(rng: np.random.Generator) -> tuple[float, float, dict[str, Any]]:
        setup = wedged(random_setup(rng, shape, clearance_m))
        speed = between(rng, 0.006, 0.009)
        way = setup.lead_in_m + setup.hole_m - setup.start_m
        rows = _lower(setup, (speed, way / speed))
        return _compare(setup, rows, two_point_forces(setup, rows.depth_m), what)

    return measure


def _penetration(shape: Shape, clearance_m: float, which: str) -> Measure:
    def measure(rng: np.random.Generator) -> tuple[float, float, dict[str, Any]]:
        setup = random_setup(rng, shape, clearance_m)
        rig = ContactRig(setup)
        try:
            rows = rig.lower(0.02, 0.3, every_steps=1, with_penetration=True)
            rig.lower(0.0, 0.2)
            steady = rig.lower(0.0, 0.05, with_penetration=True)
        finally:
            rig.close()
        if which == "steady":
            return float(steady.penetration_m.max()), min(2.0e-6, clearance_m / 5.0), {"clearance_m": clearance_m}
        return float(rows.penetration_m.max()), 15.0e-6, {"clearance_m": clearance_m}

    return measure


def _onset(shape: Shape, clearance_m: float) -> Measure:
    """Measure the depth at which the second place begins to touch."""

    def measure(rng: np.random.Generator) -> tuple[float, float, dict[str, Any]]:
        setup = wedged(random_setup(rng, shape, clearance_m))
        expected = two_point_onset_m(setup)
        rig = ContactRig(setup)
        found = np.inf
        try:
            rig.lower(0.006, (setup.lead_in_m - setup.start_m) / 0.006)
            for _ in range(round(setup.hole_m / 0.006 / 0.002)):
                row = rig.lower(0.006, 0.002)
                if all(rig.touched_sides()):
                    found = float(inside_m(setup, row.depth_m)[0])
                    if found > 0.4 * expected:  # before, the edge still leaves the lead-in
                        break
        finally:
            rig.close()
        return found, expected, {"clearance_m": clearance_m, "friction": setup.friction}

    return measure


def _jam(shape: Shape, friction: float) -> Measure:
    """Measure the axial force that moves a plug which a pure moment presses against two places."""

    def measure(rng: np.random.Generator) -> tuple[float, float, dict[str, Any]]:
        setup = replace(random_setup(rng, shape, 5.0e-5), friction=friction, offset_m=0.0)
        depth = setup.lead_in_m + between(rng, 4.0e-3, 8.0e-3)
        moment = between(rng, 0.03, 0.08)
        rig = ContactRig(replace(setup, start_m=depth))
        try:
            force = rig.slip_force_n((0.0, moment, 0.0), most_n=1.5 * jam_force_n(setup, depth, moment))
        finally:
            rig.close()
        notes = {"friction": friction, "moment_nm": moment, "depth_m": depth}
        return force, jam_force_n(setup, depth, moment), notes

    return measure


def _residual(shape: Shape, wedges: bool) -> Measure:
    """Measure what stays of the squeeze of a moment that was taken away.

    Two places on a line inside both friction cones, l ≤ µ·2r, hold each other: N / (1 + (l/2r)²) stays. Outside it
    nothing does.
    """

    def measure(rng: np.random.Generator) -> tuple[float, float, dict[str, Any]]:
        setup = replace(random_setup(rng, shape, 5.0e-5), friction=0.5 if wedges else 0.2, offset_m=0.0)
        setup = replace(setup, half_width_m=between(rng, 3.0e-3, 4.0e-3), tip_chamfer_m=0.0)
        share = between(rng, 0.5, 0.8) if wedges else between(rng, 1.3, 1.8)
        inside = share * setup.friction * 2.0 * setup.half_width_m
        depth = setup.lead_in_m + setup.edge_radius_m + inside
        moment = 0.05
        rig = ContactRig(replace(setup, start_m=depth))
        try:
            pressed, left = rig.squeeze_n((0.0, moment, 0.0))
        finally:
            rig.close()
        stays = pressed / (1.0 + (inside / (2.0 * setup.half_width_m)) ** 2) if wedges else 0.0
        notes = {"pressed_n": pressed, "depth_over_limit": share, "expected_pressed_n": 2.0 * moment / inside}
        return left / pressed, stays / pressed, notes

    return measure


def _alike(shape: Shape, what: str) -> Measure:
    """Compare a start with its mirror image, or with half the step: the largest difference over the largest force."""

    def measure(rng: np.random.Generator) -> tuple[float, float, dict[str, Any]]:
        setup = replace(random_setup(rng, shape, 5.0e-5), tilt_rad=between(rng, -0.004, 0.0))
        rows = _lower(setup, (0.01, 0.7))
        if what == "mirror":
            other = _lower(replace(setup, offset_m=-setup.offset_m, tilt_rad=-setup.tilt_rad), (0.01, 0.7))
            other = replace(other, lateral_n=-other.lateral_n)
        else:
            other = _lower(setup, (0.01, 0.7), rate_hz=4000)
        difference = max(rms(rows.lateral_n - other.lateral_n), rms(rows.axial_n - other.axial_n))
        return difference / rms(rows.lateral_n) + 1.0, 1.0, {"force_n": rms(rows.lateral_n)}

    return measure


def _floor(shape: Shape) -> Measure:
    def measure(rng: np.random.Generator) -> tuple[float, float, dict[str, Any]]:
        setup = replace(random_setup(rng, shape, 2.0e-4), offset_m=0.0)
        push_m = between(rng, 0.1e-3, 0.4e-3)
        stop = setup.lead_in_m + setup.hole_m
        rig = ContactRig(setup)
        try:
            rig.lower(0.02, (stop - setup.start_m + push_m) / 0.02)
            rows = rig.lower(0.0, 0.3)
            beyond_m = rig.led_depth_m() - stop
        finally:
            rig.close()
        return float(rows.axial_n[-1]), setup.stiffness_n_per_m * beyond_m, {}

    return measure


def _force_checks(shape: Shape) -> list[Check]:
    found = [
        Check(f"{shape}_lead_in_{what}", "force on the 45° lead-in at 2 mm/s", "N", 0.05, _lead_in(shape, what))
        for what in ("lateral", "axial")
    ]
    for clearance_m in CLEARANCES_M:
        size = f"{round(clearance_m * 1e6)}um"
        tight = clearance_m < 3.0e-5
        found += [
            Check(
                f"{shape}_one_point_{size}_lateral",
                "one place touches",
                "N",
                0.01,
                _one_point(shape, clearance_m, "lateral"),
            ),
            Check(
                f"{shape}_one_point_{size}_axial",
                "one place touches",
                "N",
                0.06,
                _one_point(shape, clearance_m, "axial"),
            ),
            Check(
                f"{shape}_two_point_{size}_lateral",
                "two places touch",
                "N",
                0.04,
                _two_point(shape, clearance_m, "lateral"),
                note=_TIGHT if shape == "box" and tight else "",
            ),
            Check(
                f"{shape}_two_point_{size}_axial",
                "two places touch",
                "N",
                0.10,
                _two_point(shape, clearance_m, "axial"),
                note=_TIGHT if shape == "box" and tight else "",
            ),
            Check(
                f"{shape}_onset_{size}",
                "depth at which the second place touches",
                "m",
                0.10,
                _onset(shape, clearance_m),
            ),
            Check(
                f"{shape}_sinks_in_{size}_steady",
                "overlap under load",
                "m",
                1.0,
                _penetration(shape, clearance_m, "steady"),
                kind="limit",
            ),
            Check(
                f"{shape}_sinks_in_{size}_moving",
                "overlap at 20 mm/s",
                "m",
                1.0,
                _penetration(shape, clearance_m, "moving"),
                kind="limit",
            ),
        ]
    return found


def contact_checks() -> list[Check]:
    """Return the checks of contact."""
    found: list[Check] = []
    for shape in SHAPES:
        found += _force_checks(shape)
        found += [
            Check(
                f"{shape}_jam_mu_{friction}", "force that moves a jammed plug, 2µM/l", "N", 0.15, _jam(shape, friction)
            )
            for friction in (0.15, 0.4)
        ]
        found += [
            Check(f"{shape}_mirrored", "a mirrored start", "1", 0.10, _alike(shape, "mirror")),
            Check(f"{shape}_half_step", "half the physics step", "1", 0.10, _alike(shape, "step")),
            Check(f"{shape}_floor", "floor against the spring", "N", 0.02, _floor(shape)),
        ]
    for shape in ("pin", "socket"):
        found += [
            Check(f"{shape}_wedge_holds", "squeeze left without load, l < µ·2r", "1", 0.15, _residual(shape, True)),
            Check(
                f"{shape}_wedge_lets_go",
                "squeeze left without load, l > µ·2r",
                "1",
                0.02,
                _residual(shape, False),
                kind="absolute",
            ),
        ]
    return found
