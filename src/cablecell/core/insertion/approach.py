"""Phases before contact: prepare (tare and static load), approach in free space, guarded contact."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from cablecell.core.insertion.outcome import Outcome, Phase
from cablecell.core.insertion.phase import End, Go, Job, Measurement, PhaseStep, Setpoint

_SETTLE_LIMIT_S = 1.5
"""Longest wait for rest before the static load is measured."""

_FREE_FORCE_N = 6.0
"""Static load above which the tool is not taken to hang free."""


class Prepare(PhaseStep):
    """Hold still, then learn what it takes: the wrench that holds the tool at rest is carried from here on."""

    phase: ClassVar[Phase] = Phase.PREPARE

    def __init__(self, job: Job, m: Measurement) -> None:
        self._p = m.p.copy()
        self._rotvec = m.rotvec.copy()
        self._start_s = m.time_s
        self._rest_s = 0.0
        self._sum = np.zeros(6)
        self._count = 0

    def step(self, job: Job, m: Measurement) -> tuple[Setpoint, Go | End | None]:
        """Wait for rest, average the load, go on."""
        settings = job.settings
        stiffness = job.stiff(settings.stiffness_approach, settings.rotation_stiffness_free)
        setpoint = Setpoint(self._p, self._rotvec, stiffness)
        self._rest_s = self._rest_s + m.dt_s if m.speed < settings.settle_speed else 0.0
        elapsed = m.time_s - self._start_s
        if elapsed > _SETTLE_LIMIT_S:
            return setpoint, End(
                Outcome.NOT_FREE,
                f"the tool did not come to rest within {_SETTLE_LIMIT_S} s before contact: {m.speed:.4f} m/s",
            )
        # Rest must have lasted a little: the controller's spring has then reached its balance.
        if self._rest_s < 0.05:
            self._sum, self._count = np.zeros(6), 0
            return setpoint, None
        error = np.concatenate((self._p - m.p, self._rotvec - m.rotvec))
        self._sum = self._sum + stiffness * error
        self._count += 1
        if self._count * m.dt_s < settings.tare_time_s:
            return setpoint, None
        load = self._sum / self._count
        force = math.sqrt(float(load[:3] @ load[:3]))
        if force > _FREE_FORCE_N:
            return setpoint, End(
                Outcome.NOT_FREE,
                f"holding the tool before contact takes {force:.1f} N; the limit is {_FREE_FORCE_N} N: payload wrong "
                "or tool not in free space",
            )
        job.static_load = load
        return setpoint, Go(Phase.APPROACH, f"static load {force:.2f} N learned")


class Approach(PhaseStep):
    """Minimum-jerk move along the port axis and into its orientation, to where contact becomes possible."""

    phase: ClassVar[Phase] = Phase.APPROACH

    def __init__(self, job: Job, m: Measurement) -> None:
        self._p0 = m.p.copy()
        self._rotvec0 = m.rotvec.copy()
        self._start_s = m.time_s

    def step(self, job: Job, m: Measurement) -> tuple[Setpoint, Go | End | None]:
        """Follow the minimum-jerk profile."""
        settings = job.settings
        goal = np.array([*job.search_centre, guarded_start(job)])
        delta = goal - self._p0
        distance = math.sqrt(float(delta @ delta))
        angle = math.sqrt(float(self._rotvec0 @ self._rotvec0))
        duration = max(
            1.875 * distance / settings.approach_speed,
            math.sqrt(5.774 * distance / settings.approach_acceleration),
            1.875 * angle / 1.0,
            m.dt_s,
        )
        s = min((m.time_s - self._start_s) / duration, 1.0)
        blend = s * s * s * (10.0 + s * (-15.0 + 6.0 * s))
        rate = 30.0 * s * s * (1.0 - s) * (1.0 - s) / duration
        bend = 60.0 * s * (1.0 - s) * (1.0 - 2.0 * s) / (duration * duration)
        setpoint = Setpoint(
            self._p0 + delta * blend,
            self._rotvec0 * (1.0 - blend),
            job.stiff(settings.stiffness_approach, settings.rotation_stiffness_free),
            velocity=delta * rate,
            acceleration=delta * bend,
        )
        if m.push_n > settings.contact_force_n + 1.0:
            return setpoint, after_contact(job, m)
        if s >= 1.0:
            return setpoint, Go(Phase.CONTACT, f"{1e3 * -goal[2]:.1f} mm before the believed entrance")
        return setpoint, None


class Contact(PhaseStep):
    """Guarded move along the insertion axis until the port is felt."""

    phase: ClassVar[Phase] = Phase.CONTACT

    def __init__(self, job: Job, m: Measurement) -> None:
        job.is_inside = False
        self._start_m = m.depth_m
        self._start_s = m.time_s
        self._samples = 0

    def step(self, job: Job, m: Measurement) -> tuple[Setpoint, Go | End | None]:
        """Advance at the guarded speed; stop on force or at the end of the uncertain span."""
        settings = job.settings
        advance = settings.contact_speed * (m.time_s - self._start_s)
        p = np.array([*job.search_centre, self._start_m + advance])
        setpoint = Setpoint(
            p,
            np.zeros(3),
            job.stiff(settings.stiffness_approach, settings.rotation_stiffness_free),
            velocity=np.array([0.0, 0.0, settings.contact_speed]),
        )
        if job.land_m is not None and job.depth_m(m) - job.profile.rim_m > job.plan.entered_m:
            # The land was felt before, and it was higher: this time the plug is over the opening.
            return setpoint, Go(Phase.INSERT, f"{1e3 * (m.tip_m - job.land_m):.2f} mm below the land: in the opening")
        self._samples = self._samples + 1 if m.push_n > settings.contact_force_n else 0
        if self._samples >= 2:
            return setpoint, after_contact(job, m)
        if m.depth_m > guarded_end(job):
            # Nothing was touched where the land must be: the plug is either in the opening or beside the part.
            reason = f"no land down to {1e3 * m.depth_m:.1f} mm: taken to be in the opening"
            return setpoint, Go(Phase.INSERT, reason)
        return setpoint, None


def guarded_start(job: Job) -> float:
    """Return the depth at which the guarded move starts, m; negative is before the entrance."""
    sigma = 3.0 * job.plan.uncertainty.axial_sigma_m
    return job.profile.rim_m - job.profile.nose_m - sigma - job.settings.contact_margin_m


def guarded_end(job: Job) -> float:
    """Return the depth by which the land must have been touched, m."""
    sigma = 3.0 * job.plan.uncertainty.axial_sigma_m
    return job.profile.rim_m + sigma + job.profile.chamfer_m + job.settings.contact_margin_m


def after_contact(job: Job, m: Measurement) -> Go:
    """Choose between pushing at once and searching first."""
    nose = job.nose_before(m)
    job.is_on_nose = nose > 0.0
    job.land_m, job.land_at = m.tip_m + nose, m.p[:2].copy()
    where = f"contact of {m.push_n:.1f} N at {1e3 * m.depth_m:.2f} mm"
    if job.plan.is_direct and job.searches == 0:
        return Go(Phase.INSERT, f"{where}; the error is within the lead-in")
    return Go(Phase.SEARCH, where)
