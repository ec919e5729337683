"""Joint laws: computed-torque tracking for trajectories and holding, and the joint impedance of joint commands."""

from __future__ import annotations

import math

import numpy as np

from cablecell.core.config.control import ControlSettings
from cablecell.core.control.command import JointMotionUpdate
from cablecell.core.control.impedance import bound_damping, design_damping
from cablecell.core.control.joint_reference import JointReference
from cablecell.core.geometry import Array

_HELD_RATIO = 0.7
"""Of the designed damping, as in the Cartesian law."""


def computed_torque(M: Array, error: Array, error_rate: Array, acceleration: Array, bandwidth: float) -> Array:
    """Return M (a + w² e + 2 w de), shape (n,), N·m: critically damped tracking at `bandwidth` w, rad/s."""
    torque: Array = M @ (acceleration + bandwidth * bandwidth * error + 2.0 * bandwidth * error_rate)
    return torque


class JointImpedance:
    """tau = K (q_ref - q) + D (dq_ref - dq) + M ddq_ref + tau_ff with gains that follow their commands smoothly.

    D is bounded in the metric of the inertia as in the Cartesian law: a damper that asks more of a light wrist than its
    inertia takes in a period makes it ring.
    """

    def __init__(self, settings: ControlSettings, joints: int) -> None:
        self._blend = 1.0 - math.exp(-1.0 / (settings.rate_hz * max(settings.gain_time_constant_s, 1e-9)))
        self._rate_limit = settings.damping_step_limit * settings.rate_hz
        self._is_begun = False
        self._stiffness, self._damping = np.zeros(joints), np.zeros(joints)

    def reset(self) -> None:
        """Forget the gains: the next step starts from those of its command."""
        self._is_begun = False

    def step(
        self, M: Array, q: Array, dq: Array, reference: JointReference, update: JointMotionUpdate, *, is_held: bool
    ) -> Array:
        """Return torques of this tick, shape (n,), N·m; when nobody sends any more it is damped well and not pushed."""
        if not self._is_begun:
            self._is_begun = True
            self._stiffness, self._damping = update.stiffness.copy(), update.damping.copy()
        self._stiffness = self._stiffness + self._blend * (update.stiffness - self._stiffness)
        self._damping = self._damping + self._blend * (update.damping - self._damping)
        damping = np.diag(self._damping)
        if is_held:
            damping = damping + design_damping(M, np.diag(self._stiffness), _HELD_RATIO)
        damping = bound_damping(damping, M, self._rate_limit)
        torque: Array = self._stiffness * (reference.q - q) + damping @ (reference.dq - dq) + M @ reference.ddq
        if update.feedforward_torque.size and not is_held:
            torque = torque + update.feedforward_torque
        return torque
