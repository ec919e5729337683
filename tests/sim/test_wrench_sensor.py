"""Every error of the force/torque sensor follows its law, alone and without disturbing the others."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from scipy.stats import chi2

from cablecell.composition.simulated_cell import load_scene
from cablecell.configuration import load_connectors, load_trials
from cablecell.core.config.sensors import WrenchSensorSettings
from cablecell.core.config.simulation import SimulationSettings
from cablecell.simulation.machine import SimulatedMachine
from cablecell.simulation.saved_state import ObjectState
from cablecell.simulation.wrench_sensor import OVERLOAD, WrenchErrors

OFF = WrenchSensorSettings(
    gain_error=0.0, crosstalk=0.0, bias_n=0.0, bias_nm=0.0, drift_n_per_min=0.0, drift_nm_per_min=0.0,
    range_xy_n=0.0, range_z_n=0.0, range_nm=0.0, filter_hz=0.0, noise_n=0.0, noise_nm=0.0, resolution_n=0.0,
    resolution_nm=0.0, latency_s=0.0,
)  # fmt: skip
NOTHING = (0.0,) * 6
UNLIKELY = 1e-4


def sensor(seed=0, **on):
    return WrenchErrors(OFF.model_copy(update=on), random.Random(seed))


def feed(errors, wrenches, rate_hz=500.0, start=0):
    rows = []
    for i, wrench in enumerate(wrenches):
        errors.update((start + i) / rate_hz, tuple(wrench))
        rows.append(errors.reading)
    return np.array(rows)


def within_chi_square(samples, sigma):
    samples = np.asarray(samples).ravel()
    low, high = chi2.ppf([UNLIKELY, 1.0 - UNLIKELY], samples.size)
    return low < float((samples**2).sum()) / sigma**2 < high


def test_without_any_error_the_truth_is_reported():
    wrenches = np.random.default_rng(1).normal(0.0, 5.0, (50, 6))
    assert np.array_equal(feed(sensor(), wrenches), wrenches)
    switched_off = WrenchErrors(WrenchSensorSettings(has_errors=False), random.Random(1))
    assert np.array_equal(feed(switched_off, wrenches), wrenches)


def test_gain_and_crosstalk_are_drawn_once_with_the_stated_spread():
    diagonal, cross = [], []
    for seed in range(80):
        errors = sensor(seed, gain_error=0.01, crosstalk=0.003)
        G = feed(errors, np.eye(6)).T
        assert np.array_equal(feed(errors, np.eye(6)).T, G)
        diagonal.append(np.diag(G) - 1.0)
        for block in (G[:3, :3], G[3:, 3:]):
            cross.append(block[~np.eye(3, dtype=bool)])
        assert not G[:3, 3:].any()
        assert not G[3:, :3].any()
    assert within_chi_square(diagonal, 0.01)
    assert within_chi_square(cross, 0.003)


def test_bias_is_drawn_once_with_the_stated_spread():
    biases = np.array([feed(sensor(seed, bias_n=1.0, bias_nm=0.05), [NOTHING])[0] for seed in range(120)])
    assert within_chi_square(biases[:, :3], 1.0)
    assert within_chi_square(biases[:, 3:], 0.05)


def test_drift_is_a_random_walk_with_the_stated_spread_after_a_minute():
    ends, steps = [], []
    for seed in range(12):
        walk = feed(sensor(seed, rate_hz=50, drift_n_per_min=0.1, drift_nm_per_min=0.005), [NOTHING] * 3000, 50.0)
        ends.append(walk[-1])
        steps.append(np.diff(walk, axis=0))
    ends, steps = np.array(ends), np.array(steps)
    assert within_chi_square(ends[:, :3], 0.1)
    assert within_chi_square(ends[:, 3:], 0.005)
    assert within_chi_square(steps[..., :3], 0.1 * math.sqrt(1.0 / 3000.0))
    lag = (steps[:, 1:] * steps[:, :-1]).mean() / (steps**2).mean()
    assert abs(lag) < 4.0 / math.sqrt(steps.size)


@pytest.mark.parametrize("cutoff_hz", [20.0, 100.0, 400.0])
def test_step_response_of_the_filter(cutoff_hz):
    """After k samples 1 - exp(-2 pi f k T) of a step has arrived."""
    errors = sensor(filter_hz=cutoff_hz)
    load = np.array([3.0, -2.0, 10.0, 0.1, -0.2, 0.3])
    rows = feed(errors, [NOTHING] + [load] * 40)[1:]
    k = np.arange(1, 41)[:, None]
    assert np.abs(rows - load * (1.0 - np.exp(-2.0 * math.pi * cutoff_hz * k / 500.0))).max() < 1e-12


def test_noise_is_white_and_of_the_stated_size():
    rows = feed(sensor(3, noise_n=0.1, noise_nm=0.004), [NOTHING] * 4000)
    assert within_chi_square(rows[:, :3], 0.1)
    assert within_chi_square(rows[:, 3:], 0.004)
    scaled = rows / rows.std(axis=0)
    assert np.abs((scaled[1:] * scaled[:-1]).mean(axis=0)).max() < 4.0 / math.sqrt(4000)
    assert np.abs(np.corrcoef(rows.T) - np.eye(6)).max() < 4.0 / math.sqrt(4000)


def test_readings_lie_on_the_grid_of_the_resolution():
    ramp = np.linspace(-1.0, 1.0, 2001)[:, None] * np.array([5.0, 5.0, 5.0, 0.3, 0.3, 0.3])
    rows = feed(sensor(resolution_n=0.1, resolution_nm=0.005), ramp)
    step = np.array([0.1] * 3 + [0.005] * 3)
    assert np.abs(rows / step - np.round(rows / step)).max() < 1e-9
    assert (np.abs(rows - ramp) <= 0.5 * step * (1.0 + 1e-9)).all()
    assert (rows - ramp).std(axis=0) == pytest.approx(step / math.sqrt(12.0), rel=0.03)


@pytest.mark.parametrize("samples", [0, 1, 2])
def test_a_reading_is_older_by_the_latency_and_says_so(samples):
    errors = sensor(latency_s=samples * 0.002)
    for i in range(20):
        errors.update(i * 0.002, (float(i),) * 6)
        expected = max(0, i - samples)
        assert errors.reading == (float(expected),) * 6
        assert errors.stamp_s == pytest.approx(expected * 0.002, abs=1e-12)


@pytest.mark.parametrize(("axis", "limit"), [(0, 500.0), (1, 500.0), (2, 900.0), (3, 20.0), (4, 20.0), (5, 20.0)])
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_an_overloaded_axis_saturates_and_says_so(axis, limit, sign):
    errors = sensor(range_xy_n=500.0, range_z_n=900.0, range_nm=20.0)
    for share in np.linspace(0.0, 1.5, 31):
        load = [0.0] * 6
        load[axis] = sign * share * limit
        errors.update(0.0, tuple(load))
        assert errors.reading[axis] == pytest.approx(sign * min(share, OVERLOAD) * limit)
        assert errors.is_overloaded == (share > OVERLOAD)
    assert errors.overloads == 9


def test_axes_that_load_the_same_beams_overload_together():
    """The example of the sensor's manual: 35 % of the lateral force and 87.5 % of the torque about the axis."""
    errors = sensor(range_xy_n=500.0, range_z_n=900.0, range_nm=20.0)
    errors.update(0.0, (87.5, -151.6, -500.0, 1.0, 2.0, -17.5))
    assert errors.is_overloaded
    assert errors.reading == (87.5, -151.6, -500.0, 1.0, 2.0, -17.5), "no single axis is beyond its range"
    errors.update(0.002, (87.5, -151.6, -500.0, 1.0, 2.0, -13.0))
    assert not errors.is_overloaded


