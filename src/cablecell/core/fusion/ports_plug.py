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
from cablecell.core.fusion.ports import PortOnBoard
from cablecell.core.geometry import adjoint, exp_se3, invert_pose, log_se3
from cablecell.core.perception.outcome import NoEstimate, Reason
from cablecell.core.perception.plug_body import PlugBody
from cablecell.core.perception.plug_edges import EdgePoints, edges_in_sight
from cablecell.core.perception.plug_fit import EdgeInformation, PlugImages, edge_information

Matrix = NDArray[np.float64]

_START = 1.3  # of the grasp's sigma: where further starts are
_SAME_M, _SAME_RAD = 0.0004, 0.01  # fits that are nearer to each other are one
_INFLATION = 1.2  # of the shared error, over what the means of the edges show after the fit has absorbed some of it
_ITERATIONS, _LAST_ITERATIONS = 4, 6


_Fit = tuple[float, BoardState, Matrix]
"""Cost, board, X_tcp_tip."""


@dataclass(frozen=True)
class _Search:
    """How edges are looked for.

    Attributes:
        range_px: To either side of the prediction.
        blur_px: Smoothing before.
        step_px: Distance of samples along an edge.
        survivors: How many places that fit best when edges are looked for like this are followed.
    """

    range_px: float
    blur_px: float
    step_px: float
    survivors: int


_SEARCHES = (_Search(8.0, 1.5, 4.0, 4), _Search(5.0, 1.0, 2.0, 3), _Search(3.0, 0.8, 2.0, 2))
"""After the first one, from every start."""


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
    return _unrelated(X_tcp_tip, board, A @ grasp @ A.T, ("nominal grasp",))


def seen_before(earlier: PlugState, board: BoardState) -> PlugState:
    """Return the plug as an earlier look saw it, with what is known of the board now.

    What that look's errors of tip and mounts have in common is given up: the port seen from the tip is less sure.
    """
    return _unrelated(earlier.X_tcp_tip, board, earlier.tip_covariance, earlier.sources)


def _unrelated(X_tcp_tip: Matrix, board: BoardState, tip_covariance: Matrix, sources: tuple[str, ...]) -> PlugState:
    """Return a plug whose errors have nothing in common with those of board and mounts."""
    n = len(board.covariance)
    P = np.zeros((n + 6, n + 6))
    P[:n, :n], P[n:, n:] = board.covariance, tip_covariance
    return PlugState(X_tcp_tip, board, P, sources)


def see_plug(
    prior: PlugState,
    body: PlugBody,
    images: Mapping[str, PlugImages],
    settings: PlugVisionSettings | None = None,
    *,
    near: Matrix | None = None,
) -> tuple[PlugState, PlugReport] | NoEstimate:
    """Return the plug after looking at its edges with all cameras at once.

    Iterated extended Kalman filter over (board, mounts, tip) with a shrinking search range. The grasp before looking
    is the prior, so directions that no edge shows keep its uncertainty.

    Args:
        prior: Nominal grasp, or an earlier estimate.
        body: The plug, along the axes of its tip.
        images: By camera name; all with the plug held the same way.
        settings: Sizes of errors and gates.
        near: X_tcp_tip as found in earlier images of the same grasp: the plug is looked for there only, which takes a
            tenth of the time, shape (4, 4).

    Returns:
        The state and how the edges agree, or `NoEstimate` (TOO_FEW_CORNERS, INCONSISTENT_VIEWS).
    """
    settings = settings or PlugVisionSettings()
    problem = _Problem(prior, body, images, settings)
    fits = _places(problem, prior, settings) if near is None else problem.followed(prior.board, near)
    last = _SEARCHES[-1]
    _, board, X_tip = fits[0]
    board, X_tip = problem.refine(board, X_tip, last, _LAST_ITERATIONS)
    _, _, seen = problem.equations(board, X_tip, last)
    # Edges that still disagree say how far the model of shared errors was too small.
    means = np.vstack([edge.means for edge in seen.values()])
    if len(means):
        off = float(np.sqrt(np.average(means[:, 0] ** 2, weights=means[:, 2])))
        problem.shared_px = max(problem.shared_px, _INFLATION * off)
    H, _, seen = problem.equations(board, X_tip, last)
    P = np.linalg.inv(H + problem.information)
    doubt = _judge(seen, prior, X_tip, settings) or _outside_gripper(prior, X_tip, P[-6:, -6:], settings)
    if doubt is None and len(fits) > 1:
        doubt = _rivals(fits[0], fits[1], seen, settings)
    if doubt is not None:
        return doubt
    cameras = ", ".join(name for name, edge in seen.items() if edge.samples)
    state = PlugState(X_tip, _with_covariance(board, P[:-6, :-6]), P, (*prior.sources, f"plug edges in {cameras}"))
    return state, PlugReport(seen)


