"""A particle filter over the six coordinates of a port that is touched, and the estimate it comes to.

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
from cablecell.core.geometry import Array, exp_so3, make_pose
from cablecell.core.insertion.observation import PoseEstimate

_LEAST_SHARE = 0.5
"""Share of the particles that must stay effective in one step of the weight."""

_MOST_STEPS = 40


class TouchFilter:
    """Pose of a port relative to the believed tip, from touches."""

    def __init__(
        self,
        geometry: TouchGeometry,
        prior: PoseEstimate,
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
            prior: The port as believed, with the covariance of the port relative to the tip.
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
        self._precision = np.linalg.inv(prior.covariance)
        self._floor = np.diag([floor_m**2] * 3 + [floor_rad**2] * 3)
        self._rows = np.zeros((0, kernels.COLUMNS))
        self.particles: Array = rng.multivariate_normal(np.zeros(6), prior.covariance, size=count)

    @property
    def X_base_prior(self) -> Array:
        """The port as it was believed at first: particles are displacements from here, shape (4, 4)."""
        return self._X_base_prior

    @property
    def mean(self) -> Array:
        """Mean displacement (v, w), shape (6,), m, rad."""
        return np.asarray(self.particles.mean(axis=0))

    @property
    def covariance(self) -> Array:
        """Covariance of the displacement, shape (6, 6)."""
        return np.asarray(np.cov(self.particles.T))

    def estimate(self, stamp_s: float) -> PoseEstimate:
        """Return the port as it is believed now, with the covariance of its right perturbation."""
        mean = self.mean
        step = make_pose(exp_so3(mean[3:]), mean[:3])
        R = np.zeros((6, 6))
        R[:3, :3], R[3:, 3:] = step[:3, :3].T, np.eye(3)
        return PoseEstimate(stamp_s, self._X_base_prior @ step, R @ self.covariance @ R.T + self._floor)

    def travels(self, X_base_tip: Array, direction: Array, limit_m: float, particles: Array) -> Array:
        """Return how far a plug would get from a pose along a direction of `base_link`, for particles, m."""
        X = np.linalg.inv(self._X_base_prior) @ X_base_tip
        d = self._X_base_prior[:3, :3].T @ direction
        return kernels.travels(
            particles, np.ascontiguousarray(X[:3]), np.ascontiguousarray(d), limit_m, *self._arrays
        )

    def add(self, evidence: Evidence) -> float:
        """Take in a piece of evidence; return the logarithm of how likely it was, for a gate."""
        row = as_row(evidence, self._X_base_prior)[None, :]
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
            factor = _square_root(self.covariance)
            scale = 2.38 / math.sqrt(6.0)
            for k in range(self._moves):
                size = scale * (1.0, 0.4, 0.15)[k % 3]
                trial = self.particles + size * self._rng.standard_normal((count, 6)) @ factor.T
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
