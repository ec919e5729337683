"""The ideal machine as a backend of `arm_controller`: the cell's own arm without physics."""

from __future__ import annotations

import numpy as np

from cablecell.composition.machines import Backend, MachineOptions, contact_loop
from cablecell.composition.robot_description import load_robot_description
from cablecell.core.config.robot import RobotTool
from cablecell.core.config.trial import JOINT_NAMES, HomeJoints
from cablecell.core.control.modes import preferred_mode
from cablecell.core.control.robot_arm import RobotArm
from cablecell.core.fusion.wrench import Payload
from cablecell.core.motion.model import RobotModel
from cablecell.hardware.mock import MockMachine

DESCRIBED_TOOL = RobotTool(mass_kg=1.0, centre_m=[0.0, 0.0, -0.1], stiffness_n_per_m=4.0e4, stiffness_nm_per_rad=30.0)
"""Gripper behind the sensor as the description of the arm has it."""

_NO_PAYLOAD = Payload(0.0, np.zeros(3))


def make_mock(options: MachineOptions) -> Backend:
    """Return the ideal machine, not yet connected."""
    robot = RobotModel(load_robot_description(with_enclosure=False))
    model = RobotArm(robot, rotor_inertia=np.zeros(len(JOINT_NAMES)))
    machine = MockMachine(JOINT_NAMES, model.joint_limits, np.array(HomeJoints().in_order()))
    return Backend(
        machine=machine,
        model=model,
        command_mode=preferred_mode(machine.arm.command_modes),
        contact_loop=contact_loop(machine.arm, DESCRIBED_TOOL),
        tool_frames={name: robot.relative_pose("tcp", name) for name in ("tcp", "tool0", "ft_frame")},
        description=load_robot_description(),
        tool_payload=_NO_PAYLOAD,
        payload=lambda: _NO_PAYLOAD,
        set_arm_payload=lambda mass, centre: None,
    )
