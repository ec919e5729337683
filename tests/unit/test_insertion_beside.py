"""A plug that falls off the part while it searches: the opening is looked for on the other side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from cablecell.core.config.insertion import InsertionSettings
from cablecell.core.insertion.approach import Contact
from cablecell.core.insertion.beside import opening_from_edge
from cablecell.core.insertion.catch import Search
from cablecell.core.insertion.insert import Insert
from cablecell.core.insertion.outcome import Outcome, Phase
from cablecell.core.insertion.phase import End, Go, Job, Measurement, Room
from cablecell.core.insertion.plan import Uncertainty, make_plan
from cablecell.core.insertion.profile import ConnectorProfile
from cablecell.core.insertion.seat import Seat
from cablecell.core.insertion.skill import InsertionSkill
from tests.support.contact import World, run_skill

SMALL = ConnectorProfile(
    "small", (4.0e-3, 4.0e-3), (0.1e-3, 0.1e-3), 0.2e-3, 6.0e-3, land_reach_m=(3.2e-3, 3.2e-3), seat_tolerance_m=0.3e-3
)
FAR = (-0.0022, 0.0, 0.0)
"""The port is believed 2.2 mm from where it is: on that side the part ends 1 mm away."""


def test_the_opening_is_the_reach_of_the_land_away_from_where_the_plug_fell():
    found = opening_from_edge(np.array([0.0, -1.2e-3]), np.zeros(2), SMALL, error_m=3.0e-3)
    assert found == pytest.approx([0.0, 2.0e-3])
    # along a diagonal the edge of a rectangle is farther away
    found = opening_from_edge(np.array([1.0e-3, 1.0e-3]), np.zeros(2), SMALL, error_m=5.0e-3)
    assert found == pytest.approx([-2.2e-3, -2.2e-3])


def test_the_opening_is_never_looked_for_farther_away_than_it_can_be():
    found = opening_from_edge(np.array([0.5e-3, 0.0]), np.zeros(2), SMALL, error_m=1.5e-3)
    assert found == pytest.approx([-1.5e-3, 0.0])


def test_a_fall_at_the_centre_tells_no_direction():
    centre = np.array([0.3e-3, -0.2e-3])
    assert opening_from_edge(centre, centre, SMALL, error_m=1.5e-3) == pytest.approx(centre)


@pytest.mark.parametrize("beside_m", [None, 6.0e-3])
def test_a_plug_that_falls_off_the_part_is_seated_on_the_second_search(beside_m):
    # With a floor beside the part at the depth of the seat only the pull test tells the difference.
    profile = replace(
        SMALL, latch_force_n=5.0, latch_play_m=0.4e-3, retention_force_n=40.0, latch_reach_m=2e-3, latch_click_m=0.6e-3
    )
    world = World(profile, reach_m=3.2e-3, beside_m=beside_m, latch_n=5.0, retention_n=40.0)
    skill = InsertionSkill(profile, InsertionSettings())
    result, plant, phases = run_skill(skill, world, error_m=FAR, sigma_m=0.0012)
    assert skill.job is not None
    assert skill.job.falls >= 1, phases
    assert math.hypot(*(skill.job.search_centre - np.array([0.0022, 0.0]))) < 1.0e-3
    assert result.outcome is Outcome.SEATED, result.reason
    assert result.is_latched
    assert plant.depth_m() == pytest.approx(profile.depth_m, abs=3e-4)
    assert plant.peak_n < 20.0


def test_a_plug_that_stands_short_of_its_seat_is_in_its_port_and_not_beside_it():
    # An RJ45 plug wedged half a millimetre before its latch closed: it was drawn out, and searched for elsewhere.
    profile = replace(
        SMALL, latch_force_n=5.0, latch_play_m=0.4e-3, retention_force_n=40.0, latch_reach_m=2e-3, latch_click_m=0.6e-3
    )
    world = World(profile, block_m=profile.depth_m - 0.4e-3)
    skill = InsertionSkill(profile, InsertionSettings())
    result, _, _ = run_skill(skill, world, error_m=(0.00035, 0.0, 0.0))
    assert result.outcome is Outcome.NOT_LATCHED, result.reason
    assert skill.job is not None
    assert skill.job.falls == 0


def test_a_part_without_an_opening_is_given_up_after_some_falls():
    world = World(SMALL, reach_m=3.2e-3, has_hole=False)
    skill = InsertionSkill(SMALL, InsertionSettings())
    result, _, _ = run_skill(skill, world, error_m=FAR, sigma_m=0.0012)
    assert result.outcome in {Outcome.PLUG_LOST, Outcome.SEARCH_EXHAUSTED}
    assert result.is_retreated


UNCERTAIN = Uncertainty(lateral_95_m=3.0e-3, axial_sigma_m=1.2e-3, tilt_95_rad=0.05, yaw_95_rad=0.04)


def search(profile: ConnectorProfile, *, is_held: bool) -> tuple[Job, Go | End | None]:
    """Search with a plug that stays where it is, or that goes where it is told; return what came of it in 6 s."""
    settings = InsertionSettings()
    job = Job(profile, settings, make_plan(profile, UNCERTAIN, settings), land_m=1.0e-3)
    p, still = np.array([0.0, 0.0, 1.0e-3]), np.zeros(3)
    force = np.array([0.0, 0.0, -settings.search_force_n])
    phase, time_s = None, 0.0
    while time_s < 6.0:
        m = Measurement(time_s, 0.002, p.copy(), still, 0.0, force, still)
        phase = Search(job, m) if phase is None else phase
        setpoint, change = phase.step(job, m)
        if change is not None:
            return job, change
        if not is_held:
            p[:2] = setpoint.p[:2]
        time_s += 0.002
    return job, None


def test_a_plug_that_is_held_on_all_sides_is_in_the_opening():
    # The first thing that was felt was a latch: the spiral then pulls at a plug that cannot follow.
    job, change = search(replace(SMALL, depth_m=1.0e-3), is_held=True)
    assert isinstance(change, Go)
    assert change.phase is Phase.INSERT
    assert "on all sides" in change.reason
    assert job.land_m == pytest.approx(1.0e-3 - job.plan.entered_m)
    # Where there is more way to the stop than the estimate is uncertain, the estimate knows better.
    job, change = search(replace(SMALL, depth_m=20.0e-3), is_held=True)
    assert isinstance(change, Go)
    assert job.land_m is None


def test_a_plug_that_follows_the_spiral_is_not_held():
    assert search(replace(SMALL, depth_m=1.0e-3), is_held=False)[1] is None


def stall(slide: float) -> tuple[Job, Go | End]:
    """Push a plug that stands 5 mm deep on something and slides sideways at a speed, m/s; return what is decided."""
    settings = InsertionSettings()
    profile = replace(SMALL, depth_m=12.0e-3)
    job = Job(profile, settings, make_plan(profile, UNCERTAIN, settings), land_m=0.0, searches=1)
    job.caught_at = np.array([0.0, -4.0e-3])
    still, force = np.zeros(3), np.array([0.0, 0.0, -10.0])
    m = Measurement(0.0, 0.002, np.array([0.0, -4.0e-3, 5.0e-3]), still, 0.0, force, still)
    phase = Insert(job, m)
    while m.time_s < 20.0:
        p = np.array([slide * m.time_s, -4.0e-3, 5.0e-3])
        m = replace(m, time_s=m.time_s + 0.002, p=p)
        _, change = phase.step(job, m)
        if change is not None:
            return job, change
    raise AssertionError("nothing was decided")


def search_along(
    wall_m: float, friction: float, *, dip_share: float = 0.0, false_places: Sequence[tuple[float, float]] = ()
) -> tuple[list[tuple[float, float, float]], Job, Go | End | None]:
    """Search with a plug that cannot pass x = `wall_m`, and dips there by a share of the catch threshold.

    Returns:
        x, the pull towards x and the push of every step; what is remembered; what ended the search.
    """
    settings, profile = InsertionSettings(), replace(SMALL, friction=friction)
    job = Job(profile, settings, make_plan(profile, UNCERTAIN, settings), land_m=1.0e-3)
    job.false_places = [np.array(place) for place in false_places]
    p, still, steps = np.array([0.0, 0.0, 1.0e-3]), np.zeros(3), []
    force = np.array([0.0, 0.0, -settings.search_force_n])
    phase = Search(job, Measurement(0.0, 0.002, p.copy(), still, 0.0, force, still))
    for k in range(3000):
        setpoint, change = phase.step(job, Measurement(0.002 * k, 0.002, p.copy(), still, 0.0, force, still))
        if change is not None:
            return steps, job, change
        steps.append((float(p[0]), settings.stiffness_search * float(setpoint.p[0] - p[0]), float(setpoint.force[2])))
        p[:2] = max(float(setpoint.p[0]), wall_m), setpoint.p[1]
        p[2] = 1.0e-3 + (dip_share * job.plan.catch_drop_m if p[0] <= wall_m else 0.0)
    return steps, job, None


def test_a_plug_that_an_edge_holds_back_is_pressed_so_little_that_it_can_be_drawn_over_the_edge():
    # The deep corner of a tilted RJ45 plug dipped into the slot of the latch: it never came to the opening behind.
    friction = 0.4
    steps, _, change = search_along(-0.9e-3, friction)
    assert change is None
    full = InsertionSettings().search_force_n
    held = [push for x, pull, push in steps if x <= -0.9e-3 and pull < -5.5]
    assert held, "the search never reached the edge"
    # on a 45 degree edge, from the balance of forces: pull (1 - mu) > push (1 + mu)
    assert min(held) < 5.5 * (1.0 - friction) / (1.0 + friction)
    assert min(push for _, _, push in steps) >= 1.0, "contact is kept"
    free = [push for x, _, push in steps if x > 0.5e-3]
    assert max(free) == pytest.approx(full, abs=0.05), "the push returns behind the edge"


def test_a_plug_that_nothing_holds_back_is_pressed_as_ever():
    steps, _, _ = search_along(-1.0, 0.4)
    assert {push for _, _, push in steps} == {InsertionSettings().search_force_n}


def test_what_holds_a_plug_back_in_a_dip_is_tried_once():
    # The edge may be the far side of the opening: an LC plug was drawn out of its lead-in again and again.
    _, job, change = search_along(-0.9e-3, 0.4, dip_share=0.8)
    assert isinstance(change, Go)
    assert change.phase is Phase.INSERT
    assert "held back" in change.reason
    assert job.is_held_catch
    assert job.caught_at is not None
    # ... and not again where that was false: there it is drawn over.
    along = [(-0.9e-3, y * 1.0e-4) for y in range(-60, 61, 2)]
    _, _, change = search_along(-0.9e-3, 0.4, dip_share=0.8, false_places=along)
    assert change is None


def test_where_a_catch_was_false_is_remembered_and_only_drops_cast_doubt_on_drops():
    settings = InsertionSettings()
    job = Job(SMALL, settings, make_plan(SMALL, UNCERTAIN, settings), land_m=1.0e-3)
    still = np.zeros(3)
    m = Measurement(0.0, 0.002, np.array([1.0e-3, 0.0, 1.05e-3]), still, 0.0, np.array([0.0, 0.0, -10.0]), still)
    for count, is_held in ((0, True), (1, False)):
        job.caught_at, job.is_held_catch = m.p[:2].copy(), is_held
        phase, change, time_s = Insert(job, m), None, m.time_s
        while change is None:
            time_s += 0.002
            _, change = phase.step(job, replace(m, time_s=time_s))
        assert isinstance(change, Go)
        assert change.phase is Phase.SEARCH
        assert job.false_catches == count
    assert len(job.false_places) == 2


def sink(start: type[Insert | Seat], slide: float) -> tuple[Job, Go | End | None, float]:
    """Let a plug sink by 10 mm/s without a force and slide sideways at a speed, m/s; return what ends it, and where."""
    settings = InsertionSettings()
    job = Job(SMALL, settings, make_plan(SMALL, UNCERTAIN, settings), land_m=0.0, searches=1)
    job.caught_at = np.array([0.0, -1.5e-3])
    still, z = np.zeros(3), 0.0 if start is Insert else 1.0e-3
    m = Measurement(0.0, 0.002, np.array([0.0, -1.5e-3, z]), still, 0.0, still, still)
    phase: Insert | Seat = start(job, m)
    while m.depth_m < SMALL.depth_m:
        time_s = m.time_s + 0.002
        p = np.array([0.0, -1.5e-3 - slide * time_s, z + 1.0e-2 * time_s])
        m = replace(m, time_s=time_s, p=p)
        _, change = phase.step(job, m)
        if change is not None:
            return job, change, m.depth_m
    return job, None, m.depth_m


@pytest.mark.parametrize("start", [Insert, Seat])
def test_a_plug_that_slides_on_its_way_down_falls_beside_the_part_and_is_drawn_back_before_the_fingers_are_there(start):
    # A JST plug fell beside its header and was followed 6.8 mm down: the fingers met the header, and lost the plug.
    job, change, depth_m = sink(start, slide=5.0e-3)
    assert isinstance(change, Go)
    assert change.phase is Phase.RECOVER, change.reason
    assert "free to move" in change.reason
    assert job.falls == 1
    assert depth_m < 0.5 * SMALL.depth_m
    assert job.search_centre[1] > 1.0e-3, "the opening is on the other side of the edge that it fell off"


def test_a_plug_that_sinks_straight_is_in_its_hole():
    job, change, _ = sink(Insert, slide=0.5e-3)
    assert isinstance(change, Go)
    assert change.phase is Phase.SEAT, change.reason
    assert sink(Seat, slide=0.5e-3)[1] is None
    assert job.falls == 0


def test_what_was_moved_before_another_search_does_not_count_in_the_next_hole():
    job, _, depth_m = sink(Insert, slide=5.0e-3)
    still = np.zeros(3)
    m = Measurement(1.0, 0.002, np.array([0.0, 2.0e-3, depth_m]), still, 0.0, still, still)
    Contact(job, m)  # drawn back, and down again over the opening, without another search
    _, change = Insert(job, m).step(job, m)
    assert change is None


def test_a_plug_that_is_stuck_and_free_to_slide_has_fallen_beside_the_part():
    job, change = stall(slide=4.0e-3)
    assert isinstance(change, Go)
    assert change.phase is Phase.RECOVER
    assert "free to move" in change.reason
    assert job.falls == 1
    # The search goes on where the part must be: on the other side of the edge that it fell off.
    assert job.search_centre[1] > -1.0e-3


def test_a_plug_that_is_stuck_and_held_on_all_sides_is_in_its_hole():
    job, change = stall(slide=1.0e-5)
    assert isinstance(change, Go)
    assert "search again" in change.reason
    assert job.falls == 0
    assert not job.search_centre.any()


@pytest.mark.parametrize(("deep_m", "aside_m", "is_beside"), [(0.042, 0.9e-3, False), (0.002, 0.9e-3, True)])
def test_an_axis_that_is_off_leads_a_plug_aside_over_its_depth_and_only_a_fall_does_at_once(deep_m, aside_m, is_beside):
    profile = ConnectorProfile("peg", (0.014, 0.0085), (1e-4, 1e-4), chamfer_m=0.4e-3, depth_m=0.045)
    room = Room()
    for share in np.linspace(0.0, 1.0, 20):
        p = share * np.array([aside_m, 0.0, deep_m])
        room.add(Measurement(0.0, 0.002, p, np.zeros(3), 0.0, np.zeros(3), np.zeros(3)))
    taken_m = room.taken_m(profile, 0.03)
    assert (taken_m == pytest.approx(aside_m)) if is_beside else (taken_m is None)
