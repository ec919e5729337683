"""Where to look from: few poses of the tool, near the way to the port, from which the fiducials tell most.

A candidate is judged by what it would add: the corners it would see are predicted, and the estimator's own update
turns them into the covariance at the port. So calibration, camera geometry and the estimate so far are all weighed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.camera import CameraIntrinsics
from cablecell.core.config.estimator import EstimatorSettings, LookSettings
from cablecell.core.fusion.board_state import BoardState, CameraRig, Look, wide_prior
from cablecell.core.fusion.board_update import update
from cablecell.core.geometry import adjoint, angle_between, exp_se3, interpolate_pose, invert_pose
from cablecell.core.perception.detection import Corners
from cablecell.core.perception.fiducials import Patch
from cablecell.core.perception.plug_edges import hull_sides, in_hull
from cablecell.core.perception.reprojection import project
from cablecell.ports import Region

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class LookPose:
    """A place to look from.

    Attributes:
        X_base_tcp: Pose of the tool, shape (4, 4).
        corners: Corners every camera should see there, fewest over the uncertainty of the board, by camera name.
        port_sigma_m: Standard deviation of the port's position (least certain direction) after this look and the
            ones before it, m.
    """

    X_base_tcp: Matrix
    corners: Mapping[str, int]
    port_sigma_m: float


_PALM_RADIUS_M, _PALM_Z_M = 0.04, (-0.16, -0.047)
"""The gripper's palm as a cylinder along z of `tcp`: what it hides is not looked for. Some 2 mm larger than it is."""
_SILHOUETTE_RADIUS_M = 0.0381


def palm_outline(radius_m: float = _PALM_RADIUS_M, corners: int = 16) -> Matrix:
    """Return points of the gripper's palm in `tcp` whose hull in an image hides what is behind, shape (n, 3), m."""
    angle = np.linspace(0.0, 2.0 * np.pi, corners, endpoint=False)
    ring = radius_m * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.vstack([np.column_stack([ring, np.full(len(ring), z)]) for z in _PALM_Z_M])


@dataclass(frozen=True)
class Viewer:
    """The cameras and what hides their view.

    Attributes:
        rig: Where the cameras sit, and how surely.
        intrinsics: By camera name; of cameras that are known.
        tool_outline: Points of the tool in `tcp`; their convex hull in an image hides what is behind, shape (n, 3), m.
        silhouette: The same without any margin: beside it the plug begins, of which often little is in sight.
    """

    rig: CameraRig
    intrinsics: Mapping[str, CameraIntrinsics]
    tool_outline: Matrix
    silhouette: Matrix = field(default_factory=lambda: palm_outline(_SILHOUETTE_RADIUS_M, 64))

    def visible(
        self, camera: str, X_base_tcp: Matrix, X_base_board: Matrix, patches: Sequence[Patch], settings: LookSettings
    ) -> Corners:
        """Return the corners a camera would see, at their ideal pixels; modules on the board hide nothing here."""
        intrinsics = self.intrinsics[camera]
        K = intrinsics.matrix()
        X_optical_tcp = invert_pose(self.rig.mounts[camera])
        X_optical_board = X_optical_tcp @ invert_pose(X_base_tcp) @ X_base_board
        points = np.vstack([patch.corners for patch in patches])
        groups = np.repeat(np.arange(len(patches)), [len(patch.corners) for patch in patches])
        in_camera = points @ X_optical_board[:3, :3].T + X_optical_board[:3, 3]
        ahead = in_camera[:, 2] > settings.min_depth_m
        ray = -in_camera / np.linalg.norm(in_camera, axis=1, keepdims=True)
        facing = ray @ X_optical_board[:3, 2] > np.cos(settings.max_incidence_rad)
        points, groups = points[ahead & facing], groups[ahead & facing]
        pixels, _ = project(points, X_optical_board, K)
        size = np.array([intrinsics.width, intrinsics.height]) - 1.0
        inside = np.all((pixels > settings.margin_px) & (pixels < size - settings.margin_px), axis=1)
        inside &= ~in_hull(self._hulls[camera], pixels, settings.margin_px)
        return Corners(0.0, camera, K, pixels[inside], points[inside], groups[inside])

    @cached_property
    def _hulls(self) -> dict[str, Matrix]:
        """What the tool hides in every image, as `hull_sides` returns it."""
        hulls = {}
        for camera, intrinsics in self.intrinsics.items():
            X_optical_tcp = invert_pose(self.rig.mounts[camera])
            hulls[camera] = hull_sides(project(self.tool_outline, X_optical_tcp, intrinsics.matrix())[0])
        return hulls


