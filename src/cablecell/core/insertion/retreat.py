"""Phases that move away: recover after a failure or before another search, retreat after a release."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from cablecell.core.geometry import Array
from cablecell.core.insertion.insert import turned_with
from cablecell.core.insertion.outcome import Outcome, Phase
from cablecell.core.insertion.phase import End, Go, Job, Measurement, PhaseStep, Setpoint

_CLEAR_M = 2.0e-3
"""Distance in front of the land from which another search starts."""

_RELEASE_S = 0.3
"""Time the fingers need to open."""

_CLOSE_ENOUGH_M = 1.0e-3
"""Distance to the goal that ends the move."""


class Recover(PhaseStep):
    """Pull back along the insertion axis, soft sideways in the hole, never harder than the limit, plug held."""

    phase: ClassVar[Phase] = Phase.RECOVER

    def __init__(self, job: Job, m: Measurement) -> None:
        self._start_s = m.time_s
        self._p = m.p.copy()
        self._rotvec = m.rotvec.copy()
        land = job.land_m if job.land_m is not None else job.profile.rim_m
        retreat = job.settings.retreat_distance_m
        self._goal_m = land - _CLEAR_M if job.decision is None else min(-retreat, m.depth_m)

    def step(self, job: Job, m: Measurement) -> tuple[Setpoint, Go | End | None]:
        """Pull with a bounded force through a damper: free it moves at the retreat speed, held it only pulls."""
        # In the hole stay soft: the walls guide. In front of it hold the plug straight again.
        is_outside = m.depth_m < (job.land_m if job.land_m is not None else job.profile.rim_m)
        if not is_outside:
            self._rotvec = turned_with(self._rotvec, m, slice(0, 3))
        setpoint = _pull(job, m, self._p, self._rotvec, is_soft=not is_outside)
        is_there = m.depth_m < self._goal_m + _CLOSE_ENOUGH_M
        if is_there and job.decision is None:
            return setpoint, Go(Phase.APPROACH, f"free {1e3 * m.depth_m:.1f} mm from the believed entrance")
        is_over = m.time_s - self._start_s > job.settings.retreat_limit_s
        if is_over and job.decision is None:
            limit = f"{job.settings.retreat_limit_s} s"
            return setpoint, End(
                Outcome.JAMMED, f"still {1e3 * m.depth_m:.1f} mm deep after {limit} of pulling back to search again"
            )
        if is_there or is_over:
            return setpoint, Go(Phase.DONE, f"retreated to {1e3 * m.depth_m:.1f} mm")
        return setpoint, None


def _pull(job: Job, m: Measurement, p: Array, rotvec: Array, *, is_soft: bool) -> Setpoint:
    """Return the setpoint of a bounded pull away from the port."""
    settings = job.settings
    target = p.copy()
    target[2] = m.depth_m
    damping = np.zeros(6)
    if is_soft:
        lateral, rotation = settings.stiffness_insert, job.plan.tilt_stiffness
        damping[3:] = settings.rotation_damping
    else:
        lateral, rotation = settings.stiffness_approach, settings.rotation_stiffness_free
    damping[2] = settings.retreat_force_n / settings.retreat_speed
    return Setpoint(
        target,
        rotvec,
        np.array([lateral, lateral, 0.0, rotation, rotation, rotation]),
        damping,
        force=np.array([0.0, 0.0, -settings.retreat_force_n]),
    )


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
        if elapsed < 0.0:
            return Setpoint(self._p.copy(), self._rotvec, stiffness), None
        setpoint = _pull(job, m, self._p, self._rotvec, is_soft=False)
        if m.depth_m < self._goal_m + _CLOSE_ENOUGH_M or elapsed > settings.retreat_limit_s:
            return setpoint, Go(Phase.DONE, f"let go and moved {1e3 * (self._begin_m - m.depth_m):.1f} mm away")
        return setpoint, None
