"""The simulated machine as a robot is met from outside, for the loop-back of the drivers of real arms."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from cablecell.composition.machines import Backend, MachineOptions
from cablecell.composition.simulated_backend import SimulatedCell, backend_of
from cablecell.composition.simulated_ur import SimulatedUr
from cablecell.core.config.sim_robot import SimRobotParameters
from cablecell.core.errors import AddressTakenError
from cablecell.ports import Machine, Vector
from cablecell.simulation.link_cut import CutReport, CutWatch
from cablecell.simulation.machine import SimulatedMachine
from cablecell.simulation.servo import ServoArm, ServoLink
from cablecell.simulation.ur.controller import Controller
from cablecell.simulation.ur.link import Weather
from cablecell.simulation.ur.server import Server


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
    link = ServoLink(settings.lookahead_s, settings.delay_s, settings.delay_jitter_s, settings.loss)
    if settings.rtde_address:
        link = ServoLink(settings.lookahead_s)  # the network is between the controller and its clients
    return ServoArm(machine, link, settings.seed)


def make_ur_ports(robot: SimulatedUr, settings: SimRobotParameters) -> Server:
    """Return a UR controller that listens at `settings.rtde_address`.

    Raises:
        AddressTakenError: It cannot (code 808).
    """
    weather = Weather(settings.delay_s, settings.delay_jitter_s, settings.loss)
    address = settings.rtde_address
    try:
        return Server(address, Controller(robot), robot, weather)
    except OSError as error:
        raise AddressTakenError(
            f"no UR controller can listen at {address}: {error}; another cell may have one there",
            quantity="rtde_address",
            value=address,
        ) from error


def watch_cut(machine: Machine, free_n: Vector) -> Callable[[], CutReport | None]:
    """Return what looks at the arm of a robot whose link is cut now, once a period, and reports in the end.

    Args:
        machine: The simulated machine.
        free_n: What its force sensor reads while nothing is touched, shape (3,), N.
    """
    assert isinstance(machine, SimulatedMachine)
    watch, world = CutWatch(free_n), machine.world

    def look() -> CutReport | None:
        dq, velocity = np.array(world.joint_states()[1]), world.tcp_motion()[1]
        return watch.look(machine.clock.now_s(), dq, math.hypot(*velocity), machine.wrench_sensor.read().force)

    return look
