"""Compile the loops of simulation, control and planning, or load them where they were compiled before.

`python -m cablecell.composition.kernels` at set-up saves the first cell that is started a minute of compiling.
"""

from __future__ import annotations

import numpy as np

from cablecell.composition.camera_rig import warm_up
from cablecell.composition.robot_description import load_robot_description
from cablecell.composition.simulated_cell import load_scene
from cablecell.configuration import load_connectors, load_simulation, load_trials
from cablecell.core.config.control import ControlSettings
from cablecell.core.control.arm_controller import ArmController
from cablecell.core.control.robot_arm import RobotArm
from cablecell.core.fusion.wrench_kernel import warm_up as compile_compensator
from cablecell.core.geometry.scalar import IDENTITY
from cablecell.core.insertion.kernels import warm_up as compile_skill
from cablecell.core.motion.model import RobotModel
from cablecell.core.motion.moves import MovePlanner
from cablecell.core.motion.trajectory import MotionLimits
from cablecell.core.perception.edge_equations import warm_up as compile_edges
from cablecell.core.perception.plug_kernels import warm_up as compile_plug
from cablecell.ports import CommandMode
from cablecell.simulation.machine import SimulatedMachine
from cablecell.simulation.rigid import Pose
from cablecell.simulation.round_contact import RoundContact


def compile_kernels() -> None:
    """Use everything compiled once: cameras, edges in images, controller, skill, cable, round plugs, and planning."""
    warm_up()
    model = RobotModel(load_robot_description())
    MovePlanner(model, MotionLimits.uniform(model.dof, 1.0, 1.0, 1.0)).warm_up()
    settings = load_simulation()
    arm = RobotArm(model, rotor_inertia=np.array(settings.arm.rotor_inertia_kg_m2))
    ArmController(arm, ControlSettings(), command_mode=CommandMode.EFFORT)
    compile_skill()
    compile_compensator()
    compile_edges()
    compile_plug()
    connectors, still = load_connectors(), (0.0, 0.0, 0.0)
    trial = next(iter(load_trials().trials.values()))
    machine = SimulatedMachine(load_scene(trial, connectors), settings)
    machine.connect()
    machine.cycle(1.0 / settings.cable.rate_hz)
    machine.disconnect()
    for connector in connectors.values():
        if connector.round_fit is not None:
            contact = RoundContact(connector, Pose(*IDENTITY), dt_s=5.0e-4)
            contact.wrench(still, IDENTITY[1], still, still, still, still)


if __name__ == "__main__":
    compile_kernels()
