"""Faults of the node that runs the arm controller."""

from __future__ import annotations

from cablecell.core.control.errors import ExecutionError


class ProtectiveStopError(ExecutionError):
    """The arm was stopped by request; it holds until the stop is cleared."""

    code = 314


class HeartbeatLostError(ExecutionError):
    """The supervisor fell silent; the arm was stopped and holds until the stop is cleared."""

    code = 315


class LoopBusyError(ExecutionError):
    """The control loop did not carry out a request in time, or it is not running; nothing was changed."""

    code = 316


class MachineFaultError(ExecutionError):
    """The machine failed in the control loop; the loop has ended and the machine is stopped."""

    code = 317


class PreemptedError(ExecutionError):
    """A motion was ended because a newer command took its place."""

    code = 318
