"""How the handling of a seated plug ends, and what comes out of a step of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from cablecell.core.control.command import ComplianceCommand


class HandlingOutcome(Enum):
    """How an unplugging or a check of a seat ended."""

    UNPLUGGED = "unplugged"
    SEATED = "seated"
    NOT_SEATED = "not_seated"  # it stands before the depth of a seat, or nothing stops it
    NOT_LATCHED = "not_latched"  # a tug moves it
    NOT_RELEASED = "not_released"  # the latch still holds at the pull that opens it, or at what may be pulled
    WEDGED = "wedged"  # it came out of its latch and then stuck in the port
    CABLE_SNAGGED = "cable_snagged"  # it is out, and something holds it by its cable
    OVER_FORCE = "over_force"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class HandlingResult:
    """What handling a seated plug came to.

    Attributes:
        outcome: How it ended.
        reason: One sentence with value, limit and unit.
        moved_m: How far the tool moved out of the port, m.
        peak_force_n: Largest force beyond that at the start, N.
        duration_s: From the first step to the decision, s.
    """

    outcome: HandlingOutcome
    reason: str
    moved_m: float
    peak_force_n: float
    duration_s: float


@dataclass(frozen=True)
class HandlingStep:
    """Output of one step.

    Attributes:
        command: Set-point for the controller.
        doing: What is being done, in a word.
        result: Set once it is decided, and the plug is where that leaves it.
    """

    command: ComplianceCommand
    doing: str
    result: HandlingResult | None
