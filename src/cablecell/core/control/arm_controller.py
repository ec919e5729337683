"""The arm controller as one step function: modes, interpolation, laws, limits and watchdog in one place.

`tick` maps a measured state to a joint command. It holds no clock and no hardware: a ROS node and a rollout run the
same object. A torque-controlled arm gets the Cartesian impedance, any other arm the admittance with joint positions.
"""

from __future__ import annotations

import math

import numpy as np

from cablecell.core.config.control import ControlSettings
from cablecell.core.control import validation as check
from cablecell.core.control.admittance import ContactLoop
from cablecell.core.control.collision import MomentumObserver, judge_wrench
from cablecell.core.control.command import (
    ComplianceCommand,
    JointMotionUpdate,
    MotionUpdate,
    TargetMode,
    TrajectoryMode,
)
from cablecell.core.control.errors import (
    CollisionError,
    CommandTimeoutError,
    ContactForceError,
    ExecutionError,
    SensorFaultError,
)
from cablecell.core.control.force_loop import prepare_force_axes
from cablecell.core.control.impedance import tool_wrench
from cablecell.core.control.interpreter import CommandInterpreter
from cablecell.core.control.model import ArmDynamics, ArmModel
from cablecell.core.control.modes import ControllerMode, ControllerReport
from cablecell.core.control.position_drive import PositionDrive
from cablecell.core.control.references import StreamedReferences
from cablecell.core.control.standstill import Standstill, is_slow
from cablecell.core.control.torque_drive import TorqueDrive
from cablecell.core.control.trajectory import (
    JointTrajectory,
    Reference,
    Tolerances,
    TrajectoryFollower,
    validate_trajectory,
)
from cablecell.core.errors import WorkcellError
from cablecell.core.fusion.wrench_health import WrenchHealthError
from cablecell.core.geometry import Array, invert_pose
from cablecell.ports import ArmState, CommandMode, JointCommand

_SINGULAR = 1e-4 * np.eye(6)
"""Keeps a force from joint torques finite where the arm can hardly feel in some direction."""

_STREAMED = (ControllerMode.COMPLIANCE, ControllerMode.MOTION_UPDATE, ControllerMode.JOINT_UPDATE)
"""Modes in which a source has to go on sending."""

_SENSOR_FAULTS = (SensorFaultError, WrenchHealthError)
"""Faults after which what the force sensor says is not used."""

_FELT_FAULTS = (CollisionError, ContactForceError, *_SENSOR_FAULTS)
"""Faults after which the arm does not go on pressing: on what stopped it, or as it felt."""


