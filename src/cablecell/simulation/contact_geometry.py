"""Contact geometry of a connector: walls as convex hulls, the plug as boxes.

Rules, each of which was found by measuring: a wall with its lead-in is one hull, because edges between pieces catch the
plug; walls may overlap; the plug is made of boxes whose margin is the radius of its edges.
"""

from __future__ import annotations

from cablecell.core.config.connector import Plug, Port, Wall
from cablecell.core.geometry.scalar import Vec3, subtract


def wall_vertices(wall: Wall, port: Port) -> list[Vec3]:
    """Return the corners of a wall's hull in the port's entrance frame, m.

    At depth d below the rim a side stands back by max(0, h - d) for a lead-in of height h, and by
    r·max(0, 1 - d/D) for a taper. Both are convex in d, so the hull of the levels where they bend is the exact wall.
    """
    length = port.wall_end_m - port.rim_depth_m
    bends = {0.0, length, *(lead.height_m for lead in wall.lead_in)}
    if wall.taper is not None:
        bends.add(wall.taper.depth_m)
    corners: list[Vec3] = []
    for depth in sorted(bends):
        (x0, x1), (y0, y1) = wall.x_m, wall.y_m
        back = {side: _stands_back(wall, side, depth) for side in ("+x", "-x", "+y", "-y")}
        z = port.rim_depth_m + depth
        corners += [(x, y, z) for x in (x0 + back["-x"], x1 - back["+x"]) for y in (y0 + back["-y"], y1 - back["+y"])]
    return corners


def _stands_back(wall: Wall, side: str, depth: float) -> float:
    back = sum(max(0.0, lead.height_m - depth) for lead in wall.lead_in if lead.side == side)
    if wall.taper is not None and wall.taper.side == side:
        back += wall.taper.recess_m * max(0.0, 1.0 - depth / wall.taper.depth_m)
    return back


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
