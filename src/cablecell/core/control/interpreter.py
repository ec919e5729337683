"""Meaning of the AIC motion commands: validation, frames, position and velocity modes.

The semantics are those of the published cable-insertion controller (a tcp-frame pose is an offset from the tcp at
acceptance, a twist integrates the reference, stiffness acts in base axes), with what it leaves out: every command is
checked as a whole before anything changes. Interpolation and time-outs follow in `ArmController`.
"""

from __future__ import annotations

import math

import numpy as np

from cablecell.core.config.control import ControlSettings
from cablecell.core.control import validation as check
from cablecell.core.control.command import (
    ComplianceCommand,
    JointMotionUpdate,
    MotionUpdate,
    TargetMode,
    TrajectoryMode,
)
from cablecell.core.control.errors import CommandModeError, UnknownFrameError
from cablecell.core.geometry import Array, make_pose, rotate_six, rotation_from_quat

_NO_OFFSET = np.eye(4)


def _in_axes(R: Array, matrix: Array) -> Array:
    """Return a 6x6 gain matrix given in base axes expressed in the axes R."""
    out = np.empty((6, 6))
    for i in (0, 3):
        for j in (0, 3):
            out[i : i + 3, j : j + 3] = R.T @ matrix[i : i + 3, j : j + 3] @ R
    return out


