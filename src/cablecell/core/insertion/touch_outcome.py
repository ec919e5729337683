"""How a touch sequence ends, and what comes out of a step of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from cablecell.core.control.command import ComplianceCommand
from cablecell.core.insertion.observation import PoseEstimate


class TouchOutcome(Enum):
    """How a touch sequence ended; only FOUND gives an estimate that is as sure as asked for."""

    FOUND = "found"
    UNSURE = "unsure"  # touches or time are used up
    NOTHING = "nothing"  # there is nothing where the port is believed to be
    OVER_FORCE = "over_force"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class TouchResult:
    """What a touch sequence came to.

    Attributes:
        outcome: How it ended.
        reason: One sentence with value, limit and unit.
        port: The port relative to the believed tip, with the covariance of its right perturbation.
        touches: Touches felt.
        duration_s: From the first step to the decision, s.
        peak_force_n: Largest force felt, N.
    """

    outcome: TouchOutcome
    reason: str
    port: PoseEstimate
    touches: int
    duration_s: float
    peak_force_n: float


@dataclass(frozen=True)
class TouchStep:
    """Output of one step.

    Attributes:
        command: Set-point for the controller.
        doing: What is being done, in a word.
        result: Set once the sequence has ended and the plug is back in front of the port.
    """

    command: ComplianceCommand
    doing: str
    result: TouchResult | None
