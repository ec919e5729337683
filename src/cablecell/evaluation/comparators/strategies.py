"""The strategies by name: each is the skill with other phases, so that all that is not compared is the same.

Tare, approach, guarded contact, forces, limits, guards and the retreat after a failure are those of the skill.
"""

from __future__ import annotations

from types import MappingProxyType

from cablecell.core.config.insertion import InsertionSettings
from cablecell.core.config.scenario import EstimateErrors, Strategy
from cablecell.core.insertion.outcome import Phase
from cablecell.core.insertion.profile import ConnectorProfile
from cablecell.core.insertion.skill import InsertionSkill
from cablecell.evaluation.comparators.push import KeepPressed, SoftPush, SoftPushHere, StiffPush
from cablecell.evaluation.comparators.search import BlindSpiral, TiltedContact, TiltSlide

EXACT = EstimateErrors(port_sigma_m=0.0, port_sigma_rad=0.0, grasp="measured", grasp_sigma_m=0.0, grasp_sigma_rad=0.0)
"""What the oracle is told: the truth."""


class StraightPush(InsertionSkill):
    """Guarded contact, then a stiff push along the believed axis."""

    phases = MappingProxyType(
        {**InsertionSkill.phases, Phase.SEARCH: StiffPush, Phase.INSERT: StiffPush, Phase.HOLD: KeepPressed}
    )


class PerfectPoseOracle(StraightPush):
    """The straight push, told the true poses of port and plug: what pose knowledge alone is worth."""


class PassiveCompliance(InsertionSkill):
    """Guarded contact, then a push along the believed axis that is soft sideways and in rotation; no search."""

    phases = MappingProxyType(
        {**InsertionSkill.phases, Phase.SEARCH: SoftPush, Phase.INSERT: SoftPush, Phase.HOLD: KeepPressed}
    )


class SpiralOnce(InsertionSkill):
    """A blind spiral, always; what it catches is pushed in softly, without a way back to the search."""

    phases = MappingProxyType(
        {
            **InsertionSkill.phases,
            Phase.SEARCH: BlindSpiral,
            Phase.INSERT: BlindSpiral,
            Phase.SEAT: SoftPushHere,
            Phase.HOLD: KeepPressed,
        }
    )


class TiltAndAlign(InsertionSkill):
    """One corner of a tilted plug finds two walls of the opening; upright against them, it is pushed in softly."""

    phases = MappingProxyType(
        {
            **InsertionSkill.phases,
            Phase.CONTACT: TiltedContact,
            Phase.SEARCH: TiltSlide,
            Phase.INSERT: TiltSlide,
            Phase.SEAT: SoftPushHere,
            Phase.HOLD: KeepPressed,
        }
    )


STRATEGIES: MappingProxyType[Strategy, type[InsertionSkill]] = MappingProxyType(
    {
        "straight": StraightPush,
        "passive": PassiveCompliance,
        "spiral": SpiralOnce,
        "tilt": TiltAndAlign,
        "oracle": PerfectPoseOracle,
        "hybrid": InsertionSkill,
    }
)
"""All of them; `hybrid` is the skill."""


def make_strategy(name: Strategy, profile: ConnectorProfile, settings: InsertionSettings) -> InsertionSkill:
    """Return a strategy, ready for its first step."""
    return STRATEGIES[name](profile, settings)
