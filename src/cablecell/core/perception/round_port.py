"""Round ports as cameras see them: a bore in a collar or a post on a foot, from the connector's file alone.

The rim is a circle; for what hides what, its solid is made of boxes round the axis. A circle says nothing of its turn
about its own axis: that stays as uncertain as the module's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.connector import Connector, RoundFit
from cablecell.core.geometry import exp_so3, make_pose
from cablecell.core.perception.boxes import Boxes

Matrix = NDArray[np.float64]

_SIDES = 24
_ARCS = 4  # edges that a circle counts for: light and blur move its sides differently
_BESIDE = 0.25  # points of a circle are this part of a side beside the middles, where the boxes touch it


@dataclass(frozen=True)
class Arc:
    """A part of a round rim, in the frame of the entrance.

    Attributes:
        points: Shape (n, 3), m.
        along: Unit tangents there, shape (n, 3).
        is_mouth: Whether the plug passes closely.
    """

    points: Matrix
    along: Matrix
    is_mouth: bool


def collar_radius_m(connector: Connector) -> float:
    """Return the radius of the collar round a bore: it reaches to the nearest side of the port's floor, m."""
    port = connector.port
    return float(min(abs(value) for value in (*port.floor_x_m, *port.floor_y_m)))


def round_walls(connector: Connector) -> Boxes:
    """Return the solid of a round port as boxes that touch its circles from inside the material.

    Raises:
        ValueError: The connector is not round.
    """
    fit = _fit_of(connector)
    depth = connector.port.wall_end_m - fit.rim_depth_m
    middle_z = fit.rim_depth_m + 0.5 * depth
    slope = float(np.tan(np.pi / _SIDES))
    sizes, poses = [], []
    if fit.gender == "pin":
        inner, outer = fit.bore_radius_m, collar_radius_m(connector)
        for k in range(_SIDES):
            R = exp_so3(np.array([0.0, 0.0, 2.0 * np.pi * k / _SIDES]))
            sizes.append((outer - inner, 2.0 * outer * slope, depth))
            poses.append(make_pose(R, R @ np.array([0.5 * (inner + outer), 0.0, 0.0]) + [0.0, 0.0, middle_z]))
    else:
        radius = fit.pin_radius_m
        for k in range(_SIDES // 2):
            R = exp_so3(np.array([0.0, 0.0, 2.0 * np.pi * k / _SIDES]))
            sizes.append((2.0 * radius, 2.0 * radius * slope, depth))
            poses.append(make_pose(R, (0.0, 0.0, middle_z)))
    return Boxes.of(np.array(sizes), np.array(poses))


def round_rims(connector: Connector) -> Sequence[Arc]:
    """Return the circles of a round port's rim in arcs: of bore and collar, or of the post and its foot.

    Raises:
        ValueError: The connector is not round.
    """
    fit = _fit_of(connector)
    top, foot = fit.rim_depth_m, connector.port.wall_end_m
    if fit.gender == "pin":
        circles = [(fit.bore_radius_m, top, True), (collar_radius_m(connector), top, False)]
    else:
        circles = [(fit.pin_radius_m, top, True), (fit.pin_radius_m, foot, False)]
    sides = np.arange(_SIDES, dtype=np.float64)
    angles = np.sort(np.concatenate([sides - _BESIDE, sides + _BESIDE])) * 2.0 * np.pi / _SIDES
    arcs = []
    for radius, z, is_mouth in circles:
        for part in np.array_split(angles, _ARCS):
            c, s, zero = np.cos(part), np.sin(part), np.zeros(len(part))
            points = np.stack([radius * c, radius * s, zero + z], axis=1)
            arcs.append(Arc(points, np.stack([-s, c, zero], axis=1), is_mouth))
    return arcs


def _fit_of(connector: Connector) -> RoundFit:
    if connector.round_fit is None:
        raise ValueError(f"connector '{connector.name}' is not round")
    return connector.round_fit
