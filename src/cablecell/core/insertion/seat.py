"""Phases at the bottom: seat with a force ramp, verify, prove the latch by pulling, hold."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import ClassVar

from cablecell.core.insertion.beside import fallen_beside, search_elsewhere
from cablecell.core.insertion.insert import Compliance, soft_setpoint
from cablecell.core.insertion.outcome import Outcome, Phase
from cablecell.core.insertion.phase import End, Go, Job, Measurement, PhaseStep, Setpoint

_DWELL_S = 0.06
"""Time without motion that counts as stopped."""

_STILL_M = 5.0e-5
"""Motion within the dwell that counts as none."""

_SNAP_S = 0.03
"""Time within which the push falls when a latch snaps."""

_SNAP_DROP_N = 1.5
"""Smallest fall of the push that counts as a snap; larger latches must drop by a quarter of their force."""

_DRAWN_S = 0.01
"""Time for which the plug must draw at the gripper until a latch has drawn it in: longer than it springs."""

_SEAT_LIMIT_S = 2.5
"""Longest time of the ramp and its evaluation."""

_IMPOSSIBLE_M = 1.0e-3
"""Depth beyond the deepest possible at which the gripper must have lost the plug."""

_CREEP_M = 2.0e-4
"""Way on while it is held after which a plug was not at its stop yet: it had wedged, and the hold begins anew."""

_BACK_AT_STOP_M = 1.0e-4
"""Distance to the stop at which the plug counts as back after the pull test."""

_RETURN_LIMIT_S = 0.6
"""Longest way back to the stop after a pull test."""

_RETRY_FORCE_N = 2.0
"""Added to the seating push on each retry."""

_RELAXED_SHARE = 0.3
"""Share of the seating push that is kept while the stiffness of the seat is checked."""

_RELAX_S = 0.12
"""Time for the push to fall and the plug to follow."""

_SPRING_BACK_M = 3.0e-4
"""Motion beyond that of grasp and port that a real stop does not show when the push falls."""

_PULL_S = 0.25
"""Duration of the pull test."""

_FELT_SHARE = 0.5
"""Share of the pull that the sensor must feel of what holds: a plug that comes along holds against nothing."""

_PULL_LIMIT_S = 0.6
"""Longest time for the pull to be felt."""

_GIVE_SHARE = 0.3
"""Share of the give of the grasp that a gripper with a held plug moves at least: a grasp may be stiffer than set."""

_PULL_SPEED = 0.05
"""Free speed of the pull test, m/s: a plug that is not held moves centimetres, a latched one only its play."""

_UNLATCHED = 2
"""Seats in a row without a snap that a pull undoes after which the plug is taken to stand beside its port."""


class Seat(PhaseStep):
    """Raise the push until a snap or its limit, then wait for rest and look at the depth."""

    phase: ClassVar[Phase] = Phase.SEAT

    def __init__(self, job: Job, m: Measurement) -> None:
        self._compliance = Compliance(job, m)
        self._start_s = m.time_s
        self._push_n = self._brake_n = job.plan.insert_force_n
        # Each retry may push a little harder, within the limit.
        wanted = job.plan.seat_force_n + _RETRY_FORCE_N * job.seats
        self._limit_n = min(wanted, max(job.settings.seat_force_limit_n, job.plan.seat_force_n))
        job.seats += 1
        self._history: deque[tuple[float, float]] = deque()
        self._pushes: deque[tuple[float, float]] = deque()
        self._is_ramp_over = False
        self._is_snap_refuted = False
        self._drawn_s = 0.0
        job.drawn_m = None

    def step(self, job: Job, m: Measurement) -> tuple[Setpoint, Go | End | None]:
        """Advance the ramp by one period and evaluate."""
        settings = job.settings
        if not self._is_ramp_over:
            self._push_n = min(self._push_n + settings.seat_ramp * m.dt_s, self._limit_n)
            self._is_ramp_over = self._push_n >= self._limit_n
        self._history.append((m.time_s, m.depth_m))
        while self._history[0][0] < m.time_s - _DWELL_S:
            self._history.popleft()
        if job.profile.has_latch and job.drawn_m is None and self._is_at_latch(job, m):
            self._feel_latch(job, m)
        self._compliance.settle(job, m)
        # Axial damping grows with the push: the free speed stays the seating speed. A latch that draws is braked, too.
        self._brake_n = self._push_n if job.drawn_m is None else max(self._brake_n, self._push_n)
        setpoint = soft_setpoint(
            job, self._compliance.target(m), self._compliance.rotvec, self._push_n, self._brake_n / settings.seat_speed
        )
        return setpoint, self._decide(job, m)

    def _is_at_latch(self, job: Job, m: Measurement) -> bool:
        """Return whether a latch can be met here: before, a plug that drops over the lead-in falls just as suddenly."""
        reach = job.profile.latch_reach_m + job.profile.seat_tolerance_m
        if job.land_m is None:
            reach += 3.0 * job.plan.uncertainty.axial_sigma_m
        return job.depth_m(m) >= job.profile.depth_m - reach

    def _feel_latch(self, job: Job, m: Measurement) -> None:
        """Push less once a latch has let the plug pass, and hardly where it draws the plug in by itself."""
        self._drawn_s = self._drawn_s + m.dt_s if m.push_n < -_SNAP_DROP_N else 0.0
        if self._drawn_s >= _DRAWN_S:
            # Nothing but a closed latch pulls at a plug that is pushed. The rest of the way it goes alone, and what is
            # pressed harder than friction asks for are fingers that meet the part.
            job.drawn_m, job.has_snapped, self._is_ramp_over = job.depth_m(m), True, True
            self._push_n = light_push_n(job)
        elif not self._is_snap_refuted and self._has_snapped(job, m):
            job.has_snapped, self._is_ramp_over = True, True
            # The latch has let the plug pass: less is enough for the rest of the way, and the stop is hit less hard.
            self._push_n = min(self._push_n, job.settings.hold_push_n)

    def _has_snapped(self, job: Job, m: Measurement) -> bool:
        """Return whether the measured push fell suddenly although the ramp rises: the latch has let the plug pass."""
        self._pushes.append((m.time_s, m.push_n))
        while self._pushes[0][0] < m.time_s - _SNAP_S:
            self._pushes.popleft()
        highest = max(push for _, push in self._pushes)
        is_pushing = highest > 0.5 * job.profile.latch_force_n
        return is_pushing and highest - m.push_n > max(_SNAP_DROP_N, 0.25 * job.profile.latch_force_n)

    def _decide(self, job: Job, m: Measurement) -> Go | End | None:
        elapsed = m.time_s - self._start_s
        is_full_window = m.time_s - self._history[0][0] > 0.8 * _DWELL_S
        depths = [depth for _, depth in self._history]
        is_still = is_full_window and max(depths) - min(depths) < _STILL_M
        depth, wanted = job.depth_m(m), job.profile.depth_m
        job.room.add(m)
        beside = None if job.drawn_m is not None else fallen_beside(job, depth)
        if beside is not None:
            return beside
        beyond, nose = job.beyond_m, job.profile.nose_m
        if job.land_m is not None and nose > 0.0 and depth > wanted + beyond and not job.is_nose_settled:
            # Deeper than the stop by a nose: the first land carried the nose, not the body.
            job.settle_nose(nose)
            depth = job.depth_m(m)
        if depth > wanted + beyond + _IMPOSSIBLE_M:
            what = f"{1e3 * depth:.1f} mm deep; {1e3 * (wanted + beyond):.1f} mm is the deepest possible"
            if job.drawn_m is not None:
                return _left_in_port(job, what)
            if job.land_m is None:
                return End(Outcome.NO_CONTACT, f"no land and no stop was felt, {what}")
            return search_elsewhere(job, End(Outcome.PLUG_LOST, f"the gripper moves on without the plug, {what}"))
        is_at_rest = self._is_ramp_over and is_still and m.push_n > 0.6 * self._push_n
        closed = wanted - job.profile.latch_click_m - job.profile.seat_tolerance_m
        if is_at_rest and job.has_snapped and self._push_n < self._limit_n and depth < closed:
            # It rests before the latch can have closed: the push fell for another reason.
            job.has_snapped, self._is_snap_refuted, self._is_ramp_over = False, True, False
            return None
        if is_at_rest and job.drawn_m is not None and self._push_n < self._limit_n and depth < wanted - job.short_m(m):
            self._is_ramp_over = False  # friction holds it back
            return None
        if is_at_rest:
            if depth >= wanted - job.short_m(m):
                job.stop_m = m.depth_m
                return Go(Phase.VERIFY, f"stopped {1e3 * depth:.2f} mm deep at {m.push_n:.1f} N")
            return self._too_shallow(job, m, f"stopped {1e3 * depth:.2f} mm deep at {m.push_n:.1f} N")
        if elapsed > _SEAT_LIMIT_S:
            return self._too_shallow(job, m, f"no stop felt within {_SEAT_LIMIT_S} s, {1e3 * depth:.2f} mm deep")
        return None

    def _too_shallow(self, job: Job, m: Measurement, what: str) -> Go | End:
        job.total_stalls += 1
        needed = job.profile.depth_m - job.short_m(m)
        job.is_backing_off = True
        return try_again(job, Outcome.NOT_SEATED, f"{what}; {1e3 * needed:.2f} mm is needed")


def light_push_n(job: Job) -> float:
    """Return the push under which a plug that is at its stop stays there, N: more is needed only on the way."""
    return _RELAXED_SHARE * job.plan.seat_force_n


def _left_in_port(job: Job, what: str) -> End:
    """Give up on a plug that its latch has drawn in, and leave it there: the fingers have slid on along it."""
    assert job.drawn_m is not None
    job.is_left = True
    latch = f"the latch drew the plug in at {1e3 * job.drawn_m:.1f} mm, and the fingers went on without it"
    return End(Outcome.PLUG_LOST, f"{latch}: {what}; it is left in its port, its seat not proven")


def try_again(job: Job, outcome: Outcome, what: str) -> Go | End:
    """Return to the insertion for another seat, or give up when there were enough."""
    if job.seats >= job.settings.seat_attempts:
        return End(outcome, f"{what}; {job.seats} attempts were made")
    return Go(Phase.INSERT, f"{what}: try again")


class Verify(PhaseStep):
    """Let the push fall: a plug at a real stop stays, one that leans on something soft springs back."""

    phase: ClassVar[Phase] = Phase.VERIFY

    def __init__(self, job: Job, m: Measurement) -> None:
        self._p = m.p.copy()
        self._start_s = m.time_s

    def step(self, job: Job, m: Measurement) -> tuple[Setpoint, Go | End | None]:
        """Relax, compare, decide."""
        plan, settings = job.plan, job.settings
        push = light_push_n(job)
        p = self._p.copy()
        p[2] = m.depth_m
        setpoint = soft_setpoint(job, p, job.correction, push, plan.seat_force_n / settings.insert_speed)
        if m.time_s - self._start_s < _RELAX_S:
            return setpoint, None
        moved = float(self._p[2]) - m.depth_m
        allowed = settings.most_give_m((1.0 - _RELAXED_SHARE) * plan.seat_force_n) + _SPRING_BACK_M
        if moved > allowed:
            what = f"sprang back {1e3 * moved:.2f} mm when the push fell; a seated plug moves {1e3 * allowed:.2f} mm"
            return setpoint, try_again(job, Outcome.NOT_SEATED, what)
        if job.profile.has_latch:
            return setpoint, Go(Phase.PULL_TEST, f"stays within {1e3 * moved:.2f} mm without push")
        return setpoint, Go(Phase.HOLD, f"stays within {1e3 * abs(moved):.2f} mm without push")


class PullTest(PhaseStep):
    """Pull with a share of the retention force: a latched plug moves by its play and the grasp, no more."""

    phase: ClassVar[Phase] = Phase.PULL_TEST

    def __init__(self, job: Job, m: Measurement) -> None:
        self._p = m.p.copy()
        self._push_n = m.push_n
        self._start_s = m.time_s
        self._pull_n = job.profile.proving_pull_n(job.settings)
        # Beside its port a plug stands as deep as a seat or deeper; short of one it is in, and not home.
        self._is_home = job.depth_m(m) > job.profile.depth_m - job.profile.seat_tolerance_m

    def step(self, job: Job, m: Measurement) -> tuple[Setpoint, Go | End | None]:
        """Pull, compare, decide."""
        plan, settings, profile = job.plan, job.settings, job.profile
        p = self._p.copy()
        p[2] = m.depth_m
        setpoint = soft_setpoint(job, p, job.correction, -self._pull_n, self._pull_n / _PULL_SPEED)
        moved = float(self._p[2]) - m.depth_m
        give = settings.most_give_m(plan.seat_force_n + self._pull_n)
        allowed = give + profile.latch_play_m + profile.pull_margin_m
        if moved > allowed:
            outcome = Outcome.PULLED_OUT if job.has_snapped else Outcome.NOT_LATCHED
            # Answered at once, before the plug is far out: the time tells how freely it came, the way does not.
            after_s = m.time_s - self._start_s
            what = (
                f"passed {1e3 * allowed:.2f} mm, more than a latched plug moves, {after_s:.2f} s into a pull of "
                f"{self._pull_n:.1f} N"
            )
            job.unlatched = job.unlatched + 1 if self._is_home and not job.has_snapped else 0
            again = try_again(job, outcome, what)
            if isinstance(again, Go) and job.unlatched >= _UNLATCHED:
                again = search_elsewhere(job, End(outcome, what))
            return setpoint, again
        elapsed = m.time_s - self._start_s
        if elapsed < _PULL_S:
            return setpoint, None
        if -m.push_n < _FELT_SHARE * self._pull_n:
            if elapsed < _PULL_LIMIT_S:
                return setpoint, None
            what = f"{-m.push_n:.1f} N were felt of a pull of {self._pull_n:.1f} N: nothing holds"
            return setpoint, try_again(job, Outcome.NOT_LATCHED, what)
        # The plug hangs on the spring of the grasp. A gripper that gives way by less stands on the part with its
        # fingers, and a latch that draws the plug in keeps them there: the plug need not be at its stop.
        give = (self._push_n - m.push_n) / settings.grasp_stiffness
        if moved < _GIVE_SHARE * give:
            what = (
                f"moved {1e3 * moved:.2f} mm from a push of {self._push_n:.1f} N to a pull of {-m.push_n:.1f} N, where "
                f"the grasp alone gives way by {1e3 * give:.2f} mm: the fingers stand on something, not the plug"
            )
            return setpoint, try_again(job, Outcome.NOT_SEATED, what)
        job.is_latched = True
        return setpoint, Go(Phase.HOLD, f"held a pull of {self._pull_n:.1f} N with {1e3 * moved:.2f} mm of motion")


class Hold(PhaseStep):
    """Press back to the stop and keep it there for a while: a seat must last before it is reported."""

    phase: ClassVar[Phase] = Phase.HOLD

    def __init__(self, job: Job, m: Measurement) -> None:
        self._p = m.p.copy()
        self._rotvec = m.rotvec.copy()
        self._start_s = m.time_s
        self._at_stop_s: float | None = None
        self._held_m = 0.0
        self._push_n = job.plan.seat_force_n if job.drawn_m is None else light_push_n(job)

    def step(self, job: Job, m: Measurement) -> tuple[Setpoint, Go | End | None]:
        """Push firmly until the depth of the seat is reached again, then less for the time of the hold."""
        settings, plan = job.settings, job.plan
        # No force is followed here, and no rotation is held: the push alone lets the shoulders of the plug settle.
        if self._at_stop_s is None and m.time_s - self._start_s > 0.5 * _RETURN_LIMIT_S:
            # A plug that its latch draws in comes back by itself, or with what its friction asks for.
            self._push_n = min(self._push_n + settings.seat_ramp * m.dt_s, plan.seat_force_n)
        push = self._push_n if self._at_stop_s is None else min(self._push_n, settings.hold_push_n)
        p = self._p.copy()
        p[2] = m.depth_m
        setpoint = soft_setpoint(job, p, self._rotvec, push, plan.seat_force_n / settings.seat_speed)
        short = job.stop_m - m.depth_m
        if self._at_stop_s is None:
            if short < _BACK_AT_STOP_M:
                self._at_stop_s, self._held_m = m.time_s, m.depth_m
            elif m.time_s - self._start_s > _RETURN_LIMIT_S:
                what = f"stays {1e3 * short:.2f} mm before the stop after the pull"
                return setpoint, try_again(job, Outcome.NOT_SEATED, what)
            return setpoint, None
        is_too_deep = job.depth_m(m) > job.profile.depth_m + job.beyond_m + _IMPOSSIBLE_M
        if is_too_deep or (job.is_latched and -short > _IMPOSSIBLE_M):
            job.is_left = job.is_latched
            return setpoint, End(
                Outcome.PLUG_LOST,
                f"the gripper moved {-1e3 * short:.1f} mm past the stop: the plug is not held any more"
                + (", and is left where a pull has proven its latch" if job.is_left else ""),
            )
        if m.depth_m - self._held_m > _CREEP_M:
            # It was not at its stop yet, latched or not: a tilted plug may catch and still creep on for a second.
            self._at_stop_s, self._held_m = m.time_s, m.depth_m
            if not job.is_latched:
                job.stop_m = m.depth_m
        if m.time_s - self._at_stop_s < settings.hold_s:
            return setpoint, None
        depth = 1e3 * job.depth_m(m)
        if short > settings.most_give_m(plan.seat_force_n) + 2.0 * _BACK_AT_STOP_M:
            return setpoint, try_again(job, Outcome.NOT_SEATED, f"slipped back to {depth:.2f} mm while it was held")
        needed = 1e3 * (job.profile.depth_m - job.short_m(m))
        if depth < needed:
            what = f"{depth:.2f} mm deep while it was held; {needed:.2f} mm is needed"
            return setpoint, try_again(job, Outcome.NOT_SEATED, what)
        job.rest = setpoint
        proof = "latch proven by a pull" if job.is_latched else "stop proven by its stiffness"
        return setpoint, End(Outcome.SEATED, f"{depth:.2f} mm deep, {proof}, held for {settings.hold_s:.1f} s")


class Done(PhaseStep):
    """Hold: gently at the stop after a seat, still in free space after a failure or a release."""

    phase: ClassVar[Phase] = Phase.DONE

    def __init__(self, job: Job, m: Measurement) -> None:
        self._p = m.p.copy()
        self._rotvec = m.rotvec.copy()
        decision = job.decision
        is_seated = decision is not None and decision.outcome is Outcome.SEATED and not job.is_gripper_open
        self._rest = job.rest if is_seated else None

    def step(self, job: Job, m: Measurement) -> tuple[Setpoint, Go | End | None]:
        """Hold for as long as the caller steps."""
        if self._rest is None:
            settings = job.settings
            stiffness = job.stiff(settings.stiffness_approach, settings.rotation_stiffness_free)
            return Setpoint(self._p, self._rotvec, stiffness), None
        # Exactly as it was found to stay: another target sideways or in rotation would rock it out of its stop.
        p = self._rest.p.copy()
        p[2] = m.depth_m
        return replace(self._rest, p=p), None
