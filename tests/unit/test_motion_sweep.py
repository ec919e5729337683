"""The box of a sweep holds every place that the sweep allows, and no more than it needs."""

import itertools
import math

import numpy as np
import pytest

from cablecell.core.geometry import exp_so3, make_pose
from cablecell.core.motion.scene import Box, Capsule, Cylinder, Sphere
from cablecell.core.motion.sweep import Sweep, swept_box

SIZE = np.array([0.06, 0.02, 0.1])


def corners(size, X):
    points = np.array(list(itertools.product(*((-0.5, 0.5),) * 3))) * size
    return points @ X[:3, :3].T + X[:3, 3]


def places(points, sweep, slides, turns):
    for slide, turn in itertools.product(slides, turns):
        R = exp_so3(np.array([0.0, 0.0, turn]))
        yield (points - sweep.pivot) @ R.T + sweep.pivot + slide * sweep.axis


def bounds(box, X):
    half = 0.5 * np.array(box.size)
    return X[:3, 3] - half, X[:3, 3] + half


@pytest.mark.parametrize("seed", range(8))
def test_it_is_the_smallest_box_that_holds_every_place(seed):
    rng = np.random.default_rng(seed)
    X = make_pose(exp_so3(rng.normal(0.0, 0.5, 3)), rng.normal(0.0, 0.05, 3))
    axis = np.eye(3)[seed % 2]
    sweep = Sweep(rng.normal(0.0, 0.05, 3), axis, rng.uniform(0.0, 0.05), rng.uniform(0.0, math.pi))
    low, high = bounds(*swept_box(Box(tuple(SIZE.tolist())), X, sweep))
    slides = (-sweep.slide_m, 0.0, sweep.slide_m)
    turns = np.linspace(-sweep.turn_rad, sweep.turn_rad, 721)
    points = np.vstack(list(places(corners(SIZE, X), sweep, slides, turns)))
    assert np.all(points >= low - 1e-12)
    assert np.all(points <= high + 1e-12)
    # Between two of the turns a corner may reach farther by the sagitta of its arc, at most 0.2 m * (0.0087 / 2)^2 / 2.
    assert np.allclose(points.min(axis=0), low, atol=4e-6)
    assert np.allclose(points.max(axis=0), high, atol=4e-6)


def test_without_freedom_it_is_the_bounding_box():
    X = make_pose(np.eye(3), (0.1, 0.2, 0.3))
    box, X_box = swept_box(Box((0.06, 0.02, 0.1)), X, Sweep(np.zeros(3), np.array([1.0, 0.0, 0.0]), 0.0, 0.0))
    assert np.allclose(box.size, SIZE)
    assert np.allclose(X_box, X)


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        (Cylinder(0.01, 0.05), (0.02, 0.02, 0.05)),
        (Sphere(0.02), (0.04, 0.04, 0.04)),
        (Capsule(0.01, 0.05), (0.02, 0.02, 0.07)),
    ],
)
def test_round_shapes_are_swept_by_their_boxes(shape, size):
    sweep = Sweep(np.zeros(3), np.array([0.0, 1.0, 0.0]), 0.03, 0.0)
    box, _ = swept_box(shape, np.eye(4), sweep)
    assert np.allclose(box.size, np.add(size, (0.0, 0.06, 0.0)))
