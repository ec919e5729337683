"""One insertion in one process, as fast as the CPU allows: simulated machine, controller and skill, without middleware.

What the skill knows comes from an error model: the true pose of the port disturbed by a seeded draw from a stated
covariance, and the nominal grasp with the tolerance of the gripper. Truth decides only what is written into the result.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from cablecell.composition.robot_description import load_robot_description, load_task_board_description
from cablecell.composition.simulated_backend import payload_with_plug
from cablecell.composition.simulated_cell import load_scene, slot_arguments
from cablecell.core.config.connector import Connector
from cablecell.core.config.control import ControlSettings
from cablecell.core.config.insertion import InsertionSettings
from cablecell.core.config.scenario import BenchFixture, EstimateErrors, Scenario, Strategy
from cablecell.core.config.simulation import SimulationSettings
from cablecell.core.config.trial import HomeJoints, Trial
from cablecell.core.control.arm_controller import ArmController
from cablecell.core.control.command import ComplianceCommand
from cablecell.core.control.robot_arm import RobotArm
from cablecell.core.control.trajectory import JointTrajectory, Tolerances
from cablecell.core.errors import WorkcellError
from cablecell.core.fusion.wrench import WrenchCompensator
from cablecell.core.geometry import invert_pose
from cablecell.core.insertion.observation import Observation
from cablecell.core.insertion.outcome import InsertionResult, Outcome, Phase
from cablecell.core.insertion.profile import ConnectorProfile, profile_from_connector
from cablecell.core.insertion.staging import CORNER_M, poses_above, staging_pose
from cablecell.core.insertion.tool_room import finger_bodies, side_with_room
from cablecell.core.motion.collision import RobotGeometry
from cablecell.core.motion.model import RobotModel
from cablecell.core.motion.moves import MovePlanner
from cablecell.core.motion.scene import Scene as PlanningScene
from cablecell.core.motion.sequence import ToolGoal
from cablecell.core.motion.timing import LineLimits
from cablecell.core.motion.trajectory import MotionLimits, Trajectory
from cablecell.evaluation.believed import believed_scene, draw_estimates, pose_matrix
from cablecell.evaluation.comparators.strategies import EXACT, make_strategy
from cablecell.evaluation.contact_work import ContactWork
from cablecell.evaluation.draw import draw_run
from cablecell.evaluation.rollout_result import RolloutResult, Trace
from cablecell.evaluation.scoring import mean_jerk, score_trial, time_over_force
from cablecell.evaluation.trial_recorder import TrialRecorder
from cablecell.ports import CommandMode
from cablecell.simulation.machine import SavedMachine, SimulatedMachine
from cablecell.simulation.scene import Scene

Array = NDArray[np.float64]

MARGIN_M = 0.003
"""Distance to obstacles that planned moves keep, m."""

LINE = LineLimits(velocity=0.3, acceleration=1.5, jerk=20.0)
"""Limits of the straight line to staging: smoothness is scored by jerk, duration only above 5 s."""

OPEN_WIDTH_M = 0.05
"""Width of the open gripper, m."""

GRIP_FORCE_N = 10.0
"""Force with which the fingers open, N."""

WRENCH_CUTOFF_HZ = 60.0
"""Low-pass of the contact wrench."""


@lru_cache(maxsize=1)
def robot_model() -> RobotModel:
    """Return the arm as the cell believes it to be, made once in a process."""
    return RobotModel(load_robot_description())


@lru_cache(maxsize=1)
def _moves() -> MovePlanner:
    limits = MotionLimits.uniform(6, velocity=2.0, acceleration=8.0, jerk=80.0)
    return MovePlanner(robot_model(), limits, geometry=RobotGeometry(robot_model()))


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
        fixture: BenchFixture | None = None,
        home: HomeJoints | None = None,
        strategy: Strategy = "hybrid",
    ) -> None:
        self._settings = simulation if simulation is not None else SimulationSettings()
        self._control = control if control is not None else ControlSettings()
        self._insertion = insertion if insertion is not None else InsertionSettings()
        self._errors = errors if errors is not None else EstimateErrors()
        self._is_oracle = strategy == "oracle"
        if self._is_oracle:
            self._errors = EXACT
        self._dt_s = 1.0 / self._control.rate_hz
        self._rng = np.random.default_rng([seed, 20_000])
        self._board = trial.scene.task_board
        scene = self._make_scene(trial, connectors, fixture)
        self._fixture = fixture
        self.machine = SimulatedMachine(scene, self._settings, seed=seed, home=home)
        self.machine.connect()
        rotors = np.array(self._settings.arm.rotor_inertia_kg_m2)
        self._arm = RobotArm(robot_model(), rotor_inertia=rotors)
        self.controller = ArmController(self._arm, self._control, command_mode=CommandMode.EFFORT)
        self._target = scene.ports[scene.target]
        self._profile = profile_from_connector(self._target.connector)
        self.skill = make_strategy(strategy, self._profile, self._insertion)
        self._compensator = self._make_compensator()
        self._recorder = TrialRecorder(self.machine)
        self.trace = Trace()
        self._work = ContactWork()
        self._staged_s = 0.0
        self._estimate()
        self._is_moving = self._is_staged = False

    @property
    def profile(self) -> ConnectorProfile:
        """What is known of the connector."""
        return self._profile

    @property
    def insertion_settings(self) -> InsertionSettings:
        """Settings of the skill."""
        return self._insertion

    @classmethod
    def of_scenario(cls, scenario: Scenario, seed: int) -> Self:
        """Return the run of one seed of a scenario, ready to run."""
        draw = draw_run(scenario, seed)
        return cls(
            draw.trial,
            scenario.connectors,
            seed=seed,
            simulation=draw.simulation,
            control=scenario.control,
            insertion=scenario.insertion,
            errors=scenario.estimates,
            fixture=draw.fixture,
            home=scenario.home,
            strategy=scenario.strategy,
        )

    def close(self) -> None:
        """Free the simulation."""
        self.machine.disconnect()

    def run(self, watch: Callable[[Rollout], None] | None = None) -> RolloutResult:
        """Move from home to staging, insert, and compare with the truth.

        Args:
            watch: Called after every period; None for nobody.
        """
        started = time.perf_counter()
        tip_error = (invert_pose(self._tip.X) @ pose_matrix(self.machine.truth.tip_in_tcp()))[:3, 3]
        while (result := self.step()) is None:
            if watch is not None:
                watch(self)
        truth, end_s = self.machine.truth, self.machine.clock.now_s()
        record = self._recorder.finish(end_s if result.outcome is Outcome.SEATED else None)
        where = truth.plug_in_port()
        is_staged = record.velocity_t_s >= self._staged_s
        return RolloutResult(
            skill=result,
            score=score_trial(record),
            is_seated=truth.is_seated,
            target=record.target,
            inserted=truth.inserted,
            depth_m=where.depth_m,
            lateral_m=math.hypot(*where.lateral_m),
            cycle_s=end_s - record.start_s,
            peak_force_n=float(np.linalg.norm(record.force, axis=1).max()),
            over_20n_s=time_over_force(record.force_t_s, record.force),
            offlimit_contacts=tuple(f"{contact.link} on {contact.part}" for contact in truth.contacts),
            cable_faults=tuple(sorted(fault.value for fault in truth.cable_faults)),
            port_error_m=self.port_error_m,
            tip_error_m=tip_error,
            work_j=self._work.total_j,
            jerk_m_per_s3=mean_jerk(record.velocity_t_s[is_staged], record.velocity[is_staged]) or 0.0,
            wall_s=time.perf_counter() - started,
            trace=self.trace,
        )

    # State ---------------------------------------------------------------------------------------------------

    def save(self) -> SavedMachine:
        """Return the complete state: the machine's, the controller's, the skill's, the sensors', every estimate."""
        return self.machine.save(*self._others())

    def restore(self, saved: SavedMachine) -> None:
        """Put a state back that this run, or another of the same scenario and seed, was in.

        Raises:
            StateError: It is of a run with another scene, other settings or another seed; nothing was changed.
        """
        self.machine.restore(saved, *self._others())

    def state_hash(self) -> str:
        """Return a hash of everything that decides how the run goes on."""
        return self.machine.state_hash(*self._others())

    def _others(self) -> tuple[dict[str, object], dict[str, object]]:
        """Return what has state beside the machine, and what that refers to and never changes."""
        robot = robot_model()
        anchors: dict[str, object] = {
            "rollout": self,
            "controller": self.controller,
            "skill": self.skill,
            "compensator": self._compensator,
            "recorder": self._recorder,
        }
        # The model of the arm only remembers its last answer.
        shared: dict[str, object] = {"arm_model": self._arm, "robot_model": robot}
        return anchors, {**shared, "pin_model": robot.pin_model, "pin_data": robot.pin_data}

    def _make_scene(self, trial: Trial, connectors: Mapping[str, Connector], fixture: BenchFixture | None) -> Scene:
        """Return what is simulated; a run that needs more in it adds that here."""
        return load_scene(trial, connectors, fixture)

    # Estimates -----------------------------------------------------------------------------------------------

    def _estimate(self) -> None:
        """Draw what is believed of port and tip."""
        self._port, self._tip, self.port_error_m = draw_estimates(
            self.machine, robot_model(), self._errors, self._settings.grasp, self._rng
        )
        self._X_port_base = invert_pose(self._port.X)

    def _make_compensator(self) -> WrenchCompensator:
        X_tcp_ft = robot_model().relative_pose("tcp", "ft_frame")
        return WrenchCompensator(
            X_tcp_ft,
            cutoff_hz=WRENCH_CUTOFF_HZ,
            rate_hz=self._control.rate_hz,
            payload=payload_with_plug(self._target.connector, self.machine.world.X_tcp_tip_nominal, X_tcp_ft),
        )

    # Motion --------------------------------------------------------------------------------------------------

    def staging(self) -> Array:
        """Return the pose of the tcp from which the skill starts, shape (4, 4), from what is believed."""
        return staging_pose(self._port, self._tip, self._profile, self._insertion.contact_margin_m)

    def believed_scene(self) -> PlanningScene:
        """Return the board where it is believed to be, and the plug as it is believed to be held."""
        X_world_board = pose_matrix(self.machine.world.scene.board)
        X_port_board = invert_pose(pose_matrix(self._target.X_WE)) @ X_world_board
        return believed_scene(
            load_task_board_description(**slot_arguments(self._board)),
            self._port.X @ X_port_board,
            self._target.connector,
            self._port,
            self._tip,
            self._fixture,
        )

    def step(self) -> InsertionResult | None:
        """Go on by one control period; return the skill's result when there is one.

        Raises:
            WorkcellError: Staging cannot be reached, or the arm did not follow its trajectory.
        """
        if self._is_staged:
            return self._insert_step()
        if not self._is_moving:
            self._start(self._plan_staging())
            self._is_moving = True
        if self._has_arrived():
            self.skill.keep_to(self._side())
            self._prepare_insertion()
            self._staged_s = self.machine.clock.now_s()
            self._is_staged = True
            if self._is_oracle:
                # The truth as the arm finds it here: on the way its own lasting error has changed.
                self._estimate()
        return None

    def move_to_staging(self) -> None:
        """Go on until the skill takes over."""
        while not self._is_staged:
            self.step()

    def _side(self) -> Array:
        """Return the side of its play on which the plug leaves the fingers room, from what is believed."""
        tool = finger_bodies(robot_model(), self._target.connector.grasp.width_m)
        obstacles = self.believed_scene().obstacles
        return side_with_room(tool, obstacles, self._port.X, self._tip.X, self._profile)

    def _plan_staging(self) -> Trajectory:
        return self._plan_to(self.staging())

    def _plan_to(self, goal: Array) -> Trajectory:
        """Plan a straight line to a pose of the tcp; where it is not free over the port, and else around obstacles."""
        q, scene = self.machine.arm.read().q, self.believed_scene()
        with contextlib.suppress(WorkcellError):
            return _moves().move_linear(q, goal, LINE, scene, MARGIN_M)
        for over in poses_above(goal, self._port.X[:3, 2]):
            with contextlib.suppress(WorkcellError):
                way = [ToolGoal(over, blend_radius_m=CORNER_M), ToolGoal(goal)]
                return _moves().move_sequence(q, way, LINE, scene, MARGIN_M)
        return _moves().move_to_pose(q, goal, scene, MARGIN_M)

    def _start(self, planned: Trajectory) -> None:
        times, positions, velocities, accelerations = planned.sample_every(0.01)
        trajectory = JointTrajectory(times, positions, velocities, accelerations)
        self.controller.start_trajectory(trajectory, Tolerances(path=0.05, goal=0.01), self.machine.arm.read().q)

    def _has_arrived(self) -> bool:
        """Go on by one control period of a motion; return whether it is done."""
        follower = self.controller.follower
        assert follower is not None
        self._cycle()
        if follower.state.is_final and follower.fault is not None:
            raise follower.fault
        return follower.state.is_final

    def _prepare_insertion(self) -> None:
        """Do what has to be done at staging before the skill takes over: nothing for an arm that is told torques."""

    def _insert_step(self) -> InsertionResult | None:
        seen = self.observe()
        out = self.skill.step(seen)
        self.trace.time_s.append(seen.time_s)
        self.trace.phase.append(int(out.phase))
        self.trace.depth_m.append(float(self._X_port_base[2] @ (seen.X_base_tcp @ self._tip.X[:, 3])))
        self.trace.force.append(seen.wrench_tcp[:3])
        if out.phase is Phase.PREPARE:
            self._work.tare(seen.wrench_tcp[:3])
        else:
            self._work.add(seen.time_s, seen.X_base_tcp @ self._tip.X, seen.wrench_tcp[:3], seen.X_base_tcp[:3, :3])
        if out.is_gripper_open:
            self.machine.gripper.command(OPEN_WIDTH_M, GRIP_FORCE_N)
        # The last command counts, too: it is what the arm follows until its stream is known to have ended.
        self.act(out.command)
        return out.result

    def observe(self) -> Observation:
        """Return what a procedure sees in this period; reading filters the wrench, so once a period."""
        X_base_tcp = self._arm.dynamics(self.machine.arm.read().q).X_base_tcp
        wrench = self._compensator.compensate(self.machine.wrench_sensor.read(), X_base_tcp[:3, :3])
        return Observation(self.machine.clock.now_s(), X_base_tcp, wrench, self._port, self._tip)

    def act(self, command: ComplianceCommand) -> None:
        """Command the arm and go on by one control period."""
        self.controller.command_compliance(command, self.machine.clock.now_s())
        self._cycle()

    def _cycle(self) -> None:
        """Run the controller and the machine for one period and record it."""
        now = self.machine.clock.now_s()
        self.machine.arm.command(self.controller.tick(self.machine.arm.read(), None, now))
        self.machine.cycle(self._dt_s)
        self._recorder.sample()
