"""Commands a controller executes, in core types; the ROS edge converts messages to and from these."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from cablecell.core.geometry import Array


@dataclass(frozen=True)
class ComplianceCommand:
    """One Cartesian compliance setpoint.

    The commanded wrench, robot on environment, at the origin of the compliance frame and in the axes of the target is
    `K e + (D + D_design) (v_ref - v) + feedforward`. `D_design` makes the stiff axes damped with `damping_ratio` for
    the inertia the arm has there; `damping` adds to it and is all there is on an axis without stiffness.

    Attributes:
        stamp_s: Time the command was made, s.
        X_base_target: Wanted pose of the compliance frame in `base_link`, shape (4, 4).
        X_tcp_comp: Pose of the compliance frame in `tcp`, shape (4, 4), normally the estimated plug tip.
        stiffness: Shape (6, 6), symmetric, positive semi-definite; N/m, N·m/rad.
        damping: Shape (6, 6) likewise; N·s/m, N·m·s/rad.
        damping_ratio: Of the designed damping; 0 switches the design off.
        feedforward: Wrench of the robot on the environment, shape (6,), N, N·m.
        twist: Velocity of the target, shape (6,), in target axes; m/s, rad/s.
        acceleration: Of the target, likewise; m/s², rad/s².
        feedback_gains: Shape (6,), in [0, 0.95]. Above 0 on an axis without stiffness, `feedforward` is a set-point
            there, and the measured wrench closes the loop.
    """

    stamp_s: float
    X_base_target: Array
    X_tcp_comp: Array
    stiffness: Array
    damping: Array = field(default_factory=lambda: np.zeros((6, 6)))
    damping_ratio: float = 1.0
    feedforward: Array = field(default_factory=lambda: np.zeros(6))
    twist: Array = field(default_factory=lambda: np.zeros(6))
    acceleration: Array = field(default_factory=lambda: np.zeros(6))
    feedback_gains: Array = field(default_factory=lambda: np.zeros(6))


class TrajectoryMode(IntEnum):
    """Numbers of aic_control_interfaces/TrajectoryGenerationMode."""

    UNSPECIFIED = 0
    VELOCITY = 1
    POSITION = 2


class TargetMode(IntEnum):
    """Numbers of aic_control_interfaces/TargetMode."""

    UNSPECIFIED = 0
    CARTESIAN = 1
    JOINT = 2


@dataclass(frozen=True)
class MotionUpdate:
    """Cartesian command with the fields of aic_control_interfaces/MotionUpdate.

    Attributes:
        stamp_s: Header stamp, s.
        frame_id: `base_link` or the tcp frame.
        position: Shape (3,), m; used in POSITION mode.
        quat_xyzw: Shape (4,); used in POSITION mode.
        velocity: Linear and angular, shape (6,), m/s, rad/s; used in VELOCITY mode.
        stiffness: 36 numbers, row-major, in `base_link` axes.
        damping: 36 numbers likewise.
        feedforward_at_tip: Wrench on the environment in tcp axes, shape (6,), N, N·m.
        feedback_gains_at_tip: Shape (6,), in [0, 0.95].
        mode: A number of `TrajectoryMode`.
    """

    stamp_s: float
    frame_id: str
    position: Array
    quat_xyzw: Array
    velocity: Array
    stiffness: Array
    damping: Array
    feedforward_at_tip: Array
    feedback_gains_at_tip: Array
    mode: int


@dataclass(frozen=True)
class JointMotionUpdate:
    """Joint command with the fields of aic_control_interfaces/JointMotionUpdate.

    Attributes:
        stamp_s: Time of arrival, s: the message has no header.
        positions: Shape (n,), rad; used in POSITION mode.
        velocities: Shape (n,), rad/s; used in VELOCITY mode.
        stiffness: One per joint, N·m/rad.
        damping: One per joint, N·m·s/rad.
        feedforward_torque: Shape (n,) or empty, N·m.
        mode: A number of `TrajectoryMode`.
    """

    stamp_s: float
    positions: Array
    velocities: Array
    stiffness: Array
    damping: Array
    feedforward_torque: Array
    mode: int
