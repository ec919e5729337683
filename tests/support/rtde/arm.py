"""What moves behind the controller: a kinematic UR5e that follows set-points and feels the weight nobody told it of."""

from __future__ import annotations

from typing import Protocol

import numpy as np

HOME = (0.0, -1.57, 1.57, -1.57, -1.57, 0.0)
SPEED_RAD_PER_S = 3.15
STOP_RAD_PER_S2 = 25.0
SERVO_LAG_S = 0.012
G = 9.80665

_D = (0.1625, 0.0, 0.0, 0.1333, 0.0997, 0.0996)
_A = (0.0, -0.425, -0.3922, 0.0, 0.0, 0.0)
_ALPHA = (np.pi / 2, 0.0, 0.0, np.pi / 2, -np.pi / 2, 0.0)


def flange_rotation(q) -> np.ndarray:
    """Return the rotation of the flange in the `base` frame, by the published Denavit-Hartenberg angles."""
    return flange_pose(q)[:3, :3]


def flange_pose(q) -> np.ndarray:
    X = np.eye(4)
    for angle, d, a, alpha in zip(q, _D, _A, _ALPHA, strict=True):
        c, s, ca, sa = np.cos(angle), np.sin(angle), np.cos(alpha), np.sin(alpha)
        X = X @ np.array([[c, -s * ca, s * sa, a * c], [s, c * ca, -c * sa, a * s], [0, sa, ca, d], [0, 0, 0, 1]])
    return X


def rotation_vector(R) -> np.ndarray:
    """Return axis times angle; the angle is below pi, which a tool that is exactly upside down misses by a hair."""
    axis = np.array([R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]])
    sine, cosine = 0.5 * np.linalg.norm(axis), 0.5 * (np.trace(R) - 1.0)
    if sine < 1e-6:
        # Half a turn: the axis is a column of R + 1.
        column = (R + np.eye(3))[:, int(np.argmax(np.diag(R)))]
        return np.zeros(3) if cosine > 0.0 else np.pi * column / np.linalg.norm(column)
    return np.arctan2(sine, cosine) * axis / (2.0 * sine)


class Arm(Protocol):
    """What the controller drives."""

    q: np.ndarray
    dq: np.ndarray

    def step(self, target: np.ndarray | None, period_s: float) -> None:
        """Follow a set-point for a period; without one come to rest and hold."""
        ...

    def load(self) -> tuple[np.ndarray, np.ndarray]:
        """Return force and torque on the flange, N and N·m, in flange axes, with the weight of what hangs there."""
        ...


class KinematicArm:
    """An arm without dynamics; `push_n` is a force of the environment at the flange, in the axes of `base`."""

    def __init__(self, mass_kg: float = 1.1, centre_m: tuple[float, float, float] = (0.0, 0.0, 0.06)) -> None:
        self.q, self.dq = np.array(HOME), np.zeros(6)
        self.mass_kg, self.centre = mass_kg, np.array(centre_m)
        self.push_n = np.zeros(3)

    def step(self, target: np.ndarray | None, period_s: float) -> None:
        if target is None:
            change = STOP_RAD_PER_S2 * period_s
            self.dq = np.sign(self.dq) * np.maximum(np.abs(self.dq) - change, 0.0)
        else:
            self.dq = np.clip((target - self.q) / SERVO_LAG_S, -SPEED_RAD_PER_S, SPEED_RAD_PER_S)
            self.dq[np.abs(target - self.q) < 1e-9] = 0.0
        self.q = self.q + self.dq * period_s

    def load(self) -> tuple[np.ndarray, np.ndarray]:
        R = flange_rotation(self.q)
        weight = R.T @ np.array([0.0, 0.0, -G * self.mass_kg])
        return weight + R.T @ self.push_n, np.cross(self.centre, weight)
