"""What a step of teleoperation gives."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from cablecell.core.errors import WorkcellError
from cablecell.core.geometry import Array
from cablecell.core.teleop.assist import AssistView
from cablecell.core.teleop.guard import Contact
from cablecell.core.teleop.target import Limit


class TeleopState(IntEnum):
    """What teleoperation does, numbered as in cablecell_interfaces/TeleopStatus; ENABLING is the node's business."""

    DISABLED = 0
    READY = 2
    MOVING = 3
    PAUSED = 4


@dataclass(frozen=True)
class Setpoint:
    """What to send to the arm.

    Attributes:
        X_base_target: Pose of the tcp, shape (4, 4).
        twist: Its velocity in base axes, shape (6,), m/s, rad/s.
        acceleration: Likewise; without it the arm's inertia carries the tool beyond a target that brakes.
        X_tcp_tip: Tip of a plug that is to find its way by itself, shape (4, 4): the arm is compliant there, except
            along its z axis. None where it is stiff.
    """

    X_base_target: Array
    twist: Array
    acceleration: Array
    X_tcp_tip: Array | None = None


@dataclass(frozen=True)
class TeleopOutput:
    """Result of a step.

    Attributes:
        state: What teleoperation does.
        setpoint: What to send; None when nothing is sent, and the arm holds by itself.
        holder: Who holds control; empty when nobody does.
        limits: What kept the arm from doing all that was asked.
        contact: The force guard's view; None without an observation.
        leash: Distance and angle from the tcp to the target, m and rad.
        fault: Why control was lost in this step; None otherwise.
        assist: What the snap-to-port assist does.
    """

    state: TeleopState
    setpoint: Setpoint | None
    holder: str
    limits: Limit
    contact: Contact | None
    leash: tuple[float, float]
    fault: WorkcellError | None
    assist: AssistView
