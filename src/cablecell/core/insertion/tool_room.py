"""The room of the fingers beside a port: whether a seated plug brings them next to something, and which way is free.

A plug in its port has play. Where the fingers come close to what stands beside the port, the plug is to be pressed to
the other side of that play; where they do not, nothing is changed. All of it from what is known of board and gripper.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import coal  # type: ignore[import-untyped]
import numpy as np
import pinocchio as pin  # type: ignore[import-untyped]

from cablecell.core.geometry import Array, invert_pose, make_pose
from cablecell.core.insertion.profile import ConnectorProfile
from cablecell.core.motion.model import RobotModel
from cablecell.core.motion.scene import Obstacle

ENOUGH_M = 1.0e-3
"""Room beyond which nothing is done: what port, grasp and board are known to, three times over."""

_WORTH_M = 5.0e-5
"""Room gained below which another side of the play is no better."""

_BEFORE_M = (0.0, 2.0e-3, 5.0e-3)
"""Ways before the stop at which it is looked: the fingers pass beside some things before they stand still."""

_NEAR_M = 0.06
"""Obstacles farther than this from the tool are not looked at."""


@dataclass(frozen=True, eq=False)
class ToolBody:
    """A body of a finger.

    Attributes:
        shape: As the collision library takes it.
        X_tcp_body: Its pose in `tcp`, shape (4, 4).
    """

    shape: Any
    X_tcp_body: Array


def finger_bodies(model: RobotModel, width_m: float) -> tuple[ToolBody, ...]:
    """Return the bodies of both fingers when the pads are `width_m` apart; they move along the x axis of `tcp`."""
    geometry = model.pin_collision
    data = geometry.createData()
    q = np.zeros(model.dof)
    pin.updateGeometryPlacements(model.pin_model, model.pin_data, geometry, data, q)
    X_tcp_world = invert_pose(model.X_world_base @ model.fk(q))
    found = [
        (item.geometry, X_tcp_world @ data.oMg[i].homogeneous)
        for i, item in enumerate(geometry.geometryObjects)
        if "finger" in item.name
    ]
    gap = min(abs(float(X[0, 3])) - float(shape.halfSide[0]) for shape, X in found if X[2, 3] > -0.02)
    bodies = []
    for k, (shape, X) in enumerate(found):
        side = 1.0 if k < len(found) // 2 else -1.0  # a jaw crosses the middle: the link decides, not the place
        bodies.append(ToolBody(shape, make_pose(np.eye(3), [side * (0.5 * width_m - gap), 0.0, 0.0]) @ X))
    return tuple(bodies)


def room_m(tool: Sequence[ToolBody], obstacles: Sequence[Obstacle], X_base_tcp: Array) -> float:
    """Return the smallest distance between tool and obstacles, m; negative where they overlap."""
    least, request = np.inf, coal.DistanceRequest()
    for obstacle in obstacles:
        at = _transform(obstacle.X_base_shape)
        shape = obstacle.shape.to_coal()
        for body in tool:
            result = coal.DistanceResult()
            coal.distance(body.shape, _transform(X_base_tcp @ body.X_tcp_body), shape, at, request, result)
            least = min(least, float(result.min_distance))
    return least


def side_with_room(
    tool: Sequence[ToolBody],
    obstacles: Sequence[Obstacle],
    X_base_port: Array,
    X_tcp_tip: Array,
    profile: ConnectorProfile,
) -> Array:
    """Return the side of its play to which a plug is to be pressed so that the fingers have room.

    Args:
        tool: The fingers.
        obstacles: In `base_link`, what the fingers must not touch.
        X_base_port: Believed entrance, shape (4, 4).
        X_tcp_tip: Believed tip, shape (4, 4).
        profile: The connector.

    Returns:
        Direction along x and y of the port, each -1, 0 or 1, shape (2,); zero where there is room enough or no side
        has more.
    """
    X_tip_tcp = invert_pose(X_tcp_tip)

    def room(side: tuple[float, float]) -> float:
        x, y = (s * c for s, c in zip(side, profile.clearance_m, strict=True))
        poses = [
            X_base_port @ make_pose(np.eye(3), [x, y, profile.depth_m - before]) @ X_tip_tcp for before in _BEFORE_M
        ]
        return min(room_m(tool, near, X) for X in poses)

    seated = X_base_port @ make_pose(np.eye(3), [0.0, 0.0, profile.depth_m]) @ X_tip_tcp
    near = [one for one in obstacles if room_m(tool, [one], seated) < _NEAR_M]
    best, most = (0.0, 0.0), room((0.0, 0.0))
    if most >= ENOUGH_M:
        return np.zeros(2)
    # One axis alone first: a corner has to be better than a side.
    for side in ((1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0), (1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0)):
        here = room(side)
        if here > most + _WORTH_M:
            best, most = side, here
    return np.array(best)


def _transform(X: Array) -> Any:
    return coal.Transform3s(X[:3, :3], X[:3, 3])