def test_noise_and_rounding_never_leave_the_range_and_the_flag_waits_with_its_reading():
    errors = sensor(5, range_z_n=900.0, noise_n=5.0, resolution_n=0.1, latency_s=0.004)
    flags = []
    for i in range(200):
        errors.update(i * 0.002, (0.0, 0.0, 2000.0 if i >= 100 else 0.0, 0.0, 0.0, 0.0))
        flags.append(errors.is_overloaded)
        assert abs(errors.reading[2]) <= OVERLOAD * 900.0
    assert flags.index(True) == 102
    assert all(flags[102:])


def test_switching_an_effect_off_leaves_the_draws_of_the_others():
    settings = WrenchSensorSettings(filter_hz=0.0, resolution_n=0.0, resolution_nm=0.0)
    both = feed(WrenchErrors(settings, random.Random(4)), [NOTHING] * 50)
    quiet = feed(
        WrenchErrors(settings.model_copy(update={"bias_n": 0.0, "bias_nm": 0.0}), random.Random(4)), [NOTHING] * 50
    )
    assert np.abs(np.diff(both - quiet, axis=0)).max() < 1e-12, "only the bias is gone"
    assert np.abs((both - quiet)[0]).min() > 0.0


def test_a_restored_sensor_goes_on_as_the_saved_one():
    loads = np.random.default_rng(2).normal(0.0, 5.0, (120, 6))
    saved, other = (WrenchErrors(WrenchSensorSettings(latency_s=0.004), random.Random(seed)) for seed in (1, 2))
    feed(saved, loads[:60])
    feed(other, loads[:7])
    state = ObjectState({"sensor": saved}, {}, 0).save()
    expected = feed(saved, loads[60:], start=60)
    ObjectState({"sensor": other}, {}, 0).restore(state)
    assert np.array_equal(feed(other, loads[60:], start=60), expected)
    assert (other.stamp_s, other.overloads) == (saved.stamp_s, saved.overloads)


def test_the_machine_passes_an_overload_on():
    """The weight of the gripper is far outside the range of a sensor for 1 N."""
    scene = load_scene(load_trials().trials["trial_1"], load_connectors())
    settings = SimulationSettings()
    for range_n, is_overloaded in ((1.0, True), (900.0, False)):
        weak = settings.wrench_sensor.model_copy(update={"range_z_n": range_n, "bias_n": 0.0})
        machine = SimulatedMachine(scene, settings.model_copy(update={"wrench_sensor": weak}), seed=1)
        machine.connect()
        machine.cycle(0.01)
        sample = machine.wrench_sensor.read()
        machine.disconnect()
        assert sample.is_overloaded is is_overloaded
        assert 0.9 < abs(sample.force[2]) <= OVERLOAD * range_n
