"""Contact geometry of a connector: walls as convex hulls, the plug as boxes.

Rules, each of which was found by measuring: a wall with its lead-in is one hull, because edges between pieces catch the
plug; walls may overlap; the plug is made of boxes whose margin is the radius of its edges.
"""

from __future__ import annotations

from collections.abc import Sequence

from cablecell.core.config.connector import Plug, Port, Wall
from cablecell.core.geometry.scalar import Vec3, subtract

HULL_M = 0.15
"""Length of the hulls of walls, whatever the port's."""
_GRID_CELLS = 10216
_NUDGE_M, _NUDGE_LIMIT_M = 1.0e-13, 1.0e-10


def wall_vertices(wall: Wall, port: Port) -> list[Vec3]:
    """Return the corners of a wall's hull in the port's entrance frame, m.

    Its sides stand back linearly between the depths where a lead-in or a taper ends, and the more the nearer to the
    rim, so the hull of the sections at these depths is the exact wall. It goes on to `HULL_M` below its rim: Bullet
    takes corners that are nearer than 10 mm for one when it looks for the nearest points, so that the faces of a short
    wall would lean outwards by 0.1 mm. What is below the port's end nothing reaches.
    """
    rim = port.wall_rim_m(wall)
    bends = {0.0, *(lead.height_m for lead in wall.lead_in)}
    if wall.taper is not None:
        bends.add(wall.taper.depth_m)
    deepest_lead = max((lead.height_m for lead in wall.lead_in), default=0.0)
    bends.add(_length_on_grid(deepest_lead))
    corners: list[Vec3] = []
    for depth in sorted(bends):
        xs, ys = wall.section_m(depth)
        corners += [(x, y, rim + depth) for x in xs for y in ys]
    return on_bullets_grid(corners)


def _length_on_grid(lead_in_m: float) -> float:
    """Return a length of a hull, about `HULL_M`, of whose cells a lead-in takes a whole number."""
    if lead_in_m == 0.0:
        return HULL_M
    return lead_in_m * _GRID_CELLS / max(1, round(lead_in_m * _GRID_CELLS / HULL_M))


def on_bullets_grid(corners: Sequence[Vec3]) -> list[Vec3]:
    """Return the corners of a hull, moved by less than a nanometre so that Bullet keeps its faces where they are.

    Bullet builds a hull on a grid of 10216 cells over its extent and cuts off what is behind the point. The outermost
    coordinates are on the grid but for the rounding of the last digit; where that falls short the whole face moves
    inwards by one cell, in a wall of 15 mm by 1.5 µm: a hole of 20 µm clearance would have 21.5.
    """
    spans = [_span_on_grid(min(c[i] for c in corners), max(c[i] for c in corners)) for i in range(3)]
    moved: list[Vec3] = []
    for corner in corners:
        x, y, z = (_kept(value, low, high) for value, (low, high) in zip(corner, spans, strict=True))
        moved.append((x, y, z))
    return moved


def _kept(value: float, low: float, high: float) -> float:
    """Return a coordinate between the ends of a span so that cutting off does not move it by a cell."""
    if abs(value - low) < _NUDGE_LIMIT_M:
        return low
    if abs(value - high) < _NUDGE_LIMIT_M:
        return high
    return value - _NUDGE_LIMIT_M if value < 0.5 * (low + high) else value + _NUDGE_LIMIT_M


def _span_on_grid(low: float, high: float) -> tuple[float, float]:
    """Return both ends of a span, moved until both are kept by Bullet's arithmetic."""
    steps = round(_NUDGE_LIMIT_M / _NUDGE_M) - 1
    for i in range(steps):
        for down, up in ((0, i), (i, 0), (i, i)):
            a, b = low - down * _NUDGE_M, high + up * _NUDGE_M
            centre, per_metre = (a + b) * 0.5, 1.0 / ((b - a) / _GRID_CELLS)
            if int((b - centre) * per_metre) == _GRID_CELLS // 2 == -int((a - centre) * per_metre):
                return a, b
    raise ValueError(f"no span near {low} to {high} m is on the grid of Bullet's hulls")


def floor_box(port: Port) -> tuple[Vec3, Vec3]:
    """Return centre and half extents of the floor that stops the plug, in the port's entrance frame, m."""
    (x0, x1), (y0, y1) = port.floor_x_m, port.floor_y_m
    half_thickness = 1.5e-3
    return (
        ((x0 + x1) / 2, (y0 + y1) / 2, port.stop_depth_m + half_thickness),
        ((x1 - x0) / 2, (y1 - y0) / 2, half_thickness),
    )


def plug_boxes(plug: Plug) -> list[tuple[Vec3, Vec3]]:
    """Return centre and half extents of the plug's boxes, relative to its centre of mass, m."""
    com: Vec3 = (plug.com_m[0], plug.com_m[1], plug.com_m[2])
    boxes = []
    for part in plug.parts:
        (cx, cy, cz), (sx, sy, sz) = part.centre_m, part.size_m
        boxes.append((subtract((cx, cy, cz), com), (sx / 2, sy / 2, sz / 2)))
    return boxes