def choose_looks(
    viewer: Viewer,
    patches: Sequence[Patch],
    X_base_board: Matrix,
    X_board_port: Matrix,
    X_base_tcp_start: Matrix,
    X_base_tcp_goal: Matrix,
    *,
    settings: LookSettings | None = None,
    estimator: EstimatorSettings | None = None,
) -> list[LookPose]:
    """Return up to `max_looks` poses in the order of travel, the start pose first when it shows enough.

    Candidates are points of the straight way from start to goal, shifted and tilted a little. The start costs nothing
    and comes first where it shows enough. Then one after the other the candidate is taken that lowers (port sigma +
    price of the detour) most, until nothing lowers it by more than `min_gain_m`, but not before `min_looks` are found.

    Args:
        viewer: Cameras and tool.
        patches: The fiducials.
        X_base_board: Where the board is thought to be.
        X_board_port: The port of interest on the board.
        X_base_tcp_start: Pose of the tool now.
        X_base_tcp_goal: Pose of the tool in front of the port.
        settings: Candidates, price, limits.
        estimator: Sizes of the errors.

    Returns:
        Look poses; empty when no candidate shows `min_corners` for all board poses within the uncertainty.
    """
    settings = settings or LookSettings()
    estimator = estimator or EstimatorSettings()
    spread = _spread(X_base_board, settings)
    candidates = []
    for X in _candidates(X_base_tcp_start, X_base_tcp_goal, settings):
        seen = {name: viewer.visible(name, X, X_base_board, patches, settings) for name in viewer.rig.names}
        fewest = {
            name: min(len(viewer.visible(name, X, other, patches, settings).pixels) for other in spread)
            for name, corners in seen.items()
            if len(corners.pixels) >= settings.min_corners
        }
        useful = {name: corners for name, corners in seen.items() if fewest.get(name, 0) >= settings.min_corners}
        if useful:
            candidates.append((Look(0.0, X, useful), fewest))
    chosen: list[tuple[Look, Mapping[str, int]]] = []
    state = wide_prior(X_base_board, viewer.rig, 0.0)
    cost = np.inf
    if candidates and candidates[0][0].X_base_tcp is X_base_tcp_start:  # it is there already: this look is free
        chosen.append(candidates.pop(0))
        state = update(state, [chosen[0][0]], estimator).state
        cost = port_sigma(state, X_board_port)
    while len(chosen) < settings.max_looks and candidates:
        best = None
        for index, (look, _) in enumerate(candidates):
            after = update(state, [look], estimator).state
            sigma = port_sigma(after, X_board_port)
            way = [X_base_tcp_start, *(other.X_base_tcp for other, _ in chosen), look.X_base_tcp]
            price = sigma + settings.detour_price * _detour(way, X_base_tcp_goal, settings)
            if best is None or price < best[0]:
                best = (price, index, after)
        assert best is not None
        if len(chosen) >= settings.min_looks and cost - best[0] < settings.min_gain_m:
            break
        cost, state = best[0], best[2]
        chosen.append(candidates.pop(best[1]))
    return _in_order(chosen, viewer, X_base_board, X_board_port, X_base_tcp_start, estimator)


def port_sigma(state: BoardState, X_board_port: Matrix) -> float:
    """Return the standard deviation of a port's position along its least certain direction, m; layout exact."""
    A = adjoint(invert_pose(X_board_port))
    covariance = A @ state.board_covariance @ A.T
    return float(np.sqrt(np.linalg.eigvalsh(covariance[:3, :3])[-1]))


