"""What a simulated arm does from the moment on in which nobody reaches it any more: only the robot's side sees it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cablecell.ports import Vector

REST_RAD_PER_S = 0.01
"""True speed of a joint below which an arm stands."""

REST_M_PER_S = 0.002
"""True speed of the tool below which it stands; a plug that rubs in its port makes it tremble at a third of that."""

WATCHED_S = 0.5
"""Time after a cut in which the arm is watched."""


@dataclass(frozen=True)
class CutReport:
    """What the arm did.

    Attributes:
        to_rest_s: Time from the cut until neither a joint nor the tool moved any more, s.
        speed_rad_per_s: Of the fastest joint at the cut.
        tool_m_per_s: Speed of the tool at the cut.
        change_rad_per_s2: Fastest change of the speed of a joint.
        force_at_cut_n: At the sensor at the cut, N.
        peak_force_n: Largest at the sensor from the cut on, N.
        is_at_rest: Whether the arm stood at the end of the watch.
    """

    to_rest_s: float
    speed_rad_per_s: float
    tool_m_per_s: float
    change_rad_per_s2: float
    force_at_cut_n: float
    peak_force_n: float
    is_at_rest: bool

    def __str__(self) -> str:
        """Return one line."""
        rest = f"the arm stood after {self.to_rest_s:.3f} s" if self.is_at_rest else "the arm goes on moving"
        braked = f"its joints slowed by at most {self.change_rad_per_s2:.1f} rad/s^2"
        before = f"{self.speed_rad_per_s:.3f} rad/s, {1e3 * self.tool_m_per_s:.1f} mm/s at the tool"
        force = f"{self.force_at_cut_n:.1f} N at the cut, {self.peak_force_n:.1f} N at most since"
        return f"{rest}, {braked}; {before} and {force}"


class CutWatch:
    """Watches the arm for `WATCHED_S`; one for each cut."""

    def __init__(self, free_n: Vector) -> None:
        """Begin with the next look.

        Args:
            free_n: What the sensor reads while nothing is touched and the tool hangs as it does now, shape (3,), N.
        """
        self._free_n = free_n
        self._begin_s: float | None = None
        self._moved_s = 0.0
        self._before: tuple[float, Vector] | None = None
        self._change = 0.0
        self._speed = self._tool_m_per_s = self._force_at_cut_n = self._peak_n = 0.0

    def look(self, now_s: float, dq: Vector, tool_m_per_s: float, force_n: Vector) -> CutReport | None:
        """Look at the arm once a period; return the report when the watch ends.

        Args:
            now_s: Time, s.
            dq: True speed of the joints, shape (n,), rad/s.
            tool_m_per_s: True speed of the tool.
            force_n: What the sensor reads, shape (3,), N.
        """
        speed, contact_n = float(np.abs(dq).max()), float(np.linalg.norm(force_n - self._free_n))
        if self._begin_s is None:
            self._begin_s = self._moved_s = now_s
            self._speed, self._tool_m_per_s, self._force_at_cut_n = speed, tool_m_per_s, contact_n
        self._peak_n = max(self._peak_n, contact_n)
        if self._before is not None and now_s > self._before[0]:
            self._change = max(self._change, float(np.abs(dq - self._before[1]).max()) / (now_s - self._before[0]))
        self._before = (now_s, dq)
        if speed > REST_RAD_PER_S or tool_m_per_s > REST_M_PER_S:
            self._moved_s = now_s
        if now_s - self._begin_s < WATCHED_S:
            return None
        return CutReport(
            self._moved_s - self._begin_s,
            self._speed,
            self._tool_m_per_s,
            self._change,
            self._force_at_cut_n,
            self._peak_n,
            is_at_rest=self._moved_s < now_s,
        )
