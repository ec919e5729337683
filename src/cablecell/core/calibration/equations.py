"""Normal equations of a rig calibration: target, mounts, lenses, and the error of every reported tool pose.

The error state stacks right perturbations (v, w) of X_base_target, then for every camera of X_tcp_optical (6) and of
its lens (5). Every view has a nuisance of its own, a right perturbation of the reported X_base_tcp with covariance K,
which is shared by its cameras and eliminated by the Schur complement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cablecell.core.calibration.camera_model import LensModel
from cablecell.core.calibration.views import CalibrationView
from cablecell.core.geometry import adjoint, exp_se3, invert_pose
from cablecell.core.perception.detection import Corners

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

TARGET, MOUNT, LENS = 6, 6, 7
_TUKEY = 4.685
_MAD_TO_SIGMA = 1.4826
_MEDIAN_OF_RAYLEIGH = 1.1774
_LEAST_SIGMA_PX = 1e-3


@dataclass(frozen=True)
class RigState:
    """What is estimated.

    Attributes:
        X_base_target: Pose of the target, shape (4, 4).
        mounts: X_tcp_optical by camera.
        lenses: By camera.
        tool_errors: Right perturbation of every reported X_base_tcp, shape (views, 6), m and rad.
    """

    X_base_target: Matrix
    mounts: Mapping[str, Matrix]
    lenses: Mapping[str, LensModel]
    tool_errors: Matrix

    @property
    def size(self) -> int:
        """Length of the error state without the nuisances."""
        return TARGET + (MOUNT + LENS) * len(self.mounts)

    def column(self, camera: str) -> int:
        """Return where the errors of a camera begin."""
        return TARGET + (MOUNT + LENS) * list(self.mounts).index(camera)

    def moved(self, step: Vector, tool_steps: Matrix) -> RigState:
        """Return the state after a step of all errors."""
        mounts, lenses = {}, {}
        for camera, X in self.mounts.items():
            at = self.column(camera)
            mounts[camera] = X @ exp_se3(step[at : at + MOUNT])
            lens = self.lenses[camera]
            lenses[camera] = replace(lens, values=lens.values + step[at + MOUNT : at + MOUNT + LENS])
        X_base_target = self.X_base_target @ exp_se3(step[:TARGET])
        return RigState(X_base_target, mounts, lenses, self.tool_errors + tool_steps)


@dataclass(frozen=True)
class Noise:
    """Sizes of the errors.

    Attributes:
        corner_px: Of a corner along each axis, px.
        shared_px: Shared by the corners of an image, px.
        tool: Standard deviations of a tool pose, shape (6,), m and rad.
    """

    corner_px: float
    shared_px: float
    tool: Vector


@dataclass(frozen=True)
class ImageFit:
    """How one image agrees.

    Attributes:
        view: Index of its view.
        camera: Its camera.
        rms_px: Of the residuals of inliers, per axis.
        spread_px: Robust standard deviation of the residuals per axis.
        inlier_share: Share of corners with weight above one half.
        residuals: Measured minus predicted, shape (n, 2), px.
    """

    view: int
    camera: str
    rms_px: float
    spread_px: float
    inlier_share: float
    residuals: Matrix


@dataclass(frozen=True)
class Equations:
    """Normal equations after elimination of the nuisances.

    Attributes:
        H: Information of the error state, shape (size, size).
        g: Gradient, shape (size,).
        tool_information: Information of every nuisance with its prior, shape (views, 6, 6).
        tool_gradient: Gradient of every nuisance, shape (views, 6).
        cross: Information between state and nuisances, shape (views, size, 6).
        images: Fit of every image.
    """

    H: Matrix
    g: Vector
    tool_information: Matrix
    tool_gradient: Matrix
    cross: Matrix
    images: tuple[ImageFit, ...]

    def tool_steps(self, step: Vector) -> Matrix:
        """Return the steps of the nuisances that belong to a step of the state."""
        right = self.tool_gradient - np.einsum("vse,s->ve", self.cross, step)
        return np.asarray(np.linalg.solve(self.tool_information, right[..., None])[..., 0])

    def tool_covariance(self, P: Matrix) -> Matrix:
        """Return the covariance of every nuisance, shape (views, 6, 6), given that of the state."""
        inverse = np.linalg.inv(self.tool_information)
        gain = np.einsum("vef,vsf->ves", inverse, self.cross)
        return np.asarray(inverse + np.einsum("ves,st,vft->vef", gain, P, gain))


def normal_equations(state: RigState, views: Sequence[CalibrationView], noise: Noise) -> Equations:
    """Return the normal equations of all views at a state."""
    size, count = state.size, len(views)
    prior = np.diag(1.0 / noise.tool**2)
    tool_information, tool_gradient = np.tile(prior, (count, 1, 1)), -state.tool_errors @ prior
    cross = np.zeros((count, size, 6))
    H, g = np.zeros((size, size)), np.zeros(size)
    images = []
    for index, view in enumerate(views):
        X_base_tcp = view.X_base_tcp @ exp_se3(state.tool_errors[index])
        for camera, corners in view.corners.items():
            X = invert_pose(X_base_tcp @ state.mounts[camera]) @ state.X_base_target
            H_local, g_local, fit = _image(index, camera, corners, X, state.lenses[camera], noise)
            M, N = _maps(state, X, camera)
            HN = H_local @ N
            H += M.T @ H_local @ M
            g += M.T @ g_local
            cross[index] += M.T @ HN
            tool_information[index] += N.T @ HN
            tool_gradient[index] += N.T @ g_local
            images.append(fit)
    gain = np.linalg.solve(tool_information, np.swapaxes(cross, 1, 2))
    H -= np.einsum("vse,vet->st", cross, gain)
    g -= np.einsum("ves,ve->s", gain, tool_gradient)
    return Equations(H, g, tool_information, tool_gradient, cross, tuple(images))


def _maps(state: RigState, X: Matrix, camera: str) -> tuple[Matrix, Matrix]:
    """Return how (X_optical_target, lens) of an image moves with the state, shape (13, size), and the tool, (13, 6)."""
    M, N = np.zeros((MOUNT + LENS, state.size)), np.zeros((MOUNT + LENS, 6))
    at = state.column(camera)
    by_mount = -adjoint(invert_pose(X))
    M[:6, :TARGET] = np.eye(6)
    M[:6, at : at + MOUNT] = by_mount
    M[6:, at + MOUNT : at + MOUNT + LENS] = np.eye(LENS)
    N[:6] = by_mount @ adjoint(invert_pose(state.mounts[camera]))
    return M, N


def image_jacobian(points: Matrix, X_optical_target: Matrix, lens: LensModel) -> tuple[Matrix, Matrix]:
    """Return predicted pixels, shape (n, 2), and their derivatives by (X_optical_target, lens), shape (n, 2, 13)."""
    R = X_optical_target[:3, :3]
    in_camera = points @ R.T + X_optical_target[:3, 3]
    by_point, by_lens = lens.derivatives(in_camera)
    by_target = by_point @ R
    J = np.empty((len(points), 2, MOUNT + LENS))
    J[:, :, :3] = by_target
    # d (R (p + w x p)) / d w = -R [p]x; row r times -[p]x is p x r.
    J[:, :, 3:6] = np.cross(points[:, None, :], by_target)
    J[:, :, 6:] = by_lens
    return lens.project(in_camera), J


def _image(
    index: int, camera: str, corners: Corners, X: Matrix, lens: LensModel, noise: Noise
) -> tuple[Matrix, Vector, ImageFit]:
    predicted, J = image_jacobian(corners.points, X, lens)
    residual = corners.pixels - predicted
    centred = residual - np.median(residual, axis=0)
    spread = _MAD_TO_SIGMA * float(np.median(np.abs(centred)))
    sigma = max(noise.corner_px, _LEAST_SIGMA_PX)
    length = np.linalg.norm(residual, axis=1)
    # A start far from the solution moves all corners together; they are no outliers of each other.
    scale = max(np.hypot(sigma, noise.shared_px), spread, float(np.median(length)) / _MEDIAN_OF_RAYLEIGH)
    norm = length / scale
    w = np.where(norm < _TUKEY, (1.0 - (norm / _TUKEY) ** 2) ** 2, 0.0)
    shrink = noise.shared_px**2 / (sigma**2 + noise.shared_px**2 * float(w.sum()))
    weighted = J * w[:, None, None]
    shared = weighted.sum(axis=0)
    H = (np.einsum("nai,naj->ij", J, weighted) - shrink * shared.T @ shared) / sigma**2
    g = (np.einsum("nai,na->i", weighted, residual) - shrink * shared.T @ (w @ residual)) / sigma**2
    rms = float(np.sqrt((w[:, None] * residual**2).sum() / max(2.0 * w.sum(), 1e-9)))
    return H, g, ImageFit(index, camera, rms, spread, float(np.mean(w > 0.5)), residual)
