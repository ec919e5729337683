"""The insertion phase: turns with the plug, nulls side forces, guards against stalls and false catches."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from cablecell.core.geometry import Array
from cablecell.core.insertion.beside import fallen_beside, search_elsewhere
from cablecell.core.insertion.outcome import Outcome, Phase
from cablecell.core.insertion.phase import End, Go, Job, Measurement, PhaseStep, Room, Setpoint
from cablecell.core.insertion.turn import YawSweep, is_worth_a_turn, turn_stiffness

_PROGRESS_M = 1.0e-4
"""Advance that counts as progress."""

_TURN_RAD = 3.0e-3
"""Turn about the axis that counts as progress at the rim of a port that the plug only enters turned rightly."""

_GUIDED_SHARE = 0.2
"""Share of its way in after which a plug is where its port leads it."""

_LATERAL_LIMIT_M = 2.0e-3
"""Largest shift of the lateral target from where the plug was caught."""

_BACKOFF_FORCE_N = 3.0
"""Pull that frees a stalled plug."""

_BACKOFF_S = 0.15
"""How long it pulls."""

_SETTLE_S = 0.1
"""Time constant with which the target's rotation follows the plug."""

_INSIDE_M = 0.5e-3
"""Depth behind the lead-in from which the walls, and no single edge, turn the plug."""


def turned_with(rotvec: Array, m: Measurement, axes: slice) -> Array:
    """Return a target's rotation, shape (3,), one period nearer to that of the plug about some axes."""
    turned = rotvec.copy()
    turned[axes] += (m.rotvec[axes] - rotvec[axes]) * (1.0 - math.exp(-m.dt_s / _SETTLE_S))
    return turned


def null(value: float, dead_band: float) -> float:
    """Return what exceeds the dead band, with its sign."""
    if value > dead_band:
        return value - dead_band
    return value + dead_band if value < -dead_band else 0.0


class Compliance:
    """Target of a plug in the hole: follows side forces, and the plug's own rotation once the plug is truly inside."""

    def __init__(self, job: Job, m: Measurement) -> None:
        self._anchor = m.p.copy()
        self._shift = np.zeros(2)
        self._force = np.zeros(3)
        self.rotvec = job.correction.copy()
        self.is_inside = False

    def anchor(self, m: Measurement) -> None:
        """Make the present position the lateral target."""
        self._anchor = m.p.copy()
        self._shift = np.zeros(2)

    def target(self, m: Measurement) -> Array:
        """Return the target of the tip, shape (3,), m: the axial part is where the tip is."""
        return np.array([self._anchor[0] + self._shift[0], self._anchor[1] + self._shift[1], m.depth_m])

    def follow(self, job: Job, m: Measurement) -> None:
        """Move the target by one period's worth of what the hole asks for."""
        # At the rim a single edge carries the plug and turns it the wrong way: tilt is let go only inside.
        self.is_inside = job.depth_m(m) - job.profile.rim_m > job.profile.chamfer_m + _INSIDE_M
        self._follow_force(job, m)
        self._let_turn(job, m, slice(0, 3) if self.is_inside else slice(2, 3))

    def settle(self, job: Job, m: Measurement) -> None:
        """Give way to side forces and to every rotation: on its shoulders a plug lies flush by the push alone."""
        self._follow_force(job, m)
        self._let_turn(job, m, slice(0, 3))

    def _follow_force(self, job: Job, m: Measurement) -> None:
        settings = job.settings
        # The sensor's noise would shake the tool; the motion that is asked for is slow.
        blend = 1.0 - math.exp(-m.dt_s / settings.follow_time_constant_s)
        self._force = self._force + blend * (m.force - self._force)
        for axis in (0, 1):
            # What answers the push to a side is not to be followed.
            felt = float(self._force[axis] + job.side_push[axis])
            rate = settings.lateral_gain * null(felt, settings.force_dead_band_n)
            self._shift[axis] = min(max(self._shift[axis] + rate * m.dt_s, -_LATERAL_LIMIT_M), _LATERAL_LIMIT_M)

    def _let_turn(self, job: Job, m: Measurement, axes: slice) -> None:
        """Let the target go where the hole has turned the plug: no spring is left that could hold against the hole.

        The hole's moment turns the arm, against its inertia and damping alone. Integrating the measured moment instead
        is stable only while gain x stiffness is less than damping / inertia, a few 1/s for an arm about the tip of its
        plug: above it the arm swings against the spring of the grasp, and a close fit jams at the end of each swing.
        """
        self.rotvec = turned_with(self.rotvec, m, axes)
        self._limit_rotation(job)
        job.correction = self.rotvec.copy()

    def _limit_rotation(self, job: Job) -> None:
        """Keep the rotation within what the fit can ask for: a plug that is turned further is not in its hole."""
        plan = job.plan
        tilt = math.hypot(self.rotvec[0], self.rotvec[1])
        if tilt > plan.tilt_limit_rad:
            self.rotvec[:2] *= plan.tilt_limit_rad / tilt
        self.rotvec[2] = min(max(self.rotvec[2], -plan.yaw_limit_rad), plan.yaw_limit_rad)


