"""What the controller of an arm can be doing, what it reports, and how it chooses what an arm is told."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from cablecell.core.control.errors import CommandModeError
from cablecell.core.errors import WorkcellError
from cablecell.core.geometry import Array
from cablecell.ports import CommandMode


class ControllerMode(Enum):
    """What the controller is doing."""

    HOLD = "hold"
    TRAJECTORY = "trajectory"
    COMPLIANCE = "compliance"
    MOTION_UPDATE = "motion_update"
    JOINT_UPDATE = "joint_update"
    STOPPED = "stopped"


@dataclass(frozen=True)
class ControllerReport:
    """State of the controller after a tick.

    Attributes:
        mode: What it is doing.
        X_base_tcp: Measured tcp, shape (4, 4).
        V_base_tcp: Measured twist of the tcp in base axes, shape (6,).
        X_base_reference: Reference of the tcp, shape (4, 4).
        is_held: True while a stream of commands is stale and its reference frozen.
        is_limited: True when the commanded wrench was cut down.
        fault: Why it stopped; None otherwise.
    """

    mode: ControllerMode
    X_base_tcp: Array
    V_base_tcp: Array
    X_base_reference: Array
    is_held: bool
    is_limited: bool
    fault: WorkcellError | None


def preferred_mode(modes: frozenset[CommandMode]) -> CommandMode:
    """Return how an arm is best told to be compliant: by torques where it takes them, else by positions.

    Raises:
        CommandModeError: It takes neither (code 307).
    """
    for mode in (CommandMode.EFFORT, CommandMode.POSITION):
        if mode in modes:
            return mode
    valid = f"{CommandMode.EFFORT.value}, {CommandMode.POSITION.value}"
    offered = ", ".join(sorted(mode.value for mode in modes)) or "nothing"
    raise CommandModeError(
        f"the arm takes {offered}; the controller needs one of {valid}", quantity="mode", value=offered, limit=valid
    )
