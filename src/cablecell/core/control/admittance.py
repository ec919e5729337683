"""Admittance for position-controlled arms: the measured wrench moves the commanded pose.

With u = v - v_ref, both at the compliance frame: M u' + D u = K (x_ref - x) + f_ff + f_env, so at rest the arm pushes
with f_ff + K e as the torque-controlled arm would. Two facts bound the gains. The sensor feels the tool's own inertia:
what it measures of an acceleration must accelerate the law less than that, so M is a multiple of the tool's inertia.
And behind a dead time T the stiffness k of the grasp demands damping, or the arm bounces off what it touches:
`ContactLoop.least_damping` says how much, and the law never goes below.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cablecell.core.config.control import ControlSettings
from cablecell.core.control.command import ComplianceCommand
from cablecell.core.geometry import Array, adjoint, exp_so3, log_so3, make_pose, rotate_six, skew

_PHASE = 1.1
"""Largest k T / D without overshoot that lasts: measured in the project's insertion pilot (D >= k T / 1.1)."""

_SOFT = 0.04
"""Share of the grasp's stiffness below which an axis counts as soft."""


@dataclass(frozen=True)
class ContactLoop:
    """What limits the speed of a position-controlled arm in contact.

    Attributes:
        delay_s: Dead time between the wrench and the motion it causes: sensor, filter, link, s.
        lag_s: Time constant of the arm's position loop, s.
        stiffness: Of what holds the part, at `tcp`, N/m.
        stiffness_rot: Likewise, N·m/rad.
        tool_mass_kg: Mass behind the force sensor.
        tool_centre_m: Its centre in `tcp`.
        tool_gyration_m: Its radius of gyration about that centre.
        virtual_inertia: Inertia of the law relative to the tool's, above 1.
    """

    delay_s: float
    lag_s: float
    stiffness: float
    stiffness_rot: float
    tool_mass_kg: float = 1.1
    tool_centre_m: tuple[float, float, float] = (0.0, 0.0, -0.1)
    tool_gyration_m: float = 0.05
    virtual_inertia: float = 3.0

    def inertia(self) -> Array:
        """Return the inertia of the law for twists of `tcp`, shape (6, 6)."""
        mass = self.tool_mass_kg * self.virtual_inertia
        lever = skew(self.tool_centre_m)
        M = np.zeros((6, 6))
        M[:3, :3] = mass * np.eye(3)
        M[:3, 3:], M[3:, :3] = -mass * lever, mass * lever
        M[3:, 3:] = mass * (self.tool_gyration_m**2 * np.eye(3) - lever @ lever)
        return M

    def least_damping(self) -> Array:
        """Return the smallest stable damping for twists of `tcp`, shape (6, 6).

        Along each axis D = k (T + tau + m/D) / 1.1: the law's own inertia lags as the arm does.
        """
        M = np.diag(self.inertia())
        time = self.delay_s + self.lag_s
        k = np.array([self.stiffness] * 3 + [self.stiffness_rot] * 3)
        half = 0.5 * k * time / _PHASE
        return np.diag(half + np.sqrt(half * half + k * M / _PHASE))


class AdmittanceLaw:
    """Integrates a commanded pose of the compliance frame; `step` once per control period.

    Attributes:
        soft: Stiffness below which an axis yields rather than follows, six numbers, N/m, N·m/rad. The velocity of its
            reference must not be fed forward: whoever moves the reference by what he feels would close a loop over
            the stiffness of the grasp, with all the delay in it.
    """

    def __init__(self, settings: ControlSettings, loop: ContactLoop) -> None:
        self._settings = settings
        self._dt_s = 1.0 / settings.rate_hz
        self.soft = (*[_SOFT * loop.stiffness] * 3, *[_SOFT * loop.stiffness_rot] * 3)
        self._at_tcp = (loop.inertia(), loop.least_damping())
        self._inertia, self._least = self._at_tcp
        self._X_tcp_comp = np.eye(4)
        self._X_base_comp = np.eye(4)
        self._departure = np.zeros(6)

    @property
    def X_base_commanded(self) -> Array:  # noqa: N802 - frame notation (ADR 0001)
        """Commanded pose of the compliance frame, shape (4, 4)."""
        return self._X_base_comp

    def reset(self, X_base_comp: Array) -> None:
        """Start from a pose, at rest."""
        self._X_base_comp = X_base_comp.copy()
        self._departure = np.zeros(6)

    def use_frame(self, X_tcp_comp: Array) -> None:
        """Act at another compliance frame of the tool from now on; the commanded motion of the tool goes on."""
        X_old_new = np.linalg.solve(self._X_tcp_comp, X_tcp_comp)
        self._X_base_comp = self._X_base_comp @ X_old_new
        w = self._departure[3:]
        offset = self._X_base_comp[:3, :3] @ (np.linalg.inv(X_old_new) @ [0.0, 0.0, 0.0, 1.0])[:3]
        self._departure[:3] = self._departure[:3] - np.cross(w, offset)
        to_tcp = adjoint(X_tcp_comp)
        self._inertia, self._least = (to_tcp.T @ matrix @ to_tcp for matrix in self._at_tcp)
        self._X_tcp_comp = X_tcp_comp.copy()

    def step(self, command: ComplianceCommand, X_base_reference: Array, twist: Array, wrench: Array) -> Array:
        """Advance by one period and return the commanded twist in base axes, shape (6,), m/s, rad/s.

        Args:
            command: Gains and feed-forward; the diagonals of stiffness and damping are used.
            X_base_reference: Interpolated target of the compliance frame.
            twist: Velocity of the reference in target axes.
            wrench: Environment on tool at the compliance frame in target axes, bias and payload removed.
        """
        X, dt = self._X_base_comp, self._dt_s
        R = X_base_reference[:3, :3]
        R_target_comp = R.T @ X[:3, :3]
        error = np.empty(6)
        error[:3] = R.T @ (X_base_reference[:3, 3] - X[:3, 3])
        error[3:] = -log_so3(R_target_comp)
        stiffness = np.diag(command.stiffness)
        turn = np.zeros((6, 6))
        turn[:3, :3] = turn[3:, 3:] = R_target_comp
        inertia = turn @ (self._inertia / dt) @ turn.T
        resistance = turn @ self._least @ turn.T
        extra = np.maximum(np.diag(command.damping) - np.diag(resistance), 0.0)
        # Backward Euler: no step is too large for a stiff axis.
        push = inertia @ rotate_six(R.T, self._departure) + stiffness * error + command.feedforward + wrench
        departure = np.linalg.solve(inertia + resistance + np.diag(extra + stiffness * dt), push)
        velocity = twist + departure
        for part, limit in ((slice(0, 3), self._settings.linear_speed), (slice(3, 6), self._settings.angular_speed)):
            norm = math.sqrt(float(velocity[part] @ velocity[part]))
            if norm > limit:
                velocity[part] *= limit / norm
        self._departure = rotate_six(R, velocity - twist)
        base = rotate_six(R, velocity)
        self._X_base_comp = make_pose(exp_so3(base[3:] * dt) @ X[:3, :3], X[:3, 3] + base[:3] * dt)
        return base


def damped_least_squares(J: Array, twist: Array, damping: float) -> Array:
    """Return joint velocities dq = J^T (J J^T + damping² I)^-1 twist, shape (n,), bounded also at singularities."""
    gram = J @ J.T
    gram[np.diag_indices(6)] += damping * damping
    dq: Array = J.T @ np.linalg.solve(gram, twist)
    return dq
