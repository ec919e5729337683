"""Contact detection: soon on a push, never on inertia, noise or drift, and honest about a bad sensor."""

from __future__ import annotations

import numpy as np

from cablecell.core.fusion.contact import ContactDetector, ContactSettings
from cablecell.core.fusion.wrench import Payload

DT_S = 0.002
MASS_KG = 1.1


def _detector(settings: ContactSettings | None = None) -> ContactDetector:
    return ContactDetector(settings or ContactSettings(), Payload(MASS_KG, np.zeros(3)), np.eye(4))


def _wrench(force: np.ndarray) -> np.ndarray:
    return np.concatenate((force, np.zeros(3)))


def test_push_of_half_a_newton_is_found_within_ten_milliseconds() -> None:
    for seed in range(30):
        rng = np.random.default_rng(seed)
        detector = _detector()
        direction = rng.normal(size=3)
        direction /= np.linalg.norm(direction)
        for i in range(200):
            assert not detector.update(i * DT_S, _wrench(rng.normal(size=3) * 0.1), np.zeros(6), np.eye(3)).is_contact
        for k in range(10):
            # The push goes on growing as that of a guarded move does: 50 N/s.
            push = (0.5 + 50.0 * k * DT_S) * direction
            time_s = (200 + k) * DT_S
            if detector.update(time_s, _wrench(push + rng.normal(size=3) * 0.1), np.zeros(6), np.eye(3)).is_contact:
                break
        assert k * DT_S <= 0.010


def test_neither_noise_nor_drift_is_a_contact() -> None:
    rng = np.random.default_rng(5)
    detector = _detector()
    drift = np.zeros(3)
    for i in range(30_000):
        drift += rng.normal(size=3) * 0.1 * np.sqrt(DT_S / 60.0)
        reading = detector.update(i * DT_S, _wrench(drift + rng.normal(size=3) * 0.1), np.zeros(6), np.eye(3))
        assert not reading.is_contact


def test_inertia_is_not_a_contact() -> None:
    detector = _detector()
    rate = 2.0 * np.pi * 0.5
    for i in range(1000):
        # From rest, half a hertz back and forth, up to 2 m/s²: without compensation that is 2 N.
        phase = rate * i * DT_S
        twist = np.array([2.0 / rate * (1.0 - np.cos(phase)), 0.0, 0.0, 0.0, 0.0, 0.0])
        force = np.array([-MASS_KG * 2.0 * np.sin(phase), 0.0, 0.0])
        assert not detector.update(i * DT_S, _wrench(force), twist, np.eye(3)).is_contact


def test_distrusted_sensor_needs_more() -> None:
    trusted, distrusted = _detector(), _detector()
    distrusted.distrust(1.0)
    for i in range(100):
        trusted.update(i * DT_S, np.zeros(6), np.zeros(6), np.eye(3))
        distrusted.update(i * DT_S, np.zeros(6), np.zeros(6), np.eye(3))
    push = _wrench(np.array([0.0, 0.0, -0.6]))
    found = [trusted.update((100 + i) * DT_S, push, np.zeros(6), np.eye(3)).is_contact for i in range(10)]
    late = [distrusted.update((100 + i) * DT_S, push, np.zeros(6), np.eye(3)).is_contact for i in range(10)]
    assert any(found)
    assert not any(late)


def test_a_push_that_comes_slowly_is_still_a_contact() -> None:
    detector = _detector()
    contacts = [
        detector.update(i * DT_S, _wrench(np.array([0.0, 0.0, -1.0 * i * DT_S])), np.zeros(6), np.eye(3)).is_contact
        for i in range(3000)
    ]
    assert any(contacts)
