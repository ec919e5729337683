"""A latch that draws its plug in: it is hardly pushed then, and left in its port where the fingers slide on."""

from __future__ import annotations

import re

import pytest

from cablecell.core.config.insertion import InsertionSettings
from cablecell.core.geometry import Array
from cablecell.core.insertion.outcome import Outcome
from cablecell.core.insertion.profile import ConnectorProfile
from cablecell.core.insertion.skill import InsertionSkill
from tests.support.contact import World, run_skill

DRAWN = ConnectorProfile(
    "drawn",
    (8.6e-3, 3.0e-3),
    (0.2e-3, 0.2e-3),
    0.3e-3,
    4.8e-3,
    land_reach_m=(8.0e-3, 4.0e-3),
    seat_tolerance_m=0.3e-3,
    latch_force_n=5.0,
    latch_play_m=0.4e-3,
    latch_reach_m=2.0e-3,
    latch_click_m=0.6e-3,
    retention_force_n=40.0,
)
OFF = (0.001, -0.0005, 0.001)


class Slippery(World):
    """The fingers lose the plug where its latch has brought it to its stop."""

    def wrench(self, p: Array, v: Array, rotvec: Array, w: Array) -> Array:
        out = super().wrench(p, v, rotvec, w)
        self.is_lost = self.is_lost or (self.is_latched and float(p[2]) > self.profile.depth_m)
        return out


class Worn(World):
    """The fingers lose the plug a while after they have pulled at it."""

    held_s: float = 0.0
    is_pulled: bool = False

    def wrench(self, p: Array, v: Array, rotvec: Array, w: Array) -> Array:
        out = super().wrench(p, v, rotvec, w)
        before = self.profile.depth_m - float(p[2])
        self.is_pulled = self.is_pulled or (self.is_latched and before > 0.45e-3)
        self.held_s += 0.0005 if self.is_pulled and before < 0.0 else 0.0
        self.is_lost = self.is_lost or self.held_s > 0.5
        return out


def test_a_plug_that_its_latch_draws_in_is_pushed_no_harder_than_it_takes_to_stay():
    # The fingers of a JST plug met its header a tenth of a millimetre before the stop: 8 N pressed them off the plug.
    world = World(DRAWN, latch_n=5.0, retention_n=40.0, draw_n=4.0, grip_n=8.0)
    result, plant, _ = run_skill(InsertionSkill(DRAWN, InsertionSettings()), world, error_m=OFF)
    assert result.outcome is Outcome.SEATED, result.reason
    assert result.is_latched
    assert plant.depth_m() == pytest.approx(DRAWN.depth_m, abs=2e-4)
    assert not world.is_lost


@pytest.mark.parametrize(
    ("world", "why"),
    [
        (
            Slippery(DRAWN, latch_n=5.0, retention_n=40.0, draw_n=4.0),
            r"drew the plug in at 4\.\d mm, and the fingers went on",
        ),
        (Worn(DRAWN, latch_n=5.0, retention_n=40.0, draw_n=4.0), r"left where a pull has proven its latch"),
    ],
)
def test_a_plug_that_is_in_its_port_and_lost_there_is_left_and_not_looked_for_beside_it(world, why):
    skill = InsertionSkill(DRAWN, InsertionSettings())
    result, _, phases = run_skill(skill, world, error_m=OFF)
    assert result.outcome is Outcome.PLUG_LOST, result.reason
    assert skill.job is not None
    assert (skill.job.falls, skill.job.is_gripper_open, result.is_retreated) == (0, True, True)
    assert phases[-2:] == ["RETREAT", "DONE"], "the plug is let go before the fingers leave"
    assert re.search(why, result.reason), result.reason


def test_a_plug_that_is_lost_where_no_latch_was_felt_stands_beside_its_port():
    skill = InsertionSkill(DRAWN, InsertionSettings())
    result, _, _ = run_skill(skill, World(DRAWN, grip_n=8.0), error_m=OFF)
    assert skill.job is not None
    assert skill.job.falls > 0
    assert not skill.job.is_gripper_open, result.reason
