"""Make the machine that an `arm_controller` owns, by the name of its kind, with everything the controller needs of it.

A node knows `Backend` and nothing of physics; what only one kind of machine offers is its `BackendExtras`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.robot import RobotTool
from cablecell.core.control.admittance import ContactLoop
from cablecell.core.control.model import ArmModel
from cablecell.core.errors import ConfigurationError, WorkcellError
from cablecell.core.fusion.wrench import Payload
from cablecell.plugins import Plugin, PluginKind, find_plugin, plugin_names
from cablecell.ports import Arm, CommandMode, Machine

Array = NDArray[np.float64]


class MachineKindError(ConfigurationError):
    """The kind of machine is unknown; nothing was connected."""

    code = 902


class UnknownTrialError(ConfigurationError):
    """The trials file has no trial of that name; the old scene stays."""

    code = 903


@dataclass(frozen=True)
class MachineOptions:
    """What is configured about a machine.

    Attributes:
        trials_file: File of the trials of a simulation; empty is the sample of the cell.
        trial: Name of the trial it starts with; empty is the first of the file.
        seed: Seed of every random error of its scene.
        robot_file: File that describes a real robot: names, limits, response.
        robot_ip: Address of a robot that is reached directly.
        rate_hz: Rate at which the machine is controlled.
        recording: File of a recording that is played.
    """

    trials_file: str = ""
    trial: str = "trial_1"
    seed: int = 0
    robot_file: str = ""
    robot_ip: str = ""
    rate_hz: float = 500.0
    recording: str = ""


@dataclass(frozen=True)
class TrialSource:
    """Which scene a simulation shows: all that a renderer needs to build the same one.

    Attributes:
        trials_file: Absolute path of the trials file.
        trial: Name of the trial.
        seed: Seed of every random error.
    """

    trials_file: str
    trial: str
    seed: int


@dataclass(frozen=True)
class ExtrasHost:
    """Who runs the extras of a backend.

    Attributes:
        node: The node, a `CellNode`.
        loop: Its control loop.
        republish: Publishes again what listeners keep, after it has changed.
    """

    node: Any
    loop: Any
    republish: Callable[[], None]


class BackendExtras(Protocol):
    """Publishers and services that one kind of machine has beside those of every arm."""

    def publish_latched(self) -> None:
        """Publish what listeners keep."""
        ...

    def publish(self, cycle: Any) -> None:
        """Publish what is due in a cycle of the control loop; called by its thread."""
        ...

    def destroy(self) -> None:
        """Take publishers and services away."""
        ...


class NoExtras:
    """A machine that offers nothing but its arm."""

    def publish_latched(self) -> None:
        """Publish nothing."""

    def publish(self, cycle: Any) -> None:
        """Publish nothing."""

    def destroy(self) -> None:
        """Take nothing away."""


@dataclass(frozen=True)
class Backend:
    """A machine, and what a controller has to know of it.

    Attributes:
        machine: The machine, not yet connected.
        model: Kinematics and inertia of its arm.
        command_mode: What its arm is told.
        contact_loop: Delay and stiffness of a position-controlled arm; None for a torque-controlled one.
        tool_frames: Poses of `tcp`, `tool0` and `ft_frame` in `tcp`, shape (4, 4) each.
        description: URDF text of the arm in its cell.
        tool_payload: What hangs on the force sensor without anything gripped.
        payload: Returns what hangs on it with the plug that is gripped now, nominally.
        set_arm_payload: Tells the arm what it carries beyond its tool: mass, kg, and centre in `tcp`, m.
        arm_payload: Returns what the arm believes to carry, likewise; None where it does not say.
        make_extras: Makes what this kind of machine offers beside its arm.
    """

    machine: Machine
    model: ArmModel
    command_mode: CommandMode
    contact_loop: ContactLoop | None
    tool_frames: Mapping[str, Array]
    description: str
    tool_payload: Payload
    payload: Callable[[], Payload]
    set_arm_payload: Callable[[float, Array], None]
    arm_payload: Callable[[], tuple[float, Array] | None] = lambda: None
    make_extras: Callable[[ExtrasHost], BackendExtras] = lambda host: NoExtras()


def make_machine(kind: str, options: MachineOptions) -> Backend:
    """Return the machine of a kind, not yet connected.

    Raises:
        MachineKindError: There is no such kind (code 902).
        WorkcellError: What is configured for it has a mistake (family 900), or the driver of another package cannot
            be used (codes 960 to 962).
    """
    if kind in MACHINES:
        return MACHINES[kind](options)
    driver = require_driver(kind)
    make = driver.load()
    try:
        made = make(options)
    except WorkcellError:
        raise
    except Exception as error:  # whatever code of others raises
        raise driver.broken(f"{type(error).__name__}: {error}") from error
    if not isinstance(made, Backend):
        raise driver.broken(f"'{driver.target}' returned {type(made).__name__}, not a Backend")
    return made


def require_kind(kind: str) -> None:
    """Refuse a kind of machine that cannot be made, without making one.

    Raises:
        MachineKindError: There is no such kind (code 902).
        ConfigurationError: It is the driver of another package, which cannot be used (codes 960 to 962).
    """
    if kind not in MACHINES:
        require_driver(kind).load()


def require_driver(kind: str) -> Plugin:
    """Return the driver of another package by its name.

    Raises:
        MachineKindError: There is none of that name (code 902).
        ConfigurationError: It is for another version of the interface, or in two packages (codes 960 and 962).
    """
    driver = find_plugin(PluginKind.DRIVER, kind)
    if driver is None:
        valid = ", ".join(sorted({*MACHINES, *plugin_names(PluginKind.DRIVER)}))
        raise MachineKindError(
            f"hardware = '{kind}' is not a kind of machine; valid are {valid}",
            quantity="hardware",
            value=kind,
            limit=valid,
        )
    return driver


def combine_payloads(a: Payload, b: Payload) -> Payload:
    """Return two rigid payloads as one; both centres are in `ft_frame`."""
    mass = a.mass_kg + b.mass_kg
    if mass <= 0.0:
        return Payload(0.0, np.zeros(3))
    return Payload(mass, (a.mass_kg * a.centre + b.mass_kg * b.centre) / mass)


def contact_loop(arm: Arm, tool: RobotTool) -> ContactLoop | None:
    """Return what bounds contact of an arm that follows positions by itself; None for one that does not."""
    response = arm.servo_response
    if response is None:
        return None
    x, y, z = tool.centre_m
    return ContactLoop(
        response.delay_s,
        response.lag_s,
        tool.stiffness_n_per_m,
        tool.stiffness_nm_per_rad,
        tool_mass_kg=tool.mass_kg,
        tool_centre_m=(x, y, z),
        tool_gyration_m=tool.gyration_m,
    )


# Not before it is asked for: a machine must not need the libraries of another.


def _simulated(options: MachineOptions) -> Backend:
    from cablecell.composition.simulated_backend import make_simulated

    return make_simulated(options)


def _mock(options: MachineOptions) -> Backend:
    from cablecell.composition.mock_backend import make_mock

    return make_mock(options)


def _replay(options: MachineOptions) -> Backend:
    from cablecell.composition.replay_backend import make_replay

    return make_replay(options)


def _ros2_control(options: MachineOptions) -> Backend:
    from cablecell.composition.ros2_control_backend import make_ros2_control

    return make_ros2_control(options)


def _ur_rtde(options: MachineOptions) -> Backend:
    from cablecell.composition.ur_backend import make_ur

    return make_ur(options)


MACHINES: Mapping[str, Callable[[MachineOptions], Backend]] = {
    "mock": _mock,
    "replay": _replay,
    "ros2_control": _ros2_control,
    "sim": _simulated,
    "ur_rtde": _ur_rtde,
}
"""Maker of every kind of machine of the cell's own."""
