"""A small rigid arm with six joints for controller tests: kinematics, inertia and time stepping without a library."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from cablecell.core.control.model import ArmDynamics, JointLimits
from cablecell.core.geometry import Array
from cablecell.ports import ArmState, CommandMode, JointCommand

HOME = np.array([-0.16, -1.354, -1.665, -1.693, 1.571, 1.411])
"""A configuration with the tool pointing down, far from singularities."""

_D = (0.1625, 0.0, 0.0, 0.1333, 0.0997, 0.0996 + 0.1965)
_A = (0.0, -0.425, -0.3922, 0.0, 0.0, 0.0)
_ALPHA = (math.pi / 2, 0.0, 0.0, math.pi / 2, -math.pi / 2, 0.0)
_MASSES = np.array([3.7, 8.4, 2.3, 1.2, 1.2, 1.5])
_ROTOR = 0.02


class DhArm:
    """Revolute joints with point-like links and a little rotor inertia, six by default; implements `ArmModel`."""

    def __init__(self, dh: tuple[tuple[float, ...], ...] = (_D, _A, _ALPHA), masses: Array = _MASSES) -> None:
        self._dh, self._masses, self._joints = dh, masses, len(dh[0])
        self._moves = np.tril(np.ones((self._joints, self._joints)))
        limit = np.full(self._joints, 2.0 * math.pi)
        self._last: tuple[Array, ArmDynamics] | None = None
        effort = np.array([150.0] * (self._joints - 3) + [28.0] * 3)
        self.joint_limits = JointLimits(-limit, limit, np.full(self._joints, math.pi), effort)

    def dynamics(self, q: Array) -> ArmDynamics:
        if self._last is not None and self._last[0] is q:
            return self._last[1]
        X = np.eye(4)
        n = self._joints
        axes, origins, centres = np.empty((n, 3)), np.empty((n, 3)), np.empty((n, 3))
        for i, angle in enumerate(q.tolist()):
            d, a, alpha = (column[i] for column in self._dh)
            axes[i], origins[i] = X[:3, 2], X[:3, 3]
            c, s, ca, sa = math.cos(angle), math.sin(angle), math.cos(alpha), math.sin(alpha)
            X = X @ np.array([[c, -s * ca, s * sa, a * c], [s, c * ca, -c * sa, a * s], [0, sa, ca, d], [0, 0, 0, 1]])
            centres[i] = 0.5 * (origins[i] + X[:3, 3])
        J = np.vstack((np.cross(axes, X[:3, 3] - origins).T, axes.T))
        # Velocity of the centre of link k by joint i, for i <= k.
        Jv = np.cross(axes[None], centres[:, None] - origins[None]) * self._moves[:, :, None]
        M = np.eye(n) * _ROTOR + np.einsum("k,kic,kjc->ij", self._masses, Jv, Jv)
        dynamics = ArmDynamics(X, J, M)
        self._last = (q, dynamics)
        return dynamics

    def coupling(self, q: Array, dq: Array) -> Array:
        """`SteppedArm` obeys M ddq = tau, so its momentum M dq changes by dM/dt dq beside the torques."""
        speed = float(np.abs(dq).max())
        if speed < 1e-4:
            return np.zeros(self._joints)
        last, h = self._last, 1e-5 / speed
        change = self.dynamics(q + h * dq).M - self.dynamics(q - h * dq).M
        self._last = last
        return change @ dq / (2.0 * h)


class SteppedArm:
    """Integrates a `DhArm` under joint torques and an external wrench at the tcp; gravity is compensated."""

    def __init__(self, model: DhArm, q: Array, period_s: float = 0.002, substeps: int = 4) -> None:
        self.model = model
        self.q = q.copy()
        self.dq = np.zeros(q.size)
        self.time_s = 0.0
        self._period_s = period_s
        self._substeps = substeps

    def state(self) -> ArmState:
        return ArmState(self.time_s, self.q, self.dq.copy(), np.zeros(self.q.size))

    def cycle(self, command: JointCommand, external: Callable[[ArmDynamics, Array], Array] | None = None) -> None:
        """Advance one period; `external` maps (dynamics, dq) to a wrench on the tcp in base axes."""
        if command.mode is CommandMode.POSITION:
            self.dq = (command.values - self.q) / self._period_s
            self.q = command.values.copy()
            self.time_s += self._period_s
            return
        dt = self._period_s / self._substeps
        dynamics = self.model.dynamics(self.q)
        mobility = np.linalg.inv(dynamics.M)
        q = self.q.copy()
        for _ in range(self._substeps):
            tau = command.values
            if external is not None:
                tau = tau + dynamics.J_base_tcp.T @ external(dynamics, self.dq)
            self.dq = self.dq + mobility @ tau * dt
            q += self.dq * dt
        self.q = q
        self.time_s += self._period_s
