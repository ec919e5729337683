"""A particle filter over a port that is touched and the turn of the plug that touches it, and their estimate.

Nine coordinates: where the port is, how it is turned, and how the plug is turned in the grasp. Port and plug have to be
told apart, because a translation of the arm moves the plug along its own axes whatever the plug's turn: over 10 mm
a turn of 0.03 rad is 0.3 mm. A shift of the plug in the grasp cannot be told from one of the port, and need not be.

Touches are sharp (hundredths of a millimetre) where the belief is wide (millimetres), so each is taken in by steps:
its weight grows as fast as the particles bear, they are drawn anew, and each is moved by a few Metropolis steps under
everything felt so far. The state is fixed, so no dynamics is needed, and no particle is ever a mere copy.

Source:
    Chopin, "A sequential particle filter method for static models", Biometrika 2002; tempering as in Del Moral,
    Doucet, Jasra, "Sequential Monte Carlo samplers", 2006.
"""

from __future__ import annotations

import math

import numpy as np

from cablecell.core.fusion.touch import kernels
from cablecell.core.fusion.touch.evidence import Evidence, as_row
from cablecell.core.fusion.touch.geometry import TouchGeometry
from cablecell.core.geometry import Array, exp_so3, log_so3, make_pose
from cablecell.core.insertion.observation import PoseEstimate

_LEAST_SHARE = 0.5
"""Share of the particles that must stay effective in one step of the weight."""

_MISFIT = -7.0
"""Logarithm of a likelihood, one at best, below which a piece of evidence is not explained."""

DOUBT = 8.0
"""Factor on the covariance for each piece of evidence that is not explained."""

_MOST_STEPS = 40


