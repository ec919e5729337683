"""A seat makes the next insertion at the same port surer, unless the board stands elsewhere by then."""

from __future__ import annotations

import numpy as np

from cablecell.core.geometry import exp_so3, make_pose
from cablecell.core.insertion.felt_ports import FeltPorts
from cablecell.core.insertion.observation import PoseEstimate
from cablecell.core.insertion.profile import ConnectorProfile

PROFILE = ConnectorProfile("plug", (8e-3, 5e-3), (0.1e-3, 0.1e-3), 0.5e-3, 20e-3, seat_tolerance_m=3e-4)
TIP = np.diag([(0.2e-3) ** 2] * 3 + [0.005**2] * 3)
SEEN = np.diag([(0.5e-3) ** 2] * 3 + [0.01**2] * 3)
LIMIT_M = 2.0e-3
TRUE = make_pose(exp_so3(np.array([0.1, 3.0, 0.2])), [0.4, 0.1, 0.2])


def draw(rng, covariance, X):
    error = rng.multivariate_normal(np.zeros(6), covariance)
    return X @ make_pose(exp_so3(error[3:]), error[:3])


def test_a_refined_port_is_nearer_and_as_sure_as_it_says():
    rng, before, after, nees = np.random.default_rng(1), [], [], []
    room = np.diag([(0.1e-3) ** 2] * 2 + [(3e-4) ** 2] + [0.01**2] * 3)
    for _ in range(200):
        felt = FeltPorts(600.0)
        seat = draw(rng, TIP, draw(rng, room, TRUE @ make_pose(np.eye(3), [0.0, 0.0, PROFILE.depth_m])))
        felt.remember("port", 0.0, seat, TIP, PROFILE)
        seen = PoseEstimate(10.0, draw(rng, SEEN, TRUE), SEEN)
        refined = felt.refine("port", seen, 10.0, LIMIT_M)
        error = TRUE[:3, :3].T @ (refined.X[:3, 3] - TRUE[:3, 3])
        before.append(np.linalg.norm(seen.X[:3, 3] - TRUE[:3, 3]))
        after.append(np.linalg.norm(error))
        nees.append(error @ np.linalg.solve(refined.covariance[:3, :3], error))
    assert np.median(after) < 0.75 * np.median(before)
    # Of chi-square with three degrees of freedom; the room of a seat is meant to be on the wide side.
    assert 1.5 < np.mean(nees) < 3.6


def test_what_contradicts_or_is_old_or_of_another_port_changes_nothing():
    felt = FeltPorts(600.0)
    seat = TRUE @ make_pose(np.eye(3), [0.0, 0.0, PROFILE.depth_m])
    felt.remember("port", 0.0, seat, TIP, PROFILE)
    seen = PoseEstimate(10.0, TRUE, SEEN)
    assert felt.refine("other", seen, 10.0, LIMIT_M) is seen
    moved = PoseEstimate(10.0, TRUE @ make_pose(np.eye(3), [0.01, 0.0, 0.0]), SEEN)
    assert felt.refine("port", moved, 10.0, LIMIT_M) is moved
    assert felt.refine("port", seen, 10.0, LIMIT_M) is seen, "forgotten once contradicted"
    felt.remember("port", 0.0, seat, TIP, PROFILE)
    assert felt.refine("port", seen, 601.0, LIMIT_M) is seen


def test_memory_does_not_make_up_for_a_port_that_is_hardly_seen():
    felt = FeltPorts(600.0)
    felt.remember("port", 0.0, TRUE @ make_pose(np.eye(3), [0.0, 0.0, PROFILE.depth_m]), TIP, PROFILE)
    vague = PoseEstimate(10.0, TRUE, SEEN * 25.0)
    assert felt.refine("port", vague, 10.0, LIMIT_M) is vague
    assert felt.refine("port", vague, 10.0, 2.0 * LIMIT_M) is not vague
