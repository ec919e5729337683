"""The insertion skill: observation in, compliance setpoint out, one typed outcome at the end."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from cablecell.core.config.insertion import InsertionSettings
from cablecell.core.fusion.wrench import Tare, TareError
from cablecell.core.geometry import Array, invert_pose, log_so3
from cablecell.core.insertion.approach import Approach, Contact, Prepare
from cablecell.core.insertion.catch import Search
from cablecell.core.insertion.insert import Insert
from cablecell.core.insertion.kernels import see_tip, warm_up
from cablecell.core.insertion.observation import Observation, PoseEstimate, SkillStep
from cablecell.core.insertion.outcome import InsertionResult, Outcome, Phase
from cablecell.core.insertion.phase import End, Go, Job, Measurement, PhaseStep, Setpoint
from cablecell.core.insertion.plan import combine_uncertainty, make_plan
from cablecell.core.insertion.profile import ConnectorProfile
from cablecell.core.insertion.retreat import Recover, Retreat
from cablecell.core.insertion.seat import Done, Hold, PullTest, Seat, Verify

_PHASES: dict[Phase, type[PhaseStep]] = {
    cls.phase: cls
    for cls in (Prepare, Approach, Contact, Search, Insert, Seat, Verify, PullTest, Hold, Retreat, Recover, Done)
}

_BEFORE_CONTACT = (Phase.PREPARE, Phase.APPROACH, Phase.CONTACT)
_AFTER_DECISION = (Phase.RETREAT, Phase.RECOVER, Phase.DONE)

_OVER_FORCE_SAMPLES = 3
"""Samples above the limit that count: one alone is noise."""

_CLEAR_OF_PORT_M = 2.0e-3
"""Distance in front of the believed entrance from which the plug counts as retreated."""

_SPEED_BLEND = 0.1
"""Share of a new sample in the filtered tip speed."""


class InsertionSkill:
    """One insertion from staging to a typed outcome; `step` once per control period.

    Everything is done relative to the estimates at the start of contact; before contact newer estimates are taken over.

    Attributes:
        phases: What is done in each phase; a procedure that is compared with this one puts its own in their place.
    """

    phases: ClassVar[Mapping[Phase, type[PhaseStep]]] = MappingProxyType(_PHASES)

    def __init__(self, profile: ConnectorProfile, settings: InsertionSettings) -> None:
        self._profile = profile
        self._settings = settings
        self._job: Job | None = None
        self._active: PhaseStep | None = None
        self._reason = "not started"
        self._port: PoseEstimate | None = None
        self._tip: PoseEstimate | None = None
        self._side = np.zeros(2)
        self._X_base_port, self._X_port_base = np.eye(4), np.eye(4)
        self._start_s = 0.0
        self._last_s = 0.0
        self._last_p = np.zeros(3)
        self._velocity = np.zeros(3)
        self._tare = Tare(least_samples=5, force_spread_n=2.0)
        self._bias = np.zeros(6)
        self._peak_n = 0.0
        self._over_samples = 0
        self._is_cancelled = False
        self._withdrawn = ""
        self._decided_in = Phase.IDLE
        self._decided_depth_m = 0.0
        self._decided_s = 0.0
        self.result: InsertionResult | None = None
        warm_up()

    @property
    def phase(self) -> Phase:
        """What the skill is doing."""
        return Phase.IDLE if self._active is None else self._active.phase

    @property
    def reason(self) -> str:
        """Why the phase was entered, in one sentence."""
        return self._reason

    @property
    def job(self) -> Job | None:
        """Memory of the insertion; None before the first step with an estimate."""
        return self._job

    def cancel(self) -> None:
        """Give up at the next step and retreat."""
        self._is_cancelled = True

    def keep_to(self, side: Array) -> None:
        """Press the plug to one side of its play once it is in: x and y of the port, each -1, 0 or 1, shape (2,).

        `tool_room.side_with_room` finds the side that leaves the fingers room. Before the first step.
        """
        self._side = side

    def withdraw(self, reason: str) -> None:
        """Say that the estimate is not believed any more: before contact the skill gives up, later it feels."""
        self._withdrawn = reason

    def step(self, observation: Observation) -> SkillStep:
        """Return the setpoint of this period.

        Raises:
            RuntimeError: The first observation has no port estimate: there is no frame to move in.
        """
        lost = self._take_estimates(observation)
        job, port, tip = self._job, self._port, self._tip
        if job is None or port is None or tip is None:
            raise RuntimeError("the first observation must hold an estimate of the port")
        m = self._measure(observation, port, tip)
        if self._active is None:
            self._start_s = observation.time_s
            self._enter(Phase.PREPARE, "started", m)
        assert self._active is not None
        if self._active.phase not in _AFTER_DECISION:
            interrupt = lost if lost is not None else self._guard(m)
            if interrupt is not None:
                self._decide(interrupt, m)
        if self._active.phase is Phase.PREPARE and m.speed < self._settings.settle_speed:
            self._tare.add(observation.wrench_tcp)
        setpoint, change = self._active.step(job, m)
        if isinstance(change, End):
            self._decide(change, m)
            setpoint, _ = self._active.step(job, m)
        elif isinstance(change, Go):
            self._hand_over(change, m)
        if self.phase is Phase.DONE and self.result is None:
            self.result = self._summarise(m)
        return self._output(setpoint, observation)

    # Estimates -----------------------------------------------------------------------------------------------

    def _take_estimates(self, observation: Observation) -> End | None:
        """Take over newer estimates before contact; return a decision when there is none to go on with."""
        if self.phase not in (Phase.IDLE, *_BEFORE_CONTACT):
            return None
        port = observation.X_base_port
        if port is not None:
            self._port = port
        if self._port is None:
            return None
        if self._tip is None or self.phase is Phase.PREPARE:
            self._tip = observation.X_tcp_tip
        if self._job is None or (port is not None and self.phase is not Phase.CONTACT):
            R_port_tip = (invert_pose(self._port.X) @ observation.X_base_tcp @ self._tip.X)[:3, :3]
            uncertainty = combine_uncertainty(self._port.covariance, self._tip.covariance, R_port_tip)
            plan = make_plan(self._profile, uncertainty, self._settings)
            if self._job is None:
                self._job = Job(self._profile, self._settings, plan, side=self._side)
            self._job.plan = plan
        age, age_limit = observation.time_s - self._port.stamp_s, self._settings.estimate_age_limit_s
        if age > age_limit:
            return End(Outcome.LOST_ESTIMATE, f"port estimate is {age:.2f} s old; the limit is {age_limit} s")
        sigma = math.sqrt(float(np.linalg.eigvalsh(self._port.covariance[:3, :3])[-1]))
        limit = self._settings.position_sigma_limit_m
        if sigma > limit:
            return End(
                Outcome.LOST_ESTIMATE,
                f"port estimate has a standard deviation of {1e3 * sigma:.2f} mm; the limit is {1e3 * limit:.2f} mm",
            )
        return None

    def _measure(self, observation: Observation, port: PoseEstimate, tip: PoseEstimate) -> Measurement:
        if port.X is not self._X_base_port:
            self._X_base_port, self._X_port_base = port.X, invert_pose(port.X)
        dt_s = observation.time_s - self._last_s if self._active is not None else 0.0
        self._last_s = observation.time_s
        p, R, speed, force, moment, force_n = see_tip(
            self._X_port_base,
            observation.X_base_tcp,
            tip.X,
            observation.wrench_tcp,
            self._bias,
            self._last_p,
            self._velocity,
            dt_s,
            _SPEED_BLEND,
        )
        if self.phase not in (Phase.IDLE, Phase.PREPARE):
            self._peak_n = max(self._peak_n, force_n)
        return Measurement(
            time_s=observation.time_s,
            dt_s=dt_s,
            p=p,
            rotvec=log_so3(R),
            speed=speed,
            force=force,
            moment=moment,
            give_m=-float(force[2]) / self._settings.grasp_stiffness,
        )

    # Decisions -----------------------------------------------------------------------------------------------

    def _guard(self, m: Measurement) -> End | None:
        job = self._job
        assert job is not None
        if self._is_cancelled:
            return End(Outcome.CANCELLED, f"cancelled in {self.phase.name}")
        if self._withdrawn and self.phase in _BEFORE_CONTACT:
            return End(Outcome.LOST_ESTIMATE, self._withdrawn)
        elapsed, limit_s = m.time_s - self._start_s, self._settings.time_limit_s
        if elapsed > limit_s:
            return End(Outcome.TIMED_OUT, f"{elapsed:.1f} s in {self.phase.name}; the limit is {limit_s} s")
        if self.phase is Phase.PREPARE:  # not tared yet
            return None
        force, limit_n = math.sqrt(float(m.force @ m.force)), job.plan.force_abort_n
        self._over_samples = self._over_samples + 1 if force > limit_n else 0
        if self._over_samples >= _OVER_FORCE_SAMPLES:
            return End(Outcome.OVER_FORCE, f"{force:.1f} N in {self.phase.name}; the limit is {limit_n} N")
        return None

    def _decide(self, end: End, m: Measurement) -> None:
        job = self._job
        assert job is not None
        job.decision = end
        self._decided_in, self._decided_depth_m, self._decided_s = self.phase, job.depth_m(m), m.time_s
        if end.outcome is Outcome.SEATED:
            phase = Phase.RETREAT if self._settings.release_when_seated else Phase.DONE
        elif job.is_left:
            phase = Phase.RETREAT
        else:
            phase = Phase.DONE if self._decided_in is Phase.PREPARE else Phase.RECOVER
        self._enter(phase, end.reason, m)

    def _hand_over(self, change: Go, m: Measurement) -> None:
        if self.phase is Phase.PREPARE:
            try:
                self._bias = self._tare.mean()
            except TareError as error:
                self._decide(End(Outcome.NOT_FREE, str(error)), m)
                return
        self._enter(change.phase, change.reason, m)

    def _enter(self, phase: Phase, reason: str, m: Measurement) -> None:
        assert self._job is not None
        self._active = self.phases[phase](self._job, m)
        self._reason = reason

    def _summarise(self, m: Measurement) -> InsertionResult:
        job = self._job
        assert job is not None
        assert job.decision is not None
        is_retreated = job.is_gripper_open or m.depth_m < job.profile.rim_m - _CLEAR_OF_PORT_M
        return InsertionResult(
            outcome=job.decision.outcome,
            reason=job.decision.reason,
            last_phase=self._decided_in,
            depth_m=self._decided_depth_m,
            peak_force_n=self._peak_n,
            duration_s=self._decided_s - self._start_s,
            is_latched=job.is_latched,
            is_retreated=is_retreated,
            searches=job.searches,
            stalls=job.total_stalls,
        )

    def _output(self, setpoint: Setpoint, observation: Observation) -> SkillStep:
        job, port, tip = self._job, self._port, self._tip
        assert job is not None
        assert port is not None
        assert tip is not None
        return SkillStep(
            command=setpoint.to_command(observation.time_s, port.X, tip.X, job.static_load),
            phase=self.phase,
            reason=self._reason,
            is_gripper_open=job.is_gripper_open,
            result=self.result,
        )
