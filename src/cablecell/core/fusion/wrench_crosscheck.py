"""Does the force sensor agree with the arm? Its reading against what the joint torques say, while the arm moves.

At rest a change is seen by itself. In a guarded motion contact changes the reading, too, and only a second witness can
tell drift from contact: the momentum of an arm that is told torques says what pushes it without any force sensor. The
sensor also feels what accelerates the tool, which is taken out by the tool's mass and measured motion. As long as both
live and the arm stays near, what is left changes no more than the arm's own errors allow: little within half a second,
and not much more since the beginning. What they disagree by in the beginning is no fault: a sensor that was not tared
has a bias. Fast or far the arm's errors, of masses and of friction, are larger than a drift, so there the comparison
begins anew.
"""

from __future__ import annotations

import math

import numpy as np

from cablecell.core.config.parameters import ParameterSchema, parameter
from cablecell.core.fusion.wrench import Payload
from cablecell.core.fusion.wrench_change import FilteredRate, LaggedChange, momentum
from cablecell.core.fusion.wrench_health import AXES, UNITS, WrenchDriftError, WrenchFault
from cablecell.core.geometry import Array, cross, rotate_six


class CrossCheckSettings(ParameterSchema):
    """When arm and force sensor disagree too much; for an arm without friction in its joints, as the simulated one."""

    change_n: float = parameter(
        0.5,
        "Largest change of the disagreement of a force against half a second ago.",
        unit="N",
        minimum=0.05,
        maximum=100.0,
    )
    change_nm: float = parameter(0.15, "Likewise of a torque.", unit="N·m", minimum=0.005, maximum=20.0)
    disagreement_n: float = parameter(
        0.65,
        "Largest change of the disagreement of a force since the beginning.",
        unit="N",
        minimum=0.05,
        maximum=100.0,
    )
    disagreement_nm: float = parameter(0.25, "Likewise of a torque.", unit="N·m", minimum=0.005, maximum=20.0)
    filter_s: float = parameter(
        0.05, "Time constant with which disagreement is averaged.", unit="s", minimum=0.005, maximum=5.0
    )
    observer_s: float = parameter(
        0.025, "Time constant of the observer that says what pushes the arm.", unit="s", minimum=0.001, maximum=1.0
    )
    late_s: float = parameter(
        0.005, "Lateness of the force against the velocity, by filters.", unit="s", minimum=0.0, maximum=0.1
    )
    settle_s: float = parameter(
        0.2, "So long what the motion before has left is waited for.", unit="s", minimum=0.0, maximum=5.0
    )
    begin_s: float = parameter(
        0.2,
        "What they disagree by on average over the time after that is where the motion begins.",
        unit="s",
        minimum=0.01,
        maximum=5.0,
    )
    lag_s: float = parameter(
        0.5, "How long ago the moment ends with which they are compared.", unit="s", minimum=0.05, maximum=10.0
    )
    span_s: float = parameter(0.3, "Over which that is averaged.", unit="s", minimum=0.02, maximum=10.0)
    inertia_share: float = parameter(
        0.2, "Share of the inertial force that may be left or felt wrongly.", minimum=0.0, maximum=1.0
    )
    lever_m: float = parameter(
        0.15, "Distance from the tool's frame at which that pulls, at most.", unit="m", minimum=0.0, maximum=2.0
    )
    fast_m_per_s: float = parameter(
        0.05, "Above this speed the arm's own errors are too large to judge by.", unit="m/s", minimum=0.001, maximum=5.0
    )
    near_m: float = parameter(0.03, "After this way the comparison begins anew.", unit="m", minimum=0.001, maximum=10.0)
    share: float = parameter(
        0.1, "Share of a contact force that may be felt wrongly, since the beginning.", minimum=0.0, maximum=1.0
    )
    change_share: float = parameter(
        0.03, "Share of a contact force that may be felt wrongly, against half a second ago.", minimum=0.0, maximum=1.0
    )


