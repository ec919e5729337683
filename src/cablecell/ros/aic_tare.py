"""The tare of the challenge's controller: what is subtracted turns with the tool, the sensor stays as it is."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

from cablecell.core.geometry import Array, rotate_six, rotation_from_quat
from cablecell.ros.conversions import fill_wrench, six

TARE_SAMPLES = 32
"""Readings that a tare averages: at 250 Hz an eighth of a second."""

_NOTHING = 1e-9


class RotatingTare:
    """A wrench that was measured once, kept along the axes of the base.

    It takes a constant weight away in every orientation; of the moment only about, as its lever is not turned.
    """

    def __init__(self) -> None:
        self._readings: deque[Array] = deque(maxlen=TARE_SAMPLES)
        self._kept = np.zeros(6)
        self._R_base_tcp = np.eye(3)

    def take_reading(self, wrench: Any) -> None:
        """Take a `geometry_msgs/Wrench` of the sensor, whose axes are those of the tool centre point."""
        self._readings.append(six(wrench.force, wrench.torque))

    def take_pose(self, pose: Any) -> None:
        """Take the `geometry_msgs/Pose` of the tool centre point in the base."""
        q = pose.orientation
        self._R_base_tcp = rotation_from_quat(np.array([q.x, q.y, q.z, q.w]))

    def tare(self) -> str:
        """Keep the mean of the newest readings; return why that is not possible, or nothing."""
        if not self._readings:
            return "no reading of the force sensor has come"
        mean = np.mean(self._readings, axis=0)
        if np.abs(mean).max() < _NOTHING:
            return "the force sensor reads nothing at all"
        self._kept = rotate_six(self._R_base_tcp, mean)
        return ""

    def fill(self, message: Any) -> None:
        """Write what is subtracted now into a `geometry_msgs/Wrench`."""
        fill_wrench(message, rotate_six(self._R_base_tcp.T, self._kept))
