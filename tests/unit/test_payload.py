"""What is carried beyond the tool: found exactly without errors, known honestly with them, refused when not rigid."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from cablecell.core.fusion.payload import PayloadMassError, PayloadNotRigidError, PayloadReadings, carried_payload
from cablecell.core.fusion.wrench import Payload, PayloadExcitationError, TareError
from cablecell.ports import WrenchSample

TOOL = Payload(1.0, np.array([0.0, 0.0, 0.066]))
CARRIED = Payload(0.25, np.array([0.01, -0.02, 0.2]))
BIAS = np.array([0.8, -1.1, 0.4, 0.03, -0.05, 0.02])
ORDER = (0, 1, 2, 3, 4, 0)
TILT = 0.45


def rotations(tilt=TILT):
    down = Rotation.from_euler("x", np.pi)
    turns = [[0, 0, 0], [tilt, 0, 0], [0, tilt, 0], [-tilt, 0, 0], [0, -tilt, 0]]
    return [(down * Rotation.from_rotvec(turn)).as_matrix() for turn in turns]


def whole():
    mass = TOOL.mass_kg + CARRIED.mass_kg
    return Payload(mass, (TOOL.mass_kg * TOOL.centre + CARRIED.mass_kg * CARRIED.centre) / mass)


def collect(payload, *, rng=None, noise=0.0, gain=None, count=40, change=lambda look, i, wrench: wrench, tilt=TILT):
    """Return readings of all looks; `change` spoils single ones."""
    readings, matrix = PayloadReadings(ORDER), np.eye(6) if gain is None else gain
    places = rotations(tilt)
    for look, orientation in enumerate(ORDER):
        true = matrix @ payload.weight(places[orientation]) + BIAS
        for i in range(count):
            wrench = change(look, i, true if rng is None else true + noise * rng.normal(size=6))
            readings.add(look, places[orientation], WrenchSample(0.0, wrench[:3], wrench[3:]))
    return readings


def test_what_is_carried_is_found_exactly_without_errors():
    estimate = collect(whole()).identify()
    carried = carried_payload(estimate, TOOL, gain_error=0.0)
    assert carried.payload.mass_kg == pytest.approx(CARRIED.mass_kg, abs=1e-9)
    np.testing.assert_allclose(carried.payload.centre, CARRIED.centre, atol=1e-9)
    np.testing.assert_allclose(estimate.bias, BIAS, atol=1e-9)


def test_the_stated_uncertainty_covers_noise_and_gains():
    rng, masses, centres = np.random.default_rng(3), [], []
    for _ in range(100):
        gain = np.diag(1.0 + 0.01 * rng.normal(size=6))
        estimate = collect(whole(), rng=rng, noise=0.02, gain=gain, count=25).identify()
        carried = carried_payload(estimate, TOOL, gain_error=0.01)
        masses.append((carried.payload.mass_kg - CARRIED.mass_kg) / carried.mass_sigma_kg)
        centres.append((carried.payload.centre - CARRIED.centre) / carried.centre_sigma_m)
    assert 0.7 < np.std(masses) < 1.3
    # One number stands for three coordinates, and so for the worst of them, which is the one along the tool.
    assert 0.5 < np.std(centres, axis=0).max() < 1.3


def test_a_payload_within_its_own_uncertainty_has_no_centre():
    carried = carried_payload(collect(TOOL).identify(), TOOL, gain_error=0.01)
    assert carried.payload.mass_kg == pytest.approx(0.0, abs=1e-9)
    assert carried.centre_sigma_m == 0.0
    np.testing.assert_array_equal(carried.payload.centre, 0.0)


def test_less_than_the_tool_is_refused():
    light = Payload(0.6, TOOL.centre)
    with pytest.raises(PayloadMassError, match=r"carries 0\.600 kg and the tool alone weighs 1\.000 kg") as caught:
        carried_payload(collect(light).identify(), TOOL, gain_error=0.01)
    assert caught.value.code == 513


def push(looks, force):
    return lambda look, i, wrench: wrench + (look in looks) * np.array([0.0, 0.0, force, 0.0, 0.0, 0.0])


@pytest.mark.parametrize(
    ("change", "quantity"), [(push({5}, 1.5), "force_change"), (push({1, 2}, 3.0), "force_residual")]
)
def test_what_a_rigid_payload_does_not_explain_is_refused(change, quantity):
    with pytest.raises(PayloadNotRigidError) as caught:
        collect(whole(), change=change).identify()
    error = caught.value
    assert (error.code, error.quantity, error.unit, error.frame) == (512, quantity, "N", "ft_frame")
    assert float(error.value) > float(error.limit)


def test_a_force_that_varies_is_refused_before_the_next_look_has_ended():
    looks = []

    def vary(look, i, wrench):
        looks.append(look)
        return wrench + (look == 2) * (i % 2) * 2.0

    with pytest.raises(TareError, match=r"force varied by 1\.00 N"):
        collect(whole(), change=vary)
    assert looks.count(3) == 1


def test_a_look_with_few_samples_and_tilts_that_are_too_small_are_refused():
    with pytest.raises(TareError, match="samples"):
        collect(whole(), count=5)
    with pytest.raises(PayloadExcitationError):
        collect(whole(), tilt=0.2).identify()


def test_a_sensor_that_reports_nan_or_is_overloaded_is_refused():
    for sample in (
        WrenchSample(0.0, np.array([np.nan, 0.0, 0.0]), np.zeros(3)),
        WrenchSample(0.0, np.zeros(3), np.zeros(3), is_overloaded=True),
    ):
        with pytest.raises(PayloadNotRigidError, match="overloaded or reports NaN"):
            PayloadReadings(ORDER).add(0, np.eye(3), sample)
