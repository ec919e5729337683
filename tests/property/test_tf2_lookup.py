"""Laws of transform look-ups on random trees, and equality with an independent computation.

Only upstream's public names are used, so the same file holds for the real ``tf2_ros``.
"""

from __future__ import annotations

import numpy as np
import pytest
from tf2_ros import BufferCore

from cablecell.evaluation.bench_tf2 import (
    TREE_FRAMES,
    fill_buffer,
    matrix_of,
    pose_errors,
    random_trees,
    reference_answers,
)
from tests.support.tf2_messages import at

TREES = 10_000
TOLERANCE = 1e-9


@pytest.fixture(scope="module")
def trees():
    return random_trees(TREES, seed=20_240_501)


def test_ten_thousand_random_queries_equal_the_matrix_computation(trees):
    references = reference_answers(trees)
    worst_m = worst_rad = 0.0
    for index in range(len(trees)):
        buffer = BufferCore()
        fill_buffer(buffer, trees, index)
        answer = buffer.lookup_transform_core(
            f"frame_{trees.targets[index]}", f"frame_{trees.sources[index]}", at_ns(trees.times_ns[index])
        )
        error_m, error_rad = pose_errors(matrix_of(answer), references[index])
        worst_m, worst_rad = max(worst_m, error_m), max(worst_rad, error_rad)
    assert worst_m < TOLERANCE
    assert worst_rad < TOLERANCE


def test_the_queries_cover_what_they_should(trees):
    """The random trees hold static and moving frames, equal and distant pairs, and times between the samples."""
    assert 0.2 < trees.is_static.mean() < 0.5
    assert (trees.targets == trees.sources).mean() > 0.05
    interpolated = ~(trees.stamps_ns == trees.times_ns[:, None, None]).any(axis=(1, 2))
    assert interpolated.mean() > 0.9
    depths = np.zeros((len(trees), TREE_FRAMES), dtype=int)
    for frame in range(1, TREE_FRAMES):
        depths[:, frame] = depths[np.arange(len(trees)), trees.parents[:, frame]] + 1
    assert depths.max() == TREE_FRAMES - 1


@pytest.mark.parametrize("index", range(100))
def test_lookups_compose_and_invert(trees, index):
    buffer = BufferCore()
    fill_buffer(buffer, trees, index)
    rng = np.random.default_rng(index)
    a, b, c = (f"frame_{frame}" for frame in rng.integers(TREE_FRAMES, size=3))
    when = at_ns(trees.times_ns[index])
    X_ab, X_bc, X_ac, X_ba = (
        matrix_of(buffer.lookup_transform_core(target, source, when))
        for target, source in ((a, b), (b, c), (a, c), (b, a))
    )
    assert max(pose_errors(X_ab @ X_bc, X_ac)) < TOLERANCE
    assert max(pose_errors(X_ab @ X_ba, np.eye(4))) < TOLERANCE


@pytest.mark.parametrize("index", range(50))
def test_a_full_lookup_is_two_lookups_through_the_fixed_frame(trees, index):
    buffer = BufferCore()
    fill_buffer(buffer, trees, index)
    rng = np.random.default_rng(index)
    target, source, fixed = (f"frame_{frame}" for frame in rng.integers(TREE_FRAMES, size=3))
    first, last = trees.stamps_ns[index, :, 0].max(), trees.stamps_ns[index, :, -1].min()
    target_time, source_time = (at_ns(stamp) for stamp in rng.integers(first, last, size=2))
    X_full = matrix_of(buffer.lookup_transform_full_core(target, target_time, source, source_time, fixed))
    X_target_fixed = matrix_of(buffer.lookup_transform_core(target, fixed, target_time))
    X_fixed_source = matrix_of(buffer.lookup_transform_core(fixed, source, source_time))
    assert max(pose_errors(X_full, X_target_fixed @ X_fixed_source)) < TOLERANCE


def at_ns(stamp_ns: int):
    return type(at(0.0))(nanoseconds=int(stamp_ns))
