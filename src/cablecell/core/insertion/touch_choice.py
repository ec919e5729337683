"""Which touch comes next: of leans at some turns and a tap of the land the one that leaves the port known best."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from cablecell.core.config.touch import TouchSettings
from cablecell.core.fusion.touch import kernels
from cablecell.core.fusion.touch.estimator import Touch, TouchEstimator
from cablecell.core.fusion.touch.foresight import Foresight
from cablecell.core.fusion.touch.geometry import TouchGeometry
from cablecell.core.geometry import Array, log_so3
from cablecell.core.insertion.touch_motion import Place

_PER_PERIOD = 2
"""Touches that are weighed in one control period."""

_ABOVE_M, _LAND_STEP_M, _LAND_WIDE_M, _FLAT_M = 5.0e-4, 2.5e-4, 5.0e-4, 2.0e-5
"""Where a plug begins above the land; step of places there, how far around one it has to be even, and how even, m."""

_MARGIN_M = 1.0e-3
"""How much further than it may have to a tap begins and goes, m."""


@dataclass(frozen=True)
class Next:
    """A touch.

    Attributes:
        rotvec: Of the tip, shape (3,), rad.
        signs: Of the sides along x and y that are leaned on, None for a tap of the land.
        start: Of a tap: where the tip is above the land wherever that may be.
        reach_m: How far down from there the tap may have to go, m.
        score: Largest standard deviation after it, in units of the goal for it.
    """

    rotvec: Array
    signs: tuple[int, int] | None
    start: Place
    reach_m: float
    score: float


class Choice:
    """Weighs touches, some in each control period."""

    def __init__(
        self,
        estimator: TouchEstimator,
        geometry: TouchGeometry,
        settings: TouchSettings,
        p: Array,
        turns: tuple[float, float],
        leaned: Array,
        touches_left: int,
    ) -> None:
        """Begin.

        Args:
            estimator: What is known.
            geometry: Of the connector.
            settings: Of the sequence.
            p: Tip in the port, in the frame of the prior, shape (3,), m.
            turns: Tilt and turn about the axis at which a plug of that depth is leaned on the sides, rad.
            leaned: Mean turn at which it was, shape (3,), rad: what is mirrored there is told apart beside it.
            touches_left: After a tap, which leads out of the port, no turn can be told any more.
        """
        self._foresight = Foresight(estimator)
        self._settings = settings
        self._goals = np.repeat([settings.position_goal_m, settings.rotation_goal_rad], 3)
        X = self._foresight.mouth
        R, aligned = X[:3, :3], log_so3(X[:3, :3])
        depth_m = float(R[:, 2] @ (p - X[:3, 3]))
        offsets = self._foresight.offsets()
        self._up_m, self._reach_m = (
            _MARGIN_M - float(offsets[:, 2].min()),
            2.0 * _MARGIN_M + float(np.ptp(offsets[:, 2])),
        )
        inside = Place(X[:3, 3] + R[:, 2] * depth_m, aligned)
        self._todo: list[tuple[Array, tuple[int, int] | None, Place]] = []
        sigma = np.sqrt(np.diag(estimator.estimate(0.0).covariance))
        is_turned_well = bool(sigma[3:].max() < settings.rotation_goal_rad)
        land = land_place(geometry) if is_turned_well or touches_left < 2 else None
        if land is not None:
            off = np.array([land[0], land[1], geometry.rim_m - geometry.nose_m - _ABOVE_M])
            self._todo.append((aligned, None, Place(X[:3, 3] + R @ off, aligned)))
        steps = np.array([turns[0], turns[0], turns[1]])
        signs = ((1, 1), (1, -1), (-1, 1), (-1, -1))
        for base, tilt, yaw in product((aligned, leaned), ((0, 0), *signs), (0, 1, -1)):
            for sides in signs:
                self._todo.append((base + steps * (*tilt, yaw), sides, inside))
        self.best: Next | None = None

    @property
    def is_done(self) -> bool:
        """True once all have been weighed."""
        return not self._todo

    def work(self) -> None:
        """Weigh some."""
        settings = self._settings
        for rotvec, signs, start in self._todo[:_PER_PERIOD]:
            sides = ("+z",) if signs is None else side_names(signs)
            sigma_m = settings.land_sigma_m if signs is None else settings.touch_sigma_m
            sigma = self._foresight.sigma_after(rotvec, start.p, sides, sigma_m)
            score = float((sigma / self._goals).max())
            if self.best is None or score < self.best.score:
                above = Place(start.p - self._up_m * self._foresight.mouth[:3, 2], rotvec)
                self.best = Next(rotvec, signs, above, self._reach_m + _ABOVE_M, score)
        del self._todo[:_PER_PERIOD]


def side_names(signs: tuple[int, int]) -> tuple[str, str]:
    """Return the names of the sides along x and y of some signs."""
    return ("+x" if signs[0] > 0 else "-x"), ("+y" if signs[1] > 0 else "-y")


def land_place(geometry: TouchGeometry) -> tuple[float, float] | None:
    """Return where an upright plug surely stands on the land, along x and y from the middle, m: nearest such place.

    None where there is none.
    """
    most = float(np.ptp(geometry.front[:2])), float(np.ptp(geometry.front[2:]))
    places = [(0.0, s * d) for d in np.arange(0.0, most[1], _LAND_STEP_M) for s in (1.0, -1.0)]
    places += [(s * d, 0.0) for d in np.arange(0.0, most[0], _LAND_STEP_M) for s in (1.0, -1.0)]
    around = [np.array([x, y]) for x, y in product((0.0, _LAND_WIDE_M, -_LAND_WIDE_M), repeat=2)]
    for place in sorted(places, key=lambda p: abs(p[0]) + abs(p[1])):
        if all(abs(_above(geometry, place + off) - _ABOVE_M) < _FLAT_M for off in around):
            return place
    return None


def _above(geometry: TouchGeometry, at: Array) -> float:
    """Return how far a plug goes down until it meets the port, from `_ABOVE_M` above the land, m."""
    pose = np.eye(4)
    pose[:3, 3] = at[0], at[1], geometry.rim_m - geometry.nose_m - _ABOVE_M
    rows = Touch(pose, ("+z",), 0.0).rows()
    arrays = (geometry.boxes, geometry.vertices, geometry.normals, geometry.limits)
    return float(kernels.gaps(np.zeros((1, kernels.STATE)), rows, *arrays)[0, 0])
