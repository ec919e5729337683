"""Does the force sensor agree with the arm? Its reading against what the joint torques say, while the arm moves.

At rest a change is seen by itself. In a guarded motion contact changes the reading, too, and only a second witness can
tell drift from contact: the momentum of an arm that is told torques says what pushes it without any force sensor. As
long as both live and the arm stays near, what the two disagree by changes no more than the arm's own errors allow. What
they disagree by in the beginning is no fault: a sensor that was not tared has a bias. Fast or far the arm's errors, of
masses and of friction, are larger than a drift, so there the comparison begins anew.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.parameters import ParameterSchema, parameter
from cablecell.core.fusion.wrench_health import AXES, UNITS, WrenchDriftError, WrenchFault

Array = NDArray[np.float64]


class CrossCheckSettings(ParameterSchema):
    """When arm and force sensor disagree too much; for an arm without friction in its joints, as the simulated one."""

    disagreement_n: float = parameter(
        0.65, "Largest change of the disagreement of a force.", unit="N", minimum=0.05, maximum=100.0
    )
    disagreement_nm: float = parameter(
        0.25, "Largest change of the disagreement of a torque.", unit="N·m", minimum=0.005, maximum=20.0
    )
    filter_s: float = parameter(
        0.1, "Time constant with which disagreement is averaged.", unit="s", minimum=0.005, maximum=5.0
    )
    begin_s: float = parameter(
        0.2,
        "What they disagree by on average over this time is where the motion begins.",
        unit="s",
        minimum=0.01,
        maximum=5.0,
    )
    moved_kg: float = parameter(
        2.5,
        "Largest mass beyond the sensor: it feels what accelerates that, the arm does not.",
        unit="kg",
        minimum=0.0,
        maximum=50.0,
    )
    lever_m: float = parameter(
        0.15, "Distance of that mass from the tool's frame, at most.", unit="m", minimum=0.0, maximum=2.0
    )
    fast_m_per_s: float = parameter(
        0.05, "Above this speed the arm's own errors are too large to judge by.", unit="m/s", minimum=0.001, maximum=5.0
    )
    near_m: float = parameter(0.03, "After this way the comparison begins anew.", unit="m", minimum=0.001, maximum=10.0)
    share: float = parameter(0.1, "Share of a contact force that may be felt wrongly.", minimum=0.0, maximum=1.0)


class WrenchCrossCheck:
    """Follows the disagreement through a guarded motion; a step object without a clock. About 6 µs a step."""

    def __init__(self, settings: CrossCheckSettings | None = None) -> None:
        """Agree."""
        self._settings = settings or CrossCheckSettings()
        self._limits = np.array([self._settings.disagreement_n] * 3 + [self._settings.disagreement_nm] * 3)
        self.reset()

    def reset(self) -> None:
        """Begin anew, as at the start of a motion."""
        self._mean, self._last_s, self._agreed_s = np.zeros(6), -1.0, -1.0
        self._begun_s, self._begin, self._count = -1.0, np.zeros(6), 0
        self._slow_twist, self._way_m = np.zeros(6), 0.0

    def step(self, now_s: float, disagreement: Array, twist: Array, contact_n: float) -> WrenchFault | None:
        """Judge one sample; return a fault while there is too much.

        Args:
            now_s: The time, s.
            disagreement: What pushes the arm beyond what the sensor feels, at the tcp, shape (6,), N and N·m.
            twist: Of the tool, shape (6,), m/s and rad/s.
            contact_n: Force that the sensor feels: its gain, and its lateness while that grows, are no drift.
        """
        speed = float(np.linalg.norm(twist[:3]))
        self._way_m += speed * max(0.0, now_s - self._last_s) if self._last_s >= 0.0 else 0.0
        if speed > self._settings.fast_m_per_s or self._way_m > self._settings.near_m:
            self.reset()
            return None
        if self._last_s < 0.0:
            self._last_s = self._agreed_s = self._begun_s = now_s
        if now_s - self._begun_s < self._settings.begin_s:
            self._count += 1
            self._begin = self._begin + (disagreement - self._begin) / self._count
            self._slow_twist = twist
            self._last_s = self._agreed_s = now_s
            return None
        blend = min(1.0, max(0.0, now_s - self._last_s) / self._settings.filter_s)
        self._last_s = now_s
        self._mean = self._mean + blend * (disagreement - self._begin - self._mean)
        self._slow_twist = self._slow_twist + blend * (twist - self._slow_twist)
        # The same filter of an acceleration is the speed less the filtered speed, over the time constant.
        gained = (twist - self._slow_twist) / self._settings.filter_s
        lever = self._settings.lever_m
        inertia_n = self._settings.moved_kg * (np.linalg.norm(gained[:3]) + lever * np.linalg.norm(gained[3:]))
        borne_n = inertia_n + self._settings.share * contact_n
        limits = self._limits + borne_n * np.array([1.0, 1.0, 1.0, lever, lever, lever])
        share = np.abs(self._mean) / limits
        worst = int(np.argmax(share))
        if share[worst] < 0.5:
            self._agreed_s = now_s
        if share[worst] <= 1.0:
            return None
        value, limit, unit = float(self._mean[worst]), float(limits[worst]), UNITS[worst]
        error = WrenchDriftError(
            f"{AXES[worst]} of the force sensor and the torques of the arm disagree by {abs(value):.3f} {unit} more "
            f"than at the beginning of a guarded motion; the limit is {limit:.3f} {unit}: it drifts, or something "
            "pushes the arm beside the tool",
            quantity=AXES[worst],
            value=value,
            limit=limit,
            unit=unit,
            frame="tcp",
        )
        return WrenchFault(error, (AXES[worst],), self._agreed_s, now_s)
