"""The arm as it was built: every joint a little beside where the description has it.

Physics and renderers take the scene from here, controllers and estimators the description; what lies between them is
the error of kinematic calibration.
"""

from __future__ import annotations

import random
from dataclasses import replace

from cablecell.core.config.sensors import KinematicsSettings
from cablecell.core.geometry.scalar import quat_from_rotvec
from cablecell.simulation.rigid import Pose
from cablecell.simulation.scene import Scene


def as_built(scene: Scene, settings: KinematicsSettings, seed: int) -> Scene:
    """Return a scene with the arm of a seed: its revolute joints shifted and turned against their parents.

    Args:
        scene: The scene with the arm as described.
        settings: Sizes of the errors.
        seed: Decides which arm it is; every process that shows the scene must use the same.
    """
    if settings.length_error_m == 0.0 and settings.angle_error_rad == 0.0:
        return scene
    rng = random.Random(f"{seed}/kinematics")

    def three(sigma: float) -> tuple[float, float, float]:
        return rng.gauss(0.0, sigma), rng.gauss(0.0, sigma), rng.gauss(0.0, sigma)

    joints = []
    for joint in scene.robot.joints:
        if joint.kind == "revolute":
            shift, turn = three(settings.length_error_m), three(settings.angle_error_rad)
            joint = replace(joint, X_PC=joint.X_PC @ Pose(shift, quat_from_rotvec(turn)))
        joints.append(joint)
    return replace(scene, robot=replace(scene.robot, joints=joints))
