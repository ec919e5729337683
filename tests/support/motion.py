"""The arm of the cell and the boards of the sample trials, made once for all motion tests."""

from __future__ import annotations

from functools import cache

import numpy as np
import pinocchio as pin

from cablecell.composition.robot_description import load_robot_description, load_task_board_description
from cablecell.core.geometry import invert_pose, pose_from_xyz_rpy
from cablecell.core.motion.collision import RobotGeometry
from cablecell.core.motion.ik import InverseKinematics
from cablecell.core.motion.model import RobotModel
from cablecell.core.motion.moves import MovePlanner
from cablecell.core.motion.scene import (
    AttachedBody,
    Box,
    HeldCable,
    Obstacle,
    Scene,
    hold_cable,
    obstacles_from_urdf,
)
from cablecell.core.motion.trajectory import MotionLimits

HOME = np.array([-0.1597, -1.3542, -1.6648, -1.6933, 1.5710, 1.4110])
"""Published home joints, rad."""

LIMITS = MotionLimits.uniform(6, velocity=2.0, acceleration=6.0, jerk=60.0)
MARGIN_M = 0.003


@cache
def urdf() -> str:
    return load_robot_description()


@cache
def model() -> RobotModel:
    return RobotModel(urdf())


@cache
def ik() -> InverseKinematics:
    return InverseKinematics(model())


@cache
def geometry() -> RobotGeometry:
    return RobotGeometry(model())


@cache
def moves() -> MovePlanner:
    return MovePlanner(model(), LIMITS, geometry=geometry())


@cache
def board(trial: int) -> tuple[str, np.ndarray]:
    """URDF of the board of a sample trial, and its pose in base_link."""
    mounts: dict[str, bool | float] = {"sfp_mount_rail_0_present": True, "sc_mount_rail_0_present": True}
    if trial in (1, 2):
        nic = f"nic_card_mount_{trial - 1}"
        urdf_text = load_task_board_description(
            **mounts,
            **{f"{nic}_present": True, f"{nic}_translation": 0.036},
            sc_port_0_present=True,
            sc_port_0_translation=0.042,
            sc_port_0_yaw=0.1,
            sfp_mount_rail_0_translation=0.03,
            sc_mount_rail_0_translation=-0.02,
            lc_mount_rail_0_present=True,
            lc_mount_rail_0_translation=0.02,
            lc_mount_rail_1_present=True,
            lc_mount_rail_1_translation=-0.01,
        )
        X_world_board = pose_from_xyz_rpy((0.15, -0.2, 1.14), (0.0, 0.0, 3.1415))
    else:
        urdf_text = load_task_board_description(
            **mounts,
            sc_port_1_present=True,
            sc_port_1_translation=-0.055,
            sfp_mount_rail_0_translation=0.05,
            sc_mount_rail_0_translation=-0.03,
            lc_mount_rail_1_present=True,
            lc_mount_rail_1_translation=0.04,
        )
        X_world_board = pose_from_xyz_rpy((0.17, 0.0, 1.14), (0.0, 0.0, 3.0))
    return urdf_text, invert_pose(model().X_world_base) @ X_world_board


@cache
def scene(trial: int) -> Scene:
    return Scene().with_obstacles(obstacles_from_urdf(*board(trial)))


def board_frame(trial: int, frame: str) -> np.ndarray:
    """Pose of a frame of the trial's board in base_link."""
    text, X_base_board = board(trial)
    board_model = pin.buildModelFromXML(text)
    data = board_model.createData()
    pin.framesForwardKinematics(board_model, data, pin.neutral(board_model))
    return X_base_board @ np.array(data.oMf[board_model.getFrameId(frame)].homogeneous)


def held_plug() -> AttachedBody:
    """A box of the size of an SFP module with its tip 57.9 mm below the tcp."""
    X_tcp_plug = pose_from_xyz_rpy((0.0, 0.0, 0.0579 - 0.0473 / 2), (0.0, 0.0, 0.0))
    return AttachedBody("plug", Box((0.01375, 0.00845, 0.0473)), "tcp", X_tcp_plug)


def held_cable() -> HeldCable:
    """The cable of the SFP module, where the sample trials have it in the gripper."""
    X_tcp_exit = pose_from_xyz_rpy((0.0, 0.011, -0.031), (0.36, 0.0, 0.0))
    return hold_cable(
        "tcp",
        X_tcp_exit,
        diameter_m=4e-3,
        bending_stiffness_nm2=3e-4,
        mass_kg_per_m=0.052,
        min_bend_radius_m=0.016,
    )


def pointing_down(xyz: tuple[float, float, float], yaw: float = 0.0) -> np.ndarray:
    return pose_from_xyz_rpy(xyz, (np.pi, 0.0, yaw))


def block(name: str, xyz: tuple[float, float, float], size: tuple[float, float, float]) -> Obstacle:
    return Obstacle(name, Box(size), pose_from_xyz_rpy(xyz, (0.0, 0.0, 0.0)))
