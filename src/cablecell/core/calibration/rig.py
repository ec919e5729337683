"""Calibration of a rig of cameras on the tool: mounts and lenses from views of a target, with honest covariance.

A closed form of A X = X B starts every camera. Then target, mounts, lenses and the error of every reported tool pose
are refined together on the manifold. The scatter of corners and of tool poses is not assumed: it is estimated from
the views (expectation maximisation of the variance components), and so the covariance follows what the arm really does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from cablecell.core.calibration.camera_model import LENS_PARAMETERS, LensModel
from cablecell.core.calibration.closed_forms import METHODS, relative_motions, require_spread
from cablecell.core.calibration.equations import (
    LENS,
    MOUNT,
    TARGET,
    Equations,
    ImageFit,
    Noise,
    RigState,
    normal_equations,
)
from cablecell.core.calibration.errors import (
    CalibrationError,
    NotConvergedError,
    ResidualTooHighError,
    TooFewViewsError,
    UnobservableError,
)
from cablecell.core.calibration.views import CalibrationView, require_views
from cablecell.core.config.calibration import CalibrationSettings
from cablecell.core.geometry import angle_between, invert_pose, log_se3
from cablecell.core.perception.detection import Corners
from cablecell.core.perception.initial_pose import candidate_poses

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

_LOOSE_TOOL = np.array([2e-3] * 3 + [5e-3] * 3)
"""Tool errors of the first pass: so large that no single view, right or wrong, holds the others."""
_FIRST_TOOL = np.array([1e-4] * 3 + [2e-4] * 3)
_LEAST_TOOL = np.array([1e-7] * 3 + [1e-7] * 3)
_FIRST_CORNER_PX = 0.1
_MEDIAN_OF_CHI3 = 1.5382
_FLOOR_TOOL_M, _FLOOR_TOOL_RAD = 2e-5, 5e-5
"""A tool pose that is off by less than six of these is no outlier, however well the others agree."""
_ROUNDS, _STEPS = 8, 30
_STEP_TOLERANCE = 1e-11
_ENOUGH = 1e-7
_MIN_INLIERS = 0.5


@dataclass(frozen=True)
class ClosedForm:
    """What one closed form says of one camera.

    Attributes:
        method: Name of the method.
        X_tcp_optical: Its answer, shape (4, 4).
        distance_m: From the refined mount, m.
        turn_rad: From the refined mount, rad.
    """

    method: str
    X_tcp_optical: Matrix
    distance_m: float
    turn_rad: float


@dataclass(frozen=True)
class RigCalibration:
    """Result of a calibration.

    Attributes:
        state: Target, mounts, lenses and tool errors.
        covariance: Of the error state of `RigState`, shape (size, size).
        noise: Scatter of corners and tool poses, as found.
        images: Fit of every image that was used.
        rejected_views: Indices, among the given views, of those left out.
        used_views: Indices of the others.
        rotation_spread_rad: See `rotation_spread`.
        closed_forms: Answers of the closed forms by camera.
    """

    state: RigState
    covariance: Matrix
    noise: Noise
    images: tuple[ImageFit, ...]
    rejected_views: tuple[int, ...]
    used_views: tuple[int, ...]
    rotation_spread_rad: float
    closed_forms: Mapping[str, tuple[ClosedForm, ...]]

    def mount_covariance(self) -> Matrix:
        """Return the covariance of the stacked right perturbations of all mounts, shape (6 n, 6 n)."""
        index = np.concatenate([self.state.column(name) + np.arange(MOUNT) for name in self.state.mounts])
        return np.asarray(self.covariance[np.ix_(index, index)])

    def lens_covariance(self, camera: str) -> Matrix:
        """Return the covariance of fx, fy, cx, cy, k1, p1, p2 of a camera, shape (7, 7)."""
        at = self.state.column(camera) + MOUNT
        return np.asarray(self.covariance[at : at + LENS, at : at + LENS])

    def rms_px(self, camera: str) -> float:
        """Return the rms residual of a camera over its images, px."""
        return float(np.sqrt(np.mean([image.rms_px**2 for image in self.images if image.camera == camera])))


def calibrate_rig(
    views: Sequence[CalibrationView],
    lenses: Mapping[str, LensModel],
    settings: CalibrationSettings | None = None,
) -> RigCalibration:
    """Return mounts and lenses of the cameras from views of a target that lies still.

    Args:
        views: At least `min_views` of every camera, with turns about two axes.
        lenses: Models of the cameras to start from, by name; these cameras are calibrated.
        settings: Limits and priors.

    Raises:
        TargetNotSeenError: A camera never saw the target (code 573).
        TooFewViewsError: There are too few views, or too few that agree (code 571).
        RotationsTooParallelError: The turns do not determine the mounts (code 572).
        NotConvergedError: The refinement did not come to rest (code 576).
        ResidualTooHighError: Images or tool poses scatter too much (code 574).
        UnobservableError: A mount or focal length stays too uncertain (code 575).
    """
    settings = settings or CalibrationSettings()
    views = [replace(view, corners={c: v for c, v in view.corners.items() if c in lenses}) for view in views]
    numbered = [(index, view) for index, view in enumerate(views) if view.corners]
    require_views(views, tuple(lenses), settings.min_views)
    spread = require_spread([view.X_base_tcp for _, view in numbered], settings.min_rotation_spread_rad)
    start = _start([view for _, view in numbered], lenses)
    prior = _Prior(start, settings)
    kept, state = _without_outliers(numbered, start, prior, settings)
    rejected = tuple(index for index, _ in numbered if index not in {number for number, _ in kept})
    if len(rejected) > settings.max_rejected_share * len(numbered):
        raise TooFewViewsError(
            f"{len(rejected)} of {len(numbered)} views contradict the others, the limit is "
            f"{settings.max_rejected_share:.0%}: the target or a camera moved between views",
            quantity="rejected_views",
            value=len(rejected),
            limit=settings.max_rejected_share * len(numbered),
        )
    used = [view for _, view in kept]
    require_views(used, tuple(lenses), settings.min_views)
    state, noise, equations, P = _refine(state, used, prior, settings)
    result = RigCalibration(
        state, P, noise, equations.images, rejected, tuple(index for index, _ in kept), spread,
        {camera: _closed_forms(used, lenses[camera], camera, state) for camera in lenses},
    )  # fmt: skip
    _judge(result, settings)
    return result


class _Prior:
    """What is known of the lenses beforehand, and next to nothing of the rest."""

    def __init__(self, start: RigState, settings: CalibrationSettings) -> None:
        self._start = start
        information = np.full(start.size, 1e-6)
        for camera, lens in start.lenses.items():
            at = start.column(camera) + MOUNT
            sigma = [settings.focal_prior * lens.values[0], settings.focal_prior * lens.values[1]]
            sigma += [settings.centre_prior_px] * 2 + [settings.k1_prior] + [settings.decentring_prior] * 2
            information[at : at + LENS] = 1.0 / np.array(sigma) ** 2
        self.information = np.diag(information)

    def gradient(self, state: RigState) -> Vector:
        g = np.zeros(state.size)
        for camera, lens in state.lenses.items():
            at = state.column(camera) + MOUNT
            g[at : at + LENS] = self._start.lenses[camera].values - lens.values
        return np.asarray(self.information @ g)


def target_pose(corners: Corners, lens: LensModel) -> Matrix | None:
    """Return X_optical_target of one image, or None where the corners show none."""
    pinhole = replace(corners, K=lens.pinhole().matrix())
    candidates = candidate_poses(pinhole)
    if not candidates:
        return None
    rotation, translation = cv2.Rodrigues(candidates[0][:3, :3])[0], candidates[0][:3, 3].copy()
    cv2.solvePnPRefineLM(corners.points, corners.pixels, pinhole.K, None, rotation, translation.reshape(3, 1))
    X = candidates[0].copy()
    X[:3, :3], X[:3, 3] = cv2.Rodrigues(rotation)[0], translation
    return X


def _poses(views: Sequence[CalibrationView], lens: LensModel, camera: str) -> tuple[list[Matrix], list[Matrix]]:
    tools, targets = [], []
    for view in views:
        if camera in view.corners:
            X = target_pose(view.corners[camera], lens)
            if X is not None:
                tools.append(view.X_base_tcp)
                targets.append(X)
    return tools, targets


def _start(views: Sequence[CalibrationView], lenses: Mapping[str, LensModel]) -> RigState:
    """Return where the refinement begins: of the closed forms of a camera the one whose targets agree best."""
    mounts, boards = {}, []
    for camera, lens in lenses.items():
        tools, targets = _poses(views, lens, camera)
        require_spread(tools, 0.0)
        motions = relative_motions(tools, targets)
        answers = [method(motions) for method in METHODS.values()]
        found = [[X_bt @ X @ X_ot for X_bt, X_ot in zip(tools, targets, strict=True)] for X in answers]
        scatter = [float(np.median(np.linalg.norm([X[:3, 3] - _middle(b)[:3, 3] for X in b], axis=1))) for b in found]
        best = int(np.argmin(scatter))
        mounts[camera] = answers[best]
        boards += found[best]
    return RigState(_middle(boards), mounts, dict(lenses), np.zeros((len(views), 6)))


def _middle(poses: Sequence[Matrix]) -> Matrix:
    """Return the pose of a list that is nearest to the median of their places."""
    median = np.median([X[:3, 3] for X in poses], axis=0)
    return poses[int(np.argmin([np.linalg.norm(X[:3, 3] - median) for X in poses]))]


def _without_outliers(
    numbered: list[tuple[int, CalibrationView]], start: RigState, prior: _Prior, settings: CalibrationSettings
) -> tuple[list[tuple[int, CalibrationView]], RigState]:
    """Return the views, with their numbers, that agree with each other, and the state they lead to."""
    views = [view for _, view in numbered]
    noise = Noise(_FIRST_CORNER_PX, settings.shared_sigma_px, _LOOSE_TOOL)
    state, equations = _converge(start, views, noise, prior, tolerance=1e-7)
    for image in equations.images:
        if image.inlier_share < _MIN_INLIERS and len(views[image.view].corners) > 1:
            view = views[image.view]
            views[image.view] = replace(view, corners={c: v for c, v in view.corners.items() if c != image.camera})
    moved = np.linalg.norm(state.tool_errors[:, :3], axis=1)
    turned = np.linalg.norm(state.tool_errors[:, 3:], axis=1)
    good = moved < settings.outlier_sigmas * max(float(np.median(moved)) / _MEDIAN_OF_CHI3, _FLOOR_TOOL_M)
    good &= turned < settings.outlier_sigmas * max(float(np.median(turned)) / _MEDIAN_OF_CHI3, _FLOOR_TOOL_RAD)
    kept = [(number, view) for (number, _), view, is_good in zip(numbered, views, good, strict=True) if is_good]
    return kept, replace(state, tool_errors=state.tool_errors[good])


def _refine(
    state: RigState, views: Sequence[CalibrationView], prior: _Prior, settings: CalibrationSettings
) -> tuple[RigState, Noise, Equations, Matrix]:
    """Return state, scatter, equations and covariance: refinement and estimation of the scatter in turns."""
    noise = Noise(_FIRST_CORNER_PX, settings.shared_sigma_px, _FIRST_TOOL)
    for _ in range(_ROUNDS):
        state, equations = _converge(state, views, noise, prior, tolerance=1e-9)
        P = np.asarray(np.linalg.inv(equations.H + prior.information), dtype=np.float64)
        spread = np.sqrt(np.mean([image.spread_px**2 for image in equations.images]))
        second = state.tool_errors**2 + np.diagonal(equations.tool_covariance(P), axis1=1, axis2=2)
        tool = np.sqrt(np.repeat([second[:, :3].mean(), second[:, 3:].mean()], 3))
        change = float(np.abs(np.log(tool / noise.tool)).max())
        noise = Noise(float(spread), settings.shared_sigma_px, np.maximum(tool, _LEAST_TOOL))
        if change < 0.02:
            break
    state, equations = _converge(state, views, noise, prior, tolerance=_STEP_TOLERANCE)
    P = np.asarray(np.linalg.inv(equations.H + prior.information), dtype=np.float64)
    return state, noise, equations, P


def _converge(
    state: RigState, views: Sequence[CalibrationView], noise: Noise, prior: _Prior, *, tolerance: float
) -> tuple[RigState, Equations]:
    size = np.inf
    scale = np.ones(state.size)
    for camera in state.mounts:
        at = state.column(camera) + MOUNT
        scale[at : at + LENS] = [1e-3] * 4 + [1.0] * 3  # a pixel weighs as much as a milliradian
    for iteration in range(_STEPS):
        equations = normal_equations(state, views, noise)
        gradient = equations.g + prior.gradient(state)
        step = np.asarray(np.linalg.solve(equations.H + prior.information, gradient), dtype=np.float64)
        tool_steps = equations.tool_steps(step)
        if iteration >= _STEPS // 2:  # robust weights can swing between two sets of outliers
            step, tool_steps = 0.5 * step, 0.5 * tool_steps
        state = state.moved(step, tool_steps)
        size = float(np.abs(step * scale).max())
        if size < tolerance:
            break
    if not size < max(tolerance, _ENOUGH):
        raise NotConvergedError(
            f"the refinement still moved by {size:.2e} m, rad or 1000 px in its last of {_STEPS} steps",
            quantity="step",
            value=size,
            limit=_ENOUGH,
        )
    return state, normal_equations(state, views, noise)


def _closed_forms(
    views: Sequence[CalibrationView], lens: LensModel, camera: str, state: RigState
) -> tuple[ClosedForm, ...]:
    tools, targets = _poses(views, lens, camera)
    motions = relative_motions(tools, targets)
    X_best = state.mounts[camera]
    answers = []
    for name, method in METHODS.items():
        X = method(motions)
        distance = float(np.linalg.norm(log_se3(invert_pose(X_best) @ X)[:3]))
        answers.append(ClosedForm(name, X, distance, angle_between(X_best[:3, :3], X[:3, :3])))
    return tuple(answers)


def _judge(result: RigCalibration, settings: CalibrationSettings) -> None:
    """Check a result against the limits."""
    for camera in result.state.mounts:
        rms = result.rms_px(camera)
        _require(ResidualTooHighError, f"rms residual of {camera}", "rms_px", rms, settings.max_rms_px, "px", camera)
        at = result.state.column(camera)
        sigma = np.sqrt(np.diag(result.covariance)[at : at + MOUNT + LENS])
        limits = (
            ("place of its mount", "mount_sigma_m", float(sigma[:3].max()), settings.max_mount_sigma_m, "m"),
            ("turn of its mount", "mount_sigma_rad", float(sigma[3:6].max()), settings.max_mount_sigma_rad, "rad"),
            (
                "focal length",
                "focal_sigma",
                float((sigma[6:8] / result.state.lenses[camera].values[:2]).max()),
                settings.max_focal_sigma,
                "",
            ),
        )
        for what, quantity, value, limit, unit in limits:
            _require(UnobservableError, f"uncertainty of {camera}, {what}", quantity, value, limit, unit, camera)
    scatter = float(result.noise.tool[0])
    _require(
        ResidualTooHighError,
        "scatter of the tool poses",
        "kinematics_m",
        scatter,
        settings.max_kinematics_m,
        "m",
        "tcp",
    )


def _require(
    kind: type[CalibrationError], what: str, quantity: str, value: float, limit: float, unit: str, frame: str
) -> None:
    if not value <= limit:
        raise kind(
            f"{what} is {value:.4g} {unit}, the limit is {limit:.4g} {unit}".replace(" ,", ","),
            quantity=quantity,
            value=value,
            limit=limit,
            unit=unit,
            frame=frame,
        )


__all__ = ["LENS_PARAMETERS", "TARGET", "ClosedForm", "RigCalibration", "calibrate_rig", "target_pose"]