class WrenchCrossCheck:
    """Follows the disagreement through a guarded motion; a step object without a clock. About 40 µs a step."""

    def __init__(self, X_tcp_ft: Array, settings: CrossCheckSettings | None = None) -> None:
        """Agree.

        Args:
            X_tcp_ft: Where the sensor is, shape (4, 4).
            settings: When a disagreement is too much.
        """
        settings = self._settings = settings or CrossCheckSettings()
        self._X_tcp_ft = X_tcp_ft.copy()
        self._limits = np.array([settings.disagreement_n] * 3 + [settings.disagreement_nm] * 3)
        self._change_limits = np.array([settings.change_n] * 3 + [settings.change_nm] * 3)
        self._inertia = FilteredRate(settings.observer_s, settings.late_s)
        self._growth = FilteredRate(settings.observer_s)
        self._change = LaggedChange(settings.lag_s, settings.span_s)
        self.reset()

    def reset(self) -> None:
        """Begin anew, as at the start of a motion."""
        self._mean, self._last_s, self._agreed_s = np.zeros(6), -1.0, -1.0
        self._begun_s, self._begin, self._count = -1.0, np.zeros(6), 0
        self._borne_n, self._way_m = 0.0, 0.0
        self._inertia.reset()
        self._growth.reset()
        self._change.reset()

    def step(
        self, now_s: float, disagreement: Array, twist: Array, wrench_tcp: Array, R_base_tcp: Array, payload: Payload
    ) -> WrenchFault | None:
        """Judge one sample; return a fault while there is too much.

        Args:
            now_s: The time, s.
            disagreement: What pushes the arm beyond what the sensor feels, at the tcp, shape (6,), N and N·m.
            twist: Of the tool, shape (6,), m/s and rad/s.
            wrench_tcp: What the sensor feels at the tcp, in tcp axes, shape (6,): its gain is no drift.
            R_base_tcp: Orientation of the tcp, shape (3, 3).
            payload: What the sensor carries: it feels what accelerates that, the arm does not.
        """
        settings = self._settings
        speed = float(np.linalg.norm(twist[:3]))
        self._way_m += speed * max(0.0, now_s - self._last_s) if self._last_s >= 0.0 else 0.0
        if speed > settings.fast_m_per_s or self._way_m > settings.near_m:
            self.reset()
            return None
        dt_s = now_s - self._last_s if self._last_s >= 0.0 else 0.0
        if self._last_s < 0.0:
            self._agreed_s = self._begun_s = now_s
        self._last_s = now_s
        contact_n = float(np.linalg.norm(wrench_tcp[:3]))
        late = settings.late_s * self._growth.step(dt_s, rotate_six(R_base_tcp, wrench_tcp))
        left = disagreement - late - self._carried(dt_s, twist, R_base_tcp, payload)
        if now_s - self._begun_s < settings.settle_s:
            self._mean, self._agreed_s = left, now_s
            return None
        blend = 1.0 - math.exp(-dt_s / settings.filter_s)
        self._mean = self._mean + blend * (left - self._mean)
        if now_s - self._begun_s < settings.settle_s + settings.begin_s:
            self._count += 1
            self._begin = self._begin + (left - self._begin) / self._count
            self._agreed_s = now_s
            self._change.step(now_s, self._mean)
            return None
        lever = settings.lever_m
        levers = np.array([1.0, 1.0, 1.0, lever, lever, lever])
        inertial_n = settings.inertia_share * self._borne_n
        since = self._mean - self._begin
        slack = self._limits + (inertial_n + settings.share * contact_n) * levers
        tight = self._change_limits + (inertial_n + settings.change_share * contact_n) * levers
        change = self._change.step(now_s, self._mean)
        beginning = "than at the beginning of a guarded motion"
        if change is None:  # the beginning is the moment ago
            return self._judge(now_s, since, tight, beginning)
        before = f"than {settings.lag_s} s before in a guarded motion"
        return self._judge(now_s, since, slack, beginning) or self._judge(now_s, change, tight, before)

    def _carried(self, dt_s: float, twist: Array, R_base_tcp: Array, payload: Payload) -> Array:
        """Return what of the payload's inertia the sensor feels and the arm does not; at the tcp in base axes."""
        X = self._X_tcp_ft
        centre = X[:3, :3] @ payload.centre + X[:3, 3]
        force = self._inertia.step(dt_s, momentum(payload, centre, twist, R_base_tcp))
        borne_n = float(np.linalg.norm(force))
        self._borne_n = max(borne_n, self._borne_n * (1.0 - min(1.0, dt_s / self._settings.filter_s)))
        return np.concatenate((force, cross(R_base_tcp @ centre, force)))

    def _judge(self, now_s: float, change: Array, limits: Array, since: str) -> WrenchFault | None:
        """Return a fault where a change is above its limit."""
        share = np.abs(change) / limits
        worst = int(np.argmax(share))
        if share[worst] < 0.5:
            self._agreed_s = now_s
        if share[worst] <= 1.0:
            return None
        value, limit, unit = float(change[worst]), float(limits[worst]), UNITS[worst]
        error = WrenchDriftError(
            f"{AXES[worst]} of the force sensor and the torques of the arm disagree by {abs(value):.3f} {unit} more "
            f"{since}; the limit is {limit:.3f} {unit}: it drifts, or something "
            "pushes the arm beside the tool",
            quantity=AXES[worst],
            value=value,
            limit=limit,
            unit=unit,
            frame="tcp",
        )
        return WrenchFault(error, (AXES[worst],), self._agreed_s, now_s)
