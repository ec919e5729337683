"""The search phase: press lightly, move on a spiral, notice the drop into the opening."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from cablecell.core.geometry import Array
from cablecell.core.insertion import theory
from cablecell.core.insertion.outcome import Outcome, Phase
from cablecell.core.insertion.phase import End, Go, Job, Measurement, PhaseStep, Setpoint
from cablecell.core.insertion.search import SpiralSearch

_PRESS_S = 0.08
"""Time to let the push settle before the height of the land is taken: the grasp gives way by F/k."""

_RESUMED_PRESS_S = 0.03
"""The same after a false catch, where the push was there before."""

_DOUBT = 0.3
"""Share by which each false catch raises the catch threshold."""

_DOUBT_LIMIT = 2.5
"""Largest factor on the catch threshold."""

_UNSURE_M = 1.0e-4
"""Added to the catch threshold while the height of the land is only extrapolated."""

_SIDEWAYS_LIMIT_N = 6.0
"""Largest lateral force: the target is kept that close to the plug."""

_HELD = 2.0
"""Sideways force, as a multiple of the friction under the push, above which something holds the plug back."""

_HELD_S = 0.03
"""Time for which it must be held back: longer than it springs."""

_DIP_SHARE = 0.5
"""Share of the catch threshold below the land from which what holds the plug may be the opening."""

_SAME_PLACE_M = 5.0e-4
"""Distance below which two places are one."""

_EASED_SHARE = 0.8
"""Share of the push under which the sideways force still draws a held plug over a lead-in."""

_EASED_LEAST_N = 1.0
"""Smallest push on the way over an edge: contact is kept."""

_EASE_S = 0.02
"""Time constant with which the push falls and returns."""

_FULL_PUSH = 0.95
"""Share of the push above which the height is that of the land: with less the grasp gives way by less."""

_TURN_LIMIT_NM = 0.15
"""Largest moment towards straight: after a false catch the plug may still be tilted with its nose in the opening."""

_LOOSE_M = 2.5e-4
"""How far grasp and wrist give way sideways to the largest lateral force, beyond what the fit leaves free."""

_ON_PATH_M = 1.0e-4
"""Distance to the path below which the target follows it."""

_ABOVE_S = 0.05
"""Time above the deepest place after which the plug has left it: longer than it springs."""

_VISIT_S = 0.1
"""Time at a place that is looked at again: the plug trails its target."""


def new_spiral(job: Job) -> SpiralSearch:
    """Return the spiral of the next search; each search starts finer than the one before."""
    plan, settings = job.plan, job.settings
    return SpiralSearch(
        pitch_m=plan.search_pitch_m * settings.search_pitch_factor**job.searches,
        radius_m=plan.search_radius_m,
        speed=plan.search_speed,
        acceleration=settings.search_acceleration,
        tours=settings.search_tours,
        pitch_factor=settings.search_pitch_factor,
        radius_factor=settings.search_radius_factor,
    )


def _free_m(job: Job) -> float:
    """Return how far a plug in the opening can come sideways, lead-in and grasp included, m."""
    return max(job.profile.clearance_m) + job.profile.chamfer_m + _LOOSE_M


def _was_no_land(job: Job) -> bool:
    """Return whether what gave way to the push at once was something in the opening, not the land around it.

    It lies deeper than the lead-in reaches where the land is believed to be, and further than the estimate is likely to
    be off. The depth then counts from the estimate, within wide limits: only a latch can prove such a seat.
    """
    if job.land_m is None or not job.profile.has_latch:
        return False
    too_deep_m = max(job.profile.chamfer_m + job.plan.entered_m, job.plan.uncertainty.axial_sigma_m)
    return job.land_m - job.profile.rim_m > too_deep_m


class Search(PhaseStep):
    """Spiral over the land until the tip drops by more than the catch threshold."""

    phase: ClassVar[Phase] = Phase.SEARCH

    def __init__(self, job: Job, m: Measurement) -> None:
        settings = job.settings
        job.is_inside = False
        self._start_s = m.time_s
        self._target = m.p.copy()
        # Where the land will be once the grasp has given way to the full push.
        give = max(settings.search_force_n - max(m.push_n, 0.0), 0.0) / settings.grasp_stiffness
        # Where the plug stands on its nose, the land of its body is deeper by the nose.
        self._nose_m = job.nose_before(m)
        job.is_on_nose = self._nose_m > 0.0
        self._land_m = (m.depth_m if job.land_m is None else job.land_m + m.give_m - self._nose_m) + give
        self._is_settled = False
        self._is_resumed = job.spiral is not None
        if job.spiral is None:
            job.spiral = new_spiral(job)
            job.searches += 1
        self._spiral = job.spiral
        self._anchor = m.p[:2].copy()
        self._widest_m = 0.0
        self._pulled_s = 0.0
        # The deepest place on the way, and the one that is looked at again.
        self._deepest = m.p.copy()
        self._visit: Array | None = None
        self._visited_s = 0.0
        self._above_s = 0.0
        self._push_n = job.settings.search_force_n
        self._held_s = 0.0

    def step(self, job: Job, m: Measurement) -> tuple[Setpoint, Go | End | None]:
        """Press, then follow the spiral and watch the height."""
        settings = job.settings
        decision = self._watch(job, m)
        if decision is None and self._held_s > _HELD_S and self._is_worth_a_try(job, m):
            job.caught_at, job.is_held_catch = m.p[:2].copy(), True
            decision = Go(Phase.INSERT, f"held back {1e3 * (m.depth_m - self._land_m):.2f} mm below the land")
        velocity = np.zeros(3)
        if self._is_settled and decision is None:
            velocity[:2] = self._move(job, m.dt_s)
        target = np.array([self._target[0], self._target[1], m.depth_m])
        # On a leash: where the plug is held back the target goes on, and the force stays bounded.
        leash = _SIDEWAYS_LIMIT_N / settings.stiffness_search
        dx, dy = target[0] - float(m.p[0]), target[1] - float(m.p[1])
        distance = math.hypot(dx, dy)
        self._ease(job, settings.stiffness_search * min(distance, leash), m.dt_s)
        if distance > leash:
            target[:2] = m.p[0] + dx * leash / distance, m.p[1] + dy * leash / distance
            velocity[:2] = 0.0
        stiffness = np.array(
            [settings.stiffness_search, settings.stiffness_search, 0.0] + [settings.rotation_stiffness_free] * 3
        )
        damping = np.zeros(6)
        damping[2] = settings.search_force_n / settings.insert_speed
        push = np.array([0.0, 0.0, self._push_n])
        return Setpoint(target, self._turn(job, m), stiffness, damping, force=push, velocity=velocity), decision

    def _ease(self, job: Job, side_n: float, dt_s: float) -> None:
        """Lower the push where an edge holds the plug back, so that the sideways force draws it over.

        A tilted plug dips with its deep corner into any lead-in near the opening; under the full push no force that
        the grasp stands draws it out again, and the opening behind is never reached. A plug that has not come away
        from where the search began may be in the opening: it stays pressed.

        Args:
            job: Memory of the insertion.
            side_n: Sideways force on the plug, N.
            dt_s: Since the last step, s.
        """
        full, friction = job.settings.search_force_n, job.profile.friction
        wanted = full
        is_held = self._is_settled and self._has_moved(job) and side_n > _HELD * friction * full
        self._held_s = self._held_s + dt_s if is_held else 0.0
        if is_held and self._held_s > _HELD_S:
            wanted = min(full, max(_EASED_LEAST_N, _EASED_SHARE * theory.edge_push(side_n, friction)))
        self._push_n += (wanted - self._push_n) * (1.0 - math.exp(-dt_s / _EASE_S))

    def _is_worth_a_try(self, job: Job, m: Measurement) -> bool:
        """Return whether what holds the plug back may be the opening: it dips, where no catch was false before."""
        dip = m.depth_m - self._land_m
        is_new = all(math.hypot(*(m.p[:2] - place)) > _SAME_PLACE_M for place in job.false_places)
        return is_new and dip > _DIP_SHARE * job.plan.catch_drop_m

    def _turn(self, job: Job, m: Measurement) -> Array:
        """Return the target rotation: straight, on a leash from where the plug is."""
        angle = math.sqrt(float(m.rotvec @ m.rotvec))
        leash = _TURN_LIMIT_NM / job.settings.rotation_stiffness_free
        return m.rotvec * max(0.0, 1.0 - leash / max(angle, 1e-9))

    def _watch(self, job: Job, m: Measurement) -> Go | End | None:
        plan = job.plan
        if not self._is_settled:
            has_dropped = m.depth_m > self._land_m + plan.catch_drop_m + _UNSURE_M and not self._is_resumed
            if has_dropped:
                job.caught_at, job.is_held_catch = m.p[:2].copy(), False
                if _was_no_land(job):
                    job.forget_land()
                return Go(Phase.INSERT, f"dropped {1e3 * (m.depth_m - self._land_m):.2f} mm while pressed on the land")
            if m.time_s - self._start_s < (_RESUMED_PRESS_S if self._is_resumed else _PRESS_S):
                return None
            # From here on the height is known exactly. After a false catch it is what the plug rests on now.
            self._is_settled = True
            self._deepest = m.p.copy()
            self._land_m = m.depth_m
            self._touch(job, m, is_anew=not self._is_resumed)
        if m.depth_m < self._land_m and self._push_n > _FULL_PUSH * job.settings.search_force_n:
            # The land rises under a tilted axis, or the first contact was already in the chamfer.
            self._land_m = m.depth_m
            self._touch(job, m)
        if m.depth_m > self._deepest[2]:
            self._deepest = m.p.copy()
        drop = m.depth_m - self._land_m
        # A plug over the opening drops through any threshold; a corner that fooled the last one is asked for more.
        threshold = plan.catch_drop_m * min(1.0 + _DOUBT * job.false_catches, _DOUBT_LIMIT)
        if drop > threshold:
            job.caught_at, job.is_held_catch = m.p[:2].copy(), False
            return Go(Phase.INSERT, f"dropped {1e3 * drop:.2f} mm; the catch threshold is {1e3 * threshold:.2f} mm")
        self._look_back(m, threshold)
        if self._is_held(job, m):
            return self._in_the_opening(job, m)
        if self._spiral.is_exhausted:
            return End(
                Outcome.SEARCH_EXHAUSTED,
                f"no opening within {1e3 * job.search_reach_m:.1f} mm after {job.settings.search_tours} tours",
            )
        return None

    def _touch(self, job: Job, m: Measurement, *, is_anew: bool = False) -> None:
        """Take what the plug stands on for the land, where it is the highest so far or all is begun anew."""
        land = m.tip_m + self._nose_m
        if is_anew or job.land_m is None or land < job.land_m:
            job.land_m, job.land_at = land, m.p[:2].copy()

    def _look_back(self, m: Measurement, threshold: float) -> None:
        """Have the deepest place looked at again where the plug stays that much above it.

        The first contact was then in the lead-in, and the opening is where the plug came from. What only springs comes
        back sooner.
        """
        is_above = float(self._deepest[2]) - m.depth_m > threshold
        self._above_s = self._above_s + m.dt_s if is_above else 0.0
        if self._visit is None and self._above_s > _ABOVE_S:
            self._visit, self._visited_s = self._deepest[:2].copy(), 0.0

    def _is_held(self, job: Job, m: Measurement) -> bool:
        """Return whether the plug stays where it is although the path has gone once round it, out of its reach."""
        self._widest_m = max(self._widest_m, math.hypot(*(m.p[:2] - self._anchor)))
        if self._has_moved(job):
            return False
        away = _SIDEWAYS_LIMIT_N / job.settings.stiffness_search + 2.0 * _free_m(job)
        if math.hypot(*(self._target[:2] - self._anchor)) > away:
            self._pulled_s += m.dt_s
        return self._pulled_s > 2.0 * math.pi * away / job.plan.search_speed

    def _has_moved(self, job: Job) -> bool:
        """Return whether the plug has come farther from where the search began than an opening would let it."""
        return self._widest_m > _free_m(job)

    def _in_the_opening(self, job: Job, m: Measurement) -> Go:
        """Go on with a plug that was in the opening before it was felt: what was taken for the land was not."""
        profile, entered = job.profile, job.plan.entered_m
        way = profile.depth_m - profile.rim_m - entered
        # It is in and not yet seated: that tells the land better than the estimate where the way is short.
        is_told = way < 3.0 * job.plan.uncertainty.axial_sigma_m
        if is_told:
            job.land_m, job.land_at = m.tip_m - entered, None
        else:
            job.forget_land()
        return Go(Phase.INSERT, f"held within {1e3 * self._widest_m:.2f} mm on all sides: it is in the opening")

    def _move(self, job: Job, dt_s: float) -> tuple[float, float]:
        """Advance the target along the path, or to where it was left, or to a deep place; return its velocity."""
        (x, y), (cx, cy) = self._spiral.position, job.search_centre
        x, y = x + float(cx), y + float(cy)
        if self._visit is not None:
            x, y = self._visit
        dx, dy = x - float(self._target[0]), y - float(self._target[1])
        distance = math.hypot(dx, dy)
        if distance > _ON_PATH_M:
            speed = min(job.plan.search_speed, distance / dt_s) / distance
            self._target[:2] += np.array([dx, dy]) * (speed * dt_s)
            return dx * speed, dy * speed
        if self._visit is not None:
            self._visited_s += dt_s
            if self._visited_s > _VISIT_S:
                self._visit = None
                self._deepest[2] = self._land_m
            return 0.0, 0.0
        x, y, vx, vy = self._spiral.step(dt_s)
        self._target[:2] = x + cx, y + cy
        return vx, vy
