"""Cartesian impedance of a torque-controlled arm, about any point of the tool, with inertia-based damping.

tau = J_c^T w, w = K e + D (v_ref - v) + Lambda a_ref + feedforward at the compliance frame c in the axes of its target.
The damping is D = zeta (A K^1/2 + K^1/2 A) with A = Lambda^1/2, so each direction gets what the inertia there needs.
Hand-set diagonal damping makes a limit cycle on wrists without rotor inertia, where D dt / I exceeds 2; therefore any
commanded damping is bounded in the metric of Lambda.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cablecell.core.config.control import ControlSettings
from cablecell.core.control.command import ComplianceCommand
from cablecell.core.control.frames import Array, rotvec_from_rotation
from cablecell.core.control.model import ArmDynamics

_INERTIA_FLOOR = 1e-6
"""Added to the inverse of the operational space inertia, so that a singular direction stays finite, 1/kg."""


@dataclass(frozen=True)
class ImpedanceOutput:
    """Result of one tick.

    Attributes:
        tau: Joint torques, shape (n,), N·m, without gravity.
        wrench: Commanded wrench on the environment at the compliance frame in target axes, shape (6,).
        error: Position and rotation error, target minus actual, in target axes, shape (6,), m, rad.
        is_limited: True when the commanded wrench was cut down to the limit.
    """

    tau: Array
    wrench: Array
    error: Array
    is_limited: bool


def compliance_jacobian(dynamics: ArmDynamics, X_tcp_comp: Array) -> tuple[Array, Array]:
    """Return pose of the compliance frame in `base_link` and its Jacobian in `base_link` axes."""
    X_base_comp: Array = dynamics.X_base_tcp @ X_tcp_comp
    rx, ry, rz = (X_base_comp[:3, 3] - dynamics.X_base_tcp[:3, 3]).tolist()
    J_comp = dynamics.J_base_tcp.copy()
    # v_c = v + w x r
    J_comp[:3] -= np.array([[0.0, -rz, ry], [rz, 0.0, -rx], [-ry, rx, 0.0]]) @ J_comp[3:]
    return X_base_comp, J_comp


def operational_inertia(J: Array, M: Array) -> Array:
    """Return Lambda = (J M^-1 J^T)^-1, shape (6, 6), finite also at a singularity."""
    mobility = J @ np.linalg.solve(M, J.T)
    mobility.flat[::7] += _INERTIA_FLOOR
    inertia: Array = np.linalg.inv(mobility)
    return 0.5 * (inertia + inertia.T)


def square_root(S: Array) -> Array:
    """Return the symmetric square root of a symmetric positive semi-definite matrix."""
    values, vectors = np.linalg.eigh(S)
    root: Array = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return root


def design_damping(inertia: Array, stiffness: Array, ratio: float) -> Array:
    """Return D = ratio (A K^1/2 + K^1/2 A), A = Lambda^1/2; ratio 1 is critical for an isotropic pair.

    Source:
        Albu-Schaeffer 2003, double diagonalisation, in its simplified form; measured in PyBullet by this project.
    """
    A, root = square_root(inertia), square_root(stiffness)
    product = A @ root
    damping: Array = ratio * (product + product.T)
    return damping


def bound_damping(damping: Array, inertia: Array, rate_limit: float) -> Array:
    """Return the damping with every decay rate, an eigenvalue of Lambda^-1 D, at most `rate_limit`, 1/s."""
    values, vectors = np.linalg.eigh(inertia)
    root = np.sqrt(np.maximum(values, 1e-9))
    A, A_inv = (vectors * root) @ vectors.T, (vectors / root) @ vectors.T
    rates, modes = np.linalg.eigh(A_inv @ damping @ A_inv)
    if rates[-1] <= rate_limit:
        return damping
    shaped = A @ modes
    bounded: Array = (shaped * np.minimum(rates, rate_limit)) @ shaped.T
    return bounded


class CartesianImpedance:
    """Impedance law with filtered gains, slewed feed-forward and limited wrench; `step` once per control period."""

    def __init__(self, settings: ControlSettings) -> None:
        self._settings = settings
        self._period_s = 1.0 / settings.rate_hz
        self._blend = 1.0 - math.exp(-self._period_s / max(settings.gain_time_constant_s, 1e-9))
        self._design_every = max(1, round(settings.rate_hz / settings.damping_design_rate_hz))
        rates = [settings.feedforward_force_rate] * 3 + [settings.feedforward_torque_rate] * 3
        self._feedforward_step = np.array(rates) * self._period_s
        self.reset()

    def reset(self) -> None:
        """Forget gains and feed-forward: the next step starts from its command's gains and zero feed-forward."""
        self._stiffness: Array | None = None
        self._damping = np.zeros((6, 6))
        self._total_damping = np.zeros((6, 6))
        self._inertia = np.zeros((6, 6))
        self._feedforward = np.zeros(6)
        self._countdown = 0

    def step(
        self,
        dynamics: ArmDynamics,
        dq: Array,
        command: ComplianceCommand,
        X_base_reference: Array,
        twist: Array,
        acceleration: Array,
        extra_wrench: Array | None = None,
    ) -> ImpedanceOutput:
        """Return the torques of this tick.

        Args:
            dynamics: Arm at the measured joint positions.
            dq: Measured joint velocities, shape (n,), rad/s.
            command: Gains, compliance frame and feed-forward.
            X_base_reference: Interpolated pose of the compliance frame; replaces the command's target.
            twist: Velocity of the reference in target axes, shape (6,).
            acceleration: Of the reference in target axes, shape (6,), carried by Lambda: without it a fast start in one
                direction throws the tool sideways through the coupling of the inertia.
            extra_wrench: Added to the feed-forward without slew (wrench feedback), target axes, shape (6,).
        """
        X_base_comp, J = compliance_jacobian(dynamics, command.X_tcp_comp)
        R = X_base_reference[:3, :3]
        # One product turns both halves.
        J_t = (R.T @ J.reshape(2, 3, -1)).reshape(6, -1)
        self._follow_gains(command, J_t, dynamics.M)
        self._follow_feedforward(command.feedforward)

        error = np.empty(6)
        error[:3] = R.T @ (X_base_reference[:3, 3] - X_base_comp[:3, 3])
        # log(R_target^T R_comp) is the rotation from target to actual in target axes.
        error[3:] = -rotvec_from_rotation(R.T @ X_base_comp[:3, :3])
        stiffness = self._stiffness
        assert stiffness is not None
        wrench = stiffness @ error + self._total_damping @ (twist - J_t @ dq) + self._feedforward
        wrench += self._inertia @ acceleration
        if extra_wrench is not None:
            wrench += extra_wrench
        is_limited = self._limit(wrench)
        return ImpedanceOutput(tau=J_t.T @ wrench, wrench=wrench, error=error, is_limited=is_limited)

    def _follow_gains(self, command: ComplianceCommand, J_t: Array, M: Array) -> None:
        if self._stiffness is None:
            self._stiffness = command.stiffness.copy()
            self._damping = command.damping.copy()
        else:
            # A convex combination of positive semi-definite matrices stays positive semi-definite.
            self._stiffness += self._blend * (command.stiffness - self._stiffness)
            self._damping += self._blend * (command.damping - self._damping)
        self._countdown -= 1
        if self._countdown > 0:
            return
        self._countdown = self._design_every
        inertia = operational_inertia(J_t, M)
        self._inertia = inertia
        damping = self._damping
        if command.damping_ratio > 0.0:
            # 0.7 (A K^1/2 + K^1/2 A) is what was validated as "ratio 1" for coupled arms.
            damping = damping + design_damping(inertia, self._stiffness, 0.7 * command.damping_ratio)
        self._total_damping = bound_damping(damping, inertia, self._settings.damping_step_limit / self._period_s)

    def _follow_feedforward(self, wanted: Array) -> None:
        step = self._feedforward_step
        self._feedforward = self._feedforward + np.minimum(np.maximum(wanted - self._feedforward, -step), step)

    def _limit(self, wrench: Array) -> bool:
        fx, fy, fz, mx, my, mz = wrench.tolist()
        force, moment = math.sqrt(fx * fx + fy * fy + fz * fz), math.sqrt(mx * mx + my * my + mz * mz)
        is_limited = False
        if force > self._settings.force_limit_n:
            wrench[:3] *= self._settings.force_limit_n / force
            is_limited = True
        if moment > self._settings.torque_limit_nm:
            wrench[3:] *= self._settings.torque_limit_nm / moment
            is_limited = True
        return is_limited


def joint_limit_torque(q: Array, dq: Array, lower: Array, upper: Array, margin: float, stiffness: float) -> Array:
    """Return torques that push back from joint limits, shape (n,), N·m; zero outside the margin.

    The push is a spring from the edge of the margin; a damper acts only on motion towards the limit, so the joint is
    slowed down before it arrives and leaves freely.
    """
    joints = zip(q.tolist(), lower.tolist(), upper.tolist(), strict=True)
    if all(low + margin <= value <= high - margin for value, low, high in joints):
        return np.zeros_like(q)
    depth_low = np.maximum(lower + margin - q, 0.0)
    depth_high = np.maximum(q - (upper - margin), 0.0)
    approach = np.where(depth_low > 0.0, np.minimum(dq, 0.0), 0.0) + np.where(
        depth_high > 0.0, np.maximum(dq, 0.0), 0.0
    )
    torque: Array = stiffness * (depth_low - depth_high) - 0.2 * stiffness * approach
    return torque
