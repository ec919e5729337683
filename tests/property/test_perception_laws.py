"""Laws of the board estimator: Jacobians, honest covariance, equivariance, information only grows."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import chi2

from cablecell.core.config.estimator import EstimatorSettings
from cablecell.core.fusion.board import BoardEstimator, Use
from cablecell.core.fusion.board_looks import port_sigma
from cablecell.core.fusion.board_state import wide_prior
from cablecell.core.fusion.board_update import update
from cablecell.core.geometry import exp_se3, invert_pose, log_se3
from cablecell.core.perception.reprojection import jacobian, project
from tests.support.board_scene import BOARDS, PORTS, X_BASE_HOME, SyntheticCell, look_poses, rig


def random_board(rng, trial):
    return BOARDS[trial] @ exp_se3(np.concatenate([rng.normal(0.0, 0.01, 2), np.zeros(3), rng.normal(0.0, 0.1, 1)]))


@pytest.mark.parametrize("seed", range(5))
def test_the_jacobian_is_that_of_finite_differences(seed):
    rng = np.random.default_rng(seed)
    K = np.array([[1236.6, 0.0, 576.0], [0.0, 1240.0, 512.0], [0.0, 0.0, 1.0]])
    points = rng.uniform(-0.2, 0.2, (7, 3))
    X = exp_se3(np.concatenate([rng.uniform(-0.1, 0.1, 2), [0.5], rng.uniform(-0.5, 0.5, 3)]))
    pixels, in_camera = project(points, X, K)
    J = jacobian(points, in_camera, X, K)
    for axis in range(6):
        step = np.zeros(6)
        step[axis] = 1e-6
        forward, _ = project(points, X @ exp_se3(step), K)
        backward, _ = project(points, X @ exp_se3(-step), K)
        np.testing.assert_allclose(J[:, :, axis], (forward - backward) / 2e-6, rtol=1e-4, atol=1e-3)
    assert pixels.shape == (7, 2)


@pytest.mark.parametrize("hand_eye", ["small", "pilot"])
def test_the_covariance_is_honest(hand_eye):
    """NEES of board and port over seeded cells with errors as assumed lies in its 95 % band."""
    settings = EstimatorSettings()
    if hand_eye == "pilot":  # 0.5 mm and 0.2 degrees, as in the measured pilot
        settings = settings.model_copy(
            update={
                "mount_common_sigma_m": 0.0003,
                "mount_common_sigma_rad": 0.002,
                "mount_own_sigma_m": 0.0003,
                "mount_own_sigma_rad": 0.002,
            }
        )
    rng = np.random.default_rng(11)
    count, squared = 60, []
    for trial in range(count):
        cell = SyntheticCell(settings, random_board(rng, 1 + trial % 3), rng)
        estimator = BoardEstimator(rig(settings), settings)
        for index, X in enumerate(look_poses(rng, 1 + trial % 3)):
            estimator.add(cell.look(float(index), X))
        state = estimator.estimate(3.0)
        error = log_se3(invert_pose(state.X_base_board) @ cell.X_base_board)
        squared.append(error @ np.linalg.solve(state.board_covariance, error))
    low, high = chi2.ppf([0.025, 0.975], 6 * count) / count
    assert low < np.mean(squared) < high


def test_ignoring_the_hand_eye_error_would_be_dishonest():
    """The same cells without mount states: the test above can fail."""
    honest = EstimatorSettings(mount_own_sigma_m=0.0003, mount_own_sigma_rad=0.002)
    blind = honest.model_copy(
        update={
            "mount_common_sigma_m": 1e-6,
            "mount_common_sigma_rad": 1e-6,
            "mount_own_sigma_m": 1e-6,
            "mount_own_sigma_rad": 1e-6,
            "max_rms_px": 20.0,
            "min_inlier_share": 0.1,
        }
    )
    rng = np.random.default_rng(12)
    squared = []
    for _ in range(10):
        cell = SyntheticCell(honest, BOARDS[1], rng)
        solution = update(
            wide_prior(BOARDS[1], rig(blind), 0.0), [cell.look(0.0, X) for X in look_poses(rng, 2)], blind
        )
        error = log_se3(invert_pose(solution.state.X_base_board) @ BOARDS[1])
        squared.append(error @ np.linalg.solve(solution.state.board_covariance, error))
    assert np.mean(squared) > 30.0


def test_exact_corners_give_the_exact_pose():
    settings = EstimatorSettings()
    rng = np.random.default_rng(13)
    for trial in (1, 2, 3):
        X_true = random_board(rng, trial)
        cell = SyntheticCell(settings, X_true, rng, with_errors=False)
        estimator = BoardEstimator(rig(settings), settings)
        assert estimator.add(cell.look(0.0, X_BASE_HOME)).use is Use.STARTED
        error = log_se3(invert_pose(estimator.estimate(0.0).X_base_board) @ X_true)
        assert np.abs(error).max() < 2e-5


def test_moving_the_robot_base_moves_the_estimate_and_nothing_else():
    """X_base_board is equivariant under a change of the base frame; the covariance, being right, is invariant."""
    settings = EstimatorSettings(max_tilt_rad=1.5)
    X_new_base = exp_se3(np.array([0.3, -0.2, 0.5, 0.0, 0.0, 0.7]))
    rng = np.random.default_rng(14)
    cell = SyntheticCell(settings, BOARDS[1], rng)
    looks = [cell.look(float(i), X) for i, X in enumerate(look_poses(rng, 3))]
    first, second = (BoardEstimator(rig(settings), settings) for _ in range(2))
    for look in looks:
        first.add(look)
        second.add(type(look)(look.stamp_s, X_new_base @ look.X_base_tcp, look.corners))
    a, b = first.estimate(3.0), second.estimate(3.0)
    np.testing.assert_allclose(X_new_base @ a.X_base_board, b.X_base_board, atol=2e-6)
    np.testing.assert_allclose(a.covariance, b.covariance, rtol=1e-2, atol=1e-12)


def test_every_look_from_a_new_place_makes_the_port_more_certain():
    settings = EstimatorSettings()
    rng = np.random.default_rng(15)
    cell = SyntheticCell(settings, BOARDS[1], rng)
    state = wide_prior(BOARDS[1], rig(settings), 0.0)
    sigmas = []
    for index, X in enumerate(look_poses(rng, 5)):
        state = update(state, [cell.look(float(index), X)], settings).state
        sigmas.append(port_sigma(state, PORTS[1]))
    assert all(later < earlier for earlier, later in itertools.pairwise(sigmas))


def test_one_after_the_other_equals_all_at_once():
    settings = EstimatorSettings()
    rng = np.random.default_rng(16)
    cell = SyntheticCell(settings, BOARDS[3], rng, image_sigma_px=0.01)
    looks = [cell.look(0.0, X) for X in look_poses(rng, 3)]
    prior = wide_prior(BOARDS[3], rig(settings), 0.0)
    together = update(prior, looks, settings).state
    one_by_one = prior
    for look in looks:
        one_by_one = update(one_by_one, [look], settings).state
    difference = log_se3(invert_pose(together.X_base_board) @ one_by_one.X_base_board)
    sigma = np.sqrt(np.diag(together.board_covariance))
    assert np.abs(difference / sigma).max() < 0.05