def _candidates(X_start: Matrix, X_goal: Matrix, settings: LookSettings) -> list[Matrix]:
    found = [X_start]
    shifts = (-settings.shift_m, 0.0, settings.shift_m)
    tilts = (-settings.tilt_rad, 0.0, settings.tilt_rad)
    for fraction in settings.way_fractions:
        X = interpolate_pose(X_start, X_goal, fraction)
        X[:3, :3] = X_start[:3, :3]
        for dx, dy, rx, ry in product(shifts, shifts, tilts, tilts):
            if (dx != 0.0) + (dy != 0.0) + (rx != 0.0) + (ry != 0.0) <= 2:
                found.append(X @ exp_se3(np.array([dx, dy, 0.0, rx, ry, 0.0])))
    return found


def _spread(X_base_board: Matrix, settings: LookSettings) -> list[Matrix]:
    steps = [np.zeros(6)]
    for axis, size in ((0, settings.board_sigma_m), (1, settings.board_sigma_m), (5, settings.board_sigma_rad)):
        for sign in (-2.0, 2.0):
            step = np.zeros(6)
            step[axis] = sign * size
            steps.append(step)
    return [X_base_board @ exp_se3(step) for step in steps]


def _detour(way: Sequence[Matrix], X_goal: Matrix, settings: LookSettings) -> float:
    legs = list(pairwise([*way, X_goal]))
    length = sum(float(np.linalg.norm(b[:3, 3] - a[:3, 3])) for a, b in legs)
    turn = sum(angle_between(a[:3, :3], b[:3, :3]) for a, b in legs)
    direct = float(np.linalg.norm(X_goal[:3, 3] - way[0][:3, 3]))
    return length - direct + settings.turn_length_m_per_rad * turn


def _in_order(
    chosen: list[tuple[Look, Mapping[str, int]]],
    viewer: Viewer,
    X_base_board: Matrix,
    X_board_port: Matrix,
    X_start: Matrix,
    estimator: EstimatorSettings,
) -> list[LookPose]:
    ordered = sorted(chosen, key=lambda item: float(np.linalg.norm(item[0].X_base_tcp[:3, 3] - X_start[:3, 3])))
    state = wide_prior(X_base_board, viewer.rig, 0.0)
    poses = []
    for look, fewest in ordered:
        state = update(state, [look], estimator).state
        poses.append(LookPose(look.X_base_tcp, fewest, port_sigma(state, X_board_port)))
    return poses


def fiducial_region(
    viewer: Viewer, camera: str, X_base_tcp: Matrix, X_base_board: Matrix, patches: Sequence[Patch], margin_px: int
) -> Region | None:
    """Return the part of an image that shows the fiducials, or None when it should show none.

    Rendering or transferring only this part saves most of the time of a look.

    Args:
        viewer: Cameras and tool.
        camera: Name of the camera.
        X_base_tcp: Pose of the tool.
        X_base_board: Where the board is thought to be.
        patches: The fiducials.
        margin_px: Added on all sides, for what is not exactly known.
    """
    intrinsics = viewer.intrinsics[camera]
    X_optical_board = invert_pose(X_base_tcp @ viewer.rig.mounts[camera]) @ X_base_board
    corners = viewer.visible(camera, X_base_tcp, X_base_board, patches, LookSettings(margin_px=0.0))
    if len(corners.pixels) == 0:
        return None
    # A corner needs the squares around it: one square more on every side.
    square = float(np.linalg.norm(patches[0].corners[1] - patches[0].corners[0]))
    depth = float(np.min((corners.points @ X_optical_board[:3, :3].T + X_optical_board[:3, 3])[:, 2]))
    reach = margin_px + 1.5 * square * intrinsics.fx / depth
    low = np.maximum(np.floor(corners.pixels.min(axis=0) - reach), 0.0).astype(int)
    high = np.minimum(np.ceil(corners.pixels.max(axis=0) + reach) + 1.0, (intrinsics.width, intrinsics.height))
    return Region(int(low[0]), int(low[1]), int(high[0]) - int(low[0]), int(high[1]) - int(low[1]))
