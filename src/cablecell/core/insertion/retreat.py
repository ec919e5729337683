"""Phases that move away: recover after a failure or before another search, retreat after a release."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from cablecell.core.insertion.outcome import Phase
from cablecell.core.insertion.phase import End, Go, Job, Measurement, PhaseStep, Setpoint

_CLEAR_M = 2.0e-3
"""Distance in front of the land from which another search starts."""

_RELEASE_S = 0.3
"""Time the fingers need to open."""

_CLOSE_ENOUGH_M = 1.0e-3
"""Distance to the goal that ends the move."""


class Recover(PhaseStep):
    """Pull back along the insertion axis, soft sideways, never harder than the limit, plug held."""

    phase: ClassVar[Phase] = Phase.RECOVER

    def __init__(self, job: Job, m: Measurement) -> None:
        self._start_s = m.time_s
        self._begin_m = m.depth_m
        self._p = m.p.copy()
        self._rotvec = m.rotvec.copy()
        land = job.land_m if job.land_m is not None else job.profile.rim_m
        retreat = job.settings.retreat_distance_m
        self._goal_m = land - _CLEAR_M if job.decision is None else min(-retreat, m.depth_m)

    def step(self, job: Job, m: Measurement) -> tuple[Setpoint, Go | End | None]:
        """Move the target back at the retreat speed, on a leash that bounds the pull."""
        settings = job.settings
        elapsed = m.time_s - self._start_s
        wanted = max(self._begin_m - settings.retreat_speed * elapsed, self._goal_m)
        leash = settings.retreat_force_n / settings.stiffness_approach
        self._p[2] = max(wanted, m.depth_m - leash)
        # In the hole stay soft: the walls guide. In front of it hold the plug straight again.
        is_outside = m.depth_m < (job.land_m if job.land_m is not None else job.profile.rim_m)
        lateral = settings.stiffness_approach if is_outside else settings.stiffness_insert
        rotation = settings.rotation_stiffness_free if is_outside else job.plan.tilt_stiffness
        velocity = np.zeros(3)
        if wanted > self._goal_m:
            velocity[2] = -settings.retreat_speed
        stiffness = np.array([lateral, lateral, settings.stiffness_approach, rotation, rotation, rotation])
        setpoint = Setpoint(self._p.copy(), self._rotvec, stiffness, velocity=velocity)
        is_there = m.depth_m < self._goal_m + _CLOSE_ENOUGH_M
        if is_there and job.decision is None:
            return setpoint, Go(Phase.APPROACH, f"free {1e3 * m.depth_m:.1f} mm from the believed entrance")
        if is_there or elapsed > settings.retreat_limit_s:
            return setpoint, Go(Phase.DONE, f"retreated to {1e3 * m.depth_m:.1f} mm")
        return setpoint, None


class Retreat(PhaseStep):
    """Let the seated plug go, then move away along the insertion axis."""

    phase: ClassVar[Phase] = Phase.RETREAT

    def __init__(self, job: Job, m: Measurement) -> None:
        self._start_s = m.time_s
        self._p = m.p.copy()
        self._begin_m = m.depth_m
        self._rotvec = m.rotvec.copy()
        self._goal_m = m.depth_m - job.settings.retreat_distance_m
        job.is_gripper_open = True

    def step(self, job: Job, m: Measurement) -> tuple[Setpoint, Go | End | None]:
        """Wait for the fingers, then move back."""
        settings = job.settings
        elapsed = m.time_s - self._start_s - _RELEASE_S
        stiffness = job.stiff(settings.stiffness_approach, settings.rotation_stiffness_free)
        velocity = np.zeros(3)
        if elapsed < 0.0:
            return Setpoint(self._p.copy(), self._rotvec, stiffness), None
        wanted = max(self._begin_m - settings.retreat_speed * elapsed, self._goal_m)
        if wanted > self._goal_m:
            velocity[2] = -settings.retreat_speed
        leash = settings.retreat_force_n / settings.stiffness_approach
        self._p[2] = max(wanted, m.depth_m - leash)
        setpoint = Setpoint(self._p.copy(), self._rotvec, stiffness, velocity=velocity)
        if m.depth_m < self._goal_m + _CLOSE_ENOUGH_M or elapsed > settings.retreat_limit_s:
            return setpoint, Go(Phase.DONE, f"let go and moved {1e3 * (self._begin_m - m.depth_m):.1f} mm away")
        return setpoint, None
