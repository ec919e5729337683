"""The common end of all comparators: push along the axis, stop, claim a seat by depth and force, keep it pressed.

This is the rule that blind strategies go by: the plug rests under the whole push, as deep as the believed port says.
There is no following of forces, no way back and no pull test.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from cablecell.core.geometry import Array
from cablecell.core.insertion.outcome import Outcome, Phase
from cablecell.core.insertion.phase import End, Go, Job, Measurement, PhaseStep, Setpoint

PROGRESS_M = 1.0e-4
"""Advance that counts as progress, m."""

REST_S = 0.15
"""Time without progress after which the push grows to that of the seat, and counts as rest when it has, s."""

STUCK_S = 1.0
"""Time without progress under the whole push after which a plug that is not deep enough is given up, s."""

_SLIPPED_M = 5.0e-4
"""Way back while it is held after which a seat is not claimed, m."""

_BESIDE_M = 1.0e-3
"""Depth beyond the deepest possible at which the plug must be beside the port, m."""


class StiffPush(PhaseStep):
    """Push along the believed axis with the gains of free motion."""

    phase: ClassVar[Phase] = Phase.INSERT
    is_anchored: ClassVar[bool] = False
    """Whether it pushes where the plug is, not on the believed axis."""

    def __init__(self, job: Job, m: Measurement) -> None:
        self._p = np.array([m.p[0], m.p[1], 0.0]) if self.is_anchored else np.zeros(3)
        self._push_n = job.settings.search_force_n
        self._best_m = m.depth_m
        self._progress_s = m.time_s

    def step(self, job: Job, m: Measurement) -> tuple[Setpoint, Go | End | None]:
        """Raise the push by a ramp, and decide when the plug rests."""
        settings, plan = job.settings, job.plan
        if m.depth_m > self._best_m + PROGRESS_M:
            self._best_m, self._progress_s = m.depth_m, m.time_s
        rest_s = m.time_s - self._progress_s
        is_near = m.depth_m > job.profile.depth_m - settings.seat_zone_m
        limit = plan.seat_force_n if is_near or rest_s > REST_S else max(plan.insert_force_n, self._push_n)
        self._push_n = min(self._push_n + settings.seat_ramp * m.dt_s, limit)
        if self._push_n < plan.seat_force_n and rest_s > REST_S:
            self._progress_s = m.time_s - REST_S  # rest counts under the whole push only
        speed = settings.seat_speed if is_near else settings.insert_speed
        p = self._p.copy()
        p[2] = m.depth_m
        damping = np.zeros(6)
        damping[2] = self._push_n / speed
        setpoint = Setpoint(p, np.zeros(3), self.stiffness(job), damping, force=np.array([0.0, 0.0, self._push_n]))
        return setpoint, self._decide(job, m, m.time_s - self._progress_s)

    def stiffness(self, job: Job) -> Array:
        """Return the diagonal of the stiffness, shape (6,)."""
        settings = job.settings
        lateral, rotation = settings.stiffness_approach, settings.rotation_stiffness_free
        return np.array([lateral, lateral, 0.0, rotation, rotation, rotation])

    def _decide(self, job: Job, m: Measurement, rest_s: float) -> Go | End | None:
        plan, wanted = job.plan, job.profile.depth_m
        sigma = 3.0 * plan.uncertainty.axial_sigma_m
        short = job.profile.seat_tolerance_m + sigma
        beyond = short + plan.seat_force_n / job.settings.grasp_stiffness
        what = f"{1e3 * m.depth_m:.1f} mm deep by the believed port"
        if m.depth_m > wanted + beyond + _BESIDE_M:
            limit = f"{1e3 * (wanted + beyond):.1f} mm is the deepest possible"
            return End(Outcome.NO_CONTACT, f"no stop was felt, {what}; {limit}")
        if self._push_n < plan.seat_force_n:
            return None
        if rest_s > REST_S and m.depth_m > wanted - short:
            job.stop_m = m.depth_m
            return Go(Phase.HOLD, f"rests {what} under {self._push_n:.1f} N")
        if rest_s > STUCK_S:
            needed = f"{1e3 * (wanted - short):.1f} mm is needed"
            return End(Outcome.NOT_SEATED, f"stopped {what} under {self._push_n:.1f} N; {needed}")
        return None


class SoftPush(StiffPush):
    """Push along the believed axis, soft sideways and in rotation."""

    def stiffness(self, job: Job) -> Array:
        """Return what the skill uses in the hole, shape (6,): the jam rule and the rim rule chose it."""
        lateral, plan = job.settings.stiffness_insert, job.plan
        tilt = plan.tilt_stiffness
        return np.array([lateral, lateral, 0.0, tilt, tilt, plan.yaw_stiffness])


class SoftPushHere(SoftPush):
    """The soft push where the plug is: after a search has found the opening."""

    is_anchored: ClassVar[bool] = True


class KeepPressed(PhaseStep):
    """Keep the plug pressed for the time of the hold, then claim the seat."""

    phase: ClassVar[Phase] = Phase.HOLD

    def __init__(self, job: Job, m: Measurement) -> None:
        self._p = m.p.copy()
        self._rotvec = m.rotvec.copy()
        self._start_s = m.time_s

    def step(self, job: Job, m: Measurement) -> tuple[Setpoint, Go | End | None]:
        """Press, and compare the depth with that of the stop."""
        settings, plan = job.settings, job.plan
        p = self._p.copy()
        p[2] = m.depth_m
        lateral = settings.stiffness_insert
        stiffness = np.array([lateral, lateral, 0.0, plan.tilt_stiffness, plan.tilt_stiffness, plan.yaw_stiffness])
        damping = np.zeros(6)
        damping[2] = plan.seat_force_n / settings.seat_speed
        force = np.array([0.0, 0.0, settings.hold_push_n])
        setpoint = Setpoint(p, self._rotvec, stiffness, damping, force=force)
        if m.time_s - self._start_s < settings.hold_s:
            return setpoint, None
        slipped = job.stop_m - m.depth_m
        if slipped > _SLIPPED_M:
            limit = f"the limit is {1e3 * _SLIPPED_M:.1f} mm"
            return setpoint, End(Outcome.NOT_SEATED, f"slipped back {1e3 * slipped:.2f} mm while it was held; {limit}")
        job.rest = setpoint
        deep = f"{1e3 * m.depth_m:.2f} mm deep by the believed port"
        return setpoint, End(Outcome.SEATED, f"{deep}, held for {settings.hold_s:.1f} s, nothing proven")
