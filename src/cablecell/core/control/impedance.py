"""Cartesian impedance of a torque-controlled arm, about any point of the tool, with inertia-based damping.

tau = J_c^T w, w = K e + D (v_ref - v) + Lambda a_ref + feedforward at the compliance frame c in the axes of its target.
The damping is D = zeta (A K^1/2 + K^1/2 A) with A = Lambda^1/2, so each direction gets what the inertia there needs.
Hand-set diagonal damping makes a limit cycle on wrists without rotor inertia, where D dt / I exceeds 2; therefore any
commanded damping is bounded in the metric of Lambda.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numba import njit

from cablecell.core.config.control import ControlSettings
from cablecell.core.control.command import ComplianceCommand
from cablecell.core.control.kernels import compliance_error, compliance_torque, warm_up
from cablecell.core.control.model import ArmDynamics
from cablecell.core.geometry import Array, rotate_six, shift_wrench

_NOTHING: Array = np.zeros(6)

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


def tool_wrench(wrench_tcp: Array, X_tcp_comp: Array, R_target_tcp: Array) -> Array:
    """Return a wrench on the tool, given at the tcp in its axes, at the compliance frame in target axes, shape (6,)."""
    return rotate_six(R_target_tcp, shift_wrench(wrench_tcp[:3], wrench_tcp[3:], X_tcp_comp[:3, 3]))


@njit(cache=True)
def operational_inertia(J: Array, M: Array) -> Array:
    """Return Lambda = (J M^-1 J^T)^-1, shape (6, 6), finite also at a singularity."""
    mobility = J @ np.linalg.solve(M, np.ascontiguousarray(J.T))
    for i in range(6):
        mobility[i, i] += _INERTIA_FLOOR
    inertia = np.linalg.inv(mobility)
    return 0.5 * (inertia + inertia.T)


@njit(cache=True)
def square_root(S: Array) -> Array:
    """Return the symmetric square root of a symmetric positive semi-definite matrix."""
    if np.count_nonzero(S) == np.count_nonzero(np.diag(S)):  # most stiffness matrices
        return np.diag(np.sqrt(np.maximum(np.diag(S), 0.0)))
    values, vectors = np.linalg.eigh(S)
    return _recompose(vectors, np.sqrt(np.maximum(values, 0.0)))


@njit(cache=True)
def _recompose(vectors: Array, values: Array) -> Array:
    """Return V diag(values) V^T."""
    return np.ascontiguousarray(vectors * values) @ np.ascontiguousarray(vectors.T)


@njit(cache=True)
def design_damping(inertia: Array, stiffness: Array, ratio: float) -> Array:
    """Return D = ratio (A K^1/2 + K^1/2 A), A = Lambda^1/2; ratio 1 is critical for an isotropic pair.

    Source:
        Albu-Schaeffer 2003, double diagonalisation, in its simplified form; measured in PyBullet by this project.
    """
    product = square_root(inertia) @ square_root(stiffness)
    return ratio * (product + product.T)


@njit(cache=True)
def bound_damping(damping: Array, inertia: Array, rate_limit: float) -> Array:
    """Return the damping with every decay rate, an eigenvalue of Lambda^-1 D, at most `rate_limit`, 1/s."""
    # No rate is negative: when their sum is within the limit, so is the largest, and nothing has to be decomposed.
    if np.trace(np.linalg.solve(inertia, damping)) <= rate_limit:
        return damping
    values, vectors = np.linalg.eigh(inertia)
    root = np.sqrt(np.maximum(values, 1e-9))
    A, A_inv = _recompose(vectors, root), _recompose(vectors, 1.0 / root)
    rates, modes = np.linalg.eigh(A_inv @ damping @ A_inv)
    if rates[-1] <= rate_limit:
        return damping
    return _recompose(A @ np.ascontiguousarray(modes), np.minimum(rates, rate_limit))


@lru_cache(maxsize=1)
def _warm_up() -> None:
    """Compile the design of the damping, or load what was compiled."""
    unit = np.eye(6)
    bound_damping(1.0e6 * design_damping(operational_inertia(unit, unit), unit, 1.0), unit, 1.0)
    blend(unit.copy(), unit.copy(), unit, unit, 1.0)
    six = np.zeros(6)
    slew(six, six, six)
    bound_torque(six, six, six, six, six, six, 0.0, 1.0, 1.0)


class CartesianImpedance:
    """Impedance law with filtered gains, slewed feed-forward and limited wrench; `step` once per control period."""

    def __init__(self, settings: ControlSettings) -> None:
        self._settings = settings
        self._period_s = 1.0 / settings.rate_hz
        self._blend = 1.0 - math.exp(-self._period_s / max(settings.gain_time_constant_s, 1e-9))
        self._design_every = max(1, round(settings.rate_hz / settings.damping_design_rate_hz))
        rates = [settings.feedforward_force_rate] * 3 + [settings.feedforward_torque_rate] * 3
        self._feedforward_step = np.array(rates) * self._period_s
        warm_up()
        _warm_up()
        self.reset()

    @property
    def feedforward(self) -> Array:
        """Push of the last step after its slew limit, shape (6,), N, N·m."""
        return self._feedforward

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
        J_t, error = compliance_error(
            dynamics.X_base_tcp, dynamics.J_base_tcp, np.ascontiguousarray(command.X_tcp_comp), X_base_reference
        )
        self._follow_gains(command, J_t, dynamics.M)
        self._follow_feedforward(command.feedforward)
        stiffness, settings = self._stiffness, self._settings
        assert stiffness is not None
        tau, wrench, is_limited = compliance_torque(
            J_t,
            dq,
            error,
            stiffness,
            self._total_damping,
            self._inertia,
            twist,
            acceleration,
            self._feedforward,
            _NOTHING if extra_wrench is None else extra_wrench,
            settings.force_limit_n,
            settings.torque_limit_nm,
        )
        return ImpedanceOutput(tau=tau, wrench=wrench, error=error, is_limited=is_limited)

    def _follow_gains(self, command: ComplianceCommand, J_t: Array, M: Array) -> None:
        if self._stiffness is None:
            self._stiffness = np.array(command.stiffness, float)
            self._damping = np.array(command.damping, float)
        else:
            # Arrays of a kind that was not compiled for would be compiled for here, in the middle of a motion.
            wanted = np.ascontiguousarray(command.stiffness, dtype=float)
            wanted_damping = np.ascontiguousarray(command.damping, dtype=float)
            blend(self._stiffness, self._damping, wanted, wanted_damping, self._blend)
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
        self._feedforward = slew(self._feedforward, np.ascontiguousarray(wanted, dtype=float), self._feedforward_step)


@njit(cache=True)
def blend(stiffness: Array, damping: Array, wanted: Array, wanted_damping: Array, share: float) -> None:
    """Move stiffness and damping by a share of the way to what is wanted.

    A convex combination of positive semi-definite matrices stays positive semi-definite.
    """
    for i in range(6):
        for k in range(6):
            stiffness[i, k] += share * (wanted[i, k] - stiffness[i, k])
            damping[i, k] += share * (wanted_damping[i, k] - damping[i, k])


@njit(cache=True)
def slew(now: Array, wanted: Array, step: Array) -> Array:
    """Return a vector that has gone towards another by at most `step` in each number."""
    out = np.empty_like(now)
    for i in range(now.size):
        out[i] = now[i] + min(max(wanted[i] - now[i], -step[i]), step[i])
    return out


@njit(cache=True)
def joint_limit_torque(q: Array, dq: Array, lower: Array, upper: Array, margin: float, stiffness: float) -> Array:
    """Return torques that push back from joint limits, shape (n,), N·m; zero outside the margin.

    The push is a spring from the edge of the margin; a damper acts only on motion towards the limit, so the joint is
    slowed down before it arrives and leaves freely.
    """
    torque = np.zeros_like(q)
    for i in range(q.size):
        low, high = lower[i] + margin - q[i], q[i] - (upper[i] - margin)
        if low > 0.0:
            torque[i] += stiffness * low - 0.2 * stiffness * min(dq[i], 0.0)
        if high > 0.0:
            torque[i] += -stiffness * high - 0.2 * stiffness * max(dq[i], 0.0)
    return torque


@njit(cache=True)
def bound_torque(
    q: Array,
    dq: Array,
    tau: Array,
    lower: Array,
    upper: Array,
    effort: Array,
    margin: float,
    stiffness: float,
    power_limit_w: float,
) -> Array:
    """Return torques with the push of `joint_limit_torque`, within effort and power, shape (n,), N·m."""
    bounded = tau + joint_limit_torque(q, dq, lower, upper, margin, stiffness)
    power = 0.0
    for i in range(q.size):
        # Comparisons, not min and max: what is not a number stays so, and is refused by whom it is told.
        if bounded[i] > effort[i]:
            bounded[i] = effort[i]
        elif bounded[i] < -effort[i]:
            bounded[i] = -effort[i]
        power += bounded[i] * dq[i]
    # What brakes takes power out of the arm; only what drives it is bounded, all joints alike.
    if power > power_limit_w:
        bounded *= power_limit_w / power
    return bounded
