"""What streamed commands make the arm follow: how often they come, where their targets are, the smooth reference."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from cablecell.core.config.control import ControlSettings
from cablecell.core.control.command import ComplianceCommand
from cablecell.core.control.interpolation import PoseInterpolator
from cablecell.core.control.joint_reference import JointReference
from cablecell.core.control.model import JointLimits
from cablecell.core.control.stream import StreamClock, StreamedPose
from cablecell.core.geometry import Array, rotate_six

_LEAD_LIMIT_S = 0.05
"""Longest time by which a target that says how it moves is thought ahead."""

_NEVER_SOFT = (0.0,) * 6


class StreamedReferences:
    """The references of one stream of poses, twists or joint targets.

    Attributes:
        clock: How often commands come.
        pose: Reference of the compliance frame.
        joints: Reference of the joints.
    """

    def __init__(self, settings: ControlSettings, limits: JointLimits) -> None:
        self._dt_s = 1.0 / settings.rate_hz
        self.clock = StreamClock(settings)
        self.pose = PoseInterpolator(settings)
        self.joints = JointReference(settings, limits)
        self._target = StreamedPose(settings)
        self._arrived_s, self._is_new = -math.inf, False

    def begin(self, X_base_comp: Array, q: Array) -> None:
        """Begin another stream, at rest at a pose and at joint positions."""
        self.clock.reset()
        self._arrived_s = -math.inf
        self.go_on(X_base_comp, np.zeros(6), q)

    def go_on(self, X_base_comp: Array, twist: Array, q: Array) -> None:
        """Go on with the stream from where the arm is, with the speed that it has."""
        self.pose.reset(X_base_comp, twist)
        self._target.reset(X_base_comp)
        self.joints.reset(q)

    def scale_speed(self, scale: float) -> None:
        """Follow with a share of the highest speeds from now on."""
        self.pose.speed_scale = scale
        self.joints.scale_speed(scale)

    def hear(self, arrived_s: float) -> None:
        """Note when the newest command arrived, s; called in every period."""
        self._is_new = arrived_s != self._arrived_s
        if self._is_new:
            self._arrived_s = arrived_s
            self.clock.arrived(arrived_s)

    def move_frame(self, X_old_new: Array) -> None:
        """Go on with another compliance frame of the tool."""
        self.pose.move_frame(X_old_new)
        self._target.reset(self._target.X @ X_old_new)

    def brake(self) -> Array:
        """Slow the pose down for one period; return the acceleration of it, in its own axes, shape (6,)."""
        self.pose.brake()
        self._target.reset(self.pose.X_base_ahead)
        return rotate_six(self.pose.X_base_reference[:3, :3].T, self.pose.acceleration)

    def follow_twist(self, setpoint: ComplianceCommand) -> None:
        """Move with the twist of a command that names no place."""
        X = setpoint.X_base_target
        self.pose.step(X, rotate_six(X[:3, :3], setpoint.twist))

    def follow_pose(self, setpoint: ComplianceCommand) -> None:
        """Move towards the newest target of a stream of poses."""
        X, twist = setpoint.X_base_target, setpoint.twist
        ticks = self.clock.walk_ticks
        is_moving = bool(twist.any())
        if is_moving:
            R = X[:3, :3]
            twist, acceleration = rotate_six(R, twist), rotate_six(R, setpoint.acceleration)
        if self._is_new:
            if is_moving:
                delay_s = min((ticks - 1) * self._dt_s, _LEAD_LIMIT_S)
                X = self.pose.ahead_of(X, twist, acceleration, delay_s)
            self._target.aim(X, ticks)
        self._target.step()
        if ticks > 1:
            twist = self._target.twist
        elif is_moving:
            twist = twist + acceleration * self.pose.lead_s
        self.pose.step(self._target.X, twist)

    def lead(self, setpoint: ComplianceCommand, soft: Sequence[float] = _NEVER_SOFT) -> Array:
        """Return the velocity reference of a set-point in target axes, shape (6,), m/s, rad/s.

        An axis without stiffness, or one that is soft, has no position reference to be fed forward: there the
        interpolated target may only follow the arm, and its velocity would cancel the damping that limits the speed
        of a force-controlled motion. It gets what the set-point says.

        Args:
            setpoint: Gains and velocity.
            soft: Stiffness up to which an axis is soft, six numbers, N/m, N*m/rad.
        """
        # Plain numbers: in every period, and numpy takes five times as long for six.
        vx, vy, vz, wx, wy, wz = self.pose.twist.tolist()
        (xx, yx, zx), (xy, yy, zy), (xz, yz, zz) = self.pose.X_base_reference[:3, :3].tolist()
        followed = (
            xx * vx + xy * vy + xz * vz,
            yx * vx + yy * vy + yz * vz,
            zx * vx + zy * vy + zz * vz,
            xx * wx + xy * wy + xz * wz,
            yx * wx + yy * wy + yz * wz,
            zx * wx + zy * wy + zz * wz,
        )
        stiffness, wanted = setpoint.stiffness.diagonal().tolist(), setpoint.twist.tolist()
        return np.array([f if k > s else w for f, k, s, w in zip(followed, stiffness, soft, wanted, strict=True)])

    def follow_joints(self, q_target: Array, *, is_rate: bool, is_held: bool) -> None:
        """Move towards the newest joint target; a target that moves by a rate is followed in every period."""
        if is_held:
            self.joints.brake()
            return
        if is_rate:
            self.joints.aim(q_target, 1)
        elif self._is_new:
            self.joints.aim(q_target, self.clock.walk_ticks)
        self.joints.step()
