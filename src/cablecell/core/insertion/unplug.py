"""Unplugging: open the latch by a pull where that is how it opens, then straight out along the port's axis."""

from __future__ import annotations

import math

import numpy as np

from cablecell.core.insertion.handling import Handling
from cablecell.core.insertion.handling_outcome import HandlingOutcome
from cablecell.core.insertion.phase import Measurement, Setpoint

WITHDRAW, CLEAR = "withdraw", "clear"
"""After the pull has opened the latch: out of the port, and away from it."""

_RESERVE = 1.5
"""Pull that surely opens a latch, as a multiple of the force that it is said to need."""

_FRICTION_N = 3.0
"""What friction in the port adds to it."""

_TRY_SHARE = 0.3
"""Share of the retention force at which a latch that is opened by other means is tried, not forced."""

_OPEN_S = 0.3
"""How long the full pull acts before the latch is taken to hold."""

_OPEN_SPEED = 0.02
"""Free speed while the latch is pulled open, m/s."""

_FREE_M = 2.0e-3
"""Motion beyond grasp and latch play at which the latch has let go: closed it gives way by less, open the plug runs."""

_PROGRESS_M = 1.0e-4
"""Way out that counts as progress."""

_STALLS = 3
"""Times that a plug may stand still on its way out; each time the tool lets go of its side forces."""

_OUT_M = 2.0e-3
"""Way beyond the mouth at which the plug is out."""

_SNAG_N, _SNAG_S = 5.0, 0.05
"""Pull at the cable, beyond that when the plug came out, that nothing but a snag explains, and for how long."""

_ABORT_RESERVE_N = 10.0
"""Force above the pull at which something else is wrong."""


class Unplug(Handling):
    """Take a seated plug, which the gripper holds, out of its port."""

    _stand_s = 0.0
    _best_m = -math.inf
    _stalls = 0
    _snagged_s = 0.0
    _free_force: np.ndarray | None = None

    @property
    def pull_limit_n(self) -> float:
        """Largest pull while the latch is closed, N: what opens it, or what a latch that is to be pressed may feel."""
        profile = self.profile
        if not profile.has_latch:
            wanted = profile.insertion_limit_n
        elif profile.release_force_n is None:
            wanted = _TRY_SHARE * profile.retention_force_n
        else:
            wanted = _RESERVE * profile.release_force_n + _FRICTION_N
        return min(wanted, 0.8 * profile.force_limit_n)

    @property
    def force_limit_n(self) -> float:
        """Force at which to give up, N."""
        return min(self.pull_limit_n + _ABORT_RESERVE_N, self.profile.force_limit_n)

    def work(self, m: Measurement) -> Setpoint:
        """Pull until it moves, then withdraw it."""
        if self.doing == "work":
            return self._open(m)
        return self._withdraw(m)

    def _open(self, m: Measurement) -> Setpoint:
        settings, limit = self.settings, self.pull_limit_n
        pull = min(settings.seat_ramp * self.since_s(m), limit)
        moved = self.moved_m(m)
        free = settings.most_give_m(pull + settings.hold_push_n) + self.profile.latch_play_m + _FREE_M
        if moved > free:
            self.go(WITHDRAW, m)
        elif self.since_s(m) > limit / settings.seat_ramp + _OPEN_S:
            what = (
                f"moved {1e3 * moved:.2f} mm at a pull of {limit:.1f} N; one that is let go moves {1e3 * free:.1f} mm"
            )
            outcome = HandlingOutcome.NOT_RELEASED if self.profile.has_latch else HandlingOutcome.WEDGED
            self.end(outcome, what, m, is_in=True)
        return self.pull(m, pull, _OPEN_SPEED)

    def _withdraw(self, m: Measurement) -> Setpoint:
        settings, profile, moved = self.settings, self.profile, self.moved_m(m)
        way = profile.depth_m - profile.rim_m + _OUT_M
        if self.doing == WITHDRAW and moved > way:
            self._free_force = m.force.copy()
            self.go(CLEAR, m)
        if moved > way + settings.retreat_distance_m:
            self.end(HandlingOutcome.UNPLUGGED, f"out, {1e3 * moved:.1f} mm from its seat", m, is_in=False)
        elif self._is_snagged(m):
            what = f"held back with more than {_SNAG_N:.1f} N, {1e3 * moved:.1f} mm from its seat: by its cable"
            self.end(HandlingOutcome.CABLE_SNAGGED, what, m, is_in=False)
        elif self._is_stuck(m):
            what = f"stands {1e3 * moved:.1f} mm from its seat at {settings.retreat_force_n:.1f} N"
            # Not pressed back: where it stands is no seat any more.
            self.end(HandlingOutcome.WEDGED, f"{what}, after {_STALLS} tries", m, is_in=False)
        return self.pull(m, settings.retreat_force_n, settings.retreat_speed)

    def _is_stuck(self, m: Measurement) -> bool:
        moved = self.moved_m(m)
        if moved > self._best_m + _PROGRESS_M:
            self._best_m, self._stand_s = moved, m.time_s
        elif m.time_s - self._stand_s > self.settings.stall_s:
            self._stalls += 1
            self._stand_s = m.time_s
            # What jams it is a side force or a turn: stay where the walls have put it.
            self._begin[:2], self._rotvec = m.p[:2], m.rotvec.copy()
        return self._stalls >= _STALLS

    def _is_snagged(self, m: Measurement) -> bool:
        if self._free_force is None:
            return False
        change = m.force - self._free_force
        is_held = math.sqrt(float(change @ change)) > _SNAG_N
        self._snagged_s = self._snagged_s + m.dt_s if is_held else 0.0
        return self._snagged_s > _SNAG_S
