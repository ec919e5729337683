"""How well a pose of the board explains the corners of one image, and how much the image says about the pose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cablecell.core.perception.detection import Corners

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

_TUKEY = 4.685  # 95 % efficiency for Gaussian residuals
_MAD_TO_SIGMA = 1.4826
_MEDIAN_OF_RAYLEIGH = 1.1774


@dataclass(frozen=True)
class ImageInformation:
    """Normal equations of one image for a right perturbation of X_optical_board.

    Attributes:
        H: Information matrix, shape (6, 6).
        g: Gradient J^T W (measured - predicted), shape (6,).
        cost: Robust sum of squared residuals in units of their standard deviation.
        rms_px: Root mean square residual of the inliers, px, per axis.
        inlier_share: Share of corners with a weight above one half.
    """

    H: Matrix
    g: Vector
    cost: float
    rms_px: float
    inlier_share: float


def project(points: Matrix, X_optical_board: Matrix, K: Matrix) -> tuple[Matrix, Matrix]:
    """Return pixels, shape (n, 2), and points in the optical frame, shape (n, 3), of points in `task_board`."""
    in_camera = points @ X_optical_board[:3, :3].T + X_optical_board[:3, 3]
    homogeneous = in_camera @ K.T
    return homogeneous[:, :2] / homogeneous[:, 2:], in_camera


def jacobian(points: Matrix, in_camera: Matrix, X_optical_board: Matrix, K: Matrix) -> Matrix:
    """Return d pixel / d xi for X_optical_board Exp(xi), shape (n, 2, 6), xi = (v, w)."""
    n = len(points)
    z = in_camera[:, 2]
    d_pixel = np.zeros((n, 2, 3))
    d_pixel[:, 0, 0] = K[0, 0] / z
    d_pixel[:, 0, 2] = -K[0, 0] * in_camera[:, 0] / z**2
    d_pixel[:, 1, 1] = K[1, 1] / z
    d_pixel[:, 1, 2] = -K[1, 1] * in_camera[:, 1] / z**2
    d_point = np.zeros((n, 3, 6))
    d_point[:, :, :3] = np.eye(3)
    x, y, w = points[:, 0], points[:, 1], points[:, 2]
    d_point[:, 0, 4], d_point[:, 0, 5] = w, -y
    d_point[:, 1, 3], d_point[:, 1, 5] = -w, x
    d_point[:, 2, 3], d_point[:, 2, 4] = y, -x
    return np.asarray(np.einsum("nij,jk,nkl->nil", d_pixel, X_optical_board[:3, :3], d_point))


def image_information(
    corners: Corners, X_optical_board: Matrix, *, sigma_px: float, shared_px: float
) -> ImageInformation:
    """Return the robust normal equations of one image at a pose.

    Every patch shares one offset b ~ N(0, shared_px^2) per image axis, because the errors of refinement, lens and
    print have common parts; its effect is removed from the information by the matrix inversion lemma. Outliers get
    Tukey weights around the larger of `sigma_px` and the spread that is really there.

    Args:
        corners: What was seen.
        X_optical_board: Pose of `task_board` in the optical frame, shape (4, 4).
        sigma_px: Least standard deviation of one corner per axis, px.
        shared_px: Standard deviation of the offset shared by a patch, px.
    """
    predicted, in_camera = project(corners.points, X_optical_board, corners.K)
    J = jacobian(corners.points, in_camera, X_optical_board, corners.K)
    residual = corners.pixels - predicted
    centred = residual - np.median(residual, axis=0)
    spread = _MAD_TO_SIGMA * float(np.median(np.abs(centred)))
    sigma = max(sigma_px, spread)
    length = np.linalg.norm(residual, axis=1)
    # A start far from the solution moves all corners together; they are no outliers of each other.
    norm = length / max(float(np.hypot(sigma, shared_px)), float(np.median(length)) / _MEDIAN_OF_RAYLEIGH)
    weight = np.where(norm < _TUKEY, (1.0 - (norm / _TUKEY) ** 2) ** 2, 0.0)
    H, g = np.zeros((6, 6)), np.zeros(6)
    for group in np.unique(corners.groups):
        members = corners.groups == group
        w = weight[members]
        total = float(w.sum())
        shrink = shared_px**2 / (sigma**2 + shared_px**2 * total)
        for axis in range(2):
            rows = J[members, axis]
            r = residual[members, axis]
            weighted = rows * w[:, None]
            u = weighted.sum(axis=0)
            H += (rows.T @ weighted - shrink * np.outer(u, u)) / sigma**2
            g += (weighted.T @ r - shrink * u * float(w @ r)) / sigma**2
    rho = np.where(norm < _TUKEY, 1.0 - (1.0 - (norm / _TUKEY) ** 2) ** 3, 1.0)
    rms = float(np.sqrt((weight[:, None] * residual**2).sum() / max(2.0 * weight.sum(), 1e-9)))
    return ImageInformation(H, g, float(rho.sum()), rms, float(np.mean(weight > 0.5)))
