"""Admittance for position-controlled arms: the measured wrench moves the commanded pose.

Massless law per axis in target axes: v = v_ref + D^-1 (K (x_ref - x) + f_ff + f_env), so at rest the arm pushes with
f_ff + K e as the torque-controlled arm would. Behind a delay T and a lag tau the contact stiffness k demands
D >= k (T + tau) / 1.1 or the arm bounces: `least_damping` says it, and the law never goes below.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cablecell.core.config.control import ControlSettings
from cablecell.core.control.command import ComplianceCommand
from cablecell.core.control.frames import (
    Array,
    rotate6,
    rotation_from_rotvec,
    rotvec_from_rotation,
    transform,
)


@dataclass(frozen=True)
class ContactLoop:
    """What limits the speed of a position-controlled arm in contact.

    Attributes:
        delay_s: Dead time between the wrench and the motion it causes, s.
        lag_s: Time constant of the arm's position loop, s.
        stiffness: Of tool and part in series, N/m.
        stiffness_rot: Likewise, N·m/rad.
    """

    delay_s: float
    lag_s: float
    stiffness: float
    stiffness_rot: float

    def least_damping(self) -> Array:
        """Return the smallest stable damping per axis, shape (6,): k (T + tau) / 1.1."""
        time = (self.delay_s + self.lag_s) / 1.1
        return np.array([self.stiffness * time] * 3 + [self.stiffness_rot * time] * 3)


class AdmittanceLaw:
    """Integrates a commanded pose of the compliance frame; `step` once per control period."""

    def __init__(self, settings: ControlSettings, loop: ContactLoop) -> None:
        self._settings = settings
        self._dt_s = 1.0 / settings.rate_hz
        self._least = loop.least_damping()
        self._X_base_comp = np.eye(4)

    @property
    def X_base_commanded(self) -> Array:  # noqa: N802 - frame notation (ADR 0001)
        """Commanded pose of the compliance frame, shape (4, 4)."""
        return self._X_base_comp

    def reset(self, X_base_comp: Array) -> None:
        """Start from a pose, at rest."""
        self._X_base_comp = X_base_comp.copy()

    def step(self, command: ComplianceCommand, X_base_reference: Array, twist: Array, wrench: Array) -> Array:
        """Advance by one period and return the commanded twist in base axes, shape (6,), m/s, rad/s.

        Args:
            command: Gains and feed-forward; the diagonals of stiffness and damping are used.
            X_base_reference: Interpolated target of the compliance frame.
            twist: Velocity of the reference in target axes.
            wrench: Environment on tool at the compliance frame in target axes, bias and payload removed.
        """
        X = self._X_base_comp
        R = X_base_reference[:3, :3]
        error = np.empty(6)
        error[:3] = R.T @ (X_base_reference[:3, 3] - X[:3, 3])
        error[3:] = -rotvec_from_rotation(R.T @ X[:3, :3])
        stiffness, damping = np.diag(command.stiffness), np.diag(command.damping)
        damping = np.maximum(damping, self._least)
        # Backward Euler in the spring: no step is too large for a stiff axis.
        push = stiffness * error + command.feedforward + wrench
        velocity = twist + push / (damping + stiffness * self._dt_s)
        for part, limit in ((slice(0, 3), self._settings.linear_speed), (slice(3, 6), self._settings.angular_speed)):
            norm = math.sqrt(float(velocity[part] @ velocity[part]))
            if norm > limit:
                velocity[part] *= limit / norm
        base = rotate6(R, velocity)
        self._X_base_comp = transform(
            rotation_from_rotvec(base[3:] * self._dt_s) @ X[:3, :3], X[:3, 3] + base[:3] * self._dt_s
        )
        return base


def damped_least_squares(J: Array, twist: Array, damping: float) -> Array:
    """Return joint velocities dq = J^T (J J^T + damping² I)^-1 twist, shape (n,), bounded also at singularities."""
    gram = J @ J.T
    gram[np.diag_indices(6)] += damping * damping
    dq: Array = J.T @ np.linalg.solve(gram, twist)
    return dq
