"""A UR arm over RTDE as a backend of `arm_controller`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cablecell.composition.machines import Backend, MachineOptions, combine_payloads
from cablecell.composition.position_backend import PositionArm
from cablecell.configuration import load_ur
from cablecell.core.config.ur import UrSettings
from cablecell.core.errors import ConfigurationError
from cablecell.core.fusion.wrench import Payload
from cablecell.core.geometry import Array
from cablecell.hardware.ur_rtde import UrMachine
from cablecell.hardware.ur_transport import FLANGE, UrTransport, require_library


def make_ur(options: MachineOptions) -> Backend:
    """Return the UR of `options.robot_file` at `options.robot_ip`, not yet connected.

    Raises:
        DriverMissingError: The client library is not installed (code 807).
        ConfigurationError: No file or no address is named, or the file has a mistake (family 900).
    """
    require_library()
    for name, value, what in (
        ("robot_file", options.robot_file, "the file that describes the robot"),
        ("robot_ip", options.robot_ip, "the address of the robot"),
    ):
        if not value:
            raise ConfigurationError(
                f"{name} is empty; hardware 'ur_rtde' needs {what}", quantity=name, limit="a value"
            )
    return make_backend(load_ur(Path(options.robot_file)), options.robot_ip, options.rate_hz)


def make_backend(settings: UrSettings, address: str, rate_hz: float) -> Backend:
    """Return a UR at an address that is controlled at a rate, not yet connected."""
    arm = PositionArm(settings)
    tool = Payload(settings.tool.mass_kg, arm.from_tcp(FLANGE, np.array(settings.tool.centre_m)))
    transport = UrTransport(address, settings, (tool.mass_kg, *tool.centre))
    machine = UrMachine(settings, arm.model.joint_limits, transport, rate_hz, f"RTDE of {address}")

    def carry(mass_kg: float, centre_tcp: Array) -> None:
        load = combine_payloads(tool, Payload(mass_kg, arm.from_tcp(FLANGE, centre_tcp)))
        transport.set_payload(load.mass_kg, load.centre.tolist())

    return arm.backend(machine, set_arm_payload=carry)
