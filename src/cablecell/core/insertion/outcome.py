"""Phases of the skill and the ways it can end; numbers as in cablecell_interfaces where those name them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Phase(IntEnum):
    """What the skill is doing. README.md of this package describes each."""

    IDLE = 0
    APPROACH = 3
    CONTACT = 4
    SEARCH = 5
    INSERT = 6
    VERIFY = 7
    PULL_TEST = 8
    RETREAT = 9
    RECOVER = 10
    PREPARE = 11
    SEAT = 12
    HOLD = 13
    DONE = 14
    TOUCH = 15


class Outcome(IntEnum):
    """How an insertion ended; everything but SEATED is a failure."""

    SEATED = 1
    NO_CONTACT = 2
    SEARCH_EXHAUSTED = 3
    JAMMED = 4
    NOT_LATCHED = 5
    PULLED_OUT = 6
    OVER_FORCE = 7
    TIMED_OUT = 8
    PLUG_LOST = 9
    CANCELLED = 10
    LOST_ESTIMATE = 11
    NOT_SEATED = 12
    NOT_FREE = 13


@dataclass(frozen=True)
class InsertionResult:
    """What one insertion came to.

    Attributes:
        outcome: How it ended.
        reason: One sentence with value, limit and unit.
        last_phase: Phase in which the outcome was decided.
        depth_m: Depth of the tip at that moment, from the touched land where there was one, m.
        peak_force_n: Largest contact force, N.
        duration_s: From the first step to the decision, s.
        is_latched: True when a pull test proved the latch.
        is_retreated: True when the tip ended where a retreat should bring it.
        searches: Spirals started.
        stalls: Stalls in the hole.
    """

    outcome: Outcome
    reason: str
    last_phase: Phase
    depth_m: float
    peak_force_n: float
    duration_s: float
    is_latched: bool
    is_retreated: bool
    searches: int
    stalls: int
