"""Searches of the comparators: a blind spiral, and a tilted corner that is slid to the walls of the opening."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import ClassVar

import numpy as np

from cablecell.core.insertion.approach import guarded_end
from cablecell.core.insertion.catch import Search
from cablecell.core.insertion.outcome import Outcome, Phase
from cablecell.core.insertion.phase import End, Go, Job, Measurement, PhaseStep, Setpoint

TILT_RAD = math.radians(6.0)
"""Tilt about each lateral axis that makes one corner the lowest, rad."""

SLIDE_SPEED = 0.01
"""Of the corner towards the walls, m/s."""

UPRIGHT_RATE = 0.5
"""With which the plug is made upright, rad/s."""

_INSIDE_SHARE = 0.8
"""Largest shift of the corner, of half the plug's size: more would put it beyond the middle of the opening."""

_TILTING_S = 0.8
"""Time to tilt and shift in the air, s: in half of it the arm swung, and the corner came down 2 mm beside its place."""

_STEADY_S = 0.25
"""Rest after that, s."""

_PRESS_S = 0.1
"""Time to let the push settle on the land, s."""

_WALL_N = 2.0
"""Lateral force beyond friction that a wall is known by, N."""

_LEASH_M = 1.0e-3
"""How far the target goes ahead of the plug, m."""

_PRELOAD_N = 1.0
"""Lateral push towards the walls while the plug is made upright, N."""

_SETTLE_S = 0.1
"""Time given to the plug once it is upright, s."""


class BlindSpiral(Search):
    """The skill's spiral with the skill's pitch and radius, until the plug is surely in the opening.

    The skill leaves its spiral at the first small drop and returns when that was false. Without a return this fails
    early; the blind spiral goes on until the whole lead-in is passed.
    """

    def __init__(self, job: Job, m: Measurement) -> None:
        job.plan = replace(job.plan, catch_drop_m=job.plan.entered_m)
        super().__init__(job, m)

    def step(self, job: Job, m: Measurement) -> tuple[Setpoint, Go | End | None]:
        """Search; hand a catch to the push."""
        setpoint, change = super().step(job, m)
        return setpoint, Go(Phase.SEAT, change.reason) if isinstance(change, Go) else change


class TiltedContact(PhaseStep):
    """Tilt the plug so that one corner is lowest, shift that corner surely into the opening, and go down to contact."""

    phase: ClassVar[Phase] = Phase.CONTACT

    def __init__(self, job: Job, m: Measurement) -> None:
        self._start_m = m.depth_m
        self._start_s = m.time_s
        self._samples = 0
        self._shift = corner_shift(job)

    def step(self, job: Job, m: Measurement) -> tuple[Setpoint, Go | End | None]:
        """Tilt and shift smoothly, then advance at the guarded speed until the port is felt."""
        settings = job.settings
        elapsed = m.time_s - self._start_s
        s = min(elapsed / _TILTING_S, 1.0)
        blend = s * s * s * (10.0 + s * (-15.0 + 6.0 * s))
        advance = settings.contact_speed * max(elapsed - _TILTING_S - _STEADY_S, 0.0)
        p = np.array([-blend * self._shift[0], -blend * self._shift[1], self._start_m + advance])
        velocity = np.array([0.0, 0.0, settings.contact_speed if advance > 0.0 else 0.0])
        stiffness = job.stiff(settings.stiffness_approach, settings.rotation_stiffness_free)
        setpoint = Setpoint(p, blend * tilted(), stiffness, velocity=velocity)
        self._samples = self._samples + 1 if m.push_n > settings.contact_force_n else 0
        if self._samples >= 2:
            job.land_m = m.depth_m
            return setpoint, Go(Phase.SEARCH, f"contact of {m.push_n:.1f} N at {1e3 * m.depth_m:.2f} mm")
        if m.depth_m > guarded_end(job):
            return setpoint, Go(Phase.SEARCH, f"no land down to {1e3 * m.depth_m:.1f} mm")
        return setpoint, None


class TiltSlide(PhaseStep):
    """Press, slide the corner to two walls of the opening, then make the plug upright against them."""

    phase: ClassVar[Phase] = Phase.SEARCH

    def __init__(self, job: Job, m: Measurement) -> None:
        self._start_s = m.time_s
        self._begin = m.p[:2].copy()
        self._target = m.p[:2].copy()
        self._at_wall = [False, False]
        self._upright_s: float | None = None
        reach = job.plan.uncertainty.lateral_95_m
        self._reach_m = [shift + reach + 2.0 * max(job.profile.clearance_m) for shift in corner_shift(job)]

    def step(self, job: Job, m: Measurement) -> tuple[Setpoint, Go | End | None]:
        """Go on by one period."""
        settings = job.settings
        rotvec = tilted()
        change: Go | End | None = None
        stiffness = settings.stiffness_search
        if self._upright_s is None:
            if m.time_s - self._start_s > _PRESS_S:
                change = self._slide(job, m)
        else:
            elapsed, angle = m.time_s - self._upright_s, float(np.linalg.norm(rotvec))
            rotvec = rotvec * max(0.0, 1.0 - UPRIGHT_RATE * elapsed / angle)
            stiffness = settings.stiffness_insert
            if elapsed > angle / UPRIGHT_RATE + _SETTLE_S:
                change = Go(Phase.SEAT, f"upright {1e3 * m.depth_m:.2f} mm deep against two walls")
        push = settings.search_force_n
        rotation = settings.rotation_stiffness_free
        damping = np.zeros(6)
        damping[2] = push / settings.contact_speed
        target = np.array([self._target[0], self._target[1], m.depth_m])
        diagonal = np.array([stiffness, stiffness, 0.0, rotation, rotation, rotation])
        return Setpoint(target, rotvec, diagonal, damping, force=np.array([0.0, 0.0, push])), change

    def _slide(self, job: Job, m: Measurement) -> End | None:
        """Move the target of every axis that is not at its wall; begin to turn when both are."""
        threshold = job.profile.friction * job.settings.search_force_n + _WALL_N
        for i in (0, 1):
            self._at_wall[i] = self._at_wall[i] or -float(m.force[i]) > threshold
            if self._at_wall[i]:
                continue
            if float(m.p[i] - self._begin[i]) > self._reach_m[i]:
                way = f"{1e3 * self._reach_m[i]:.1f} mm"
                return End(Outcome.SEARCH_EXHAUSTED, f"no wall within {way} along {'xy'[i]}")
            self._target[i] = min(self._target[i] + SLIDE_SPEED * m.dt_s, float(m.p[i]) + _LEASH_M)
        if all(self._at_wall):
            self._upright_s = m.time_s
            self._target = m.p[:2] + _PRELOAD_N / job.settings.stiffness_insert
        return None


def tilted() -> np.ndarray:
    """Return the rotation vector, in port axes, that makes the corner at +x, +y the lowest; shape (3,), rad."""
    return np.array([TILT_RAD, -TILT_RAD, 0.0])


def corner_shift(job: Job) -> tuple[float, float]:
    """Return how far from the axis the plug is put so that its lowest corner is in the opening, m."""
    reach = job.plan.uncertainty.lateral_95_m
    width, height = job.profile.size_m
    return min(reach, 0.5 * _INSIDE_SHARE * width), min(reach, 0.5 * _INSIDE_SHARE * height)
