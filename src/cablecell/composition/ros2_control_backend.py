"""A robot behind standard ros2_control interfaces as a backend of `arm_controller`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cablecell.composition.machines import Backend, MachineOptions, contact_loop
from cablecell.composition.robot_description import load_robot_description
from cablecell.configuration import load_robot
from cablecell.core.config.robot import RobotSettings
from cablecell.core.control.modes import preferred_mode
from cablecell.core.control.robot_arm import RobotArm
from cablecell.core.errors import ConfigurationError
from cablecell.core.fusion.wrench import Payload
from cablecell.core.motion.model import RobotModel
from cablecell.hardware.ros2_control import Ros2ControlMachine
from cablecell.hardware.transport import RobotTransport


def make_ros2_control(options: MachineOptions) -> Backend:
    """Return the robot of `options.robot_file` over DDS, not yet connected.

    Raises:
        ConfigurationError: No file is named, or it has a mistake (family 900).
    """
    # Not before it is asked for: the composition itself needs no ROS.
    from cablecell.ros.robot_transport import RclpyTransport

    if not options.robot_file:
        raise ConfigurationError(
            "robot_file is empty; hardware 'ros2_control' needs the file that describes the robot",
            quantity="robot_file",
            limit="a file",
        )
    settings = load_robot(Path(options.robot_file))
    manager = None if settings.controllers is None else settings.controllers.manager
    return make_backend(settings, RclpyTransport(settings.topics, manager), options.rate_hz)


def make_backend(settings: RobotSettings, transport: RobotTransport, rate_hz: float) -> Backend:
    """Return a robot behind a transport that is controlled at a rate, not yet connected."""
    robot = RobotModel(load_robot_description(with_enclosure=False))
    model = RobotArm(
        robot,
        rotor_inertia=np.zeros(len(settings.joints)),
        # The driver clips to these: a controller that went faster would take the clipping for an arm that strays.
        velocity_limit=np.array(settings.limits.velocity_rad_per_s),
    )
    machine = Ros2ControlMachine(settings, model.joint_limits, transport, rate_hz)
    tool_frames = {name: robot.relative_pose("tcp", name) for name in ("tcp", "tool0", "ft_frame")}
    X_tcp_ft = tool_frames["ft_frame"]
    centre_ft = X_tcp_ft[:3, :3].T @ (np.array(settings.tool.centre_m) - X_tcp_ft[:3, 3])
    # What the robot takes away by itself must not be taken away twice.
    tool = Payload(settings.tool.mass_kg if settings.wrench.includes_weight else 0.0, centre_ft)
    return Backend(
        machine=machine,
        model=model,
        command_mode=preferred_mode(machine.arm.command_modes),
        contact_loop=contact_loop(machine.arm, settings.tool),
        tool_frames=tool_frames,
        description=load_robot_description(),
        tool_payload=tool,
        payload=lambda: tool,
        # A position-controlled arm compensates its own gravity; its payload is set at the robot.
        set_arm_payload=lambda mass, centre: None,
    )
