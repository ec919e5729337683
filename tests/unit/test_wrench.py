"""Contact wrench: payload and bias are told apart, tares refuse what is not free space, the shift is a rigid one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from cablecell.core.fusion.wrench import (
    GRAVITY,
    Payload,
    PayloadExcitationError,
    Tare,
    TareError,
    WrenchCompensator,
    identify_payload,
)
from cablecell.core.geometry import make_pose
from cablecell.ports import WrenchSample

PAYLOAD = Payload(1.08, np.array([0.001, -0.002, 0.07]))
BIAS = np.array([0.8, -1.1, 0.4, 0.03, -0.05, 0.02])
X_TCP_FT = make_pose(np.eye(3), [0.0, 0.0, -0.172])


def orientations(n: int, spread_rad: float, seed: int = 3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    down = Rotation.from_euler("x", np.pi)
    return np.array(
        [(down * Rotation.from_rotvec(rng.uniform(-spread_rad, spread_rad, 3))).as_matrix() for _ in range(n)]
    )


def readings(rotations: np.ndarray, noise: float = 0.0, seed: int = 4) -> np.ndarray:
    rng = np.random.default_rng(seed)
    scale = np.array([1.0, 1.0, 1.0, 0.04, 0.04, 0.04]) * noise
    return np.array([PAYLOAD.weight(R) + BIAS + rng.normal(size=6) * scale for R in rotations])


def test_weight_points_down_whatever_the_orientation():
    for R in orientations(5, 2.0):
        weight = PAYLOAD.weight(R)
        np.testing.assert_allclose(R @ weight[:3], [0.0, 0.0, -GRAVITY * PAYLOAD.mass_kg], atol=1e-12)
        np.testing.assert_allclose(weight[3:], np.cross(PAYLOAD.centre, weight[:3]), atol=1e-12)


def test_payload_and_bias_are_identified_exactly_without_noise():
    rotations = orientations(8, 1.0)
    estimate = identify_payload(rotations, readings(rotations))
    assert estimate.payload.mass_kg == pytest.approx(PAYLOAD.mass_kg, abs=1e-9)
    np.testing.assert_allclose(estimate.payload.centre, PAYLOAD.centre, atol=1e-9)
    np.testing.assert_allclose(estimate.bias, BIAS, atol=1e-9)


def test_the_stated_uncertainty_of_the_mass_is_honest():
    rotations = orientations(12, 1.0)
    errors, sigmas = [], []
    for seed in range(200):
        estimate = identify_payload(rotations, readings(rotations, noise=0.05, seed=seed))
        errors.append(estimate.payload.mass_kg - PAYLOAD.mass_kg)
        sigmas.append(estimate.mass_sigma_kg)
    ratio = np.std(errors) / np.mean(sigmas)
    assert 0.8 < ratio < 1.25


@pytest.mark.parametrize(("n", "spread"), [(3, 0.8), (10, 0.02)])
def test_too_little_excitation_is_refused(n, spread):
    rotations = orientations(n, spread)
    with pytest.raises(PayloadExcitationError, match="tilt the tool about two axes"):
        identify_payload(rotations, readings(rotations))


def test_compensation_is_zero_in_free_space_at_every_orientation_and_right_in_contact():
    compensator = WrenchCompensator(X_TCP_FT, cutoff_hz=60.0, rate_hz=500.0, payload=PAYLOAD)
    home, *others = orientations(4, 0.5)
    compensator.tare(PAYLOAD.weight(home) + BIAS, home)
    np.testing.assert_allclose(compensator.bias, BIAS, atol=1e-12)
    contact = np.array([1.0, -2.0, -5.0, 0.02, 0.03, -0.01])  # at the sensor
    for R in others:
        compensator.set_bias(compensator.bias)  # restarts the filter
        raw = PAYLOAD.weight(R) + BIAS
        free = compensator.compensate(WrenchSample(0.0, raw[:3], raw[3:]), R)
        np.testing.assert_allclose(free, 0.0, atol=1e-9)
        compensator.set_bias(compensator.bias)
        out = compensator.compensate(WrenchSample(0.0, raw[:3] + contact[:3], raw[3:] + contact[3:]), R)
        np.testing.assert_allclose(out[:3], contact[:3], atol=1e-9)
        # the tcp is 172 mm in front of the sensor: m_tcp = m_ft + (ft - tcp) x f
        np.testing.assert_allclose(out[3:], contact[3:] + np.cross([0.0, 0.0, -0.172], contact[:3]), atol=1e-9)


def test_the_filter_settles_with_its_cutoff():
    compensator = WrenchCompensator(np.eye(4), cutoff_hz=60.0, rate_hz=500.0)
    zero, step = np.zeros(3), np.array([0.0, 0.0, 1.0])
    compensator.compensate(WrenchSample(0.0, zero, zero), np.eye(3))
    values = [compensator.compensate(WrenchSample(0.0, step, zero), np.eye(3))[2] for _ in range(20)]
    time_constant = 1.0 / (2 * np.pi * 60.0)
    assert values[0] == pytest.approx(1 - np.exp(-0.002 / time_constant), rel=1e-6)
    assert values[-1] == pytest.approx(1.0, abs=1e-3)


def test_tare_averages_and_refuses_too_few_or_moving_samples():
    rng = np.random.default_rng(0)
    tare = Tare(least_samples=20, force_spread_n=1.0)
    with pytest.raises(TareError, match="tare has 0 samples; at least 20 are needed"):
        tare.mean()
    for _ in range(200):
        tare.add(BIAS + rng.normal(size=6) * 0.05)
    np.testing.assert_allclose(tare.mean(), BIAS, atol=0.02)
    for k in range(100):
        tare.add(BIAS + np.array([0.2 * k, 0, 0, 0, 0, 0]))
    with pytest.raises(TareError, match="hold the tool still in free space"):
        tare.mean()
