"""Every way an insertion can end, provoked in the analytic contact world."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from cablecell.core.config.insertion import InsertionSettings
from cablecell.core.insertion.outcome import InsertionResult, Outcome, Phase
from cablecell.core.insertion.phase import Go, Job, Measurement
from cablecell.core.insertion.plan import Uncertainty, make_plan
from cablecell.core.insertion.profile import ConnectorProfile
from cablecell.core.insertion.seat import PullTest
from cablecell.core.insertion.skill import InsertionSkill
from tests.support.contact import World, run_skill

PLAIN = ConnectorProfile("plain", (13.75e-3, 8.45e-3), (0.375e-3, 0.5e-3), 0.5e-3, 20.0e-3)
LATCHED = ConnectorProfile(
    "latched",
    (13.75e-3, 8.45e-3),
    (0.375e-3, 0.5e-3),
    0.5e-3,
    20.0e-3,
    seat_tolerance_m=0.3e-3,
    latch_force_n=5.0,
    latch_play_m=0.4e-3,
    latch_reach_m=2.0e-3,
    latch_click_m=0.6e-3,
    retention_force_n=40.0,
)
OFF = (0.001, -0.0005, 0.001)
TURNED = (0.02, -0.01, 0.02)


def run(
    profile: ConnectorProfile, world: World, settings: InsertionSettings | None = None, **options
) -> InsertionResult:
    result, _, _ = run_skill(InsertionSkill(profile, settings or InsertionSettings()), world, **options)
    return result


def test_seats_after_a_search_within_the_force_budget():
    result, plant, phases = run_skill(
        InsertionSkill(PLAIN, InsertionSettings()), World(PLAIN), error_m=OFF, error_rad=TURNED
    )
    assert result.outcome is Outcome.SEATED
    assert phases == ["PREPARE", "APPROACH", "CONTACT", "SEARCH", "INSERT", "SEAT", "VERIFY", "HOLD", "DONE"]
    assert plant.depth_m() == pytest.approx(PLAIN.depth_m, abs=3e-4)
    assert result.depth_m == pytest.approx(PLAIN.depth_m, abs=3e-4)
    assert plant.peak_n < 20.0
    assert result.peak_force_n == pytest.approx(plant.peak_n, abs=1.0)
    assert result.duration_s < 5.0


def test_goes_straight_in_when_the_error_is_within_the_lead_in():
    skill = InsertionSkill(PLAIN, InsertionSettings())
    result, _, phases = run_skill(skill, World(PLAIN), sigma_m=0.0003, error_m=(0.0003, 0.0, 0.0))
    assert result.outcome is Outcome.SEATED
    assert "SEARCH" not in phases
    assert result.searches == 0


def test_finds_the_hole_three_millimetres_away():
    result = run(PLAIN, World(PLAIN), error_m=(0.002, -0.002, -0.001), error_rad=TURNED, sigma_m=0.0015)
    assert result.outcome is Outcome.SEATED


def test_carries_the_static_load_of_tool_and_cable():
    load = np.array([0.5, 0.0, -1.0, 0.05, 0.0, 0.02])
    skill = InsertionSkill(PLAIN, InsertionSettings())
    result, plant, _ = run_skill(skill, World(PLAIN, load=load), error_m=OFF, error_rad=TURNED)
    assert result.outcome is Outcome.SEATED
    assert plant.peak_n < 20.0


def test_proves_a_latch_by_pulling():
    result = run(LATCHED, World(LATCHED, latch_n=5.0, retention_n=40.0), error_m=OFF)
    assert result.outcome is Outcome.SEATED
    assert result.is_latched
    assert "latch proven by a pull" in result.reason


def test_release_lets_go_and_moves_away():
    settings = InsertionSettings(release_when_seated=True)
    result, plant, phases = run_skill(InsertionSkill(PLAIN, settings), World(PLAIN))
    assert result.outcome is Outcome.SEATED
    assert phases[-2:] == ["RETREAT", "DONE"]
    assert plant.depth_m() < PLAIN.depth_m - 0.9 * settings.retreat_distance_m


FAILURES = [
    (Outcome.NO_CONTACT, PLAIN, World(PLAIN, has_port=False), {}, "no land and no stop was felt"),
    (Outcome.SEARCH_EXHAUSTED, PLAIN, World(PLAIN, has_hole=False), {}, "no opening within"),
    (Outcome.JAMMED, PLAIN, World(PLAIN, block_m=0.008), {}, "stuck 8.* mm deep after"),
    (
        Outcome.NOT_LATCHED,
        LATCHED,
        World(LATCHED),
        {"error_m": OFF},
        r"passed .* mm, more than a latched plug moves, 0\.\d\d s into a pull of 10.0 N",
    ),
    (
        Outcome.PULLED_OUT,
        LATCHED,
        World(LATCHED, latch_n=5.0, retention_n=8.0),
        {"error_m": OFF},
        r"passed .* mm, more than a latched plug moves",
    ),
    (Outcome.OVER_FORCE, PLAIN, World(PLAIN, spike_n=60.0, spike_from_m=0.005), {}, "the limit is 25.0 N"),
    (Outcome.NOT_SEATED, PLAIN, World(PLAIN, floor=6000.0), {"sigma_m": 0.0004, "error_m": OFF}, "sprang back"),
    (Outcome.PLUG_LOST, PLAIN, World(PLAIN, grip_n=8.0), {"error_m": OFF}, "the gripper moves on without the plug"),
    (Outcome.NOT_SEATED, LATCHED, World(LATCHED, latch_n=30.0), {"error_m": OFF}, "mm is needed"),
    (Outcome.CANCELLED, PLAIN, World(PLAIN), {"cancel_at_s": 0.8}, "cancelled in"),
    (Outcome.LOST_ESTIMATE, PLAIN, World(PLAIN), {"stamp_s": -100.0}, "old; the limit is 30.0 s"),
    (Outcome.LOST_ESTIMATE, PLAIN, World(PLAIN), {"sigma_m": 0.01}, "standard deviation of 10.00 mm"),
    (
        Outcome.NOT_FREE,
        PLAIN,
        World(PLAIN, load=np.array([0.0, 0.0, -12.0, 0.0, 0.0, 0.0])),
        {},
        "takes 12.0 N; the limit is 6.0 N",
    ),
]


@pytest.mark.parametrize(("outcome", "profile", "world", "options", "match"), FAILURES)
def test_every_failure_has_its_outcome_and_ends_clear_of_the_port(outcome, profile, world, options, match):
    skill = InsertionSkill(profile, InsertionSettings())
    result, plant, _ = run_skill(skill, world, **options)
    assert result.outcome is outcome
    assert plant.depth_m() < -0.002
    assert result.is_retreated
    assert not result.is_latched
    assert re.search(match, result.reason), result.reason


def test_time_limit_ends_the_attempt():
    result = run(PLAIN, World(PLAIN), InsertionSettings(time_limit_s=1.0))
    assert result.outcome is Outcome.TIMED_OUT
    assert result.duration_s == pytest.approx(1.0, abs=0.01)
    assert result.is_retreated


def test_every_outcome_is_provoked_here():
    provoked = {case[0] for case in FAILURES} | {Outcome.SEATED, Outcome.TIMED_OUT}
    assert provoked == set(Outcome)


def test_a_plug_that_cannot_be_pulled_back_in_time_is_jammed():
    # A tight round peg was; the skill then ended without any decision.
    settings = InsertionSettings(retreat_limit_s=0.5, retreat_speed=0.005)
    result = run(PLAIN, World(PLAIN, block_m=0.008), settings, error_m=OFF)
    assert result.outcome is Outcome.JAMMED
    assert re.search(r"still [4-7]\.\d mm deep after 0\.5 s of pulling back to search again", result.reason)
    assert not result.is_retreated


def test_a_jam_is_searched_again_before_it_is_given_up():
    result, _, phases = run_skill(InsertionSkill(PLAIN, InsertionSettings()), World(PLAIN, block_m=0.008), error_m=OFF)
    assert result.outcome is Outcome.JAMMED
    assert phases.count("RECOVER") == 2
    assert result.searches == 2


def test_debris_under_a_touched_land_is_not_a_seat():
    # The land fixes the depth, so a stop 2.5 mm too early is seen although the port estimate is off by 1 mm.
    result = run(PLAIN, World(PLAIN, block_m=0.0175), error_m=OFF)
    assert result.outcome is Outcome.NOT_SEATED


@pytest.mark.parametrize("ledge_s", [0.6, 1.0])
def test_a_wedged_plug_that_slips_on_while_it_is_held_is_held_anew(ledge_s):
    settings = InsertionSettings()
    world = World(PLAIN, ledge_m=PLAIN.depth_m - 0.6e-3, ledge_s=ledge_s)
    result, plant, phases = run_skill(InsertionSkill(PLAIN, settings), world)
    assert result.outcome is Outcome.SEATED, result.reason
    assert world.ledge_m is None
    assert phases.count("HOLD") == 1
    assert plant.depth_m() == pytest.approx(PLAIN.depth_m, abs=3e-4)
    assert world.stopped_s > settings.hold_s, "it was not held at the true stop for the time of the hold"


def test_what_gives_way_in_the_opening_is_not_taken_for_the_land():
    # Something held the plug 3.5 mm deep for a moment: counted from there it would never be deep enough.
    world = World(LATCHED, latch_n=5.0, retention_n=40.0, ledge_m=3.5e-3, ledge_s=0.02)
    result, plant, phases = run_skill(InsertionSkill(LATCHED, InsertionSettings()), world, error_m=(0.0, 0.0, 0.0))
    assert result.outcome is Outcome.SEATED, result.reason
    assert result.is_latched
    assert phases.index("SEARCH") < phases.index("INSERT"), "it was not felt"
    assert "RECOVER" not in phases
    assert plant.depth_m() == pytest.approx(LATCHED.depth_m, abs=3e-4)


@pytest.mark.parametrize("ledge_s", [0.8, 1.2])
def test_a_plug_that_is_latched_and_creeps_on_while_it_is_held_is_held_anew(ledge_s):
    # Its catch holds it already, in the play of the latch; the seat is the stop, and the dwell counts from there.
    settings = InsertionSettings()
    world = World(LATCHED, latch_n=5.0, retention_n=40.0, ledge_m=LATCHED.depth_m - 0.35e-3, ledge_s=ledge_s)
    result, plant, phases = run_skill(InsertionSkill(LATCHED, settings), world)
    assert result.outcome is Outcome.SEATED, result.reason
    assert result.is_latched
    assert world.ledge_m is None
    assert phases.count("HOLD") == 1
    assert plant.depth_m() == pytest.approx(LATCHED.depth_m, abs=3e-4)
    assert world.stopped_s > settings.hold_s, "it was not held at the true stop for the time of the hold"


def test_an_over_force_is_answered_within_a_few_periods():
    world = World(PLAIN, spike_n=60.0, spike_from_m=0.012)
    result, _, phases = run_skill(InsertionSkill(PLAIN, InsertionSettings()), world)
    assert result.last_phase is Phase.INSERT
    assert phases[-2:] == ["RECOVER", "DONE"]


def test_the_first_observation_needs_an_estimate():
    from tests.support.contact import X_BASE_PORT, X_TCP_TIP, TipPlant, estimate

    plant = TipPlant(World(PLAIN), X_base_tip=X_BASE_PORT)
    tip = estimate(X_TCP_TIP, sigma_m=0.001, sigma_rad=0.01)
    with pytest.raises(RuntimeError, match="must hold an estimate of the port"):
        InsertionSkill(PLAIN, InsertionSettings()).step(plant.observe(None, tip))


def test_estimates_that_vanish_in_contact_do_not_stop_the_skill():
    """Vision loses the port behind the gripper: what was known at contact goes on."""
    from cablecell.core.geometry import exp_so3, make_pose
    from tests.support.contact import X_BASE_PORT, X_TCP_TIP, TipPlant, estimate

    X_est = X_BASE_PORT @ make_pose(np.eye(3), OFF)
    port, tip = estimate(X_est, sigma_m=0.001, sigma_rad=0.008), estimate(X_TCP_TIP, sigma_m=0.0003, sigma_rad=0.005)
    plant = TipPlant(World(PLAIN), X_base_tip=X_est @ make_pose(exp_so3([0.0] * 3), [0.0, 0.0, -0.01]))
    skill = InsertionSkill(PLAIN, InsertionSettings())
    while plant.time_s < 10.0:
        out = skill.step(plant.observe(port if skill.phase in (Phase.IDLE, Phase.PREPARE) else None, tip))
        if out.result is not None:
            break
        plant.cycle(out.command)
    assert out.result is not None
    assert out.result.outcome is Outcome.SEATED


@pytest.mark.parametrize(("phase", "outcome"), [(Phase.APPROACH, Outcome.LOST_ESTIMATE), (Phase.SEAT, Outcome.SEATED)])
def test_an_estimate_that_is_withdrawn_ends_the_insertion_before_contact_and_not_after(phase, outcome):
    skill = InsertionSkill(PLAIN, InsertionSettings())
    step = skill.step

    def withdraw_in_phase(observation):
        if skill.phase is phase:
            skill.withdraw("the board was bumped")
        return step(observation)

    skill.step = withdraw_in_phase
    result, _, _ = run_skill(skill, World(PLAIN), error_m=OFF)
    assert result.outcome is outcome
    if outcome is Outcome.LOST_ESTIMATE:
        assert (result.reason, result.is_retreated, result.peak_force_n < 1.0) == ("the board was bumped", True, True)


def test_a_plug_that_is_wedged_short_of_its_seat_is_not_seated_though_it_stands_the_pull():
    # A JST plug stood 0.6 mm short, held by friction: as much as a land touched in the lead-in would explain.
    world = World(LATCHED, block_m=LATCHED.depth_m - 0.5e-3, wedge_m=LATCHED.depth_m - 0.5e-3)
    result = run(LATCHED, world, error_m=(0.0015, -0.0015, 0.001))
    assert (result.outcome, result.is_latched) == (Outcome.NOT_SEATED, False), result.reason
    assert "mm is needed" in result.reason


@pytest.mark.parametrize(("touched_m", "short_m"), [((0.8e-3, 0.0), 0.8e-3), ((1.2e-3, 0.0), 0.36e-3), (None, 0.8e-3)])
def test_a_seat_may_be_short_by_the_lead_in_only_where_the_land_may_have_been_touched_in_it(touched_m, short_m):
    settings = InsertionSettings()
    plan = make_plan(LATCHED, Uncertainty(1e-3, 1e-3, 0.05, 0.04), settings)
    job = Job(LATCHED, settings, plan, land_m=0.0, land_at=None if touched_m is None else np.array(touched_m))
    m = Measurement(0.0, 0.002, np.array([0.0, 0.0, LATCHED.depth_m]), np.zeros(3), 0.0, np.zeros(3), np.zeros(3))
    assert job.short_m(m) == pytest.approx(short_m)


def test_fingers_that_stand_on_the_part_hold_no_pull_though_the_plug_draws_them_there():
    # The fingers of a JST plug stood on its header, and the half closed latch drew at it more than the pull did.
    world = World(LATCHED, block_m=1.0, fingers_m=LATCHED.depth_m - 0.2e-3, draw_n=14.0)
    result = run(LATCHED, world, error_m=OFF)
    assert (result.outcome, result.is_latched) == (Outcome.NOT_SEATED, False), result.reason
    assert "fingers" in result.reason


@pytest.mark.parametrize(
    ("felt_n", "moved_m", "expected"),
    [(8.0, 0.3e-3, Phase.HOLD), (0.5, 0.3e-3, Phase.INSERT), (8.0, 0.0, Phase.INSERT)],
)
def test_a_pull_proves_a_latch_only_where_it_is_felt_and_the_grasp_gives_way_to_it(felt_n, moved_m, expected):
    """Whoever does not move for another reason, such as an arm that hears its commands late, has proven nothing."""
    settings = InsertionSettings()
    plan = make_plan(LATCHED, Uncertainty(1e-3, 1e-3, 0.05, 0.04), settings)
    job = Job(LATCHED, settings, plan, land_m=0.0)
    m = Measurement(0.0, 0.002, np.array([0.0, 0.0, LATCHED.depth_m]), np.zeros(3), 0.0, np.zeros(3), np.zeros(3))
    phase, change = PullTest(job, m), None
    while change is None:
        p = np.array([0.0, 0.0, LATCHED.depth_m - moved_m])
        m = replace(m, time_s=m.time_s + m.dt_s, p=p, force=np.array([0.0, 0.0, felt_n]))
        _, change = phase.step(job, m)
    assert isinstance(change, Go)
    assert change.phase is expected
    assert job.is_latched == (expected is Phase.HOLD)
