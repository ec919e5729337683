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
FLARE_M, FLARE_END_M = 0.02, 0.04
"""How much wider the hulls of a short port's walls become outside the port, and how deep below their rim."""
_SHORT_PORT_M = 8.0e-3
_GRID_CELLS = 10216
_NUDGE_M, _NUDGE_LIMIT_M = 1.0e-13, 1.0e-10


def wall_vertices(wall: Wall, port: Port) -> list[Vec3]:
    """Return the corners of a wall's hull in the port's entrance frame, m.

    Its sides stand back linearly between the depths where a lead-in or a taper ends, and the more the nearer to the
    rim, so the hull of the sections at these depths is the exact wall. It goes on to `HULL_M` below its rim: Bullet
    takes corners that are nearer than 10 mm for one when it looks for the nearest points, so that the faces of a short
    wall would lean outwards by 0.1 mm. What is below the port's end nothing reaches.

    For the same reason Bullet misses lead-ins of small ports: at walls of 0.8 mm 5 of 400 plugs of `usb_c` stuck.
    The walls of short ports become thicker with depth, outside the port, and none is.
    """
    rim = port.wall_rim_m(wall)
    bends = {0.0, *(lead.height_m for lead in wall.lead_in)}
    if wall.taper is not None:
        bends.add(wall.taper.depth_m)
    deepest_lead = max((lead.height_m for lead in wall.lead_in), default=0.0)
    bends.add(_length_on_grid(deepest_lead))
    free = outer_sides(wall, port) if is_flared(port) else set()
    if free:
        bends.add(FLARE_END_M)
    corners: list[Vec3] = []
    for depth in sorted(bends):
        xs, ys = wall.section_m(depth)
        if depth >= FLARE_END_M:
            xs = xs[0] - FLARE_M * ("-x" in free), xs[1] + FLARE_M * ("+x" in free)
            ys = ys[0] - FLARE_M * ("-y" in free), ys[1] + FLARE_M * ("+y" in free)
        for a, b in ((a, b) for a in (0, 1) for b in (0, 1)):
            # Between the rim and there the outside is straight: there are corners on the inside only.
            if depth == 0.0 or depth >= FLARE_END_M or not {"-+"[a] + "x", "-+"[b] + "y"} <= free:
                corners.append((xs[a], ys[b], rim + depth))
    return on_bullets_grid(corners)


def outer_sides(wall: Wall, port: Port) -> set[str]:
    """Return the sides of a wall that lie on the outline of all walls, where no plug gets."""
    sides = {
        "-x": wall.x_m[0] - min(other.x_m[0] for other in port.walls),
        "+x": wall.x_m[1] - max(other.x_m[1] for other in port.walls),
        "-y": wall.y_m[0] - min(other.y_m[0] for other in port.walls),
        "+y": wall.y_m[1] - max(other.y_m[1] for other in port.walls),
    }
    return {side for side, inside_m in sides.items() if abs(inside_m) < _NUDGE_LIMIT_M}


def is_flared(port: Port) -> bool:
    """Return whether the hulls of a port's walls widen outwards with depth."""
    return port.wall_end_m - port.rim_depth_m <= _SHORT_PORT_M


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
