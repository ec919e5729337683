"""One insertion in one process, as fast as the CPU allows: simulated machine, controller and skill, without middleware.

What the skill knows comes from an error model: the true pose of the port disturbed by a seeded draw from a stated
covariance, and the nominal grasp with the tolerance of the gripper. Truth decides only what is written into the result.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cablecell.composition.robot_description import load_robot_description
from cablecell.composition.simulated_cell import load_scene
from cablecell.core.config.connector import Connector
from cablecell.core.config.control import ControlSettings
from cablecell.core.config.insertion import InsertionSettings
from cablecell.core.config.simulation import SimulationSettings
from cablecell.core.config.trial import Trial
from cablecell.core.control.arm_controller import ArmController
from cablecell.core.control.command import ComplianceCommand
from cablecell.core.control.frames import (
    inverse,
    rotation_from_quat_xyzw,
    rotation_from_rotvec,
    rotvec_from_rotation,
    transform,
)
from cablecell.core.control.robot_arm import RobotArm
from cablecell.core.fusion.wrench import Payload, WrenchCompensator
from cablecell.core.insertion.observation import Observation, PoseEstimate
from cablecell.core.insertion.outcome import InsertionResult, Outcome, Phase
from cablecell.core.insertion.profile import profile_from_connector
from cablecell.core.insertion.skill import InsertionSkill
from cablecell.core.insertion.staging import staging_pose
from cablecell.core.motion.model import RobotModel
from cablecell.ports import CommandMode
from cablecell.simulation.machine import SimulatedMachine
from cablecell.simulation.rigid import Pose

Array = NDArray[np.float64]

TOOL_PAYLOAD = Payload(1.0, np.array([0.0, 0.0, 0.0658]))
"""Gripper behind the sensor as the description of the arm has it: mass, kg, and centre in `ft_frame`, m."""

P_TCP_FT = (0.0, 0.0, -0.172)
"""Origin of `ft_frame` in `tcp`, m; their axes agree."""

WRENCH_CUTOFF_HZ = 60.0
"""Low-pass of the contact wrench."""


@dataclass(frozen=True)
class EstimateErrors:
    """Error model of what the skill is told.

    Attributes:
        port_sigma_m: Standard deviation of the port's position, each axis, m.
        port_sigma_rad: Likewise of its orientation, rad.
        grasp: "nominal": the skill knows the trial's nominal grasp and the gripper's tolerance; "measured": the true
            grasp disturbed by the two following numbers, as an in-hand camera would give it.
        grasp_sigma_m: Standard deviation of a measured grasp, each axis, m.
        grasp_sigma_rad: Likewise, rad.
    """

    port_sigma_m: float = 0.001
    port_sigma_rad: float = 0.0087
    grasp: Literal["nominal", "measured"] = "nominal"
    grasp_sigma_m: float = 0.0005
    grasp_sigma_rad: float = 0.01


@dataclass
class Trace:
    """What was recorded in every control period.

    Attributes:
        time_s: Clock, s.
        p_base_tcp: Measured tcp, shape (3,) each, m.
        v_base_tcp: Its velocity, shape (3,) each, m/s.
        force: Sensor force minus the reading at the start, shape (3,) each, N.
        depth_m: Tip below the believed entrance, m.
        phase: Phase of the skill.
    """

    time_s: list[float] = field(default_factory=list)
    p_base_tcp: list[Array] = field(default_factory=list)
    v_base_tcp: list[Array] = field(default_factory=list)
    force: list[Array] = field(default_factory=list)
    depth_m: list[float] = field(default_factory=list)
    phase: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class RolloutResult:
    """One rollout: what the skill says, what is true, and what it cost.

    Attributes:
        skill: Result of the skill.
        is_seated: True when the plug has been at the bottom of the right port for the dwell.
        inserted: Port in which the plug was seated, or None.
        depth_m: True depth below the entrance at the end, m.
        lateral_m: True distance from the port's axis at the end, m.
        cycle_s: From home to the skill's result, s.
        peak_force_n: Largest sensor force minus its reading at the start, N.
        over_20n_s: Longest time without interruption above 20 N, s.
        start_distance_m: True distance from plug tip to port frame at the start, m.
        end_distance_m: Likewise at the end, m.
        offlimit_contacts: Forbidden contacts.
        port_error_m: Error of the estimate that was drawn, at the entrance, shape (3,) in port axes.
        tip_error_m: Lateral error of the believed tip, m.
        wall_s: Time the rollout took, s.
        simulated_s: Simulated time, s.
        trace: Recorded periods.
    """

    skill: InsertionResult
    is_seated: bool
    inserted: str | None
    depth_m: float
    lateral_m: float
    cycle_s: float
    peak_force_n: float
    over_20n_s: float
    start_distance_m: float
    end_distance_m: float
    offlimit_contacts: int
    port_error_m: Array
    tip_error_m: float
    wall_s: float
    simulated_s: float
    trace: Trace


def pose_matrix(pose: Pose) -> Array:
    """Return a pose of the simulation as a 4x4 matrix."""
    return transform(rotation_from_quat_xyzw(pose.q), pose.p)


@lru_cache(maxsize=1)
def _robot() -> RobotModel:
    return RobotModel(load_robot_description(with_enclosure=False))


class Rollout:
    """One trial, from home to the result of the skill."""

    def __init__(
        self,
        trial: Trial,
        connectors: Mapping[str, Connector],
        *,
        seed: int,
        simulation: SimulationSettings | None = None,
        control: ControlSettings | None = None,
        insertion: InsertionSettings | None = None,
        errors: EstimateErrors | None = None,
    ) -> None:
        self._settings = simulation if simulation is not None else SimulationSettings()
        self._control = control if control is not None else ControlSettings()
        self._insertion = insertion if insertion is not None else InsertionSettings()
        self._errors = errors if errors is not None else EstimateErrors()
        self._dt_s = 1.0 / self._control.rate_hz
        self._rng = np.random.default_rng([seed, 20_000])
        scene = load_scene(trial, connectors)
        self.machine = SimulatedMachine(scene, self._settings, seed=seed)
        self.machine.connect()
        rotors = np.array(self._settings.arm.rotor_inertia_kg_m2)
        self._arm = RobotArm(_robot(), rotor_inertia=rotors)
        self._X_base_world = inverse(_robot().X_world_base)
        self.controller = ArmController(self._arm, self._control, command_mode=CommandMode.EFFORT)
        self._target = scene.ports[scene.target]
        self.skill = InsertionSkill(profile_from_connector(self._target.connector), self._insertion)
        self._compensator = self._make_compensator()
        self.trace = Trace()
        self._first_force: Array | None = None
        self.port_error_m = np.zeros(3)
        self._port, self._tip = self._draw_estimates()

    def close(self) -> None:
        """Free the simulation."""
        self.machine.disconnect()

    def run(self) -> RolloutResult:
        """Move from home to staging, insert, and compare with the truth."""
        started = time.perf_counter()
        start_distance = self._tip_distance()
        tip_error = self._lateral_tip_error()
        self._move_to_staging()
        result = self._insert()
        where = self.machine.truth.plug_in_port()
        peak, over = self._forces()
        return RolloutResult(
            skill=result,
            is_seated=self.machine.truth.is_seated,
            inserted=self.machine.truth.inserted,
            depth_m=where.depth_m,
            lateral_m=math.hypot(*where.lateral_m),
            cycle_s=self.machine.clock.now_s(),
            peak_force_n=peak,
            over_20n_s=over,
            start_distance_m=start_distance,
            end_distance_m=self._tip_distance(),
            offlimit_contacts=len(self.machine.truth.contacts),
            port_error_m=self.port_error_m,
            tip_error_m=tip_error,
            wall_s=time.perf_counter() - started,
            simulated_s=self.machine.clock.now_s(),
            trace=self.trace,
        )

    # Estimates -----------------------------------------------------------------------------------------------

    def _draw_estimates(self) -> tuple[PoseEstimate, PoseEstimate]:
        errors, rng = self._errors, self._rng
        X_base_port = self._X_base_world @ pose_matrix(self._target.X_WE)
        self.port_error_m = rng.normal(size=3) * errors.port_sigma_m
        X_base_port = X_base_port @ transform(
            rotation_from_rotvec(rng.normal(size=3) * errors.port_sigma_rad), self.port_error_m
        )
        port = PoseEstimate(0.0, X_base_port, _covariance(errors.port_sigma_m, errors.port_sigma_rad))
        if errors.grasp == "nominal":
            grasp = self._settings.grasp
            X_tcp_tip = pose_matrix(self.machine.world.X_tcp_tip_nominal)
            # The tolerance of the gripper bounds each axis: the standard deviation of a uniform error.
            covariance = _covariance(grasp.error_m / math.sqrt(3.0), grasp.error_rad / math.sqrt(3.0))
            return port, PoseEstimate(0.0, X_tcp_tip, covariance)
        X_tcp_tip = pose_matrix(self.machine.truth.tip_in_tcp()) @ transform(
            rotation_from_rotvec(rng.normal(size=3) * errors.grasp_sigma_rad), rng.normal(size=3) * errors.grasp_sigma_m
        )
        return port, PoseEstimate(0.0, X_tcp_tip, _covariance(errors.grasp_sigma_m, errors.grasp_sigma_rad))

    def _make_compensator(self) -> WrenchCompensator:
        plug_mass = self._target.connector.plug.mass_kg
        tip = pose_matrix(self.machine.world.X_tcp_tip_nominal)
        plug_in_ft = (tip @ np.array([*self._target.connector.plug.com_m, 1.0]))[:3] - np.array(P_TCP_FT)
        mass = TOOL_PAYLOAD.mass_kg + plug_mass
        centre = (TOOL_PAYLOAD.mass_kg * TOOL_PAYLOAD.centre + plug_mass * plug_in_ft) / mass
        return WrenchCompensator(
            transform(np.eye(3), P_TCP_FT),
            cutoff_hz=WRENCH_CUTOFF_HZ,
            rate_hz=self._control.rate_hz,
            payload=Payload(mass, centre),
        )

    # Motion --------------------------------------------------------------------------------------------------

    def _move_to_staging(self) -> None:
        """Move on a straight line with minimum jerk to where the skill takes over."""
        profile = profile_from_connector(self._target.connector)
        X_goal = staging_pose(self._port, self._tip, profile, self._insertion.contact_margin_m)
        X_start = self._arm.dynamics(self.machine.arm.read().q).X_base_tcp
        delta = X_goal[:3, 3] - X_start[:3, 3]
        turn = rotvec_from_rotation(X_goal[:3, :3] @ X_start[:3, :3].T)
        distance, angle = float(np.linalg.norm(delta)), float(np.linalg.norm(turn))
        duration = max(1.875 * distance / 0.24, math.sqrt(5.774 * distance / 1.5), 1.875 * angle / 1.2, 0.1)
        stiffness = np.diag([4000.0] * 3 + [150.0] * 3)
        steps = math.ceil(duration / self._dt_s)
        for k in range(1, steps + 1):
            s = k / steps
            blend, rate = s**3 * (10.0 + s * (-15.0 + 6.0 * s)), 30.0 * s * s * (1.0 - s) ** 2 / duration
            X = transform(rotation_from_rotvec(turn * blend) @ X_start[:3, :3], X_start[:3, 3] + delta * blend)
            twist = np.concatenate((X[:3, :3].T @ delta * rate, X[:3, :3].T @ turn * rate))
            bend = 60.0 * s * (1.0 - s) * (1.0 - 2.0 * s) / duration**2
            acceleration = np.concatenate((X[:3, :3].T @ delta * bend, X[:3, :3].T @ turn * bend))
            now = self.machine.clock.now_s()
            command = ComplianceCommand(now, X, np.eye(4), stiffness, twist=twist, acceleration=acceleration)
            self.controller.command_compliance(command, now)
            self._cycle(Phase.IDLE)

    def _insert(self) -> InsertionResult:
        X_tcp_tip = self._tip.X
        while True:
            now = self.machine.clock.now_s()
            state = self.machine.arm.read()
            X_base_tcp = self._arm.dynamics(state.q).X_base_tcp
            wrench = self._compensator.compensate(self.machine.wrench_sensor.read(), X_base_tcp[:3, :3])
            out = self.skill.step(Observation(now, X_base_tcp, wrench, self._port, self._tip))
            if out.result is not None:
                return out.result
            if out.is_gripper_open:
                self.machine.gripper.command(0.05, 10.0)
            self.controller.command_compliance(out.command, now)
            self._cycle(out.phase, float((inverse(self._port.X) @ X_base_tcp @ X_tcp_tip)[2, 3]))

    def _cycle(self, phase: Phase, depth_m: float = math.nan) -> None:
        """Run the controller and the machine for one period and record it."""
        state = self.machine.arm.read()
        now = self.machine.clock.now_s()
        self.machine.arm.command(self.controller.tick(state, None, now))
        report, sample = self.controller.report, self.machine.wrench_sensor.read()
        if self._first_force is None:
            self._first_force = sample.force.copy()
        trace = self.trace
        trace.time_s.append(now)
        trace.p_base_tcp.append(report.X_base_tcp[:3, 3].copy())
        trace.v_base_tcp.append(report.V_base_tcp[:3].copy())
        trace.force.append(report.X_base_tcp[:3, :3] @ sample.force)
        trace.depth_m.append(depth_m)
        trace.phase.append(int(phase))
        self.machine.cycle(self._dt_s)

    # Truth ---------------------------------------------------------------------------------------------------

    def _tip_distance(self) -> float:
        tip, port = self.machine.truth.tip(), self.machine.truth.target()
        return math.dist(tip.p, port.p)

    def _lateral_tip_error(self) -> float:
        true = pose_matrix(self.machine.truth.tip_in_tcp())
        return float(np.linalg.norm((inverse(self._tip.X) @ true)[:2, 3]))

    def _forces(self) -> tuple[float, float]:
        """Return peak and longest uninterrupted time above 20 N of the tared force, N and s."""
        force = np.array(self.trace.force)
        # The reading at the start, carried along in base axes, is the published scoring's tare.
        norm = np.linalg.norm(force - force[0], axis=1)
        longest = run = 0
        for is_over in norm > 20.0:
            run = run + 1 if is_over else 0
            longest = max(longest, run)
        return float(norm.max()), longest * self._dt_s


def _covariance(sigma_m: float, sigma_rad: float) -> Array:
    return np.diag([sigma_m**2] * 3 + [sigma_rad**2] * 3)


def is_false_success(result: RolloutResult) -> bool:
    """Return whether the skill reports a seat that the truth denies."""
    return result.skill.outcome is Outcome.SEATED and not result.is_seated
