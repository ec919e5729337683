"""Typed errors of the cell: one class per fault, one code per class.

Codes go in families by hundreds: 100 kinematics, 200 planning, 300 execution, 400 insertion, 500 fusion,
600 supervision, 700 teleop, 800 hardware, 900 configuration; 0 is success, 1 a fault outside every family (a bug), and
x00 is "unknown in this family".
Action and service results carry the code; `cablecell.ros.error_codes` maps classes to results.
"""

from __future__ import annotations

from typing import ClassVar


class WorkcellError(Exception):
    """Base of every fault of the cell.

    Attributes:
        code: Number that identifies the class in results and in the ledger.
        quantity: What was out of order, for example `rate_hz`.
        value: The offending value, as text.
        limit: The limit or the valid alternatives, as text.
        unit: SI unit of value and limit; empty for a pure number or a name.
        frame: Frame the quantity is expressed in; empty where there is none.
    """

    code: ClassVar[int] = 1

    def __init__(
        self,
        message: str,
        *,
        quantity: str = "",
        value: object = "",
        limit: object = "",
        unit: str = "",
        frame: str = "",
    ) -> None:
        super().__init__(message)
        self.quantity = quantity
        self.value = str(value)
        self.limit = str(limit)
        self.unit = unit
        self.frame = frame


class SupervisionError(WorkcellError):
    """A fault of supervision that has no class of its own."""

    code = 600


class LinkRequestError(SupervisionError):
    """A link request asks for more than the responder's limits allow; nothing was done."""

    code = 602


class CancelledError(SupervisionError):
    """The client cancelled the goal before it was reached."""

    code = 603


class NotActiveError(SupervisionError):
    """The node got a request while it was not in the active state; nothing was done."""

    code = 604


class HardwareError(WorkcellError):
    """A fault of a machine, simulated or real, that has no class of its own."""

    code = 800


class NotConnectedError(HardwareError):
    """A machine was used before `connect` or after `disconnect`."""

    code = 801


class HardwareCommandError(HardwareError):
    """A machine was told what is not finite, out of range, of a wrong size or mode; nothing was changed."""

    code = 802


class StaleStateError(HardwareError):
    """A machine has not reported its state for longer than the limit: its link is broken or it has died."""

    code = 803


class MachineMissingError(HardwareError):
    """A machine could not be connected: something that it needs is not there."""

    code = 804


class ControllerSwitchError(HardwareError):
    """The robot's controllers could not be switched for the cell; nothing moved."""

    code = 805


class ControlLostError(HardwareError):
    """A robot that was connected takes no commands any more, though it still reports."""

    code = 806


class DriverMissingError(HardwareError):
    """The library that talks to this kind of robot is not installed; nothing was connected."""

    code = 807


class AddressTakenError(HardwareError):
    """A simulated robot cannot listen at its address: another one does, or the address is not this machine's."""

    code = 808


class ReadOnlyMachineError(HardwareCommandError):
    """The machine only shows what was recorded of one; it does nothing."""

    code = 809


class ConfigurationError(WorkcellError):
    """A fault of configuration that has no class of its own."""

    code = 900


class ParameterError(ConfigurationError):
    """A parameter has an unknown name, a wrong type or a value outside its range; nothing was changed."""

    code = 901


def all_error_classes() -> list[type[WorkcellError]]:
    """Return every error class, ordered by code and name."""
    found: set[type[WorkcellError]] = set()
    waiting: list[type[WorkcellError]] = [WorkcellError]
    while waiting:
        cls = waiting.pop()
        found.add(cls)
        waiting.extend(cls.__subclasses__())
    return sorted(found, key=lambda cls: (cls.code, cls.__name__))
