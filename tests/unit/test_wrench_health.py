"""Faults of the force sensor are found within half a second, with their code; an hour of good readings raises none."""

from __future__ import annotations

import numpy as np
import pytest

from cablecell.core.fusion.wrench_health import AXES, WrenchHealth
from cablecell.ports import WrenchSample

PERIOD_S = 0.01
Q = np.zeros(6)


def reading(rng, offset=None):
    """Return noise and steps like those of the simulated sensor about a weight."""
    w = np.array([0.0, 0.0, -14.0, 0.1, 0.2, 0.0]) + rng.normal(size=6) * ([0.1] * 3 + [0.004] * 3)
    if offset is not None:
        w = w + offset
    return np.round(w / ([0.1] * 3 + [0.005] * 3)) * ([0.1] * 3 + [0.005] * 3)


def watch(change, *, begin_s=3.0, end_s=4.5, q=lambda _: Q, is_held=True, seed=1):
    """Return the faults that a change of readings from a time on raises."""
    rng, health, found, last = np.random.default_rng(seed), WrenchHealth(), [], np.zeros(6)
    for tick in range(round(end_s / PERIOD_S)):
        now_s = tick * PERIOD_S
        w, stamp_s = reading(rng), now_s
        if now_s >= begin_s:
            w, stamp_s = change(w, last, now_s - begin_s, now_s)
        else:
            last = w
        fault = health.step(now_s, WrenchSample(stamp_s, w[:3], w[3:]), q(now_s), is_held=is_held)
        if fault is not None:
            found.append(fault)
    return found, health


def stuck(axes):
    def change(w, last, _, now_s):
        w = w.copy()
        w[axes] = last[axes]
        return w, now_s

    return change


def ramp(axis, rate):
    def change(w, _, after_s, now_s):
        w = w.copy()
        w[axis] += rate * after_s
        return w, now_s

    return change


@pytest.mark.parametrize("axes", [[0], [2], [5], [0, 1, 2, 3, 4, 5]])
def test_a_stuck_axis_is_named(axes):
    found, health = watch(stuck(axes))
    assert found[0].error.code == 591
    assert found[0].detected_s - 3.0 <= 0.5
    assert set(found[-1].axes) == {AXES[axis] for axis in axes}
    assert [AXES[i] for i, ok in enumerate(health.trusted_axes) if not ok] == [AXES[axis] for axis in axes]


@pytest.mark.parametrize(("axis", "rate"), [(0, 2.0), (2, -5.0), (3, 0.2), (1, 20.0)])
def test_a_drift_at_rest_is_found_in_half_a_second(axis, rate):
    found, _ = watch(ramp(axis, rate))
    assert found[0].error.code == 592
    assert AXES[axis] in found[0].axes
    assert found[0].detected_s - 3.0 <= 0.5
    assert "touches the tool" in str(found[0].error)


def test_a_slow_drift_is_found_when_it_matters():
    found, _ = watch(ramp(0, 0.5), end_s=8.0)
    assert found[0].detected_s - 3.0 == pytest.approx(0.6 / 0.5, rel=0.15)


def test_a_sensor_that_stops_delivering_is_found():
    begun = {}

    def stop(w, last, after_s, now_s):
        begun.setdefault("s", now_s)
        return last, begun["s"]

    found, _ = watch(stop)
    assert found[0].error.code == 593
    assert found[0].detected_s - 3.0 <= 0.5


def test_a_silence_is_not_taken_for_a_stuck_axis_when_it_ends_with_the_value_that_it_began_with():
    begun = {}

    def pause(w, last, after_s, now_s):
        begun.setdefault("s", now_s)
        if after_s < 0.6:
            return last, begun["s"]
        return (last if after_s < 0.65 else w), now_s

    found, _ = watch(pause, end_s=6.0)
    assert [fault.error.code for fault in found] == [593]


def test_an_arm_that_moves_or_is_commanded_may_feel_anything():
    assert watch(ramp(0, 10.0), q=lambda now_s: Q + 0.01 * now_s)[0] == []
    assert watch(ramp(0, 10.0), is_held=False)[0] == []


def test_an_ideal_sensor_without_noise_is_no_fault():
    health = WrenchHealth()
    for tick in range(500):
        sample = WrenchSample(tick * PERIOD_S, np.zeros(3), np.zeros(3))
        assert health.step(tick * PERIOD_S, sample, Q, is_held=True) is None


def test_ten_minutes_of_good_readings_raise_no_alarm():
    found, _ = watch(ramp(0, 0.0), end_s=600.0, seed=7)
    assert found == []


def test_a_sensor_is_trusted_again_when_it_lives_again():
    def change(w, last, after_s, now_s):
        return stuck([1])(w, last, after_s, now_s) if after_s < 1.0 else (w, now_s)

    found, health = watch(change, end_s=6.0)
    assert [fault.error.code for fault in found] == [591]
    assert health.fault is None
