"""An insertion that finds its port by touch first, where what is known of it is too unsure to insert with."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from cablecell.core.geometry import Array
from cablecell.core.insertion.observation import Observation, PoseEstimate, SkillStep
from cablecell.core.insertion.outcome import InsertionResult, Outcome, Phase
from cablecell.core.insertion.relocalise import Relocaliser
from cablecell.core.insertion.skill import InsertionSkill
from cablecell.core.insertion.touch_outcome import TouchOutcome, TouchResult

_OUTCOMES = {
    TouchOutcome.OVER_FORCE: Outcome.OVER_FORCE,
    TouchOutcome.CANCELLED: Outcome.CANCELLED,
    TouchOutcome.NOTHING: Outcome.NO_CONTACT,
    TouchOutcome.UNSURE: Outcome.LOST_ESTIMATE,
}


def needs_touch(port: PoseEstimate, limit_m: float) -> bool:
    """Return whether a port is known worse than by a standard deviation in its worst direction, m."""
    return math.sqrt(float(np.linalg.eigvalsh(port.covariance[:3, :3])[-1])) > limit_m


class TouchFirst:
    """A touch sequence, then the insertion with what it has found; `step` once per control period.

    The estimate that touching gives is of the port relative to the believed tip. The skill is told so: the tip has no
    error of its own any more.
    """

    def __init__(self, relocaliser: Relocaliser, skill: InsertionSkill) -> None:
        self._relocaliser, self._skill = relocaliser, skill
        self._found: TouchResult | None = None
        self.result: InsertionResult | None = None

    @property
    def is_touching(self) -> bool:
        """True until the port is found: so long the wrench is wanted with as little filtering as the sensor allows."""
        return self._found is None

    @property
    def found(self) -> TouchResult | None:
        """What the touch sequence came to, once it has ended."""
        return self._found

    def cancel(self) -> None:
        """Give up at the next step and back off."""
        if self._found is None:
            self._relocaliser.cancel()
        else:
            self._skill.cancel()

    def step(self, observation: Observation, twist_base: Array) -> SkillStep:
        """Return the set-point of this period.

        Args:
            observation: What is seen; its wrench barely filtered while `is_touching`.
            twist_base: Measured twist of the tcp in `base_link`, shape (6,), m/s, rad/s.
        """
        if self._found is None:
            out = self._relocaliser.step(observation, twist_base)
            if out.result is None:
                return SkillStep(out.command, Phase.SEARCH, f"touch: {out.doing}", False, None)
            self._found = out.result
            if out.result.outcome is not TouchOutcome.FOUND:
                self.result = _as_failure(out.result)
            return SkillStep(out.command, Phase.SEARCH, f"touch: {out.result.reason}", False, self.result)
        tip = replace(observation.X_tcp_tip, covariance=np.zeros((6, 6)))
        step = self._skill.step(replace(observation, X_base_port=self._found.port, X_tcp_tip=tip))
        self.result = step.result
        return step


def _as_failure(result: TouchResult) -> InsertionResult:
    return InsertionResult(
        outcome=_OUTCOMES[result.outcome],
        reason=f"port not found by touch: {result.reason}",
        last_phase=Phase.SEARCH,
        depth_m=0.0,
        peak_force_n=result.peak_force_n,
        duration_s=result.duration_s,
        is_latched=False,
        is_retreated=True,
        searches=0,
        stalls=0,
    )