def _places(problem: _Problem, prior: PlugState, settings: PlugVisionSettings) -> list[_Fit]:
    """Return where the plug fits best, looked for all over the tolerance of the grasp; the best first."""
    search = _Search(settings.start_range_px, 1.5, 4.0, 0)
    candidates = [(prior.board, X) for X in _starts(prior.X_tcp_tip, settings)]
    fits: list[_Fit] = []
    for following in _SEARCHES:
        candidates = [problem.refine(board, X_tip, search, _ITERATIONS) for board, X_tip in candidates]
        search = following
        fits = [(problem.cost(board, X_tip, search), board, X_tip) for board, X_tip in candidates]
        fits = problem.different(sorted(fits, key=lambda fit: fit[0]))[: search.survivors]
        candidates = [(board, X_tip) for _, board, X_tip in fits]
    return fits


def port_in_tip(
    plug: PlugState, X_base_tcp: Matrix, place: PortOnBoard, settings: EstimatorSettings
) -> tuple[Matrix, Matrix]:
    """Return the port's mouth in the frame of the plug's tip, and the covariance of its right perturbation.

    X_tip_entrance = X_tip_tcp X_tcp_base X_base_board X_board_entrance. Board, module and tip are correlated through
    the mounts of the cameras that saw them; the arm stands where it is sent with the error of its kinematics.

    Args:
        plug: Plug, board and mounts.
        X_base_tcp: Pose of the tool for which the difference is wanted, shape (4, 4).
        place: The port on the board of that state.
        settings: Error of kinematics.
    """
    X_tip_board = invert_pose(X_base_tcp @ plug.X_tcp_tip) @ plug.board.X_base_board
    X_tip_entrance = X_tip_board @ place.X_board_entrance
    M = np.hstack([place.M, -adjoint(invert_pose(X_tip_entrance))])
    N = -adjoint(invert_pose(plug.X_tcp_tip @ X_tip_entrance))
    kinematics = N @ kinematics_covariance(settings) @ N.T
    return X_tip_entrance, M @ plug.covariance @ M.T + place.tolerance + kinematics


class _Problem:
    """The least squares problem of one call of `see_plug`."""

    def __init__(
        self,
        prior: PlugState,
        body: PlugBody,
        images: Mapping[str, PlugImages],
        settings: PlugVisionSettings,
    ) -> None:
        self._prior, self._body, self._images, self._settings = prior, body, images, settings
        self.information = np.linalg.inv(prior.covariance)
        self.shared_px = settings.shared_sigma_px

    def refine(
        self, board: BoardState, X_tcp_tip: Matrix, search: _Search, iterations: int
    ) -> tuple[BoardState, Matrix]:
        sights = self._sights(board, X_tcp_tip, search)
        for _ in range(iterations):
            H, g, _ = self.equations(board, X_tcp_tip, search, sights)
            g = g - self.information @ self._deviation(board, X_tcp_tip)
            step = np.asarray(np.linalg.solve(H + self.information, g), dtype=np.float64)
            board, X_tcp_tip = board.moved(step[:-6]), X_tcp_tip @ exp_se3(step[-6:])
        return board, X_tcp_tip

    def followed(self, board: BoardState, X_tcp_tip: Matrix) -> list[_Fit]:
        """Return the one place near a pose."""
        search = _SEARCHES[-2]
        board, X_tcp_tip = self.refine(board, X_tcp_tip, search, _ITERATIONS)
        return [(self.cost(board, X_tcp_tip, _SEARCHES[-1]), board, X_tcp_tip)]

    def cost(self, board: BoardState, X_tcp_tip: Matrix, search: _Search) -> float:
        _, _, seen = self.equations(board, X_tcp_tip, search)
        deviation = self._deviation(board, X_tcp_tip)
        return sum(edge.cost for edge in seen.values()) + float(deviation @ self.information @ deviation)

    def equations(
        self, board: BoardState, X_tcp_tip: Matrix, search: _Search, sights: Mapping[str, EdgePoints] | None = None
    ) -> tuple[Matrix, Matrix, dict[str, EdgeInformation]]:
        """Return the normal equations at a pose; `sights` are the edges that face each camera there or near by."""
        sights = sights or self._sights(board, X_tcp_tip, search)
        n = len(self.information)
        H, g = np.zeros((n, n)), np.zeros(n)
        seen = {}
        for camera, taken in self._images.items():
            X_optical_tip = invert_pose(board.mounts[camera]) @ X_tcp_tip
            edge = edge_information(
                taken,
                X_optical_tip,
                sights[camera],
                self._settings,
                range_px=search.range_px,
                blur_px=search.blur_px,
                shared_px=self.shared_px,
            )
            # Only the mount of this camera and the tip matter to what it sees.
            M = np.hstack([-adjoint(invert_pose(X_optical_tip)), np.eye(6)])
            mount, tip = board.mount_block(camera), slice(n - 6, n)
            block = M.T @ edge.H @ M
            H[mount, mount] += block[:6, :6]
            H[mount, tip] += block[:6, 6:]
            H[tip, mount] += block[6:, :6]
            H[tip, tip] += block[6:, 6:]
            step = M.T @ edge.g
            g[mount] += step[:6]
            g[tip] += step[6:]
            seen[camera] = edge
        return H, g, seen

    def different(self, fits: Sequence[_Fit]) -> list[_Fit]:
        """Return fits without those that are nearly the same as an earlier one.

        A pin that is turned about its axis looks the same and goes into its bore as well.
        """
        turns = slice(3, 5) if self._body.pin is not None else slice(3, 6)
        kept: list[_Fit] = []
        for fit in fits:
            steps = [log_se3(invert_pose(other[2]) @ fit[2]) for other in kept]
            if all(np.linalg.norm(step[:3]) > _SAME_M or np.linalg.norm(step[turns]) > _SAME_RAD for step in steps):
                kept.append(fit)
        return kept

    def _sights(self, board: BoardState, X_tcp_tip: Matrix, search: _Search) -> dict[str, EdgePoints]:
        """Return the edges that face each camera."""
        return {
            camera: edges_in_sight(
                self._body,
                invert_pose(board.mounts[camera]) @ X_tcp_tip,
                taken.frames[-1].K,
                step_px=search.step_px,
                min_part_m=self._settings.min_part_m,
            )
            for camera, taken in self._images.items()
        }

    def _deviation(self, board: BoardState, X_tcp_tip: Matrix) -> Matrix:
        tip = log_se3(invert_pose(self._prior.X_tcp_tip) @ X_tcp_tip)
        return np.concatenate([board.difference(self._prior.board), tip])


