"""How surely a port would be known after another touch, before it is made."""

from __future__ import annotations

import math

import numpy as np

from cablecell.core.fusion.touch import kernels
from cablecell.core.fusion.touch.estimator import (
    ROBUST,
    STEPS,
    Mode,
    Touch,
    TouchEstimator,
    relative_derivative,
    relative_pose,
)
from cablecell.core.geometry import Array, exp_so3, invert_pose, log_se3, make_pose

_ROUNDS, _TOUCHING_M = 4, 2.0e-5
"""Rounds in which a plug is brought to what it touches, and how near it has to come."""

_ROOM_M = 2.0e-5
"""What a plug that leans on sides has to be away from those opposite: with less it cannot be turned that far."""

_MOST_TRUTHS = 3
"""Places that are taken to be right in turn."""

_OPPOSITE = {"+x": "-x", "-x": "+x", "+y": "-y", "-y": "+y"}


class Foresight:
    """Takes each of the likely places to be right, and works out what a touch there says of it, and of the others."""

    def __init__(self, estimator: TouchEstimator) -> None:
        weighted = estimator.weighted_modes()
        modes = [mode for _, mode in weighted]
        self._estimator = estimator
        self._weights = np.array([weight for weight, _ in weighted])
        self._states = np.array([mode.state for mode in modes])
        self._truths = [_Truth(mode, modes) for mode in modes[:_MOST_TRUTHS]]
        now = [_spread(self._weights, truth.covariances) for truth in self._truths]
        self._now = np.array(now)

    @property
    def mouth(self) -> Array:
        """Where the believed tip is with the plug in the likeliest mouth, in the frame of the prior, shape (4, 4)."""
        return self._truths[0].X

    def offsets(self) -> Array:
        """Return where all places are against the likeliest, which is first, in its axes, shape (n, 6), m and rad."""
        return self._truths[0].offsets

    def sigma_after(self, rotvec: Array, p: Array, sides: tuple[str, ...], sigma_m: float) -> Array:
        """Return the standard deviations that a touch is expected to leave, shape (6,), m and rad.

        Where a place does not let the plug be turned that far, the touch tells nothing new if that place is right.

        Args:
            rotvec: Of the tip at the touch, shape (3,), rad.
            p: Where the tip begins to move to the sides, in the frame of the prior, shape (3,), m.
            sides: That are touched.
            sigma_m: Error of the touch, m.
        """
        after = []
        for i, truth in enumerate(self._truths):
            rows = self._touch(truth, rotvec, p, sides, sigma_m)
            after.append(self._now[i] if rows is None else self._after(i, truth, rows, sigma_m))
        weights = self._weights[: len(after)]
        return np.asarray(weights @ np.array(after) / weights.sum())

    def _after(self, i: int, truth: _Truth, rows: Array, sigma_m: float) -> Array:
        n = kernels.STATE
        trials = np.tile(truth.mode.state, (n + 1, 1))
        trials[1:] += np.diag(STEPS)
        gaps = self._estimator.gaps(np.vstack([trials, self._states]), rows)
        J = ((gaps[1 : n + 1] - gaps[0]) / STEPS[:, None]).T
        known = np.linalg.inv(truth.precision + J.T @ J / sigma_m**2)
        spread = np.linalg.inv(sigma_m**2 * np.eye(len(rows)) + J @ truth.mode.covariance @ J.T)
        off = np.sqrt(np.einsum("ki,ij,kj->k", gaps[n + 1 :], spread, gaps[n + 1 :]))
        cost = np.where(off < ROBUST, 0.5 * off * off, ROBUST * (off - 0.5 * ROBUST))
        cost[i] = 0.0
        covariances = truth.covariances.copy()
        covariances[i] = truth.J @ known @ truth.J.T
        return _spread(self._weights * np.exp(-cost), covariances)

    def _touch(self, truth: _Truth, rotvec: Array, p: Array, sides: tuple[str, ...], sigma_m: float) -> Array | None:
        """Return the rows of a touch, shape (faces, COLUMNS), or None where the plug has no room for it."""
        at, R, state = p.copy(), exp_so3(rotvec), truth.mode.state[None, :]
        for _ in range(_ROUNDS):
            rows = Touch(make_pose(R, at), sides, sigma_m).rows()
            gaps = self._estimator.gaps(state, rows)[0]
            if np.abs(gaps).max() < _TOUCHING_M:
                break
            for row, gap in zip(rows, gaps, strict=True):
                at = at + truth.R_port[:, int(row[kernels.AXIS])] * row[kernels.SIGN] * gap
        else:
            return None
        opposite = tuple(_OPPOSITE[side] for side in sides if side in _OPPOSITE)
        if opposite:
            room = self._estimator.gaps(state, Touch(make_pose(R, at), opposite, sigma_m).rows())[0]
            if room.min() < _ROOM_M:
                return None
        return rows


class _Truth:
    """A place that is taken to be right, and what the others are against it."""

    def __init__(self, mode: Mode, modes: list[Mode]) -> None:
        self.mode = mode
        self.R_port = exp_so3(mode.state[3:6])
        self.X = relative_pose(mode.state)
        self.J = relative_derivative(mode.state)
        self.precision = np.linalg.inv(mode.covariance)
        back = invert_pose(self.X)
        self.offsets = np.array([log_se3(back @ relative_pose(one.state)) for one in modes])
        self.covariances = np.array(
            [one.relative_covariance() + np.outer(off, off) for one, off in zip(modes, self.offsets, strict=True)]
        )


def _spread(weights: Array, covariances: Array) -> Array:
    """Return the standard deviations of a mixture about the place that is right, shape (6,)."""
    variances = np.einsum("k,kii->i", weights, covariances) / math.fsum(weights)
    return np.asarray(np.sqrt(variances))
