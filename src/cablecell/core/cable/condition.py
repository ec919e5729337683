"""What may be wrong with a cable: facts for evaluation, never for what decides in the cell."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class CableFault(Enum):
    """One thing that must not happen to a cable."""

    OVERBENT = "overbent"
    TAUT = "taut"
    PULLED = "pulled"
    CLIP_PULLED = "clip_pulled"


@dataclass(frozen=True)
class CableLimits:
    """What a cable and what holds its far end can bear.

    Attributes:
        min_radius_m: Smallest radius of curvature.
        pull_n: Largest tension.
        reach: Largest distance of the ends, in lengths of the cable.
        hold_n: Force that pulls the far end out of what holds it.
    """

    min_radius_m: float
    pull_n: float
    reach: float
    hold_n: float


@dataclass(frozen=True)
class CableCondition:
    """How a cable is now.

    Attributes:
        radius_m: Smallest radius it is bent to.
        tension_n: Largest tension.
        reach: Distance of its ends in its own length.
        far_pull_n: Force on what holds the far end; 0 where nothing does.
        faults: What is wrong.
    """

    radius_m: float
    tension_n: float
    reach: float
    far_pull_n: float
    faults: frozenset[CableFault]

    @property
    def is_snagged(self) -> bool:
        """Whether the cable holds the plug back: taut, pulled, or pulling at its clip."""
        return bool(self.faults - {CableFault.OVERBENT})


def judge_cable(
    radius_m: float, tension_n: float, reach: float, far_pull_n: float, limits: CableLimits
) -> CableCondition:
    """Return the condition of a cable.

    Args:
        radius_m: Smallest radius it is bent to.
        tension_n: Largest tension.
        reach: Distance of its ends in its own length.
        far_pull_n: Force on what holds the far end.
        limits: What it can bear.
    """
    wrong = {
        CableFault.OVERBENT: radius_m < limits.min_radius_m,
        CableFault.TAUT: reach > limits.reach,
        CableFault.PULLED: tension_n > limits.pull_n,
        CableFault.CLIP_PULLED: far_pull_n > limits.hold_n,
    }
    return CableCondition(
        radius_m, tension_n, reach, far_pull_n, frozenset(fault for fault, is_wrong in wrong.items() if is_wrong)
    )
