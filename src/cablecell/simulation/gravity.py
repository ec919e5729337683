"""Torques that hold an arm still, compiled: asking the physics engine costs several calls in every control period."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cablecell.core.geometry.scalar import Vec3
from cablecell.simulation.description import Description

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

# Rows of `links`, one column per link: pose of its joint in the parent's frame, the joint's axis, mass, kg, and centre
# of mass, m.
_ROTATION, _PLACE, _AXIS, _MASS, _COM = 0, 9, 12, 15, 16
_ROWS = 19
_FIXED, _TURNING = 0, 1


class GravityLoad:
    """What the joints of an arm bear in a position, from its description: 2 µs."""

    def __init__(self, description: Description, joints: Sequence[str], hand: str, gravity_m_per_s2: float) -> None:
        """Take over an arm.

        Args:
            description: The arm, fixed links joined, its root at rest in `world`.
            joints: Names of the revolute joints that are asked for; all others stay at zero.
            hand: Link that carries the payload.
            gravity_m_per_s2: Acceleration along -z.
        """
        n = len(description.joints)
        at = {joint.child: i for i, joint in enumerate(description.joints)}
        self._parents = np.array([at.get(joint.parent, -1) for joint in description.joints])
        self._kinds = np.array([_TURNING if joint.name in joints else _FIXED for joint in description.joints])
        names = [joint.name for joint in description.joints]
        self._order = np.array([names.index(name) for name in joints])
        self._links = np.empty((n, _ROWS))
        for row, joint in zip(self._links, description.joints, strict=True):
            body, X_PC = description.bodies[joint.child], joint.X_PC.matrix()
            row[_ROTATION:_PLACE] = X_PC[:3, :3].ravel()
            row[_PLACE:_AXIS] = X_PC[:3, 3]
            row[_AXIS:_MASS] = joint.axis
            row[_MASS] = body.mass
            row[_COM:] = body.com
        self._hand, self._gravity = at[hand], gravity_m_per_s2
        self.torques([0.0] * len(joints))  # compiles, or loads what was compiled

    def torques(
        self, q: Sequence[float], payload_kg: float = 0.0, payload_com: Vec3 = (0.0, 0.0, 0.0)
    ) -> tuple[float, ...]:
        """Return the torques that hold arm and payload still, N·m, one per joint that is asked for.

        Args:
            q: Positions of these joints, rad.
            payload_kg: Mass the hand carries, kg.
            payload_com: Centre of that mass in the hand's frame, m.
        """
        found: list[float] = _torques(
            self._links,
            self._parents,
            self._kinds,
            self._order,
            tuple(q),
            self._hand,
            payload_kg,
            payload_com,
            self._gravity,
        ).tolist()
        return tuple(found)


@njit(cache=True)
def _torques(
    links: Array,
    parents: Indices,
    kinds: Indices,
    order: Indices,
    q: tuple[float, ...],
    hand: int,
    payload_kg: float,
    payload_com: Vec3,
    gravity: float,
) -> Array:  # pragma: no cover - compiled
    n = len(links)
    rotations, places, axes = np.empty((n, 3, 3)), np.empty((n, 3)), np.empty((n, 3))
    loads = np.empty((n, 3))  # mass, and mass times x and y of its centre, of a link and all behind it
    angles = np.zeros(n)
    for k in range(len(order)):
        angles[order[k]] = q[k]
    for i in range(n):
        link, up = links[i], parents[i]
        R, R_joint = rotations[i], np.empty((3, 3))
        for r in range(3):
            places[i, r] = link[_PLACE + r]
            for c in range(3):
                R_joint[r, c] = link[_ROTATION + 3 * r + c]
        if up >= 0:
            R_up, turned, place = rotations[up], np.empty((3, 3)), np.empty(3)
            for r in range(3):
                place[r] = places[up, r]
                for c in range(3):
                    place[r] += R_up[r, c] * link[_PLACE + c]
                    turned[r, c] = R_up[r, 0] * R_joint[0, c] + R_up[r, 1] * R_joint[1, c] + R_up[r, 2] * R_joint[2, c]
            R_joint = turned
            for r in range(3):
                places[i, r] = place[r]
        ax, ay, az = link[_AXIS], link[_AXIS + 1], link[_AXIS + 2]
        for r in range(3):
            axes[i, r] = R_joint[r, 0] * ax + R_joint[r, 1] * ay + R_joint[r, 2] * az
        if kinds[i] == _TURNING:
            # Rodrigues, column by column: R' = R (c 1 + s [a]x + (1 - c) a a^T)
            s, c1 = math.sin(angles[i]), 1.0 - math.cos(angles[i])
            for r in range(3):
                x, y, z = R_joint[r, 0], R_joint[r, 1], R_joint[r, 2]
                along = x * ax + y * ay + z * az
                R[r, 0] = x + s * (y * az - z * ay) + c1 * (along * ax - x)
                R[r, 1] = y + s * (z * ax - x * az) + c1 * (along * ay - y)
                R[r, 2] = z + s * (x * ay - y * ax) + c1 * (along * az - z)
        else:
            R[:] = R_joint
        mass = link[_MASS]
        loads[i, 0] = mass
        for r in range(2):
            centre = R[r, 0] * link[_COM] + R[r, 1] * link[_COM + 1] + R[r, 2] * link[_COM + 2]
            loads[i, 1 + r] = mass * (places[i, r] + centre)
    R = rotations[hand]
    loads[hand, 0] += payload_kg
    for r in range(2):
        at = R[r, 0] * payload_com[0] + R[r, 1] * payload_com[1] + R[r, 2] * payload_com[2]
        loads[hand, 1 + r] += payload_kg * (places[hand, r] + at)
    for i in range(n - 1, -1, -1):
        if parents[i] >= 0:
            for k in range(3):
                loads[parents[i], k] += loads[i, k]
    torques = np.empty(len(order))
    for k in range(len(order)):
        i = order[k]
        # z of axis x lever, times the weight
        lever_x = loads[i, 1] - loads[i, 0] * places[i, 0]
        lever_y = loads[i, 2] - loads[i, 0] * places[i, 1]
        torques[k] = gravity * (axes[i, 0] * lever_y - axes[i, 1] * lever_x)
    return torques
