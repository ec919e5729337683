"""What an arm holds at rest beside its gravity compensation is found, and used only where it is a weight."""

from __future__ import annotations

import numpy as np
import pytest

from cablecell.core.control.held_weight import HeldTorques, WeightError, corrected_payload, sensed_payload
from cablecell.core.fusion.payload import CarriedPayload
from cablecell.core.fusion.wrench import GRAVITY, Payload
from tests.support.arm import HOME, DhArm

MODEL = DhArm()
MASS, CENTRE = 0.12, np.array([0.01, -0.02, 0.03])
TURNS = np.array([[0, 0], [0.45, 0], [0, 0.45], [-0.45, 0], [0, -0.45]])


def potential(q, mass, centre):
    X = MODEL.dynamics(np.array(q)).X_base_tcp
    return mass * GRAVITY * (X[:3, :3] @ centre + X[:3, 3])[2]


def torques_of(q, mass, centre):
    """Return the torques that hold a weight: the slope of its potential energy."""
    h = 1e-6
    steps = h * np.eye(6)
    return np.array([(potential(q + e, mass, centre) - potential(q - e, mass, centre)) / (2 * h) for e in steps])


def collect(extra=lambda i: np.zeros(6)):
    held = HeldTorques(len(TURNS))
    for i, turn in enumerate(TURNS):
        q = HOME.copy()
        q[[3, 4]] += turn
        tau = torques_of(q, MASS, CENTRE) + extra(i)
        for _ in range(3):
            held.add(i, q, tau)
    return held.identify(MODEL.dynamics)


def test_a_weight_is_found_by_the_torques_that_hold_it():
    found = collect()
    assert found.mass_kg == pytest.approx(MASS, abs=1e-6)
    np.testing.assert_allclose(found.moment_kg_m, MASS * CENTRE, atol=1e-6)
    assert found.residual_nm < 1e-6


def test_joints_that_stick_are_noticed():
    rng = np.random.default_rng(2)
    sticking = collect(lambda _: rng.choice([-1.0, 1.0], 6) * [3.0, 3.0, 2.0, 0.6, 0.6, 0.6])
    assert sticking.residual_nm > 0.15
    carried = CarriedPayload(Payload(0.1 + sticking.mass_kg, np.zeros(3)), 0.01, 0.0)
    assert corrected_payload((0.1, np.zeros(3)), sticking, carried) is None


def test_masses_and_moments_add_up_and_the_force_sensor_has_to_agree():
    believed = (0.1, np.array([0.0, 0.0, 0.02]))
    error = WeightError(-0.02, np.array([1e-3, 0.0, 2e-3]), 0.001, 1e-4, 0.01)
    carried = CarriedPayload(Payload(0.09, np.zeros(3)), 0.008, 0.0)
    found = corrected_payload(believed, error, carried)
    assert found is not None
    assert found.mass_kg == pytest.approx(0.08)
    np.testing.assert_allclose(found.mass_kg * found.centre, [1e-3, 0.0, 4e-3])
    assert found.centre_sigma_m == pytest.approx(np.hypot(1e-4, np.linalg.norm(found.centre) * 1e-3) / 0.08)
    far = CarriedPayload(Payload(0.15, np.zeros(3)), 0.008, 0.0)
    assert corrected_payload(believed, error, far) is None


def test_what_is_within_its_own_uncertainty_has_no_centre():
    error = WeightError(-0.099, np.array([1e-3, 0.0, 2e-3]), 0.001, 1e-4, 0.01)
    carried = CarriedPayload(Payload(0.004, np.zeros(3)), 0.008, 0.0)
    found = corrected_payload((0.1, np.zeros(3)), error, carried)
    assert found is not None
    assert found.mass_kg == pytest.approx(0.001)
    np.testing.assert_array_equal(found.centre, 0.0)
    assert found.centre_sigma_m == 0.0


def test_what_the_force_sensor_found_is_moved_to_the_tcp():
    X_tcp_ft = np.eye(4)
    X_tcp_ft[2, 3] = -0.2
    found = sensed_payload(CarriedPayload(Payload(0.1, np.array([0.0, 0.01, 0.2])), 0.008, 0.02), X_tcp_ft)
    np.testing.assert_allclose(found.centre, [0.0, 0.01, 0.0], atol=1e-15)
    assert (found.mass_kg, found.mass_sigma_kg, found.centre_sigma_m) == (0.1, 0.008, 0.02)
    nothing = sensed_payload(CarriedPayload(Payload(0.001, np.zeros(3)), 0.008, 0.0), X_tcp_ft)
    np.testing.assert_array_equal(nothing.centre, 0.0)
