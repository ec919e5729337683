"""A robot behind standard ros2_control interfaces as a backend of `arm_controller`."""

from __future__ import annotations

from pathlib import Path

from cablecell.composition.machines import Backend, MachineOptions
from cablecell.composition.position_backend import PositionArm
from cablecell.configuration import load_robot
from cablecell.core.config.robot import RobotSettings
from cablecell.core.errors import ConfigurationError
from cablecell.hardware.ros2_control import Ros2ControlMachine
from cablecell.hardware.transport import ControllerTransport


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


def make_backend(settings: RobotSettings, transport: ControllerTransport, rate_hz: float) -> Backend:
    """Return a robot behind a transport that is controlled at a rate, not yet connected."""
    arm = PositionArm(settings)
    machine = Ros2ControlMachine(settings, arm.model.joint_limits, transport, rate_hz)
    # A position-controlled arm compensates its own gravity; its payload is set at the robot.
    return arm.backend(machine, set_arm_payload=lambda mass, centre: None)