def _starts(X_tcp_tip: Matrix, settings: PlugVisionSettings) -> list[Matrix]:
    """Return the grasp before looking, shifted along the plug, and turned about each axis of `tcp`.

    Neighbouring edges are easily confused, and so is the end of the plug with what lies behind it.
    """
    shift, turn = _START * settings.grasp_sigma_m, _START * settings.grasp_sigma_rad
    turned = [exp_se3(sign * turn * np.eye(6)[axis]) @ X_tcp_tip for axis in (3, 4, 5) for sign in (-1.0, 1.0)]
    shifted = [X_tcp_tip @ exp_se3(sign * shift * np.eye(6)[2]) for sign in (-1.0, 1.0)]
    return [X_tcp_tip, *shifted, *turned]


def _outside_gripper(
    prior: PlugState, X_tcp_tip: Matrix, covariance: Matrix, settings: PlugVisionSettings
) -> NoEstimate | None:
    """Say so when a plug sits where the gripper cannot hold it, even for the worst of the measurement's errors."""
    step = log_se3(X_tcp_tip @ invert_pose(prior.X_tcp_tip))
    A = adjoint(X_tcp_tip)
    in_tcp = A @ covariance @ A.T
    for part, limit, unit in (
        (slice(0, 3), settings.grasp_limit_m, "m"),
        (slice(3, 6), settings.grasp_limit_rad, "rad"),
    ):
        off = float(np.linalg.norm(step[part]))
        allowed = limit + settings.grasp_limit_sigmas * float(np.sqrt(np.linalg.eigvalsh(in_tcp[part, part])[-1]))
        if off > allowed:
            return NoEstimate(
                Reason.INCONSISTENT_VIEWS,
                f"the plug would sit {off:.4f} {unit} from where it was gripped by design, the gripper holds it "
                f"within {limit:.4f} {unit}, with the error of the measurement {allowed:.4f} {unit}",
            )
    return None


def _rivals(
    best: _Fit, second: _Fit, seen: Mapping[str, EdgeInformation], settings: PlugVisionSettings
) -> NoEstimate | None:
    """Say so when the edges fit nearly as well at another place."""
    asked = sum(edge.asked for edge in seen.values())
    margin = (second[0] - best[0]) / max(asked, 1)
    if margin >= settings.min_margin:
        return None
    step = log_se3(invert_pose(best[2]) @ second[2])
    return NoEstimate(
        Reason.INCONSISTENT_VIEWS,
        f"the plug fits nearly as well {np.linalg.norm(step[:3]):.4f} m and {np.linalg.norm(step[3:]):.3f} rad away: "
        f"worse by {margin:.2f} per sample, at least {settings.min_margin:.2f} is needed",
    )


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
    fitting = round(sum(edge.inlier_share * edge.asked for edge in useful))
    if fitting < settings.min_samples:
        return NoEstimate(
            Reason.TOO_FEW_CORNERS,
            f"{fitting} samples are where the plug's edges would be, at least {settings.min_samples} are needed",
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
    return replace(board, covariance=covariance)
