"""Kinematics and dynamics of the arm, computed by pinocchio from URDF text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pinocchio as pin  # type: ignore[import-untyped]
from numpy.typing import ArrayLike, NDArray

from cablecell.core.motion.errors import JointLimitError, RobotModelError, UnknownFrameError

Array = NDArray[np.float64]

ARM_JOINT_NAMES = (
    "shoulder_pan_joint",
    "shoulder_lift_joint",
    "elbow_joint",
    "wrist_1_joint",
    "wrist_2_joint",
    "wrist_3_joint",
)
"""The joints of the arm, in the order of every joint vector."""

LIMIT_TOLERANCE_RAD = 1e-9
"""A joint may exceed its limit by this much: rounding of an inverse solution is no violation."""


@dataclass(frozen=True)
class JointLimits:
    """What the description allows each joint, shape (n,) each.

    Attributes:
        lower: Smallest position, rad.
        upper: Largest position, rad.
        velocity: Largest speed, rad/s.
        effort: Largest torque, N·m.
    """

    lower: Array
    upper: Array
    velocity: Array
    effort: Array


class RobotModel:
    """The arm of a description: all joints but those of the arm are locked.

    Poses are relative to `base_link`. The object holds working memory: one per thread.

    Attributes:
        joint_names: Names in the order of all joint vectors.
        limits: Limits of these joints.
        pin_model: The pinocchio model, for what this class does not offer.
        pin_data: Its working memory.
        pin_collision: Its collision geometry; `CollisionChecker` works on copies.
    """

    def __init__(
        self,
        urdf: str,
        *,
        joint_names: tuple[str, ...] = ARM_JOINT_NAMES,
        base_frame: str = "base_link",
        finger_position_m: float = 0.0073,
    ) -> None:
        """Read a description.

        Args:
            urdf: URDF text.
            joint_names: The joints that move.
            base_frame: Frame all poses are relative to; it must not move.
            finger_position_m: Position at which prismatic joints are locked, m: half the width of the gripper. The
                default is that of a held SFP plug.

        Raises:
            RobotModelError: The text is no URDF, or a joint is missing.
            UnknownFrameError: There is no such base frame.
        """
        try:
            full = pin.buildModelFromXML(urdf)
            geometry = pin.buildGeomFromUrdfString(full, urdf, pin.GeometryType.COLLISION)
        except (ValueError, RuntimeError) as error:
            raise RobotModelError(f"the description is not a URDF: {error}", quantity="urdf") from error
        names = list(full.names)
        for name in joint_names:
            if name not in names:
                raise RobotModelError(
                    f"the description has no joint '{name}'; it has {', '.join(names[1:])}",
                    quantity="joint",
                    value=name,
                    limit=", ".join(names[1:]),
                )
        reference = pin.neutral(full)
        locked = [j for j in range(1, full.njoints) if names[j] not in joint_names]
        for joint in locked:
            if full.joints[joint].shortname().startswith("JointModelP"):
                reference[full.joints[joint].idx_q] = finger_position_m
        self.pin_model: Any
        self.pin_collision: Any
        self.pin_model, self.pin_collision = pin.buildReducedModel(full, geometry, locked, reference)
        self.pin_data: Any = self.pin_model.createData()
        found = tuple(self.pin_model.names)[1:]
        if found != joint_names:
            raise RobotModelError(
                f"the joints of the description are in the order {', '.join(found)}; expected {', '.join(joint_names)}",
                quantity="joints",
                value=found,
                limit=joint_names,
            )
        self.joint_names = joint_names
        model = self.pin_model
        self.limits = JointLimits(
            lower=np.array(model.lowerPositionLimit),
            upper=np.array(model.upperPositionLimit),
            velocity=np.array(model.velocityLimit),
            effort=np.array(model.effortLimit),
        )
        self._frames = {frame.name: model.getFrameId(frame.name) for frame in model.frames}
        pin.framesForwardKinematics(model, self.pin_data, pin.neutral(model))
        self._X_base_world = self.pin_data.oMf[self.frame_id(base_frame)].inverse()
        self._R_base_world = np.array(self._X_base_world.rotation)
        self.X_world_base: Array = np.array(self._X_base_world.inverse().homogeneous)

    @property
    def dof(self) -> int:
        """Number of joints."""
        return len(self.joint_names)

    @property
    def frame_names(self) -> tuple[str, ...]:
        """Names that `fk` and `jacobian` accept."""
        return tuple(self._frames)

    def frame_id(self, frame: str) -> int:
        """Return pinocchio's number of a frame.

        Raises:
            UnknownFrameError: There is no frame of this name.
        """
        try:
            return int(self._frames[frame])
        except KeyError:
            valid = ", ".join(sorted(self._frames))
            raise UnknownFrameError(
                f"the robot model has no frame '{frame}'; valid are {valid}",
                quantity="frame",
                value=frame,
                limit=valid,
            ) from None

    def joint_vector(self, q: ArrayLike) -> Array:
        """Return joint values as a float array of the right length.

        Raises:
            ValueError: The length is wrong.
            JointLimitError: A value is not finite.
        """
        vector = np.array(q, dtype=float)
        if vector.shape != (self.dof,):
            raise ValueError(f"joint vector has shape {vector.shape}; expected ({self.dof},)")
        if not np.all(np.isfinite(vector)):
            name = self.joint_names[int(np.flatnonzero(~np.isfinite(vector))[0])]
            raise JointLimitError(
                f"{name} is not a finite number", quantity=name, value=vector, limit="finite", unit="rad"
            )
        return vector

    def check_joint_limits(self, q: ArrayLike) -> Array:
        """Return the joint vector if it is within the position limits.

        Raises:
            JointLimitError: A joint is outside; the message names the first.
        """
        vector = self.joint_vector(q)
        lower, upper = self.limits.lower - LIMIT_TOLERANCE_RAD, self.limits.upper + LIMIT_TOLERANCE_RAD
        outside = np.flatnonzero((vector < lower) | (vector > upper))
        if outside.size:
            i = int(outside[0])
            span = f"{self.limits.lower[i]:.4f}..{self.limits.upper[i]:.4f}"
            raise JointLimitError(
                f"{self.joint_names[i]} is {vector[i]:.4f} rad; the limits are {span} rad",
                quantity=self.joint_names[i],
                value=float(vector[i]),
                limit=span,
                unit="rad",
            )
        return vector

    def fk(self, q: ArrayLike, frame: str = "tcp") -> Array:
        """Return the pose of a frame in `base_link`, shape (4, 4)."""
        index = self.frame_id(frame)
        pin.forwardKinematics(self.pin_model, self.pin_data, np.asarray(q, dtype=float))
        placement = pin.updateFramePlacement(self.pin_model, self.pin_data, index)
        return np.array((self._X_base_world * placement).homogeneous)

    def tip_error(self, q: Array, frame: str, X_base_goal: Any) -> Array:
        """Return the body twist (v, ω), shape (6,), m and rad, that moves a frame onto a goal in one unit of time.

        Args:
            q: Joint positions, rad.
            frame: Frame to be moved.
            X_base_goal: Its goal in `base_link` as a `pinocchio.SE3`, which the inner loop of IK builds once.
        """
        pin.forwardKinematics(self.pin_model, self.pin_data, q)
        placement = pin.updateFramePlacement(self.pin_model, self.pin_data, self._frames[frame])
        return np.array(pin.log6((self._X_base_world * placement).actInv(X_base_goal)).vector)

    def body_jacobian(self, q: Array, frame: str) -> Array:
        """Return J, shape (6, n), for the twist of a frame in its own axes."""
        index = self._frames[frame]
        return np.array(pin.computeFrameJacobian(self.pin_model, self.pin_data, q, index, pin.ReferenceFrame.LOCAL))

    def relative_pose(self, frame_a: str, frame_b: str) -> Array:
        """Return the pose of B in A with all joints at zero: constant if both are on the same body."""
        zero = np.zeros(self.dof)
        X_base_a, X_base_b = pin.SE3(self.fk(zero, frame_a)), pin.SE3(self.fk(zero, frame_b))
        return np.array((X_base_a.inverse() * X_base_b).homogeneous)

    def jacobian(self, q: ArrayLike, frame: str = "tcp") -> Array:
        """Return J, shape (6, n): the twist (v, ω) of a frame's origin in the axes of `base_link` is J dq."""
        J = pin.computeFrameJacobian(
            self.pin_model,
            self.pin_data,
            np.asarray(q, dtype=float),
            self.frame_id(frame),
            pin.ReferenceFrame.LOCAL_WORLD_ALIGNED,
        )
        return np.vstack([self._R_base_world @ J[:3], self._R_base_world @ J[3:]])

    def drift_acceleration(self, q: ArrayLike, dq: ArrayLike, frame: str = "tcp") -> Array:
        """Return dJ/dt dq, shape (6,): the acceleration of a frame's origin in `base_link` axes when ddq is zero."""
        pin.forwardKinematics(
            self.pin_model,
            self.pin_data,
            np.asarray(q, dtype=float),
            np.asarray(dq, dtype=float),
            np.zeros(self.dof),
        )
        pin.updateFramePlacement(self.pin_model, self.pin_data, self.frame_id(frame))
        acceleration = pin.getFrameClassicalAcceleration(
            self.pin_model, self.pin_data, self.frame_id(frame), pin.ReferenceFrame.LOCAL_WORLD_ALIGNED
        )
        return np.concatenate([self._R_base_world @ acceleration.linear, self._R_base_world @ acceleration.angular])

    def gravity_torque(self, q: ArrayLike) -> Array:
        """Return the torques, N·m, that hold the arm with its tool still against gravity, shape (n,)."""
        return np.array(pin.computeGeneralizedGravity(self.pin_model, self.pin_data, np.asarray(q, dtype=float)))

    def mass_matrix(self, q: ArrayLike) -> Array:
        """Return the joint-space inertia, shape (n, n), symmetric."""
        M = np.array(pin.crba(self.pin_model, self.pin_data, np.asarray(q, dtype=float)))
        upper = np.triu(M)
        matrix: Array = upper + np.triu(M, 1).T
        return matrix

    def inverse_dynamics(self, q: ArrayLike, dq: ArrayLike, ddq: ArrayLike) -> Array:
        """Return the torques, N·m, of a motion without external force, shape (n,)."""
        arguments = (np.asarray(v, dtype=float) for v in (q, dq, ddq))
        return np.array(pin.rnea(self.pin_model, self.pin_data, *arguments))
