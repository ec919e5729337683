"""Rollouts of connectors in their fixture that once went wrong: what each of them taught must stay learned."""

from __future__ import annotations

import pytest

from cablecell.composition.scenario_files import load_scenario
from cablecell.configuration import config_folder
from cablecell.core.insertion.outcome import Outcome
from cablecell.evaluation.rollout import Rollout


@pytest.mark.parametrize(
    ("connector", "seed", "what"),
    [
        (
            "jst_ph_4",
            1020009,
            "fell off its header, was followed down beside it, and the header took it from the fingers",
        ),
        ("rj45", 1020004, "its deep corner hung in the slot of the latch: the opening behind was never reached"),
    ],
)
def test_connectors_that_were_not_found_are_seated(connector, seed, what):
    scenario = load_scenario(None, config_folder() / "connectors" / f"{connector}.yaml")
    rollout = Rollout.of_scenario(scenario, seed)
    try:
        result = rollout.run()
    finally:
        rollout.close()
    assert result.skill.outcome is Outcome.SEATED, f"{what}: {result.skill.reason}"
    assert result.is_seated
    assert result.skill.duration_s < 15.0, what
    assert result.offlimit_contacts == (), what
