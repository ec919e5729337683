"""What unplugging and checking a seated plug have in common: rest, measure, press back to the stop, end."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import numpy as np

from cablecell.core.config.insertion import InsertionSettings
from cablecell.core.geometry import Array, invert_pose, log_so3
from cablecell.core.insertion.handling_outcome import HandlingOutcome, HandlingResult, HandlingStep
from cablecell.core.insertion.kernels import see_tip
from cablecell.core.insertion.observation import Observation, PoseEstimate
from cablecell.core.insertion.phase import Measurement, Setpoint
from cablecell.core.insertion.profile import ConnectorProfile

REST, BACK, DONE = "rest", "back", "done"
"""What every handling does: hold still first, press back to the stop where the plug stays, hold at the end."""

_REST_S = 0.3
"""Time at rest; the wrench of its last half is what later ones are compared with."""

_BACK_S = 0.5
"""How long a plug that stays in its port is pressed back to its stop."""

_SPEED_BLEND = 0.1
"""Share of a new sample in the filtered tip speed."""

_BESIDE_M = 5.0e-3
"""How far beside its port's axis a plug may be believed, beyond what the estimate is unsure of, and still be in it."""

_SIGMAS = 3.0

_OVER_FORCE_SAMPLES = 3
"""Samples above the limit that count: one alone is noise."""


