"""Turning a plug that is caught at the rim of a port which it only enters turned rightly."""

from __future__ import annotations

from cablecell.core.insertion.phase import Job

_RATE = 0.25
"""Speed of the turn, rad/s: the plug drops through its lead-in before it has turned past its play."""

_CORNER_N = 4.0
"""Force that the corners of the plug carry, at most, where the rim holds against the turn."""

_CAUGHT_SHARE = 0.5
"""Share of the lead-in below the land from which more than a corner is in the opening."""


def is_worth_a_turn(job: Job, depth_m: float) -> bool:
    """Return whether a plug that goes no deeper may be held by its yaw: more of it than a corner is in the lead-in."""
    return job.plan.must_turn and depth_m - job.profile.rim_m > _CAUGHT_SHARE * job.profile.chamfer_m


def turn_stiffness(job: Job) -> float:
    """Return the yaw stiffness, N·m/rad, with which the rim is never pressed by more than the corners may carry."""
    soft, stiff = job.settings.yaw_stiffness_limits
    return min(stiff, max(soft, _CORNER_N * max(job.profile.size_m) / job.plan.yaw_limit_rad))


class YawSweep:
    """Target yaw that goes to one end of what is likely, then to the other.

    Args:
        yaw_rad: Where it begins.
        reach_rad: Of either end.
        is_upward: Which end comes first.
    """

    def __init__(self, yaw_rad: float, reach_rad: float, *, is_upward: bool) -> None:
        end = reach_rad if is_upward else -reach_rad
        self._ends = [end, -end]
        self.yaw_rad = yaw_rad

    @property
    def is_over(self) -> bool:
        """True when both ends were reached."""
        return not self._ends

    def step(self, dt_s: float) -> None:
        """Turn on by one period."""
        if not self._ends:
            return
        way = self._ends[0] - self.yaw_rad
        if abs(way) <= _RATE * dt_s:
            self.yaw_rad = self._ends.pop(0)
        else:
            self.yaw_rad += _RATE * dt_s if way > 0.0 else -_RATE * dt_s
