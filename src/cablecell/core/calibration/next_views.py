"""From where to look at the target: the poses whose predicted views leave mounts and lenses least uncertain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cablecell.core.calibration.camera_model import LensModel
from cablecell.core.calibration.equations import LENS, MOUNT, TARGET, Noise, RigState, normal_equations
from cablecell.core.calibration.views import CalibrationView
from cablecell.core.geometry import invert_pose, make_pose, pose_from_xyz_rpy, transform_point
from cablecell.core.perception.detection import Corners

Matrix = NDArray[np.float64]

_BORDER_PX = 12.0
_FEWEST_CORNERS = 12
_WORK_DISTANCE_M = 0.3
_MEAN_RAY = 0.25
_TARGET_PRIOR = np.array([0.03] * 3 + [0.1] * 3)
_MOUNT_PRIOR = np.array([0.005] * 3 + [0.02] * 3)
_LENS_PRIOR = np.array([25.0, 25.0, 20.0, 20.0, 0.02, 2e-4, 2e-4])


@dataclass(frozen=True)
class ExpectedRig:
    """What is believed before the calibration.

    Attributes:
        X_base_target: Where the target lies, roughly, shape (4, 4).
        points: Corners of the target in its frame, shape (n, 3), m.
        mounts: X_tcp_optical by camera.
        lenses: By camera.
        noise: Scatter to reckon with.
    """

    X_base_target: Matrix
    points: Matrix
    mounts: Mapping[str, Matrix]
    lenses: Mapping[str, LensModel]
    noise: Noise

    def predict(self, X_base_tcp: Matrix) -> CalibrationView:
        """Return the view from a pose of the tool; cameras that would see too few corners are absent."""
        corners = {}
        for camera, X_tcp_optical in self.mounts.items():
            lens = self.lenses[camera]
            in_camera = transform_point(invert_pose(X_base_tcp @ X_tcp_optical) @ self.X_base_target, self.points)
            if np.any(in_camera[:, 2] < 0.05):
                continue
            pixels = lens.project(in_camera)
            size = np.array([lens.width, lens.height])
            inside = np.all((pixels > _BORDER_PX) & (pixels < size - _BORDER_PX), axis=1)
            if int(inside.sum()) >= _FEWEST_CORNERS:
                groups = np.zeros(int(inside.sum()), dtype=np.intp)
                K = lens.pinhole().matrix()
                corners[camera] = Corners(0.0, camera, K, pixels[inside], self.points[inside], groups)
        return CalibrationView(X_base_tcp, corners)


def candidate_tools(
    X_base_target: Matrix,
    *,
    count: int,
    seed: int,
    height_m: tuple[float, float] = (0.1, 0.22),
    shift_m: float = 0.04,
    tilt_rad: float = 0.4,
    turn_rad: float = 0.9,
) -> list[Matrix]:
    """Return poses of a tool whose cameras look at a target that lies face up, drawn from a seed.

    Args:
        X_base_target: The target; its z points up, out of its face, shape (4, 4).
        count: How many.
        seed: Of the draw.
        height_m: Lowest and highest distance of the tcp from the target.
        shift_m: Sideways, ±.
        tilt_rad: Largest tilt of the tool against the target's normal.
        turn_rad: About that normal, ±.
    """
    rng = np.random.default_rng(seed)
    poses, X_face = [], X_base_target @ pose_from_xyz_rpy((0, 0, 0), (np.pi, 0, 0))
    for _ in range(count):
        place = [*rng.uniform(-shift_m, shift_m, 2), -rng.uniform(*height_m)]
        direction, tilt = rng.uniform(0.0, 2.0 * np.pi), tilt_rad * np.sqrt(rng.uniform(0.0, 1.0))
        lean = pose_from_xyz_rpy((0, 0, 0), (tilt * np.cos(direction), tilt * np.sin(direction), 0.0))
        turn = pose_from_xyz_rpy((0, 0, 0), (0.0, 0.0, rng.uniform(-turn_rad, turn_rad)))
        # The tool leans about the target, so that its cameras keep it in their middle.
        poses.append(X_face @ lean @ make_pose(np.eye(3), place) @ turn)
    return poses


def choose_views(rig: ExpectedRig, candidates: Sequence[Matrix], count: int) -> list[int]:
    """Return the numbers of the candidates to look from, most telling first.

    Greedy: one after the other that pose is taken which lowers most the error that mounts and lenses leave at a point
    at working distance (the trace of the weighted covariance), errors of the tool's pose included.

    Args:
        rig: What is believed.
        candidates: X_base_tcp that can be reached.
        count: How many are wanted.
    """
    still = RigState(rig.X_base_target, rig.mounts, rig.lenses, np.zeros((1, 6)))
    predicted = {number: rig.predict(X) for number, X in enumerate(candidates)}
    told = {number: normal_equations(still, [view], rig.noise).H for number, view in predicted.items() if view.corners}
    weights, information = _weights(still), np.diag(1.0 / _prior(still) ** 2)
    chosen: list[int] = []
    for _ in range(min(count, len(candidates))):
        costs = {
            number: float(weights @ np.diag(np.linalg.inv(information + H)))
            for number, H in told.items()
            if number not in chosen
        }
        if not costs:
            break
        best = min(costs, key=lambda number: costs[number])
        chosen.append(best)
        information = information + told[best]
    return chosen


def _prior(state: RigState) -> Matrix:
    return np.concatenate([_TARGET_PRIOR, *([_MOUNT_PRIOR, _LENS_PRIOR] * len(state.mounts))])


def _weights(state: RigState) -> Matrix:
    """Return the square of how far an error of each kind moves a point at working distance, m per unit."""
    weights = np.zeros(state.size)
    for camera, lens in state.lenses.items():
        at, per_px = TARGET + (MOUNT + LENS) * list(state.mounts).index(camera), _WORK_DISTANCE_M / lens.values[0]
        ray = _MEAN_RAY
        scale = [1.0] * 3 + [_WORK_DISTANCE_M] * 3 + [ray * per_px] * 2 + [per_px] * 2 + [ray**3 * _WORK_DISTANCE_M]
        scale += [ray**2 * _WORK_DISTANCE_M] * 2
        weights[at : at + MOUNT + LENS] = np.square(scale)
    return weights