class Handling(ABC):
    """A procedure on a plug that the gripper holds in its port; `step` once per control period.

    Forces are counted from the wrench at the start, when the plug was held at rest: no free space is needed to tare in.
    """

    def __init__(self, profile: ConnectorProfile, settings: InsertionSettings) -> None:
        self.profile, self.settings = profile, settings
        self.doing = REST
        self.result: HandlingResult | None = None
        self._begin = np.zeros(3)
        self._rotvec = np.zeros(3)
        self._start_s = self._since_s = 0.0
        self._samples: list[Array] = []
        self._at_rest = np.zeros(6)
        self._X_port = self._X_port_base = np.eye(4)
        self._sigma_m = 0.0
        self._last_p, self._velocity, self._last_s = np.zeros(3), np.zeros(3), 0.0
        self._is_started = self._is_cancelled = False
        self._peak_n = 0.0
        self._over_samples = 0
        self._ending: tuple[HandlingOutcome, str] | None = None
        self._ended_s = self._ended_moved_m = 0.0

    def cancel(self) -> None:
        """Give up at the next step: a plug that is still at its place is pressed back there."""
        self._is_cancelled = True

    def step(self, observation: Observation) -> HandlingStep:
        """Return the set-point of this period.

        Raises:
            RuntimeError: The first observation has no port estimate: there is no frame to move in.
        """
        m = self._measure(observation)
        if self.result is None:
            self._guard(m)
            setpoint = self._advance(m)
        else:
            setpoint = self.hold(m)
        command = setpoint.to_command(observation.time_s, self._X_port, observation.X_tcp_tip.X, np.zeros(6))
        return HandlingStep(command, self.doing, self.result)

    @property
    @abstractmethod
    def force_limit_n(self) -> float:
        """Force at which to give up, N."""

    @abstractmethod
    def work(self, m: Measurement) -> Setpoint:
        """Do what is to be done between the rest and the end; call `go` and `end`."""

    # For subclasses -------------------------------------------------------------------------------------------

    def go(self, doing: str, m: Measurement) -> None:
        """Begin something."""
        self.doing, self._since_s = doing, m.time_s

    def end(self, outcome: HandlingOutcome, reason: str, m: Measurement, *, is_in: bool) -> None:
        """Decide; a plug that is still in its port is pressed back to its stop before that is reported."""
        self._ending, self._ended_s, self._ended_moved_m = (outcome, reason), m.time_s, self.moved_m(m)
        self.go(BACK if is_in else DONE, m)
        if not is_in:
            self._finish(m)

    def since_s(self, m: Measurement) -> float:
        """Return how long it has been doing this, s."""
        return m.time_s - self._since_s

    def moved_m(self, m: Measurement) -> float:
        """Return how far the tool is out of where it began, m."""
        return float(self._begin[2]) - m.depth_m

    def hold(self, m: Measurement) -> Setpoint:
        """Return the set-point that stays."""
        settings = self.settings
        stiffness = np.array([settings.stiffness_approach] * 3 + [settings.rotation_stiffness_free] * 3)
        return Setpoint(self._begin, self._rotvec, stiffness)

    def pull(self, m: Measurement, force_n: float, speed: float) -> Setpoint:
        """Return the set-point of a straight pull through a damper, soft sideways and in rotation; negative pushes."""
        settings = self.settings
        lateral, turn = settings.stiffness_insert, settings.rotation_stiffness_limits[1]
        damping = np.zeros(6)
        damping[2] = max(abs(force_n), 1.0) / speed
        p = np.array([self._begin[0], self._begin[1], m.depth_m])
        stiffness = np.array([lateral, lateral, 0.0, turn, turn, turn])
        return Setpoint(p, self._rotvec, stiffness, damping, force=np.array([0.0, 0.0, -force_n]))

    # Inside ---------------------------------------------------------------------------------------------------

    def _advance(self, m: Measurement) -> Setpoint:
        if self.doing == REST:
            if self.since_s(m) > _REST_S:
                self._at_rest = np.mean(self._samples, axis=0)
                self._begin_work(m)
            return self.hold(m)
        if self.doing == BACK:
            if self.since_s(m) > _BACK_S:
                self._begin[2] = m.depth_m
                self._finish(m)
            return self.pull(m, -self.settings.hold_push_n, self.settings.seat_speed)
        return self.work(m)

    def _begin_work(self, m: Measurement) -> None:
        """Begin, or say that no plug is in this port."""
        beside, unsure = math.hypot(float(m.p[0]), float(m.p[1])), _SIGMAS * self._sigma_m
        if m.depth_m > self.profile.rim_m - unsure and beside < _BESIDE_M + unsure:
            self.go("work", m)
            return
        what = f"the plug is not in the port: {1e3 * m.depth_m:.1f} mm deep and {1e3 * beside:.1f} mm beside its axis"
        self.end(HandlingOutcome.NOT_SEATED, what, m, is_in=False)

    def _finish(self, m: Measurement) -> None:
        assert self._ending is not None
        outcome, reason = self._ending
        self.doing, self._begin, self._rotvec = DONE, m.p.copy(), m.rotvec.copy()
        self.result = HandlingResult(outcome, reason, self._ended_moved_m, self._peak_n, self._ended_s - self._start_s)

    def _guard(self, m: Measurement) -> None:
        if self._ending is not None or self.doing == REST:
            return
        is_in = self.moved_m(m) < 0.5 * (self.profile.depth_m - self.profile.rim_m)
        force, limit = math.sqrt(float(m.force @ m.force)), self.force_limit_n
        self._peak_n = max(self._peak_n, force)
        self._over_samples = self._over_samples + 1 if force > limit else 0
        elapsed = m.time_s - self._start_s
        if self._over_samples >= _OVER_FORCE_SAMPLES:
            what = f"{force:.1f} N while doing {self.doing}; the limit is {limit:.1f} N"
            self.end(HandlingOutcome.OVER_FORCE, what, m, is_in=is_in)
        elif self._is_cancelled:
            self.end(HandlingOutcome.CANCELLED, f"cancelled while doing {self.doing}", m, is_in=is_in)
        elif elapsed > self.settings.time_limit_s:
            what = f"{elapsed:.1f} s while doing {self.doing}; the limit is {self.settings.time_limit_s} s"
            self.end(HandlingOutcome.TIMED_OUT, what, m, is_in=is_in)

    def _measure(self, observation: Observation) -> Measurement:
        tip = observation.X_tcp_tip
        if not self._is_started:
            self._take_port(observation.X_base_port, observation)
        dt_s = observation.time_s - self._last_s if self._is_started else 0.0
        self._last_s = observation.time_s
        p, R, speed, force, moment, _ = see_tip(
            self._X_port_base,
            observation.X_base_tcp,
            tip.X,
            observation.wrench_tcp,
            self._at_rest,
            self._last_p,
            self._velocity,
            dt_s,
            _SPEED_BLEND,
        )
        if self.doing == REST and observation.time_s - self._since_s > 0.5 * _REST_S:
            self._samples.append(observation.wrench_tcp.copy())
        if not self._is_started:
            self._is_started, self._begin, self._rotvec = True, p.copy(), log_so3(R)
        return Measurement(observation.time_s, dt_s, p, log_so3(R), speed, force, moment)

    def _take_port(self, port: PoseEstimate | None, observation: Observation) -> None:
        if port is None:
            raise RuntimeError("the first observation must hold an estimate of the port")
        self._X_port, self._X_port_base = port.X, invert_pose(port.X)
        self._start_s = self._since_s = observation.time_s
        self._sigma_m = math.sqrt(float(port.covariance[2, 2] + observation.X_tcp_tip.covariance[2, 2]))
