"""What a rollout gives: what the skill says, what is true, what it cost, and what was recorded on the way."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cablecell.core.insertion.outcome import InsertionResult, Outcome
from cablecell.evaluation.scoring import TrialScore

Array = NDArray[np.float64]


@dataclass
class Trace:
    """What was recorded in every control period of the skill.

    Attributes:
        time_s: Clock, s.
        phase: Phase of the skill.
        depth_m: Tip below the believed entrance, m.
        force: Contact force as the skill sees it, before its own tare, in tcp axes, shape (3,) each, N.
    """

    time_s: list[float] = field(default_factory=list)
    phase: list[int] = field(default_factory=list)
    depth_m: list[float] = field(default_factory=list)
    force: list[Array] = field(default_factory=list)


@dataclass(frozen=True)
class RolloutResult:
    """One rollout: what the skill says, what is true, and what it cost.

    Attributes:
        skill: Result of the skill.
        score: AIC rubric, our PyBullet cell.
        is_seated: True when the plug has been at the bottom of the right port for the dwell, and still is.
        target: The port it should go into.
        inserted: Port in which the plug was seated, or None.
        depth_m: True depth below the entrance at the end, m.
        lateral_m: True distance from the port's axis at the end, m.
        cycle_s: From home to the skill's result, s.
        peak_force_n: Largest sensor force minus its reading at the start, N.
        over_20n_s: Total time above 20 N, s.
        offlimit_contacts: Forbidden contacts, as "link on part".
        cable_faults: What must not happen to the cable and did, by name.
        port_error_m: Error of the estimate that was drawn, at the entrance, shape (3,) in port axes.
        tip_error_m: Error of the believed tip, shape (3,) in its axes.
        work_j: Work of the contact force along the way of the tip since staging, as the sensor has it, J.
        jerk_m_per_s3: Mean jerk of the tcp since staging, as the rubric counts it, m/s³.
        wall_s: Time the rollout took, s.
        trace: Recorded periods.
    """

    skill: InsertionResult
    score: TrialScore
    is_seated: bool
    target: str
    inserted: str | None
    depth_m: float
    lateral_m: float
    cycle_s: float
    peak_force_n: float
    over_20n_s: float
    offlimit_contacts: tuple[str, ...]
    cable_faults: tuple[str, ...]
    port_error_m: Array
    tip_error_m: Array
    work_j: float
    jerk_m_per_s3: float
    wall_s: float
    trace: Trace

    @property
    def is_success(self) -> bool:
        """True when the skill reports a seat and the truth agrees."""
        return self.skill.outcome is Outcome.SEATED and self.is_seated

    @property
    def is_false_success(self) -> bool:
        """True when the skill reports a seat that the truth denies."""
        return self.skill.outcome is Outcome.SEATED and not self.is_seated

    @property
    def is_false_failure(self) -> bool:
        """True when the skill reports a failure though the plug was seated, whether or not it was pulled out then."""
        return self.skill.outcome is not Outcome.SEATED and self.inserted == self.target
