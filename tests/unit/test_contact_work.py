"""The work of the contact force."""

from __future__ import annotations

import numpy as np
import pytest

from cablecell.core.geometry import exp_so3, make_pose
from cablecell.evaluation.contact_work import ContactWork

R = exp_so3([0.0, 0.0, 0.5])


def worked(force_base, way, *, seconds=1.0, tare=(0.0, 0.0, 0.0)) -> float:
    work = ContactWork()
    for _ in range(20):
        work.tare(np.array(tare))
    steps = round(seconds * 500)
    for i in range(steps + 1):
        p = np.asarray(way) * i / steps
        work.add(0.002 * i, make_pose(np.eye(3), p), R.T @ np.asarray(force_base) + np.array(tare), R)
    return work.total_j


def test_a_force_along_the_way_does_force_times_way():
    assert worked((0.0, 0.0, -10.0), (0.0, 0.0, 0.014)) == pytest.approx(0.14, rel=0.03)


def test_what_was_there_in_free_space_does_none():
    assert worked((0.0, 0.0, 0.0), (0.0, 0.0, 0.1), tare=(1.0, -2.0, 13.0)) == pytest.approx(0.0, abs=1e-12)


def test_pushing_and_being_pushed_both_count():
    assert worked((5.0, 0.0, 0.0), (0.02, 0.0, 0.0)) == pytest.approx(0.1, rel=0.03)
    assert worked((-5.0, 0.0, 0.0), (0.02, 0.0, 0.0)) == pytest.approx(0.1, rel=0.03)


def test_noise_of_a_plug_at_rest_does_next_to_none():
    rng, work = np.random.default_rng(1), ContactWork()
    work.tare(np.zeros(3))
    for i in range(1000):
        X = make_pose(np.eye(3), rng.normal(size=3) * 1.0e-6)
        work.add(0.002 * i, X, np.array([0.0, 0.0, -10.0]), np.eye(3))
    assert work.total_j < 2.0e-3
