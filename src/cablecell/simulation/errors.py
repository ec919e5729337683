"""Faults of the simulated machine (hardware family, 850 to 859)."""

from __future__ import annotations

from cablecell.core.errors import HardwareCommandError, HardwareError, NotConnectedError


class SimulatedMachineError(HardwareError):
    """A fault of the simulated machine that has no class of its own."""

    code = 850


class MachineNotConnectedError(SimulatedMachineError, NotConnectedError):
    """The machine was used before `connect` or after `disconnect`."""

    code = 851


class MachineCommandError(SimulatedMachineError, HardwareCommandError):
    """A command has a wrong size, a value that is not finite, or a mode the arm does not have; nothing was changed."""

    code = 852


class TrialSceneError(SimulatedMachineError):
    """A scene asks for a connector, port or plug that does not exist."""

    code = 853
