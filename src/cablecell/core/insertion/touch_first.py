"""An insertion that finds its port by touch first, where what is known of it is too unsure to insert with."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from cablecell.core.config.touch import TouchSettings
from cablecell.core.geometry import Array
from cablecell.core.insertion.errors import UntouchableError
from cablecell.core.insertion.observation import Observation, PoseEstimate, SkillStep
from cablecell.core.insertion.outcome import InsertionResult, Outcome, Phase
from cablecell.core.insertion.relocalise import Relocaliser
from cablecell.core.insertion.skill import InsertionSkill
from cablecell.core.insertion.touch_outcome import TouchOutcome, TouchResult

_ENOUGH_M, _DOUBT = 1.0e-3, np.diag(np.repeat([5.0e-4**2, 0.01**2], 3))
"""Standard deviation with which an insertion goes on all the same, m, and what is added to its variances, m², rad²."""

_OUTCOMES = {
    TouchOutcome.OVER_FORCE: Outcome.OVER_FORCE,
    TouchOutcome.CANCELLED: Outcome.CANCELLED,
    TouchOutcome.NOTHING: Outcome.NO_CONTACT,
    TouchOutcome.UNSURE: Outcome.LOST_ESTIMATE,
}


def needs_touch(port: PoseEstimate, limit_m: float) -> bool:
    """Return whether a port is known worse than by a standard deviation in its worst direction, m."""
    return worst_sigma_m(port) > limit_m


def worst_sigma_m(port: PoseEstimate) -> float:
    """Return the standard deviation of a port's position in its worst direction, m."""
    return math.sqrt(float(np.linalg.eigvalsh(port.covariance[:3, :3])[-1]))


def contradicted(port: PoseEstimate, settings: TouchSettings) -> PoseEstimate:
    """Return a port that was not found where it was believed to be: there, but much less surely."""
    variances = np.repeat([settings.contradicted_sigma_m**2, settings.contradicted_sigma_rad**2], 3)
    return replace(port, covariance=port.covariance + np.diag(variances))


def check_touchable(name: str, port: PoseEstimate, settings: TouchSettings) -> None:
    """Refuse a port that is further away than a touch sequence reaches.

    Raises:
        UntouchableError: It is known too badly (code 414).
    """
    sigma, limit = worst_sigma_m(port), settings.believed_within_m
    if not sigma <= limit:
        raise UntouchableError(
            f"port '{name}' is known to {1e3 * sigma:.2f} mm; touch finds one that is known to {1e3 * limit:.2f} mm",
            quantity="position_sigma_m",
            value=sigma,
            limit=limit,
            unit="m",
        )


class TouchFirst:
    """A touch sequence, then the insertion with what it has found; `step` once per control period.

    The estimate that touching gives is of the port relative to the believed tip. The skill is told so: the tip has no
    error of its own any more.
    """

    def __init__(self, relocaliser: Relocaliser, skill: InsertionSkill) -> None:
        self._relocaliser, self._skill = relocaliser, skill
        self._found: TouchResult | None = None
        self._port: PoseEstimate | None = None
        self.result: InsertionResult | None = None

    @property
    def is_touching(self) -> bool:
        """True until the port is found."""
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

    def withdraw(self, reason: str) -> None:
        """Take note that the estimate from before is not believed any more: it is touched because it was not."""

    @property
    def phase(self) -> Phase:
        """What is being done."""
        return Phase.TOUCH if self._found is None or self.result is not None else self._skill.phase

    def step(self, observation: Observation, twist_base: Array) -> SkillStep:
        """Return the set-point of this period.

        Args:
            observation: What is seen; a wrench filtered at 60 Hz, 250 times a second, is enough.
            twist_base: Measured twist of the tcp in `base_link`, shape (6,), m/s, rad/s.
        """
        if self._found is None:
            out = self._relocaliser.step(observation, twist_base)
            if out.result is None:
                return SkillStep(out.command, Phase.TOUCH, f"touch: {out.doing}", False, None)
            self._found = out.result
            self._port = out.result.port
            if out.result.outcome is TouchOutcome.UNSURE and not needs_touch(self._port, _ENOUGH_M):
                # Not as sure as was asked for, but the insertion searches: it is told to, a little further.
                self._port = replace(self._port, covariance=self._port.covariance + _DOUBT)
            elif out.result.outcome is not TouchOutcome.FOUND:
                self.result = _as_failure(out.result)
            return SkillStep(out.command, Phase.TOUCH, f"touch: {out.result.reason}", False, self.result)
        tip = replace(observation.X_tcp_tip, covariance=np.zeros((6, 6)))
        step = self._skill.step(replace(observation, X_base_port=self._port, X_tcp_tip=tip))
        self.result = step.result
        return step


def _as_failure(result: TouchResult) -> InsertionResult:
    return InsertionResult(
        outcome=_OUTCOMES[result.outcome],
        reason=f"port not found by touch: {result.reason}",
        last_phase=Phase.TOUCH,
        depth_m=0.0,
        peak_force_n=result.peak_force_n,
        duration_s=result.duration_s,
        is_latched=False,
        is_retreated=True,
        searches=0,
        stalls=0,
    )
