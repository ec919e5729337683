"""Modules of the task board as designed: which ports they carry, what they look like, and how far they may slide.

A module is put on its rail by hand. The design says which slots are used, where the rails are and how long; where on
its rail a module really sits, and how it is turned, is for the cameras to find.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.connector import Connector
from cablecell.core.geometry import invert_pose, make_pose
from cablecell.core.perception.boxes import Boxes
from cablecell.core.perception.edge_kernels import sight
from cablecell.core.perception.layout import NominalPort

Matrix = NDArray[np.float64]

_SPACING_M = 5.0e-4  # of points along an edge
_ENDS = 0.06  # share of an edge that is left out at both ends, where other edges meet it
_SHORTEST_M = 1.0e-3
_FLOOR_M = 5.0e-4
_MOUTH_M = 1.2e-3  # beside the plug: clearance and lead-in
_STRUCTURE_SPACING_M = 2.5e-3
_SHORTEST_STRUCTURE_M = 2.0e-3
_ON_RIM_M, _ALONG_RIM = 4.0e-4, 0.99
_EYE_M = (0.25, 0.15)  # above and beside the ports: from where cameras may look
_ASIDE_M = 3.0e-4


@dataclass(frozen=True)
class Freedom:
    """How a module may differ from its design.

    Attributes:
        axis: Direction of the rail in `task_board`, unit, shape (3,).
        slide_m: Farthest displacement along it, to either side.
        turn_rad: Largest turn about the board's z, to either side.
        sigma_m: Tolerance in every direction, one standard deviation.
        sigma_rad: Likewise of the turn about every axis.
    """

    axis: tuple[float, float, float]
    slide_m: float
    turn_rad: float
    sigma_m: float = 2.0e-4
    sigma_rad: float = 2.0e-3

    def covariance(self) -> Matrix:
        """Return that of a module not seen yet: of a right perturbation along the axes of the board, shape (6, 6)."""
        axis = np.asarray(self.axis)
        P = np.diag([self.sigma_m**2] * 3 + [self.sigma_rad**2] * 3)
        P[:3, :3] += np.outer(axis, axis) * self.slide_m**2 / 3.0
        P[5, 5] += self.turn_rad**2 / 3.0
        return P

    @property
    def is_fixed(self) -> bool:
        """Whether the module stands where it is designed, but for the tolerance."""
        return self.slide_m == 0.0 and self.turn_rad == 0.0


@dataclass(frozen=True)
class PortEdges:
    """Points on the rim edges of a module's ports, in the module's frame.

    Attributes:
        points: Shape (n, 3), m.
        along: Unit direction of the edge of each point, shape (n, 3).
        edges: Number of the edge of each point, shape (n,).
        ports: Number of the port of each point, in the order of the module's ports, shape (n,).
        sure: Whether the faces that meet there look different ways, shape (n,); else only their colours may tell.
        mouth: Whether the point is at the opening, where the plug passes closely, shape (n,).
    """

    points: Matrix
    along: Matrix
    edges: NDArray[np.intp]
    ports: NDArray[np.intp]
    sure: NDArray[np.bool_]
    mouth: NDArray[np.bool_]

    def of(self, which: NDArray[np.bool_]) -> PortEdges:
        """Return some of the points."""
        return PortEdges(
            self.points[which],
            self.along[which],
            self.edges[which],
            self.ports[which],
            self.sure[which],
            self.mouth[which],
        )

    @staticmethod
    def none() -> PortEdges:
        """Return no points."""
        nothing, flags = np.zeros(0, dtype=np.intp), np.zeros(0, dtype=bool)
        return PortEdges(np.zeros((0, 3)), np.zeros((0, 3)), nothing, nothing, flags, flags)


@dataclass(frozen=True)
class ModuleDesign:
    """A module as designed.

    Its frame has the axes of the board; the origin is on the axis that the module turns about, at the height of the
    ports' mouths.

    Attributes:
        name: For example `nic_card_mount_0`.
        X_board_module: In the middle of its rail, not turned, shape (4, 4).
        freedom: How it may differ from that.
        ports: X_module_entrance by full name of the port, shape (4, 4).
        boxes: Everything of the module that hides or ends a face, in its frame.
        edges: The rims of its ports.
        structure: Other edges of its boxes that can be seen from above, counted as those of one port.
    """

    name: str
    X_board_module: Matrix
    freedom: Freedom
    ports: Mapping[str, Matrix]
    boxes: Boxes = field(default_factory=Boxes.none)
    edges: PortEdges = field(default_factory=PortEdges.none)
    structure: PortEdges = field(default_factory=PortEdges.none)

    @property
    def can_be_seen(self) -> bool:
        """Whether its ports have a shape that cameras can look for."""
        return len(self.edges.points) > 0


def design_module(
    name: str,
    pivot: Matrix,
    freedom: Freedom,
    ports: Mapping[str, NominalPort],
    connectors: Mapping[str, Connector],
    others: Boxes | None = None,
) -> ModuleDesign:
    """Return the design of a module.

    Args:
        name: Its name.
        pivot: Point on the axis that it turns about, in the middle of its rail, in `task_board`, shape (3,), m.
        freedom: How it may be displaced.
        ports: Its ports in the middle of the rail, by full name.
        connectors: Connector of each port, by full name of the port.
        others: What else belongs to it, in `task_board` in the middle of the rail.
    """
    height = float(np.mean([port.X_board_entrance[2, 3] for port in ports.values()]))
    X_board_module = make_pose(np.eye(3), (pivot[0], pivot[1], height))
    X_module_board = invert_pose(X_board_module)
    entrances = {port: X_module_board @ nominal.X_board_entrance for port, nominal in ports.items()}
    boxes = Boxes.none() if others is None else others.moved(X_module_board)
    points, along, edges, owners, mouths = [], [], [], [], []
    number = 0
    for index, (port, X) in enumerate(entrances.items()):
        boxes = boxes + port_walls(connectors[port]).moved(X)
        for ends in rim_edges(connectors[port]):
            number += 1
            a, b = ends @ X[:3, :3].T + X[:3, 3]
            length = float(np.linalg.norm(b - a))
            count = int(length * (1.0 - 2.0 * _ENDS) / _SPACING_M)
            if length < _SHORTEST_M or count < 2:
                continue
            share = np.linspace(_ENDS, 1.0 - _ENDS, count)[:, None]
            points.append(a * (1.0 - share) + b * share)
            mouths.append(at_mouth(connectors[port], ends[0] * (1.0 - share) + ends[1] * share))
            along.append(np.repeat(((b - a) / length)[None, :], count, axis=0))
            edges.append(np.full(count, number, dtype=np.intp))
            owners.append(np.full(count, index, dtype=np.intp))
    design = ModuleDesign(name, X_board_module, freedom, entrances, boxes)
    if not points:
        return design
    mouth = np.concatenate(mouths)
    sure = np.ones(len(mouth), dtype=bool)
    rims = PortEdges(np.vstack(points), np.vstack(along), np.concatenate(edges), np.concatenate(owners), sure, mouth)
    return ModuleDesign(name, X_board_module, freedom, entrances, boxes, rims, structure_edges(boxes, rims))


def at_mouth(connector: Connector, points: Matrix) -> NDArray[np.bool_]:
    """Return which points on a rim, shape (n, 3), a mating plug would pass closely; in the frame of the entrance."""
    parts = [part for part in connector.plug.parts if part.mates]
    centres = np.array([part.centre_m for part in parts])
    halves = 0.5 * np.array([part.size_m for part in parts]) + _MOUTH_M
    low, high = (centres - halves).min(axis=0), (centres + halves).max(axis=0)
    return np.asarray(np.all((points[:, :2] > low[:2]) & (points[:, :2] < high[:2]), axis=1))


def port_walls(connector: Connector) -> Boxes:
    """Return walls and floor of a connector's port as boxes without lead-ins, in the frame of the entrance."""
    port = connector.port
    sizes, poses = [], []
    for wall in port.walls:
        (x0, x1), (y0, y1), rim = wall.x_m, wall.y_m, port.wall_rim_m(wall)
        sizes.append((x1 - x0, y1 - y0, port.wall_end_m - rim))
        poses.append(make_pose(np.eye(3), (0.5 * (x0 + x1), 0.5 * (y0 + y1), 0.5 * (rim + port.wall_end_m))))
    if port.walls:
        (x0, x1), (y0, y1) = port.floor_x_m, port.floor_y_m
        sizes.append((x1 - x0, y1 - y0, _FLOOR_M))
        middle = (0.5 * (x0 + x1), 0.5 * (y0 + y1), port.stop_depth_m + 0.5 * _FLOOR_M)
        poses.append(make_pose(np.eye(3), middle))
    return Boxes.of(np.array(sizes).reshape(-1, 3), np.array(poses).reshape(-1, 4, 4))


