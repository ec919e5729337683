"""Every strategy in the analytic contact world: what it can do, what it cannot, and what it says then."""

from __future__ import annotations

import pytest

from cablecell.core.config.insertion import InsertionSettings
from cablecell.core.insertion.outcome import Outcome
from cablecell.core.insertion.profile import ConnectorProfile
from cablecell.core.insertion.skill import InsertionSkill
from cablecell.evaluation.comparators.strategies import STRATEGIES, make_strategy
from tests.support.contact import World, run_skill

PLAIN = ConnectorProfile("plain", (13.75e-3, 8.45e-3), (0.375e-3, 0.5e-3), 0.5e-3, 20.0e-3)
SHORT_HOLD = InsertionSettings(hold_s=0.2)
OFF = (0.0015, -0.001, 0.0)


def run(name, world, **options):
    strategy = make_strategy(name, PLAIN, SHORT_HOLD)
    return run_skill(strategy, world, sigma_m=options.pop("sigma_m", 0.0002), **options)


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_seats_a_plug_whose_port_is_known(name):
    result, plant, phases = run(name, World(PLAIN))
    assert result.outcome is Outcome.SEATED, f"{result.reason} after {phases}"
    assert plant.depth_m() == pytest.approx(PLAIN.depth_m, abs=3e-4)
    assert plant.peak_n < 20.0


@pytest.mark.parametrize("name", ["straight", "passive"])
def test_without_a_search_the_land_ends_it_and_the_plug_is_taken_back(name):
    result, plant, phases = run(name, World(PLAIN), error_m=OFF)
    assert result.outcome is Outcome.NOT_SEATED
    assert "is needed" in result.reason
    assert "SEARCH" not in phases
    assert result.is_retreated
    assert plant.depth_m() < 0.0


@pytest.mark.parametrize("name", ["spiral", "hybrid"])
def test_a_search_finds_the_same_port(name):
    result, _, phases = run(name, World(PLAIN), error_m=OFF, sigma_m=0.001)
    assert result.outcome is Outcome.SEATED, result.reason
    assert "SEARCH" in phases


def test_the_spiral_is_blind_and_searches_even_where_the_error_is_within_the_lead_in():
    _, _, phases = run("spiral", World(PLAIN))
    assert phases.index("SEARCH") < phases.index("INSERT")
    _, _, own = run("hybrid", World(PLAIN))
    assert "SEARCH" not in own


@pytest.mark.parametrize("name", ["spiral", "tilt"])
def test_a_search_without_an_opening_ends(name):
    result, plant, _ = run(name, World(PLAIN, has_hole=False), sigma_m=0.001)
    assert result.outcome in (Outcome.SEARCH_EXHAUSTED, Outcome.NOT_SEATED)
    assert plant.depth_m() < 0.0


def test_the_tilted_corner_finds_both_walls():
    """The land of this world does not know corners: that the plug stands upright between the walls is what shows."""
    result, _, phases = run("tilt", World(PLAIN), error_m=(0.0004, 0.0003, 0.0))
    assert result.outcome is Outcome.SEATED, result.reason
    assert phases == ["PREPARE", "APPROACH", "CONTACT", "SEARCH", "INSERT", "HOLD", "DONE"]


def test_depth_and_force_alone_are_fooled_by_a_latch_that_did_not_close():
    """The published rule of blind strategies says seated; the skill pulls, and says that it is not."""
    latched = ConnectorProfile(
        "latched",
        (13.75e-3, 8.45e-3),
        (0.375e-3, 0.5e-3),
        0.5e-3,
        20.0e-3,
        latch_force_n=5.0,
        latch_play_m=0.4e-3,
        retention_force_n=40.0,
    )
    results = {
        name: run_skill(STRATEGIES[name](latched, SHORT_HOLD), World(latched), sigma_m=0.0002)[0]
        for name in ("straight", "hybrid")
    }
    assert results["straight"].outcome is Outcome.SEATED
    assert "nothing proven" in results["straight"].reason
    assert not results["straight"].is_latched
    assert results["hybrid"].outcome is Outcome.NOT_LATCHED


def test_nothing_there_is_no_seat():
    for name in ("straight", "passive", "spiral"):
        result, _, _ = run(name, World(PLAIN, has_port=False))
        assert result.outcome is Outcome.NO_CONTACT, f"{name}: {result.reason}"


def test_the_skill_itself_is_one_of_them():
    assert STRATEGIES["hybrid"] is InsertionSkill
