"""Where the tool really is when the arm's own kinematics say it is somewhere: the arm as built, at rest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.trial import JOINT_NAMES
from cablecell.core.geometry import invert_pose
from cablecell.core.motion.ik import InverseKinematics
from cablecell.core.motion.model import RobotModel
from cablecell.simulation.encoders import EncoderErrors
from cablecell.simulation.scene import Scene
from cablecell.simulation.scene_state import SceneState
from cablecell.simulation.visual_scene import link_poses

Matrix = NDArray[np.float64]

_VISIT_S = 60.0  # between two visits: long enough for the encoders' wander to be another


class TrueArm:
    """An arm that is sent to poses by its description and stands where the built one does."""

    def __init__(self, model: RobotModel, built: Scene, encoders: EncoderErrors, q_home: Matrix) -> None:
        """Make an arm that is at home.

        Args:
            model: The arm as described.
            built: The scene with the arm as built.
            encoders: What its joints report.
            q_home: Joints as reported at home, shape (n,), rad.
        """
        self._model, self._built, self._encoders = model, built, encoders
        self._kinematics = InverseKinematics(model)
        self._q = np.array(q_home, dtype=float)
        self._visits = 0

    def stand(self, X_base_tcp: Matrix) -> Matrix:
        """Return X_world_tcp, shape (4, 4), after the arm was sent to a pose; another time it is a little elsewhere.

        Raises:
            NoIkSolutionError: The arm cannot reach the pose.
        """
        self._q = self._kinematics.solve(X_base_tcp, self._q)
        torque = self._model.gravity_torque(self._q).tolist()
        still = [0.0] * len(torque)
        self._visits += 1
        self._encoders.measure(_VISIT_S * self._visits, self._q.tolist(), still, torque)
        q = self._q - self._encoders.error_rad
        body, X = self._built.robot.frames["tcp"]
        state = SceneState(0.0, tuple(q[: len(JOINT_NAMES)].tolist()), 0.0, None, ())
        return (link_poses(self._built.robot, state)[body] @ X).matrix()

    def in_arm_coordinates(self, X_base: Matrix, X_base_tcp: Matrix) -> Matrix:
        """Return a true pose in `base_link` as the arm finds it when it reaches for it.

        What is constant in the error of an arm moves what it sees as it moves what it does, and does no harm; this is
        the pose that the arm has to be told to get there.

        Args:
            X_base: The true pose, shape (4, 4).
            X_base_tcp: Where the tool is sent to when it is there.
        """
        X_base_world = invert_pose(self._model.X_world_base)
        return np.asarray(X_base_tcp @ invert_pose(X_base_world @ self.stand(X_base_tcp)) @ X_base)