class Insert(PhaseStep):
    """Push along the axis and follow what the hole asks for."""

    phase: ClassVar[Phase] = Phase.INSERT

    def __init__(self, job: Job, m: Measurement) -> None:
        self._compliance = Compliance(job, m)
        self._start_s = m.time_s
        self._best_m = job.depth_m(m)
        self._progress_s = m.time_s
        self._yaw_rad = float(m.rotvec[2])
        self._first_yaw_rad = self._yaw_rad
        self._sweep: YawSweep | None = None
        self._turned_s = m.time_s
        if not job.is_inside:
            job.room = Room()
        self._pull_until_s = -math.inf
        if job.is_backing_off:
            job.is_backing_off = False
            self._back_off(m)

    def step(self, job: Job, m: Measurement) -> tuple[Setpoint, Go | End | None]:
        """Advance the compliance by one period and decide."""
        depth = job.depth_m(m)
        if depth > self._best_m + _PROGRESS_M:
            self._best_m, self._progress_s = depth, m.time_s
        if job.plan.must_turn and abs(float(m.rotvec[2]) - self._yaw_rad) > _TURN_RAD:
            self._yaw_rad, self._turned_s = float(m.rotvec[2]), m.time_s
        if job.is_on_nose and depth - job.profile.rim_m > job.plan.entered_m:
            # A nose that is caught lets the body land; this plug went on, so it was the body that had landed.
            job.settle_nose(-job.profile.nose_m)
            depth = job.depth_m(m)
        job.is_inside = depth - job.profile.rim_m > job.plan.entered_m
        # With a corner in the opening, or on its lead-in, a plug still slides to where it goes in, and straightens.
        guided_m = max(job.plan.entered_m + job.corner_m + job.profile.chamfer_m, _GUIDED_SHARE * job.way_m)
        if depth - job.profile.rim_m > guided_m:
            job.room.add(m)
        self._compliance.follow(job, m)
        if self._is_sweeping:
            assert self._sweep is not None
            self._sweep.step(m.dt_s)
            self._compliance.rotvec[2] = self._sweep.yaw_rad
        return self._setpoint(job, m, depth), self._decide(job, m, depth)

    @property
    def _is_sweeping(self) -> bool:
        return self._sweep is not None and not self._sweep.is_over

    def _setpoint(self, job: Job, m: Measurement, depth: float) -> Setpoint:
        settings, plan = job.settings, job.plan
        profile = job.profile
        if depth > plan.seat_from_m - job.beyond_m:
            speed = settings.seat_speed
        elif depth - profile.rim_m < plan.entered_m + profile.nose_m:
            # What dropped may have been the nose alone, or a corner: the body then lands on the rim at this speed.
            speed = settings.contact_speed
        else:
            speed = settings.insert_speed
        # The push grows from that of the search, so that a false catch ends without a blow.
        grown = settings.search_force_n + settings.seat_ramp * (m.time_s - self._start_s)
        push = -_BACKOFF_FORCE_N if m.time_s < self._pull_until_s else min(grown, plan.insert_force_n)
        compliance = self._compliance
        return soft_setpoint(
            job,
            compliance.target(m),
            compliance.rotvec,
            push,
            plan.insert_force_n / speed,
            is_inside=compliance.is_inside,
            yaw_stiffness=turn_stiffness(job) if self._is_sweeping else None,
        )

    def _decide(self, job: Job, m: Measurement, depth: float) -> Go | End | None:
        settings, plan, profile = job.settings, job.plan, job.profile
        if m.time_s < self._pull_until_s:
            return None
        beside = fallen_beside(job, depth)
        if beside is not None:
            return beside
        if depth > plan.seat_from_m:
            return Go(Phase.SEAT, f"{1e3 * depth:.1f} of {1e3 * profile.depth_m:.1f} mm deep")
        entered = depth - profile.rim_m > plan.entered_m
        if not entered and job.land_m is not None:
            if self._is_sweeping:
                return None
            is_stuck = m.time_s - max(self._progress_s, self._turned_s) > settings.stuck_catch_s
            is_over = is_stuck or m.time_s - self._start_s > settings.false_catch_s
            if is_over and self._sweep is None and is_worth_a_turn(job, depth):
                # The rim turns a plug only as far as friction lets it; on to where it was turning, then back.
                yaw = float(m.rotvec[2])
                self._sweep = YawSweep(yaw, plan.yaw_limit_rad, is_upward=yaw >= self._first_yaw_rad)
                return None
            if is_over:
                if job.caught_at is not None:
                    job.false_places.append(job.caught_at)
                # A drop that was false makes the next one doubtful; what only held the plug says nothing of drops.
                job.false_catches += 0 if job.is_held_catch else 1
                return Go(Phase.SEARCH, f"false catch: {1e3 * (depth - profile.rim_m):.2f} mm below the land")
            return None
        self._sweep = None
        if m.time_s - self._progress_s > settings.stall_s:
            return self._stall(job, m, depth)
        return None

    def _stall(self, job: Job, m: Measurement, depth: float) -> Go | End | None:
        nose = job.profile.nose_m
        is_open = job.land_m is not None and nose > 0.0 and not job.is_nose_settled
        if is_open and abs(depth - job.profile.rim_m - nose) < 0.4 * nose:
            # What was touched and caught was only the nose: the land of the body is here.
            job.settle_nose(nose)
            job.spiral = None
            return Go(Phase.SEARCH, f"stands {1e3 * nose:.2f} mm below the first land: only the nose was caught")
        job.stalls += 1
        job.total_stalls += 1
        moved_m = job.aside_m
        if moved_m is not None:
            what = f"stuck {1e3 * depth:.1f} mm deep and free to move by {1e3 * moved_m:.1f} mm sideways"
            return search_elsewhere(job, End(Outcome.JAMMED, what))
        limit = job.settings.stall_limit
        if job.stalls >= limit:
            if job.searches >= 2 or job.land_m is None:
                return End(
                    Outcome.JAMMED,
                    f"stuck {1e3 * depth:.1f} mm deep after {job.total_stalls} stalls; the limit is {limit}",
                )
            job.stalls = 0
            job.spiral = None
            return Go(Phase.RECOVER, f"stuck {1e3 * depth:.1f} mm deep after {limit} stalls: search again")
        self._back_off(m)
        return None

    def _back_off(self, m: Measurement) -> None:
        self._pull_until_s = m.time_s + _BACKOFF_S
        self._progress_s = self._pull_until_s
        self._best_m = -math.inf
        self._compliance.anchor(m)


def soft_setpoint(
    job: Job,
    p: Array,
    rotvec: Array,
    push_n: float,
    axial_damping: float,
    *,
    is_inside: bool = True,
    yaw_stiffness: float | None = None,
) -> Setpoint:
    """Return the setpoint of a plug in the hole: axial force through a damper, soft sideways and in rotation.

    At the rim tilt is held: the edge that carries the plug would tilt it away. Inside, damping is added: the hole turns
    the arm by the spring of the grasp, and what is designed for the soft stiffness lets it swing on that.
    """
    plan, settings = job.plan, job.settings
    stiffness = np.array(
        [
            settings.stiffness_insert,
            settings.stiffness_insert,
            0.0,
            plan.tilt_stiffness,
            plan.tilt_stiffness,
            plan.yaw_stiffness if yaw_stiffness is None else yaw_stiffness,
        ]
    )
    damping = np.zeros(6)
    damping[2] = axial_damping
    if is_inside:
        damping[3:] = settings.rotation_damping
    else:
        stiffness[3:5] = settings.tilt_stiffness_rim
    return Setpoint(p, rotvec.copy(), stiffness, damping, force=np.array([*job.side_push, push_n]))
