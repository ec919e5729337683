"""An insertion after a touch sequence: what it is told, and what a sequence that was not sure comes to."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cablecell.core.config.touch import TouchSettings
from cablecell.core.insertion.errors import UntouchableError
from cablecell.core.insertion.observation import Observation, PoseEstimate
from cablecell.core.insertion.outcome import Outcome, Phase
from cablecell.core.insertion.touch_first import TouchFirst, check_touchable, contradicted, needs_touch
from cablecell.core.insertion.touch_outcome import TouchOutcome, TouchResult


def _port(sigma_m: float) -> PoseEstimate:
    return PoseEstimate(0.0, np.eye(4), np.diag([sigma_m**2] * 3 + [0.005**2] * 3))


class Skill:
    """Keeps what it is told."""

    phase = Phase.PREPARE

    def __init__(self) -> None:
        self.told: list[Observation] = []

    def step(self, observation: Observation) -> Any:
        self.told.append(observation)
        return SimpleNamespace(result=None)


def _after(outcome: TouchOutcome, sigma_m: float) -> tuple[TouchFirst, Skill, Any]:
    result = TouchResult(outcome, "so it is", _port(sigma_m), 8, 6.0, 7.0)
    relocaliser = SimpleNamespace(step=lambda *_: SimpleNamespace(command=None, doing="retreat", result=result))
    skill = Skill()
    first = TouchFirst(relocaliser, skill)  # type: ignore[arg-type]
    tip = PoseEstimate(0.0, np.eye(4), 1.0e-6 * np.eye(6))
    observation = Observation(1.0, np.eye(4), np.zeros(6), _port(0.003), tip)
    step = first.step(observation, np.zeros(6))
    assert step.phase is Phase.TOUCH
    if first.result is None:
        first.step(observation, np.zeros(6))
    return first, skill, step


def test_what_was_found_is_inserted_with_and_the_tip_has_no_error_of_its_own() -> None:
    first, skill, _ = _after(TouchOutcome.FOUND, 1.0e-4)
    assert first.result is None
    (told,) = skill.told
    assert told.X_base_port is not None
    assert told.X_base_port.covariance[0, 0] == pytest.approx(1.0e-8)
    assert not told.X_tcp_tip.covariance.any()


def test_what_is_nearly_sure_enough_is_inserted_with_in_doubt() -> None:
    first, skill, _ = _after(TouchOutcome.UNSURE, 6.0e-4)
    assert first.result is None
    assert skill.told[0].X_base_port is not None
    assert skill.told[0].X_base_port.covariance[0, 0] > 6.0e-4**2 + 4.0e-4**2


@pytest.mark.parametrize(
    ("outcome", "sigma_m", "wanted"),
    [
        (TouchOutcome.UNSURE, 2.0e-3, Outcome.LOST_ESTIMATE),
        (TouchOutcome.NOTHING, 3.0e-3, Outcome.NO_CONTACT),
        (TouchOutcome.OVER_FORCE, 3.0e-4, Outcome.OVER_FORCE),
        (TouchOutcome.CANCELLED, 3.0e-4, Outcome.CANCELLED),
    ],
)
def test_a_sequence_that_fails_is_a_failed_insertion(outcome: TouchOutcome, sigma_m: float, wanted: Outcome) -> None:
    _, skill, step = _after(outcome, sigma_m)
    assert step.result is not None
    assert step.result.outcome is wanted
    assert step.result.last_phase is Phase.TOUCH
    assert "port not found by touch: so it is" in step.result.reason
    assert not skill.told


def test_a_contradicted_port_is_touched_and_one_that_is_known_worse_is_refused() -> None:
    settings = TouchSettings()
    seen = _port(3.0e-4)
    assert not needs_touch(seen, settings.needed_above_m)
    doubted = contradicted(seen, settings)
    assert needs_touch(doubted, settings.needed_above_m)
    check_touchable("port", doubted, settings)
    with pytest.raises(UntouchableError, match=r"3\.60 mm; touch finds one that is known to 3\.50 mm") as refused:
        check_touchable("port", _port(3.6e-3), settings)
    assert refused.value.code == 414
