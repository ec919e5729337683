"""A small rigid arm with six joints for controller tests: kinematics, inertia and time stepping without a library."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from cablecell.core.control.frames import Array
from cablecell.core.control.model import ArmDynamics, JointLimits
from cablecell.ports import ArmState, CommandMode, JointCommand

HOME = np.array([-0.16, -1.354, -1.665, -1.693, 1.571, 1.411])
"""A configuration with the tool pointing down, far from singularities."""

_D = (0.1625, 0.0, 0.0, 0.1333, 0.0997, 0.0996 + 0.1965)
_A = (0.0, -0.425, -0.3922, 0.0, 0.0, 0.0)
_ALPHA = (math.pi / 2, 0.0, 0.0, math.pi / 2, -math.pi / 2, 0.0)
_MASS = (3.7, 8.4, 2.3, 1.2, 1.2, 1.5)
_ROTOR = 0.02


class DhArm:
    """Six revolute joints with point-like links and a little rotor inertia; implements `ArmModel`."""

    def __init__(self) -> None:
        limit = np.full(6, 2.0 * math.pi)
        self.joint_limits = JointLimits(
            -limit, limit, np.full(6, math.pi), np.array([150.0, 150.0, 150.0, 28.0, 28.0, 28.0])
        )

    def dynamics(self, q: Array) -> ArmDynamics:
        X = np.eye(4)
        axes, origins, centres, frames = [], [], [], []
        for angle, d, a, alpha in zip(q, _D, _A, _ALPHA, strict=True):
            axes.append(X[:3, 2].copy())
            origins.append(X[:3, 3].copy())
            start = X[:3, 3].copy()
            c, s, ca, sa = math.cos(angle), math.sin(angle), math.cos(alpha), math.sin(alpha)
            X = X @ np.array([[c, -s * ca, s * sa, a * c], [s, c * ca, -c * sa, a * s], [0, sa, ca, d], [0, 0, 0, 1]])
            centres.append(0.5 * (start + X[:3, 3]))
            frames.append(X.copy())
        J = np.zeros((6, 6))
        for i in range(6):
            J[:3, i] = np.cross(axes[i], X[:3, 3] - origins[i])
            J[3:, i] = axes[i]
        M = np.eye(6) * _ROTOR
        for link, mass in enumerate(_MASS):
            Jv = np.zeros((3, 6))
            for i in range(link + 1):
                Jv[:, i] = np.cross(axes[i], centres[link] - origins[i])
            M += mass * Jv.T @ Jv
        return ArmDynamics(X, J, M)


class SteppedArm:
    """Integrates a `DhArm` under joint torques and an external wrench at the tcp; gravity is compensated."""

    def __init__(self, model: DhArm, q: Array, period_s: float = 0.002, substeps: int = 4) -> None:
        self.model = model
        self.q = q.copy()
        self.dq = np.zeros(6)
        self.time_s = 0.0
        self._period_s = period_s
        self._substeps = substeps

    def state(self) -> ArmState:
        return ArmState(self.time_s, self.q.copy(), self.dq.copy(), np.zeros(6))

    def cycle(self, command: JointCommand, external: Callable[[ArmDynamics, Array], Array] | None = None) -> None:
        """Advance one period; `external` maps (dynamics, dq) to a wrench on the tcp in base axes."""
        if command.mode is CommandMode.POSITION:
            self.dq = (command.values - self.q) / self._period_s
            self.q = command.values.copy()
            self.time_s += self._period_s
            return
        dt = self._period_s / self._substeps
        for _ in range(self._substeps):
            dynamics = self.model.dynamics(self.q)
            tau = command.values
            if external is not None:
                tau = tau + dynamics.J_base_tcp.T @ external(dynamics, self.dq)
            self.dq = self.dq + np.linalg.solve(dynamics.M, tau) * dt
            self.q = self.q + self.dq * dt
        self.time_s += self._period_s
