"""What of a plug can touch what of its port, as arrays for the compiled loops; from the connector's data alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cablecell.core.config.connector import Connector, Wall
from cablecell.core.errors import WorkcellError
from cablecell.core.geometry import Array

_WALL_DEPTH_M = 0.03
"""How deep walls are taken to reach; no touch goes deeper."""

_SHARE_OF_FREE_DEPTH = 0.75
"""Share of the way from the mouth to where a latch begins, that a plug is put in to feel the walls."""

_LATCH_M = 0.002
"""Before the stop a latch may be felt from here on."""

_BEHIND_M = 0.002
"""Parts that stay further than this above the land are never touched."""

_MOST_ENGAGED_M = 0.008
"""Longest length of a plug in its port that is worth the way in."""

_NEAR_M = 0.0005
"""Half the room of a plug that a wall beside it may leave."""


class TouchGeometryError(WorkcellError):
    """A connector has no geometry that can be relocalised by touch; nothing was moved."""

    code = 541


@dataclass(frozen=True)
class TouchGeometry:
    """A plug's boxes in its tip's frame and a port's walls in the frame of its mouth.

    Attributes:
        name: Connector.
        boxes: Centre of each part of the plug, half extents of what is inside of its rounded edges, and the radius of
            these, shape (p, 7), m.
        vertices: Corners of each wall, shape (w, v, 3), m; the last one is repeated where a wall has fewer.
        normals: Slanted faces (lead-ins and tapers) of each wall, shape (w, k, 3); zero where a wall has fewer.
        limits: Extent of each wall along the port's axes, shape (w, 6): low x, y, z, high x, y, z.
        rim_m: Depth of the land, m.
        nose_m: By how much the plug's leading part leads what fits the opening, m.
        opening: Half the free room of the mating parts along x and y, lead-in included, shape (2,), m.
        clearance: The same without the lead-in, shape (2,), m.
        engaged_m: Depth of the tip at which the walls are felt from inside, m.
        corner: Signs along x and y of the sides of the opening with the least gaps in their walls, shape (2,).
        front: Span of the mating parts' front along x and y: low x, high x, low y, high y, shape (4,), m.
        friction: Coefficient between plug and port.
    """

    name: str
    boxes: Array
    vertices: Array
    normals: Array
    limits: Array
    rim_m: float
    nose_m: float
    opening: Array
    clearance: Array
    engaged_m: float
    corner: tuple[int, int]
    front: Array
    friction: float


def touch_geometry(connector: Connector) -> TouchGeometry:
    """Return the geometry of a connector.

    Raises:
        TouchGeometryError: The connector is round: it has no faces to align with (code 541).
    """
    if connector.round_fit is not None:
        raise TouchGeometryError(
            f"connector '{connector.name}' is round; only plugs with flat sides can be relocalised by touch",
            quantity="connector",
            value=connector.name,
            limit="a connector without round_fit",
        )
    port, parts = connector.port, connector.plug.parts
    mating = [part for part in parts if part.mates]
    front_m = max(part.front_m for part in mating)
    hulls = [_corners(wall, port.wall_rim_m(wall)) for wall in port.walls]
    most = max(len(hull) for hull in hulls)
    vertices = np.array([hull + [hull[-1]] * (most - len(hull)) for hull in hulls])
    slants = [_slants(wall) for wall in port.walls]
    normals = np.zeros((len(slants), max(1, *(len(one) for one in slants)), 3))
    for i, one in enumerate(slants):
        for j, normal in enumerate(one):
            normals[i, j] = normal
    lead_in = min((lead.height_m for wall in port.walls for lead in wall.lead_in), default=0.0)
    clearance = np.array([connector.clearance.x_m, connector.clearance.y_m])
    latch_m = _LATCH_M if connector.latch is not None else 0.0
    free = _SHARE_OF_FREE_DEPTH * (port.stop_depth_m - latch_m - port.rim_depth_m + front_m)
    engaged = port.rim_depth_m - front_m + min(free, _MOST_ENGAGED_M)
    edge = connector.plug.edge_radius_m
    spans = [f(part.span_m(i)[k] for part in mating) for i in (0, 1) for k, f in ((0, min), (1, max))]
    return TouchGeometry(
        name=connector.name,
        boxes=np.array(
            [
                [*part.centre_m, *(0.5 * s - edge for s in part.size_m), edge]
                for part in parts
                if part.front_m + engaged + _BEHIND_M > port.rim_depth_m
            ]
        ),
        vertices=vertices,
        normals=normals,
        limits=np.hstack([vertices.min(axis=1), vertices.max(axis=1)]),
        rim_m=port.rim_depth_m - front_m,
        nose_m=-front_m,
        opening=clearance + lead_in,
        clearance=clearance,
        engaged_m=engaged,
        corner=_corner(connector),
        front=np.array(spans),
        friction=connector.friction,
    )


def _corners(wall: Wall, rim_m: float) -> list[list[float]]:
    bends = {0.0, _WALL_DEPTH_M, *(lead.height_m for lead in wall.lead_in)}
    if wall.taper is not None:
        bends.add(wall.taper.depth_m)
    corners = []
    for depth in sorted(bends):
        xs, ys = wall.section_m(depth)
        corners += [[x, y, rim_m + depth] for x in xs for y in ys]
    return corners


def _slants(wall: Wall) -> list[list[float]]:
    sides = {"+x": (1.0, 0.0), "-x": (-1.0, 0.0), "+y": (0.0, 1.0), "-y": (0.0, -1.0)}
    found = [[*(np.sqrt(0.5) * np.array(sides[lead.side])), -np.sqrt(0.5)] for lead in wall.lead_in]
    if wall.taper is not None:
        slope = wall.taper.recess_m / wall.taper.depth_m
        x, y = sides[wall.taper.side]
        found.append(list(np.array([x, y, -slope]) / np.hypot(1.0, slope)))
    return found


def _corner(connector: Connector) -> tuple[int, int]:
    """Return the side along x and along y on which walls leave the plug's front the fewest gaps."""
    mating = [part for part in connector.plug.parts if part.mates]
    best = []
    for axis in (0, 1):
        covers = []
        for sign in (1, -1):
            inner = [
                (wall, (wall.x_m, wall.y_m)[axis][0 if sign > 0 else 1])
                for wall in connector.port.walls
                if (wall.taper is None) or wall.taper.side[1] != "xy"[axis]
            ]
            cover = 0.0
            for part in mating:
                face = part.span_m(axis)[1 if sign > 0 else 0]
                low, high = part.span_m(1 - axis)
                for wall, at in inner:
                    if -1.0e-6 < sign * (at - face) < 2.0 * _NEAR_M:
                        w_low, w_high = (wall.x_m, wall.y_m)[1 - axis]
                        cover += max(0.0, min(high, w_high) - max(low, w_low))
            covers.append(cover)
        best.append(1 if covers[0] >= covers[1] - 1.0e-6 else -1)
    return best[0], best[1]
