"""What pushes the arm where the wrist cannot feel it: the momentum that the commanded torques do not explain.

The generalised momentum p = M dq changes by p' = tau + C^T dq + tau_ext, with tau beyond gravity. The observer
r = L (p - integral(tau + C^T dq + r)) follows tau_ext with the time constant 1/L and needs no acceleration. What the
force sensor feels is no surprise; so J^T w, through the same filter, is taken away, and a joint counts as hit when both
what pushes it and what nothing explains of that are above the limit. Both, because the sensor feels the tool's own
inertia, which pushes nothing.

Source:
    A. De Luca, A. Albu-Schaeffer, S. Haddadin, G. Hirzinger, "Collision detection and safe reaction with the
    DLR-III lightweight manipulator arm", 2006.
"""

from __future__ import annotations

import math

import numpy as np

from cablecell.core.config.control import ControlSettings
from cablecell.core.control.errors import CollisionError, ContactForceError, ExecutionError, SensorFaultError
from cablecell.core.control.model import ArmDynamics
from cablecell.core.geometry import Array, rotate_six


class MomentumObserver:
    """Estimates the torques of the environment on a torque-controlled arm; `observe` once per control period.

    Attributes:
        residual: Torques that the commands do not explain, shape (n,), N·m.
        unexplained: Those that the force sensor does not explain either; 0 without a sensor.
    """

    def __init__(self, settings: ControlSettings, effort_limits: Array) -> None:
        self._dt_s = 1.0 / settings.rate_hz
        self._rate = settings.collision_bandwidth
        self._limits = settings.collision_torque_share * effort_limits
        joints = effort_limits.size
        self._zero = np.zeros(joints)
        self.reset()

    def reset(self) -> None:
        """Begin anew: what moved the arm meanwhile was not commanded here."""
        self._start: Array | None = None
        self._explained, self._felt = self._zero, self._zero
        self._commanded: Array | None = None
        self.residual, self.unexplained = self._zero, self._zero

    def command(self, tau: Array) -> None:
        """Note the torques of this period, shape (n,), N·m, beyond those that carry the arm's weight."""
        self._commanded = tau

    def observe(self, dynamics: ArmDynamics, coupling: Array, dq: Array, wrench_tcp: Array | None) -> None:
        """Update the estimate.

        Args:
            dynamics: Where the arm is measured to be.
            coupling: C^T dq there, shape (n,), N·m.
            dq: Measured joint velocities, shape (n,), rad/s.
            wrench_tcp: Environment on tool at the tcp in tcp axes; None without a sensor.
        """
        momentum = dynamics.M @ dq
        if self._start is None or self._commanded is None:
            self._start = momentum
            return
        dt = self._dt_s
        self._explained = self._explained + (self._commanded + coupling + self.residual) * dt
        self.residual = self._rate * (momentum - self._start - self._explained)
        if wrench_tcp is None:
            # The work of the tool cannot be told from a hit.
            self.unexplained = self._zero
            return
        at_base = rotate_six(dynamics.X_base_tcp[:3, :3], wrench_tcp)
        self._felt = self._felt + self._rate * dt * (dynamics.J_base_tcp.T @ at_base - self._felt)
        self.unexplained = self.residual - self._felt

    def hit(self) -> CollisionError | None:
        """Return what is wrong when a joint is pushed by what nothing explains; None otherwise."""
        size = np.minimum(np.abs(self.residual), np.abs(self.unexplained))
        over = size > self._limits
        if not over.any():
            return None
        joint = int((size / self._limits).argmax())
        torque, limit = float(self.unexplained[joint]), float(self._limits[joint])
        return CollisionError(
            f"joint {joint} is pushed by {torque:.1f} N*m that neither the motion nor the force sensor explains; the "
            f"limit is {limit:.1f} N*m: something hit the arm",
            quantity=f"unexplained_torque[{joint}]",
            value=torque,
            limit=limit,
            unit="N*m",
        )


def judge_wrench(wrench_tcp: Array, force_limit_n: float) -> ExecutionError | None:
    """Return what is wrong with what the force sensor feels: no numbers, or too much force; None when nothing is."""
    if not math.isfinite(float(wrench_tcp.sum())):
        return SensorFaultError(
            "the force sensor reports what is no number", quantity="wrench", value="nan", limit="finite", frame="tcp"
        )
    force = math.sqrt(float(wrench_tcp[:3] @ wrench_tcp[:3]))
    if force <= force_limit_n:
        return None
    return ContactForceError(
        f"contact force {force:.1f} N is above the limit of {force_limit_n} N",
        quantity="contact_force",
        value=force,
        limit=force_limit_n,
        unit="N",
        frame="tcp",
    )
