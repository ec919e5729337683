"""The board estimator: looks go in one after the other, a pose with honest covariance or a reason comes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.estimator import EstimatorSettings
from cablecell.core.fusion.board_state import BoardState, CameraRig, Look, carried, drifted, wide_prior
from cablecell.core.fusion.board_update import Solution, innovation, update
from cablecell.core.geometry import angle_between, invert_pose, log_se3
from cablecell.core.perception.initial_pose import candidate_poses
from cablecell.core.perception.outcome import NoEstimate, Reason

Matrix = NDArray[np.float64]


class Use(Enum):
    """What became of a look."""

    STARTED = "started"
    FUSED = "fused"
    CONFIRMED = "confirmed"  # from a place already looked from: agrees, adds nothing
    REJECTED = "rejected"
    MOVED = "moved"  # rejected once too often: the estimate is dropped


@dataclass(frozen=True)
class LookReport:
    """What the estimator made of one look.

    Attributes:
        use: What became of the look.
        distances: Squared Mahalanobis distance (6 dof) of every image from the prediction; empty for a first look.
        rejected: Cameras whose images were not used.
        problem: Why the look was rejected, or None.
    """

    use: Use
    distances: dict[str, float]
    rejected: tuple[str, ...] = ()
    problem: NoEstimate | None = None


@dataclass(frozen=True)
class ExpectedBoard:
    """Where the board is put, roughly; an estimate elsewhere is not believed.

    The wrist cameras are arranged so evenly that swapped streams can agree with each other on a board turned by 60
    degrees. Nothing in the images tells; this does.

    Attributes:
        X_base_board: Nominal pose, shape (4, 4).
        radius_m: Largest believable distance of the board's origin from there, m.
        turn_rad: Largest believable rotation against it, rad.
        sigma_m: Standard deviation of its place before it is seen, m.
        sigma_rad: Likewise of its turn, rad.
    """

    X_base_board: Matrix
    radius_m: float
    turn_rad: float
    sigma_m: float = 0.03
    sigma_rad: float = 0.1

    def problem(self, X_base_board: Matrix) -> NoEstimate | None:
        """Return why a pose is not believed, or None."""
        distance = float(np.linalg.norm(X_base_board[:3, 3] - self.X_base_board[:3, 3]))
        turn = angle_between(self.X_base_board[:3, :3], X_base_board[:3, :3])
        if distance <= self.radius_m and turn <= self.turn_rad:
            return None
        return NoEstimate(
            Reason.UNEXPECTED_POSE,
            f"the board would be {distance:.3f} m and {turn:.3f} rad from where it is put, "
            f"limits {self.radius_m:.3f} m and {self.turn_rad:.3f} rad",
        )


class BoardEstimator:
    """Estimates X_base_board and the camera mounts from looks at the fiducials.

    No clock, no memory of images: the caller says what was seen from where and when. Images that contradict the
    estimate are gated out one by one. When whole looks keep contradicting it, the board has moved (or a camera has
    been knocked): the estimate is dropped rather than dragged along, and the next look starts afresh.
    """

    def __init__(
        self, rig: CameraRig, settings: EstimatorSettings | None = None, expected: ExpectedBoard | None = None
    ) -> None:
        """Start without an estimate.

        Args:
            rig: Where the cameras sit, and how surely.
            settings: Sizes of errors and gates.
            expected: Where the board is put, where that is known.
        """
        self._rig = rig
        self._expected = expected
        self._settings = settings or EstimatorSettings()
        self._state: BoardState | None = None
        self._views: list[Matrix] = []
        self._rejections = 0

    def reset(self) -> None:
        """Forget the board and everything learnt about the mounts."""
        self._state = None
        self._views.clear()
        self._rejections = 0

    def add(self, look: Look) -> LookReport:
        """Take in one look.

        Raises:
            ValueError: A camera of the look is not on the rig.
        """
        for camera in look.corners:
            if camera not in self._rig.mounts:
                raise ValueError(f"camera '{camera}' is not on the rig; it has {', '.join(self._rig.names)}")
        if not look.corners:
            return self._reject({}, (), NoEstimate(Reason.NOTHING_SEEN, "no camera saw a corner of the board"))
        if self._state is None:
            return self._start(look)
        return self._continue(self._state, look)

    def put(self, state: BoardState) -> None:
        """Replace the estimate by one that knows more: what else the images of the last look have shown."""
        self._state = state

    def estimate(self, now_s: float) -> BoardState | NoEstimate:
        """Return the estimate at a time, or why there is none (NOTHING_SEEN, STALE)."""
        state = self._state  # once: another thread may look meanwhile
        if state is None:
            return NoEstimate(Reason.NOTHING_SEEN, "no look has shown the board yet")
        age = now_s - state.seen_s
        if age > self._settings.max_age_s:
            limit = self._settings.max_age_s
            return NoEstimate(Reason.STALE, f"the board was last seen {age:.1f} s ago, the limit is {limit:.1f} s")
        return drifted(state, now_s, self._settings)

    def _start(self, look: Look) -> LookReport:
        result = self._solve(look)
        if isinstance(result, NoEstimate) and len(look.corners) > 2:
            # One bad camera among three can be told from the other two; one among two cannot.
            for camera in look.corners:
                fewer = replace(look, corners={name: c for name, c in look.corners.items() if name != camera})
                without = self._solve(fewer)
                if isinstance(without, Solution):
                    return self._accept(without.state, look, Use.STARTED, {}, (camera,))
        if isinstance(result, NoEstimate):
            return self._reject({}, tuple(look.corners), result)
        return self._accept(result.state, look, Use.STARTED, {}, ())

    def _solve(self, look: Look) -> Solution | NoEstimate:
        known = [] if self._expected is None else [self._expected.X_base_board]
        result = solve_look(look, self._rig, self._settings, known)
        if isinstance(result, NoEstimate) or self._expected is None:
            return result
        return self._expected.problem(result.state.X_base_board) or result

    def _continue(self, state: BoardState, look: Look) -> LookReport:
        settings = self._settings
        known = drifted(state, look.stamp_s, settings)
        prior = carried(known, self._views[-1], look.X_base_tcp, settings)
        distances = {camera: innovation(prior, look, camera, settings) for camera in look.corners}
        good = {name: c for name, c in look.corners.items() if distances[name] <= settings.gate_chi2}
        rejected = tuple(name for name in look.corners if name not in good)
        if not good:
            nearest = min(distances.values())
            problem = NoEstimate(
                Reason.INCONSISTENT_VIEWS,
                f"every image contradicts the estimate: smallest squared Mahalanobis distance {nearest:.1f}, "
                f"limit {settings.gate_chi2:.1f}",
            )
            return self._reject(distances, rejected, problem)
        if self.is_known_view(look.X_base_tcp):
            self._rejections = 0
            self._state = replace(known, seen_s=max(known.seen_s, look.stamp_s))
            return LookReport(Use.CONFIRMED, distances, rejected)
        solution = update(prior, [replace(look, corners=good)], settings)
        problem_or_none = judge(solution, settings)
        if problem_or_none is not None:
            return self._reject(distances, tuple(look.corners), problem_or_none)
        return self._accept(solution.state, look, Use.FUSED, distances, rejected)

    def _accept(
        self, state: BoardState, look: Look, use: Use, distances: dict[str, float], rejected: tuple[str, ...]
    ) -> LookReport:
        self._state = replace(state, stamp_s=max(state.stamp_s, look.stamp_s))
        self._views.append(look.X_base_tcp)
        self._rejections = 0
        return LookReport(use, distances, rejected)

    def _reject(self, distances: dict[str, float], rejected: tuple[str, ...], problem: NoEstimate) -> LookReport:
        if problem.reason is not Reason.NOTHING_SEEN:
            self._rejections += 1
        if self._state is not None and self._rejections >= self._settings.max_rejections:
            self.reset()
            return LookReport(Use.MOVED, distances, rejected, problem)
        return LookReport(Use.REJECTED, distances, rejected, problem)

    def is_known_view(self, X_base_tcp: Matrix) -> bool:
        """Return whether a look was taken from so near a pose that another one from there adds nothing."""
        for view in self._views:
            step = log_se3(invert_pose(view) @ X_base_tcp)
            is_near = float(np.linalg.norm(step[:3])) < self._settings.same_view_m
            if is_near and float(np.linalg.norm(step[3:])) < self._settings.same_view_rad:
                return True
        return False


_ALIKE = 3.0
"""Solutions whose costs, half of a chi-square, differ by less are not told apart by the images."""


def solve_look(
    look: Look, rig: CameraRig, settings: EstimatorSettings, known_starts: Sequence[Matrix] = ()
) -> Solution | NoEstimate:
    """Return the estimate from one look alone.

    Every pose that a single image suggests is tried as a start, upside-down ones excepted, and the solution that
    explains all images best wins. A flat target far away has two poses that look almost alike: of solutions that the
    images do not tell apart, the one wins in which the board lies flattest. Images that show the corners of one line
    only suggest no pose; together they may still determine it, from a start that is known otherwise.

    Args:
        look: What was seen.
        rig: Where the cameras sit, and how surely.
        settings: Sizes of errors and gates.
        known_starts: Further poses X_base_board to start from.
    """
    starts = list(known_starts)
    for camera, corners in look.corners.items():
        X_base_optical = look.X_base_tcp @ rig.mounts[camera]
        starts += [X_base_optical @ X for X in candidate_poses(corners)]
    upright = [X for X in starts if _tilt(X) < 0.5 * np.pi]
    if not upright:
        return NoEstimate(Reason.DEGENERATE_CORNERS, "the corners lie on a line or show no pose with the board face up")
    solutions = []
    for X in upright:
        prior = wide_prior(X, rig, look.stamp_s)
        solutions.append(update(prior, [look], settings))
    least = min(solution.cost for solution in solutions)
    best = min(
        (solution for solution in solutions if solution.cost <= least + _ALIKE),
        key=lambda solution: _tilt(solution.state.X_base_board),
    )
    return judge(best, settings) or judge_mounts(best.state, look, rig, settings) or best


def judge(solution: Solution, settings: EstimatorSettings) -> NoEstimate | None:
    """Return why a solution must not be believed, or None."""
    if not solution.has_converged:
        return NoEstimate(Reason.NOT_CONVERGED, "the refinement of the board's pose did not come to rest")
    tilt = _tilt(solution.state.X_base_board)
    if tilt > settings.max_tilt_rad:
        limit = settings.max_tilt_rad
        return NoEstimate(
            Reason.REPROJECTION_TOO_HIGH, f"the board would tilt by {tilt:.3f} rad, limit {limit:.3f} rad"
        )
    worst = max(solution.images, key=lambda image: image.rms_px)
    if worst.rms_px > settings.max_rms_px:
        return NoEstimate(
            Reason.REPROJECTION_TOO_HIGH,
            f"reprojection error of {worst.camera} is {worst.rms_px:.2f} px, limit {settings.max_rms_px:.2f} px",
        )
    fewest = min(solution.images, key=lambda image: image.inlier_share)
    if fewest.inlier_share < settings.min_inlier_share:
        return NoEstimate(
            Reason.INCONSISTENT_VIEWS,
            f"only {fewest.inlier_share:.2f} of the corners of {fewest.camera} agree with the other images, "
            f"limit {settings.min_inlier_share:.2f}",
        )
    return None


def judge_mounts(state: BoardState, look: Look, rig: CameraRig, settings: EstimatorSettings) -> NoEstimate | None:
    """Return why cameras cannot sit where a solution from one look has moved them, or None.

    A camera that contradicts the others can be reconciled with them by moving its mount far enough.
    """
    step = state.difference(replace(state, mounts=dict(rig.mounts)))[6:]
    distance = float(step @ np.linalg.solve(rig.covariance, step))
    limit = settings.gate_chi2 * len(look.corners)
    if distance <= limit:
        return None
    return NoEstimate(
        Reason.INCONSISTENT_VIEWS,
        f"the images agree only with cameras moved by a squared Mahalanobis distance of {distance:.1f} from their "
        f"calibration, limit {limit:.1f}",
    )


def _tilt(X_base_board: Matrix) -> float:
    return float(np.arccos(np.clip(X_base_board[2, 2], -1.0, 1.0)))
