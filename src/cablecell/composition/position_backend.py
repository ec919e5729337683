"""What is the same of every real arm that is told positions, whatever carries them to it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cablecell.composition.machines import Backend, contact_loop
from cablecell.composition.robot_description import load_robot_description
from cablecell.core.config.robot import ArmSettings
from cablecell.core.control.modes import preferred_mode
from cablecell.core.control.robot_arm import RobotArm
from cablecell.core.fusion.wrench import Payload
from cablecell.core.geometry import Array
from cablecell.core.motion.model import RobotModel
from cablecell.ports import Machine


class PositionArm:
    """The arm of the cell's description, within the limits of a robot.

    Attributes:
        model: Kinematics and limits.
        tool_frames: Poses of `tcp`, `tool0` and `ft_frame` in `tcp`.
    """

    def __init__(self, settings: ArmSettings) -> None:
        self._settings = settings
        robot = RobotModel(load_robot_description(with_enclosure=False))
        self.model = RobotArm(
            robot,
            rotor_inertia=np.zeros(len(settings.joints)),
            # The driver clips to these: a controller that went faster would take the clipping for an arm that strays.
            velocity_limit=np.array(settings.limits.velocity_rad_per_s),
        )
        self.tool_frames = {name: robot.relative_pose("tcp", name) for name in ("tcp", "tool0", "ft_frame")}

    def from_tcp(self, frame: str, p_tcp: Array) -> Array:
        """Return a point of `tcp` in one of `tool_frames`, m."""
        X_tcp_frame = self.tool_frames[frame]
        return X_tcp_frame[:3, :3].T @ (p_tcp - X_tcp_frame[:3, 3])

    def backend(self, machine: Machine, set_arm_payload: Callable[[float, Array], None]) -> Backend:
        """Return a machine of this arm as a backend.

        Args:
            machine: The machine, not yet connected.
            set_arm_payload: Tells it what it carries beyond its tool: mass, kg, and centre in `tcp`, m.
        """
        settings = self._settings
        centre_ft = self.from_tcp("ft_frame", np.array(settings.tool.centre_m))
        # What the robot takes away by itself must not be taken away twice.
        tool = Payload(settings.tool.mass_kg if settings.wrench.includes_weight else 0.0, centre_ft)
        return Backend(
            machine=machine,
            model=self.model,
            command_mode=preferred_mode(machine.arm.command_modes),
            contact_loop=contact_loop(machine.arm, settings.tool),
            tool_frames=self.tool_frames,
            description=load_robot_description(),
            tool_payload=tool,
            payload=lambda: tool,
            set_arm_payload=set_arm_payload,
        )
