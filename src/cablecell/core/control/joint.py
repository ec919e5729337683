"""Joint laws: computed-torque tracking for trajectories and holding, and the joint impedance of joint commands."""

from __future__ import annotations

import math

import numpy as np

from cablecell.core.config.control import ControlSettings
from cablecell.core.control.command import JointMotionUpdate
from cablecell.core.geometry import Array


def computed_torque(M: Array, error: Array, error_rate: Array, acceleration: Array, bandwidth: float) -> Array:
    """Return M (a + w² e + 2 w de), shape (n,), N·m: critically damped tracking at `bandwidth` w, rad/s."""
    torque: Array = M @ (acceleration + bandwidth * bandwidth * error + 2.0 * bandwidth * error_rate)
    return torque


class JointImpedance:
    """tau = K (q_ref - q) + D (dq_ref - dq) + tau_ff with gains that follow their commands smoothly."""

    def __init__(self, settings: ControlSettings, velocity_limits: Array) -> None:
        self._blend = 1.0 - math.exp(-1.0 / (settings.rate_hz * max(settings.gain_time_constant_s, 1e-9)))
        self._step = velocity_limits / settings.rate_hz
        self._dt_s = 1.0 / settings.rate_hz
        self._q_reference: Array | None = None
        self._stiffness = np.zeros_like(velocity_limits)
        self._damping = np.zeros_like(velocity_limits)

    def reset(self) -> None:
        """Forget the reference: the next step starts from the measured positions."""
        self._q_reference = None

    def step(self, q: Array, dq: Array, q_target: Array, dq_target: Array, update: JointMotionUpdate) -> Array:
        """Return torques of this tick, shape (n,), N·m; the reference moves at most at the joints' speed limits."""
        if self._q_reference is None:
            self._q_reference = q.copy()
            self._stiffness = update.stiffness.copy()
            self._damping = update.damping.copy()
        self._stiffness = self._stiffness + self._blend * (update.stiffness - self._stiffness)
        self._damping = self._damping + self._blend * (update.damping - self._damping)
        self._q_reference = self._q_reference + np.clip(q_target - self._q_reference, -self._step, self._step)
        torque: Array = self._stiffness * (self._q_reference - q) + self._damping * (dq_target - dq)
        if update.feedforward_torque.size:
            torque = torque + update.feedforward_torque
        return torque
