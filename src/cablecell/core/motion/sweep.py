"""Where a body may be that slides along a rail and turns on it: one box that holds all of its places."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cablecell.core.geometry import make_pose
from cablecell.core.motion.scene import Box, Capsule, Cylinder, Shape, Sphere

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sweep:
    """Freedom of a body in its parent.

    Attributes:
        pivot: Point on the axis that it turns about, which is along the parent's z, shape (3,), m.
        axis: Direction of the rail in the parent, unit, shape (3,).
        slide_m: Farthest displacement along it, to either side.
        turn_rad: Largest turn, to either side.
    """

    pivot: Array
    axis: Array
    slide_m: float
    turn_rad: float


def swept_box(shape: Shape, X_parent_shape: Array, sweep: Sweep) -> tuple[Box, Array]:
    """Return the smallest box along the parent's axes that holds a shape's box wherever a sweep may take it.

    Args:
        shape: The shape.
        X_parent_shape: Its pose in the middle of the sweep, shape (4, 4).
        sweep: How it may be displaced from there.

    Returns:
        The box and its pose in the parent, shape (4, 4).
    """
    half = np.array(_half_extents(shape))
    corners = np.array(list(itertools.product(*((-1.0, 1.0),) * 3))) * half
    points = corners @ X_parent_shape[:3, :3].T + X_parent_shape[:3, 3] - sweep.pivot
    low, high = points.min(axis=0), points.max(axis=0)
    for x, y in points[:, :2]:
        radius, angle = math.hypot(x, y), math.atan2(y, x)
        for axis, towards in ((0, 0.0), (1, 0.5 * math.pi)):
            least, most = _cosine_range(angle - towards, sweep.turn_rad)
            low[axis], high[axis] = min(low[axis], radius * least), max(high[axis], radius * most)
    reach = sweep.slide_m * np.abs(sweep.axis)
    low, high = low - reach + sweep.pivot, high + reach + sweep.pivot
    x, y, z = (high - low).tolist()
    return Box((x, y, z)), make_pose(np.eye(3), 0.5 * (low + high))


def _cosine_range(middle_rad: float, reach_rad: float) -> tuple[float, float]:
    """Return the least and the greatest cosine of the angles within a reach of a middle."""
    ends = math.cos(middle_rad - reach_rad), math.cos(middle_rad + reach_rad)
    is_within = [abs(math.remainder(middle_rad - top, 2.0 * math.pi)) <= reach_rad for top in (math.pi, 0.0)]
    return (-1.0 if is_within[0] else min(ends)), (1.0 if is_within[1] else max(ends))


def _half_extents(shape: Shape) -> tuple[float, float, float]:
    if isinstance(shape, Box):
        return 0.5 * shape.size[0], 0.5 * shape.size[1], 0.5 * shape.size[2]
    if isinstance(shape, Sphere):
        return shape.radius, shape.radius, shape.radius
    if isinstance(shape, Cylinder):
        return shape.radius, shape.radius, 0.5 * shape.length
    assert isinstance(shape, Capsule)
    return shape.radius, shape.radius, 0.5 * shape.length + shape.radius
