"""Drift watch: has the board been moved, the camera mount or one camera been knocked, or the tip's place changed?

Board, mounts and the mean tip are one state x with a prior. Every look gives the pose of the board in every camera that
saw it, e = M x + noise, errors of the arm's pose shared by its cameras; every grasp may give the tip in the tool, and
every plug that was seated says where a port is without any camera: board, mounts and tip have to agree with it. A
change d of one part from look s on adds M E d for the looks after it, E saying which part. For every part and every s
the generalised likelihood ratio against no change is a closed form of sums kept over the looks. The likeliest part and
look are the alarm, with d and its covariance; explanations hardly less likely are named, because one look cannot tell a
moved board from a moved mount.

Source:
    Willsky, Jones 1976, "A generalized likelihood ratio approach to the detection and estimation of jumps in linear
    systems"; Basseville, Nikiforov 1993, "Detection of abrupt changes", section 7.2.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.drift import DriftSettings
from cablecell.core.errors import WorkcellError
from cablecell.core.fusion.board_state import CameraRig
from cablecell.core.geometry import adjoint, exp_se3, invert_pose, log_se3

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

BOARD, MOUNT, TIP = "board", "camera mount", "tip of the plug"


class DriftError(WorkcellError):
    """Something that should stay where it is has changed, of which there is no class."""

    code = 594


class BoardMovedError(DriftError):
    """The task board was moved."""

    code = 595


class MountKnockedError(DriftError):
    """All cameras moved together against the tool."""

    code = 596


class CameraKnockedError(DriftError):
    """One camera moved against the tool."""

    code = 597


class TipOffsetError(DriftError):
    """Plugs are held elsewhere than before: gripper or fingers changed."""

    code = 598


@dataclass(frozen=True)
class SeenPose:
    """A measured pose.

    Attributes:
        X: The pose, shape (4, 4).
        covariance: Of its right perturbation (v, w), shape (6, 6).
    """

    X: Matrix
    covariance: Matrix


@dataclass(frozen=True)
class FeltSeat:
    """A plug at the stop of its port: the tip is where the seat is.

    Attributes:
        X_base_tcp: Reported pose of the tool, shape (4, 4).
        X_tcp_tip: Believed tip, shape (4, 4).
        X_board_seat: Where the board has the tip of a seated plug, shape (4, 4).
        covariance: Of the tip against the seat in axes of the tip, shape (6, 6): room in the port, error of the port on
            the board, and of the tip.
        is_tip_seen: Whether cameras say where the tip is, and not the design.
    """

    X_base_tcp: Matrix
    X_tcp_tip: Matrix
    X_board_seat: Matrix
    covariance: Matrix
    is_tip_seen: bool


@dataclass(frozen=True)
class WatchedLook:
    """What one look tells.

    Attributes:
        stamp_s: When, s.
        X_base_tcp: Reported pose of the tool, shape (4, 4).
        boards: X_optical_board by camera, each from its own image alone.
        tip: X_tcp_tip of the held plug; None but once in a grasp.
        X_tcp_nominal: Where that tip should be by design, shape (4, 4).
        seat: A seat that was felt; None in a look.
    """

    stamp_s: float
    X_base_tcp: Matrix
    boards: Mapping[str, SeenPose]
    tip: SeenPose | None = None
    X_tcp_nominal: Matrix = field(default_factory=lambda: np.eye(4))
    seat: FeltSeat | None = None


@dataclass(frozen=True)
class DriftAlarm:
    """What changed.

    Attributes:
        error: The alarm with its code; its message holds the evidence.
        part: What changed.
        change: By how much, shape (6,), m and rad: right perturbation of board or camera; in `tcp` of mount and tip.
        sigma: Standard deviations of `change`, shape (6,).
        since_s: First look that showed it, s.
        looks: How many looks have shown it.
        evidence: Twice the logarithm of the likelihood ratio.
        alternatives: Other parts that explain it almost as well, with how much less evidence.
    """

    error: DriftError
    part: str
    change: Vector
    sigma: Vector
    since_s: float
    looks: int
    evidence: float
    alternatives: Mapping[str, float]


@dataclass(frozen=True)
class _Information:
    stamp_s: float
    A: Matrix
    b: Vector


class DriftWatch:
    """Watches over looks; a step object without a clock. About 3 ms a look with a window of 40."""

    def __init__(
        self,
        rig: CameraRig,
        X_base_board: Matrix,
        tool_covariance: Matrix,
        settings: DriftSettings | None = None,
    ) -> None:
        """Begin to watch.

        Args:
            rig: Mounts as calibrated, and how surely.
            X_base_board: Where the board is, roughly, shape (4, 4).
            tool_covariance: Of a right perturbation of X_base_tcp at one look, shape (6, 6).
            settings: When a change is believed.
        """
        self._rig, self._X_base_board = rig, X_base_board
        self._tool = tool_covariance
        self._settings = settings or DriftSettings()
        self._size = 6 + 6 * len(rig.mounts) + 6
        self._parts = self._selections()
        self.reset()

    def reset(self) -> None:
        """Take everything as it is now, after an alarm was answered: what was seen before does not count."""
        s = self._settings
        P = np.zeros((self._size, self._size))
        P[:6, :6] = _diagonal(s.board_prior_m, s.board_prior_rad)
        P[6:-6, 6:-6] = self._rig.covariance
        P[-6:, -6:] = _diagonal(s.tip_prior_m, s.tip_prior_rad)
        self._A, self._b = np.linalg.inv(P), np.zeros(self._size)
        self._looks: list[_Information] = []
        self._count = 0
        self._mean, self._P = np.zeros(self._size), P
        self._suspect = ""
        self.alarm: DriftAlarm | None = None

    def add(self, look: WatchedLook) -> DriftAlarm | None:
        """Take in a look; return an alarm when it is the first, or when it names another part than before."""
        look = self._without_suspect(look)
        information = self._information(look)
        if information is None:
            return None
        if self._count == 0 and look.boards:
            # A change is measured from where the board is, not from where it was said to be: what lies between would
            # turn it, by a tenth of a millimetre for 10 mrad and a bump of 10 mm.
            mean = np.linalg.solve(self._A + information.A, self._b + information.b)
            self._X_base_board = self._X_base_board @ exp_se3(mean[:6])
            information = self._information(look) or information
        self._looks.append(information)
        self._count += 1
        if len(self._looks) > self._settings.window:
            oldest = self._looks.pop(0)
            self._A, self._b = self._A + oldest.A, self._b + oldest.b
        alarm = self._judge()
        if alarm is None:
            return None
        is_new = self.alarm is None or self.alarm.part != alarm.part
        self.alarm = alarm
        return alarm if is_new else None

    def _selections(self) -> dict[str, Matrix]:
        """Return which part of the state a change of each part moves, shape (size, 6)."""
        parts = {BOARD: np.zeros((self._size, 6)), MOUNT: np.zeros((self._size, 6))}
        parts[BOARD][:6] = np.eye(6)
        for index, (name, X_tcp_optical) in enumerate(self._rig.mounts.items()):
            rows = slice(6 + 6 * index, 12 + 6 * index)
            parts[MOUNT][rows] = adjoint(invert_pose(X_tcp_optical))
            parts[name] = np.zeros((self._size, 6))
            parts[name][rows] = np.eye(6)
        parts[TIP] = np.zeros((self._size, 6))
        parts[TIP][-6:] = np.eye(6)
        return parts

    def _without_suspect(self, look: WatchedLook) -> WatchedLook:
        """Return a look without the image of a camera that contradicts everything for the first time.

        A strip of corners has a second pose that fits almost as well, so that once in some hundred images a good
        camera seems to have moved by millimetres. One that was knocked goes on contradicting in the next look.
        """
        far = []
        for name, seen in look.boards.items():
            M, N, e = self._rows(look, name, seen)
            S = M @ self._P @ M.T + N @ self._tool @ N.T + seen.covariance
            r = e - M @ self._mean
            if float(r @ np.linalg.solve(S, r)) > self._settings.evidence:
                far.append(name)
        last, self._suspect = self._suspect, far[0] if len(far) == 1 else ""
        if len(far) != 1 or len(look.boards) == 1 or far[0] == last:
            return look
        return replace(look, boards={name: seen for name, seen in look.boards.items() if name != far[0]})

    def _rows(self, look: WatchedLook, name: str, seen: SeenPose) -> tuple[Matrix, Matrix, Vector]:
        """Return how an image depends on the state, (6, size), and on the tool's pose, (6, 6), and what it shows."""
        X_tcp_optical = self._rig.mounts[name]
        X = invert_pose(look.X_base_tcp @ X_tcp_optical) @ self._X_base_board
        at = 6 + 6 * list(self._rig.mounts).index(name)
        by_mount = -adjoint(invert_pose(X))
        M = np.zeros((6, self._size))
        M[:, :6] = np.eye(6)
        M[:, at : at + 6] = by_mount
        return M, by_mount @ adjoint(invert_pose(X_tcp_optical)), log_se3(invert_pose(X) @ seen.X)

    def _information(self, look: WatchedLook) -> _Information | None:
        rows, errors, noises, by_tool = [], [], [], []
        for name, seen in look.boards.items():
            M, N, e = self._rows(look, name, seen)
            rows.append(M)
            by_tool.append(N)
            errors.append(e)
            noises.append(seen.covariance)
        A, b = np.zeros((self._size, self._size)), np.zeros(self._size)
        if rows:
            M, N, e = np.vstack(rows), np.vstack(by_tool), np.concatenate(errors)
            S = N @ self._tool @ N.T
            for index, noise in enumerate(noises):
                S[6 * index : 6 * index + 6, 6 * index : 6 * index + 6] += noise
            weighted = np.linalg.solve(S, np.column_stack([M, e]))
            A, b = A + M.T @ weighted[:, :-1], b + M.T @ weighted[:, -1]
        if look.tip is not None:
            X_tip_tcp = invert_pose(look.X_tcp_nominal)
            M = -self._seen_in_tip(X_tip_tcp)
            M[:, -6:] = adjoint(X_tip_tcp)
            S = look.tip.covariance + _diagonal(self._settings.grasp_m, self._settings.grasp_rad)
            e = log_se3(X_tip_tcp @ look.tip.X)
            A, b = A + M.T @ np.linalg.solve(S, M), b + M.T @ np.linalg.solve(S, e)
        if look.seat is not None:
            M, S, e = self._seat_rows(look.seat)
            A, b = A + M.T @ np.linalg.solve(S, M), b + M.T @ np.linalg.solve(S, e)
        has_any = rows or look.tip is not None or look.seat is not None
        return _Information(look.stamp_s, A, b) if has_any else None

    def _seen_in_tip(self, X_tip_tcp: Matrix) -> Matrix:
        """Return how a tip that cameras see is moved, in its own axes, by errors of their mounts, shape (6, size).

        Cameras that moved see the tip where it is not, each with its share.
        """
        M = np.zeros((6, self._size))
        for index, X_tcp_optical in enumerate(self._rig.mounts.values()):
            M[:, 6 + 6 * index : 12 + 6 * index] = adjoint(X_tip_tcp @ X_tcp_optical) / len(self._rig.mounts)
        return M

    def _seat_rows(self, seat: FeltSeat) -> tuple[Matrix, Matrix, Vector]:
        """Return how a tip at its seat depends on the state, (6, size), its covariance, (6, 6), and where it is.

        The seat on the board and the tip on the tool are one pose: what lies between them as believed is the board's
        error there, less that of the tip.
        """
        X_tip_tcp = invert_pose(seat.X_tcp_tip)
        M = np.zeros((6, self._size))
        if seat.is_tip_seen:
            M -= self._seen_in_tip(X_tip_tcp)
        else:
            M[:, -6:] = -adjoint(X_tip_tcp)
        M[:, :6] = adjoint(invert_pose(seat.X_board_seat))
        by_tool = adjoint(X_tip_tcp)
        S = seat.covariance + by_tool @ self._tool @ by_tool.T
        if not seat.is_tip_seen:
            S = S + _diagonal(self._settings.grasp_m, self._settings.grasp_rad)
        return M, S, log_se3(invert_pose(self._X_base_board @ seat.X_board_seat) @ seat.X_base_tcp @ seat.X_tcp_tip)

    def _judge(self) -> DriftAlarm | None:
        A_all = self._A + sum((look.A for look in self._looks), np.zeros_like(self._A))
        b_all = self._b + sum((look.b for look in self._looks), np.zeros_like(self._b))
        P = self._P = np.asarray(np.linalg.inv(A_all), dtype=np.float64)
        mean = self._mean = P @ b_all
        best: dict[str, tuple[float, int, Vector, Matrix]] = {}
        A, b = np.zeros_like(A_all), np.zeros_like(b_all)
        first = 1 if self._count == len(self._looks) else 0  # before the first look there is nothing to differ from
        for index in range(len(self._looks) - 1, first - 1, -1):
            A, b = A + self._looks[index].A, b + self._looks[index].b
            kept, rest = A - A @ P @ A, b - A @ mean
            for part, E in self._parts.items():
                D, r = E.T @ kept @ E, E.T @ rest
                if np.trace(D) < _LEAST_INFORMATION:
                    continue
                covariance = np.linalg.pinv(D, rcond=_RANK, hermitian=True)
                change = covariance @ r
                evidence = float(r @ change)
                if part not in best or evidence > best[part][0]:
                    best[part] = evidence, index, change, covariance
        if not best:
            return None
        part = max(best, key=lambda name: best[name][0])
        evidence, index, change, covariance = best[part]
        looks, settings = len(self._looks) - index, self._settings
        matters = float(np.linalg.norm(change[:3])) >= settings.min_change_m
        matters = matters or float(np.linalg.norm(change[3:])) >= settings.min_change_rad
        if not matters or evidence < (settings.single_evidence if looks == 1 else settings.evidence):
            return None
        if looks == 1 and part in self._rig.mounts:
            return None  # one image alone may just be bad
        others = {name: evidence - found[0] for name, found in best.items() if name != part}
        near = {name: less for name, less in others.items() if less < settings.margin}
        sigma = np.sqrt(np.maximum(np.diag(covariance), 0.0))
        since_s = self._looks[index].stamp_s
        error = self._error(part, change, sigma, since_s, looks, evidence, near)
        return DriftAlarm(error, part, change, sigma, since_s, looks, evidence, near)

    def _error(
        self,
        part: str,
        change: Vector,
        sigma: Vector,
        since_s: float,
        looks: int,
        evidence: float,
        near: Mapping[str, float],
    ) -> DriftError:
        classes = {BOARD: BoardMovedError, MOUNT: MountKnockedError, TIP: TipOffsetError}
        moved, turned = float(np.linalg.norm(change[:3])), float(np.linalg.norm(change[3:]))
        name = part if part in classes else f"{part} camera"
        instead = f"; the {' or the '.join(near)} would explain it almost as well" if near else ""
        return classes.get(part, CameraKnockedError)(
            f"the {name} moved by {1e3 * moved:.2f} ± {1e3 * float(sigma[:3].max()):.2f} mm and {1e3 * turned:.2f} ± "
            f"{1e3 * float(sigma[3:].max()):.2f} mrad, seen since {since_s:.2f} s in {looks} looks (evidence "
            f"{evidence:.0f}, limit {self._settings.evidence:g}){instead}",
            quantity="change",
            value=moved,
            limit=self._settings.min_change_m,
            unit="m",
            frame="task_board" if part == BOARD else "tcp",
        )


_LEAST_INFORMATION = 1e-6
_RANK = 1e-12


def _diagonal(sigma_m: float, sigma_rad: float) -> Matrix:
    return np.diag([sigma_m**2] * 3 + [sigma_rad**2] * 3)