class CommandInterpreter:
    """Holds the last accepted command of each kind and turns it into setpoints.

    Attributes:
        target_mode: Which kind of command is executed.
        accepted_at_s: Clock at the last acceptance, s; -inf before the first.
    """

    def __init__(
        self,
        settings: ControlSettings,
        *,
        base_frame: str = "base_link",
        tcp_frames: tuple[str, ...] = ("tcp", "gripper/tcp"),
        joints: int = 6,
    ) -> None:
        self._settings = settings
        self._base_frame = base_frame
        self._tcp_frames = tcp_frames
        self._joints = joints
        self.target_mode = TargetMode.CARTESIAN
        self.clear()

    def clear(self) -> None:
        """Forget all commands; the target mode stays."""
        self.accepted_at_s = -math.inf
        self._newest_s = -math.inf
        self._motion: MotionUpdate | None = None
        self._joint: JointMotionUpdate | None = None
        self._X_base_target = np.eye(4)
        self._q_target = np.zeros(self._joints)

    @property
    def has_command(self) -> bool:
        """True when a command of the active target mode was accepted."""
        return (self._motion if self.target_mode is TargetMode.CARTESIAN else self._joint) is not None

    @property
    def is_rate(self) -> bool:
        """True when a Cartesian command asks for a velocity, and so for no place."""
        return self._motion is not None and self._motion.mode == TrajectoryMode.VELOCITY

    def change_target_mode(self, mode: int) -> None:
        """Switch between Cartesian and joint commands; a pending command of the other mode is dropped.

        Raises:
            CommandModeError: The number is not a target mode (code 307); nothing was changed.
        """
        if mode not in (TargetMode.CARTESIAN, TargetMode.JOINT):
            raise CommandModeError(
                f"target_mode = {mode} is not a mode; valid are 1 (CARTESIAN), 2 (JOINT)",
                quantity="target_mode",
                value=mode,
                limit="1 (CARTESIAN), 2 (JOINT)",
            )
        if mode != self.target_mode:
            self.target_mode = TargetMode(mode)
            self.clear()

    def accept_motion(self, update: MotionUpdate, now_s: float, X_base_tcp: Array) -> None:
        """Check a Cartesian command and make it the target.

        Args:
            update: The command.
            now_s: Controller clock, s.
            X_base_tcp: Measured tcp, anchor of poses in the tcp frame.

        Raises:
            ExecutionError: One of the codes 301 to 308; nothing was changed.
        """
        self._require_target(TargetMode.CARTESIAN)
        mode = check.require_mode(update.mode)
        if update.frame_id not in (self._base_frame, *self._tcp_frames):
            valid = ", ".join((self._base_frame, *self._tcp_frames))
            raise UnknownFrameError(
                f"frame_id '{update.frame_id}' is not a command frame; valid are {valid}",
                quantity="frame_id",
                value=update.frame_id,
                limit=valid,
            )
        for name, values, size, limit, unit in (
            ("pose.position", update.position, 3, self._settings.workspace_reach_m, "m"),
            ("pose.orientation", update.quat_xyzw, 4, 1.0e6, ""),
            ("velocity", update.velocity, 6, check.RATE_LIMIT, "m/s and rad/s"),
            ("target_stiffness", update.stiffness, 36, check.STIFFNESS_LIMIT, "N/m and N*m/rad"),
            ("target_damping", update.damping, 36, check.DAMPING_LIMIT, "N*s/m and N*m*s/rad"),
            ("feedforward_wrench_at_tip", update.feedforward_at_tip, 6, check.WRENCH_LIMIT, "N and N*m"),
            ("wrench_feedback_gains_at_tip", update.feedback_gains_at_tip, 6, 1.0e6, ""),
        ):
            check.require_size(name, values, size)
            check.require_moderate(name, values, limit, unit)
        if mode is TrajectoryMode.POSITION:
            check.require_unit_quaternion("pose.orientation", update.quat_xyzw)
        check.require_gain_matrix("target_stiffness", np.asarray(update.stiffness).reshape(6, 6))
        check.require_gain_matrix("target_damping", np.asarray(update.damping).reshape(6, 6))
        check.require_feedback_gains("wrench_feedback_gains_at_tip", update.feedback_gains_at_tip)
        check.require_fresh(update.stamp_s, now_s, self._newest_s, self._settings)

        is_other = update.stamp_s > self._newest_s or self._motion is None  # the same stamp again is the same command
        if mode is TrajectoryMode.POSITION and is_other:
            X = make_pose(rotation_from_quat(update.quat_xyzw / np.linalg.norm(update.quat_xyzw)), update.position)
            self._X_base_target = X if update.frame_id == self._base_frame else X_base_tcp @ X
        self._motion = update
        self._newest_s = update.stamp_s
        self.accepted_at_s = now_s

    def accept_joint(self, update: JointMotionUpdate, now_s: float, q_reference: Array) -> None:
        """Check a joint command and make it the target; `q_reference` is where velocity mode starts.

        Raises:
            ExecutionError: One of the codes 301 to 308; nothing was changed.
        """
        self._require_target(TargetMode.JOINT)
        mode = check.require_mode(update.mode)
        n = self._joints
        position_mode = mode is TrajectoryMode.POSITION
        check.require_size("target_stiffness", update.stiffness, n)
        check.require_size("target_damping", update.damping, n)
        check.require_size("positions" if position_mode else "velocities", self._wanted(update, mode), n)
        if update.feedforward_torque.size:
            check.require_size("target_feedforward_torque", update.feedforward_torque, n)
        wanted = "positions" if position_mode else "velocities"
        for name, values, limit, unit in (
            ("target_stiffness", update.stiffness, check.STIFFNESS_LIMIT, "N*m/rad"),
            ("target_damping", update.damping, check.DAMPING_LIMIT, "N*m*s/rad"),
            (wanted, self._wanted(update, mode), check.ANGLE_LIMIT_RAD, "rad" if position_mode else "rad/s"),
            ("target_feedforward_torque", update.feedforward_torque, check.WRENCH_LIMIT, "N*m"),
        ):
            check.require_moderate(name, values, limit, unit)
        check.require_joint_gains("target_stiffness", update.stiffness, "N*m/rad")
        check.require_joint_gains("target_damping", update.damping, "N*m*s/rad")
        check.require_fresh(update.stamp_s, now_s, self._newest_s, self._settings)

        if position_mode:
            self._q_target = update.positions.copy()
        elif self._joint is None or self._joint.mode != TrajectoryMode.VELOCITY:
            self._q_target = q_reference.copy()
        self._joint = update
        self._newest_s = update.stamp_s
        self.accepted_at_s = now_s

    def cartesian_setpoint(self, X_base_tcp: Array, X_base_reference: Array, *, is_held: bool) -> ComplianceCommand:
        """Return the setpoint of this tick.

        Args:
            X_base_tcp: Measured tcp, in whose axes wrenches are meant.
            X_base_reference: Where the reference of the tcp is: velocity mode moves it from there.
            is_held: Whether the stream is stale: nothing moves any more.

        Raises:
            CommandModeError: There is no Cartesian command (code 307).
        """
        update = self._motion
        if update is None:
            raise CommandModeError("there is no Cartesian command", quantity="motion_update", value="none", limit="one")
        R_tcp = X_base_tcp[:3, :3]
        twist_base = np.zeros(6)
        if self.is_rate:
            self._X_base_target = X_base_reference
            if not is_held:
                twist_base = self._limited_twist(update, R_tcp)
                self._stay_in_reach(twist_base, X_base_reference[:3, 3])
        R_target = self._X_base_target[:3, :3]
        feedforward = rotate_six(R_target.T @ R_tcp, update.feedforward_at_tip)
        return ComplianceCommand(
            stamp_s=update.stamp_s,
            X_base_target=self._X_base_target,
            X_tcp_comp=_NO_OFFSET,
            stiffness=_in_axes(R_target, np.asarray(update.stiffness).reshape(6, 6)),
            damping=_in_axes(R_target, np.asarray(update.damping).reshape(6, 6)),
            damping_ratio=0.0,
            feedforward=feedforward,
            twist=rotate_six(R_target.T, twist_base),
            feedback_gains=update.feedback_gains_at_tip,
        )

    def joint_setpoint(self, dt_s: float, *, is_held: bool) -> tuple[Array, Array, JointMotionUpdate]:
        """Return target positions and velocities, shape (n,), of this tick, and the gains that go with them.

        Raises:
            CommandModeError: There is no joint command (code 307).
        """
        update = self._joint
        if update is None:
            raise CommandModeError("there is no joint command", quantity="joint_update", value="none", limit="one")
        velocities = np.zeros(self._joints)
        if update.mode == TrajectoryMode.VELOCITY and not is_held:
            velocities = update.velocities
            self._q_target = self._q_target + velocities * dt_s
        return self._q_target, velocities, update

    def _wanted(self, update: JointMotionUpdate, mode: TrajectoryMode) -> Array:
        return update.positions if mode is TrajectoryMode.POSITION else update.velocities

    def _limited_twist(self, update: MotionUpdate, R_tcp: Array) -> Array:
        """Return the twist in base axes, linear and angular part each scaled as a whole to its speed limit."""
        twist = update.velocity if update.frame_id == self._base_frame else rotate_six(R_tcp, update.velocity)
        twist = np.array(twist, dtype=float)
        for part, limit in ((slice(0, 3), self._settings.linear_speed), (slice(3, 6), self._settings.angular_speed)):
            norm = float(np.linalg.norm(twist[part]))
            if norm > limit:
                twist[part] *= limit / norm
        return twist

    def _stay_in_reach(self, twist: Array, p: Array) -> None:
        """Take from a twist in base axes what would carry the tool at `p` out of the workspace: it brakes before."""
        distance = float(np.linalg.norm(p))
        outward = float(twist[:3] @ p) / max(distance, 1e-9)
        room = max(self._settings.workspace_reach_m - distance, 0.0)
        fastest = math.sqrt(room * self._settings.linear_acceleration)  # with half of what it may brake with
        if outward > fastest:
            twist[:3] -= (outward - fastest) / max(distance, 1e-9) * p

    def _require_target(self, mode: TargetMode) -> None:
        if self.target_mode is not mode:
            raise CommandModeError(
                f"a {mode.name} command came while the target mode is {self.target_mode.name}; change the mode first",
                quantity="target_mode",
                value=self.target_mode.name,
                limit=mode.name,
            )
