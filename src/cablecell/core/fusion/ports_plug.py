"""The plug in the gripper, estimated together with the cameras that see it, and the port relative to it.

What an insertion needs is the port in the frame of the plug's tip. A hand-eye error moves both in the images alike,
so board, mounts and plug share one covariance, and much of the error cancels in the difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.estimator import EstimatorSettings
from cablecell.core.config.plug_vision import PlugVisionSettings
from cablecell.core.fusion.board_state import BoardState, kinematics_covariance
from cablecell.core.geometry import adjoint, exp_se3, invert_pose, log_se3
from cablecell.core.perception.layout import NominalPort
from cablecell.core.perception.outcome import NoEstimate, Reason
from cablecell.core.perception.plug_edges import BodyBox, EdgePoints, edges_in_sight
from cablecell.core.perception.plug_fit import EdgeInformation, PlugImages, edge_information

Matrix = NDArray[np.float64]

_SCHEDULE = ((8.0, 1.5, 4, 4), (5.0, 1.0, 4, 2), (3.0, 0.8, 4, 1))  # then range px, blur px, iterations, survivors
_START_TURN = 1.3  # of the grasp's sigma: where further starts are
_INFLATION = 1.5  # of the shared error, over what the means of the edges show after the fit has absorbed some of it


@dataclass(frozen=True)
class _Search:
    range_px: float
    blur_px: float
    shared_px: float


@dataclass(frozen=True)
class PlugState:
    """Where the tip of the plug is in the tool, together with board and mounts.

    Attributes:
        X_tcp_tip: Pose of the tip in `tcp`, shape (4, 4).
        board: Board and mounts, after the plug was seen.
        covariance: Of the stacked right perturbations (board, mounts…, tip).
        sources: What the tip rests on.
    """

    X_tcp_tip: Matrix
    board: BoardState
    covariance: Matrix
    sources: tuple[str, ...]

    @property
    def is_seen(self) -> bool:
        """Whether cameras have seen the plug; by design alone otherwise."""
        return len(self.sources) > 1

    @property
    def tip_covariance(self) -> Matrix:
        """Covariance of the right perturbation of X_tcp_tip, shape (6, 6)."""
        return self.covariance[-6:, -6:]


@dataclass(frozen=True)
class PlugReport:
    """How the edges of the plug agree with the estimate, by camera."""

    cameras: Mapping[str, EdgeInformation]


def nominal_plug(X_tcp_tip: Matrix, board: BoardState, settings: PlugVisionSettings) -> PlugState:
    """Return the plug as it should have been gripped, with the grasp error as covariance.

    The error turns the plug about the point it is held at, the origin of `tcp`, and shifts it along the axes of `tcp`.
    """
    A = adjoint(invert_pose(X_tcp_tip))
    grasp = np.diag([settings.grasp_sigma_m**2] * 3 + [settings.grasp_sigma_rad**2] * 3)
    n = len(board.covariance)
    P = np.zeros((n + 6, n + 6))
    P[:n, :n] = board.covariance
    P[n:, n:] = A @ grasp @ A.T
    return PlugState(X_tcp_tip, board, P, ("nominal grasp",))


def see_plug(
    prior: PlugState,
    boxes: Sequence[BodyBox],
    images: Mapping[str, PlugImages],
    settings: PlugVisionSettings | None = None,
) -> tuple[PlugState, PlugReport] | NoEstimate:
    """Return the plug after looking at its edges with all cameras at once.

    Iterated extended Kalman filter over (board, mounts, tip) with a shrinking search range. The grasp before looking
    is the prior, so directions that no edge shows keep its uncertainty.

    Args:
        prior: Nominal grasp, or an earlier estimate.
        boxes: The plug, along the axes of its tip.
        images: By camera name; all with the plug held the same way.
        settings: Sizes of errors and gates.

    Returns:
        The state and how the edges agree, or `NoEstimate` (TOO_FEW_CORNERS, INCONSISTENT_VIEWS).
    """
    settings = settings or PlugVisionSettings()
    boxes = [box for box in boxes if float(box.size.min()) >= settings.min_part_m]
    shared_px = settings.shared_sigma_px
    problem = _Problem(prior, boxes, images, settings)
    search = _Search(settings.start_range_px, 1.5, shared_px)
    candidates = [(prior.board, X) for X in _starts(prior.X_tcp_tip, settings)]
    for range_px, blur_px, iterations, survivors in _SCHEDULE:
        candidates = [problem.refine(board, X_tip, search, iterations) for board, X_tip in candidates]
        search = _Search(range_px, blur_px, shared_px)
        costs = [problem.cost(board, X_tip, search) for board, X_tip in candidates]
        candidates = [candidates[index] for index in np.argsort(costs)[:survivors]]
    board, X_tip = candidates[0]
    board, X_tip = problem.refine(board, X_tip, search, 6)
    _, _, seen = problem.equations(board, X_tip, search)
    # Edges that still disagree say how far the model of shared errors was too small.
    means = [mean for edge in seen.values() for mean in edge.means_px]
    if means:
        search = replace(search, shared_px=max(shared_px, _INFLATION * float(np.sqrt(np.mean(np.square(means))))))
    H, _, seen = problem.equations(board, X_tip, search)
    doubt = _judge(seen, prior, X_tip, settings)
    if doubt is not None:
        return doubt
    P = np.linalg.inv(H + problem.information)
    cameras = ", ".join(name for name, edge in seen.items() if edge.samples)
    state = PlugState(X_tip, _with_covariance(board, P[:-6, :-6]), P, (*prior.sources, f"plug edges in {cameras}"))
    return state, PlugReport(seen)


def port_in_tip(
    plug: PlugState, X_base_tcp: Matrix, port: NominalPort, settings: EstimatorSettings
) -> tuple[Matrix, Matrix]:
    """Return the port's mouth in the frame of the plug's tip, and the covariance of its right perturbation.

    X_tip_entrance = X_tip_tcp X_tcp_base X_base_board X_board_entrance. Board and tip are correlated through the
    mounts of the cameras that saw both; the arm stands where it is sent with the error of its kinematics.

    Args:
        plug: Plug, board and mounts.
        X_base_tcp: Pose of the tool for which the difference is wanted, shape (4, 4).
        port: The port as designed.
        settings: Tolerance of the layout.
    """
    X_tip_board = invert_pose(X_base_tcp @ plug.X_tcp_tip) @ plug.board.X_base_board
    X_tip_entrance = X_tip_board @ port.X_board_entrance
    n = len(plug.covariance)
    M = np.zeros((6, n))
    M[:, :6] = adjoint(invert_pose(port.X_board_entrance))
    M[:, -6:] = -adjoint(invert_pose(X_tip_entrance))
    N = -adjoint(invert_pose(plug.X_tcp_tip @ X_tip_entrance))
    tolerance = np.diag([settings.layout_sigma_m**2] * 3 + [settings.layout_sigma_rad**2] * 3)
    kinematics = N @ kinematics_covariance(settings) @ N.T
    return X_tip_entrance, M @ plug.covariance @ M.T + tolerance + kinematics


class _Problem:
    """The least squares problem of one call of `see_plug`."""

    def __init__(
        self,
        prior: PlugState,
        boxes: Sequence[BodyBox],
        images: Mapping[str, PlugImages],
        settings: PlugVisionSettings,
    ) -> None:
        self._prior, self._boxes, self._images, self._settings = prior, boxes, images, settings
        self.information = np.linalg.inv(prior.covariance)

    def refine(
        self, board: BoardState, X_tcp_tip: Matrix, search: _Search, iterations: int
    ) -> tuple[BoardState, Matrix]:
        sights = {}
        for camera, taken in self._images.items():
            X_optical_tip = invert_pose(board.mounts[camera]) @ X_tcp_tip
            sights[camera] = edges_in_sight(self._boxes, X_optical_tip, taken.frames[0].K)
        for _ in range(iterations):
            H, g, _ = self.equations(board, X_tcp_tip, search, sights)
            g = g - self.information @ self._deviation(board, X_tcp_tip)
            step = np.asarray(np.linalg.solve(H + self.information, g), dtype=np.float64)
            board, X_tcp_tip = board.moved(step[:-6]), X_tcp_tip @ exp_se3(step[-6:])
        return board, X_tcp_tip

    def cost(self, board: BoardState, X_tcp_tip: Matrix, search: _Search) -> float:
        _, _, seen = self.equations(board, X_tcp_tip, search)
        deviation = self._deviation(board, X_tcp_tip)
        return sum(edge.cost for edge in seen.values()) + float(deviation @ self.information @ deviation)

    def equations(
        self, board: BoardState, X_tcp_tip: Matrix, search: _Search, sights: Mapping[str, EdgePoints] | None = None
    ) -> tuple[Matrix, Matrix, dict[str, EdgeInformation]]:
        """Return the normal equations at a pose; `sights` are the edges that face each camera there or near by."""
        n = len(self.information)
        H, g = np.zeros((n, n)), np.zeros(n)
        seen = {}
        for camera, taken in self._images.items():
            X_optical_tip = invert_pose(board.mounts[camera]) @ X_tcp_tip
            edge = edge_information(
                taken,
                self._boxes,
                X_optical_tip,
                self._settings,
                range_px=search.range_px,
                blur_px=search.blur_px,
                shared_px=search.shared_px,
                sight=None if sights is None else sights[camera],
            )
            M = np.zeros((6, n))
            M[:, -6:] = np.eye(6)
            column = 6 + 6 * list(board.mounts).index(camera)
            M[:, column : column + 6] = -adjoint(invert_pose(X_optical_tip))
            H += M.T @ edge.H @ M
            g += M.T @ edge.g
            seen[camera] = edge
        return H, g, seen

    def _deviation(self, board: BoardState, X_tcp_tip: Matrix) -> Matrix:
        tip = log_se3(invert_pose(self._prior.X_tcp_tip) @ X_tcp_tip)
        return np.concatenate([board.difference(self._prior.board), tip])


def _starts(X_tcp_tip: Matrix, settings: PlugVisionSettings) -> list[Matrix]:
    """Return the grasp before looking, and turned about each axis of `tcp`: neighbouring edges are easily confused."""
    turn = _START_TURN * settings.grasp_sigma_rad
    steps = [np.zeros(6)] + [sign * turn * np.eye(6)[axis] for axis in (3, 4, 5) for sign in (-1.0, 1.0)]
    return [exp_se3(step) @ X_tcp_tip for step in steps]


def _judge(
    seen: Mapping[str, EdgeInformation], prior: PlugState, X_tcp_tip: Matrix, settings: PlugVisionSettings
) -> NoEstimate | None:
    useful = [edge for edge in seen.values() if edge.edges >= 2]
    edges = sum(edge.edges for edge in useful)
    if len(useful) < settings.min_cameras or edges < settings.min_edges:
        return NoEstimate(
            Reason.TOO_FEW_CORNERS,
            f"{edges} edges of the plug in {len(useful)} cameras, at least {settings.min_edges} in "
            f"{settings.min_cameras} are needed",
        )
    share = float(np.average([edge.inlier_share for edge in useful], weights=[edge.samples for edge in useful]))
    if share < settings.min_inlier_share:
        return NoEstimate(
            Reason.INCONSISTENT_VIEWS,
            f"{share:.2f} of the plug's edge samples are where the plug would have them, "
            f"limit {settings.min_inlier_share:.2f}",
        )
    worst = max(edge.rms_px for edge in useful)
    if worst > settings.max_rms_px:
        return NoEstimate(
            Reason.REPROJECTION_TOO_HIGH,
            f"the edges of the plug are {worst:.2f} px (rms) off in one camera, limit {settings.max_rms_px:.2f} px",
        )
    step = log_se3(invert_pose(prior.X_tcp_tip) @ X_tcp_tip)
    distance = float(step @ np.linalg.solve(prior.tip_covariance, step))
    if distance > settings.gate_chi2:
        return NoEstimate(
            Reason.INCONSISTENT_VIEWS,
            f"the plug would sit at a squared Mahalanobis distance of {distance:.1f} from the grasp, "
            f"limit {settings.gate_chi2:.1f}",
        )
    return None


def _with_covariance(board: BoardState, covariance: Matrix) -> BoardState:
    return BoardState(board.stamp_s, board.X_base_board, board.mounts, covariance, board.looks, board.seen_s)
