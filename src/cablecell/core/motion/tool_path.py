"""Geometric paths of the tool: lines, arcs, both with rounded corners, and what a held tip makes of them, by length.

A path is travelled by its length s in m, where one radian of turning counts as 0.25 m. `sample` returns poses and their
first and second derivatives by s, so that any timing of s gives exact velocities and accelerations.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation  # type: ignore[import-untyped]

from cablecell.core.geometry import invert_pose, log_so3, pose_difference
from cablecell.core.motion.errors import PathGeometryError

Array = NDArray[np.float64]

ROTATION_WEIGHT_M = 0.25
"""Path length of one radian of turning: a pure rotation of the tool is paced like a move of this radius."""

_STILL_M = 1e-9
"""A path shorter than this goes nowhere."""

_SAME_M = 1e-6
"""Points of an arc that are nearer to each other are the same: they say nothing about the circle."""

_FLAT = 1e-6
"""Sine of the angle at the via point below which three points are on a line."""


class ToolPath(Protocol):
    """A path of the tool.

    Attributes:
        length: m.
    """

    length: float

    def sample(self, s: Array) -> tuple[Array, Array, Array]:
        """Return poses, shape (k, 4, 4), and first and second derivatives (v, ω), shape (k, 6), in base axes."""
        ...


class LinePath:
    """Straight in position, shortest turn at an even rate.

    Attributes:
        length: m.
    """

    def __init__(self, X_start: ArrayLike, X_goal: ArrayLike) -> None:
        """Lay the line."""
        self._X = np.array(X_start, dtype=float)
        difference = pose_difference(self._X, X_goal)
        way, turn = float(np.linalg.norm(difference[:3])), float(np.linalg.norm(difference[3:]))
        self.length = max(way, ROTATION_WEIGHT_M * turn)
        self._rate = difference / self.length if self.length > _STILL_M else np.zeros(6)

    def sample(self, s: Array) -> tuple[Array, Array, Array]:
        """Return poses and derivatives by path length; beyond its ends the line goes on."""
        X = np.tile(self._X, (len(s), 1, 1))
        X[:, :3, 3] += s[:, None] * self._rate[:3]
        X[:, :3, :3] = _turned(s[:, None] * self._rate[3:], self._X[:3, :3])
        return X, np.tile(self._rate, (len(s), 1)), np.zeros((len(s), 6))


class ArcPath:
    """A circular arc through three points, with the shortest turn at an even rate.

    Attributes:
        length: m.
        radius_m: Of the circle.
        angle_rad: Of the arc.
    """

    def __init__(self, X_start: ArrayLike, via_m: ArrayLike, X_goal: ArrayLike) -> None:
        """Lay the arc.

        Args:
            X_start: Pose at its start.
            via_m: A point on the arc, between its ends.
            X_goal: Pose at its end.

        Raises:
            PathGeometryError: The three points are on a line, or two of them are the same.
        """
        self._X = np.array(X_start, dtype=float)
        start, via, goal = self._X[:3, 3], np.asarray(via_m, dtype=float), np.asarray(X_goal, dtype=float)[:3, 3]
        a, b = via - start, goal - start
        normal = np.cross(a, b)
        scale = float(np.linalg.norm(a) * np.linalg.norm(b))
        nearest = min(float(np.linalg.norm(side)) for side in (a, b, goal - via))
        if nearest < _SAME_M or np.linalg.norm(normal) < _FLAT * scale:
            raise PathGeometryError(
                "start, via point and goal of an arc are on a line, or two of them are the same: "
                f"{_text(start)}, {_text(via)}, {_text(goal)} m",
                quantity="via",
                value=_text(via),
                unit="m",
                frame="base_link",
            )
        square = float(normal @ normal)
        to_centre = np.cross((a @ a) * b - (b @ b) * a, normal) / (2.0 * square)
        self._centre = start + to_centre
        self.radius_m = float(np.linalg.norm(to_centre))
        self._x = -to_centre / self.radius_m
        self._y = np.cross(normal / math.sqrt(square), self._x)
        out = goal - self._centre
        # Seen along start × via × goal the arc turns the positive way, so the via point is passed.
        self.angle_rad = math.atan2(float(out @ self._y), float(out @ self._x)) % (2.0 * math.pi)
        turn = pose_difference(self._X, X_goal)[3:]
        self.length = max(self.radius_m * self.angle_rad, ROTATION_WEIGHT_M * float(np.linalg.norm(turn)))
        self._turn = turn / self.length

    def sample(self, s: Array) -> tuple[Array, Array, Array]:
        """Return poses and derivatives by path length."""
        rate = self.angle_rad / self.length
        cosine, sine = np.cos(rate * s)[:, None], np.sin(rate * s)[:, None]
        outward, along = cosine * self._x + sine * self._y, cosine * self._y - sine * self._x
        X = np.tile(self._X, (len(s), 1, 1))
        X[:, :3, 3] = self._centre + self.radius_m * outward
        X[:, :3, :3] = _turned(s[:, None] * self._turn, self._X[:3, :3])
        first, second = np.zeros((len(s), 6)), np.zeros((len(s), 6))
        first[:, :3], first[:, 3:] = self.radius_m * rate * along, self._turn
        second[:, :3] = -self.radius_m * rate**2 * outward
        return X, first, second


class BlendedPath:
    """Paths one after the other, with corners rounded by curves that meet them in position, rate and bend.

    Attributes:
        length: m.
    """

    def __init__(self, paths: Sequence[ToolPath], radii_m: Sequence[float]) -> None:
        """Join the paths.

        Args:
            paths: At least one; each begins where the one before ends.
            radii_m: How far from each corner its rounding begins, one fewer than paths, m; at most half of either path
                is used for it.

        Raises:
            PathGeometryError: There is no path, a gap between two, or a radius is negative or not finite.
        """
        if len(radii_m) != len(paths) - 1 or not all(math.isfinite(radius) and radius >= 0.0 for radius in radii_m):
            raise PathGeometryError(
                f"a blend has {len(paths)} paths and the radii {list(radii_m)} m; valid are at least 1 path, and a "
                "radius of at least 0 m for each corner between two",
                quantity="blend_radius",
                value=list(radii_m),
                limit=0.0,
                unit="m",
            )
        self._pieces: list[tuple[float, ToolPath, float]] = []
        self.length = 0.0
        cut_before = 0.0
        for k, path in enumerate(paths):
            cut = 0.0
            if k + 1 < len(paths):
                following = paths[k + 1]
                end, begin = path.sample(np.array([path.length]))[0][0], following.sample(np.zeros(1))[0][0]
                gap = float(np.abs(pose_difference(end, begin)).max())
                if gap > 1e-6:
                    raise PathGeometryError(
                        f"path {k + 1} begins {gap:.2e} m or rad from the end of path {k}; the limit is 1e-6",
                        quantity="gap",
                        value=gap,
                        limit=1e-6,
                    )
                cut = min(radii_m[k], 0.5 * path.length, 0.5 * following.length)
            self._append(path, cut_before, path.length - cut)
            if cut > _STILL_M:
                corner = _Corner(path, paths[k + 1], cut)
                self._append(corner, 0.0, corner.length)
            cut_before = cut

    def _append(self, path: ToolPath, begin: float, end: float) -> None:
        if end - begin > _STILL_M:
            self._pieces.append((self.length, path, begin))
            self.length += end - begin

    def sample(self, s: Array) -> tuple[Array, Array, Array]:
        """Return poses and derivatives by path length."""
        starts = np.array([piece[0] for piece in self._pieces])
        which = np.clip(np.searchsorted(starts, s, side="right") - 1, 0, len(starts) - 1)
        X, first, second = np.empty((len(s), 4, 4)), np.empty((len(s), 6)), np.empty((len(s), 6))
        for k, (start, path, begin) in enumerate(self._pieces):
            here = which == k
            if np.any(here):
                X[here], first[here], second[here] = path.sample(s[here] - start + begin)
        return X, first, second


class CarriedPath:
    """The way of a frame of the arm that leads a tip it holds along a path.

    Attributes:
        length: Of the tip's path, m.
    """

    def __init__(self, path: ToolPath, X_frame_tip: ArrayLike) -> None:
        """Take the path of the tip, and where the frame holds it, shape (4, 4)."""
        self._path = path
        self._X_tip_frame = invert_pose(np.asarray(X_frame_tip, dtype=float))
        self.length = path.length

    def sample(self, s: Array) -> tuple[Array, Array, Array]:
        """Return poses and derivatives of the frame by the path length of the tip."""
        X_tip, d, dd = self._path.sample(s)
        lever = X_tip[:, :3, :3] @ self._X_tip_frame[:3, 3]
        first, second = d.copy(), dd.copy()
        swing = np.cross(d[:, 3:], lever)
        first[:, :3] += swing
        second[:, :3] += np.cross(dd[:, 3:], lever) + np.cross(d[:, 3:], swing)
        return X_tip @ self._X_tip_frame, first, second


class _Corner:
    """A quintic in position, and in the rotation vector from the corner's orientation."""

    def __init__(self, before: ToolPath, after: ToolPath, cut: float) -> None:
        X0, d0, dd0 = (item[0] for item in before.sample(np.array([before.length - cut])))
        X1, d1, dd1 = (item[0] for item in after.sample(np.array([cut])))
        self._R: Array = after.sample(np.zeros(1))[0][0][:3, :3]
        self._X = X0
        turns = [log_so3(X[:3, :3] @ self._R.T) for X in (X0, X1)]
        way = max(
            float(np.linalg.norm(X1[:3, 3] - X0[:3, 3])), ROTATION_WEIGHT_M * float(np.linalg.norm(turns[1] - turns[0]))
        )
        # About the length of the curve: halfway between the chord and the two sides.
        h = self.length = 0.5 * (way + 2.0 * cut)
        p0, p1 = np.concatenate([X0[:3, 3], turns[0]]), np.concatenate([X1[:3, 3], turns[1]])
        v0, v1, a0, a1 = h * d0, h * d1, h * h * dd0, h * h * dd1
        d = p1 - p0
        self._c = np.array(
            [
                p0,
                v0,
                0.5 * a0,
                10.0 * d - 6.0 * v0 - 4.0 * v1 - 1.5 * a0 + 0.5 * a1,
                -15.0 * d + 8.0 * v0 + 7.0 * v1 + 1.5 * a0 - a1,
                6.0 * d - 3.0 * v0 - 3.0 * v1 - 0.5 * a0 + 0.5 * a1,
            ]
        )

    def sample(self, s: Array) -> tuple[Array, Array, Array]:
        value, first, second = self._polynomials(s)
        X = np.tile(self._X, (len(s), 1, 1))
        X[:, :3, 3] = value[:, :3]
        X[:, :3, :3] = _turned(value[:, 3:], self._R)
        # The rate of a rotation vector is not yet an angular velocity; its derivative by a central difference.
        step = 1e-5 * self.length
        ahead, behind = self._polynomials(s + step), self._polynomials(s - step)
        omega = _angular_rate(value[:, 3:], first[:, 3:])
        change = _angular_rate(ahead[0][:, 3:], ahead[1][:, 3:]) - _angular_rate(behind[0][:, 3:], behind[1][:, 3:])
        return X, np.hstack([first[:, :3], omega]), np.hstack([second[:, :3], change / (2.0 * step)])

    def _polynomials(self, s: Array) -> tuple[Array, Array, Array]:
        u, h, c = (s / self.length)[:, None], self.length, self._c
        value = c[0] + u * (c[1] + u * (c[2] + u * (c[3] + u * (c[4] + u * c[5]))))
        first = (c[1] + u * (2 * c[2] + u * (3 * c[3] + u * (4 * c[4] + u * 5 * c[5])))) / h
        second = (2 * c[2] + u * (6 * c[3] + u * (12 * c[4] + u * 20 * c[5]))) / h**2
        return value, first, second


def _turned(vectors: Array, R: Array) -> Array:
    """Return exp(φ) R for rotation vectors φ, shape (k, 3)."""
    turned: Array = Rotation.from_rotvec(vectors).as_matrix() @ R
    return turned


def _angular_rate(vectors: Array, rates: Array) -> Array:
    """Return the angular velocities of exp(φ) for φ and its rate, shape (k, 3) each."""
    angle = np.linalg.norm(vectors, axis=1)[:, None]
    small = angle < 1e-4
    safe = np.where(small, 1.0, angle)
    b = np.where(small, 0.5 - angle**2 / 24.0, (1.0 - np.cos(safe)) / safe**2)
    c = np.where(small, 1.0 / 6.0 - angle**2 / 120.0, (safe - np.sin(safe)) / safe**3)
    once = np.cross(vectors, rates)
    omega: Array = rates + b * once + c * np.cross(vectors, once)
    return omega


def _text(point: Array) -> str:
    return "(" + ", ".join(f"{value:.4f}" for value in point) + ")"
