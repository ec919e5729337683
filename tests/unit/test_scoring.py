"""The AIC rubric on cases whose score can be worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cablecell.evaluation.scoring import (
    TrialRecord,
    mean_jerk,
    score_duration,
    score_efficiency,
    score_force,
    score_smoothness,
    score_trial,
    time_over_force,
)


def record(**changes):
    t = np.arange(0.0, 5.0, 0.002)
    base = TrialRecord(
        is_valid_run=True,
        start_s=0.0,
        end_s=5.0,
        velocity_t_s=t,
        velocity=np.tile([0.02, 0.0, 0.0], (len(t), 1)),
        position=np.array([[0.0, 0.0, 0.0], [0.1, 0.0, 0.0]]),
        force_t_s=t,
        force=np.zeros((len(t), 3)),
        offlimit_contacts=0,
        target="nic_card_mount_0/sfp_port_0",
        inserted="nic_card_mount_0/sfp_port_0",
        plug_start=np.array([0.0, 0.0, 0.3]),
        plug_end=np.array([0.0, 0.0, 0.1]),
        port=np.array([0.0, 0.0, 0.1]),
        entrance=np.array([0.0, 0.0, 0.1458]),
    )
    return replace(base, **changes)


def test_a_perfect_trial_earns_all_hundred_points():
    score = score_trial(record())
    assert (score.tier1, score.smoothness, score.duration, score.efficiency) == pytest.approx((1.0, 6.0, 12.0, 6.0))
    assert score.tier3 == 75.0
    assert score.total == pytest.approx(100.0)


@pytest.mark.parametrize(("seconds", "points"), [(2.0, 12.0), (5.0, 12.0), (32.5, 6.0), (60.0, 0.0), (90.0, 0.0)])
def test_duration_falls_from_five_to_sixty_seconds(seconds, points):
    assert score_duration(seconds) == pytest.approx(points)


@pytest.mark.parametrize(("path_m", "points"), [(0.1, 6.0), (0.142, 6.0), (0.642, 3.0), (1.142, 0.0), (3.0, 0.0)])
def test_efficiency_allows_the_distance_at_the_start(path_m, points):
    position = np.array([[0.0, 0.0, 0.0], [path_m / 2, 0.0, 0.0], [path_m, 0.0, 0.0]])
    assert score_efficiency(position, 0.142) == pytest.approx(points)


def test_a_detour_counts_even_when_it_comes_back():
    there_and_back = np.array([[0.0, 0.0, 0.0], [0.5, 0.0, 0.0], [0.0, 0.0, 0.0]])
    assert score_efficiency(there_and_back, 0.0) == pytest.approx(0.0)


@pytest.mark.parametrize("rate_hz", [50.0, 500.0])
def test_the_jerk_of_a_parabola_is_exact(rate_hz):
    t = np.arange(0.0, 1.0, 1.0 / rate_hz)
    velocity = np.column_stack([0.5 + 0.5 * 3.0 * t**2, 0.5 * 4.0 * t**2, np.zeros_like(t)])
    assert mean_jerk(t, velocity) == pytest.approx(5.0, rel=1e-9)
    assert score_smoothness(t, velocity) == pytest.approx(6.0 * (1.0 - 5.0 / 50.0))


def test_the_jerk_of_a_sine_is_its_mean():
    amplitude, omega = 0.1, 2.0 * np.pi
    t = np.arange(0.0, 20.0, 0.002)
    velocity = np.column_stack([1.0 + amplitude * np.sin(omega * t), 0.0 * t, 0.0 * t])
    assert mean_jerk(t, velocity) == pytest.approx(amplitude * omega**2 * 2.0 / np.pi, rel=2e-3)


def test_standing_still_does_not_dilute_the_jerk():
    t = np.arange(0.0, 1.0, 0.002)
    moving = np.column_stack([0.5 + 5.0 * t**2, 0.0 * t, 0.0 * t])
    still = np.zeros((2000, 3))
    joined_t = np.concatenate([t, 1.0 + np.arange(2000) * 0.002])
    only = mean_jerk(t, moving)
    assert only == pytest.approx(10.0)
    # Only windows over the step from moving to still differ, and those are rough, not smooth.
    assert mean_jerk(joined_t, np.vstack([moving, still])) >= only


def test_repeated_stamps_count_once():
    t = np.arange(0.0, 1.0, 0.002)
    velocity = np.column_stack([0.5 + 1.5 * t**2, 0.0 * t, 0.0 * t])
    assert mean_jerk(np.repeat(t, 2), np.repeat(velocity, 2, axis=0)) == pytest.approx(mean_jerk(t, velocity))


def test_too_little_motion_earns_no_smoothness():
    t = np.arange(14) * 0.002
    assert score_smoothness(t, np.ones((14, 3))) == 0.0
    t = np.arange(1000) * 0.002
    assert score_smoothness(t, np.full((1000, 3), 0.001)) == 0.0
    assert score_smoothness(np.zeros(0), np.zeros((0, 3))) == 0.0


def test_the_force_penalty_needs_more_than_one_second_in_total():
    t = np.arange(0.0, 4.0, 0.02)
    force = np.zeros((len(t), 3))
    force[(t > 0.5) & (t < 1.0), 2] = 25.0
    force[(t > 2.0) & (t < 2.4), 0] = -25.0
    assert time_over_force(t, force) == pytest.approx(0.86, abs=0.03)
    assert score_force(t, force) == 0.0
    force[(t > 3.0) & (t < 3.3), 1] = 25.0
    assert score_force(t, force) == -12.0


def test_the_force_is_the_magnitude_of_all_three_axes():
    t = np.arange(0.0, 2.0, 0.02)
    assert score_force(t, np.full((len(t), 3), 11.0)) == 0.0  # 19.05 N
    assert score_force(t, np.full((len(t), 3), 12.0)) == -12.0  # 20.8 N


def test_a_contact_costs_twentyfour_however_many_there_are():
    assert score_trial(record(offlimit_contacts=1)).total == pytest.approx(76.0)
    assert score_trial(record(offlimit_contacts=9)).total == pytest.approx(76.0)


def test_the_wrong_port_costs_and_earns_no_bonus():
    score = score_trial(record(inserted="nic_card_mount_0/sfp_port_1"))
    assert score.tier3 == -12.0
    assert score.tier2 == 0.0
    assert score.total == pytest.approx(-11.0)


def test_a_success_that_was_not_reported_earns_nothing_but_keeps_penalties():
    score = score_trial(record(end_s=None, offlimit_contacts=1))
    assert score.tier3 == 0.0
    assert score.total == pytest.approx(1.0 - 24.0)


@pytest.mark.parametrize(
    ("above_port_m", "points"), [(0.0, 50.0), (-0.005, 50.0), (0.0229, 44.0), (0.0457, 38.0), (0.02, 44.75983)]
)
def test_a_plug_partly_in_is_scored_by_depth(above_port_m, points):
    score = score_trial(record(inserted=None, plug_end=np.array([0.004, -0.004, 0.1 + above_port_m])))
    assert score.tier3 == pytest.approx(points, abs=0.03)


@pytest.mark.parametrize(
    ("offset_m", "points"),
    [(0.0459, 25.0 * (0.1458 - 0.0459) / 0.1), (0.0958, 12.5), (0.1458, 0.0), (0.5, 0.0), (0.03, 25.0)],
)
def test_a_plug_outside_is_scored_by_distance(offset_m, points):
    # Start distance 0.2 m: nothing beyond 0.0458 + 0.1 m.
    score = score_trial(record(inserted=None, plug_end=np.array([offset_m, 0.0, 0.1])))
    assert score.tier3 == pytest.approx(points, abs=0.01)


def test_beside_the_port_is_not_inside():
    inside = score_trial(record(inserted=None, plug_end=np.array([0.0049, 0.0, 0.12]))).tier3
    beside = score_trial(record(inserted=None, plug_end=np.array([0.0051, 0.0, 0.12]))).tier3
    assert inside > 38.0
    assert beside == 25.0