def rim_edges(connector: Connector) -> Sequence[Matrix]:
    """Return the ends of the edges of a port's rim, shape (2, 3) each, in the frame of the entrance."""
    port, found = connector.port, []
    for wall in port.walls:
        (x0, x1), (y0, y1), z = wall.x_m, wall.y_m, port.wall_rim_m(wall)
        corners = np.array([[x0, y0, z], [x1, y0, z], [x1, y1, z], [x0, y1, z]])
        found += [corners[[i, (i + 1) % 4]] for i in range(4)]
    return found


def structure_edges(boxes: Boxes, rims: PortEdges) -> PortEdges:
    """Return points on all edges of boxes that can be seen from above, without those that are rims of ports."""
    ends, number = [], 0
    for centre, rotation, half in zip(boxes.centre, boxes.rotation, boxes.half, strict=True):
        for axis in range(3):
            a, b = (axis + 1) % 3, (axis + 2) % 3
            for u, v in ((-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)):
                corner = np.zeros(3)
                corner[a], corner[b] = u * half[a], v * half[b]
                reach = np.zeros(3)
                reach[axis] = half[axis]
                ends.append(np.stack([rotation @ (corner - reach), rotation @ (corner + reach)]) + centre)
    points, along, edges = [], [], []
    for first, last in ends:
        length = float(np.linalg.norm(last - first))
        if length < _SHORTEST_STRUCTURE_M:
            continue
        direction = (last - first) / length
        middle = 0.5 * (first + last)
        if len(rims.points):
            beside = np.linalg.norm(rims.points - middle, axis=1) < _ON_RIM_M
            if np.any(beside & (np.abs(rims.along @ direction) > _ALONG_RIM)):
                continue
        count = max(2, int(length * (1.0 - 2.0 * _ENDS) / _STRUCTURE_SPACING_M))
        share = np.linspace(_ENDS, 1.0 - _ENDS, count)[:, None]
        points.append(first * (1.0 - share) + last * share)
        along.append(np.repeat(direction[None, :], count, axis=0))
        edges.append(np.full(count, number, dtype=np.intp))
        number += 1
    if not points:
        return PortEdges.none()
    flags = np.ones(sum(len(p) for p in points), dtype=bool)
    owners = np.zeros(len(flags), dtype=np.intp)
    found = PortEdges(np.vstack(points), np.vstack(along), np.concatenate(edges), owners, flags, ~flags)
    top, beside_m = _EYE_M
    seen = np.zeros(len(flags), dtype=bool)
    for x in (-beside_m, 0.0, beside_m):
        for y in (-beside_m, 0.0, beside_m):
            eye = np.array([x, y, top])
            seen |= sight(found.points, found.along, eye, _ASIDE_M, boxes.centre, boxes.rotation, boxes.half) == 2
    return found.of(seen)
