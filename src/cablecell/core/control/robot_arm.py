"""`ArmModel` on the robot model of `core.motion`: one pass of pinocchio per configuration."""

from __future__ import annotations

import numpy as np
import pinocchio as pin  # type: ignore[import-untyped]

from cablecell.core.control.kernels import dynamics_in_base
from cablecell.core.control.model import ArmDynamics, JointLimits
from cablecell.core.geometry import Array
from cablecell.core.motion.model import RobotModel

_LOCAL_WORLD_ALIGNED = pin.ReferenceFrame.LOCAL_WORLD_ALIGNED


class RobotArm:
    """Kinematics and inertia of the arm for the controller.

    The inertia of the rotors, seen at the joints, is added to that of the links: without it a wrist looks ten times
    lighter than it is, and damping designed for it would be too weak.
    """

    def __init__(
        self, robot: RobotModel, *, rotor_inertia: Array, frame: str = "tcp", velocity_limit: Array | None = None
    ) -> None:
        """Take over a robot.

        Args:
            robot: Its kinematics.
            rotor_inertia: Of the joints, shape (n,), kg·m².
            frame: The frame that is controlled.
            velocity_limit: Highest joint speeds beside those of the description, shape (n,), rad/s.
        """
        self._model, self._data = robot.pin_model, robot.pin_data
        self._frame = robot.frame_id(frame)
        self._rotors = np.array(rotor_inertia, dtype=float)
        X_base_world: Array = np.asarray(np.linalg.inv(robot.X_world_base), dtype=np.float64)
        self._X_base_world = X_base_world
        limits = robot.limits
        velocity = limits.velocity if velocity_limit is None else np.minimum(limits.velocity, velocity_limit)
        self._limits = JointLimits(limits.lower, limits.upper, velocity, limits.effort)
        self._q: Array | None = None
        self._dynamics: ArmDynamics | None = None
        self.dynamics(np.zeros(robot.dof))  # compiles, or loads what was compiled

    @property
    def joint_limits(self) -> JointLimits:
        """Limits in the order of the joint vectors."""
        return self._limits

    def dynamics(self, q: Array) -> ArmDynamics:
        """Return pose, Jacobian and inertia; the last configuration is remembered, so that asking twice is free."""
        if self._dynamics is not None and self._q is q:
            return self._dynamics
        model, data = self._model, self._data
        J = pin.computeFrameJacobian(model, data, q, self._frame, _LOCAL_WORLD_ALIGNED)
        X_world_tcp = pin.updateFramePlacement(model, data, self._frame).homogeneous
        crba = pin.crba(model, data, q)
        X_base_tcp, J_base, M = dynamics_in_base(self._X_base_world, X_world_tcp, J, crba, self._rotors)
        self._q, self._dynamics = q, ArmDynamics(X_base_tcp, J_base, M)
        return self._dynamics

    def coupling(self, q: Array, dq: Array) -> Array:
        """Return C^T dq, shape (n,), N·m; rotors do not couple."""
        C = pin.computeCoriolisMatrix(self._model, self._data, q, dq)
        coupling: Array = C.T @ dq
        return coupling
