"""What a controller needs to know of the arm: a Protocol, so that no kinematics library is forced on the core."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from cablecell.core.geometry import Array


@dataclass(frozen=True)
class ArmDynamics:
    """Kinematics and inertia at one configuration.

    Attributes:
        X_base_tcp: Pose of `tcp` in `base_link`, shape (4, 4).
        J_base_tcp: Geometric Jacobian, shape (6, n): twist (linear of the tcp origin, angular) in `base_link` axes.
        M: Joint space inertia, shape (n, n), kg·m².
    """

    X_base_tcp: Array
    J_base_tcp: Array
    M: Array


@dataclass(frozen=True)
class JointLimits:
    """Limits of the joints, each of shape (n,).

    Attributes:
        lower: Lowest position, rad.
        upper: Highest position, rad.
        velocity: Highest speed, rad/s.
        effort: Highest torque, N·m.
    """

    lower: Array
    upper: Array
    velocity: Array
    effort: Array


class ArmModel(Protocol):
    """Kinematics and inertia of a serial arm."""

    @property
    def joint_limits(self) -> JointLimits:
        """Limits in the order of the joint vectors."""
        ...

    def dynamics(self, q: Array) -> ArmDynamics:
        """Return pose, Jacobian and inertia at joint positions q, shape (n,), rad."""
        ...

    def coupling(self, q: Array, dq: Array) -> Array:
        """Return C^T dq, shape (n,), N·m: what changes the momentum M dq beside torques."""
        ...
