"""Does the force sensor drift while the arm moves in free air? What bias, weight and inertia leave must stay.

What is left is the pull of the cable, which changes by some tenths of a newton in half a second of the fastest moves,
and the sensor's own errors. A touch changes it, too, and cannot be told from a drift by this: as at rest, both are
said. Torques are taken about the sensor, where a force that drifts leaves none.
"""

from __future__ import annotations

import math

import numpy as np

from cablecell.core.config.parameters import ParameterSchema, parameter
from cablecell.core.fusion.wrench import Payload
from cablecell.core.fusion.wrench_change import FilteredRate, LaggedChange, momentum
from cablecell.core.fusion.wrench_health import AXES, UNITS, WrenchDriftError, WrenchFault
from cablecell.core.geometry import Array, cross


class MotionDriftSettings(ParameterSchema):
    """When a change in free motion is a drift. Values measured by benchmark `wrench_drift`, docs/calibration.md."""

    change_n: float = parameter(
        1.0, "Largest change of a force against half a second ago.", unit="N", minimum=0.05, maximum=100.0
    )
    change_nm: float = parameter(
        0.15, "Likewise of a torque: the cable pulls with a lever.", unit="N·m", minimum=0.005, maximum=20.0
    )
    share: float = parameter(
        0.05, "Share of the inertial force that may be left or felt wrongly.", minimum=0.0, maximum=1.0
    )
    drag_n_per_m_per_s: float = parameter(
        2.0,
        "Force that the cable may pull with more for a change of the tool's velocity.",
        unit="N/(m/s)",
        minimum=0.0,
        maximum=100.0,
    )
    filter_s: float = parameter(
        0.05, "Time constant with which the wrench is averaged.", unit="s", minimum=0.005, maximum=5.0
    )
    late_s: float = parameter(
        0.005, "Lateness of the force against the velocity, by filters.", unit="s", minimum=0.0, maximum=0.1
    )
    lag_s: float = parameter(0.5, "How long ago what is compared with ends.", unit="s", minimum=0.05, maximum=10.0)
    span_s: float = parameter(0.3, "Over which that is averaged.", unit="s", minimum=0.02, maximum=10.0)


class MotionDrift:
    """Follows the wrench through free motion; a step object without a clock. About 30 µs a step."""

    def __init__(self, X_tcp_ft: Array, settings: MotionDriftSettings | None = None) -> None:
        """Begin.

        Args:
            X_tcp_ft: Where the sensor is, shape (4, 4).
            settings: When a change is a drift.
        """
        settings = self._settings = settings or MotionDriftSettings()
        self._R_tcp_ft, self._p_tcp_ft = X_tcp_ft[:3, :3].copy(), X_tcp_ft[:3, 3].copy()
        self._inertia = FilteredRate(settings.filter_s, settings.late_s)
        self._change = LaggedChange(settings.lag_s, settings.span_s)
        self._limits = np.array([settings.change_n] * 3 + [settings.change_nm] * 3)
        self.reset()

    def reset(self) -> None:
        """Begin anew: what was felt before does not count."""
        self._inertia.reset()
        self._change.reset()
        self._last_s: float | None = None
        self._smooth, self._slow_twist = np.zeros(6), np.zeros(6)
        self._payload: Payload | None = None
        self._borne_n, self._steady_s = 0.0, 0.0

    def step(
        self, now_s: float, wrench_tcp: Array, twist: Array, R_base_tcp: Array, payload: Payload
    ) -> WrenchFault | None:
        """Judge a sample; return a fault while there is too much change.

        Args:
            now_s: The time, s.
            wrench_tcp: Environment on tool at the tcp in tcp axes, bias and weight removed, shape (6,).
            twist: Measured twist of the tcp in base axes, shape (6,).
            R_base_tcp: Orientation of the tcp, shape (3, 3).
            payload: What the sensor carries, as the weight that was removed; another one begins anew.
        """
        settings = self._settings
        if payload is not self._payload:
            self.reset()
            self._payload, self._centre = payload, self._R_tcp_ft @ payload.centre + self._p_tcp_ft
        dt_s = 0.0 if self._last_s is None else now_s - self._last_s
        self._last_s = now_s
        inertial = self._inertia.step(dt_s, momentum(payload, self._centre, twist, R_base_tcp))
        # Averaged in base axes, in which an accelerated mass and a cable pull; a drift is in those of the sensor.
        turn = R_base_tcp @ self._R_tcp_ft
        force = self._R_tcp_ft.T @ wrench_tcp[:3]
        torque = self._R_tcp_ft.T @ (wrench_tcp[3:] - cross(self._p_tcp_ft, wrench_tcp[:3]))
        felt = np.concatenate((turn @ force, turn @ torque))
        blend = 1.0 - math.exp(-dt_s / settings.filter_s) if dt_s > 0.0 else 1.0
        self._smooth = self._smooth + blend * (felt - self._smooth)
        self._slow_twist = self._slow_twist + blend * (twist - self._slow_twist)
        free = np.empty(9)
        free[6:] = self._slow_twist[:3]
        free[:3] = turn.T @ (self._smooth[:3] + inertial)
        free[3:6] = turn.T @ self._smooth[3:] + cross(payload.centre, turn.T @ inertial)
        # What was borne a moment ago is in what is compared with.
        self._borne_n = max(
            float(np.linalg.norm(inertial)), self._borne_n * (1.0 - dt_s / (settings.lag_s + settings.span_s))
        )
        change = self._change.step(now_s, free)
        if change is None:
            self._steady_s = now_s
            return None
        faster = float(np.linalg.norm(change[6:]))
        allowed_n = settings.share * self._borne_n + settings.drag_n_per_m_per_s * faster
        lever_m = float(np.linalg.norm(payload.centre))
        limits = self._limits + allowed_n * np.array([1.0, 1.0, 1.0, lever_m, lever_m, lever_m])
        share = np.abs(change[:6]) / limits
        worst = int(np.argmax(share))
        if share[worst] < 0.5:
            self._steady_s = now_s
        if share[worst] <= 1.0:
            return None
        value, limit, unit = float(change[worst]), float(limits[worst]), UNITS[worst]
        error = WrenchDriftError(
            f"{AXES[worst]} of the force sensor changed by {abs(value):.3f} {unit} within {settings.lag_s} s of free "
            f"motion, beyond weight and inertia; the limit is {limit:.3f} {unit}: it drifts, or something touches the "
            "tool",
            quantity=AXES[worst],
            value=value,
            limit=limit,
            unit=unit,
            frame="ft_frame",
        )
        return WrenchFault(error, (AXES[worst],), self._steady_s, now_s)