class TouchFilter:
    """Pose of a port relative to the believed tip, from touches."""

    def __init__(
        self,
        geometry: TouchGeometry,
        prior: PoseEstimate,
        turn_sigma_rad: float,
        *,
        count: int,
        moves: int,
        floor_m: float,
        floor_rad: float,
        rng: np.random.Generator,
    ) -> None:
        """Begin with what is believed.

        Args:
            geometry: Of the connector.
            prior: The port as believed; the covariance of its position is that relative to the tip.
            turn_sigma_rad: Standard deviation of each angle of the plug in the grasp, rad.
            count: Particles.
            moves: Metropolis steps of each particle after every step of the weight.
            floor_m: Error that all touches have in common, each coordinate, m: it is added to what is reported.
            floor_rad: Likewise, each angle, rad.
            rng: Source of randomness.
        """
        kernels.warm_up()
        self._arrays = (geometry.boxes, geometry.vertices, geometry.normals, geometry.limits)
        self._X_base_prior = prior.X
        self._moves = moves
        self._rng = rng
        covariance = np.zeros((9, 9))
        covariance[:6, :6] = prior.covariance
        covariance[6:, 6:] = turn_sigma_rad**2 * np.eye(3)
        self._precision = np.linalg.inv(covariance)
        self._floor = np.diag([floor_m**2] * 3 + [floor_rad**2] * 3)
        self._rows = np.zeros((0, kernels.COLUMNS))
        self.particles: Array = rng.multivariate_normal(np.zeros(9), covariance, size=count)

    @property
    def prior_pose(self) -> Array:
        """The port as it was believed at first: particles are displacements from here, shape (4, 4)."""
        return self._X_base_prior

    @property
    def frame(self) -> Array:
        """The port as believed now, in the frame of the prior, shape (4, 4)."""
        mean = self.particles.mean(axis=0)
        return make_pose(exp_so3(mean[3:6]), mean[:3])

    @property
    def turn(self) -> Array:
        """The turn of the plug in the grasp as believed now, shape (3, 3)."""
        return exp_so3(self.particles.mean(axis=0)[6:])

    @property
    def aligned(self) -> Array:
        """Orientation of the believed tip at which the plug is aligned with the port, a rotation vector, shape (3,)."""
        return log_so3(self.frame[:3, :3] @ self.turn.T)

    @property
    def relative(self) -> Array:
        """Where the believed tip has to be for the plug to stand in the mouth, for each particle, shape (n, 6)."""
        return np.hstack([self.particles[:, :3], self.particles[:, 3:6] - self.particles[:, 6:]])

    @property
    def covariance(self) -> Array:
        """Covariance of `relative`, shape (6, 6), m, rad."""
        return np.asarray(np.cov(self.relative.T)) + self._floor

    def estimate(self, stamp_s: float) -> PoseEstimate:
        """Return the port relative to the believed tip: where the tip has to go, turn of the plug included."""
        step = make_pose(exp_so3(self.aligned), self.frame[:3, 3])
        R = np.zeros((6, 6))
        R[:3, :3] = R[3:, 3:] = step[:3, :3].T
        return PoseEstimate(stamp_s, self._X_base_prior @ step, R @ self.covariance @ R.T)

    def travels(self, X_base_tip: Array, direction: Array, limit_m: float, particles: Array) -> Array:
        """Return how far a plug would get from a pose along a direction of `base_link`, for particles, m."""
        X = np.linalg.inv(self._X_base_prior) @ X_base_tip
        d = self._X_base_prior[:3, :3].T @ direction
        return kernels.travels(particles, np.ascontiguousarray(X[:3]), np.ascontiguousarray(d), limit_m, *self._arrays)

    def add(self, evidence: Evidence) -> float:
        """Take in a piece of evidence; return the logarithm of how likely it was, for a gate."""
        return self._take(as_row(evidence, self._X_base_prior)[None, :])

    def misfits(self) -> int:
        """Return how many pieces of evidence the estimate does not explain: it should explain nearly all."""
        sample = np.ascontiguousarray(self.particles[:: max(1, len(self.particles) // 30)])
        logs = [float(np.mean(kernels.log_likelihoods(sample, row[None, :], *self._arrays))) for row in self._rows]
        return sum(log < _MISFIT for log in logs)

    def begin_anew(self) -> None:
        """Take in everything once more from the prior; keep what explains more.

        Where two places explained the first touches, the particles may all have gone to the wrong one.
        """
        rows, old = self._rows, self.particles
        score = float(np.mean(self._log_posterior(old, rows)))
        self.particles = self._rng.multivariate_normal(np.zeros(9), np.linalg.inv(self._precision), size=len(old))
        self._rows = rows[:0]
        for row in rows:
            self._take(row[None, :])
        if float(np.mean(self._log_posterior(self.particles, rows))) < score:
            self.particles = old

    def _take(self, row: Array) -> float:
        before = self._rows
        self._rows = np.vstack([before, row])
        count = len(self.particles)
        new = kernels.log_likelihoods(self.particles, row, *self._arrays)
        old = self._log_posterior(self.particles, before)
        done, evidence_log = 0.0, 0.0
        for _ in range(_MOST_STEPS):
            step = self._next_step(new, 1.0 - done)
            weights = np.exp(step * (new - new.max()))
            evidence_log += math.log(float(weights.mean())) + step * float(new.max())
            done += step
            chosen = self._draw(weights / weights.sum())
            self.particles, new, old = self.particles[chosen], new[chosen], old[chosen]
            factor = _square_root(np.cov(self.particles.T))
            scale = 2.38 / math.sqrt(9.0)
            for k in range(self._moves):
                size = scale * (1.0, 0.4, 0.15)[k % 3]
                trial = self.particles + size * self._rng.standard_normal((count, 9)) @ factor.T
                trial_new = kernels.log_likelihoods(trial, row, *self._arrays)
                trial_old = self._log_posterior(trial, before)
                ratio = trial_old - old + done * (trial_new - new)
                taken = np.log(self._rng.random(count)) < ratio
                self.particles[taken] = trial[taken]
                new[taken], old[taken] = trial_new[taken], trial_old[taken]
            if done >= 1.0 - 1e-9:
                break
        return evidence_log

    def _log_posterior(self, particles: Array, rows: Array) -> Array:
        prior = -0.5 * np.einsum("ni,ij,nj->n", particles, self._precision, particles)
        if not len(rows):
            return np.asarray(prior)
        return np.asarray(prior + kernels.log_likelihoods(particles, rows, *self._arrays))

    def _next_step(self, new: Array, most: float) -> float:
        """Return by how much the weight of the new evidence can grow."""
        if _effective(new, most) >= _LEAST_SHARE:
            return most
        low, high = 0.0, most
        for _ in range(30):
            middle = 0.5 * (low + high)
            if _effective(new, middle) < _LEAST_SHARE:
                high = middle
            else:
                low = middle
        return max(low, 1e-3 * most)

    def _draw(self, weights: Array) -> Array:
        """Return indices by systematic resampling."""
        count = len(weights)
        at = (self._rng.random() + np.arange(count)) / count
        return np.minimum(np.searchsorted(np.cumsum(weights), at), count - 1)


def _effective(log_weights: Array, power: float) -> float:
    weights = np.exp(power * (log_weights - log_weights.max()))
    return float(weights.sum() ** 2 / (weights @ weights) / len(weights))


def _square_root(covariance: Array) -> Array:
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 1e-14)))
