"""The simulated machine as a robot is met from outside, for the loop-back of the ros2_control driver."""

from __future__ import annotations

from cablecell.composition.machines import Backend, MachineOptions
from cablecell.composition.simulated_backend import SimulatedCell, backend_of
from cablecell.core.config.sim_robot import SimRobotParameters
from cablecell.ports import Machine
from cablecell.simulation.machine import SimulatedMachine
from cablecell.simulation.servo import ServoArm, ServoLink


def make_robot(options: MachineOptions) -> tuple[Backend, SimulatedCell]:
    """Return the simulated machine, not yet connected, and what only a simulation offers.

    Raises:
        WorkcellError: What is configured for it has a mistake (family 900).
    """
    cell = SimulatedCell(options)
    return backend_of(cell), cell


def make_servo(machine: Machine, settings: SimRobotParameters) -> ServoArm:
    """Return the drives of a simulated machine behind their link."""
    assert isinstance(machine, SimulatedMachine)
    link = ServoLink(settings.lookahead_s, settings.delay_s, settings.delay_jitter_s)
    return ServoArm(machine, link, settings.seed)
