"""Gauss-Newton on SE(3): the most likely board and mounts, given a prior and the corners of some looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.estimator import EstimatorSettings
from cablecell.core.fusion.board_state import BoardState, Look, kinematics_covariance
from cablecell.core.geometry import adjoint, exp_se3, invert_pose, log_se3
from cablecell.core.perception.detection import Corners
from cablecell.core.perception.reprojection import ImageInformation, image_information

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

_MAX_ITERATIONS = 25
_STEP_TOLERANCE = 1e-6  # m and rad, far below what any corner noise leaves
_DAMPED_FROM = 8  # iteration from which steps are halved: the robust weights can swing between two sets of outliers


@dataclass(frozen=True)
class ImageQuality:
    """How one image agrees with the solution.

    Attributes:
        look: Index of its look.
        camera: Name of its camera.
        rms_px: Root mean square residual of the inliers, px.
        inlier_share: Share of corners that agree.
    """

    look: int
    camera: str
    rms_px: float
    inlier_share: float


@dataclass(frozen=True)
class Solution:
    """Result of an update.

    Attributes:
        state: Posterior.
        cost: Negative log posterior up to a constant; compares solutions from different starts.
        images: Agreement of every image.
        has_converged: True when the last step was negligible.
    """

    state: BoardState
    cost: float
    images: tuple[ImageQuality, ...]
    has_converged: bool


def update(
    prior: BoardState, looks: Sequence[Look], settings: EstimatorSettings, *, start: BoardState | None = None
) -> Solution:
    """Return the posterior of the error state (board, mounts) after some looks.

    Every look adds a nuisance perturbation of X_base_tcp for the error of forward kinematics, shared by its cameras
    and eliminated by the Schur complement. With one look this is the iterated extended Kalman filter in information
    form; with several it is the batch solution.

    Args:
        prior: Mean and covariance before.
        looks: What was seen; camera names must be in the state.
        settings: Sizes of the errors.
        start: Where to linearise first; the prior mean by default.
    """
    information = np.linalg.inv(prior.covariance)
    state = start or prior
    has_converged = False
    for iteration in range(_MAX_ITERATIONS):
        H, g, _, _ = _normal_equations(state, looks, settings)
        H = H + information
        g = g - information @ state.difference(prior)
        step = np.asarray(np.linalg.solve(H, g), dtype=np.float64)
        size = float(np.abs(step[:6]).max())
        if size > 0.3:  # a start far away: walk, do not jump over the region where the projection is almost linear
            step = step * (0.3 / size)
        elif iteration >= _DAMPED_FROM:
            step = 0.5 * step
        state = state.moved(step)
        if size < _STEP_TOLERANCE:
            has_converged = True
            break
    H, _, cost, images = _normal_equations(state, looks, settings)
    deviation = state.difference(prior)
    posterior = replace(
        state,
        covariance=np.linalg.inv(H + information),
        looks=prior.looks + len(looks),
        seen_s=max([prior.seen_s, *(look.stamp_s for look in looks)]),
    )
    return Solution(posterior, cost + 0.5 * float(deviation @ information @ deviation), images, has_converged)


def innovation(prior: BoardState, look: Look, camera: str, settings: EstimatorSettings) -> float:
    """Return the squared Mahalanobis distance (6 dof) of one image from what the state predicts.

    The pose of the board in the camera that explains the image best is compared with the predicted one. Its
    covariance is that of the image itself plus that of state and forward kinematics.
    """
    X_tcp_optical = prior.mounts[camera]
    X_predicted = invert_pose(look.X_base_tcp @ X_tcp_optical) @ prior.X_base_board
    corners = look.corners[camera]
    X = X_predicted
    for _ in range(_MAX_ITERATIONS):
        image = _information(corners, X, settings)
        step = np.linalg.lstsq(image.H, image.g, rcond=1e-12)[0]
        X = X @ exp_se3(step)
        if float(np.abs(step).max()) < _STEP_TOLERANCE:
            break
    image = _information(corners, X, settings)
    M, N = _maps(prior, X_predicted, camera)
    S = M @ prior.covariance @ M.T + N @ kinematics_covariance(settings) @ N.T + np.linalg.pinv(image.H, rcond=1e-12)
    difference = log_se3(invert_pose(X_predicted) @ X)
    return float(difference @ np.linalg.solve(S, difference))


def look_information(state: BoardState, look: Look, settings: EstimatorSettings) -> Matrix:
    """Return the information matrix that the corners of a look add to the error state, shape of its covariance."""
    return _normal_equations(state, [look], settings)[0]


def _information(corners: Corners, X_optical_board: Matrix, settings: EstimatorSettings) -> ImageInformation:
    return image_information(
        corners, X_optical_board, sigma_px=settings.corner_sigma_px, shared_px=settings.shared_sigma_px
    )


def _maps(state: BoardState, X_optical_board: Matrix, camera: str) -> tuple[Matrix, Matrix]:
    """Return how X_optical_board moves (right perturbation) with the state, and with X_base_tcp."""
    X_board_optical = invert_pose(X_optical_board)
    M = np.zeros((6, len(state.covariance)))
    M[:, :6] = np.eye(6)
    by_mount = -adjoint(X_board_optical)
    M[:, state.mount_block(camera)] = by_mount
    return M, by_mount @ adjoint(invert_pose(state.mounts[camera]))


def _normal_equations(
    state: BoardState, looks: Sequence[Look], settings: EstimatorSettings
) -> tuple[Matrix, Vector, float, tuple[ImageQuality, ...]]:
    n = len(state.covariance)
    H, g, cost = np.zeros((n, n)), np.zeros(n), 0.0
    images = []
    kinematics = np.linalg.inv(kinematics_covariance(settings))
    for index, look in enumerate(looks):
        Hxx, Hxe, Hee = np.zeros((n, n)), np.zeros((n, 6)), kinematics.copy()
        gx, ge = np.zeros(n), np.zeros(6)
        for camera, corners in look.corners.items():
            X = invert_pose(look.X_base_tcp @ state.mounts[camera]) @ state.X_base_board
            image = _information(corners, X, settings)
            M, N = _maps(state, X, camera)
            Hxx += M.T @ image.H @ M
            Hxe += M.T @ image.H @ N
            Hee += N.T @ image.H @ N
            gx += M.T @ image.g
            ge += N.T @ image.g
            cost += image.cost
            images.append(ImageQuality(index, camera, image.rms_px, image.inlier_share))
        K = np.linalg.solve(Hee, Hxe.T).T
        H += Hxx - K @ Hxe.T
        g += gx - K @ ge
    return H, g, cost, tuple(images)
