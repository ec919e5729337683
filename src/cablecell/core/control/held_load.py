"""What an arm that begins to hold goes on carrying, so that what it presses on does not spring back.

A position loop that takes over has no error to begin with, and gives way by load over stiffness until it has one: half
a millimetre at 10 N, enough to unseat a plug. An arm at rest is in balance; so the torques that it was told last are
the load, whatever that consists of, and they stay as they are while it holds. Once what was pressed on is gone, the arm
moves by the same half millimetre and no more.
"""

from __future__ import annotations

import numpy as np

from cablecell.core.config.control import ControlSettings
from cablecell.core.geometry import Array

_FADE_S = 0.02
"""Time constant with which a load is let go: that with which a feed-forward of 10 N takes over at its slew limit."""


class HeldLoad:
    """Torques of a torque-controlled arm beside those of its law; `step` once per control period.

    Attributes:
        tau: Torques now, shape (n,), N·m.
    """

    def __init__(self, settings: ControlSettings, joints: int) -> None:
        self._fade = np.exp(-1.0 / (settings.rate_hz * _FADE_S))
        self.tau: Array = np.zeros(joints)
        self._is_kept = self._is_nothing = True

    def keep(self, tau: Array) -> None:
        """Keep the torques of an arm that rests, shape (n,), N·m."""
        self.tau = tau.copy()
        self._is_kept, self._is_nothing = True, False

    def let_go(self) -> None:
        """Let the load fade from now on."""
        self._is_kept = False

    def drop(self) -> None:
        """Carry nothing from now on."""
        self.tau = np.zeros_like(self.tau)
        self._is_kept = self._is_nothing = True

    def step(self, tau: Array) -> Array:
        """Return the torques of a law with the load added, shape (n,), N·m, and go on by one period."""
        if self._is_nothing:
            return tau
        loaded: Array = tau + self.tau
        if not self._is_kept:
            self.tau = self.tau * self._fade
            if float(np.abs(self.tau).max()) < 1e-6:
                self.drop()
        return loaded


def met_push(push: Array, wrench: Array) -> Array:
    """Return of a push, axis by axis, what something pushes back against, shape (6,), N, N·m.

    Args:
        push: Push of the robot, any axes.
        wrench: Environment on tool, same axes and point.
    """
    sign = np.sign(push)
    met: Array = sign * np.minimum(np.maximum(-sign * wrench, 0.0), np.abs(push))
    return met
