"""Unplugging and checking a seat, every way they end provoked in the analytic contact world."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from cablecell.core.config.insertion import InsertionSettings
from cablecell.core.geometry import make_pose
from cablecell.core.insertion.errors import error_of_handling
from cablecell.core.insertion.handling import Handling
from cablecell.core.insertion.handling_outcome import HandlingOutcome, HandlingResult
from cablecell.core.insertion.observation import PoseEstimate
from cablecell.core.insertion.profile import ConnectorProfile
from cablecell.core.insertion.unplug import Unplug
from cablecell.core.insertion.verify_seat import VerifySeat
from tests.support.contact import X_BASE_PORT, X_TCP_TIP, TipPlant, World, estimate

PLAIN = ConnectorProfile("plain", (13.75e-3, 8.45e-3), (0.375e-3, 0.5e-3), 0.5e-3, 20.0e-3)
PUSH_PULL = replace(
    PLAIN,
    latch_force_n=5.0,
    latch_play_m=0.4e-3,
    retention_force_n=40.0,
    release_force_n=18.0,
    force_limit_n=60.0,
)
LEVER = replace(PUSH_PULL, release_force_n=None)


def seated(profile: ConnectorProfile, **what) -> World:
    """Return a world with the plug at its stop, its latch closed where the world has one."""
    return World(profile, latch_n=what.pop("latch_n", 0.0), is_latched=True, **what)


def handle(
    procedure: Handling,
    world: World,
    *,
    depth_m: float | None = None,
    cancel_at_s: float | None = None,
    port: PoseEstimate | None = None,
) -> tuple[HandlingResult, TipPlant, list[str]]:
    """Run a procedure on a plug that stands in its port, held a little off its axis; return also what was done."""
    depth = world.profile.depth_m + 1.0e-4 if depth_m is None else depth_m
    plant = TipPlant(world, X_base_tip=X_BASE_PORT @ make_pose(np.eye(3), [0.1e-3, -0.1e-3, depth]))
    port = port or estimate(X_BASE_PORT, sigma_m=0.0003, sigma_rad=0.003)
    tip = estimate(X_TCP_TIP, sigma_m=0.0003, sigma_rad=0.003)
    doings: list[str] = []
    while plant.time_s < 40.0:
        if cancel_at_s is not None and plant.time_s >= cancel_at_s:
            procedure.cancel()
        out = procedure.step(plant.observe(port, tip))
        if not doings or doings[-1] != out.doing:
            doings.append(out.doing)
        if out.result is not None:
            return out.result, plant, doings
        plant.cycle(out.command)
    raise AssertionError(f"no result within 40 s; {doings}")


def test_a_push_pull_plug_comes_straight_out_at_the_pull_that_opens_it():
    world = seated(PUSH_PULL, latch_n=5.0, retention_n=18.0)
    result, plant, doings = handle(Unplug(PUSH_PULL, InsertionSettings()), world)
    assert result.outcome is HandlingOutcome.UNPLUGGED, result.reason
    assert doings == ["rest", "work", "withdraw", "clear", "done"]
    assert plant.depth_m() < -0.02
    assert not world.is_latched
    assert 17.0 < result.peak_force_n < 25.0, "the latch takes 18 N to open, and what it holds is not to be overcome"
    assert error_of_handling(result.outcome, result.reason) is None


def test_a_plug_without_a_latch_comes_out_gently():
    result, plant, _ = handle(Unplug(PLAIN, InsertionSettings()), seated(PLAIN))
    assert result.outcome is HandlingOutcome.UNPLUGGED, result.reason
    assert plant.depth_m() < -0.02
    assert result.peak_force_n < 10.0


UNPLUGGING = [
    (HandlingOutcome.NOT_RELEASED, LEVER, {"latch_n": 5.0, "retention_n": 40.0}, "at a pull of 12.0 N", 419, True),
    (HandlingOutcome.NOT_RELEASED, PUSH_PULL, {"latch_n": 5.0, "retention_n": 80.0}, "at a pull of 30.0 N", 419, True),
    (HandlingOutcome.WEDGED, PUSH_PULL, {"wedge_m": 12.0e-3}, r"stands 8\.\d mm from its seat at 12", 415, False),
    (HandlingOutcome.CABLE_SNAGGED, PUSH_PULL, {"snag_m": -0.01}, "held back with more than 5.0 N", 417, False),
    (HandlingOutcome.OVER_FORCE, PLAIN, {"spike_n": 60.0, "spike_from_m": 0.0}, "the limit is 25.0 N", 407, True),
]


@pytest.mark.parametrize(("outcome", "profile", "what", "match", "code", "is_in"), UNPLUGGING)
def test_every_way_an_unplugging_fails_has_its_outcome(outcome, profile, what, match, code, is_in):
    world = seated(profile, **what)
    if outcome is HandlingOutcome.OVER_FORCE:
        world.spike_n, spike = 0.0, world.spike_n
    procedure = Unplug(profile, InsertionSettings())
    step = procedure.step

    def spiked(observation):
        if outcome is HandlingOutcome.OVER_FORCE and procedure.doing == "work":
            world.spike_n = spike
        return step(observation)

    procedure.step = spiked
    result, plant, _ = handle(procedure, world)
    assert result.outcome is outcome, result.reason
    assert re.search(match, result.reason), result.reason
    error = error_of_handling(result.outcome, result.reason)
    assert error is not None
    assert error.code == code
    if is_in and outcome is not HandlingOutcome.OVER_FORCE:
        assert plant.depth_m() == pytest.approx(profile.depth_m, abs=4e-4), "it was not put back to its stop"
        assert plant.peak_n < 0.8 * 40.0


def test_a_latched_plug_is_proven_and_not_moved():
    world = seated(PUSH_PULL, latch_n=5.0, retention_n=40.0)
    result, plant, doings = handle(VerifySeat(PUSH_PULL, InsertionSettings()), world)
    assert result.outcome is HandlingOutcome.SEATED, result.reason
    assert "latch proven by a tug" in result.reason
    assert doings == ["rest", "work", "back", "done"]
    assert plant.depth_m() == pytest.approx(PUSH_PULL.depth_m, abs=4e-4)
    assert world.is_latched
    assert result.peak_force_n < 15.0


def test_a_plug_without_a_latch_shows_its_stop():
    result, plant, _ = handle(VerifySeat(PLAIN, InsertionSettings()), seated(PLAIN))
    assert result.outcome is HandlingOutcome.SEATED, result.reason
    assert "there is no latch to prove" in result.reason
    assert plant.depth_m() == pytest.approx(PLAIN.depth_m, abs=4e-4)


def test_a_plug_that_is_not_latched_is_noticed_within_three_millimetres_and_put_back():
    world = seated(PUSH_PULL)
    result, plant, _ = handle(VerifySeat(PUSH_PULL, InsertionSettings()), world)
    assert result.outcome is HandlingOutcome.NOT_LATCHED, result.reason
    assert result.moved_m < 3.0e-3
    assert plant.depth_m() == pytest.approx(PUSH_PULL.depth_m, abs=4e-4)


def test_a_plug_that_stands_too_high_is_no_seat():
    result, _, _ = handle(VerifySeat(PLAIN, InsertionSettings()), seated(PLAIN, block_m=15.0e-3), depth_m=15.0e-3)
    assert result.outcome is HandlingOutcome.NOT_SEATED
    assert "15.0 mm deep by the estimate" in result.reason


def test_a_plug_that_nothing_stops_is_no_seat():
    result, _, _ = handle(VerifySeat(PLAIN, InsertionSettings()), seated(PLAIN, block_m=23.0e-3), depth_m=20.0e-3)
    assert result.outcome is HandlingOutcome.NOT_SEATED
    assert "moved" in result.reason


@pytest.mark.parametrize("procedure", [Unplug, VerifySeat])
@pytest.mark.parametrize("depth_m", [-0.03, -0.004])
def test_a_plug_that_is_in_front_of_its_port_is_not_touched(procedure, depth_m):
    result, plant, doings = handle(procedure(PLAIN, InsertionSettings()), seated(PLAIN), depth_m=depth_m)
    assert result.outcome is HandlingOutcome.NOT_SEATED, result.reason
    assert "the plug is not in the port" in result.reason
    assert doings == ["rest", "done"]
    assert plant.depth_m() == pytest.approx(depth_m, abs=5e-4)


def test_a_plug_in_the_port_beside_it_is_not_touched():
    elsewhere = estimate(X_BASE_PORT @ make_pose(np.eye(3), [0.02, 0.0, 0.0]), sigma_m=0.0003, sigma_rad=0.003)
    result, _, doings = handle(Unplug(PLAIN, InsertionSettings()), seated(PLAIN), port=elsewhere)
    assert result.outcome is HandlingOutcome.NOT_SEATED
    assert "mm beside its axis" in result.reason
    assert doings == ["rest", "done"]


def test_a_cancelled_unplugging_leaves_the_plug_in():
    world = seated(PUSH_PULL, latch_n=5.0, retention_n=40.0)
    result, plant, _ = handle(Unplug(PUSH_PULL, InsertionSettings()), world, cancel_at_s=0.5)
    assert result.outcome is HandlingOutcome.CANCELLED
    assert plant.depth_m() == pytest.approx(PUSH_PULL.depth_m, abs=4e-4)


def test_time_limit_ends_an_unplugging():
    world = seated(PUSH_PULL, wedge_m=12.0e-3)
    settings = InsertionSettings(time_limit_s=1.5, stall_s=5.0)
    result, _, _ = handle(Unplug(PUSH_PULL, settings), world)
    assert result.outcome is HandlingOutcome.TIMED_OUT


def test_every_outcome_is_provoked_here():
    provoked = {case[0] for case in UNPLUGGING} | {
        HandlingOutcome.UNPLUGGED,
        HandlingOutcome.SEATED,
        HandlingOutcome.NOT_SEATED,
        HandlingOutcome.NOT_LATCHED,
        HandlingOutcome.CANCELLED,
        HandlingOutcome.TIMED_OUT,
    }
    assert provoked == set(HandlingOutcome)
