"""What moves behind the controller: a kinematic UR5e that follows set-points and feels the weight nobody told it of."""

from __future__ import annotations

import numpy as np

from cablecell.simulation.ur.arm import flange_pose
from cablecell.simulation.ur.controller import STANDARD_GRAVITY

HOME = (0.0, -1.57, 1.57, -1.57, -1.57, 0.0)
SPEED_RAD_PER_S = 3.15
STOP_RAD_PER_S2 = 25.0
SERVO_LAG_S = 0.012


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

    def smooth_over(self, lookahead_s: float) -> None:
        """Keep the lag it has: what the tests measure with it is the link."""

    def load(self) -> tuple[np.ndarray, np.ndarray]:
        R = flange_pose(self.q)[:3, :3]
        weight = R.T @ np.array([0.0, 0.0, -STANDARD_GRAVITY * self.mass_kg])
        return weight + R.T @ self.push_n, np.cross(self.centre, weight)
