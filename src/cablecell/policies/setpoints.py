"""The skill's compliance setpoints as motion updates of the challenge, which know only the tool centre point."""

from __future__ import annotations

from typing import Any

import numpy as np
from aic_control_interfaces.msg import MotionUpdate, TrajectoryGenerationMode

from cablecell.core.control.command import ComplianceCommand
from cablecell.core.control.impedance import design_damping
from cablecell.core.geometry import Array, invert_pose
from cablecell.ros.conversions import BASE_FRAME, fill_pose, fill_xyz

INERTIA = np.diag([7.0, 7.0, 7.0, 0.3, 0.3, 0.05])
"""What the arm weighs at its tool, about: kg and kg·m². A motion update carries no damping that is designed for it."""


class SetpointWriter:
    """Turns one setpoint after another into motion updates.

    Where an axis of a setpoint has no stiffness its target has no meaning, but its motion would be fed forward there:
    such a target stays where it was when the axis lost its stiffness, in the axes of the first setpoint.
    """

    def __init__(self) -> None:
        self._axes: Array | None = None
        self._kept_m: float | None = None

    def write(self, command: ComplianceCommand, stamp: Any) -> Any:
        """Return a `MotionUpdate` with a stamp that lets the arm do at the tool what the command asks for at its frame.

        Args:
            command: The setpoint.
            stamp: `builtin_interfaces/Time`.
        """
        X_base_comp = self._keep(command)
        X_base_tcp = X_base_comp @ invert_pose(command.X_tcp_comp)
        damping = command.damping + design_damping(INERTIA, command.stiffness, command.damping_ratio)
        update = MotionUpdate(trajectory_generation_mode=TrajectoryGenerationMode(mode=2))
        update.header.frame_id, update.header.stamp = BASE_FRAME, stamp
        fill_pose(update.pose, X_base_tcp)
        update.target_stiffness = at_tool(command.stiffness, X_base_comp, X_base_tcp).ravel()
        update.target_damping = at_tool(damping, X_base_comp, X_base_tcp).ravel()
        force, moment = wrench_at_tool(command.feedforward, command.X_tcp_comp)
        fill_xyz(update.feedforward_wrench_at_tip.force, force)
        fill_xyz(update.feedforward_wrench_at_tip.torque, moment)
        return update

    def _keep(self, command: ComplianceCommand) -> Array:
        X = command.X_base_target
        if self._axes is None:
            self._axes = X[:3, :3].copy()
        axis = self._axes[:, 2]
        if command.stiffness[2, 2] > 0.0:
            self._kept_m = None
            return X
        along_m = float(axis @ X[:3, 3])
        if self._kept_m is None:
            self._kept_m = along_m
        kept = X.copy()
        kept[:3, 3] += (self._kept_m - along_m) * axis
        return kept


def at_tool(gains: Array, X_base_comp: Array, X_base_tcp: Array) -> Array:
    """Return a gain matrix of a frame of the tool, in its axes, as one of the tool centre point in base axes.

    Shape (6, 6), symmetric. A small turn about the tool centre point moves the frame by turn x lever.
    """
    rx, ry, rz = (X_base_comp[:3, 3] - X_base_tcp[:3, 3]).tolist()
    R = X_base_comp[:3, :3]
    T = np.zeros((6, 6))
    T[:3, :3] = T[3:, 3:] = R.T
    T[:3, 3:] = -R.T @ np.array([[0.0, -rz, ry], [rz, 0.0, -rx], [-ry, rx, 0.0]])
    moved = T.T @ gains @ T
    return np.asarray(0.5 * (moved + moved.T))


def wrench_at_tool(wrench: Array, X_tcp_comp: Array) -> tuple[Array, Array]:
    """Return force and moment at the tool centre point in its axes of a wrench in a frame of the tool."""
    R, p = X_tcp_comp[:3, :3], X_tcp_comp[:3, 3]
    force = R @ wrench[:3]
    return force, R @ wrench[3:] + np.cross(p, force)