class ArmController:
    """Controller of one arm; `tick` once per control period."""

    def __init__(
        self, model: ArmModel, settings: ControlSettings, *, command_mode: CommandMode, loop: ContactLoop | None = None
    ) -> None:
        self._model = model
        self._settings = settings
        self._dt_s = 1.0 / settings.rate_hz
        self._limits = model.joint_limits
        joints = self._limits.lower.size
        self.interpreter = CommandInterpreter(settings, joints=joints)
        self._references = StreamedReferences(settings, model.joint_limits)
        self._observer = MomentumObserver(settings, self._limits.effort)
        self._is_dead = False
        self._standstill = Standstill(settings, joints)
        self._torques = TorqueDrive(settings, self._limits)
        self._command_mode = command_mode
        if command_mode is CommandMode.POSITION and loop is None:
            raise ValueError("a position-controlled arm needs its ContactLoop: delay, lag and contact stiffness")
        is_told_positions = command_mode is not CommandMode.EFFORT
        self._drive = PositionDrive(model, settings, loop) if is_told_positions and loop is not None else None
        self._speed_scale = 1.0
        self._mode = ControllerMode.HOLD
        self._q_hold: Array | None = None
        self._follower: TrajectoryFollower | None = None
        self._compliance: ComplianceCommand | None = None
        self._compliance_at_s = -math.inf
        self._X_tcp_comp, self._X_comp_tcp = np.eye(4), np.eye(4)
        self._fault: WorkcellError | None = None
        self._dynamics: ArmDynamics | None = None
        self._report: ControllerReport | None = None

    @property
    def report(self) -> ControllerReport:
        """State after the last tick.

        Raises:
            RuntimeError: There was no tick yet.
        """
        if self._report is None:
            raise RuntimeError("the controller has not ticked yet")
        return self._report

    @property
    def disagreement(self) -> Array | None:
        """What pushes the arm beyond what the force sensor feels, at the tcp in base axes, shape (6,), N and N·m.

        None for an arm that is not told torques: nothing else says what pushes it. Near a singular pose it is too
        small.
        """
        if self._drive is not None or self._dynamics is None:
            return None
        J = self._dynamics.J_base_tcp
        return np.asarray(np.linalg.solve(J @ J.T + _SINGULAR, J @ self._observer.unexplained))

    @property
    def follower(self) -> TrajectoryFollower | None:
        """The last trajectory that was started; None before the first."""
        return self._follower

    # Commands ------------------------------------------------------------------------------------------------

    def hold(self) -> None:
        """Stay where the arm is; drops commands, trajectories and faults."""
        self._mode = ControllerMode.HOLD
        self._fault = None
        self._drop_commands()

    def take_up(self) -> None:
        """Hold where the next tick measures the arm, as after a time without ticks; a stop stays one."""
        if self._mode is not ControllerMode.STOPPED:
            self.hold()
        self._drop_commands()
        self._observer.reset()
        self._standstill.forget()
        if self._drive is not None:
            self._drive.forget()

    def stop(self, fault: WorkcellError | None = None) -> None:
        """Come to rest and accept nothing until `hold` clears the stop."""
        if self._mode is not ControllerMode.STOPPED:
            self._mode = ControllerMode.STOPPED
            self._fault = fault
            self._drop_commands()

    def start_trajectory(self, trajectory: JointTrajectory, tolerances: Tolerances, q: Array) -> TrajectoryFollower:
        """Start to follow a joint trajectory from measured positions `q`.

        Raises:
            TrajectoryRejectedError: The trajectory cannot be followed (code 309); nothing was changed.
            ExecutionError: The controller is stopped by a fault, which is raised again.
        """
        self._require_running()
        validate_trajectory(trajectory, self._limits, q)
        self._drop_commands()
        self._standstill.end()
        stop_time_s = self._settings.trajectory_stop_time_s
        self._follower = TrajectoryFollower(trajectory, tolerances, stop_time_s, self._speed_scale)
        self._mode = ControllerMode.TRAJECTORY
        return self._follower

    @property
    def speed_scale(self) -> float:
        """Share of the speeds of trajectories, and of the highest speeds of streamed motion, that is used."""
        return self._speed_scale

    def scale_speed(self, scale: float) -> None:
        """Move with a share of the speed from now on, the motion that is under way included; its path stays.

        Raises:
            CommandRangeError: The share is not in [0.01, 1] (code 321); nothing was changed.
        """
        check.require_speed_scale(scale)
        self._speed_scale = scale
        self._references.scale_speed(scale)
        if self._follower is not None:
            self._follower.speed_scale = scale

    def _drop_commands(self) -> None:
        """Forget whatever was commanded; nothing of it may come back later."""
        self._q_hold = None
        self._compliance = None
        self.interpreter.clear()
        if self._follower is not None:
            self._follower.cancel()
        if self._drive is not None:
            self._drive.release()

    def command_motion(self, update: MotionUpdate, now_s: float) -> None:
        """Make a Cartesian motion update the target.

        Raises:
            ExecutionError: One of the codes 301 to 308, or the controller is stopped; nothing was changed.
        """
        self._require_running()
        self.interpreter.accept_motion(update, now_s, self.report.X_base_tcp)
        self._compliance = None

    def command_joints(self, update: JointMotionUpdate, now_s: float, q: Array) -> None:
        """Make a joint motion update the target, from measured positions `q`.

        Raises:
            ExecutionError: One of the codes 301 to 308, or the controller is stopped; nothing was changed.
        """
        self._require_running()
        self.interpreter.accept_joint(update, now_s, q)
        self._compliance = None

    def change_target_mode(self, mode: int) -> None:
        """Switch between Cartesian and joint updates; a pending update of the other mode is dropped and the arm holds.

        Raises:
            CommandModeError: The number is not a target mode (code 307); nothing was changed.
        """
        before = self.interpreter.target_mode
        self.interpreter.change_target_mode(mode)
        if self.interpreter.target_mode is not before and self._mode is not ControllerMode.STOPPED:
            self.hold()

    def command_compliance(self, command: ComplianceCommand, now_s: float) -> None:
        """Make a compliance setpoint the target.

        Raises:
            ExecutionError: NaN, stale or future stamp, a force set-point on a stiff axis, numbers out of range (codes
                301, 303 to 305, 321), or the controller is stopped; nothing was changed.
        """
        self._require_running()
        newest = self._compliance.stamp_s if self._compliance is not None else -math.inf
        check.require_compliance(command, now_s, newest, self._settings)
        self._compliance = prepare_force_axes(command, self._settings)
        self._compliance_at_s = now_s

    # Tick ----------------------------------------------------------------------------------------------------

    def tick(self, state: ArmState, wrench_tcp: Array | None, now_s: float) -> JointCommand:
        """Return the joint command of this period.

        Args:
            state: Measured state of the arm.
            wrench_tcp: Environment on tool at the tcp in tcp axes, bias and payload removed, shape (6,); None when
                there is no sensor (no force watchdog, no wrench feedback).
            now_s: Clock, s.
        """
        q, dq = state.q, state.dq
        dynamics = self._model.dynamics(q)
        self._watch(state, dynamics, wrench_tcp)
        self._dynamics = dynamics
        if isinstance(self._fault, _SENSOR_FAULTS):
            wrench_tcp = None
        is_held = self._select(dynamics, q, now_s)
        if self._command_mode is CommandMode.EFFORT:
            command, reference, is_limited = self._torque_tick(dynamics, q, dq, wrench_tcp, is_held)
        else:
            command, reference, is_limited = self._position_tick(dynamics, q, dq, wrench_tcp, is_held)
        self._report = ControllerReport(
            mode=self._mode,
            X_base_tcp=dynamics.X_base_tcp,
            V_base_tcp=dynamics.J_base_tcp @ dq,
            X_base_reference=reference,
            is_held=is_held,
            is_limited=is_limited,
            fault=self._fault,
        )
        return command

    def _watch(self, state: ArmState, dynamics: ArmDynamics, wrench_tcp: Array | None) -> None:
        if state.is_protective_stopped:
            self.stop(ExecutionError("the machine is in protective stop", quantity="protective_stop", value="on"))
        felt = None if wrench_tcp is None else judge_wrench(wrench_tcp, self._settings.contact_force_limit_n)
        if felt is not None:
            self.stop(felt)
        if isinstance(felt, SensorFaultError):
            return
        if self._drive is None and wrench_tcp is None:
            self._observer.reset()  # the work of the tool cannot be told from a hit
        elif self._drive is None:
            self._observer.observe(dynamics, self._model.coupling(state.q, state.dq), state.dq, wrench_tcp)
            hit = self._observer.hit()
            if hit is not None:
                self.stop(hit)

    def _select(self, dynamics: ArmDynamics, q: Array, now_s: float) -> bool:
        """Choose the mode of this tick from what was commanded; return True when the stream is stale."""
        if self._mode is ControllerMode.STOPPED:
            return False
        settings = self._settings
        wanted, arrived_s = self._mode, now_s
        if self._compliance is not None:
            wanted, arrived_s = ControllerMode.COMPLIANCE, self._compliance_at_s
        elif self.interpreter.has_command:
            is_cartesian = self.interpreter.target_mode is TargetMode.CARTESIAN
            wanted = ControllerMode.MOTION_UPDATE if is_cartesian else ControllerMode.JOINT_UPDATE
            arrived_s = self.interpreter.accepted_at_s
        age = now_s - arrived_s
        if wanted is not self._mode:
            self._enter(wanted, dynamics, q)
        clock = self._references.clock
        if wanted in _STREAMED:
            self._references.hear(arrived_s)
        if age > settings.command_stop_after_s:
            self.stop(
                CommandTimeoutError(
                    f"no fresh command for {age:.3f} s; the limit is {settings.command_stop_after_s} s",
                    quantity="command_age",
                    value=age,
                    limit=settings.command_stop_after_s,
                    unit="s",
                )
            )
            return False
        self._is_dead = age > clock.brake_after_s
        return age > clock.hold_after_s

    def _enter(self, mode: ControllerMode, dynamics: ArmDynamics, q: Array) -> None:
        if self._mode is ControllerMode.TRAJECTORY and self._follower is not None:
            self._follower.cancel()
        self._mode = mode
        self._standstill.end()
        self._X_tcp_comp, self._X_comp_tcp = np.eye(4), np.eye(4)
        self._torques.reset()
        self._torques.stand(q)
        X_begin = dynamics.X_base_tcp if self._drive is None else self._drive.enter(dynamics)
        self._references.begin(X_begin, q if self._drive is None else self._drive.told(q))

    def _setpoint(self, dynamics: ArmDynamics, wrench_tcp: Array | None, is_held: bool) -> ComplianceCommand:
        """Return the Cartesian setpoint of this tick and move the interpolated reference towards it."""
        references = self._references
        if self._mode is ControllerMode.COMPLIANCE:
            assert self._compliance is not None
            setpoint = self._compliance
        else:
            X = references.pose.X_base_ahead
            setpoint = self.interpreter.cartesian_setpoint(dynamics.X_base_tcp, X, is_held=is_held)
        # A stream mostly repeats the same array: comparing numbers would cost more than all the rest here.
        is_same = setpoint.X_tcp_comp is self._X_tcp_comp
        if not is_same and not np.array_equal(setpoint.X_tcp_comp, self._X_tcp_comp):
            X_old_new = invert_pose(self._X_tcp_comp) @ setpoint.X_tcp_comp
            references.move_frame(X_old_new)
            if self._drive is not None:
                self._drive.law.use_frame(setpoint.X_tcp_comp)
            self._X_tcp_comp, self._X_comp_tcp = setpoint.X_tcp_comp, invert_pose(setpoint.X_tcp_comp)
        if is_held:
            braking = references.brake()
            R_target_tcp = references.pose.X_base_reference[:3, :3].T @ dynamics.X_base_tcp[:3, :3]
            felt = None if wrench_tcp is None else tool_wrench(wrench_tcp, setpoint.X_tcp_comp, R_target_tcp)
            return self._standstill.soften(setpoint, felt, braking)
        self._standstill.source_is_there()
        if self._mode is ControllerMode.MOTION_UPDATE and self.interpreter.is_rate:
            references.follow_twist(setpoint)
        else:
            references.follow_pose(setpoint)
        return setpoint

    def _joint_target(self, *, is_held: bool) -> JointMotionUpdate:
        """Move the joint reference towards the target of a stream of joint positions or rates; return the gains."""
        q_target, _, update = self.interpreter.joint_setpoint(self._dt_s, is_held=is_held)
        is_rate = update.mode == TrajectoryMode.VELOCITY
        self._references.follow_joints(q_target, is_rate=is_rate, is_held=is_held)
        return update

    def _torque_tick(
        self, dynamics: ArmDynamics, q: Array, dq: Array, wrench_tcp: Array | None, is_held: bool
    ) -> tuple[JointCommand, Array, bool]:
        torques, reference, is_limited = self._torques, dynamics.X_base_tcp, False
        standstill = self._standstill
        if standstill.is_braking and not is_held and self._mode in _STREAMED:
            self._go_on(dynamics, q, dq)
        J = dynamics.J_base_tcp
        stop = standstill.slow_down(q, dq, J, wrench_tcp, is_dead=self._is_dead) if is_held else None
        if stop is not None:
            tau = torques.track(dynamics, q, dq, stop)
        elif self._mode in (ControllerMode.COMPLIANCE, ControllerMode.MOTION_UPDATE):
            setpoint = self._setpoint(dynamics, wrench_tcp, is_held)
            X_reference = self._references.pose.X_base_reference
            twist = self._references.lead(setpoint)
            is_set_point = self._mode is ControllerMode.COMPLIANCE
            tau, is_limited = torques.comply(
                dynamics, q, dq, setpoint, X_reference, twist, wrench_tcp, is_set_point=is_set_point
            )
            reference = X_reference @ self._X_comp_tcp
        elif self._mode is ControllerMode.JOINT_UPDATE:
            update = self._joint_target(is_held=is_held)
            tau = torques.update_joints(dynamics, q, dq, self._references.joints, update, is_held=is_held)
        else:
            if self._q_hold is None and self._mode is not ControllerMode.TRAJECTORY:
                is_felt = self._mode is ControllerMode.STOPPED and isinstance(self._fault, _FELT_FAULTS)
                standstill.drop() if is_felt else standstill.carry(dq, J)
            tau = torques.track(dynamics, q, dq, self._joint_reference(q))
        tau = torques.bound(q, dq, standstill.loaded(tau))
        standstill.note(tau)
        self._observer.command(tau)
        return JointCommand(CommandMode.EFFORT, tau), reference, is_limited

    def _go_on(self, dynamics: ArmDynamics, q: Array, dq: Array) -> None:
        """Take up a stream that has come back, from where the arm has got to and with the speed that it has."""
        self._standstill.end()
        X_base_comp = dynamics.X_base_tcp @ self._X_tcp_comp
        twist = dynamics.J_base_tcp @ dq
        twist[:3] += np.cross(twist[3:], X_base_comp[:3, 3] - dynamics.X_base_tcp[:3, 3])
        self._references.go_on(X_base_comp, twist, q)
        self._torques.reset()

    def _position_tick(
        self, dynamics: ArmDynamics, q: Array, dq: Array, wrench_tcp: Array | None, is_held: bool
    ) -> tuple[JointCommand, Array, bool]:
        drive = self._drive
        assert drive is not None
        drive.begin(q, dq)
        stray = drive.stray(q)
        if stray is not None:
            # In motion it does not follow; at rest somebody moved it, and it stays where it was moved to. A stream that
            # has ended asks for rest as well.
            if is_held:
                self.hold()
            elif self._mode not in (ControllerMode.HOLD, ControllerMode.STOPPED):
                self.stop(stray)
            # Not while it moves: what is streamed would jump by the whole limit. Until then the stream brakes.
            if is_slow(dq):
                drive.restart(q)
                self._q_hold = None
        reference = dynamics.X_base_tcp
        is_pressing = self._mode is ControllerMode.STOPPED and isinstance(self._fault, ContactForceError)
        if self._mode in (ControllerMode.COMPLIANCE, ControllerMode.MOTION_UPDATE):
            setpoint = self._setpoint(dynamics, wrench_tcp, is_held)
            X_reference = self._references.pose.X_base_reference
            twist = self._references.lead(setpoint, drive.law.soft)
            wanted = drive.move(setpoint, X_reference, twist, dynamics, wrench_tcp)
            reference = X_reference @ self._X_comp_tcp
        elif self._mode is ControllerMode.JOINT_UPDATE:
            self._joint_target(is_held=is_held)
            wanted = self._references.joints.q
        elif is_pressing and wrench_tcp is not None:
            wanted = self._q_hold = drive.give_way(dynamics, wrench_tcp)
        else:
            wanted = self._joint_reference(q).q
        return JointCommand(CommandMode.POSITION, drive.stream.step(wanted)), reference, False

    def _joint_reference(self, q: Array) -> Reference:
        if self._mode is ControllerMode.TRAJECTORY and self._follower is not None:
            reference = self._follower.step(q, self._dt_s)
            if self._drive is None:
                reference = self._follower.present
            if self._follower.state.is_final:
                self._mode = ControllerMode.HOLD
                self._q_hold = reference.q
                if self._follower.fault is not None:
                    self._fault = self._follower.fault
            return reference
        if self._q_hold is None:
            self._q_hold = q.copy() if self._drive is None else self._drive.rest(q)
        zero = np.zeros_like(q)
        return Reference(self._q_hold, zero, zero)

    def _require_running(self) -> None:
        if self._mode is ControllerMode.STOPPED:
            if self._fault is not None:
                raise self._fault
            raise ExecutionError(
                "the controller is stopped; hold it before new commands", quantity="mode", value="stopped"
            )
