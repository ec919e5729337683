"""Where the plug should be in the gripper: what a task states about the grasp, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cablecell.core.config.connector import Connector
from cablecell.core.config.trial import Cable
from cablecell.core.geometry import Array, invert_pose, make_pose, pose_from_quat, rotation_from_rpy


@dataclass(frozen=True)
class HeldPlug:
    """The plug in the gripper, as designed.

    Attributes:
        cable: Name of its cable.
        plug: Name of the plug, for example `sfp_tip`.
        connector: Connector family.
        X_tcp_tip: Nominal pose of the tip in `tcp`, shape (4, 4).
        position_sigma_m: Standard deviation of the shift in the grasp, each axis, m.
        rotation_sigma_rad: Likewise of the turn about the tcp, rad.
    """

    cable: str
    plug: str
    connector: str
    X_tcp_tip: Array
    position_sigma_m: float
    rotation_sigma_rad: float

    @property
    def covariance(self) -> Array:
        """Covariance of position, m², and rotation vector, rad², in the axes of the tip, shape (6, 6)."""
        return grasp_covariance(self.X_tcp_tip, self.position_sigma_m, self.rotation_sigma_rad)


def grasp_covariance(X_tcp_tip: Array, position_sigma_m: float, rotation_sigma_rad: float) -> Array:
    """Return the covariance of the tip's pose in its own axes, shape (6, 6), position first.

    A plug turns about where it is held: the tip of a long one moves sideways by as much again as the grasp shifts.

    Args:
        X_tcp_tip: Believed tip, shape (4, 4).
        position_sigma_m: Standard deviation of the shift, each axis, m.
        rotation_sigma_rad: Likewise of the turn, rad.
    """
    x, y, z = X_tcp_tip[:3, :3].T @ X_tcp_tip[:3, 3]
    turned = np.array([[0.0, z, -y], [-z, 0.0, x], [y, -x, 0.0]])  # error of the tip per turn: turn x lever
    variance = rotation_sigma_rad**2
    covariance = np.zeros((6, 6))
    covariance[:3, :3] = position_sigma_m**2 * np.eye(3) + variance * turned @ turned.T
    covariance[:3, 3:] = variance * turned
    covariance[3:, :3] = covariance[:3, 3:].T
    covariance[3:, 3:] = variance * np.eye(3)
    return covariance


@dataclass(frozen=True)
class GraspTolerance:
    """How far the plug may sit from its design in the gripper: bounds of each axis.

    Attributes:
        position_m: Bound of the position, m.
        rotation_rad: Bound of the rotation, rad.
    """

    position_m: float = 0.002
    rotation_rad: float = 0.04

    @property
    def position_sigma_m(self) -> float:
        """Standard deviation of an error that is uniform within the bounds, m."""
        return self.position_m / math.sqrt(3.0)

    @property
    def rotation_sigma_rad(self) -> float:
        """Likewise, rad."""
        return self.rotation_rad / math.sqrt(3.0)


def designed_grasp(cable: Cable, connector: Connector, X_world_tcp: Array) -> Array:
    """Return `X_tcp_tip` by design.

    Args:
        cable: Where the trial puts the cable's frame when it is gripped: an offset from the tcp along the axes of
            `world`, and an orientation in `world`.
        connector: Where the tip is in the cable's frame.
        X_world_tcp: Pose of the tcp at which the trial states this: the home pose.
    """
    pose, frame = cable.pose, connector.grasp.cable_frame
    offset = (pose.gripper_offset.x, pose.gripper_offset.y, pose.gripper_offset.z)
    X_world_cable = make_pose(rotation_from_rpy(pose.roll, pose.pitch, pose.yaw), X_world_tcp[:3, 3] + np.array(offset))
    X_cable_tip = pose_from_quat(frame.position_m, frame.quat_xyzw)
    return np.asarray(invert_pose(X_world_tcp) @ X_world_cable @ X_cable_tip)
