"""Laws of the search path: it covers the disc also behind friction lag, and keeps its speed and acceleration."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cablecell.core.insertion import theory
from cablecell.core.insertion.search import SpiralSearch

DT = 0.002


def lagged(path: np.ndarray, lag: float) -> np.ndarray:
    """Return what a plug dragged with dry friction does: it trails its target by `lag`, along the string."""
    out = np.empty_like(path)
    position = path[0].copy()
    for i, target in enumerate(path):
        pull = target - position
        distance = float(np.hypot(*pull))
        if distance > lag:
            position = target - pull * (lag / distance)
        out[i] = position
    return out


def walk(search: SpiralSearch, tours: int) -> np.ndarray:
    points = []
    while not search.is_exhausted and search.tour <= tours:
        x, y, _, _ = search.step(DT)
        points.append((x, y))
    return np.array(points)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    error=st.floats(0.5e-3, 4e-3),
    half_width=st.floats(0.15e-3, 0.6e-3),
    force=st.floats(2.0, 8.0),
    stiffness=st.floats(4000.0, 12000.0),
)
def test_two_tours_pass_within_the_capture_width_of_every_point(error, half_width, force, stiffness):
    pitch = 1.6 * half_width
    lag = min(theory.friction_lag(0.25, force, stiffness), 0.45 * pitch)
    search = SpiralSearch(
        pitch_m=pitch,
        radius_m=theory.spiral_end_radius(error, lag, pitch),
        speed=0.03,
        acceleration=1.0,
        tours=2,
        pitch_factor=0.7,
    )
    path = lagged(walk(search, 2), lag)
    rng = np.random.default_rng(1)
    radius, angle = error * np.sqrt(rng.random(400)), 2 * math.pi * rng.random(400)
    points = np.column_stack((radius * np.cos(angle), radius * np.sin(angle)))
    nearest = np.array([np.min(np.hypot(*(path - point).T)) for point in points])
    assert nearest.max() <= half_width


def test_speed_and_centripetal_acceleration_are_bounded():
    search = SpiralSearch(pitch_m=6e-4, radius_m=4e-3, speed=0.03, acceleration=1.0, tours=1, pitch_factor=0.7)
    points = walk(search, 1)
    outward = points[: int(np.argmax(np.hypot(*points.T)))]
    velocity = np.diff(outward, axis=0) / DT
    assert np.hypot(*velocity.T).max() < 0.03 * 1.01
    acceleration = np.diff(velocity, axis=0) / DT
    # the tangential part comes on top near the centre, where the speed grows with the radius
    assert np.hypot(*acceleration.T).max() < 1.5


def test_the_path_is_continuous_over_tours_and_then_stops():
    search = SpiralSearch(pitch_m=6e-4, radius_m=2e-3, speed=0.03, acceleration=1.0, tours=3, pitch_factor=0.7)
    points = walk(search, 3)
    assert np.hypot(*np.diff(points, axis=0).T).max() < 0.03 * DT * 1.01
    assert search.is_exhausted
    last = search.position
    assert search.step(DT) == (last[0], last[1], 0.0, 0.0)


def test_each_tour_is_finer():
    search = SpiralSearch(pitch_m=6e-4, radius_m=2e-3, speed=0.03, acceleration=1.0, tours=3, pitch_factor=0.7)
    lengths = {1: 0, 2: 0, 3: 0}
    while not search.is_exhausted:
        lengths[search.tour] += 1
        search.step(DT)
    assert lengths[1] < lengths[2] < lengths[3]


@pytest.mark.parametrize("pitch_factor", [0.5, 0.9])
def test_tours_do_not_retrace(pitch_factor):
    search = SpiralSearch(pitch_m=6e-4, radius_m=2e-3, speed=0.03, acceleration=1.0, tours=2, pitch_factor=pitch_factor)
    first, second = [], []
    while not search.is_exhausted:
        tour = search.tour
        x, y, _, _ = search.step(DT)
        (first if tour == 1 else second).append(math.atan2(y, x) if math.hypot(x, y) > 1e-4 else 0.0)
    assert abs(first[40] - second[40]) > 0.1
