"""The most likely pose of a port from the faces that a held plug has touched, with the covariance of that.

Twelve numbers: where the port is, how it is turned, and how the plug is turned and shifted in the grasp. Port and plug
have to be told apart: a translation of the arm moves the plug whatever its turn, and a turn of the arm moves a plug
that is shifted. What is reported is the port relative to the believed tip: there most of what is unknown falls out.

Each touch says that a gap is zero. The gaps are smooth but for changes of corner, so damped Gauss-Newton steps find the
most likely state; one step is bounded work, so a control loop can take them one at a time.

Source:
    Nocedal, Wright, "Numerical Optimization", 2006, chapter 10 (Levenberg-Marquardt).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cablecell.core.fusion.touch import kernels
from cablecell.core.fusion.touch.geometry import TouchGeometry
from cablecell.core.geometry import Array, exp_so3, invert_pose, log_se3, make_pose
from cablecell.core.insertion.observation import PoseEstimate

STEPS = np.array([1.0e-6] * 3 + [1.0e-5] * 6 + [1.0e-6] * 3)
"""Differences for the derivatives, m and rad."""

_FIRST_DAMPING, _LEAST_DAMPING, _MOST_DAMPING = 1.0e-2, 1.0e-7, 1.0e6
_CONVERGED = 1.0e-3
"""Decrease of the cost, half a squared standard deviation, below which a step has brought nothing."""

_MOST_STEPS = 15
"""Steps from one start."""

_UNLIKELY = 0.02
"""Likelihood against the likeliest place from which on another one does not count."""

_CONCEIVABLE = 1.0e-6
"""Likewise, where another touch may change the likelihoods."""

_SAME_M, _SAME_RAD = 3.0e-5, 1.5e-3
"""Places that differ by less are one."""

_DEPTH_STEP_M = 5.0e-4
"""How finely a port is looked for along its axis, where a plug leads with a nose."""

_SAME_DEPTH_M = 2.0e-4

ROBUST = 3.0
"""Standard deviations from which a gap counts less: a wrong contact must not outvote the others (Huber)."""

_SIDES = {"x": 0, "y": 1, "z": 2}


@dataclass(frozen=True)
class Touch:
    """The plug touched faces of the port.

    Attributes:
        X_prior_tip: Believed tip without the give of the grasp, in the frame of the port as believed at first.
        sides: Faces, by the direction of the port in which they are in the way: `+x`, `-x`, `+y`, `-y`, `+z` (land).
        sigma_m: Standard deviation of each gap, m.
    """

    X_prior_tip: Array
    sides: tuple[str, ...]
    sigma_m: float

    def rows(self) -> Array:
        """Return a row per face for `kernels.gaps`, shape (faces, COLUMNS)."""
        rows = np.empty((len(self.sides), kernels.COLUMNS))
        for row, side in zip(rows, self.sides, strict=True):
            row[kernels.POSE : kernels.POSE + 12] = self.X_prior_tip[:3].ravel()
            row[kernels.AXIS], row[kernels.SIGN] = _SIDES[side[1]], 1.0 if side[0] == "+" else -1.0
            row[kernels.SIGMA] = self.sigma_m
        return rows


class TouchEstimator:
    """Pose of a port relative to the believed tip, from touches."""

    def __init__(self, geometry: TouchGeometry, port: PoseEstimate, tip: PoseEstimate) -> None:
        """Begin with what is believed.

        Args:
            geometry: Of the connector.
            port: The port as believed; the covariance of its position is that relative to the tip.
            tip: The tip as believed, in `tcp`.
        """
        kernels.warm_up()
        self._arrays = (geometry.boxes, geometry.vertices, geometry.normals, geometry.limits)
        self._nose_m = geometry.nose_m
        self._X_base_prior = port.X
        covariance = np.zeros((kernels.STATE, kernels.STATE))
        covariance[:6, :6] = port.covariance
        # The tip's turn and shift: its frame differs from the port's by what they are off, which is small.
        covariance[6:9, 6:9] = tip.covariance[3:, 3:]
        covariance[9:, 9:] = tip.covariance[:3, :3]
        self._precision = np.linalg.inv(covariance)
        self._rows = np.zeros((0, kernels.COLUMNS))
        self.state = np.zeros(kernels.STATE)
        self._information = self._precision
        self._damping, self._steps = _FIRST_DAMPING, 0
        self._starts: list[Array] = []
        self._turn: Array | None = None
        self._modes: list[Mode] = []
        self.is_converged = True

    def add(self, touch: Touch) -> None:
        """Take in a touch; `refine` has to follow."""
        self._rows = np.vstack([self._rows, touch.rows()])
        self.is_converged = False

    def guess(self, starts: Sequence[tuple[Array, Array]], turn: Array | None = None) -> None:
        """Begin the search from a port at p with the tip aligned at a rotation vector, from each of some such pairs.

        A gap does not change its sign where the plug meets a wall with its other end, so there may be several places
        that explain what was felt; each is found from a start near it.

        Args:
            starts: In the frame of the prior, shapes (3,), m, and (3,), rad.
            turn: Rotation vector of the tip at which the plug was leaned on the sides, mean, shape (3,), rad: one
                that is turned as far the other way has the same room, so the search begins once more at the mirrors of
                what it has found, and at other depths.
        """
        self._turn = turn
        self._starts = [np.concatenate((p, np.zeros(3), -rotvec, np.zeros(3))) for p, rotvec in starts]
        self._modes = []
        self._begin(self._starts.pop(0))

    def again(self) -> None:
        """Begin the search from the places that explained what was felt before: a touch was added since."""
        likely = [mode for _, mode in self.weighted_modes(_CONCEIVABLE)]
        self._starts, self._turn = [mode.state for mode in likely], None
        self._modes = []
        self._begin(self._starts.pop(0))

    def _begin(self, state: Array) -> None:
        self.state = state
        self._damping = _FIRST_DAMPING
        self._steps = 0
        self.is_converged = False

    def refine(self) -> None:
        """Take one damped step towards the most likely state."""
        n = kernels.STATE
        trials = np.tile(self.state, (n + 1, 1))
        trials[1:] += np.diag(STEPS)
        gaps = kernels.gaps(trials, self._rows, *self._arrays)
        sigma = self._rows[:, kernels.SIGMA]
        r = gaps[0] / sigma
        J = ((gaps[1:] - gaps[0]) / STEPS[:, None]).T / sigma[:, None]
        weight = np.minimum(1.0, ROBUST / np.maximum(np.abs(r), 1.0e-9))
        H = (J.T * weight) @ J + self._precision
        g = (J.T * weight) @ r + self._precision @ self.state
        cost = self._cost(r, self.state)
        self._information = H
        self._steps += 1
        while self._damping < _MOST_DAMPING:
            step = np.linalg.solve(H + self._damping * np.diag(np.diag(H)), -g)
            trial = self.state + step
            r_trial = kernels.gaps(trial[None, :], self._rows, *self._arrays)[0] / sigma
            decrease = cost - self._cost(r_trial, trial)
            if decrease >= 0.0:
                self.state = trial
                self._damping = max(0.2 * self._damping, _LEAST_DAMPING)
                if decrease < _CONVERGED or self._steps >= _MOST_STEPS:
                    self._arrive(cost - decrease)
                return
            self._damping *= 8.0
        self._arrive(cost)

    def _arrive(self, cost: float) -> None:
        """Keep what was found, and go on from the next start."""
        self._modes.append(Mode(cost, self.state, np.linalg.inv(self._information)))
        if not self._starts and self._turn is not None:
            best = min(self._modes, key=lambda mode: mode.cost).state
            for k in range(3):
                mirror = best.copy()
                mirror[6 + k] -= 2.0 * (self._turn[k] - (best[3 + k] - best[6 + k]))
                self._starts.append(mirror)
            self._starts += self._other_depths(best)
            self._turn = None
        if self._starts:
            self._begin(self._starts.pop(0))
            return
        self._modes.sort(key=lambda mode: mode.cost)
        self.state = self._modes[0].state
        self.is_converged = True

    def _other_depths(self, state: Array) -> list[Array]:
        """Return a state with the port at other depths at which the plug stands on it just as well.

        What leads may have stood on the land, on a lead-in, or have been inside while the rest stood on the land.
        """
        rows = self._rows[self._rows[:, kernels.AXIS] == _SIDES["z"]]
        found: list[Array] = []
        if not len(rows) or self._nose_m <= 0.0:
            return found
        known = [float(state[2])]
        most = math.ceil(self._nose_m / _DEPTH_STEP_M) + 1
        for step in range(-most, most + 1):
            other = state.copy()
            other[2] += step * _DEPTH_STEP_M
            other[2] -= float(kernels.gaps(other[None, :], rows[:1], *self._arrays)[0, 0])
            if min(abs(other[2] - z) for z in known) > _SAME_DEPTH_M:
                known.append(float(other[2]))
                found.append(other)
        return found

    def _cost(self, r: Array, state: Array) -> float:
        size = np.abs(r)
        robust = np.where(size < ROBUST, 0.5 * size * size, ROBUST * (size - 0.5 * ROBUST))
        return float(robust.sum() + 0.5 * state @ self._precision @ state)

    def misfits(self) -> Array:
        """Return how many standard deviations each gap is off zero, shape (t,)."""
        found = kernels.gaps(self.state[None, :], self._rows, *self._arrays)[0]
        return np.asarray(found / self._rows[:, kernels.SIGMA])

    def estimate(self, stamp_s: float) -> PoseEstimate:
        """Return the port relative to the believed tip: where the tip has to go, turn of the plug included.

        The covariance is that of the likeliest place, and of the others as far as they are as likely.
        """
        X = relative_pose(self.state)
        back = invert_pose(X)
        total, covariance = 0.0, np.zeros((6, 6))
        for weight, mode in self.weighted_modes():
            off = log_se3(back @ relative_pose(mode.state))
            covariance += weight * (mode.relative_covariance() + np.outer(off, off))
            total += weight
        covariance /= total
        return PoseEstimate(stamp_s, self._X_base_prior @ X, 0.5 * (covariance + covariance.T))

    def weighted_modes(self, least: float = _UNLIKELY) -> list[tuple[float, Mode]]:
        """Return the places that explain what was felt, and their likelihoods against the likeliest, which is first."""
        modes = self._modes or [Mode(0.0, self.state, np.linalg.inv(self._precision))]
        found: list[tuple[float, Mode]] = []
        for mode in modes:
            weight = math.exp(modes[0].cost - mode.cost)
            if weight >= least and not any(_is_same(mode, one) for _, one in found):
                found.append((weight, mode))
        return found

    def gaps(self, states: Array, rows: Array) -> Array:
        """Return `kernels.gaps` for this connector, shape (n, t), m."""
        return np.asarray(kernels.gaps(states, rows, *self._arrays))


@dataclass(frozen=True)
class Mode:
    """A place that explains what was felt.

    Attributes:
        cost: Half a squared number of standard deviations.
        state: As of `kernels.gaps`, shape (12,).
        covariance: Of the state, shape (12, 12).
    """

    cost: float
    state: Array
    covariance: Array

    def relative_covariance(self) -> Array:
        """Return the covariance of the port relative to the believed tip, right perturbation, shape (6, 6)."""
        J = relative_derivative(self.state)
        return np.asarray(J @ self.covariance @ J.T)


def _is_same(a: Mode, b: Mode) -> bool:
    off = log_se3(invert_pose(relative_pose(a.state)) @ relative_pose(b.state))
    return bool(np.abs(off[:3]).max() < _SAME_M and np.abs(off[3:]).max() < _SAME_RAD)


def relative_derivative(state: Array) -> Array:
    """Return how the relative pose changes with the state, as a right perturbation, shape (6, 12)."""
    back = invert_pose(relative_pose(state))
    J = np.empty((6, kernels.STATE))
    for k in range(kernels.STATE):
        moved = state.copy()
        moved[k] += STEPS[k]
        J[:, k] = log_se3(back @ relative_pose(moved)) / STEPS[k]
    return J


def relative_pose(state: Array) -> Array:
    """Return where the believed tip is when the plug stands in the mouth, in the frame of the prior, shape (4, 4)."""
    R = exp_so3(state[3:6]) @ exp_so3(state[6:9]).T
    return make_pose(R, state[:3] - R @ state[9:] + state[9:])
