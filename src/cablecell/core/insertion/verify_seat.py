"""Check a seat without changing it: depth by the estimate, a tug that a latched plug stands, and back to the stop."""

from __future__ import annotations

from cablecell.core.insertion.handling import Handling
from cablecell.core.insertion.handling_outcome import HandlingOutcome
from cablecell.core.insertion.phase import Measurement, Setpoint

_TUG_S = 0.25
"""How long the full tug or push acts."""

_SPEED = 0.02
"""Free speed of both, m/s: a plug that is not held has gone a millimetre when it is noticed."""

_PUSH_N = 6.0
"""Push by which a plug without a latch shows its stop."""

_SIGMAS = 3.0
"""Standard deviations of the estimate by which the depth may fall short."""

_ABORT_RESERVE_N = 10.0
"""Force above the tug at which something else is wrong."""


class VerifySeat(Handling):
    """Say whether a plug that the gripper holds is seated in its port, and leave it as it was."""

    @property
    def force_n(self) -> float:
        """Pull that a latched plug has to stand, or push at the stop, N."""
        return self.profile.proving_pull_n(self.settings) if self.profile.has_latch else _PUSH_N

    @property
    def force_limit_n(self) -> float:
        """Force at which to give up, N."""
        return min(self.force_n + _ABORT_RESERVE_N, self.profile.force_limit_n)

    def work(self, m: Measurement) -> Setpoint:
        """Look at the depth once, then tug or push."""
        profile, settings = self.profile, self.settings
        depth, needed = float(self._begin[2]), profile.depth_m - profile.seat_tolerance_m - _SIGMAS * self._sigma_m
        if depth < needed:
            what = f"{1e3 * depth:.1f} mm deep by the estimate; at least {1e3 * needed:.1f} mm is a seat"
            self.end(HandlingOutcome.NOT_SEATED, what, m, is_in=True)
            return self.hold(m)
        force = min(settings.seat_ramp * self.since_s(m), self.force_n)
        is_over = self.since_s(m) > self.force_n / settings.seat_ramp + _TUG_S
        moved = self.moved_m(m) if profile.has_latch else -self.moved_m(m)
        allowed = settings.most_give_m(force + settings.hold_push_n) + profile.latch_play_m + profile.pull_margin_m
        if moved > allowed:
            way = f"moved {1e3 * moved:.2f} mm at {force:.1f} N; a seated plug moves {1e3 * allowed:.2f} mm at most"
            outcome = HandlingOutcome.NOT_LATCHED if profile.has_latch else HandlingOutcome.NOT_SEATED
            self.end(outcome, way, m, is_in=True)
        elif is_over:
            proof = "latch proven by a tug" if profile.has_latch else "stop felt; there is no latch to prove"
            what = f"{1e3 * depth:.1f} mm deep, {proof} of {force:.1f} N with {1e3 * moved:.2f} mm of motion"
            self.end(HandlingOutcome.SEATED, what, m, is_in=True)
        return self.pull(m, force if profile.has_latch else -force, _SPEED)
